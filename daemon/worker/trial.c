/*
 * Trials of engines.
 */

#include "worker/trial.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "worker/ceiling.h"
#include "worker/kernel.h"
#include "worker/subjects.h"

/* What is searched before others comes first, as in a gallery whose subjects are enrolled in their order. */
static int by_row(const void *userdata, size_t a, size_t b)
{
        return a < b ? -1 : a > b;
}

static int trial_allocate(Trial *trial)
{
        trial->probes = aligned_alloc(64, TRIAL_PROBES * trial->stride * sizeof(float));
        trial->squares = calloc(TRIAL_PROBES, sizeof(double));
        trial->queries = calloc(TRIAL_PROBES, sizeof(EngineQuery));
        trial->hits = calloc((size_t)TRIAL_PROBES * TRIAL_K, sizeof(EngineHit));
        return trial->probes && trial->squares && trial->queries && trial->hits ? 0 : -ENOMEM;
}

int trial_init(const Population *population, Trial *ret_trial)
{
        *ret_trial = (Trial){.population = population, .stride = KERNEL_PADDED(population->shape.dimension)};

        int r = trial_allocate(ret_trial);
        for (size_t i = 0; r == 0 && i < TRIAL_PROBES; i++) {
                float *probe = ret_trial->probes + i * ret_trial->stride;
                population_probe(population, i, probe, &ret_trial->squares[i]);
                ret_trial->queries[i] = (EngineQuery){
                        .probes = probe,
                        .probe_squares = &ret_trial->squares[i],
                        .n_probes = 1,
                        .but = SUBJECTS_NONE,
                        .floor = -1,
                        .k = TRIAL_K,
                        .order = by_row,
                        .ret_hits = ret_trial->hits + i * TRIAL_K,
                };
        }
        return r;
}

void trial_deinit(Trial *trial)
{
        free(trial->probes);
        free(trial->squares);
        free(trial->queries);
        free(trial->hits);
        *trial = TRIAL_INIT;
}

int trial_run(Trial *trial, Engine *engine, TrialPass *pass)
{
        EngineRun run = {};
        double begun = ceiling_now();

        int r = engine_search(engine, &trial->population->templates, trial->queries + pass->first, pass->n,
                              &run);
        if (r != 0)
                return r;
        pass->seconds = ceiling_now() - begun;
        pass->device_seconds = (double)run.nanoseconds / 1e9;
        pass->fell_back = strcmp(run.name, engine_name(engine)) != 0;
        return 0;
}

static int by_value(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

double trial_median(double *numbers, size_t n)
{
        qsort(numbers, n, sizeof(double), by_value);
        return numbers[n / 2];
}
