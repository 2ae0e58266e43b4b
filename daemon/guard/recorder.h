#pragma once
/*
 * Recorder: the loop's one way into the trail. Stamps drafts by the ledger, hands entries over in order, and
 * tells each waiter that its leaf is durable or was not written. While the trail cannot be written it refuses
 * service and tries once a second with a `gap` leaf.
 *
 * Invariants
 *   1. an entry's stamp was made when it was appended: the order of leaves is the order of decisions
 *   2. `committed` is called with the receipt of that very leaf, or `failed`, exactly once
 *   3. after `failed` ledger and rates are as they were after the last good commit before any waiter hears
 *      of it
 *   4. while broken nothing but the probe is appended
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/clock.h"
#include "guard/draft.h"
#include "guard/ledger.h"
#include "guard/rates.h"
#include "trail/trail.h"

/* Who waits for one leaf. Embedded in whatever waits. */
typedef struct Waiter Waiter;
struct Waiter {
        /* The leaf is durable; the receipt may be taken from the entry. 0 or -errno. */
        int (*committed)(Waiter *waiter, TrailEntry *entry);
        /* It was not written, and never will be. 0 or -errno. */
        int (*failed)(Waiter *waiter);
};

/* What the guard does around a commit. */
typedef struct RecorderHandlers {
        /* before the waiters of a commit hear of it; its entries are in hand */
        int (*before)(const TrailCommit *commit, const TrailEntry *first, void *userdata);
        int (*broken)(void *userdata); /* before the waiters of the first failure do */
        int (*mended)(void *userdata); /* the trail takes leaves again */
        int (*clock)(void *userdata);  /* the wall clock stepped, fell behind the mark, or came up to it */
} RecorderHandlers;

enum { RECORDER_WHY_MAX = 128, RECORDER_ADVICE_MAX = 512 };

typedef struct Recorder {
        Ledger ledger;
        Rates rates;
        Trail *trail;
        sd_event *event;
        const RecorderHandlers *handlers;
        void *userdata;
        sd_event_source *probe_timer;
        sd_event_source *beat_timer;

        size_t n_pending;
        uint64_t last_usec; /* boot time of the last append */

        bool behind; /* the clock, as of the last reading */

        bool closed; /* the last leaf of the run is on its way */
        bool broken;
        bool last_words; /* what is appended from now on may use the room that is kept for the end */
        char why[RECORDER_WHY_MAX];       /* for a leaf, and for anybody */
        char advice[RECORDER_ADVICE_MAX]; /* for the administrator */
        uint64_t since_usec;              /* wall time; 0: nothing is to be told in a `gap` leaf */
        uint64_t n_refused;               /* since then, not yet told in a `gap` leaf */
        uint64_t n_told;                  /* in the probe under way */
        Waiter probe;
} Recorder;

/* Leaves beside those of requests are held back while more than this many wait. */
enum { RECORDER_BUSY = 1024 };

/**
 * recorder_init() - Gets ready: leaves are taken, but wait for recorder_start().
 * @trail:      open, not started; borrowed
 *
 * Return: 0 or -errno.
 */
int recorder_init(Recorder *recorder, sd_event *event, Trail *trail, const RecorderHandlers *handlers,
                  void *userdata);

/** recorder_start() - Begins to record: what waits already becomes one commit. Return: 0 or -errno. */
int recorder_start(Recorder *recorder);

/** recorder_deinit() - Lets go of timers and rates; safe when all zero. The trail must be gone or idle. */
void recorder_deinit(Recorder *recorder);

/**
 * recorder_now() - Reads the clocks for the next leaf, and records a step of the wall clock first.
 *
 * Return: 0 or -errno.
 */
int recorder_now(Recorder *recorder, ClockReading *ret_now);

enum {
        RECORDER_E_UNAVAILABLE = 1, /* the trail cannot be written at present */
        RECORDER_E_FULL = 2,        /* too much waits to be committed */
        RECORDER_E_UNFIT = 3,       /* no leaf can hold it */
};

/**
 * recorder_append() - Hands a draft over; the draft is used up.
 * @waiter:     who is told; NULL: nobody
 *
 * Return: 0, RECORDER_E_*, or -errno. Only with 0 the ledger has moved on and the waiter will hear.
 */
int recorder_append(Recorder *recorder, Draft *draft, Waiter *waiter);

/** recorder_close() - What was appended last is the last leaf of this run: nothing follows it. */
void recorder_close(Recorder *recorder);

/**
 * recorder_stand_by() - There is no trail to write to: what asks is refused and counted, and nothing is tried
 * until recorder_init() and recorder_resume().
 * @fault:      NULL where a failed commit has told it
 *
 * Return: 0 or -errno.
 */
int recorder_stand_by(Recorder *recorder, const TrailFault *fault);

/** recorder_resume() - There is a trail again. What was refused meanwhile is still to be told. */
void recorder_resume(Recorder *recorder);

/** recorder_begin_gap() - Makes a `gap` leaf of what is to be told. */
void recorder_begin_gap(const Recorder *recorder, const ClockReading *now, uint64_t count, Draft *draft);

/** recorder_told() - A `gap` leaf with a count is durable. */
void recorder_told(Recorder *recorder, uint64_t count);

/**
 * recorder_say_last_words() - There will be no later. Where the trail cannot be written, a `gap`, what is
 * owed and the `stop` are tried with the room that is kept for them. Return: 0 or -errno.
 */
int recorder_say_last_words(Recorder *recorder);

/** recorder_refuse() - Counts a request that was turned away because the trail cannot be written. */
void recorder_refuse(Recorder *recorder);

/** recorder_is_busy() - Whether leaves that can wait should. */
bool recorder_is_busy(const Recorder *recorder);
