#pragma once
/*
 * The queries of a search, made ready for whatever answers them: probes in double precision and in digits, and candidates. The memory
 * for all of it is kept from one search to the next; no probe is left in it.
 */

#include "worker/pass.h"

typedef struct Queries {
        PassQuery *items;
        PassQuery **list; /* all of them, for a pass */
        ScanProbe *probes;

        /* Of the search. */
        const Templates *templates;
        EngineQuery *asked;
        size_t n, n_probes;
        int8_t *digits; /* 2 * scan_digits_size() a probe */
        double *vectors;
        char *candidates;
        atomic_bool damaged;

        char *memory;
        size_t memory_size;
} Queries;

/* Who is to answer. */
typedef struct QueriesWay {
        const Kernel *exact;
        const ScanKernel *scan; /* whose digits; NULL: a device's */
        size_t two_digits_max;  /* probes that have two digits, where they are no more */
        Pool *pool;
} QueriesWay;

/** queries_init() - Return: 0 or -ENOMEM; to be deinitialised either way. */
int queries_init(Queries *queries);
void queries_deinit(Queries *queries);

/**
 * queries_begin() - For a search, or for the same one anew: nothing was found yet.
 * @asked:      borrowed until the end; ENGINE_BATCH_MAX probes in all at most
 *
 * Return: 0 or -ENOMEM.
 */
int queries_begin(Queries *queries, const Templates *templates, EngineQuery *asked, size_t n,
                  const QueriesWay *way);

/** queries_write_digits() - Gives the probes other digits, in the place of those that queries_begin() has made. */
void queries_write_digits(Queries *queries, const QueriesWay *way);

/** queries_finish() - Answers them. Return: 0 or ENGINE_E_DAMAGED. */
int queries_finish(Queries *queries, Pool *pool);

/** queries_wipe() - Overwrites the probes: they may be templates that somebody removes from a gallery a moment later. */
void queries_wipe(Queries *queries);
