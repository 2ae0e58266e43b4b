/*
 * A worker's session that begins while a commit of the session before is on its way.
 */

#include <criterion/criterion.h>

#include "fixture.h"

static Fixture fixture;

static void set_up(void)
{
        fixture_init(&fixture);
        cr_assert_eq(fixture_open(&fixture), 0);
}

static void tear_down(void)
{
        fixture_deinit(&fixture);
}

TestSuite(session, .init = set_up, .fini = tear_down);

/* What a worker was shown: each proof must begin where the one before ended. */
typedef struct Shown {
        unsigned n;
        uint64_t size;
} Shown;

static void check_follows(const TrailCommit *commit, void *userdata)
{
        Shown *shown = userdata;

        if (!commit->has_consistency)
                return;
        cr_assert_eq(commit->old_size, shown->size, "a proof from %lu after one to %lu",
                     (unsigned long)commit->old_size, (unsigned long)shown->size);
        shown->n++;
        shown->size = commit->head.size;
}

/* Until the trail has something to tell, which it is not asked for yet. */
static void wait_for_report(void)
{
        int r = sd_event_prepare(fixture.event);

        if (r == 0)
                r = sd_event_wait(fixture.event, UINT64_MAX);
        cr_assert_gt(r, 0);
}

Test(session, a_commit_of_the_session_before_brings_no_proof_even_from_the_same_size)
{
        Shown shown = {};

        fixture_grow(&fixture, 3);
        trail_show_from(fixture.trail, 3);
        fixture.on_commit = check_follows;
        fixture.userdata = &shown;

        cr_assert_eq(fixture_append(&fixture, TRAIL_PERMIT), 0);
        wait_for_report();
        trail_show_from(fixture.trail, 3); /* The worker died before it was shown anything, and is back. */
        shown.size = 3;
        cr_assert_geq(sd_event_dispatch(fixture.event), 0);
        fixture_run(&fixture, 4);
        cr_assert_eq(shown.n, 0, "no permit in it names the new session");

        for (uint64_t size = 5; size < 8; size++) {
                cr_assert_eq(fixture_append(&fixture, TRAIL_PERMIT), 0);
                fixture_run(&fixture, size);
        }
        cr_assert_eq(shown.n, 3, "every commit with a permit of the new session is shown");
}
