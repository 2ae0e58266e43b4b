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
        const char *
                engine; /* "auto": a GPU if one works, else the processor; "cpu"; or a driver's name: "opencl", "cuda" */
        const char *isa;        /* "auto", or a kernel by name */
        size_t n_threads;       /* 0: one for each processor that this process may use */
        const char *device;     /* its number or a part of its name; NULL: any */
        uint64_t device_memory; /* bytes that templates may take on it; 0: nine tenths of what it has */
        const char *modules;    /* the folder of the drivers, engine-NAME.so; NULL: there are none */

        struct DeviceWhy
                *ret_why; /* filled in with ENGINE_E_DEVICE: why, for a sentence's middle; may be NULL */
} EngineOptions;

enum {
        ENGINE_E_UNKNOWN = 1,    /* no such engine, or no such instruction set here */
        ENGINE_E_STOPPED = 2,    /* the query was told to stop; it has no hits */
        ENGINE_E_DAMAGED = 3,    /* a template is not as it was stored: nothing can be said of this gallery */
        ENGINE_E_DEVICE = 4,     /* the device that was asked for cannot be had */
        ENGINE_BATCH_MAX = 1024, /* probes in one search */
        ENGINE_BATCH_CPU = 256, /* that the processor takes at once, of more it takes so many after another */
        ENGINE_PROBES_MAX = 256, /* of one query */
};

/**
 * engine_new() - Starts an engine, with its threads and its device; says in the log which that is, and at lower levels why others are not.
 * Return: 0, ENGINE_E_UNKNOWN, ENGINE_E_DEVICE, or -errno.
 */
int engine_new(const EngineOptions *options, Engine **ret_engine);

/** engine_free() - Overwrites what is on a device; takes NULL, returns NULL. */
Engine *engine_free(Engine *engine);

/** engine_name() - For the record: "cpu/avx2", "opencl/gpu" and so on; of what was chosen at the start, whatever has happened since. */
const char *engine_name(const Engine *engine);

/** engine_fallback() - The name of what answers where a device has failed, and wherever no gallery is searched: "cpu/avx2" and so on. */
const char *engine_fallback(const Engine *engine);

/* How it is with the device; any thread may ask. */
typedef struct EngineState {
        const char *name; /* of what answers now: engine_name() or engine_fallback() */
        char device[128]; /* its name; "": there is none */
        uint64_t memory;  /* bytes that templates may take on it */
        uint64_t used;
        char failure[256]; /* what it failed with, for people; "": it works */
} EngineState;

void engine_state(Engine *engine, EngineState *ret_state);

/** engine_batch() - How many probes a search should have at most now: ENGINE_BATCH_MAX on a device, ENGINE_BATCH_CPU on the processor; any thread. */
size_t engine_batch(const Engine *engine);

typedef struct EngineHit {
        double similarity;
        size_t row;
} EngineHit;

/* One question to a gallery, and its answer. */
typedef struct EngineQuery {
        const float *
                probes; /* n_probes vectors, each KERNEL_PADDED(dimension) floats; a row's similarity is the highest to any */
        const double *probe_squares; /* as kernel_read_vector() gave them */
        size_t n_probes;             /* 1 to ENGINE_PROBES_MAX */
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

/* How a search went. */
typedef struct EngineRun {
        const char *name;     /* of what answered: engine_name() or engine_fallback() */
        uint64_t nanoseconds; /* of the device's time, by its own clock; 0 where there is none */
} EngineRun;

/**
 * engine_search() - Answers all queries, in one pass over the templates.
 * @queries:    ENGINE_BATCH_MAX probes in all at most
 * @ret_run:    may be NULL
 *
 * One caller at a time. Memory: bounded by the number of probes and threads, whatever the templates are. A device that fails is named in the log once,
 * and is not asked again; the processor answers, from the beginning.
 *
 * Return: 0 when each query has its result; ENGINE_E_DAMAGED or -errno, and none has.
 */
int engine_search(Engine *engine, const Templates *templates, EngineQuery *queries, size_t n_queries,
                  EngineRun *ret_run);

/**
 * engine_sync() - After a change, by who changes the gallery: returns when nothing of what was removed is on the device any more. Beside searches.
 * A device that cannot be asked to is given up, and the log says so.
 */
void engine_sync(Engine *engine, const Templates *templates);

/** engine_forget() - Likewise of everything that had this Templates.identity, which is no more. */
void engine_forget(Engine *engine, uint64_t identity);
