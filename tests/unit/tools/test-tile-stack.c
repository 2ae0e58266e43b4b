/*
 * Tiles made from leaves: their hashes and the root are those of the tree, at every size.
 */

#include "tools/tile-stack.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { SIZES = 700, DEEP = 256 * 256 + 300 };

static void hash_of(uint64_t i, Digest *ret_hash)
{
        tree_leaf_hash(&i, sizeof(i), ret_hash);
}

static int ignore_tile(const TileStackTile *tile, void *userdata)
{
        return 0;
}

Test(tile_stack, its_root_is_that_of_the_tree_at_every_size)
{
        TileStack *stack = calloc(1, sizeof(*stack));
        Frontier frontier = FRONTIER_INIT;
        Digest hash, root, expected;

        cr_assert_not_null(stack);
        stack->tile = ignore_tile;
        for (uint64_t i = 0; i <= DEEP; i++) {
                if (i <= SIZES || i % 251 == 0 || i >= DEEP - 600) {
                        tile_stack_root(stack, &root);
                        frontier_root(&frontier, &expected);
                        cr_assert(digest_equal(&root, &expected), "size %lu", (unsigned long)i);
                }
                hash_of(i, &hash);
                cr_assert_eq(tile_stack_append(stack, &hash), 0);
                frontier_append(&frontier, &hash);
        }
        free(stack);
}

typedef struct Seen {
        size_t n;
        TileStackTile tiles[16];
        Digest first[16];
} Seen;

static int note_tile(const TileStackTile *tile, void *userdata)
{
        Seen *seen = userdata;
        cr_assert_lt(seen->n, 16);
        seen->first[seen->n] = tile->hashes[0];
        seen->tiles[seen->n++] = *tile;
        return 0;
}

Test(tile_stack, every_tile_comes_once_and_the_partial_ones_at_the_end)
{
        static const TileStackTile expected[] = {
                {0, 0, 256, NULL}, {0, 1, 256, NULL}, {0, 2, 3, NULL}, {1, 0, 2, NULL}};
        TileStack *stack = calloc(1, sizeof(*stack));
        Seen seen = {};
        Frontier frontier = FRONTIER_INIT;
        Digest hash, root;

        cr_assert_not_null(stack);
        stack->tile = note_tile;
        stack->userdata = &seen;
        for (uint64_t i = 0; i < 515; i++) {
                hash_of(i, &hash);
                cr_assert_eq(tile_stack_append(stack, &hash), 0);
                if (i < 256)
                        frontier_append(&frontier, &hash);
        }
        cr_assert_eq(seen.n, 2);
        cr_assert_eq(tile_stack_finish(stack), 0);
        cr_assert_eq(seen.n, 4);
        for (size_t i = 0; i < seen.n; i++) {
                cr_expect_eq(seen.tiles[i].level, expected[i].level);
                cr_expect_eq(seen.tiles[i].n, expected[i].n);
                cr_expect_eq(seen.tiles[i].width, expected[i].width);
        }
        hash_of(512, &hash);
        cr_expect(digest_equal(&seen.first[2], &hash));
        frontier_root(&frontier, &root);
        cr_expect(digest_equal(&seen.first[3], &root));
        free(stack);
}

static int fail_tile(const TileStackTile *tile, void *userdata)
{
        return -5;
}

Test(tile_stack, what_the_taker_of_tiles_fails_with_is_passed_on)
{
        TileStack *stack = calloc(1, sizeof(*stack));
        Digest hash;

        cr_assert_not_null(stack);
        stack->tile = fail_tile;
        hash_of(0, &hash);
        cr_assert_eq(tile_stack_append(stack, &hash), 0);
        cr_assert_eq(tile_stack_finish(stack), -5);
        free(stack);
}
