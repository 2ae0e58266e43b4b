/*
 * The exported files: what stands there at which size, in which order it appears, and what happens without
 * room. That every byte is right is checked against a second implementation in
 * tests/component/check-export.py.
 */

#include "trail/export.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "fixture.h"
#include "log/tile.h"
#include "trail/shelf.h"

static Fixture fixture; /* for its folder */
static int folder_fd = -1;
static Publisher *publisher;
static Frontier frontier;

static int no_node(void *userdata, unsigned level, uint64_t index, Digest *ret_hash)
{
        return -ENOENT;
}

static void setup(void)
{
        const NodeSource source = {no_node, NULL};

        fixture_init(&fixture);
        folder_fd = open(fixture.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cr_assert_geq(folder_fd, 0);
        cr_assert_eq(publisher_new(&publisher, &(PublisherStart){folder_fd, 0, &source}), 0);
}

static void teardown(void)
{
        publisher = publisher_free(publisher);
        folder_fd = fd_close(folder_fd);
        fixture_deinit(&fixture);
}

TestSuite(export, .init = setup, .fini = teardown, .timeout = 600);

static PublisherLeaf next_leaf(char text[static FIXTURE_LEAF_SIZE], Digest *hash)
{
        size_t n = fixture_leaf(frontier.size, TRAIL_PLAIN, text);
        tree_leaf_hash(text, n, hash);
        frontier_append(&frontier, hash);
        return (PublisherLeaf){.bytes = (const uint8_t *)text, .n = n, .hash = hash};
}

static void add(uint64_t n)
{
        for (; n > 0; n--) {
                char text[FIXTURE_LEAF_SIZE];
                Digest hash;
                const PublisherLeaf leaf = next_leaf(text, &hash);
                cr_assert_eq(publisher_add(publisher, &leaf), 0);
        }
}

/* Derives the root from the bundles as they stand, and holds every tile of level 0 and 1 against it. */
static void check_files(uint64_t size)
{
        Frontier derived = FRONTIER_INIT;
        Digest root, expected;

        for (uint64_t n = 0; n * TILE_WIDTH < size; n++) {
                unsigned width = (unsigned)MIN_OF((uint64_t)TILE_WIDTH, size - n * TILE_WIDTH);
                _cleanup_(buffer_deinit) Buffer bundle = BUFFER_INIT, tile = BUFFER_INIT,
                                                hashes = BUFFER_INIT;
                char path[TILE_PATH_MAX];
                const uint8_t *leaf = NULL;
                size_t n_leaf = 0;

                tile_entries_path(n, width, path);
                cr_assert_eq(fd_read_file(folder_fd, path, 1 << 24, &bundle), 0, "%s", path);
                tile_path(0, n, width, path);
                cr_assert_eq(fd_read_file(folder_fd, path, 1 << 24, &tile), 0, "%s", path);
                const uint8_t *data = bundle.data;
                size_t n_data = bundle.n;
                while (tile_entries_next(&data, &n_data, &leaf, &n_leaf)) {
                        Digest hash;
                        tree_leaf_hash(leaf, n_leaf, &hash);
                        frontier_append(&derived, &hash);
                        buffer_append(&hashes, hash.bytes, DIGEST_SIZE);
                }
                cr_assert_eq(n_data, 0);
                cr_assert_eq(hashes.n, width * DIGEST_SIZE);
                cr_assert_eq(tile.n, hashes.n);
                cr_assert_eq(memcmp(tile.data, hashes.data, tile.n), 0, "%s", path);
        }
        frontier_root(&derived, &root);
        frontier_root(&frontier, &expected);
        cr_assert_eq(derived.size, size);
        cr_assert(digest_equal(&root, &expected));
}

Test(export, bundles_and_tiles_stand_for_every_published_size)
{
        static const uint64_t sizes[] = {0, 1, 2, 255, 256, 257, 512, 700, 65535, 65536, 65537, 66000};

        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
                add(sizes[i] - frontier.size);
                cr_assert_eq(publisher_publish(publisher, "note\n"), 0);
                check_files(sizes[i]);
        }
        fixture_shell(&fixture, "test \"$(find tile -name '*.p' | sort | tr '\\n' ' ')\" = "
                                "'tile/0/257.p tile/1/001.p tile/2/000.p tile/entries/257.p '");
        fixture_shell(&fixture, "test \"$(stat -c %s tile/1/000 tile/1/001.p/1 tile/2/000.p/1 | tr '\\n' ' "
                                "')\" = '8192 32 32 '");
}

Test(export, a_publisher_goes_on_behind_any_multiple_of_256)
{
        static Digest roots[2]; /* of the first two tiles, which are all the nodes of level 8 */
        int node(void *, unsigned, uint64_t, Digest *);
        Frontier tile = FRONTIER_INIT;

        for (unsigned i = 0; i < 512; i++) {
                char text[FIXTURE_LEAF_SIZE];
                Digest hash;
                (void)next_leaf(text, &hash);
                frontier_append(&tile, &hash);
                if (tile.size == 256) {
                        frontier_root(&tile, &roots[i / 256]);
                        tile = FRONTIER_INIT;
                }
        }
        publisher = publisher_free(publisher);
        const NodeSource source = {node, roots};
        cr_assert_eq(publisher_new(&publisher, &(PublisherStart){folder_fd, 512, &source}), 0);
        add(300);
        cr_assert_eq(publisher_publish(publisher, "note\n"), 0);
        fixture_shell(&fixture,
                      "test \"$(find tile -type f | sort | tr '\\n' ' ')\" = 'tile/0/002 tile/0/003.p/44 "
                      "tile/1/000.p/3 tile/entries/002 tile/entries/003.p/44 '");
        _cleanup_(buffer_deinit) Buffer upper = BUFFER_INIT;
        cr_assert_eq(fd_read_file(folder_fd, "tile/1/000.p/3", 96, &upper), 0);
        cr_assert_eq(memcmp(upper.data, roots, sizeof(roots)), 0);
}

