/*
 * Erased details are gone from every file of the database, whatever was erased before and after, and what is held is
 * held. Every detail and salt is made of words that say whose they are, so that one look through the files tells of
 * each word whether it may still be there. Held against the ordinary way, deleting rows under secure_delete, this test
 * fails: SQLite leaves copies of rows that it moved.
 */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/macro.h"
#include "fixture.h"
#include "trail/store.h"

enum { ROUNDS = 16, ROWS_A_ROUND = 700, ROWS_MAX = ROUNDS * ROWS_A_ROUND, FILE_MAX = 256 * 1024 * 1024 };

static const uint8_t magic[8] = {0xd3, 'w', 'h', 'o', 's', 'e', '?', 0x9c};

static Fixture fixture; /* for its folder */
static char path[256];
static Store *store;
static bool held[ROWS_MAX];
static uint64_t n_rows, n_held;

static void reopen(int expected)
{
        StoreHead head = STORE_HEAD_INIT;

        store = store_close(store);
        cr_assert_eq(store_open(&store, path, &head), expected);
        cr_assert_eq(head.n_details, n_held);
        store_head_deinit(&head);
}

static void setup(void)
{
        fixture_init(&fixture);
        (void)snprintf(path, sizeof(path), "%s/trail.db", fixture.dir);
        n_rows = n_held = 0;
        reopen(STORE_E_NONE);
}

static void teardown(void)
{
        store = store_close(store);
        fixture_deinit(&fixture);
}

TestSuite(erasing, .init = setup, .fini = teardown, .timeout = 600);

/* Fills @n bytes, a multiple of 16, with the words of a row. */
static void write_words(uint8_t *bytes, size_t n, uint64_t row)
{
        for (size_t i = 0; i < n; i += 16) {
                memcpy(bytes + i, magic, sizeof(magic));
                memcpy(bytes + i + 8, &row, sizeof(row));
        }
}

static void commit(void)
{
        const StoreHead head = {.size = n_rows,
                                .n_details = n_held,
                                .origin = (char *)"o",
                                .epoch0 = (char *)"e",
                                .note = (char *)"n"};
        const StoreBatch batch = {.head = &head};

        cr_assert_eq(store_commit(store, &batch), 0);
}

static TrailEntry *new_entry(void)
{
        TrailEntry *entry = trail_entry_new();

        entry->index = n_rows;
        entry->leaf = (uint8_t *)strdup("{}");
        entry->n_leaf = 2;
        held[n_rows++] = false;
        return entry;
}

static void add_row(void)
{
        static const size_t sizes[] = {32, 48, 64, 96, 96, 128, 208, 304, 1008, 3008, 9008};
        TrailEntry *entry = new_entry();

        entry->has_detail = true;
        entry->n_detail = sizes[(size_t)rand() % ARRAY_SIZE(sizes)];
        entry->detail = malloc(entry->n_detail);
        write_words(entry->salt, sizeof(entry->salt), entry->index);
        write_words(entry->detail, entry->n_detail, entry->index);
        cr_assert_eq(store_append(store, entry), 0);
        held[entry->index] = true;
        n_held++;
        trail_entry_free(entry);
}

/* Erases those rows for which `wanted` says so, at most so many. */
static void erase(bool (*wanted)(uint64_t row, uint64_t about), uint64_t about, size_t most)
{
        uint64_t last = n_rows;
        TrailEntry *entry = new_entry();

        entry->erases = calloc(most, sizeof(*entry->erases));
        for (uint64_t row = 0; row < last && entry->n_erases < most; row++)
                if (held[row] && wanted(row, about)) {
                        entry->erases[entry->n_erases++] = row;
                        held[row] = false;
                        n_held--;
                }
        cr_assert_eq(store_append(store, entry), 0);
        commit();
        trail_entry_free(entry);
}

static bool every_nth(uint64_t row, uint64_t n)
{
        return row % n == 0;
}

static bool here_and_there(uint64_t row, uint64_t percent)
{
        return (uint64_t)rand() % 100 < percent;
}

static bool the_oldest(uint64_t row, uint64_t nothing)
{
        return true;
}

static bool from_on(uint64_t row, uint64_t first)
{
        return row >= first;
}

/* How many words of erased rows stand in the files. */
static size_t count_left(void)
{
        static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
        size_t n_left = 0;

        for (size_t s = 0; s < ARRAY_SIZE(suffixes); s++) {
                _cleanup_(buffer_deinit) Buffer bytes = BUFFER_INIT;
                char name[300];
                (void)snprintf(name, sizeof(name), "%s%s", path, suffixes[s]);
                if (fd_read_file(AT_FDCWD, name, FILE_MAX, &bytes) < 0 || bytes.n == 0)
                        continue;
                const uint8_t *end = bytes.data + bytes.n, *p = bytes.data;
                while ((p = memmem(p, (size_t)(end - p), magic, sizeof(magic))) && end - p >= 16) {
                        uint64_t row;
                        memcpy(&row, p + 8, sizeof(row));
                        n_left += row < n_rows && !held[row]; /* else cut by the end of a page */
                        p += 8;
                }
        }
        return n_left;
}

