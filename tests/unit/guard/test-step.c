/* A step of the clock whose leaf could not be written is seen again. */

#include <criterion/criterion.h>

#include "guard/ledger.h"

static Ledger ledger;

static void set_up(void)
{
        const TrailState state = {.time_usec = 1000 * CLOCK_USEC_PER_SEC};

        ledger_init(&ledger, "0123456789abcdef0123456789abcdef", 7, &state);
}

TestSuite(step, .init = set_up);

static ClockReading reading(uint64_t boottime, uint64_t wall)
{
        return (ClockReading){.boottime_usec = boottime * CLOCK_USEC_PER_SEC,
                              .wall_usec = wall * CLOCK_USEC_PER_SEC};
}

/* Whether a reading shows a step; if so it is on its way, and @ret_before is what its waiter keeps. */
static bool see(uint64_t boottime, uint64_t wall, LedgerSeen *ret_before)
{
        ClockReading now = reading(boottime, wall);
        LedgerJump jump;

        bool jumped = ledger_jumped(&ledger, &now, &jump);
        *ret_before = ledger_seen(&ledger);
        ledger_observe(&ledger, &now);
        return jumped;
}

Test(step, one_that_was_not_recorded_is_told_again_from_where_it_began)
{
        ClockReading later = reading(20, 5020);
        LedgerSeen before;
        LedgerJump jump;

        cr_assert_not(see(10, 2000, &before));
        cr_assert(see(11, 5011, &before));
        cr_assert_not(ledger_jumped(&ledger, &later, &jump), "it counts as told");

        ledger_unsee(&ledger, &before);
        cr_assert(ledger_jumped(&ledger, &later, &jump));
        cr_assert_eq(jump.from_usec, 2010 * CLOCK_USEC_PER_SEC);
        cr_assert_eq(jump.to_usec, 5020 * CLOCK_USEC_PER_SEC);
}

Test(step, of_several_that_were_not_recorded_the_earliest_counts)
{
        ClockReading later = reading(20, 9020);
        LedgerSeen first, second;
        LedgerJump jump;

        cr_assert_not(see(10, 2000, &first));
        cr_assert(see(11, 5011, &first));
        cr_assert(see(12, 9012, &second));
        ledger_unsee(&ledger, &first);
        ledger_unsee(&ledger, &second);
        cr_assert(ledger_jumped(&ledger, &later, &jump));
        cr_assert_eq(jump.from_usec, 2010 * CLOCK_USEC_PER_SEC);
}

Test(step, one_against_the_log_at_the_start_of_a_run_is_told_again_too)
{
        ClockReading later = reading(11, 501);
        LedgerSeen before;
        LedgerJump jump;

        cr_assert(see(10, 500, &before), "the log is at 1000");
        ledger_unsee(&ledger, &before);
        cr_assert(ledger_jumped(&ledger, &later, &jump));
        cr_assert_eq(jump.from_usec, 1000 * CLOCK_USEC_PER_SEC);
}
