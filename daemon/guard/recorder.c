/*
 * The way into the trail. Owns ledger, rates and three timers; the trail is the guard's. Run by the guard's
 * loop; never blocks.
 */

#include "guard/recorder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/macro.h"
#include "guard/leaves.h"
#include "guard/timer.h"
#include "trail/event.h"

#define RECORDER_PROBE_USEC (1 * CLOCK_USEC_PER_SEC)
#define RECORDER_BEAT_USEC  (60 * CLOCK_USEC_PER_SEC)
/* So long without a leaf, and nobody else said why: the process did not run. */
#define RECORDER_ASLEEP_USEC (5 * RECORDER_BEAT_USEC)

bool recorder_is_busy(const Recorder *recorder)
{
        return recorder->broken || recorder->closed || recorder->n_pending > RECORDER_BUSY;
}

void recorder_close(Recorder *recorder)
{
        recorder->closed = true;
}

void recorder_refuse(Recorder *recorder)
{
        recorder->n_refused++;
}

/* ---------------------------------------------------------------------------------------------- appending */

static int recorder_hand_over(Recorder *recorder, Draft *draft, Waiter *waiter)
{
        TrailState after = ledger_after(&recorder->ledger, &draft->stamp, &draft->effect);
        TrailEntry *entry = NULL;

        int r = draft_finish(draft, &after, &entry);
        if (r != 0)
                return r < 0 ? r : RECORDER_E_UNFIT;
        entry->userdata = waiter;
        entry->pressing = recorder->last_words;
        r = trail_append(recorder->trail, entry);
        if (r < 0) {
                trail_entry_free(entry);
                return r == -EOVERFLOW ? RECORDER_E_FULL : r;
        }
        ledger_advance(&recorder->ledger, &after);
        recorder->n_pending++;
        recorder->last_usec = draft->stamp.boottime_usec;
        return 0;
}

int recorder_append(Recorder *recorder, Draft *draft, Waiter *waiter)
{
        int r = RECORDER_E_UNAVAILABLE;

        if (!recorder->closed && (!recorder->broken || waiter == &recorder->probe))
                r = recorder_hand_over(recorder, draft, waiter);
        draft_deinit(draft);
        return r;
}

/* A `jump` leaf on its way, and what the clocks had said before: where it is not written, the step is as good
 * as not seen, and is told again as soon as leaves are written. */
typedef struct JumpEntry {
        Waiter waiter;
        Recorder *recorder;
        LedgerSeen before;
} JumpEntry;

static int jump_committed(Waiter *waiter, TrailEntry *entry)
{
        free(CONTAINER_OF(waiter, JumpEntry, waiter));
        return 0;
}

static int jump_failed(Waiter *waiter)
{
        _cleanup_(freep) JumpEntry *entry = CONTAINER_OF(waiter, JumpEntry, waiter);

        ledger_unsee(&entry->recorder->ledger, &entry->before);
        return 0;
}

/* Return: 0, RECORDER_E_*, or -errno. */
static int recorder_append_jump(Recorder *recorder, const LedgerJump *jump, const ClockReading *now)
{
        Draft draft = DRAFT_INIT;

        JumpEntry *entry = calloc(1, sizeof(*entry));
        if (!entry)
                return -ENOMEM;
        *entry = (JumpEntry){.waiter = {.committed = jump_committed, .failed = jump_failed},
                             .recorder = recorder,
                             .before = ledger_seen(&recorder->ledger)};
        draft_begin(&draft, &recorder->ledger, now, "jump");
        leaf_jump(jump, &draft);
        int r = recorder_append(recorder, &draft, &entry->waiter);
        if (r != 0)
                free(entry);
        return r;
}

/* After a reading: whether every request is denied because of it, and whether that is new. */
static int recorder_watch_clock(Recorder *recorder, const ClockReading *now, bool jumped)
{
        bool behind = ledger_clock(&recorder->ledger, now) == CLOCK_BEHIND;
        bool changed = behind != recorder->behind;

        recorder->behind = behind;
        if (changed && behind)
                event_tell(
                        EVENT_CLOCK_BEHIND,
                        EVENT_FIELDS({"time", .number = now->wall_usec},
                                     {"mark", .number = recorder->ledger.state.mark_usec}),
                        "The clock is behind the trail: every request is denied as clock-untrusted. Set it "
                        "right, or, where it is the trail that is ahead, run 'matchguard rebase'.");
        else if (changed)
                event_tell(EVENT_CLOCK_CAUGHT_UP, EVENT_NO_FIELDS,
                           "The clock is not behind the trail any more.");
        return changed || jumped ? recorder->handlers->clock(recorder->userdata) : 0;
}

