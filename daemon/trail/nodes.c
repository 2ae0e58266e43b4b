/*
 * The Merkle tree in memory. Owns rings of recent hashes, the left siblings that wait for their right ones,
 * and the last tile read of each level. Reads tiles and leaves from the store; writes nothing itself.
 *
 * Invariants
 *   1. Ring `l` holds the hashes [low, count) of level l; count is size >> l.
 *   2. waiting[l] is the last hash of level l whenever bit l of the size is set: it has no sibling yet.
 *   3. What no ring holds can be computed from a stored tile of its level or below (committed sizes only).
 */

#include "trail/nodes.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "log/tile.h"

enum {
        NODES_LEVELS = NODES_TILE_LEVELS * TILE_HEIGHT,
        NODES_RING_LEAVES = 2 * NODES_TRUNCATE_MAX, /* a whole batch, and what of its proofs lies before it */
        NODES_RING_LEAST = 2 * TILE_WIDTH,          /* a whole tile, and what a batch may take back */
        NODES_VERIFIED = 65536,                     /* leaves that are read again at start */
};

typedef struct Ring {
        uint64_t low, count;
        uint64_t mask; /* capacity - 1; the capacity is a power of two */
        Digest *hashes;
} Ring;

typedef struct TileSlot {
        bool present;
        uint64_t n;
        size_t width;
        Digest hashes[TILE_WIDTH];
} TileSlot;

struct Nodes {
        Store *store;
        uint64_t size;
        Ring rings[NODES_LEVELS];
        Digest waiting[NODES_LEVELS];
        TileSlot read[NODES_TILE_LEVELS];
        Buffer tile_bytes;
        StoreTile *tiles;
        size_t tiles_capacity;
};

static int ring_init(Ring *ring, unsigned level)
{
        uint64_t capacity = level < 4 ? (uint64_t)NODES_RING_LEAVES >> level : NODES_RING_LEAST;

        *ring = (Ring){.mask = capacity - 1, .hashes = calloc(capacity, sizeof(Digest))};
        return ring->hashes ? 0 : -ENOMEM;
}

static void ring_push(Ring *ring, const Digest *hash)
{
        ring->hashes[ring->count & ring->mask] = *hash;
        ring->count++;
        if (ring->count - ring->low > ring->mask + 1)
                ring->low = ring->count - ring->mask - 1;
}

static const Digest *ring_get(const Ring *ring, uint64_t index)
{
        return index >= ring->low && index < ring->count ? &ring->hashes[index & ring->mask] : NULL;
}

/* Empties a ring that is to go on at `index`. */
static void ring_begin_at(Ring *ring, uint64_t index)
{
        ring->low = ring->count = index;
}

/* The root over 2^levels hashes, computed in place. */
static void nodes_fold(Digest *hashes, unsigned levels, Digest *ret_hash)
{
        for (size_t n = (size_t)1 << levels; n > 1; n /= 2)
                for (size_t i = 0; i < n / 2; i++)
                        tree_node_hash(&hashes[2 * i], &hashes[2 * i + 1], &hashes[i]);
        *ret_hash = hashes[0];
}

static int nodes_on_tile(const StoreRow *row, void *userdata)
{
        TileSlot *slot = userdata;

        if (row->n == 0 || row->n % DIGEST_SIZE != 0 || row->n > sizeof(slot->hashes))
                return -EBADMSG;
        memcpy(slot->hashes, row->bytes, row->n);
        slot->width = row->n / DIGEST_SIZE;
        slot->present = true;
        return 0;
}

/* The stored tile, of which at least `width` hashes are needed.
 * Rows only grow, so what was read stays true. */
static int nodes_read_tile(Nodes *nodes, unsigned level, uint64_t n, size_t width, const TileSlot **ret_slot)
{
        TileSlot *slot = &nodes->read[level];

        if (!slot->present || slot->n != n || slot->width < width) {
                const StoreQuery query = {STORE_TILE, .first = (uint64_t)level << 48 | n};
                slot->present = false;
                slot->n = n;
                int r = store_read(nodes->store, &query, nodes_on_tile, slot);
                if (r < 0)
                        return r;
                if (r > 0 || slot->width < width)
                        return -EBADMSG;
        }
        *ret_slot = slot;
        return 0;
}

