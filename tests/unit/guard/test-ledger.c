/* Index, time and mark of leaves, for clocks that the test sets. */

#include <criterion/criterion.h>

#include "guard/ledger.h"

#define SECOND CLOCK_USEC_PER_SEC

static const char boot[] = "0123456789abcdef0123456789abcdef";

static ClockReading at(uint64_t wall, uint64_t boottime, bool synchronised)
{
        return (ClockReading){
                .wall_usec = wall * SECOND, .boottime_usec = boottime * SECOND, .synchronised = synchronised};
}

/* Makes a leaf at a reading, and gives its stamp. */
static LedgerStamp make(Ledger *ledger, ClockReading now)
{
        LedgerStamp stamp = ledger_stamp(ledger, &now);
        TrailState after = ledger_after(ledger, &stamp, &(LedgerEffect){});

        ledger_observe(ledger, &now);
        ledger_advance(ledger, &after);
        return stamp;
}

static Ledger ledger_at(uint64_t size)
{
        Ledger ledger;
        TrailState state = {};

        ledger_init(&ledger, boot, size, &state);
        return ledger;
}

Test(ledger, indices_follow_on_from_where_the_log_ends)
{
        Ledger ledger = ledger_at(17);

        cr_expect_eq(make(&ledger, at(100, 1, true)).index, 17);
        cr_expect_eq(make(&ledger, at(100, 1, true)).index, 18);
        cr_expect_eq(ledger.size, 19);
}

Test(ledger, time_never_decreases_though_wall_does)
{
        Ledger ledger = ledger_at(0);

        make(&ledger, at(100, 1, false));
        LedgerStamp stamp = make(&ledger, at(50, 2, false));
        cr_expect_eq(stamp.time_usec, 100 * SECOND);
        cr_expect_eq(stamp.wall_usec, 50 * SECOND);
        cr_expect_eq(make(&ledger, at(120, 3, false)).time_usec, 120 * SECOND);
}

Test(ledger, mark_is_the_largest_synchronised_wall)
{
        Ledger ledger = ledger_at(0);

        make(&ledger, at(100, 1, false));
        cr_expect_not(ledger.state.has_mark);
        make(&ledger, at(200, 2, true));
        make(&ledger, at(300, 3, false));
        make(&ledger, at(198, 4, true));
        cr_expect(ledger.state.has_mark);
        cr_expect_eq(ledger.state.mark_usec, 200 * SECOND);
}

Test(ledger, the_mark_of_a_leaf_is_that_of_the_earlier_ones)
{
        Ledger ledger = ledger_at(0);

        make(&ledger, at(200, 2, true));
        ClockReading now = at(300, 3, true);
        LedgerStamp stamp = ledger_stamp(&ledger, &now);
        cr_expect_eq(ledger.state.mark_usec, 200 * SECOND);
        cr_expect_eq(ledger_after(&ledger, &stamp, &(LedgerEffect){}).mark_usec, 300 * SECOND);
}

Test(ledger, more_than_five_seconds_before_the_mark_the_clock_is_behind)
{
        Ledger ledger = ledger_at(0);

        make(&ledger, at(200, 2, true));
        cr_expect_eq(make(&ledger, at(195, 3, true)).clock, CLOCK_SYNCHRONISED);
        cr_expect_eq(make(&ledger, at(194, 4, true)).clock, CLOCK_BEHIND);
        cr_expect_eq(ledger.state.mark_usec, 200 * SECOND, "a clock that is behind marks nothing");
}

Test(ledger, a_rebase_takes_the_mark_to_its_own_wall_and_from_there_it_grows)
{
        Ledger ledger = ledger_at(0);
        ClockReading now = at(120, 3, false);

        make(&ledger, at(200, 2, true));
        LedgerStamp stamp = ledger_stamp(&ledger, &now);
        cr_expect_eq(stamp.clock, CLOCK_BEHIND, "the leaf itself is still behind");
        TrailState after = ledger_after(&ledger, &stamp, &(LedgerEffect){.rebase = true});
        cr_expect_eq(after.mark_usec, 120 * SECOND);
        cr_expect_eq(after.time_usec, 200 * SECOND, "log time does not go back");
        ledger_advance(&ledger, &after);
        cr_expect_eq(make(&ledger, at(116, 4, true)).clock, CLOCK_SYNCHRONISED);
        cr_expect_eq(ledger.state.mark_usec, 120 * SECOND);
        cr_expect_eq(make(&ledger, at(130, 5, true)).clock, CLOCK_SYNCHRONISED);
        cr_expect_eq(ledger.state.mark_usec, 130 * SECOND);
        cr_expect_eq(make(&ledger, at(124, 6, true)).clock, CLOCK_BEHIND);
}

