/*
 * Erasing details, step by step. Owns the one erasure that may be under way. Run by the guard's loop; the trail
 * calls back.
 *
 *   step -> selected -> record -> committed -> step ... -> scrub -> scrubbed -> end
 */

#include "guard/erase.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/macro.h"
#include "guard/client.h"
#include "guard/details.h"
#include "guard/facts.h"
#include "guard/guard.h"
#include "guard/leaves.h"
#include "guard/timer.h"
#include "trail/event.h"

#define ERASER_DAY_USEC   (UINT64_C(86400) * CLOCK_USEC_PER_SEC)
#define ERASER_FIRST_USEC (1 * CLOCK_USEC_PER_SEC)
#define ERASER_AGAIN_USEC (3600 * CLOCK_USEC_PER_SEC)
#define ERASER_LATER_USEC (10 * CLOCK_USEC_PER_SEC) /* while others have to be first */

static int eraser_step(Eraser *eraser);

/* ------------------------------------------------------------------------------------------------- the end */

/* Ends the erasure with an answer, used up, where somebody waits for one. */
static int eraser_end(Eraser *eraser, Buffer *answer)
{
        eraser->busy = false;
        explicit_bzero(eraser->subject, sizeof(eraser->subject));
        if (!eraser->by_admin)
                return 0;
        int r = call_end(&eraser->call, answer);
        return r < 0 ? r : 0;
}

/* Ends it early. What was erased before is told of: it does not come back. */
static int eraser_stop(Eraser *eraser, AnswerKind kind, const char *why)
{
        _cleanup_(buffer_deinit) Buffer answer = BUFFER_INIT, reason = BUFFER_INIT;

        if (why && eraser->n_done > 0 && !eraser->counts)
                buffer_append_format(&reason, "%llu details were erased, then: %s",
                                     (unsigned long long)eraser->n_done, why);
        else if (why)
                buffer_append_text(&reason, why);
        answer_error(eraser->call.to, kind, why ? buffer_text(&reason) : NULL, &answer);
        return eraser_end(eraser, &answer);
}

static int eraser_done(Eraser *eraser)
{
        _cleanup_(buffer_deinit) Buffer answer = BUFFER_INIT;
        AnswerMessage message = {.connection = eraser->call.to.connection,
                                 .serial = eraser->call.to.serial,
                                 .kind = ANSWER_COUNT,
                                 .count = eraser->n_done,
                                 .has_record = eraser->has_record,
                                 .record = eraser->record};

        answer_encode(&message, &answer);
        return eraser_end(eraser, &answer);
}

static int eraser_scrubbed(bool scrubbed, void *userdata)
{
        Eraser *eraser = userdata;

        if (scrubbed)
                return eraser_done(eraser);
        event_tell(EVENT_ERASE_PENDING, EVENT_NO_FIELDS,
                   "Erased details still stand in the write-ahead log, because there is no room to move it; "
                   "they go as soon as there is.");
        return eraser_stop(
                eraser, ANSWER_TRAIL_UNAVAILABLE,
                "there is no room to move the write-ahead log, in which they still stand; they go as "
                "soon as there is");
}

/* ----------------------------------------------------------------------------------------------- the steps */

/* A look-up that the trail has no place for. */
static int eraser_asked(Eraser *eraser, int r)
{
        return r == -EOVERFLOW ? eraser_stop(eraser, ANSWER_OVERLOADED, NULL) : r;
}

static int eraser_go_on(Eraser *eraser)
{
        if (!eraser->last_step)
                return eraser_step(eraser);
        if (!eraser->has_record)
                return eraser_done(eraser);
        return eraser_asked(eraser, trail_scrub(eraser->guard->trail, eraser_scrubbed, eraser));
}

static int eraser_committed(Waiter *waiter, TrailEntry *entry)
{
        Eraser *eraser = CONTAINER_OF(waiter, Eraser, waiter);

        eraser->n_done += eraser->n_on_its_way;
        eraser->has_record = true;
        eraser->record = entry->index;
        return eraser_go_on(eraser);
}

static int eraser_failed(Waiter *waiter)
{
        Eraser *eraser = CONTAINER_OF(waiter, Eraser, waiter);

        return eraser_stop(eraser, ANSWER_TRAIL_UNAVAILABLE, eraser->guard->recorder.why);
}

/* Return: 0, RECORDER_E_*, or -errno. */
static int eraser_record(Eraser *eraser, const TrailSelected *selected)
{
        Recorder *recorder = &eraser->guard->recorder;
        const LeafErase erase = {.has_by = eraser->by_admin,
                                 .by = eraser->by,
                                 .has_of = selected->found,
                                 .of = selected->of,
                                 .leaves = selected->leaves,
                                 .n_leaves = selected->n_leaves};
        Draft draft = DRAFT_INIT;
        ClockReading now;

        int r = recorder_now(recorder, &now);
        if (r < 0)
                return r;
        eraser->n_on_its_way = selected->n_leaves;
        draft_begin(&draft, &recorder->ledger, &now, "erase");
        leaf_erase(&erase, &draft);
        return recorder_append(recorder, &draft, &eraser->waiter);
}

