/*
 * The Merkle tree against RFC 6962's own recursive definitions, written out here a second time.
 */

#include "log/tree.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

enum { N_LEAVES = 600 };

static Digest leaves[N_LEAVES];

static void make_leaves(void)
{
        for (int i = 0; i < N_LEAVES; i++) {
                char text[16];
                int n = snprintf(text, sizeof(text), "leaf %d", i);
                tree_leaf_hash(text, (size_t)n, &leaves[i]);
        }
}

/* MTH(D[start:end]) as the RFC writes it. */
static Digest definition(size_t start, size_t end)
{
        Digest left, right, hash;
        if (end == start) {
                digest_of("", 0, &hash);
                return hash;
        }
        if (end - start == 1)
                return leaves[start];
        size_t k = 1;
        while (k * 2 < end - start)
                k *= 2;
        left = definition(start, start + k);
        right = definition(start + k, end);
        tree_node_hash(&left, &right, &hash);
        return hash;
}

static int node(void *userdata, unsigned level, uint64_t index, Digest *ret_hash)
{
        uint64_t *size = userdata;
        if (((index + 1) << level) > *size)
                return -ENOENT; /* a node that does not exist in a tree of this size was asked for */
        *ret_hash = definition(index << level, (index + 1) << level);
        return 0;
}

TestSuite(tree, .init = make_leaves);

Test(tree, the_empty_tree_has_the_hash_of_nothing_as_root)
{
        Frontier frontier = FRONTIER_INIT;
        Digest root;
        char hex[DIGEST_HEX_SIZE];
        frontier_root(&frontier, &root);
        digest_hex(&root, hex);
        cr_assert_str_eq(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

Test(tree, appending_gives_the_root_of_the_definition_at_each_size)
{
        Frontier frontier = FRONTIER_INIT;
        for (uint64_t size = 0; size <= N_LEAVES; size++) {
                Digest root, expected = definition(0, size), again;
                NodeSource source = {node, &size};
                frontier_root(&frontier, &root);
                cr_assert(digest_equal(&root, &expected), "size %lu", size);
                cr_assert_eq(tree_root(&source, size, &again), 0);
                cr_assert(digest_equal(&again, &expected));
                if (size < N_LEAVES)
                        frontier_append(&frontier, &leaves[size]);
        }
}

Test(tree, every_leaf_of_every_small_tree_has_a_path_that_convinces)
{
        for (uint64_t size = 1; size <= 70; size++) {
                NodeSource source = {node, &size};
                Digest root = definition(0, size);
                for (uint64_t index = 0; index < size; index++) {
                        Path path;
                        cr_assert_eq(tree_inclusion(&source, size, index, &path), 0);
                        cr_assert(tree_check_inclusion(&leaves[index], index, size, &path, &root));
                        cr_assert_not(tree_check_inclusion(&leaves[(index + 1) % N_LEAVES], index, size,
                                                           &path, &root));
                        if (index > 0)
                                cr_assert_not(
                                        tree_check_inclusion(&leaves[index], index - 1, size, &path, &root));
                }
        }
}

Test(tree, a_path_with_any_bit_flipped_or_a_hash_more_or_less_is_refused)
{
        uint64_t size = 21;
        NodeSource source = {node, &size};
        Digest root = definition(0, size);
        for (uint64_t index = 0; index < size; index++) {
                Path path;
                tree_inclusion(&source, size, index, &path);
                for (size_t i = 0; i < path.n; i++) {
                        Path bad = path;
                        bad.hashes[i].bytes[i % 32] ^= 1;
                        cr_assert_not(tree_check_inclusion(&leaves[index], index, size, &bad, &root));
                }
                Path longer = path, shorter = path;
                longer.n++;
                cr_assert_not(tree_check_inclusion(&leaves[index], index, size, &longer, &root));
                if (path.n > 0) {
                        shorter.n--;
                        cr_assert_not(tree_check_inclusion(&leaves[index], index, size, &shorter, &root));
                }
                cr_assert_not(tree_check_inclusion(&leaves[index], size, size, &path, &root));
        }
}

Test(tree, every_prefix_of_every_small_tree_is_proved_consistent)
{
        for (uint64_t size = 1; size <= 70; size++) {
                NodeSource source = {node, &size};
                TreeHead new = {size, definition(0, size)};
                for (uint64_t old_size = 0; old_size <= size; old_size++) {
                        TreeHead old = {old_size, definition(0, old_size)};
                        Path path;
                        cr_assert_eq(tree_consistency(&source, old_size, size, &path), 0);
                        cr_assert(tree_check_consistency(&old, &new, &path), "%lu of %lu", old_size, size);
                        if (old_size > 0 && old_size < size) {
                                TreeHead forked = old;
                                forked.root.bytes[7] ^= 4;
                                cr_assert_not(tree_check_consistency(&forked, &new, &path));
                                TreeHead other = new;
                                other.root.bytes[0] ^= 1;
                                cr_assert_not(tree_check_consistency(&old, &other, &path));
                        }
                }
        }
}

Test(tree, a_log_that_shrank_is_never_consistent)
{
        TreeHead old = {5, definition(0, 5)}, new = {4, definition(0, 4)};
        Path path = {};
        cr_assert_not(tree_check_consistency(&old, &new, &path));
}

Test(tree, what_the_source_fails_with_is_passed_on)
{
        uint64_t none = 0;
        NodeSource source = {node, &none};
        Digest root;
        Path path;
        cr_assert_eq(tree_root(&source, 3, &root), -ENOENT);
        cr_assert_eq(tree_inclusion(&source, 3, 0, &path), -ENOENT);
        cr_assert_eq(tree_consistency(&source, 2, 3, &path), -ENOENT);
}
