/*
 * The engine that is always there: a pool of threads, and the best kernels that the processor has.
 */

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "worker/engine.h"
#include "worker/pass.h"

enum {
        /* Probes that a thread prepares at a time. */
        ENGINE_PROBES = 8,
};

struct Engine {
        const Kernel *kernel;
        const ScanKernel *scan;
        Pool *pool;
        size_t n_threads;
        char name[32];

        /* What a search works with, kept from one to the next. */
        PassScratch *scratch;
        PassQuery queries[ENGINE_BATCH_MAX];
        ScanProbe probes[ENGINE_BATCH_MAX];
        char *memory;
        size_t memory_size;
};

static size_t processors(void)
{
        cpu_set_t set;

        if (sched_getaffinity(0, sizeof(set), &set) < 0)
                return 1;
        return MIN_OF((size_t)MAX_OF(CPU_COUNT(&set), 1), (size_t)POOL_THREADS_MAX);
}

static int engine_init(Engine *engine, const EngineOptions *options)
{
        engine->n_threads = options->n_threads > 0 ? options->n_threads : processors();
        engine->scratch = pass_scratch_new(engine->n_threads);
        if (!engine->scratch)
                return -ENOMEM;
        (void)snprintf(engine->name, sizeof(engine->name), "cpu/%s",
                       engine->scan->name); /* Kernels' names are short. */
        return pool_new(engine->n_threads, &engine->pool);
}

