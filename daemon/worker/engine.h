#pragma once
/*
 * What searches whole galleries. Engines stand behind these few functions; all of them give the same rows, order and bits for the
 * same input: whatever finds the candidates, what is compared and returned was computed in double precision, in the order of worker/kernel.h.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "worker/templates.h"

typedef struct Engine Engine;

typedef struct EngineOptions {
        const char *engine; /* "auto" or "cpu" */
        const char *isa;    /* "auto", or a kernel by name */
        size_t n_threads;   /* 0: one for each processor that this process may use */
} EngineOptions;

enum {
        ENGINE_E_UNKNOWN = 1,   /* no such engine, or no such instruction set here */
        ENGINE_E_STOPPED = 2,   /* the query was told to stop; it has no hits */
        ENGINE_E_DAMAGED = 3,   /* a template is not as it was stored: nothing can be said of this gallery */
        ENGINE_BATCH_MAX = 256, /* probes in one pass */
};

/** engine_new() - Starts an engine, with its threads. Return: 0, ENGINE_E_UNKNOWN, or -errno. */
int engine_new(const EngineOptions *options, Engine **ret_engine);
Engine *engine_free(Engine *engine);

/** engine_name() - For the record: "cpu/avx2" and so on. */
const char *engine_name(const Engine *engine);

typedef struct EngineHit {
        double similarity;
        size_t row;
} EngineHit;

/* One question to a gallery, and its answer. */
typedef struct EngineQuery {
        const float *
                probes; /* n_probes vectors, each KERNEL_PADDED(dimension) floats; a row's similarity is the highest to any */
        const double *probe_squares; /* as kernel_read_vector() gave them */
        size_t n_probes;             /* 1 to ENGINE_BATCH_MAX */
        bool one_a_subject; /* of each subject its best template alone (of equal ones the first); else every template counts */
        uint32_t but;           /* a subject whose rows are passed over, or SUBJECTS_NONE */
        double floor;           /* least similarity of a hit, -1 to 1 */
        size_t k;               /* most hits, 1 or more */
        const atomic_int *stop; /* not zero: give up soon; may be NULL */
        /* Which of two rows of the same similarity comes first: negative for @a, positive for @b, never 0 for two rows. Called by any thread. */
        int (*order)(const void *userdata, size_t a, size_t b);
        const void *order_data;

        EngineHit *ret_hits; /* room for k; the caller's */
        size_t n_hits;       /* filled in, best first */
        int result;          /* filled in: 0 or ENGINE_E_STOPPED */
} EngineQuery;

/**
 * engine_search() - Answers all queries, in one pass over the templates.
 * @queries:    ENGINE_BATCH_MAX probes in all at most
 *
 * One caller at a time. Memory: bounded by the number of probes and threads, whatever the templates are.
 *
 * Return: 0 when each query has its result; ENGINE_E_DAMAGED or -errno, and none has.
 */
int engine_search(Engine *engine, const Templates *templates, EngineQuery *queries, size_t n_queries);
