#pragma once
/*
 * What computes similarities over a whole gallery. Engines stand behind these few functions; all of them give
 * the same bits for the same input (worker/kernel.h).
 */

#include <stdatomic.h>
#include <stddef.h>

typedef struct Engine Engine;

typedef struct EngineOptions {
        const char *engine; /* "auto" or "cpu" */
        const char *isa;    /* "auto", or a kernel by name */
        size_t n_threads;   /* 0: one for each processor that this process may use */
} EngineOptions;

enum {
        ENGINE_E_UNKNOWN = 1, /* no such engine, or no such instruction set here */
        ENGINE_E_STOPPED = 2, /* the scan was told to stop; the scores are worthless */
};

/** engine_new() - Starts an engine. Return: 0, ENGINE_E_UNKNOWN, or -errno. */
int engine_new(const EngineOptions *options, Engine **ret_engine);
Engine *engine_free(Engine *engine);

/** engine_name() - For the record: "cpu/avx2" and so on. */
const char *engine_name(const Engine *engine);

/* One pass over a gallery. Vectors are padded to `stride`, a multiple of KERNEL_LANES. */
typedef struct Scan {
        const float *rows;     /* n_rows vectors */
        const double *squares; /* their squared norms; zero for a row that is to be passed over */
        size_t n_rows;
        size_t stride;
        const float *probes; /* n_probes vectors */
        const double *probe_squares;
        size_t n_probes;
        const atomic_int *stop; /* not zero: give up soon; may be NULL */
} Scan;

/**
 * engine_scan() - Computes for each row the highest cosine that any of the probes has with it.
 * @ret_scores: n_rows numbers in [-1, 1]; not written for rows that are passed over
 *
 * One caller at a time. Return: 0, ENGINE_E_STOPPED, or -errno.
 */
int engine_scan(Engine *engine, const Scan *scan, double *ret_scores);
