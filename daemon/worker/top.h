#pragma once
/*
 * The best k of what is offered, of each subject its best alone where that is asked for: a heap that keeps the worst at its root.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/engine.h"

typedef struct Top {
        EngineHit *hits; /* room for `k`, the caller's */
        uint32_t *
                subjects; /* room for `k`, the caller's: of each hit; NULL: every row counts, and is offered once */
        size_t k;
        size_t n;
        /* As in EngineQuery; NULL: of equal ones who came first stays. */
        int (*order)(const void *userdata, size_t a, size_t b);
        const void *order_data;
} Top;

/** top_wants() - Whether a hit of this similarity may be among the best k so far. */
static inline bool top_wants(const Top *top, double similarity)
{
        return top->n < top->k || similarity >= top->hits[0].similarity;
}

/** top_offer() - Keeps the hit if it is among the best k so far. */
void top_offer(Top *top, EngineHit hit, uint32_t subject);

/**
 * top_least() - The k-th best similarity so far, minus infinity while there are fewer than k. It never falls: whatever is offered later, k
 * rows (of k subjects) reach it.
 */
double top_least(const Top *top);

/** top_sort() - Puts the hits in order, the best first. Nothing may be offered afterwards. */
void top_sort(Top *top);