/* An epoch that a suspended machine could not end is as long as it slept: a leaf says why. */
static int recorder_note_sleep(Recorder *recorder, const ClockReading *now)
{
        const LeafGap gap = {.why = "suspended", .since_usec = recorder->ledger.last.wall_usec};
        Draft draft = DRAFT_INIT;

        if (!recorder->started || now->boottime_usec < recorder->last_usec + RECORDER_ASLEEP_USEC)
                return 0;
        /* Who read the clock meanwhile was awake, and only had no room for leaves. */
        if (recorder->ledger.has_last &&
            now->boottime_usec < recorder->ledger.last.boottime_usec + RECORDER_ASLEEP_USEC)
                return 0;
        draft_begin(&draft, &recorder->ledger, now, "gap");
        leaf_gap(&gap, &draft);
        int r = recorder_append(recorder, &draft, NULL);
        return r < 0 ? r : 0;
}

static bool recorder_epoch_is_over(const Recorder *recorder, const ClockReading *now)
{
        uint64_t n_leaves = recorder->ledger.size - recorder->ledger.state.epoch_first;

        return recorder->started && !recorder->ending &&
               (now->boottime_usec >= recorder->epoch_due_usec || n_leaves >= LEDGER_EPOCH_LEAVES - 1);
}

/* Ends the epoch where it is over. What there is no room for now is tried again with the next reading. */
static int recorder_turn(Recorder *recorder, const ClockReading *now)
{
        Draft draft = DRAFT_INIT;

        if (!recorder_epoch_is_over(recorder, now))
                return 0;
        draft_begin(&draft, &recorder->ledger, now, "epoch");
        leaf_epoch(trail_next_epoch_key(recorder->trail), &draft);
        int r = recorder_append(recorder, &draft, &recorder->epoch);
        if (r != 0)
                return r < 0 ? r : 0;
        recorder->ending = true;
        recorder->epoch_due_usec = now->boottime_usec + recorder->epoch_length_usec;
        return timer_arm_at(recorder->epoch_timer, recorder->epoch_due_usec);
}

int recorder_now(Recorder *recorder, ClockReading *ret_now)
{
        ClockReading now;
        LedgerJump jump;
        bool jumped = false;

        int r = clock_read(&now);
        if (r < 0)
                return r;
        *ret_now = now;
        /* While broken a step stays unobserved, so that it is recorded
         * as soon as leaves are written again. */
        if (recorder->broken || recorder->closed)
                return 0;
        r = recorder_note_sleep(recorder, &now);
        if (r < 0)
                return r;
        jumped = ledger_jumped(&recorder->ledger, &now, &jump);
        if (jumped) {
                r = recorder_append_jump(recorder, &jump, &now);
                /* What there is no room for now is told with the next reading. */
                if (r != 0)
                        return r < 0 ? r : 0;
        }
        ledger_observe(&recorder->ledger, &now);
        r = recorder_watch_clock(recorder, &now, jumped);
        return r < 0 ? r : recorder_turn(recorder, &now);
}

/* ---------------------------------------------------------------------------------------- what comes back */

static int recorder_committed(const TrailCommit *commit, TrailEntry *first, void *userdata)
{
        Recorder *recorder = userdata;

        rates_durable(&recorder->rates, commit->head.size);
        int r = recorder->handlers->before(commit, first, recorder->userdata);
        for (TrailEntry *entry = first; entry && r >= 0; entry = entry->next) {
                Waiter *waiter = entry->userdata;
                recorder->n_pending--;
                if (waiter)
                        r = waiter->committed(waiter, entry);
        }
        return r;
}

/* The reason as it can stand in a leaf. Return: whether it is another one. */
static bool recorder_note_why(Recorder *recorder, const char *why)
{
        size_t n = MIN_OF(strlen(why), sizeof(recorder->why) - 1);
        char before[RECORDER_WHY_MAX];

        memcpy(before, recorder->why, sizeof(before));

        for (size_t i = 0; i < n; i++) {
                char c = why[i];
                recorder->why[i] = c < 0x20 || c > 0x7e || c == '"' || c == '\\' ? '?' : c;
        }
        recorder->why[n] = '\0';
        return strcmp(recorder->why, before) != 0;
}

