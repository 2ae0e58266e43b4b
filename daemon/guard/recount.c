/*
 * Counting permits, from leaves and as they are given. Owns nothing. Run by the guard's loop.
 */

#include "guard/recount.h"

#include <errno.h>

#include "base/macro.h"
#include "policy/decide.h"
#include "wire/leaf.h"

static uint64_t recount_before(uint64_t usec, uint64_t by_usec)
{
        return usec > by_usec ? usec - by_usec : 0;
}

/* The earliest time at which a permit may come next, if the clock goes on as it stands. */
static uint64_t recount_earliest(const ClockReading *now, const TrailState *state)
{
        FactsClock clock = facts_clock(now->synchronised, now->wall_usec, state->has_mark, state->mark_usec);

        return clock == CLOCK_BEHIND ? state->mark_usec : now->wall_usec;
}

Recount recount_begin(Rates *rates, const ClockReading *now, const TrailState *state, uint64_t window_usec)
{
        uint64_t earliest_usec = recount_earliest(now, state);
        uint64_t needed_usec = recount_before(earliest_usec, RECOUNT_SLACK_USEC + window_usec);

        return (Recount){.rates = rates,
                         .more = RECOUNT_MORE,
                         .needed_usec = window_usec > 0 ? needed_usec : UINT64_MAX};
}

bool recount_reaches(const Rates *rates, const ClockReading *now, const TrailState *state,
                     uint64_t window_usec)
{
        return window_usec == 0 ||
               rates_reach(rates, recount_before(recount_earliest(now, state), window_usec));
}

static int recount_permit(Recount *recount, const Leaf *leaf, uint64_t index)
{
        RatesPermit permit = {.allow = leaf_text(leaf, "rule"),
                              .organisation = leaf_text(leaf, "organisation"),
                              .index = index};

        if (!leaf_is(leaf, "kind", "request") || !leaf_is(leaf, "verdict", "permit") || !permit.allow ||
            !permit.organisation || !leaf_number(leaf, "wall", &permit.wall_usec))
                return 0;
        return rates_load(recount->rates, &permit);
}

bool recount_leaf(uint64_t index, const uint8_t *bytes, size_t n, void *userdata)
{
        _cleanup_(leaf_deinit) Leaf leaf = LEAF_INIT;
        Recount *recount = userdata;
        uint64_t time_usec = 0;

        if (leaf_parse(bytes, n, LEAF_MAX, &leaf) != 0 || !leaf_number(&leaf, "time", &time_usec)) {
                recount->error = -EBADMSG;
                return false;
        }
        recount->error = recount_permit(recount, &leaf, index);
        if (recount->error < 0)
                return false;
        if (time_usec <= recount->needed_usec && recount->n_more++ == recount->more) {
                recount->since_usec = time_usec;
                return false;
        }
        return true;
}

int recount_end(Recount *recount)
{
        rates_loaded(recount->rates, recount->since_usec);
        return recount->error;
}

int recount_add(Rates *rates, const RatesPermit *permit, const ClockReading *now, const TrailState *state)
{
        /* The longest window that there is, not the policy's: the next one may have it. */
        uint64_t needed_usec =
                recount_before(recount_earliest(now, state), RECOUNT_SLACK_USEC + RATES_WINDOW_MAX_USEC);

        int r = rates_add(rates, permit);
        if (r < 0)
                return r;
        rates_forget(rates, needed_usec);
        return 0;
}
