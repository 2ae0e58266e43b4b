#pragma once
/*
 * Recount: which permits the rates are to know: at the start from the leaves of the trail, which are read from the
 * newest back, then as they are given. Pure.
 *
 * A permit counts by its wall time, which is never above the log time of its own leaf, and log time never
 * decreases: so behind the first leaf whose log time is not above an instant there is no permit after that
 * instant.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "guard/rates.h"
#include "trail/trail.h"

/* So far back the wall clock may be set in a run, and nothing is missing: an hour, for a season mistaken. */
#define RECOUNT_SLACK_USEC (3600 * CLOCK_USEC_PER_SEC)

/* So many leaves are read beyond what the policy at hand needs: for another policy's longer window, for a
 * clock that is set back further, and for a mark that is. They take about a second. */
enum { RECOUNT_MORE = RATES_SPARED };

typedef struct Recount {
        Rates *rates;
        uint64_t needed_usec; /* permits with a later wall have to be counted */
        uint64_t since_usec;  /* those with a later wall were counted; 0: all that there ever were */
        size_t n_more, more;  /* leaves read beyond what is needed; how many may be */
        int error;
} Recount;

/**
 * recount_begin() - What has to be read.
 * @rates:      empty, filled from now on
 * @now:        the clocks
 * @state:      of the trail's end
 * @window_usec: the longest window of the policy at hand; 0: it has no rate
 */
Recount recount_begin(Rates *rates, const ClockReading *now, const TrailState *state, uint64_t window_usec);

/**
 * recount_reaches() - Whether the permits of a window of @window_usec are counted for whatever is decided
 * next: at the time of the clock, or, where that is behind, of the mark. 0: no rate looks back.
 */
bool recount_reaches(const Rates *rates, const ClockReading *now, const TrailState *state,
                     uint64_t window_usec);

/** recount_leaf() - Takes the next leaf back; a TrailScan's handler. Return: whether to go on. */
bool recount_leaf(uint64_t index, const uint8_t *bytes, size_t n, void *recount);

/**
 * recount_end() - The rates are as far as they were read. Return: 0; -EBADMSG for a leaf that is none;
 * -ENOMEM.
 */
int recount_end(Recount *recount);

/**
 * recount_add() - Counts a permit that is given now; forgets of the older ones what no window reaches as the clock
 * stands, where there is much of it (rates_forget()), so that memory does not grow with the trail.
 *
 * Return: 0 or -ENOMEM.
 */
int recount_add(Rates *rates, const RatesPermit *permit, const ClockReading *now, const TrailState *state);