/* Return: 1 when it had been written up to now, 0, or -errno. */
static int recorder_set_broken(Recorder *recorder, const TrailFault *fault)
{
        ClockReading now;

        bool changed = recorder_note_why(recorder, *fault->why ? fault->why : "unknown");
        bool broken = recorder->broken;

        recorder->n_told = 0;
        (void)snprintf(recorder->advice, sizeof(recorder->advice), "%s", fault->advice);
        if (changed || !broken)
                event_tell(EVENT_TRAIL_BROKEN,
                           EVENT_FIELDS({"why", recorder->why}, {"advice", recorder->advice}),
                           "The trail cannot be written, so every request is refused: %s.", recorder->advice);
        int r = broken ? 0 : clock_read(&now);
        if (broken || r < 0)
                return r;
        recorder->broken = true;
        if (recorder->since_usec == 0)
                recorder->since_usec = now.wall_usec;
        return 1;
}

static int recorder_break(Recorder *recorder, const TrailFault *fault)
{
        int r = recorder_set_broken(recorder, fault);
        if (r > 0)
                r = recorder->handlers->broken(recorder->userdata);
        return r < 0 ? r : timer_arm(recorder->probe_timer, RECORDER_PROBE_USEC);
}

static void recorder_stop_timers(Recorder *recorder)
{
        recorder->probe_timer = sd_event_source_disable_unref(recorder->probe_timer);
        recorder->beat_timer = sd_event_source_disable_unref(recorder->beat_timer);
        recorder->epoch_timer = sd_event_source_disable_unref(recorder->epoch_timer);
}

int recorder_stand_by(Recorder *recorder, const TrailFault *fault)
{
        recorder_stop_timers(recorder);
        int r = fault ? recorder_set_broken(recorder, fault) : 0;
        return r < 0 ? r : 0;
}

void recorder_resume(Recorder *recorder)
{
        recorder->broken = false;
}

static int recorder_failed(TrailEntry *first, uint64_t size, const TrailState *state, const TrailFault *fault,
                           void *userdata)
{
        Recorder *recorder = userdata;

        ledger_rollback(&recorder->ledger, size, state);
        rates_rollback(&recorder->rates, size);
        int r = recorder_break(recorder, fault);
        for (TrailEntry *entry = first; entry && r >= 0; entry = entry->next) {
                Waiter *waiter = entry->userdata;
                recorder->n_pending--;
                if (waiter)
                        r = waiter->failed(waiter);
        }
        return r;
}

/* ------------------------------------------------------------------------------------------------- epochs */

static int recorder_epoch_committed(Waiter *waiter, TrailEntry *entry)
{
        CONTAINER_OF(waiter, Recorder, epoch)->ending = false;
        return 0;
}

/* The epoch goes on, and is over all the same. */
static int recorder_epoch_failed(Waiter *waiter)
{
        Recorder *recorder = CONTAINER_OF(waiter, Recorder, epoch);

        recorder->ending = false;
        recorder->epoch_due_usec = 0;
        /* One that failed with the leaves of the start has no timer any more: the next start ends the epoch. */
        return recorder->epoch_timer ? timer_arm(recorder->epoch_timer, RECORDER_PROBE_USEC) : 0;
}

static int recorder_on_epoch(sd_event_source *source, uint64_t usec, void *userdata)
{
        Recorder *recorder = userdata;
        ClockReading now;

        int r = recorder_now(recorder, &now);
        if (r < 0)
                return r;
        /* While the leaf is held back it tries again each second. */
        uint64_t again_usec = now.boottime_usec + RECORDER_PROBE_USEC;
        return timer_arm_at(source, MAX_OF(recorder->epoch_due_usec, again_usec));
}

/* The epoch at hand is as old as the log says, however long nobody ran. */
static int recorder_start_epochs(Recorder *recorder, uint64_t length_usec)
{
        const TrailState *state = &recorder->ledger.state;
        uint64_t age_usec = MIN_OF(state->time_usec - state->epoch_usec, length_usec);
        ClockReading now;

        int r = clock_read(&now);
        if (r < 0)
                return r;
        recorder->started = true;
        recorder->epoch_length_usec = length_usec;
        recorder->epoch_due_usec = now.boottime_usec + length_usec - age_usec;
        r = timer_arm_at(recorder->epoch_timer, recorder->epoch_due_usec);
        return r < 0 ? r : recorder_now(recorder, &now);
}

/* ----------------------------------------------------------------------------------------- gaps and beats */

void recorder_begin_gap(const Recorder *recorder, const ClockReading *now, uint64_t count, Draft *draft)
{
        LeafGap gap = {.count = count, .why = recorder->why, .since_usec = recorder->since_usec};

        draft_begin(draft, &recorder->ledger, now, "gap");
        leaf_gap(&gap, draft);
}

