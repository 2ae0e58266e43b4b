/*
 * The export's files (c2sp.org/tlog-tiles). Owns the tiles and the bundle that are not full yet, and the full
 * ones until they are written. Runs in the export's thread, and in trail_open() before that starts.
 *
 *   tile/<L>/<N>             256 hashes of level 8*L      tile/<L>/<N>.p/<W>         the first W of them
 *   tile/entries/<N>         256 entries                  tile/entries/<N>.p/<W>     the first W of them
 *   checkpoint               the signed note
 *
 * Invariants
 *   1. The checkpoint is written after everything that it covers is durable.
 *   2. A file under its final name is never changed, only the checkpoint is replaced. Partial tiles go
 *      when the full one is durable, before a checkpoint says so: a start in between finds them again.
 */

#include "trail/publisher.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "log/tile.h"
#include "trail/folder.h"
#include "trail/shelf.h"

enum { PUBLISHER_LEVELS = 6 };

/* A tile that is filling. */
typedef struct EdgeTile {
        uint64_t n;
        unsigned width;
        unsigned published_width; /* the widest partial tile that is written */
        Digest hashes[TILE_WIDTH];
} EdgeTile;

/* A full tile or bundle on its way to the disk. */
typedef struct FullFile {
        char path[TILE_PATH_MAX];
        uint8_t *bytes;
        size_t n;
} FullFile;

struct Publisher {
        int export_fd;
        Shelf *shelf;
        uint64_t size;
        Buffer bundle; /* of the entries in the filling tile of level 0 */
        EdgeTile edges[PUBLISHER_LEVELS];
        FullFile *full;
        size_t n_full, full_capacity;
        size_t waiting;
};

