#pragma once
/*
 * The tiles of a log made anew from its leaves: the right edge of each level is kept, a full tile is handed
 * out and folded into one hash of the next level. Needs 64 KiB however long the log is.
 */

#include "log/tile.h"
#include "log/tree.h"

enum { TILE_STACK_LEVELS = 8 };

/* A tile that is full or, at the end, as full as it gets. */
typedef struct TileStackTile {
        unsigned level;
        uint64_t n;
        unsigned width;
        const Digest *hashes;
} TileStackTile;

typedef struct TileStack {
        uint64_t size; /* leaves that went in */
        struct {
                unsigned width; /* less than TILE_WIDTH between calls */
                Digest hashes[TILE_WIDTH];
        } levels[TILE_STACK_LEVELS];
        /* Takes each tile, its hashes borrowed; 0 or -errno. */
        int (*tile)(const TileStackTile *tile, void *userdata);
        void *userdata;
} TileStack;

/** tile_stack_append() - Adds the next leaf by its hash. Return: 0, or what `tile` failed with. */
int tile_stack_append(TileStack *stack, const Digest *leaf_hash);

/** tile_stack_finish() - Hands out the partial tiles of the right edge. Return: as above. */
int tile_stack_finish(TileStack *stack);

/** tile_stack_root() - The root of all that went in so far. */
void tile_stack_root(const TileStack *stack, Digest *ret_root);

/** tile_fold() - The root of the complete subtree over 2^@height hashes, at most TILE_WIDTH of them. */
void tile_fold(const Digest *hashes, unsigned height, Digest *ret_root);
