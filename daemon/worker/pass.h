#pragma once
/*
 * One pass over all templates for many queries. Blocks go by once; while one is in the cache, every query's bounds of its rows are computed,
 * and what reaches a query's threshold joins its candidates.
 *
 * A query that nearly every row is a candidate of (a gallery of near-duplicates) has its rows compared exactly as they go by, which costs
 * what a scan of floating-point templates does; now and then a part of the gallery is tried by its bounds again.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "worker/candidates.h"
#include "worker/pool.h"

typedef struct PassQuery {
        Candidates candidates;
        size_t first;              /* of its probes, in the pass */
        atomic_bool stopped;       /* some part went by without it */
        atomic_size_t exact_until; /* it is compared exactly in parts before this one */
} PassQuery;

/* What a thread works with. */
typedef struct PassScratch PassScratch;

typedef struct Pass {
        const ScanKernel *kernel;
        const Kernel *exact;
        const Templates *templates;
        const ScanProbe *probes;
        PassQuery *queries;
        size_t n_queries;
        PassScratch *scratch; /* a thread */
        size_t n_threads;

        size_t n_blocks;
        size_t part_blocks;
        size_t n_parts;
        size_t step; /* from a part to the one after it, see pass.c */
        atomic_bool damaged;
} Pass;

/** pass_scratch_new() - For so many threads; to be freed by free(3). Return: NULL: out of memory. */
PassScratch *pass_scratch_new(size_t n_threads);

/**
 * pass_run() - Shows all templates to the queries, whose candidates have begun.
 * @pass:       what stands above the empty line filled in, the rest zero
 * @n_probes:   of all queries
 *
 * Return: 0, or ENGINE_E_DAMAGED.
 */
int pass_run(Pass *pass, Pool *pool, size_t n_probes);
