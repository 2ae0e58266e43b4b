/*
 * The database behind its five functions.
 */

#include "trail/store.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fixture.h"

static Fixture fixture; /* for its folder and its entries */
static char path[256];
static Store *store;

static void reopen(int expected)
{
        StoreHead head = STORE_HEAD_INIT;
        store = store_close(store);
        cr_assert_eq(store_open(&store, path, &head), expected);
        store_head_deinit(&head);
}

static void setup(void)
{
        fixture_init(&fixture);
        (void)snprintf(path, sizeof(path), "%s/trail.db", fixture.dir);
        reopen(STORE_E_NONE);
}

static void teardown(void)
{
        store = store_close(store);
        fixture_deinit(&fixture);
}

TestSuite(store, .init = setup, .fini = teardown, .timeout = 600);

static void append(TrailRole role, uint64_t of)
{
        TrailEntry *entry = fixture_entry(&fixture, role);
        entry->of = of;
        cr_assert_eq(store_append(store, entry), 0);
        trail_entry_free(entry);
}

static void commit(uint64_t size)
{
        const StoreHead head = {
                .size = size, .origin = (char *)"o", .epoch0 = (char *)"k", .note = (char *)"n"};
        const StoreBatch batch = {.head = &head};
        cr_assert_eq(store_commit(store, &batch), 0);
}

static int count(const StoreRow *row, void *userdata)
{
        ++*(unsigned *)userdata;
        return 0;
}

static unsigned n_rows(StoreQuery query)
{
        unsigned n = 0;
        int r = store_read(store, &query, count, &n);
        cr_assert_eq(r, n > 0 ? 0 : STORE_E_NONE);
        return n;
}

Test(store, a_head_is_read_as_it_was_written)
{
        StoreHead head = {.size = 7,
                          .state = {.time_usec = 11,
                                    .has_mark = true,
                                    .mark_usec = 12,
                                    .has_policy = true,
                                    .policy = {{1}},
                                    .epoch = 2,
                                    .epoch_first = 5,
                                    .epoch_usec = 10},
                          .origin = (char *)"example.org",
                          .epoch0 = (char *)"key",
                          .note = (char *)"note\n"};
        const StoreBatch batch = {.head = &head};

        cr_assert_eq(store_commit(store, &batch), 0);
        head.state.has_mark = head.state.has_policy = false;
        head.state.epoch = 3;
        head.state.epoch_first = 6;
        head.origin = (char *)"ignored: a log keeps its name";
        head.epoch0 = (char *)"ignored, too";
        cr_assert_eq(store_commit(store, &batch), 0);
        store = store_close(store);
        StoreHead read = STORE_HEAD_INIT;
        cr_assert_eq(store_open(&store, path, &read), 0);
        cr_assert_eq(read.size, 7);
        cr_assert_eq(read.state.time_usec, 11);
        cr_assert_not(read.state.has_mark);
        cr_assert_not(read.state.has_policy);
        cr_assert_eq(read.state.epoch, 3);
        cr_assert_eq(read.state.epoch_first, 6);
        cr_assert_eq(read.state.epoch_usec, 10);
        cr_assert_str_eq(read.origin, "example.org");
        cr_assert_str_eq(read.epoch0, "key");
        cr_assert_str_eq(read.note, "note\n");
        store_head_deinit(&read);
}

Test(store, what_was_not_committed_is_not_there)
{
        append(TRAIL_PLAIN, 0);
        commit(1);
        append(TRAIL_PERMIT, 0);
        reopen(0);
        cr_assert_eq(n_rows((StoreQuery){STORE_LEAVES, .first = 0, .last = 100}), 1);
        cr_assert_eq(n_rows((StoreQuery){STORE_OPEN}), 0);
}

Test(store, a_permit_is_open_until_its_outcome)
{
        append(TRAIL_PERMIT, 0);
        append(TRAIL_DENY, 0);
        commit(2);
        cr_assert_eq(n_rows((StoreQuery){STORE_OPEN}), 1);
        cr_assert_eq(n_rows((StoreQuery){STORE_OUTCOME, .first = 0}), 0);
        append(TRAIL_OUTCOME, 0);
        commit(3);
        cr_assert_eq(n_rows((StoreQuery){STORE_OPEN}), 0);
        cr_assert_eq(n_rows((StoreQuery){STORE_OUTCOME, .first = 0}), 1);
}

static int first_epoch(const StoreRow *row, void *userdata)
{
        *(uint64_t *)userdata = row->number;
        cr_assert_eq(row->n, 2);
        cr_assert_eq(memcmp(row->bytes, "n\n", 2), 0);
        return 1;
}

Test(store, the_checkpoint_that_ended_an_epoch_stays)
{
        const StoreQuery all = {STORE_EPOCHS_BACK, .first = 0, .last = 9};
        StoreHead head = {.origin = (char *)"o", .epoch0 = (char *)"k", .note = (char *)"n\n"};
        StoreBatch batch = {.head = &head, .ends_epoch = true};
        uint64_t last = 0;

        for (head.state.epoch = 1; head.state.epoch <= 3; head.state.epoch++)
                cr_assert_eq(store_commit(store, &batch), 0);
        batch.ends_epoch = false;
        cr_assert_eq(store_commit(store, &batch), 0);
        cr_assert_eq(n_rows(all), 3);
        cr_assert_eq(store_read(store, &all, first_epoch, &last), 0);
        cr_assert_eq(last, 2);
        /* An epoch cannot end a second time. */
        batch.ends_epoch = true;
        head.state.epoch = 2;
        cr_assert_lt(store_commit(store, &batch), 0);
        cr_assert_eq(n_rows(all), 3);
}

