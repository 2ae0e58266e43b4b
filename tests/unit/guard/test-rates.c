/* Counts of permits. */

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>

#include "guard/rates.h"

static void add(Rates *rates, const char *allow, uint64_t wall, uint64_t index)
{
        RatesPermit permit = {.allow = allow, .organisation = "thorn", .wall_usec = wall, .index = index};

        cr_assert_eq(rates_add(rates, &permit), 0);
}

Test(rates, what_was_never_used_counts_nothing)
{
        Rates rates = RATES_INIT;

        cr_expect_eq(rates_used(&rates, "a", "thorn", 0), 0);
        rates_deinit(&rates);
}

Test(rates, only_walls_above_the_bound_count)
{
        Rates rates = RATES_INIT;

        add(&rates, "a", 100, 1);
        add(&rates, "a", 200, 2);
        add(&rates, "a", 300, 3);
        cr_expect_eq(rates_used(&rates, "a", "thorn", 99), 3);
        cr_expect_eq(rates_used(&rates, "a", "thorn", 100), 2);
        cr_expect_eq(rates_used(&rates, "a", "thorn", 300), 0);
        rates_deinit(&rates);
}

Test(rates, allows_and_organisations_are_told_apart)
{
        Rates rates = RATES_INIT;

        add(&rates, "a", 100, 1);
        add(&rates, "b", 100, 2);
        cr_expect_eq(rates_used(&rates, "a", "thorn", 0), 1);
        cr_expect_eq(rates_used(&rates, "a", "icmec", 0), 0);
        rates_deinit(&rates);
}

Test(rates, a_clock_that_goes_back_loses_no_permit)
{
        Rates rates = RATES_INIT;

        add(&rates, "a", 300, 1);
        add(&rates, "a", 100, 2);
        add(&rates, "a", 200, 3);
        cr_expect_eq(rates_used(&rates, "a", "thorn", 150), 2);
        rates_deinit(&rates);
}

Test(rates, a_failed_commit_is_forgotten)
{
        Rates rates = RATES_INIT;

        for (uint64_t i = 0; i < 100; i++)
                add(&rates, "a", 100 + i, i);
        rates_rollback(&rates, 40);
        cr_expect_eq(rates_used(&rates, "a", "thorn", 0), 40);
        add(&rates, "a", 500, 40);
        cr_expect_eq(rates_used(&rates, "a", "thorn", 0), 41);
        cr_expect_eq(rates.n_permits, 41);
        rates_deinit(&rates);
}

Test(rates, rebuilt_from_the_newest_back_they_are_the_same)
{
        Rates rates = RATES_INIT;

        for (uint64_t i = 1000; i > 0; i--) {
                RatesPermit permit = {.allow = "a", .organisation = "thorn", .wall_usec = i, .index = i};
                cr_assert_eq(rates_load(&rates, &permit), 0);
        }
        rates_loaded(&rates, 300);
        cr_expect_eq(rates_used(&rates, "a", "thorn", 400), 600);
        add(&rates, "a", 2000, 2000);
        cr_expect_eq(rates_used(&rates, "a", "thorn", 999), 2);
        cr_expect(rates_reach(&rates, 300));
        cr_expect_not(rates_reach(&rates, 299), "what lies before was not read");
        rates_deinit(&rates);
}

/* A clock that ran days ahead and was set right: what was permitted before counts as ever. */
Test(rates, a_step_forward_that_is_taken_back_forgets_nothing)
{
        Rates rates = RATES_INIT;

        for (uint64_t i = 0; i < 50000; i++)
                add(&rates, "a", 1000 + i, i);
        for (uint64_t i = 0; i < 50000; i++)
                add(&rates, "a", 100 * RATES_WINDOW_MAX_USEC + i, 50000 + i);
        cr_expect_eq(rates_used(&rates, "a", "thorn", 999), 100000);
        rates_deinit(&rates);
}

Test(rates, of_a_pair_no_more_are_kept_than_the_highest_rate_takes)
{
        Rates rates = RATES_INIT;

        for (uint64_t i = 0; i < 3 * RATES_KEPT; i++) {
                rates_durable(&rates, i);
                add(&rates, "a", i, i);
        }
        uint64_t used = rates_used(&rates, "a", "thorn", 0);
        cr_expect_geq(used, RATES_KEPT);
        cr_expect_lt(used, 3 * RATES_KEPT / 2, "%" PRIu64 " are kept", used);
        cr_expect_eq(rates.n_permits, used);
        cr_expect_eq(rates_used(&rates, "a", "thorn", 2 * RATES_KEPT), RATES_KEPT - 1);
        rates_deinit(&rates);
}

/* As over months: each day allows of its own, and the day's permits only. */
Test(rates, permits_that_cannot_count_any_more_take_no_memory)
{
        enum { DAYS = 200, A_DAY = 1000 };
        Rates rates = {.kept = RATES_KEPT, .spared = 100};
        uint64_t index = 0;

        for (uint64_t day = 1; day <= DAYS; day++) {
                char allow[16];
                (void)snprintf(allow, sizeof(allow), "day-%" PRIu64, day);
                for (uint64_t i = 0; i < A_DAY; i++, index++) {
                        rates_durable(&rates, index);
                        add(&rates, allow, day * RATES_WINDOW_MAX_USEC + i, index);
                        rates_forget(&rates, (day - 1) * RATES_WINDOW_MAX_USEC + i);
                }
                cr_assert_leq(rates.n_permits, 3 * A_DAY, "%zu permits on day %" PRIu64, rates.n_permits,
                              day);
                cr_assert_leq(rates.n, 4, "%zu pairs on day %" PRIu64, rates.n, day);
                cr_assert_eq(rates_used(&rates, allow, "thorn", 0), A_DAY, "day %" PRIu64, day);
        }
        cr_expect(rates_reach(&rates, (DAYS - 1) * RATES_WINDOW_MAX_USEC + A_DAY), "all of a day is counted");
        cr_expect_not(rates_reach(&rates, (DAYS - 10) * RATES_WINDOW_MAX_USEC), "what is gone is said to be");
        rates_deinit(&rates);
}

Test(rates, what_is_forgotten_is_neither_new_nor_needed_nor_revocable)
{
        Rates rates = {.kept = RATES_KEPT, .spared = 10};

        for (uint64_t i = 0; i < 100; i++)
                add(&rates, "a", i % 2 == 0 ? 100 + i : 1000 + i, i);
        rates_forget(&rates, 500);
        cr_expect_eq(rates_used(&rates, "a", "thorn", 0), 100, "nothing is durable yet");
        rates_durable(&rates, 60);
        add(&rates, "a", 600, 100);
        rates.forget_at = 0;
        rates_forget(&rates, 500);
        /* Of the leaves below 50 every other one. */
        cr_expect_eq(rates_used(&rates, "a", "thorn", 0), 101 - 25);
        cr_expect_eq(rates.n_permits, 101 - 25);
        cr_expect(rates_reach(&rates, 148));
        cr_expect_not(rates_reach(&rates, 147));
        rates_deinit(&rates);
}

Test(rates, what_may_be_taken_back_displaces_nothing)
{
        Rates rates = {.kept = 10};

        for (uint64_t i = 0; i < 40; i++)
                add(&rates, "a", 100 + i, i);
        rates_durable(&rates, 40);
        for (uint64_t i = 40; i < 1000; i++)
                add(&rates, "a", 100 + i, i);
        rates_rollback(&rates, 40);
        cr_expect_geq(rates_used(&rates, "a", "thorn", 100), 10);
        cr_expect_eq(rates_used(&rates, "a", "thorn", 130), 9);
        rates_deinit(&rates);
}