static int eraser_selected(const TrailSelected *selected, void *userdata)
{
        Eraser *eraser = userdata;
        DetailsOf of = eraser->selection.of;

        if ((of == DETAILS_OF_REQUEST || of == DETAILS_OF_LEAF) && !selected->found)
                return eraser_stop(eraser, ANSWER_NO_SUCH_REQUEST, NULL);
        eraser->last_step = selected->done;
        eraser->selection.first = selected->next;
        if (eraser->counts)
                eraser->n_done += selected->n_leaves;
        if (eraser->counts || selected->n_leaves == 0)
                return eraser_go_on(eraser);
        int r = eraser_record(eraser, selected);
        if (r == RECORDER_E_UNAVAILABLE)
                return eraser_failed(&eraser->waiter);
        return r > 0 ? eraser_stop(eraser, ANSWER_OVERLOADED, NULL) : r;
}

static int eraser_step(Eraser *eraser)
{
        Guard *guard = eraser->guard;

        if (guard->stopping)
                return eraser_stop(eraser, ANSWER_TRAIL_UNAVAILABLE, "the service is stopping");
        /* Of its own accord it waits while others are many. */
        if (!eraser->by_admin && recorder_is_busy(&guard->recorder)) {
                int r = eraser_end(eraser, NULL);
                return r < 0 ? r : timer_arm(eraser->timer, ERASER_LATER_USEC);
        }
        return eraser_asked(eraser, trail_select(guard->trail, &eraser->selection, eraser_selected, eraser));
}

static void eraser_begin(Eraser *eraser, const TrailSelection *selection)
{
        eraser->busy = true;
        eraser->by_admin = false;
        eraser->counts = false;
        eraser->call = (Call){};
        eraser->n_done = 0;
        eraser->has_record = false;
        eraser->selection = *selection;
}

/* ------------------------------------------------------------------------------------- the administrator's */

/* An answer that a call gets at once. */
static int eraser_turn_away(Client *client, uint64_t serial, AnswerKind kind, const char *reason)
{
        _cleanup_(buffer_deinit) Buffer answer = BUFFER_INIT;
        Call call = {};

        call_begin(&call, client, serial);
        answer_error(call.to, kind, reason, &answer);
        int r = call_end(&call, &answer);
        return r < 0 ? r : 0;
}

/* The instant so many days ago; none lies before 1970. */
static uint64_t eraser_days_before(uint64_t usec, uint64_t days)
{
        return usec > days * ERASER_DAY_USEC ? usec - days * ERASER_DAY_USEC : 0;
}

int eraser_by_admin(Eraser *eraser, Client *client, const CallMessage *message)
{
        const Guard *guard = eraser->guard;
        TrailSelection selection;
        ClockReading now;

        int r = clock_read(&now);
        if (r < 0)
                return r;
        const char *bad = details_selection(message, guard->recorder.ledger.size, &selection);
        if (bad)
                return eraser_turn_away(client, message->serial, ANSWER_INVALID_PARAMETER, bad);
        if (guard->stopping)
                return eraser_turn_away(client, message->serial, ANSWER_TRAIL_UNAVAILABLE,
                                        "the service is stopping");
        if (eraser->busy)
                return eraser_turn_away(client, message->serial, ANSWER_OVERLOADED, NULL);
        eraser_begin(eraser, &selection);
        eraser->by_admin = true;
        eraser->counts = message->kind == CALL_COUNT_DETAILS;
        eraser->by = client->attestation.uid;
        eraser->selection.before_usec = eraser_days_before(now.wall_usec, message->days);
        if (selection.subject)
                (void)snprintf(eraser->subject, sizeof(eraser->subject), "%s", selection.subject);
        eraser->selection.subject = eraser->subject;
        call_begin(&eraser->call, client, message->serial);
        return eraser_step(eraser);
}

/* ---------------------------------------------------------------------------------------------------- by age */

/* What loosens is judged at this time (matchguard.policy(5)): what is gone does not come back either. 0: it has
 * never come. */
static uint64_t eraser_time(const Eraser *eraser)
{
        ClockReading now;

        if (clock_read(&now) < 0)
                return 0;
        Facts facts = facts_of_time(&eraser->guard->recorder.ledger, &now);
        if (facts.clock == CLOCK_SYNCHRONISED)
                return (uint64_t)facts.time_usec;
        return facts.has_mark ? (uint64_t)MIN_OF(facts.mark_usec, facts.time_usec) : 0;
}

bool eraser_waits_for_time(const Eraser *eraser)
{
        return eraser->guard->config.retention_days > 0 && eraser_time(eraser) == 0;
}

static int eraser_on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        Eraser *eraser = userdata;
        const Guard *guard = eraser->guard;

        if (guard->stopping)
                return 0;
        int r = timer_arm(eraser->timer, eraser->busy ? ERASER_LATER_USEC : ERASER_AGAIN_USEC);
        uint64_t time_usec = eraser_time(eraser);
        if (r < 0 || eraser->busy || time_usec == 0)
                return r;
        const TrailSelection selection = {.of = DETAILS_BY_AGE,
                                          .before_usec =
                                                  eraser_days_before(time_usec, guard->config.retention_days),
                                          .end = guard->recorder.ledger.size};
        eraser_begin(eraser, &selection);
        return eraser_step(eraser);
}

/* -------------------------------------------------------------------------------------------- life and death */

int eraser_init(Eraser *eraser, Guard *guard)
{
        *eraser =
                (Eraser){.guard = guard, .waiter = {.committed = eraser_committed, .failed = eraser_failed}};
        return timer_new(guard->event, &eraser->timer, eraser_on_timer, eraser);
}

int eraser_start(Eraser *eraser)
{
        return eraser->guard->config.retention_days > 0 ? timer_arm(eraser->timer, ERASER_FIRST_USEC) : 0;
}

void eraser_deinit(Eraser *eraser)
{
        eraser->timer = sd_event_source_disable_unref(eraser->timer);
}