int node(void *userdata, unsigned level, uint64_t index, Digest *ret_hash);
int node(void *userdata, unsigned level, uint64_t index, Digest *ret_hash)
{
        cr_assert_eq(level, 8);
        cr_assert_lt(index, 2);
        *ret_hash = ((Digest *)userdata)[index];
        return 0;
}

Test(export, full_files_can_be_written_before_a_checkpoint_is_due)
{
        add(600);
        cr_assert_gt(publisher_waiting(publisher), 2 * 8192);
        cr_assert_eq(publisher_publish(publisher, NULL), 0);
        cr_assert_eq(publisher_waiting(publisher), 0);
        fixture_shell(&fixture, "test -e tile/0/001 && test ! -e tile/0/002.p && test ! -e checkpoint");
        cr_assert_eq(publisher_publish(publisher, "note\n"), 0);
        check_files(600);
        fixture_shell(&fixture, "test \"$(cat checkpoint)\" = note");
}

Test(export, partial_tiles_go_when_the_full_one_stands)
{
        add(10);
        cr_assert_eq(publisher_publish(publisher, "a\n"), 0);
        add(10);
        cr_assert_eq(publisher_publish(publisher, "b\n"), 0);
        fixture_shell(&fixture, "test -e tile/0/000.p/10 && test -e tile/0/000.p/20");
        add(240);
        cr_assert_eq(publisher_publish(publisher, "c\n"), 0);
        fixture_shell(&fixture,
                      "test ! -e tile/0/000.p && test ! -e tile/entries/000.p && test -e tile/0/001.p/4");
}

Test(export, what_an_earlier_process_left_unfinished_is_thrown_away)
{
        publisher = publisher_free(publisher);
        fixture_shell(&fixture, "mkdir -p .tmp/sub && echo x > .tmp/0 && echo y > .tmp/sub/1");
        const NodeSource source = {no_node, NULL};
        cr_assert_eq(publisher_new(&publisher, &(PublisherStart){folder_fd, 0, &source}), 0);
        add(3);
        cr_assert_eq(publisher_publish(publisher, "note\n"), 0);
        fixture_shell(&fixture, "test -z \"$(ls -A .tmp)\"");
}

Test(export, files_on_a_shelf_appear_only_when_they_are_settled)
{
        Shelf *shelf = NULL;

        publisher = publisher_free(publisher);
        cr_assert_eq(shelf_new(&shelf, folder_fd), 0);
        cr_assert_eq(shelf_put(shelf, "a/b/c", "content", 7), 0);
        fixture_shell(&fixture, "test ! -e a/b/c");
        cr_assert_eq(shelf_settle(shelf), 0);
        fixture_shell(&fixture, "test \"$(cat a/b/c)\" = content");
        cr_assert_eq(shelf_put(shelf, "d", "content", 7), 0);
        shelf_free(shelf);
        fixture_shell(&fixture, "test ! -e d && test -z \"$(ls -A .tmp)\"");
}

Test(export, the_thread_publishes_by_itself_and_the_rest_at_the_end)
{
        Export *export = NULL;
        char text[FIXTURE_LEAF_SIZE];
        Digest hash;

        cr_assert_eq(export_new(&export, publisher, "here"), 0);
        publisher = NULL;
        cr_assert_eq(export_start(export), 0);
        PublisherLeaf leaf = next_leaf(text, &hash);
        cr_assert_eq(export_feed(export, &(ExportCommit){&leaf, 1, "one\n", false}), 0);
        while (export_size(export) < 1)
                (void)usleep(1000);
        fixture_shell(&fixture, "test \"$(cat checkpoint)\" = one");
        leaf = next_leaf(text, &hash);
        cr_assert_eq(export_feed(export, &(ExportCommit){&leaf, 1, "two\n", false}), 0);
        cr_assert_null(export_free(export));
        fixture_shell(&fixture, "test \"$(cat checkpoint)\" = two && test -e tile/0/000.p/2");
}

Test(export, it_lags_when_too_much_waits)
{
        static uint8_t large[16384];
        Export *export = NULL;
        const Digest hash = {};
        const PublisherLeaf leaf = {.bytes = large, .n = sizeof(large), .hash = &hash};

        cr_assert_eq(export_new(&export, publisher, "here"), 0);
        publisher = NULL;
        export_pause(export, true);
        for (unsigned i = 0; i <= EXPORT_LAG_MAX / sizeof(large); i++) {
                cr_assert_not(export_lags(export));
                cr_assert_eq(export_feed(export, &(ExportCommit){&leaf, 1, "note\n", false}), 0);
        }
        cr_assert(export_lags(export));
        export_free(export);
        fixture_shell(&fixture, "test -e checkpoint");
}