Test(store, a_tile_grows_in_place)
{
        static const uint8_t hashes[64] = {1, 2, 3};
        const StoreHead head = {.origin = (char *)"o", .epoch0 = (char *)"k", .note = (char *)"n"};
        StoreTile tile = {.level = 1, .n = 5, .hashes = hashes, .size = 32};
        const StoreBatch batch = {.head = &head, .tiles = &tile, .n_tiles = 1};

        cr_assert_eq(store_commit(store, &batch), 0);
        tile.size = 64;
        cr_assert_eq(store_commit(store, &batch), 0);
        cr_assert_eq(n_rows((StoreQuery){STORE_TILE, .first = UINT64_C(1) << 48 | 5}), 1);
        cr_assert_eq(n_rows((StoreQuery){STORE_TILE, .first = 5}), 0);
}

static int stop_at_once(const StoreRow *row, void *userdata)
{
        ++*(unsigned *)userdata;
        return 1;
}

static int fail_at_once(const StoreRow *row, void *userdata)
{
        return -EXDEV;
}

Test(store, a_reader_may_stop_or_fail)
{
        const StoreQuery all = {STORE_LEAVES, .first = 0, .last = 100};
        unsigned n = 0;

        for (int i = 0; i < 10; i++)
                append(TRAIL_PLAIN, 0);
        commit(10);
        cr_assert_eq(store_read(store, &all, stop_at_once, &n), 0);
        cr_assert_eq(n, 1);
        cr_assert_eq(store_read(store, &all, fail_at_once, NULL), -EXDEV);
        cr_assert_eq(n_rows(all), 10);
}

Test(store, an_index_that_stands_already_fails_the_batch)
{
        append(TRAIL_PLAIN, 0);
        commit(1);
        fixture.next = 0;
        TrailEntry *again = fixture_entry(&fixture, TRAIL_PLAIN);
        cr_assert_lt(store_append(store, again), 0);
        trail_entry_free(again);
        fixture.next = 1;
        append(TRAIL_PLAIN, 0);
        commit(2);
        cr_assert_eq(n_rows((StoreQuery){STORE_LEAVES, .first = 0, .last = 100}), 2);
}

static off_t size_of(const char *name)
{
        struct stat st;

        cr_assert_eq(stat(name, &st), 0, "%s", name);
        return st.st_size;
}

/* Batches of one leaf; a page or more each. */
static void commit_batches(uint64_t *size, unsigned n)
{
        for (unsigned i = 0; i < n; i++) {
                append(TRAIL_DENY, 0);
                commit(++*size);
        }
}

Test(store, a_rest_moves_what_was_committed_and_the_write_ahead_log_is_written_over)
{
        char wal[sizeof(path) + 4];
        uint64_t size = 0;

        (void)snprintf(wal, sizeof(wal), "%s-wal", path);
        commit_batches(&size, 400);
        off_t before = size_of(path), first = size_of(wal);
        cr_assert_eq(store_commit(store, NULL), 0);
        cr_expect_gt(size_of(path), before);
        for (unsigned i = 0; i < 5; i++) {
                commit_batches(&size, 350);
                cr_assert_eq(store_commit(store, NULL), 0);
        }
        cr_expect_leq(size_of(wal), first + 16 * 4096, "%lld, and before %lld", (long long)size_of(wal),
                      (long long)first);
        cr_expect_eq(n_rows((StoreQuery){STORE_LEAVES, .last = size}), size);
}

Test(store, without_a_rest_the_write_ahead_log_is_bounded_all_the_same)
{
        char wal[sizeof(path) + 4];
        uint64_t size = 0;

        (void)snprintf(wal, sizeof(wal), "%s-wal", path);
        commit_batches(&size, 6000);
        cr_expect_lt(size_of(wal), (1000 + 100) * (4096 + 24), "%lld bytes", (long long)size_of(wal));
        cr_expect_gt(size_of(path), 6000 * 100);
        reopen(0);
        cr_expect_eq(n_rows((StoreQuery){STORE_LEAVES, .last = size}), size);
}

Test(store, the_settings_hold)
{
        append(TRAIL_PLAIN, 0);
        commit(1);
        fixture_shell(&fixture, "test -e trail.db-wal && test ! -e trail.db-shm");
        cr_assert_eq(store_commit(store, NULL), 0);
        reopen(0);
        store = store_close(store);
        fixture_shell(
                &fixture,
                "test \"$(sqlite3 trail.db 'PRAGMA application_id; PRAGMA page_size; PRAGMA journal_mode; "
                "PRAGMA integrity_check' | tr '\\n' ' ')\" = '1296520516 4096 wal ok '");
        fixture_shell(
                &fixture,
                "test \"$(sqlite3 trail.db 'SELECT count(*) FROM pragma_table_list WHERE schema = \"main\" "
                "AND name NOT LIKE \"sqlite%\" AND NOT strict')\" = 0");
}

Test(store, another_process_cannot_read_or_write_while_it_is_open)
{
        append(TRAIL_PLAIN, 0);
        commit(1);
        fixture_shell(&fixture, "! sqlite3 trail.db 'SELECT count(*) FROM leaf' 2>/dev/null");
}

Test(store, a_database_of_somebody_else_is_refused)
{
        StoreHead head = STORE_HEAD_INIT;

        store = store_close(store);
        fixture_shell(&fixture, "rm trail.db* && sqlite3 trail.db 'CREATE TABLE t (a)'");
        cr_assert_eq(store_open(&store, path, &head), STORE_E_FOREIGN);
        fixture_shell(&fixture, "echo this is no database, and long enough to be taken for none > trail.db");
        cr_assert_eq(store_open(&store, path, &head), STORE_E_FOREIGN);
        cr_assert_null(store);
}
