/*
 * The tree in memory, against RFC 6962's definitions computed from all leaves, for sizes around every
 * boundary of tiles and rings, as grown and as loaded.
 */

#include "trail/nodes.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "fixture.h"
#include "log/tile.h"

enum { N_LEAVES = 70000 };

static Fixture fixture;
static Store *store;
static Nodes *nodes;
static uint64_t committed;

/* Every complete subtree over N_LEAVES leaves, level by level. */
static Digest *levels[17];

static void make_reference(void)
{
        char leaf[FIXTURE_LEAF_SIZE];

        for (unsigned level = 0; level < ARRAY_SIZE(levels); level++)
                levels[level] = calloc(N_LEAVES >> level, sizeof(Digest));
        for (uint64_t i = 0; i < N_LEAVES; i++) {
                size_t n = fixture_leaf(i, TRAIL_PLAIN, leaf);
                tree_leaf_hash(leaf, n, &levels[0][i]);
        }
        for (unsigned level = 1; level < ARRAY_SIZE(levels); level++)
                for (uint64_t i = 0; i < (uint64_t)N_LEAVES >> level; i++)
                        tree_node_hash(&levels[level - 1][2 * i], &levels[level - 1][2 * i + 1],
                                       &levels[level][i]);
}

static int reference_node(void *userdata, unsigned level, uint64_t index, Digest *ret_hash)
{
        const uint64_t *size = userdata;
        if ((index + 1) << level > *size)
                return -ERANGE;
        *ret_hash = levels[level][index];
        return 0;
}

static void load(uint64_t size, int expected)
{
        TreeHead head = {.size = size};
        const NodeSource reference = {reference_node, &size};

        cr_assert_eq(tree_root(&reference, size, &head.root), 0);
        nodes = nodes_free(nodes);
        cr_assert_eq(nodes_new(&nodes, store, &head), expected);
}

static void setup(void)
{
        char path[256];
        StoreHead head = STORE_HEAD_INIT;

        fixture_init(&fixture);
        (void)snprintf(path, sizeof(path), "%s/trail.db", fixture.dir);
        cr_assert_eq(store_open(&store, path, &head), STORE_E_NONE);
        make_reference();
        load(0, 0);
}

static void teardown(void)
{
        nodes = nodes_free(nodes);
        store = store_close(store);
        for (unsigned level = 0; level < ARRAY_SIZE(levels); level++)
                free(levels[level]);
        fixture_deinit(&fixture);
}

TestSuite(nodes, .init = setup, .fini = teardown, .timeout = 600);

static void append(uint64_t n)
{
        for (; n > 0; n--) {
                TrailEntry *entry = fixture_entry(&fixture, TRAIL_PLAIN);
                Digest hash;
                tree_leaf_hash(entry->leaf, entry->n_leaf, &hash);
                nodes_append(nodes, &hash);
                cr_assert_eq(store_append(store, entry), 0);
                trail_entry_free(entry);
        }
}

static void commit(void)
{
        const StoreHead head = {
                .size = nodes_size(nodes), .origin = (char *)"o", .epoch0 = (char *)"k", .note = (char *)"n"};
        StoreBatch batch = {.head = &head};

        cr_assert_eq(nodes_tiles(nodes, committed, &batch.tiles, &batch.n_tiles), 0);
        cr_assert_eq(store_commit(store, &batch), 0);
        committed = nodes_size(nodes);
}

/* In batches of all sizes that can be. */
static void grow(uint64_t size)
{
        static const uint64_t batches[] = {1, 2, 255, 256, 257, 4096, 3, 1000, 64};

        for (size_t i = 0; nodes_size(nodes) < size; i++) {
                append(MIN_OF(batches[i % ARRAY_SIZE(batches)], size - nodes_size(nodes)));
                commit();
        }
}

