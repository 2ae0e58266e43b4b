#pragma once
/*
 * A trial of an engine, for benchmarks: probes to a made-up gallery, the queries made of them, and how long their answers take.
 */

#include <stdbool.h>
#include <stddef.h>

#include "worker/engine.h"
#include "worker/population.h"

enum {
        TRIAL_PROBES = ENGINE_BATCH_MAX,
        TRIAL_K = 10, /* hits of a query */
};

typedef struct Trial {
        const Population *population; /* borrowed */
        size_t stride;                /* floats from one probe to the next */
        float *probes;                /* TRIAL_PROBES, of length 1 */
        double *squares;
        EngineQuery *queries; /* one a probe */
        EngineHit *hits;      /* TRIAL_K a query */
} Trial;

#define TRIAL_INIT ((Trial){})

/** trial_init() - Draws the probes. Return: 0 or -ENOMEM; @ret_trial is to be deinitialised either way. */
int trial_init(const Population *population, Trial *ret_trial);

/** trial_deinit() - Safe on TRIAL_INIT and twice. */
void trial_deinit(Trial *trial);

/* Some of the queries, answered in one pass, and how that went. */
typedef struct TrialPass {
        size_t first, n;
        double seconds;        /* filled in, as are the next two: by ceiling_now() */
        double device_seconds; /* by the device's own clock; 0: it has none, or took no part */
        bool fell_back;        /* another engine than the one meant has answered */
} TrialPass;

/**
 * trial_run() - Answers queries: the ten best templates, of the same similarity the first.
 *
 * Return: 0, or as engine_search().
 */
int trial_run(Trial *trial, Engine *engine, TrialPass *pass);

/** trial_median() - Of @n numbers, which it sorts; @n is 1 or more. */
double trial_median(double *numbers, size_t n);
