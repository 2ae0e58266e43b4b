/*
 * Tiles made from leaves. Pure. Run by the tool's verifier.
 */

#include "tools/tile-stack.h"

#include <assert.h>
#include <string.h>

void tile_fold(const Digest *hashes, unsigned height, Digest *ret_root)
{
        Digest nodes[TILE_WIDTH / 2];

        if (height == 0) {
                *ret_root = hashes[0];
                return;
        }
        for (size_t i = 0; i < (size_t)1 << (height - 1); i++)
                tree_node_hash(&hashes[2 * i], &hashes[2 * i + 1], &nodes[i]);
        while (--height > 0)
                for (size_t i = 0; i < (size_t)1 << (height - 1); i++)
                        tree_node_hash(&nodes[2 * i], &nodes[2 * i + 1], &nodes[i]);
        *ret_root = nodes[0];
}

int tile_stack_append(TileStack *stack, const Digest *leaf_hash)
{
        Digest hash = *leaf_hash;

        stack->size++;
        for (unsigned level = 0; level < TILE_STACK_LEVELS; level++) {
                unsigned *width = &stack->levels[level].width;
                Digest *hashes = stack->levels[level].hashes;

                hashes[(*width)++] = hash;
                if (*width < TILE_WIDTH)
                        return 0;
                *width = 0;
                const TileStackTile tile = {level, (stack->size >> TILE_HEIGHT * level) / TILE_WIDTH - 1,
                                            TILE_WIDTH, hashes};
                int r = stack->tile(&tile, stack->userdata);
                if (r < 0)
                        return r;
                tile_fold(hashes, TILE_HEIGHT, &hash);
        }
        return 0;
}

int tile_stack_finish(TileStack *stack)
{
        for (unsigned level = 0; level < TILE_STACK_LEVELS; level++) {
                const TileStackTile tile = {level, (stack->size >> TILE_HEIGHT * level) / TILE_WIDTH,
                                            stack->levels[level].width, stack->levels[level].hashes};
                int r = tile.width > 0 ? stack->tile(&tile, stack->userdata) : 0;
                if (r < 0)
                        return r;
        }
        return 0;
}

/* A complete subtree of the right edge lies within the partial tile of its level. */
static int stack_node(void *userdata, unsigned level, uint64_t index, Digest *ret_hash)
{
        const TileStack *stack = userdata;
        unsigned tile_level = level / TILE_HEIGHT, height = level % TILE_HEIGHT;
        uint64_t at = index << height;

        assert(tile_level < TILE_STACK_LEVELS);
        tile_fold(&stack->levels[tile_level].hashes[at % TILE_WIDTH], height, ret_hash);
        return 0;
}

void tile_stack_root(const TileStack *stack, Digest *ret_root)
{
        const NodeSource source = {stack_node, (void *)stack};
        (void)tree_root(&source, stack->size, ret_root); /* stack_node() never fails */
}
