/*
 * Brute force.
 */

#include "truth.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/macro.h"

enum {
        TRUTH_LANES = 16,
        TRUTH_PART_ROWS = 2048,
};

typedef double TruthLanes __attribute__((vector_size(TRUTH_LANES * sizeof(double)), may_alias));
typedef float TruthFloats __attribute__((vector_size(TRUTH_LANES * sizeof(float)), may_alias));

typedef struct TruthWork {
        const Trial *trial;
        size_t n_probes;
        const double *squares; /* of the probes, computed here */
        EngineHit *hits;       /* TRIAL_K a probe, n_probes a part */
        size_t *n_hits;
} TruthWork;

/* ------------------------------------------------------------------------------------------------ similarity */

/* Element i is added to lane i % 16, and the upper half of the lanes to the lower one until one is left. */
__attribute__((always_inline)) static inline double truth_dot_lanes(const float *a, const float *b, size_t n)
{
        TruthLanes lanes = {};

        for (size_t i = 0; i < n; i += TRUTH_LANES)
                lanes += __builtin_convertvector(*(const TruthFloats *)(a + i), TruthLanes) *
                         __builtin_convertvector(*(const TruthFloats *)(b + i), TruthLanes);
        for (size_t width = TRUTH_LANES / 2; width > 0; width /= 2)
                for (size_t i = 0; i < width; i++)
                        lanes[i] += lanes[i + width];
        return lanes[0];
}

static double truth_dot_plain(const float *a, const float *b, size_t n)
{
        return truth_dot_lanes(a, b, n);
}

#ifdef __x86_64__
__attribute__((target("avx512f"))) static double truth_dot_avx512(const float *a, const float *b, size_t n)
{
        return truth_dot_lanes(a, b, n);
}
#endif

static double truth_dot(const float *a, const float *b, size_t n)
{
#ifdef __x86_64__
        if (__builtin_cpu_supports("avx512f"))
                return truth_dot_avx512(a, b, n);
#endif
        return truth_dot_plain(a, b, n);
}

/* ---------------------------------------------------------------------------------------------------- sorting */

static bool truth_is_better(EngineHit a, EngineHit b)
{
        return a.similarity > b.similarity || (a.similarity == b.similarity && a.row < b.row);
}

/* Ten are few: each finds its place from the end. */
static void truth_insert(EngineHit *hits, size_t *n, EngineHit hit)
{
        size_t i = *n;

        if (i == TRIAL_K && !truth_is_better(hit, hits[i - 1]))
                return;
        if (i < TRIAL_K)
                (*n)++;
        else
                i--;
        for (; i > 0 && truth_is_better(hit, hits[i - 1]); i--)
                hits[i] = hits[i - 1];
        hits[i] = hit;
}

static void truth_part(void *userdata, size_t part, size_t thread)
{
        const TruthWork *work = userdata;
        const Trial *trial = work->trial;
        const Templates *templates = &trial->population->templates;
        size_t end = MIN_OF((part + 1) * TRUTH_PART_ROWS, templates->n_rows);

        for (size_t row = part * TRUTH_PART_ROWS; row < end; row++) {
                double stored;
                const float *vector = original_read(&templates->originals, row, &stored);
                double square = truth_dot(vector, vector, trial->stride);
                for (size_t i = 0; i < work->n_probes; i++) {
                        const float *probe = trial->probes + i * trial->stride;
                        double cosine =
                                truth_dot(probe, vector, trial->stride) / sqrt(work->squares[i] * square);
                        size_t list = part * work->n_probes + i;
                        truth_insert(work->hits + list * TRIAL_K, work->n_hits + list,
                                     (EngineHit){fmax(-1, fmin(1, cosine)), row});
                }
        }
}

int truth_init(const Trial *trial, size_t n_probes, Pool *pool, Truth *ret_truth)
{
        size_t n_parts = (trial->population->shape.n_rows + TRUTH_PART_ROWS - 1) / TRUTH_PART_ROWS;
        _cleanup_(freep) EngineHit *hits = calloc(n_parts * n_probes * TRIAL_K, sizeof(EngineHit));
        _cleanup_(freep) size_t *n_hits = calloc(n_parts * n_probes, sizeof(size_t));
        double squares[TRIAL_PROBES];
        TruthWork work = {
                .trial = trial, .n_probes = n_probes, .squares = squares, .hits = hits, .n_hits = n_hits};

        *ret_truth = (Truth){.n_probes = n_probes, .hits = calloc(n_probes * TRIAL_K, sizeof(EngineHit))};
        if (!hits || !n_hits || !ret_truth->hits)
                return -ENOMEM;
        for (size_t i = 0; i < n_probes; i++) {
                const float *probe = trial->probes + i * trial->stride;
                squares[i] = truth_dot(probe, probe, trial->stride);
        }
        pool_run(pool, truth_part, &work, n_parts);
        for (size_t i = 0; i < n_probes; i++) {
                size_t n = 0;
                for (size_t part = 0; part < n_parts; part++)
                        for (size_t j = 0; j < n_hits[part * n_probes + i]; j++)
                                truth_insert(ret_truth->hits + i * TRIAL_K, &n,
                                             hits[(part * n_probes + i) * TRIAL_K + j]);
        }
        return 0;
}

void truth_deinit(Truth *truth)
{
        free(truth->hits);
        *truth = TRUTH_INIT;
}