static void check_index(uint64_t index)
{
        uint64_t size = nodes_size(nodes);
        const NodeSource source = nodes_source(nodes), reference = {reference_node, &size};
        Path path, expected;

        cr_assert_eq(tree_inclusion(&source, size, index, &path), 0, "inclusion of %lu in %lu", index, size);
        cr_assert_eq(tree_inclusion(&reference, size, index, &expected), 0);
        cr_assert_eq(path.n, expected.n);
        cr_assert_eq(memcmp(path.hashes, expected.hashes, path.n * sizeof(Digest)), 0,
                     "inclusion of %lu in %lu", index, size);
        cr_assert_eq(tree_consistency(&source, index, size, &path), 0, "consistency of %lu with %lu", index,
                     size);
        cr_assert_eq(tree_consistency(&reference, index, size, &expected), 0);
        cr_assert_eq(path.n, expected.n);
        cr_assert_eq(memcmp(path.hashes, expected.hashes, path.n * sizeof(Digest)), 0,
                     "consistency of %lu with %lu", index, size);
}

static void check_all(void)
{
        uint64_t size = nodes_size(nodes);
        const NodeSource reference = {reference_node, &size};
        Digest root, expected;

        nodes_root(nodes, &root);
        cr_assert_eq(tree_root(&reference, size, &expected), 0);
        cr_assert(digest_equal(&root, &expected), "root of %lu", size);
        for (uint64_t i = 0; i < 300 && i < size; i++) {
                check_index(size - 1 - i);
                check_index(i);
                check_index((uint64_t)rand() % size);
        }
}

static const uint64_t sizes[] = {0,     1,     2,     3,     127,   128,   129,   254,   255,
                                 256,   257,   258,   511,   512,   513,   4095,  4096,  4097,
                                 8191,  8192,  8193,  8448,  12345, 65279, 65280, 65281, 65535,
                                 65536, 65537, 65791, 65792, 65793, 66000, 69999};

Test(nodes, proofs_and_roots_are_those_of_rfc_6962_as_the_tree_grows)
{
        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
                grow(sizes[i]);
                check_all();
        }
}

Test(nodes, and_after_loading_at_any_size)
{
        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
                grow(sizes[i]);
                load(sizes[i], 0);
                check_all();
        }
}

Test(nodes, leaves_taken_back_leave_no_trace)
{
        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
                static const uint64_t wrong[] = {1, 300, NODES_TRUNCATE_MAX};
                grow(sizes[i]);
                for (size_t j = 0; j < ARRAY_SIZE(wrong); j++) {
                        const Digest other = {{0xee}};
                        for (uint64_t k = 0; k < wrong[j]; k++)
                                nodes_append(nodes, &other);
                        cr_assert_eq(nodes_truncate(nodes, sizes[i]), 0);
                        check_all();
                }
        }
}

Test(nodes, random_batches_with_random_failures_give_the_same_tree)
{
        for (unsigned seed = 1; seed <= 3; seed++) {
                srand(seed);
                while (nodes_size(nodes) < seed * 20000) {
                        uint64_t before = nodes_size(nodes), n = (uint64_t)rand() % 700 + 1;
                        if (rand() % 3 == 0) {
                                const Digest other = {{0xee}};
                                for (uint64_t k = 0; k < n; k++)
                                        nodes_append(nodes, &other);
                                cr_assert_eq(nodes_truncate(nodes, before), 0);
                        }
                        append(n);
                        commit();
                }
                check_all();
        }
}

Test(nodes, a_root_that_the_leaves_do_not_have_is_damage)
{
        TreeHead head = {.size = 1000};

        grow(1000);
        cr_assert_eq(nodes_new(&nodes, store, &head), NODES_E_DAMAGED);
        load(999, 0);
        load(1001, NODES_E_DAMAGED);
}

Test(nodes, a_node_that_does_not_exist_is_not_given)
{
        grow(1000);
        const NodeSource source = nodes_source(nodes);
        Digest hash;
        cr_assert_eq(source.node(source.userdata, 0, 999, &hash), 0);
        cr_assert_lt(source.node(source.userdata, 0, 1000, &hash), 0);
        cr_assert_lt(source.node(source.userdata, 8, 3, &hash), 0);
        cr_assert_lt(source.node(source.userdata, 63, 0, &hash), 0);
}