int engine_new(const EngineOptions *options, Engine **ret_engine)
{
        const Kernel *kernel = kernel_pick(options->isa);
        const ScanKernel *scan = scan_pick(options->isa);
        if (!kernel || !scan || (strcmp(options->engine, "auto") != 0 && strcmp(options->engine, "cpu") != 0))
                return ENGINE_E_UNKNOWN;

        Engine *engine = calloc(1, sizeof(Engine));
        if (!engine)
                return -ENOMEM;
        engine->kernel = kernel;
        engine->scan = scan;
        for (size_t i = 0; i < ENGINE_BATCH_MAX; i++)
                pthread_mutex_init(&engine->queries[i].candidates.lock, NULL);
        int r = engine_init(engine, options);
        if (r < 0) {
                engine_free(engine);
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
        for (size_t i = 0; i < ENGINE_BATCH_MAX; i++)
                pthread_mutex_destroy(&engine->queries[i].candidates.lock);
        free(engine->memory);
        free(engine->scratch);
        free(engine);
        return NULL;
}

const char *engine_name(const Engine *engine)
{
        return engine->name;
}

const char *engine_fallback(const Engine *engine)
{
        return engine->name;
}

void engine_state(Engine *engine, EngineState *ret_state)
{
        *ret_state = (EngineState){.name = engine->name};
}

size_t engine_batch(const Engine *engine)
{
        return ENGINE_BATCH_MAX;
}

void engine_sync(Engine *engine, const Templates *templates)
{
}

void engine_forget(Engine *engine, uint64_t identity)
{
}

/* --------------------------------------------------------------------------------------------------
 * a search */

typedef struct CpuSearch {
        Engine *engine;
        const Templates *templates;
        EngineQuery *queries;
        size_t n_queries;
        size_t n_probes;
        int8_t *digits; /* 2 * scan_digits_size() a probe */
        double *vectors;
        char *candidates;
        atomic_bool damaged;
} CpuSearch;

/* Grows and never shrinks: what the largest search takes is bounded, and a fresh page costs more than a row. No template is left in it. */
static int reserve(Engine *engine, size_t size)
{
        if (size <= engine->memory_size)
                return 0;
        free(engine->memory);
        engine->memory = aligned_alloc(64, size);
        engine->memory_size = engine->memory ? size : 0;
        return engine->memory ? 0 : -ENOMEM;
}

static int divide_memory(CpuSearch *search)
{
        size_t n_digits = search->n_probes * 2 * scan_digits_size(search->templates->dimension);
        size_t n_vectors = search->n_probes * KERNEL_PADDED(search->templates->dimension) * sizeof(double);
        size_t n_candidates = 0;

        for (size_t i = 0; i < search->n_queries; i++)
                n_candidates += candidates_size(&search->queries[i]);
        int r = reserve(search->engine, n_digits + n_vectors + n_candidates);
        if (r < 0)
                return r;
        search->digits = (int8_t *)search->engine->memory;
        search->vectors = (void *)(search->engine->memory + n_digits);
        search->candidates = search->engine->memory + n_digits + n_vectors;
        return 0;
}

/* Probes may be templates that somebody removes from a gallery a moment later. */
static void wipe_probes(CpuSearch *search)
{
        explicit_bzero(search->digits, (size_t)(search->candidates - (char *)search->digits));
}

static void begin_queries(CpuSearch *search)
{
        Engine *engine = search->engine;
        char *memory = search->candidates;
        size_t dimension = search->templates->dimension, first = 0;

        for (size_t i = 0; i < search->n_queries; i++) {
                EngineQuery *query = &search->queries[i];
                Candidates *candidates = &engine->queries[i].candidates;
                candidates->templates = search->templates;
                candidates->query = query;
                candidates->probes =
                        (ExactProbes){.vectors = search->vectors + first * KERNEL_PADDED(dimension),
                                      .squares = query->probe_squares,
                                      .n = query->n_probes,
                                      .dimension = dimension,
                                      .dot = engine->kernel->dot};
                candidates->scan_probes = engine->probes + first;
                candidates_begin(candidates, memory);
                engine->queries[i].first = first;
                atomic_init(&engine->queries[i].stopped, false);
                atomic_init(&engine->queries[i].exact_until, 0);
                memory += candidates_size(query);
                first += query->n_probes;
        }
}

static void prepare_probe(const CpuSearch *search, const EngineQuery *query, size_t i, size_t number)
{
        size_t dimension = search->templates->dimension, stride = KERNEL_PADDED(dimension);

        exact_widen(query->probes + i * stride, stride, search->vectors + number * stride);
        /* A second digit, and with it fewer candidates, where it costs nothing. */
        scan_probe_init(search->engine->scan, query->probes + i * stride, query->probe_squares[i], dimension,
                        2 * search->n_probes <= search->engine->scan->free_digits,
                        search->digits + number * 2 * scan_digits_size(dimension),
                        &search->engine->probes[number]);
}

static void prepare_part(void *userdata, size_t part, size_t thread)
{
        const CpuSearch *search = userdata;
        size_t number = 0;

        for (size_t i = 0; i < search->n_queries; i++)
                for (size_t j = 0; j < search->queries[i].n_probes; j++, number++)
                        if (number / ENGINE_PROBES == part)
                                prepare_probe(search, &search->queries[i], j, number);
}

static void finish_part(void *userdata, size_t part, size_t thread)
{
        CpuSearch *search = userdata;
        PassQuery *query = &search->engine->queries[part];

        if (atomic_load_explicit(&query->stopped, memory_order_relaxed))
                search->queries[part].result = ENGINE_E_STOPPED;
        else if (candidates_finish(&query->candidates) != 0)
                atomic_store_explicit(&search->damaged, true, memory_order_relaxed);
}

int engine_search(Engine *engine, const Templates *templates, EngineQuery *queries, size_t n_queries,
                  EngineRun *ret_run)
{
        CpuSearch search = {
                .engine = engine, .templates = templates, .queries = queries, .n_queries = n_queries};
        Pass pass = {.kernel = engine->scan,
                     .exact = engine->kernel,
                     .templates = templates,
                     .probes = engine->probes,
                     .queries = engine->queries,
                     .n_queries = n_queries,
                     .scratch = engine->scratch,
                     .n_threads = engine->n_threads};

        for (size_t i = 0; i < n_queries; i++) {
                search.n_probes += queries[i].n_probes;
                queries[i].n_hits = 0;
                queries[i].result = 0;
        }
        assert(search.n_probes <= ENGINE_BATCH_MAX);
        if (ret_run)
                *ret_run = (EngineRun){.name = engine->name};
        int r = divide_memory(&search);
        if (r < 0)
                return r;
        begin_queries(&search);
        pool_run(engine->pool, prepare_part, &search, (search.n_probes + ENGINE_PROBES - 1) / ENGINE_PROBES);
        r = pass_run(&pass, engine->pool, search.n_probes);
        if (r == 0)
                pool_run(engine->pool, finish_part, &search, n_queries);
        wipe_probes(&search);
        return r == 0 && atomic_load(&search.damaged) ? ENGINE_E_DAMAGED : r;
}
