#pragma once
/*
 * Rates: how many permits each organisation was given under each allow, so that `used` (matchguard.policy(5))
 * is answered from memory. Rebuilt from the trail at start, and taken back to a size when a commit fails.
 * Pure.
 *
 * Whether a rate is used up is told exactly, or not at all, whatever the clocks did:
 *   1. of each pair the RATES_KEPT durable permits with the latest walls are kept, and no rate is higher
 *      (POLICY_RATE_MAX): where an older one would count, those alone use the rate up. That bounds a pair to
 *      23 MB
 *   2. a permit that is not durable yet takes no durable one's place, for it may be taken back
 *   3. what was not read at the start, and what was forgotten since, is known to be missing: rates_reach()
 *   4. nothing is forgotten by its age alone: the permits of the RATES_SPARED newest leaves stay, so that only
 *      a clock that is set back after more leaves than that finds any missing
 *   5. all pairs together hold no more than twice RATES_SPARED permits, or twice as many as could count when
 *      they were last looked through
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/policy.h"

/* The longest window that a Rate can have: a day. */
#define RATES_WINDOW_MAX_USEC (UINT64_C(86400) * 1000000)

enum { RATES_KEPT = POLICY_RATE_MAX, RATES_SPARED = 500000 };

/* A permit, by what counts about it. */
typedef struct RatesPermit {
        const char *allow;
        const char *organisation;
        uint64_t wall_usec;
        uint64_t index;
} RatesPermit;

typedef struct Rates {
        struct RatesPair *pairs; /* one an allow and organisation */
        size_t n;
        size_t n_permits;    /* of all pairs */
        size_t kept, spared; /* RATES_KEPT, RATES_SPARED; tests make do with less */
        size_t forget_at;    /* that many permits are worth looking through */
        uint64_t n_durable;  /* size of the log that no failed commit takes back */
        uint64_t since_usec; /* permits with a later wall are all counted; 0: all that there ever were */
} Rates;

#define RATES_INIT ((Rates){.kept = RATES_KEPT, .spared = RATES_SPARED})

void rates_deinit(Rates *rates);

/** rates_add() - Counts a permit. Names are copied. Return: 0 or -ENOMEM. */
int rates_add(Rates *rates, const RatesPermit *permit);

/** rates_load() - Counts a durable one in any order; rates_loaded() ends that. Return: 0 or -ENOMEM. */
int rates_load(Rates *rates, const RatesPermit *permit);

/** rates_loaded() - @since_usec: permits with a later wall were all loaded; 0: all that there ever were. */
void rates_loaded(Rates *rates, uint64_t since_usec);

/**
 * rates_used() - How many permits of this pair have a wall time above @after_usec: exactly, or RATES_KEPT and
 * more.
 */
uint64_t rates_used(const Rates *rates, const char *allow, const char *organisation, uint64_t after_usec);

/** rates_reach() - Whether every permit with a wall time above @after_usec is counted. */
bool rates_reach(const Rates *rates, uint64_t after_usec);

/**
 * rates_forget() - Forgets permits, where there are enough to be worth it.
 * @wall_usec:  no permit with a wall time up to this is going to be asked for, if the clock goes on as it is
 */
void rates_forget(Rates *rates, uint64_t wall_usec);

/** rates_durable() - No permit with an index below @size will be taken back. */
void rates_durable(Rates *rates, uint64_t size);

/** rates_rollback() - Forgets the permits whose index is @size or above. */
void rates_rollback(Rates *rates, uint64_t size);