static int edge_load(EdgeTile *edge, unsigned level, const PublisherStart *start)
{
        uint64_t count = start->size >> (level * TILE_HEIGHT);

        edge->n = count / TILE_WIDTH;
        edge->width = (unsigned)(count % TILE_WIDTH);
        for (unsigned i = 0; i < edge->width; i++) {
                int r = start->source->node(start->source->userdata, level * TILE_HEIGHT,
                                            edge->n * TILE_WIDTH + i, &edge->hashes[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

int publisher_new(Publisher **ret_publisher, const PublisherStart *start)
{
        _cleanup_(publisher_freep) Publisher *publisher = calloc(1, sizeof(*publisher));
        if (!publisher)
                return -ENOMEM;
        publisher->export_fd = start->export_fd;
        publisher->size = start->size;
        int r = shelf_new(&publisher->shelf, start->export_fd);
        for (unsigned level = 0; r == 0 && level < PUBLISHER_LEVELS; level++)
                r = edge_load(&publisher->edges[level], level, start);
        if (r < 0)
                return r;
        *ret_publisher = TAKE_PTR(publisher);
        return 0;
}

static void publisher_drop_full(Publisher *publisher)
{
        for (size_t i = 0; i < publisher->n_full; i++)
                free(publisher->full[i].bytes);
        publisher->n_full = 0;
        publisher->waiting = 0;
}

Publisher *publisher_free(Publisher *publisher)
{
        if (!publisher)
                return NULL;
        publisher_drop_full(publisher);
        free(publisher->full);
        buffer_deinit(&publisher->bundle);
        shelf_free(publisher->shelf);
        free(publisher);
        return NULL;
}

int publisher_folder(const Publisher *publisher)
{
        return publisher->export_fd;
}

uint64_t publisher_size(const Publisher *publisher)
{
        return publisher->size;
}

size_t publisher_waiting(const Publisher *publisher)
{
        return publisher->waiting;
}

/* Queues a full file; takes the bytes over, also on failure. */
static int publisher_queue(Publisher *publisher, const char *path, uint8_t *bytes, size_t n)
{
        if (!bytes)
                return -ENOMEM;
        if (publisher->n_full == publisher->full_capacity) {
                size_t capacity = publisher->full_capacity > 0 ? 2 * publisher->full_capacity : 64;
                FullFile *full = reallocarray(publisher->full, capacity, sizeof(*full));
                if (!full) {
                        free(bytes);
                        return -ENOMEM;
                }
                publisher->full = full;
                publisher->full_capacity = capacity;
        }
        FullFile *file = &publisher->full[publisher->n_full++];
        *file = (FullFile){.bytes = bytes, .n = n};
        memcpy(file->path, path, TILE_PATH_MAX);
        publisher->waiting += n;
        return 0;
}

static int publisher_queue_bundle(Publisher *publisher, uint64_t n)
{
        char path[TILE_PATH_MAX];
        size_t n_bytes = 0;

        tile_entries_path(n, TILE_WIDTH, path);
        if (publisher->bundle.failed)
                return -ENOMEM;
        uint8_t *bytes = buffer_take(&publisher->bundle, &n_bytes);
        return publisher_queue(publisher, path, bytes, n_bytes);
}

/* Queues a tile that became full and begins the next; gives the root over it. */
static int publisher_queue_tile(Publisher *publisher, unsigned level, Digest *ret_root)
{
        EdgeTile *edge = &publisher->edges[level];
        char path[TILE_PATH_MAX];
        Frontier frontier = FRONTIER_INIT;

        uint8_t *bytes = malloc(sizeof(edge->hashes));
        if (bytes)
                memcpy(bytes, edge->hashes, sizeof(edge->hashes));
        tile_path(level, edge->n, TILE_WIDTH, path);
        int r = publisher_queue(publisher, path, bytes, sizeof(edge->hashes));
        if (r < 0)
                return r;
        for (unsigned i = 0; i < TILE_WIDTH; i++)
                frontier_append(&frontier, &edge->hashes[i]);
        frontier_root(&frontier, ret_root);
        edge->n++;
        edge->width = edge->published_width = 0;
        return 0;
}

int publisher_add(Publisher *publisher, const PublisherLeaf *leaf)
{
        Digest hash = *leaf->hash;
        uint64_t n = publisher->edges[0].n;

        tile_entries_put(&publisher->bundle, leaf->bytes, leaf->n);
        publisher->size++;
        for (unsigned level = 0; level < PUBLISHER_LEVELS; level++) {
                EdgeTile *edge = &publisher->edges[level];
                edge->hashes[edge->width++] = hash;
                if (edge->width < TILE_WIDTH)
                        break;
                int r = level == 0 ? publisher_queue_bundle(publisher, n) : 0;
                if (r == 0)
                        r = publisher_queue_tile(publisher, level, &hash);
                if (r < 0)
                        return r;
        }
        return publisher->bundle.failed ? -ENOMEM : 0;
}

static int publisher_put_full(Publisher *publisher)
{
        for (size_t i = 0; i < publisher->n_full; i++) {
                const FullFile *file = &publisher->full[i];
                int r = shelf_put(publisher->shelf, file->path, file->bytes, file->n);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The partial tiles that a checkpoint over all leaves needs. */
static int publisher_put_partial(Publisher *publisher)
{
        char path[TILE_PATH_MAX];

        for (unsigned level = 0; level < PUBLISHER_LEVELS; level++) {
                const EdgeTile *edge = &publisher->edges[level];
                if (edge->width == edge->published_width)
                        continue;
                tile_path(level, edge->n, edge->width, path);
                int r = shelf_put(publisher->shelf, path, edge->hashes, edge->width * sizeof(Digest));
                if (r < 0)
                        return r;
                if (level > 0)
                        continue;
                tile_entries_path(edge->n, edge->width, path);
                r = shelf_put(publisher->shelf, path, publisher->bundle.data, publisher->bundle.n);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The full ones are durable: what was there in parts may go. */
static int publisher_remove_partial(Publisher *publisher)
{
        for (size_t i = 0; i < publisher->n_full; i++) {
                char path[TILE_PATH_MAX + 2];
                (void)snprintf(path, sizeof(path), "%s.p", publisher->full[i].path);
                int r = folder_remove(publisher->export_fd, path);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int publisher_write(Publisher *publisher, const char *note)
{
        int r = publisher_put_full(publisher);
        if (r == 0 && note)
                r = publisher_put_partial(publisher);
        if (r == 0)
                r = shelf_settle(publisher->shelf);
        if (r == 0)
                r = publisher_remove_partial(publisher);
        if (r == 0 && note)
                r = shelf_put(publisher->shelf, "checkpoint", note, strlen(note));
        if (r == 0 && note)
                r = shelf_settle(publisher->shelf);
        return r;
}

int publisher_publish(Publisher *publisher, const char *note)
{
        int r = publisher_write(publisher, note);
        if (r < 0)
                return r;
        publisher_drop_full(publisher);
        for (unsigned level = 0; note && level < PUBLISHER_LEVELS; level++)
                publisher->edges[level].published_width = publisher->edges[level].width;
        return 0;
}
