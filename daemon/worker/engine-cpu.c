/*
 * The engine that is always there: a pool of threads, and the best kernel that the processor has.
 */

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "worker/engine.h"
#include "worker/kernel.h"
#include "worker/pool.h"

/* Rows in one part: small enough to stop soon and to share evenly,
 * large enough to make taking a part cheap. */
enum { ENGINE_PART_ROWS = 256 };

struct Engine {
        const Kernel *kernel;
        Pool *pool;
        char name[32];
};

typedef struct CpuScan {
        const Scan *scan;
        KernelDot dot;
        const double *probes; /* the probes in double precision */
        double *scores;
} CpuScan;

static size_t processors(void)
{
        cpu_set_t set;

        if (sched_getaffinity(0, sizeof(set), &set) < 0)
                return 1;
        return MIN_OF((size_t)MAX_OF(CPU_COUNT(&set), 1), (size_t)POOL_THREADS_MAX);
}

int engine_new(const EngineOptions *options, Engine **ret_engine)
{
        const Kernel *kernel = kernel_pick(options->isa);
        if (!kernel || (strcmp(options->engine, "auto") != 0 && strcmp(options->engine, "cpu") != 0))
                return ENGINE_E_UNKNOWN;

        Engine *engine = calloc(1, sizeof(Engine));
        if (!engine)
                return -ENOMEM;
        engine->kernel = kernel;
        (void)snprintf(engine->name, sizeof(engine->name), "cpu/%s",
                       kernel->name); /* Kernels' names are short. */
        int r = pool_new(options->n_threads > 0 ? options->n_threads : processors(), &engine->pool);
        if (r < 0) {
                free(engine);
                return r;
        }
        *ret_engine = engine;
        return 0;
}

Engine *engine_free(Engine *engine)
{
        if (!engine)
                return NULL;
        pool_free(engine->pool);
        free(engine);
        return NULL;
}

const char *engine_name(const Engine *engine)
{
        return engine->name;
}

static double row_score(const CpuScan *work, size_t row)
{
        const Scan *scan = work->scan;
        double best = -1;

        for (size_t i = 0; i < scan->n_probes; i++) {
                double dot = work->dot(work->probes + i * scan->stride, scan->rows + row * scan->stride,
                                       scan->stride);
                double score = kernel_cosine(dot, scan->probe_squares[i], scan->squares[row]);
                if (score > best)
                        best = score;
        }
        return best;
}

static void scan_part(void *userdata, size_t part)
{
        const CpuScan *work = userdata;
        const Scan *scan = work->scan;
        size_t end = MIN_OF((part + 1) * ENGINE_PART_ROWS, scan->n_rows);

        if (scan->stop && atomic_load_explicit(scan->stop, memory_order_relaxed) != 0)
                return;
        for (size_t row = part * ENGINE_PART_ROWS; row < end; row++)
                if (scan->squares[row] > 0)
                        work->scores[row] = row_score(work, row);
}

int engine_scan(Engine *engine, const Scan *scan, double *ret_scores)
{
        size_t n = scan->n_probes * scan->stride;
        _cleanup_(freep) double *probes = malloc(MAX_OF(n, (size_t)1) * sizeof(double));
        if (!probes)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                probes[i] = (double)scan->probes[i];

        CpuScan work = {.scan = scan, .dot = engine->kernel->dot, .probes = probes, .scores = ret_scores};
        pool_run(engine->pool, scan_part, &work, (scan->n_rows + ENGINE_PART_ROWS - 1) / ENGINE_PART_ROWS);
        return scan->stop && atomic_load(scan->stop) != 0 ? ENGINE_E_STOPPED : 0;
}
