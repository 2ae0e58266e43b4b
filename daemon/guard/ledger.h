#pragma once
/*
 * Ledger: what the guard's loop gives to leaves before anything else: index, time, clock, mark, epoch. Pure: it is
 * told what the clocks say, so that tests can tell it anything.
 *
 * Invariants (matchguard-trail(7))
 *   1. indices follow on without a gap, beginning where the trail ends
 *   2. `time` never decreases, whatever the wall clock does
 *   3. `mark` is the largest wall time of a leaf written while the clock was synchronised, since the
 *      administrator last set it back
 *   4. `epoch` counts the `epoch` leaves before
 *   5. after a failed commit everything is as it was after the last good one (ledger_rollback())
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "policy/decide.h"
#include "trail/trail.h"
#include "wire/leaf.h"

enum {
        LEDGER_BOOT_SIZE = 33,
        LEDGER_EPOCH_LEAVES = 65536, /* in an epoch, at most */
};

typedef struct Ledger {
        char boot[LEDGER_BOOT_SIZE];
        uint64_t size;    /* index of the next leaf */
        TrailState state; /* after the last leaf */
        bool has_last;    /* the clocks were read before in this run */
        ClockReading last;
} Ledger;

/* What the next leaf will carry. */
typedef struct LedgerStamp {
        uint64_t index;
        uint64_t time_usec;
        uint64_t wall_usec;
        uint64_t boottime_usec;
        FactsClock clock;
} LedgerStamp;

/* A step of the wall clock. */
typedef struct LedgerJump {
        uint64_t from_usec; /* what it should have said */
        uint64_t to_usec;   /* what it says */
} LedgerJump;

/** ledger_init() - Begins where a log ends. @boot is 32 hex digits; @state what stands in the log's head. */
void ledger_init(Ledger *ledger, const char *boot, uint64_t size, const TrailState *state);

/** ledger_rollback() - Goes back to the last good commit. What the clocks said before stays known. */
void ledger_rollback(Ledger *ledger, uint64_t size, const TrailState *state);

/**
 * ledger_jumped() - Whether the wall clock stepped since the last ledger_observe(): back at all, or by over a
 * second against boot time; or forward by over 5 s against boot time. Before the first reading of a run only
 * the log's own time is known, and only a step back can be told.
 */
bool ledger_jumped(const Ledger *ledger, const ClockReading *now, LedgerJump *ret_jump);

/** ledger_observe() - Takes a reading as what the next one is compared with. */
void ledger_observe(Ledger *ledger, const ClockReading *now);

/* What the next reading would be compared with. */
typedef struct LedgerSeen {
        bool has;
        ClockReading reading;
} LedgerSeen;

/** ledger_seen() - To be kept while a step is on its way into the log. */
LedgerSeen ledger_seen(const Ledger *ledger);

/**
 * ledger_unsee() - Compares the next reading with @before again: the step that was seen since was not
 * recorded. Of several such steps the earliest counts.
 */
void ledger_unsee(Ledger *ledger, const LedgerSeen *before);

/** ledger_clock() - The fact `clock` at this reading. */
FactsClock ledger_clock(const Ledger *ledger, const ClockReading *now);

/** ledger_stamp() - What the next leaf will carry at this reading. Changes nothing. */
LedgerStamp ledger_stamp(const Ledger *ledger, const ClockReading *now);

/**
 * ledger_head_leaf() - Sets the keys that every leaf has.
 * @kind:       borrowed until the leaf is encoded, as is the ledger
 */
void ledger_head_leaf(const Ledger *ledger, const LedgerStamp *stamp, const char *kind, Leaf *leaf);

/* What a leaf changes beside the time. */
typedef struct LedgerEffect {
        const Digest *policy; /* what it puts in force, or NULL; borrowed */
        bool rebase;          /* its wall time becomes the mark, on purpose */
        bool ends_epoch;
} LedgerEffect;

/** ledger_after() - The state after a leaf with this stamp. */
TrailState ledger_after(const Ledger *ledger, const LedgerStamp *stamp, const LedgerEffect *effect);

/** ledger_advance() - The leaf is on its way: the next one follows it. @after is what ledger_after() gave. */
void ledger_advance(Ledger *ledger, const TrailState *after);