/* A node as the tile of its level, or of the next lower one that has tiles, gives it. */
static int nodes_from_tile(Nodes *nodes, unsigned level, uint64_t index, Digest *ret_hash)
{
        unsigned tile_level = level / TILE_HEIGHT, above = level % TILE_HEIGHT;
        uint64_t first = index << above;
        size_t offset = first % TILE_WIDTH, n = (size_t)1 << above;
        const TileSlot *slot = NULL;
        Digest hashes[TILE_WIDTH];

        int r = nodes_read_tile(nodes, tile_level, first / TILE_WIDTH, offset + n, &slot);
        if (r < 0)
                return r;
        memcpy(hashes, slot->hashes + offset, n * sizeof(Digest));
        nodes_fold(hashes, above, ret_hash);
        return 0;
}

static int nodes_get(void *userdata, unsigned level, uint64_t index, Digest *ret_hash)
{
        Nodes *nodes = userdata;

        if (level >= NODES_LEVELS || index >= nodes->size >> level)
                return -ERANGE;
        const Digest *hash = ring_get(&nodes->rings[level], index);
        if (!hash)
                return nodes_from_tile(nodes, level, index, ret_hash);
        *ret_hash = *hash;
        return 0;
}

NodeSource nodes_source(Nodes *nodes)
{
        return (NodeSource){.node = nodes_get, .userdata = nodes};
}

uint64_t nodes_size(const Nodes *nodes)
{
        return nodes->size;
}

void nodes_append(Nodes *nodes, const Digest *leaf_hash)
{
        Digest hash = *leaf_hash;
        unsigned level = 0;

        ring_push(&nodes->rings[0], &hash);
        for (uint64_t size = nodes->size; size & 1; size >>= 1) {
                tree_node_hash(&nodes->waiting[level], &hash, &hash);
                ring_push(&nodes->rings[++level], &hash);
        }
        nodes->waiting[level] = hash;
        nodes->size++;
}

void nodes_root(const Nodes *nodes, Digest *ret_root)
{
        Frontier frontier = {.size = nodes->size};
        unsigned n = 0;

        for (unsigned level = NODES_LEVELS; level-- > 0;)
                if (nodes->size >> level & 1)
                        frontier.hashes[n++] = nodes->waiting[level];
        frontier_root(&frontier, ret_root);
}

/* Finds the waiting siblings anew (invariant 2). */
static int nodes_refresh(Nodes *nodes)
{
        for (unsigned level = 0; level < NODES_LEVELS; level++) {
                if (!(nodes->size >> level & 1))
                        continue;
                int r = nodes_get(nodes, level, (nodes->size >> level) - 1, &nodes->waiting[level]);
                if (r < 0)
                        return r;
        }
        return 0;
}

int nodes_truncate(Nodes *nodes, uint64_t size)
{
        if (size > nodes->size || nodes->size - size > NODES_TRUNCATE_MAX)
                return -ERANGE;
        for (unsigned level = 0; level < NODES_LEVELS; level++) {
                Ring *ring = &nodes->rings[level];
                ring->count = size >> level;
                if (ring->low > ring->count)
                        ring->low = ring->count;
        }
        nodes->size = size;
        return nodes_refresh(nodes);
}

static int nodes_add_tile(Nodes *nodes, size_t at, unsigned level, uint64_t n)
{
        const Ring *ring = &nodes->rings[level * TILE_HEIGHT];
        uint64_t first = n * TILE_WIDTH;
        size_t width = MIN_OF((size_t)TILE_WIDTH, (size_t)(ring->count - first));

        if (at == nodes->tiles_capacity) {
                size_t capacity = at > 0 ? 2 * at : 16;
                StoreTile *tiles = reallocarray(nodes->tiles, capacity, sizeof(*tiles));
                if (!tiles)
                        return -ENOMEM;
                nodes->tiles = tiles;
                nodes->tiles_capacity = capacity;
        }
        for (size_t i = 0; i < width; i++)
                buffer_append(&nodes->tile_bytes, ring_get(ring, first + i)->bytes, DIGEST_SIZE);
        nodes->tiles[at] = (StoreTile){.level = level, .n = n, .size = width * DIGEST_SIZE};
        return 0;
}

