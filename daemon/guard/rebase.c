/*
 * Setting the mark back. Owns the one call that may be under way. Run by the guard's loop.
 */

#include "guard/rebase.h"

#include "base/macro.h"
#include "guard/client.h"
#include "guard/guard.h"
#include "guard/leaves.h"
#include "guard/status.h"
#include "policy/time.h"
#include "trail/event.h"

/* An answer that a call gets at once. */
static int rebase_turn_away(Client *client, uint64_t serial, AnswerKind kind, const char *reason)
{
        _cleanup_(buffer_deinit) Buffer answer = BUFFER_INIT;
        Call call = {};

        call_begin(&call, client, serial);
        answer_error(call.to, kind, reason, &answer);
        int r = call_end(&call, &answer);
        return r < 0 ? r : 0;
}

static int rebase_end(Rebase *rebase, Buffer *answer)
{
        rebase->busy = false;
        int r = call_end(&rebase->call, answer);
        return r < 0 ? r : 0;
}

static int rebase_committed(Waiter *waiter, TrailEntry *entry)
{
        Rebase *rebase = CONTAINER_OF(waiter, Rebase, waiter);
        _cleanup_(buffer_deinit) Buffer answer = BUFFER_INIT;

        int r = guard_time_passed(rebase->guard);
        if (r < 0)
                return r;
        status_answer(rebase->guard, rebase->call.to, &answer);
        return rebase_end(rebase, &answer);
}

/* The recorder has gone back, and the mark with it. */
static int rebase_failed(Waiter *waiter)
{
        Rebase *rebase = CONTAINER_OF(waiter, Rebase, waiter);
        _cleanup_(buffer_deinit) Buffer answer = BUFFER_INIT;

        answer_error(rebase->call.to, ANSWER_TRAIL_UNAVAILABLE, rebase->guard->recorder.why, &answer);
        return rebase_end(rebase, &answer);
}

/* Why there is nothing to do; "" where there is something. */
static void rebase_describe(const Ledger *ledger, const ClockReading *now, Buffer *why)
{
        char time[TIME_TEXT_SIZE], mark[TIME_TEXT_SIZE];

        time_format((int64_t)now->wall_usec, time);
        time_format((int64_t)ledger->state.mark_usec, mark);
        if (!ledger->state.has_mark)
                buffer_append_text(why, "no record was made with a synchronised clock, so there is no mark");
        else if (ledger_clock(ledger, now) != CLOCK_BEHIND)
                buffer_append_format(why, "the clock says %s, and is not behind the mark %s", time, mark);
}

/* Return: 0, RECORDER_E_*, or -errno. */
static int rebase_record(Rebase *rebase, const ClockReading *now, uid_t by)
{
        Recorder *recorder = &rebase->guard->recorder;
        LedgerJump jump = {.from_usec = recorder->ledger.state.mark_usec, .to_usec = now->wall_usec};
        Draft draft = DRAFT_INIT;

        draft_begin(&draft, &recorder->ledger, now, "jump");
        leaf_rebase(&jump, by, &draft);
        return recorder_append(recorder, &draft, &rebase->waiter);
}

static int rebase_begin(Rebase *rebase, Client *client, uint64_t serial)
{
        Recorder *recorder = &rebase->guard->recorder;
        _cleanup_(buffer_deinit) Buffer why = BUFFER_INIT;
        uid_t by = client->attestation.uid;
        ClockReading now;

        int r = recorder_now(recorder, &now);
        if (r < 0)
                return r;
        rebase_describe(&recorder->ledger, &now, &why);
        if (why.n > 0)
                return rebase_turn_away(client, serial, ANSWER_NOTHING_TO_REBASE, buffer_text(&why));
        r = rebase_record(rebase, &now, by);
        if (r < 0)
                return r;
        if (r == RECORDER_E_UNAVAILABLE)
                return rebase_turn_away(client, serial, ANSWER_TRAIL_UNAVAILABLE, recorder->why);
        if (r > 0)
                return rebase_turn_away(client, serial, ANSWER_OVERLOADED, NULL);
        rebase->busy = true;
        rebase->call = (Call){};
        call_begin(&rebase->call, client, serial);
        return 0;
}

int rebase_by_admin(Rebase *rebase, Client *client, uint64_t serial)
{
        if (rebase->guard->stopping)
                return rebase_turn_away(client, serial, ANSWER_TRAIL_UNAVAILABLE, "the service is stopping");
        if (rebase->busy)
                return rebase_turn_away(client, serial, ANSWER_OVERLOADED, NULL);
        return rebase_begin(rebase, client, serial);
}

void rebase_init(Rebase *rebase, Guard *guard)
{
        *rebase =
                (Rebase){.guard = guard, .waiter = {.committed = rebase_committed, .failed = rebase_failed}};
}