static int on_row(const StoreRow *row, void *userdata)
{
        uint8_t words[9008];
        cr_assert(row->number < n_rows && held[row->number]);
        write_words(words, row->n, row->number);
        cr_assert_eq(memcmp(row->bytes, words, row->n), 0);
        cr_assert_eq(memcmp(row->salt, words, 32), 0);
        ++*(uint64_t *)userdata;
        return 0;
}

static void expect_held(void)
{
        const StoreQuery query = {STORE_DETAILS, .first = 0, .last = INT64_MAX};
        uint64_t n = 0;

        cr_assert_eq(store_read(store, &query, on_row, &n), n_held > 0 ? 0 : STORE_E_NONE);
        cr_assert_eq(n, n_held);
}

Test(erasing, no_file_holds_what_was_erased)
{
        srand(1);
        for (unsigned round = 0; round < ROUNDS; round++) {
                for (unsigned i = 0; i < ROWS_A_ROUND - 20; i++)
                        add_row();
                commit();
                switch (rand() % 4) {
                case 0:
                        erase(every_nth, (uint64_t)rand() % 7 + 2, 512);
                        break;
                case 1:
                        erase(here_and_there, 20, 512);
                        break;
                case 2:
                        for (unsigned i = 0; i < 4; i++)
                                erase(the_oldest, 0, 512);
                        break;
                default:
                        erase(from_on, n_rows - 60, 512);
                }
                cr_assert_eq(store_commit(store, NULL), 0);
                cr_assert_eq(count_left(), 0, "round %u", round);
                expect_held();
        }
        cr_assert_gt(n_held, 0);
        reopen(0);
        expect_held();
        /* Every last one, over again. */
        while (n_held > 0)
                erase(the_oldest, 0, 512);
        cr_assert_eq(store_commit(store, NULL), 0);
        cr_assert_eq(count_left(), 0);
        expect_held();
}

static int count_rows(const StoreRow *row, void *userdata)
{
        ++*(unsigned *)userdata;
        return 0;
}

Test(erasing, what_was_not_committed_is_not_erased)
{
        for (unsigned i = 0; i < 10; i++)
                add_row();
        commit();
        TrailEntry *entry = new_entry();
        entry->erases = calloc(1, sizeof(*entry->erases));
        entry->erases[0] = 3;
        entry->n_erases = 1;
        cr_assert_eq(store_append(store, entry), 0);
        trail_entry_free(entry);
        n_rows--;
        reopen(0);
        expect_held();
}

Test(erasing, what_is_not_held_cannot_be_erased_again)
{
        const StoreQuery leaves = {STORE_LEAVES, .first = 0, .last = INT64_MAX};
        unsigned n_leaves = 0;

        for (unsigned i = 0; i < 10; i++)
                add_row();
        commit();
        erase(the_oldest, 0, 2);
        TrailEntry *entry = new_entry();
        entry->erases = calloc(2, sizeof(*entry->erases));
        entry->erases[0] = 5;
        entry->erases[1] = 1; /* gone */
        entry->n_erases = 2;
        cr_assert_eq(store_append(store, entry), -EIO);
        trail_entry_free(entry);
        cr_assert_eq(store_read(store, &leaves, count_rows, &n_leaves), 0);
        cr_assert_eq(n_leaves, 11, "the whole batch is rolled back");
        expect_held();
}

Test(erasing, an_old_beginning_takes_no_room_for_ever)
{
        for (unsigned round = 0; round < ROUNDS; round++) {
                for (unsigned i = 0; i < ROWS_A_ROUND - 4; i++)
                        add_row();
                commit();
                while (n_held > 0)
                        erase(the_oldest, 0, 512);
        }
        cr_assert_eq(store_commit(store, NULL), 0);
        _cleanup_(buffer_deinit) Buffer bytes = BUFFER_INIT;
        cr_assert_eq(fd_read_file(AT_FDCWD, path, FILE_MAX, &bytes), 0);
        /* The leaves, the margin, and what one round takes: rows of 1,300 bytes each on average. */
        cr_assert_lt(bytes.n, 2 * (1024 + ROWS_A_ROUND) * 2000, "%zu bytes", bytes.n);
        cr_assert_eq(count_left(), 0);
}