int nodes_tiles(Nodes *nodes, uint64_t old_size, const StoreTile **ret_tiles, size_t *ret_n)
{
        size_t n_tiles = 0;

        buffer_clear(&nodes->tile_bytes);
        for (unsigned level = 0; level < NODES_TILE_LEVELS; level++) {
                uint64_t old_count = old_size >> (level * TILE_HEIGHT);
                uint64_t count = nodes->size >> (level * TILE_HEIGHT);
                /* Level 0: tiles that became full. Above: every tile that got a hash. */
                uint64_t end = level == 0 ? count / TILE_WIDTH : (count + TILE_WIDTH - 1) / TILE_WIDTH;
                if (count == old_count)
                        break;
                for (uint64_t n = old_count / TILE_WIDTH; n < end; n++) {
                        int r = nodes_add_tile(nodes, n_tiles++, level, n);
                        if (r < 0)
                                return r;
                }
        }
        if (nodes->tile_bytes.failed)
                return -ENOMEM;
        const uint8_t *bytes = nodes->tile_bytes.data;
        for (size_t i = 0; i < n_tiles; i++) {
                nodes->tiles[i].hashes = bytes;
                bytes += nodes->tiles[i].size;
        }
        *ret_tiles = nodes->tiles;
        *ret_n = n_tiles;
        return 0;
}

/* Fills the rings of the levels that have tiles; the levels between them are computed when asked for. */
static int nodes_load_tiles(Nodes *nodes)
{
        for (unsigned level = 1; level < NODES_TILE_LEVELS; level++) {
                Ring *ring = &nodes->rings[level * TILE_HEIGHT];
                uint64_t count = nodes->size >> (level * TILE_HEIGHT);
                uint64_t first = count > TILE_WIDTH ? (count - TILE_WIDTH) / TILE_WIDTH * TILE_WIDTH : 0;
                ring_begin_at(ring, first);
                for (uint64_t i = first; i < count; i++) {
                        Digest hash;
                        int r = nodes_from_tile(nodes, level * TILE_HEIGHT, i, &hash);
                        if (r < 0)
                                return r;
                        ring_push(ring, &hash);
                }
        }
        return 0;
}

typedef struct LeafReading {
        uint64_t expected;
        size_t n;
        Digest hashes[TILE_WIDTH];
} LeafReading;

/* Whether a whole tile of leaves is the stored one, and stands in the tile above. */
static int nodes_verify_tile(Nodes *nodes, uint64_t n, const Digest leaves[static TILE_WIDTH])
{
        Digest hashes[TILE_WIDTH], root, above;
        const TileSlot *slot = NULL;

        int r = nodes_read_tile(nodes, 0, n, TILE_WIDTH, &slot);
        if (r < 0)
                return r;
        if (memcmp(slot->hashes, leaves, sizeof(hashes)) != 0)
                return -EBADMSG;
        memcpy(hashes, leaves, sizeof(hashes));
        nodes_fold(hashes, TILE_HEIGHT, &root);
        r = nodes_get(nodes, TILE_HEIGHT, n, &above);
        if (r < 0)
                return r;
        return digest_equal(&root, &above) ? 0 : -EBADMSG;
}

static int nodes_on_leaf(const StoreRow *row, void *userdata)
{
        LeafReading *reading = userdata;

        if (row->number != reading->expected)
                return -EBADMSG;
        tree_leaf_hash(row->bytes, row->n, &reading->hashes[reading->n++]);
        reading->expected++;
        return 0;
}

/* Reads the leaves [first, end), a tile's worth at most. */
static int nodes_read_leaves(Nodes *nodes, uint64_t first, uint64_t end, LeafReading *reading)
{
        const StoreQuery query = {STORE_LEAVES, .first = first, .last = end - 1};

        reading->n = 0;
        reading->expected = first;
        int r = store_read(nodes->store, &query, nodes_on_leaf, reading);
        if (r < 0)
                return r;
        return reading->expected == end ? 0 : -EBADMSG;
}

