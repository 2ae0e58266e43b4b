/*
 * The one line. Owns nothing. Run by the guard's loop.
 */

#include "guard/summary.h"

#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "guard/facts.h"
#include "guard/guard.h"
#include "guard/warnings.h"

static const char *summary_state(const Guard *guard, const Facts *facts)
{
        if (guard->stopping)
                return "Stopping";
        if (guard->recorder.broken)
                return "The trail cannot be written: every request is refused (matchguard status says why)";
        if (facts->clock == CLOCK_BEHIND)
                return "The clock is behind the trail: every request is denied";
        if (guard->serving)
                return "Serving";
        return guard->frontend.channel ? "Waiting for the worker" : "Waiting for the frontend";
}

static char *summary_text(const Guard *guard)
{
        _cleanup_(warning_list_deinit) WarningList list = WARNING_LIST_INIT;
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        ClockReading now = {};

        (void)clock_read(&now); /* Without a clock the time is 1970, and that is plain to see. */
        Facts facts = facts_of_time(&guard->recorder.ledger, &now);
        buffer_append_format(&text, "%s; in force: ", summary_state(guard, &facts));
        policy_standing_brief(guard->policy, &facts, &text);
        /* Without memory for them none are told of; whoever asks for the status learns why. */
        (void)warnings_list(guard, &now, &list);
        if (list.n > 0)
                buffer_append_format(&text, "; %zu warning%s", list.n, list.n == 1 ? "" : "s");
        buffer_append_text(&text, ".");
        return text.failed ? NULL : buffer_take(&text, NULL);
}

static void summary_tell(Guard *guard, const char *more, const char *text)
{
        _cleanup_(buffer_deinit) Buffer message = BUFFER_INIT;

        buffer_append_format(&message, "%sSTATUS=%s", more, text);
        if (!message.failed)
                (void)notifier_tell(&guard->notifier,
                                    buffer_text(&message)); /* The next one tells as much. */
}

void summary_notify(Guard *guard, const char *more)
{
        char *text = summary_text(guard);
        bool same = !text || (guard->summary && strcmp(guard->summary, text) == 0);

        if (!same || *more)
                summary_tell(guard, more, text ? text : "");
        free(guard->summary);
        guard->summary = text;
}
