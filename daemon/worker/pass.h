#pragma once
/*
 * A pass over the templates for many queries. Blocks go by once; while one is in the cache, every query's bounds of its rows are computed,
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

enum { PASS_PROBES_MAX = ENGINE_BATCH_CPU /* that blocks go by for at once */ };

typedef struct PassQuery {
        Candidates candidates;
        size_t first;              /* of its probes, among the pass's */
        atomic_bool stopped;       /* some part went by without it */
        atomic_size_t exact_until; /* it is compared exactly in parts before this one */
} PassQuery;

/* Blocks of a piece of the gallery, by positions: position p is block first_block + (p * step) % n_blocks, as in worker/device.h. */
typedef struct PassRange {
        size_t first_block, n_blocks; /* of the piece */
        size_t step;                  /* no divisor in common with n_blocks */
        size_t first, n;              /* positions */
} PassRange;

/* What a thread works with. */
typedef struct PassScratch PassScratch;

typedef struct Pass {
        const ScanKernel *kernel;
        const Kernel *exact;
        const Templates *templates;
        const ScanProbe *probes;
        PassScratch *scratch; /* a thread */
        size_t n_threads;

        PassQuery *const *queries;
        size_t n_queries;
        PassRange range;

        size_t part_blocks;
        size_t n_parts;
        size_t step; /* from a part to the one after it, see pass.c */
        atomic_bool damaged;
} Pass;

/** pass_scratch_new() - For so many threads; to be freed by free(3). Return: NULL: out of memory. */
PassScratch *pass_scratch_new(size_t n_threads);

/** pass_step() - Steps of the golden section of @n, which go to each of @n places before they come to one again. */
size_t pass_step(size_t n);

/** pass_everything() - The range that a gallery is from end to end. */
PassRange pass_everything(const Templates *templates);

/** pass_is_stopped() - Whether the query is given up, now that it is asked. */
bool pass_is_stopped(PassQuery *query);

/**
 * pass_run() - Shows the templates of a range to the queries, whose candidates have begun; to PASS_PROBES_MAX probes at a time.
 * @pass:       what stands above the last empty line filled in, the rest zero
 *
 * Return: 0, or ENGINE_E_DAMAGED.
 */
int pass_run(Pass *pass, Pool *pool);
