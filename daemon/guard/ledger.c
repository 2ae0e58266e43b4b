/*
 * Index, time, mark and epoch of leaves. Owns nothing but its numbers; must not read a clock. Run by the guard's
 * loop.
 */

#include "guard/ledger.h"

#include <string.h>

#include "base/macro.h"

/* Wall and boot time are read one after the other, and the process may be put aside in between. */
#define LEDGER_BACK_USEC    (1 * CLOCK_USEC_PER_SEC)
#define LEDGER_FORWARD_USEC (5 * CLOCK_USEC_PER_SEC)

void ledger_init(Ledger *ledger, const char *boot, uint64_t size, const TrailState *state)
{
        *ledger = (Ledger){.size = size, .state = *state};
        strncpy(ledger->boot, boot, sizeof(ledger->boot) - 1);
}

void ledger_rollback(Ledger *ledger, uint64_t size, const TrailState *state)
{
        ledger->size = size;
        ledger->state = *state;
}

bool ledger_jumped(const Ledger *ledger, const ClockReading *now, LedgerJump *ret_jump)
{
        uint64_t expected = ledger->state.time_usec;

        if (ledger->has_last) {
                uint64_t elapsed = now->boottime_usec - ledger->last.boottime_usec;
                expected = ledger->last.wall_usec + elapsed;
                if (now->wall_usec >= ledger->last.wall_usec &&
                    now->wall_usec + LEDGER_BACK_USEC >= expected &&
                    now->wall_usec <= expected + LEDGER_FORWARD_USEC)
                        return false;
        } else if (now->wall_usec >= expected) {
                return false;
        }
        *ret_jump = (LedgerJump){.from_usec = expected, .to_usec = now->wall_usec};
        return true;
}

void ledger_observe(Ledger *ledger, const ClockReading *now)
{
        ledger->last = *now;
        ledger->has_last = true;
}

LedgerSeen ledger_seen(const Ledger *ledger)
{
        return (LedgerSeen){.has = ledger->has_last, .reading = ledger->last};
}

void ledger_unsee(Ledger *ledger, const LedgerSeen *before)
{
        if (!ledger->has_last || (before->has && before->reading.boottime_usec >= ledger->last.boottime_usec))
                return;
        ledger->has_last = before->has;
        ledger->last = before->reading;
}

FactsClock ledger_clock(const Ledger *ledger, const ClockReading *now)
{
        return facts_clock(now->synchronised, now->wall_usec, ledger->state.has_mark,
                           ledger->state.mark_usec);
}

LedgerStamp ledger_stamp(const Ledger *ledger, const ClockReading *now)
{
        return (LedgerStamp){
                .index = ledger->size,
                .time_usec = MAX_OF(ledger->state.time_usec, now->wall_usec),
                .wall_usec = now->wall_usec,
                .boottime_usec = now->boottime_usec,
                .clock = ledger_clock(ledger, now),
        };
}

void ledger_head_leaf(const Ledger *ledger, const LedgerStamp *stamp, const char *kind, Leaf *leaf)
{
        leaf_set_text(leaf, "boot", ledger->boot);
        leaf_set_number(leaf, "boottime", stamp->boottime_usec);
        leaf_set_text(leaf, "clock", facts_clock_name(stamp->clock));
        leaf_set_number(leaf, "epoch", ledger->state.epoch);
        leaf_set_number(leaf, "index", stamp->index);
        leaf_set_text(leaf, "kind", kind);
        leaf_set_number(leaf, "time", stamp->time_usec);
        leaf_set_number(leaf, "v", 1);
        leaf_set_number(leaf, "wall", stamp->wall_usec);
}

TrailState ledger_after(const Ledger *ledger, const LedgerStamp *stamp, const LedgerEffect *effect)
{
        TrailState after = ledger->state;

        after.time_usec = stamp->time_usec;
        if (effect->rebase ||
            (stamp->clock == CLOCK_SYNCHRONISED && (!after.has_mark || stamp->wall_usec > after.mark_usec))) {
                after.has_mark = true;
                after.mark_usec = stamp->wall_usec;
        }
        if (effect->policy) {
                after.has_policy = true;
                after.policy = *effect->policy;
        }
        if (stamp->index == after.epoch_first)
                after.epoch_usec = stamp->time_usec;
        if (effect->ends_epoch) {
                after.epoch++;
                after.epoch_first = stamp->index + 1;
        }
        return after;
}

void ledger_advance(Ledger *ledger, const TrailState *after)
{
        ledger->size++;
        ledger->state = *after;
}