Test(ledger, a_failed_commit_takes_everything_back)
{
        Ledger ledger = ledger_at(5);

        make(&ledger, at(100, 1, true));
        TrailState good = ledger.state;
        make(&ledger, at(200, 2, true));
        make(&ledger, at(300, 3, true));
        ledger_rollback(&ledger, 6, &good);
        LedgerStamp stamp = make(&ledger, at(150, 4, true));
        cr_expect_eq(stamp.index, 6);
        cr_expect_eq(stamp.time_usec, 150 * SECOND);
        cr_expect_eq(stamp.clock, CLOCK_SYNCHRONISED);
}

Test(ledger, a_policy_leaf_puts_its_policy_in_force)
{
        Ledger ledger = ledger_at(0);
        Digest policy = {.bytes = {1, 2, 3}};
        ClockReading now = at(100, 1, true);

        LedgerStamp stamp = ledger_stamp(&ledger, &now);
        TrailState after = ledger_after(&ledger, &stamp, &(LedgerEffect){.policy = &policy});
        cr_expect(after.has_policy);
        cr_expect(digest_equal(&after.policy, &policy));
        cr_expect_not(ledger.state.has_policy, "not before it is on its way");
}

Test(ledger, steps_of_the_wall_clock_are_told)
{
        static const struct {
                const char *what;
                uint64_t wall, boottime;
                bool jumped;
                uint64_t from;
        } cases[] = {
                {"a minute passes", 1060, 160, false, 0},
                {"a second less than boot time says", 1059, 160, false, 0},
                {"five seconds more", 1065, 160, false, 0},
                {"six seconds more", 1066, 160, true, 1060},
                {"back against the last reading", 999, 100, true, 1000},
                {"back against boot time only", 1030, 160, true, 1060},
                {"a year forward", 32000000, 160, true, 1060},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                Ledger ledger = ledger_at(0);
                LedgerJump jump = {};
                ClockReading before = at(1000, 100, true);
                ClockReading now = at(cases[i].wall, cases[i].boottime, true);
                ledger_observe(&ledger, &before);
                cr_expect_eq(ledger_jumped(&ledger, &now, &jump), cases[i].jumped, "%s", cases[i].what);
                cr_expect_eq(jump.from_usec, cases[i].from * SECOND, "%s", cases[i].what);
        }
}

Test(ledger, at_the_start_of_a_run_only_a_step_back_can_be_told)
{
        TrailState state = {.time_usec = 1000 * SECOND};
        ClockReading later = at(999999, 1, true);
        ClockReading earlier = at(999, 1, true);
        LedgerJump jump;
        Ledger ledger;

        ledger_init(&ledger, boot, 3, &state);
        cr_expect_not(ledger_jumped(&ledger, &later, &jump));
        cr_expect(ledger_jumped(&ledger, &earlier, &jump));
        cr_expect_eq(jump.from_usec, 1000 * SECOND);
        cr_expect_eq(jump.to_usec, 999 * SECOND);
}

Test(ledger, an_epoch_ends_with_its_leaf_and_its_time_begins_with_the_first)
{
        Ledger ledger = ledger_at(0);
        ClockReading now = at(200, 2, true);

        make(&ledger, at(100, 1, true));
        make(&ledger, at(150, 1, true));
        cr_expect_eq(ledger.state.epoch_usec, 100 * SECOND);
        LedgerStamp stamp = ledger_stamp(&ledger, &now);
        TrailState after = ledger_after(&ledger, &stamp, &(LedgerEffect){.ends_epoch = true});
        TrailState before = ledger.state;
        cr_expect_eq(ledger.state.epoch, 0, "its own leaf is in the epoch that it ends");
        ledger_advance(&ledger, &after);
        cr_expect_eq(ledger.state.epoch, 1);
        cr_expect_eq(ledger.state.epoch_first, 3);
        make(&ledger, at(300, 3, true));
        cr_expect_eq(ledger.state.epoch_usec, 300 * SECOND);
        ledger_rollback(&ledger, 2, &before);
        cr_expect_eq(ledger.state.epoch, 0);
        cr_expect_eq(ledger.state.epoch_usec, 100 * SECOND);
}

Test(ledger, every_leaf_has_these_keys)
{
        Ledger ledger = ledger_at(7);
        ClockReading now = at(100, 1, true);
        Leaf leaf = LEAF_INIT;
        Buffer buffer = BUFFER_INIT;

        ledger.state.epoch = 4;
        LedgerStamp stamp = ledger_stamp(&ledger, &now);
        ledger_head_leaf(&ledger, &stamp, "beat", &leaf);
        cr_assert_eq(leaf_encode(&leaf, LEAF_MAX, &buffer), 0);
        cr_expect_str_eq(
                buffer_text(&buffer),
                "{\"boot\":\"0123456789abcdef0123456789abcdef\",\"boottime\":1000000,\"clock\":"
                "\"synchronised\","
                "\"epoch\":4,\"index\":7,\"kind\":\"beat\",\"time\":100000000,\"v\":1,\"wall\":100000000}");
        buffer_deinit(&buffer);
}
