/* Which denials of strangers a mirror passes on, and which it keeps back. */

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "trail/repeats.h"

enum { SECOND = 1000000 };

static bool keep(Repeats *repeats, uint32_t uid, uint64_t now_usec, const char *text)
{
        return repeats_keep(repeats, uid, now_usec, text, strlen(text));
}

Test(repeats, the_first_goes_out_and_what_follows_goes_out_as_one)
{
        Repeats repeats = {};
        RepeatsRow row;

        cr_expect_not(keep(&repeats, 7, 1, "first"));
        cr_expect_eq(repeats_next_usec(&repeats), UINT64_MAX);
        cr_expect(keep(&repeats, 7, 2, "second"));
        cr_expect(keep(&repeats, 7, 3, "third!"));
        cr_expect_eq(repeats_next_usec(&repeats), 1 + REPEATS_WINDOW_USEC);
        cr_expect_not(repeats_due(&repeats, REPEATS_WINDOW_USEC, false, &row));
        cr_assert(repeats_due(&repeats, 1 + REPEATS_WINDOW_USEC, false, &row));
        cr_expect_eq(row.n, 2);
        cr_expect_eq(row.uid, 7);
        cr_expect(row.n_bytes == 6 && memcmp(row.bytes, "third!", 6) == 0);
        free(row.bytes);
        cr_expect_not(repeats_due(&repeats, 2 + REPEATS_WINDOW_USEC, true, &row));
        repeats_deinit(&repeats);
}

Test(repeats, one_a_window_however_long_it_goes_on)
{
        Repeats repeats = {};
        unsigned n_out = 0;
        uint64_t n_told = 0;

        for (uint64_t now = 0; now < 600 * (uint64_t)SECOND; now += SECOND) {
                RepeatsRow row;
                if (!keep(&repeats, 7, now, "x")) {
                        n_out++;
                        n_told++;
                }
                while (repeats_due(&repeats, now, false, &row)) {
                        n_out++;
                        n_told += row.n;
                        free(row.bytes);
                }
        }
        cr_expect_eq(n_out, 10, "%u", n_out);
        RepeatsRow row;
        while (repeats_due(&repeats, 0, true, &row)) {
                n_told += row.n;
                free(row.bytes);
        }
        cr_expect_eq(n_told, 600, "%llu", (unsigned long long)n_told);
        repeats_deinit(&repeats);
}

Test(repeats, after_a_quiet_window_the_next_goes_out_at_once)
{
        Repeats repeats = {};

        cr_expect_not(keep(&repeats, 7, 0, "x"));
        cr_expect_not(keep(&repeats, 7, REPEATS_WINDOW_USEC, "x"));
        cr_expect(keep(&repeats, 7, REPEATS_WINDOW_USEC + 1, "x"));
        repeats_deinit(&repeats);
}

Test(repeats, uids_are_told_apart_until_there_are_too_many)
{
        Repeats repeats = {};
        uint64_t n_told = 0;
        unsigned n_rows = 0;
        RepeatsRow row;

        for (uint32_t uid = 0; uid < REPEATS_ROWS_MAX - 1; uid++)
                cr_expect_not(keep(&repeats, uid, 0, "x"));
        /* The first that finds no place opens the one that is shared. */
        cr_expect_not(keep(&repeats, 1000, 0, "x"));
        for (uint32_t uid = 1001; uid < 1500; uid++)
                cr_expect(keep(&repeats, uid, 0, "x"));
        cr_expect(keep(&repeats, 3, 0, "x"));
        while (repeats_due(&repeats, 0, true, &row)) {
                n_rows++;
                n_told += row.n;
                free(row.bytes);
        }
        cr_expect_eq(n_rows, 2);
        cr_expect_eq(n_told, 500);
        repeats_deinit(&repeats);
}