static int nodes_verify_leaves(Nodes *nodes)
{
        uint64_t first =
                nodes->size > NODES_VERIFIED ? (nodes->size - NODES_VERIFIED) / TILE_WIDTH * TILE_WIDTH : 0;
        LeafReading reading;

        ring_begin_at(&nodes->rings[0], first);
        for (; first < nodes->size; first += TILE_WIDTH) {
                int r = nodes_read_leaves(nodes, first, first + TILE_WIDTH, &reading);
                if (r == 0)
                        r = nodes_verify_tile(nodes, first / TILE_WIDTH, reading.hashes);
                if (r < 0)
                        return r;
                for (size_t i = 0; i < TILE_WIDTH; i++)
                        ring_push(&nodes->rings[0], &reading.hashes[i]);
        }
        return 0;
}

/* Appends the leaves behind the last full tile, over which nothing is stored. */
static int nodes_append_tail(Nodes *nodes, uint64_t size)
{
        LeafReading reading;

        if (nodes->size == size)
                return 0;
        int r = nodes_read_leaves(nodes, nodes->size, size, &reading);
        if (r < 0)
                return r;
        for (size_t i = 0; i < reading.n; i++)
                nodes_append(nodes, &reading.hashes[i]);
        return 0;
}

/* Whether the last full tile of each level is the one that the level above names. */
static int nodes_verify_edge(Nodes *nodes)
{
        for (unsigned level = 1; level + 1 < NODES_TILE_LEVELS; level++) {
                uint64_t n_full = nodes->size >> ((level + 1) * TILE_HEIGHT);
                const TileSlot *slot = NULL;
                Digest hashes[TILE_WIDTH], root, above;
                if (n_full == 0)
                        break;
                int r = nodes_read_tile(nodes, level, n_full - 1, TILE_WIDTH, &slot);
                if (r < 0)
                        return r;
                memcpy(hashes, slot->hashes, sizeof(hashes));
                nodes_fold(hashes, TILE_HEIGHT, &root);
                r = nodes_get(nodes, (level + 1) * TILE_HEIGHT, n_full - 1, &above);
                if (r < 0)
                        return r;
                if (!digest_equal(&root, &above))
                        return -EBADMSG;
        }
        return 0;
}

static int nodes_load(Nodes *nodes, const TreeHead *head)
{
        nodes->size = head->size / TILE_WIDTH * TILE_WIDTH;
        int r = nodes_load_tiles(nodes);
        if (r < 0)
                return r;
        /* The levels between the tiles begin empty, at their right edge. */
        for (unsigned level = 1; level < NODES_LEVELS; level++)
                if (level % TILE_HEIGHT != 0)
                        ring_begin_at(&nodes->rings[level], nodes->size >> level);
        r = nodes_verify_leaves(nodes);
        if (r == 0)
                r = nodes_verify_edge(nodes);
        if (r == 0)
                r = nodes_refresh(nodes);
        if (r == 0)
                r = nodes_append_tail(nodes, head->size);
        if (r < 0)
                return r;
        Digest root;
        nodes_root(nodes, &root);
        return digest_equal(&root, &head->root) ? 0 : -EBADMSG;
}

int nodes_new(Nodes **ret_nodes, Store *store, const TreeHead *head)
{
        _cleanup_(nodes_freep) Nodes *nodes = calloc(1, sizeof(*nodes));
        if (!nodes)
                return -ENOMEM;
        nodes->store = store;
        for (unsigned level = 0; level < NODES_LEVELS; level++)
                if (ring_init(&nodes->rings[level], level) < 0)
                        return -ENOMEM;
        int r = head->size >> NODES_LEVELS == 0 ? nodes_load(nodes, head) : -EBADMSG;
        if (r == -EBADMSG)
                return NODES_E_DAMAGED;
        if (r < 0)
                return r;
        *ret_nodes = TAKE_PTR(nodes);
        return 0;
}

Nodes *nodes_free(Nodes *nodes)
{
        if (!nodes)
                return NULL;
        for (unsigned level = 0; level < NODES_LEVELS; level++)
                free(nodes->rings[level].hashes);
        buffer_deinit(&nodes->tile_bytes);
        free(nodes->tiles);
        free(nodes);
        return NULL;
}
