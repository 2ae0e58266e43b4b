/* Counts of permits: whatever the clocks did, as many as a plain list has. */

#include "tools/permit-counts.h"

#include <criterion/criterion.h>
#include <stdio.h>

enum { N_PAIRS = 200, N_PERMITS = 3000 };

Test(permit_counts, nobody_was_given_anything_at_the_beginning)
{
        PermitCounts counts = PERMIT_COUNTS_INIT;

        cr_expect_eq(permit_counts_above(&counts, (PermitOf){"a", "b"}, 0), 0);
        permit_counts_deinit(&counts);
}

Test(permit_counts, a_permit_counts_above_its_wall_and_not_at_it)
{
        PermitCounts counts = PERMIT_COUNTS_INIT;
        const PermitOf of = {"thorn", "rescue"};

        cr_assert_eq(permit_counts_add(&counts, of, 1000), 0);
        cr_expect_eq(permit_counts_above(&counts, of, 999), 1);
        cr_expect_eq(permit_counts_above(&counts, of, 1000), 0);
        permit_counts_deinit(&counts);
}

Test(permit_counts, organisation_and_rule_are_told_apart)
{
        PermitCounts counts = PERMIT_COUNTS_INIT;

        cr_assert_eq(permit_counts_add(&counts, (PermitOf){"ab", "c"}, 5), 0);
        cr_expect_eq(permit_counts_above(&counts, (PermitOf){"a", "bc"}, 0), 0);
        cr_expect_eq(permit_counts_above(&counts, (PermitOf){"c", "ab"}, 0), 0);
        cr_expect_eq(permit_counts_above(&counts, (PermitOf){"ab", "c"}, 0), 1);
        permit_counts_deinit(&counts);
}

static unsigned roll(unsigned n)
{
        static uint64_t state = 7;
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (unsigned)(state >> 33) % n;
}

static PermitOf pair_of(unsigned i, char texts[static 32])
{
        snprintf(texts, 16, "o%u", i % 20);
        snprintf(texts + 16, 16, "r%u", i / 20);
        return (PermitOf){texts, texts + 16};
}

Test(permit_counts, many_pairs_and_a_clock_that_jumps_about_are_counted_as_by_hand)
{
        static unsigned pairs[N_PERMITS];
        static uint64_t walls[N_PERMITS];
        PermitCounts counts = PERMIT_COUNTS_INIT;
        char texts[32];

        for (size_t i = 0; i < N_PERMITS; i++) {
                pairs[i] = roll(N_PAIRS);
                walls[i] = i * 10 + roll(300);
                cr_assert_eq(permit_counts_add(&counts, pair_of(pairs[i], texts), walls[i]), 0);
        }
        for (unsigned pair = 0; pair < N_PAIRS; pair++) {
                uint64_t after = roll(N_PERMITS * 10), n = 0;
                for (size_t i = 0; i < N_PERMITS; i++)
                        n += pairs[i] == pair && walls[i] > after;
                cr_expect_eq(permit_counts_above(&counts, pair_of(pair, texts), after), n);
        }
        permit_counts_deinit(&counts);
}

Test(permit_counts, only_the_latest_are_kept_and_that_is_enough_to_tell_whether_a_rate_is_used_up)
{
        enum { KEPT = 10 };
        PermitCounts counts = PERMIT_COUNTS_INIT;
        const PermitOf of = {"thorn", "rescue"};

        counts.kept = KEPT;
        for (uint64_t i = 1; i <= 1000; i++) {
                cr_assert_eq(permit_counts_add(&counts, of, i * 10), 0);
                uint64_t above = i * 10 > 55 ? i * 10 - 55 : 0, exact = i < 5 ? i : i == 5 ? 5 : 6;
                cr_expect_eq(permit_counts_above(&counts, of, above), exact, "%zu", (size_t)i);
                cr_expect_geq(permit_counts_above(&counts, of, 0), i < KEPT ? i : KEPT);
                cr_expect_leq(permit_counts_above(&counts, of, 0), 2 * KEPT);
        }
        permit_counts_deinit(&counts);
}