static int recorder_append_gap(Recorder *recorder, uint64_t count)
{
        Draft draft = DRAFT_INIT;
        ClockReading now;

        int r = recorder_now(recorder, &now);
        if (r < 0)
                return r;
        recorder_begin_gap(recorder, &now, count, &draft);
        return recorder_append(recorder, &draft, &recorder->probe);
}

void recorder_told(Recorder *recorder, uint64_t count)
{
        recorder->n_refused -= count;
        if (recorder->n_refused == 0)
                recorder->since_usec = 0;
}

static int recorder_probe_committed(Waiter *waiter, TrailEntry *entry)
{
        Recorder *recorder = CONTAINER_OF(waiter, Recorder, probe);

        uint64_t n_told = recorder->n_told;

        recorder_told(recorder, n_told);
        recorder->n_told = 0;
        if (!recorder->broken)
                return 0;
        recorder->broken = false;
        event_tell(EVENT_TRAIL_MENDED, EVENT_FIELDS({"count", .number = n_told}),
                   "The trail is written again; requests refused meanwhile: %llu.",
                   (unsigned long long)n_told);
        /* What was turned away while the probe was under way. */
        if (recorder->n_refused > 0) {
                recorder->n_told = recorder->n_refused;
                int r = recorder_append_gap(recorder, recorder->n_told);
                if (r < 0)
                        return r;
                /* What no leaf tells now the next gap does. */
                if (r > 0)
                        recorder->n_told = 0;
        }
        return recorder->handlers->mended(recorder->userdata);
}

/* recorder_failed() has set the timer for the next try. */
static int recorder_probe_failed(Waiter *waiter)
{
        return 0;
}

static int recorder_on_probe(sd_event_source *source, uint64_t usec, void *userdata)
{
        Recorder *recorder = userdata;

        recorder->n_told = recorder->n_refused;
        int r = recorder_append_gap(recorder, recorder->n_told);
        return r < 0 ? r : 0;
}

int recorder_say_last_words(Recorder *recorder)
{
        recorder->last_words = true;
        return recorder->broken && recorder->probe_timer ? timer_arm(recorder->probe_timer, 0) : 0;
}

static int recorder_on_beat(sd_event_source *source, uint64_t usec, void *userdata)
{
        Recorder *recorder = userdata;
        uint64_t next_usec = recorder->last_usec + RECORDER_BEAT_USEC;

        ClockReading now;
        int r = recorder_now(recorder, &now);
        if (r < 0)
                return r;
        if (now.boottime_usec >= next_usec && !recorder_is_busy(recorder)) {
                Draft draft = DRAFT_INIT;
                draft_begin(&draft, &recorder->ledger, &now, "beat");
                r = recorder_append(recorder, &draft, NULL);
                if (r < 0)
                        return r;
        }
        /* While leaves are held back it tries again each second. */
        next_usec = recorder->last_usec + RECORDER_BEAT_USEC;
        return timer_arm_at(source, MAX_OF(next_usec, now.boottime_usec + CLOCK_USEC_PER_SEC));
}

static int recorder_add_timers(Recorder *recorder)
{
        int r = timer_new(recorder->event, &recorder->probe_timer, recorder_on_probe, recorder);
        if (r == 0)
                r = timer_new(recorder->event, &recorder->beat_timer, recorder_on_beat, recorder);
        if (r == 0)
                r = timer_new(recorder->event, &recorder->epoch_timer, recorder_on_epoch, recorder);
        return r < 0 ? r : timer_arm(recorder->beat_timer, RECORDER_BEAT_USEC);
}

int recorder_init(Recorder *recorder, sd_event *event, Trail *trail, const RecorderHandlers *handlers,
                  void *userdata)
{
        recorder->event = event;
        recorder->trail = trail;
        recorder->handlers = handlers;
        recorder->userdata = userdata;
        recorder->started = recorder->ending = false;
        recorder->epoch = (Waiter){.committed = recorder_epoch_committed, .failed = recorder_epoch_failed};
        recorder->probe = (Waiter){.committed = recorder_probe_committed, .failed = recorder_probe_failed};
        return recorder_add_timers(recorder);
}

int recorder_start(Recorder *recorder, uint64_t epoch_length_usec)
{
        static const TrailHandlers handlers = {.committed = recorder_committed, .failed = recorder_failed};

        int r = recorder_start_epochs(recorder, epoch_length_usec);
        return r < 0 ? r : trail_start(recorder->trail, recorder->event, &handlers, recorder);
}

void recorder_deinit(Recorder *recorder)
{
        recorder_stop_timers(recorder);
        rates_deinit(&recorder->rates);
}
