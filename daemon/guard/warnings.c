/*
 * Warnings about dates and clocks. Owns the timer that looks for them. Run by the guard's loop.
 */

#include "guard/warnings.h"

#include <errno.h>

#include "base/macro.h"
#include "guard/facts.h"
#include "guard/guard.h"
#include "guard/recount.h"
#include "guard/timer.h"
#include "policy/time.h"
#include "trail/event.h"

#define WARNINGS_EACH_USEC (3600 * CLOCK_USEC_PER_SEC)

/* Beyond this many a list is not read; a status holds other things, too. */
enum { WARNINGS_LISTED_MAX = 100 };

static const char warnings_uncounted[] =
        "the clock was set back to before the permits that are counted: requests "
        "that a Rate concerns fail until matchguard.service is restarted";

static bool warnings_is_uncounted(const Guard *guard, const ClockReading *now)
{
        const Recorder *recorder = &guard->recorder;

        return !recount_reaches(&recorder->rates, now, &recorder->ledger.state,
                                policy_longest_window_usec(guard->policy));
}

static void warnings_check_count(Warnings *warnings, const ClockReading *now)
{
        bool uncounted = warnings_is_uncounted(warnings->guard, now);

        if (uncounted && !warnings->uncounted)
                event_tell(EVENT_RATES_UNCOUNTED, EVENT_NO_FIELDS, "%s.", warnings_uncounted);
        warnings->uncounted = uncounted;
}

static const EventKind warnings_events[_UPCOMING_MAX] = {
        [UPCOMING_MORATORIUM_END] = EVENT_MORATORIUM_END,
        [UPCOMING_MORATORIUM_REVIEW] = EVENT_MORATORIUM_REVIEW,
        [UPCOMING_ALLOW_END] = EVENT_ALLOW_END,
        [UPCOMING_ORGANISATION_END] = EVENT_ORGANISATION_END,
};

static void warnings_tell(const Upcoming *upcoming)
{
        char when[TIME_TEXT_SIZE];

        time_format(upcoming->instant, when);
        event_tell(warnings_events[upcoming->kind], EVENT_FIELDS({"name", upcoming->name}, {"date", when}),
                   "%s.", upcoming->text);
}

int warnings_check(Warnings *warnings)
{
        _cleanup_(upcoming_list_deinit) UpcomingList list = UPCOMING_LIST_INIT;
        Guard *guard = warnings->guard;
        ClockReading now;

        int r = clock_read(&now);
        if (r < 0)
                return r;
        warnings_check_count(warnings, &now);
        Facts facts = facts_of_time(&guard->recorder.ledger, &now);
        r = policy_upcoming(guard->policy, &facts, &list);
        for (size_t i = 0; i < list.n && r >= 0; i++) {
                r = said_note(&warnings->said, &list.items[i]);
                if (r > 0)
                        warnings_tell(&list.items[i]);
        }
        return r < 0 ? r : 0;
}

int warnings_policy_loaded(Warnings *warnings)
{
        said_deinit(&warnings->said);
        int r = warnings_check(warnings);
        return r < 0 ? r : timer_arm(warnings->timer, WARNINGS_EACH_USEC);
}

static int warnings_on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        Warnings *warnings = userdata;

        int r = guard_time_passed(warnings->guard);
        return r < 0 ? r : timer_arm(source, WARNINGS_EACH_USEC);
}

void warning_list_deinit(WarningList *list)
{
        buffer_deinit(&list->lines);
        buffer_deinit(&list->kinds);
        *list = WARNING_LIST_INIT;
}

static void warnings_add(WarningList *list, EventKind kind, const char *text)
{
        buffer_append_format(&list->lines, "%s\n", text);
        buffer_append_format(&list->kinds, "%s\n", event_name(kind));
        list->n++;
}

/* A clock that is behind makes every request fail; so does one that was set back to before what is counted,
 * for requests that a rate concerns. */
static void warnings_of_clock(const Guard *guard, const ClockReading *now, WarningList *list)
{
        const TrailState *state = &guard->recorder.ledger.state;
        char time[TIME_TEXT_SIZE], mark[TIME_TEXT_SIZE];
        _cleanup_(buffer_deinit) Buffer behind = BUFFER_INIT;

        /* Without a trail there is neither a mark nor a count. */
        if (guard->standby.active)
                return;
        if (ledger_clock(&guard->recorder.ledger, now) == CLOCK_BEHIND) {
                time_format((int64_t)now->wall_usec, time);
                time_format((int64_t)state->mark_usec, mark);
                buffer_append_format(
                        &behind,
                        "the clock says %s, and a record that was made with a synchronised clock says "
                        "%s: every request is denied as clock-untrusted; set the clock right, or, where "
                        "the record is wrong, run 'matchguard rebase'",
                        time, mark);
                warnings_add(list, EVENT_CLOCK_BEHIND, buffer_text(&behind));
        }
        if (warnings_is_uncounted(guard, now))
                warnings_add(list, EVENT_RATES_UNCOUNTED, warnings_uncounted);
}

int warnings_list(const Guard *guard, const ClockReading *now, WarningList *list)
{
        _cleanup_(upcoming_list_deinit) UpcomingList upcoming = UPCOMING_LIST_INIT;
        Facts facts = facts_of_time(&guard->recorder.ledger, now);

        int r = policy_upcoming(guard->policy, &facts, &upcoming);
        if (r < 0)
                return r;
        warnings_of_clock(guard, now, list);
        size_t n_listed = MIN_OF(upcoming.n, (size_t)WARNINGS_LISTED_MAX);
        for (size_t i = 0; i < n_listed; i++)
                warnings_add(list, warnings_events[upcoming.items[i].kind], upcoming.items[i].text);
        if (upcoming.n > n_listed) {
                buffer_append_format(&list->lines, "and %zu more\n", upcoming.n - n_listed);
                buffer_append_text(&list->kinds, "more\n");
                list->n += upcoming.n - n_listed;
        }
        return list->lines.failed || list->kinds.failed ? -ENOMEM : 0;
}

int warnings_init(Warnings *warnings, Guard *guard)
{
        *warnings = (Warnings){.guard = guard, .said = SAID_INIT};
        return timer_new(guard->event, &warnings->timer, warnings_on_timer, warnings);
}

void warnings_deinit(Warnings *warnings)
{
        warnings->timer = sd_event_source_disable_unref(warnings->timer);
        said_deinit(&warnings->said);
}
