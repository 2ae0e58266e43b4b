/*
 * Proves what is read, from the signed root down. Keeps one tile a level, so that reading on costs one tile
 * for 256 leaves. Run by the tool's readers.
 */

#include "tools/proven-log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/macro.h"
#include "tools/tile-stack.h"

struct ProvenLog {
        Export export;
        TileStack edge;                /* the partial tiles of the right edge; proved at open */
        Tile tiles[TILE_STACK_LEVELS]; /* the last full tile of each level; proved when read */
        Bundle bundle;
};

DEFINE_CLEANUP(ProvenLog *, proven_log_free);

ProvenLog *proven_log_free(ProvenLog *log)
{
        if (log) {
                export_deinit(&log->export);
                bundle_deinit(&log->bundle);
        }
        free(log);
        return NULL;
}

const Export *proven_log_export(const ProvenLog *log)
{
        return &log->export;
}

static int unproven(char **ret_why, int n_written)
{
        if (n_written < 0) {
                *ret_why = NULL;
                return -ENOMEM;
        }
        return PROVEN_E_UNPROVEN;
}

static int ending_of_export(int r)
{
        switch (r) {
        case EXPORT_E_UNREADABLE:
                return PROVEN_E_UNREADABLE;
        case EXPORT_E_MALFORMED:
        case EXPORT_E_UNSIGNED:
                return PROVEN_E_UNPROVEN;
        default:
                return r;
        }
}

static int edge_read(ProvenLog *log, char **ret_why)
{
        log->edge.size = log->export.head.size;
        for (unsigned level = 0; level < TILE_STACK_LEVELS; level++) {
                uint64_t n_hashes = log->edge.size >> TILE_HEIGHT * level;
                Tile tile = {.level = level, .n = n_hashes / TILE_WIDTH};
                if (n_hashes % TILE_WIDTH == 0)
                        continue;
                int r = export_read_tile(&log->export, &tile, ret_why);
                if (r != 0)
                        return ending_of_export(r);
                log->edge.levels[level].width = tile.width;
                for (unsigned i = 0; i < tile.width; i++)
                        log->edge.levels[level].hashes[i] = tile.hashes[i];
        }
        return 0;
}

int proven_log_open(const ExportSource *source, ProvenLog **ret_log, char **ret_why)
{
        _cleanup_(proven_log_freep) ProvenLog *log = calloc(1, sizeof(*log));
        Digest root;

        if (!log)
                return -ENOMEM;
        log->export = EXPORT_INIT;
        int r = ending_of_export(export_open(source, &log->export, ret_why));
        if (r == 0)
                r = edge_read(log, ret_why);
        if (r != 0)
                return r;
        tile_stack_root(&log->edge, &root);
        if (!digest_equal(&root, &log->export.head.root))
                return unproven(ret_why, asprintf(ret_why, "the last tiles do not lead to the signed root"));
        *ret_log = TAKE_PTR(log);
        return 0;
}

/* Gives the hashes of a tile of the tree once they are proved. */
static int prove_tile(ProvenLog *log, unsigned level, uint64_t n, const Digest **ret_hashes, char **ret_why)
{
        Tile *tile = &log->tiles[level];
        const Digest *parents = NULL;
        Digest root;

        if (export_width(&log->export, level, n) < TILE_WIDTH) {
                *ret_hashes = log->edge.levels[level].hashes;
                return 0;
        }
        *ret_hashes = tile->hashes;
        if (tile->width == TILE_WIDTH && tile->n == n)
                return 0;
        int r = prove_tile(log, level + 1, n / TILE_WIDTH, &parents, ret_why);
        if (r != 0)
                return r;
        tile->level = level;
        tile->n = n;
        r = export_read_tile(&log->export, tile, ret_why);
        if (r != 0)
                return ending_of_export(r);
        tile_fold(tile->hashes, TILE_HEIGHT, &root);
        if (digest_equal(&root, &parents[n % TILE_WIDTH]))
                return 0;
        tile->width = 0;
        char path[TILE_PATH_MAX];
        tile_path(level, n, TILE_WIDTH, path);
        return unproven(ret_why, asprintf(ret_why, "%s: this is not what was signed", path));
}

int proven_log_bundle(ProvenLog *log, uint64_t n, const Bundle **ret_bundle, char **ret_why)
{
        Bundle *bundle = &log->bundle;
        const Digest *hashes = NULL;

        if (bundle->n > 0 && bundle->first == n * TILE_WIDTH) {
                *ret_bundle = bundle;
                return 0;
        }
        int r = prove_tile(log, 0, n, &hashes, ret_why);
        if (r == 0)
                r = ending_of_export(export_read_bundle(&log->export, n, bundle, ret_why));
        if (r != 0)
                return r;
        for (unsigned i = 0; i < bundle->n; i++) {
                Digest hash;
                tree_leaf_hash(bundle->leaves[i], bundle->sizes[i], &hash);
                if (digest_equal(&hash, &hashes[i]))
                        continue;
                bundle->n = 0;
                return unproven(ret_why, asprintf(ret_why, "leaf %" PRIu64 " is not what was signed",
                                                  bundle->first + i));
        }
        *ret_bundle = bundle;
        return 0;
}
