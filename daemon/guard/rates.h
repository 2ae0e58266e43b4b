#pragma once
/*
 * Rates: how many permits each organisation was given under each allow, so that `used` (matchguard.policy(5))
 * is answered from memory. Rebuilt from the trail at start, and taken back to a size when a commit fails.
 * Pure.
 */

#include <stddef.h>
#include <stdint.h>

/* The longest window that a Rate can have: a day. */
#define RATES_WINDOW_MAX_USEC (UINT64_C(86400) * 1000000)

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
} Rates;

#define RATES_INIT ((Rates){})

void rates_deinit(Rates *rates);

/**
 * rates_add() - Counts a permit. Names are copied.
 *
 * What is older than two days against the newest is forgotten when room is needed, and so is the oldest of
 * more than a million of one pair: no window reaches so far. Return: 0 or -ENOMEM.
 */
int rates_add(Rates *rates, const RatesPermit *permit);

/**
 * rates_load() - Counts a permit while rates are rebuilt from the newest back; rates_loaded() ends that.
 *
 * Return: 0 or -ENOMEM. What goes beyond the million is not kept.
 */
int rates_load(Rates *rates, const RatesPermit *permit);
void rates_loaded(Rates *rates);

/** rates_used() - How many permits of this pair have a wall time above @after_usec. */
uint64_t rates_used(const Rates *rates, const char *allow, const char *organisation, uint64_t after_usec);

/** rates_rollback() - Forgets the permits whose index is @size or above. */
void rates_rollback(Rates *rates, uint64_t size);
