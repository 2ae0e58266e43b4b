#pragma once
/*
 * What may still become a hit of one query, while a scan gives bounds of row after row. Any thread may add to it; memory is bounded by k.
 *
 * A row is dropped only where its upper bound lies below the threshold, and that loses no hit. The threshold is the highest, rounded
 * down, of
 *
 *      the floor                                         hits have to reach it
 *      the k-th best lower bound                         k rows (of k subjects, where a subject has one hit) are at least as good
 *      the k-th best of the similarities that were       likewise
 *          computed exactly
 *
 * so at any time the k-th hit, if there will be so many, is at least as good as the threshold. A hit's similarity is at least the k-th
 * hit's, and its upper bound at least its similarity: the upper bound reaches the threshold, then and later. That rows of the same
 * similarity are ranked by an order of their own changes nothing, because a bound that equals the threshold reaches it. For both lists
 * of k it matters that a row is offered once, and a subject's rows count as one (worker/top.h). Bounds are taken for granted as worker/codes.h proves them.
 *
 * Which rows are dropped, and when, depends on how threads meet; which are left when all have been compared does not.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/engine.h"
#include "worker/exact.h"
#include "worker/scan.h"
#include "worker/top.h"

typedef struct Candidate {
        size_t row;
        float upper;
        float lower;
} Candidate;

typedef struct Candidates {
        const Templates *templates;
        EngineQuery *query;
        ExactProbes probes;

        _Atomic(float) threshold; /* read by any thread at any time; it never falls */
        atomic_bool
                overflowed; /* there were more candidates than room at once, and they had to be compared exactly in between */

        pthread_mutex_t lock; /* of what follows */
        Candidate *items;
        size_t n;
        Top lowers; /* the best lower bounds */
        Top hits;   /* the best of what was compared exactly */
} Candidates;

/** candidates_size() - Bytes that candidates_begin() wants for a query. */
size_t candidates_size(const EngineQuery *query);

/**
 * candidates_begin() - For a new query. What the caller filled in before: `templates`, `query`, `probes` and `lock`.
 * @memory:     candidates_size() bytes, aligned to 64, borrowed until the end
 */
void candidates_begin(Candidates *candidates, char *memory);

/** candidates_threshold() - Upper bounds that lie below it are of no interest. */
static inline float candidates_threshold(const Candidates *candidates)
{
        return atomic_load_explicit(&candidates->threshold, memory_order_relaxed);
}

/* What a kernel found in a block. */
typedef struct CandidatesFound {
        size_t row; /* the first of the block's */
        const float *residuals;
        const ScanProbe *probes; /* the query's, whose bounds these are */
        const uint64_t *masks;   /* as of ScanWork; from the query's first probe on */
        const float (*upper)[CODES_ROWS];
} CandidatesFound;

/**
 * candidates_add() - Rows of a block whose bounds reached the threshold.
 * @mask:       those that did for any probe, not zero
 * @n_found:    grows by how many of them still do
 *
 * Return: 0, or ENGINE_E_DAMAGED.
 */
int candidates_add(Candidates *candidates, const CandidatesFound *found, uint64_t mask, size_t *n_found);

/**
 * candidates_add_rows() - Rows from anywhere, each once, with their bounds.
 *
 * Return: 0, or ENGINE_E_DAMAGED.
 */
int candidates_add_rows(Candidates *candidates, const Candidate *rows, size_t n);

/** candidates_offer() - Exact similarities of @n rows from @row on; of those that hold no template it does not matter what they are. */
void candidates_offer(Candidates *candidates, size_t row, const double *similarities, size_t n);

/** candidates_finish() - Compares what is left, and answers the query. Return: 0, or ENGINE_E_DAMAGED. */
int candidates_finish(Candidates *candidates);
