/*
 * Queries made ready.
 */

#include "worker/queries.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

enum { QUERIES_PROBES = 8 /* that a thread prepares at a time */ };

int queries_init(Queries *queries)
{
        *queries = (Queries){.items = calloc(ENGINE_BATCH_MAX, sizeof(PassQuery)),
                             .list = calloc(ENGINE_BATCH_MAX, sizeof(PassQuery *)),
                             .probes = calloc(ENGINE_BATCH_MAX, sizeof(ScanProbe))};
        if (!queries->items || !queries->list || !queries->probes)
                return -ENOMEM;
        for (size_t i = 0; i < ENGINE_BATCH_MAX; i++) {
                pthread_mutex_init(&queries->items[i].candidates.lock, NULL);
                queries->list[i] = &queries->items[i];
        }
        return 0;
}

void queries_deinit(Queries *queries)
{
        for (size_t i = 0; queries->items && i < ENGINE_BATCH_MAX; i++)
                pthread_mutex_destroy(&queries->items[i].candidates.lock);
        free(queries->items);
        free(queries->list);
        free(queries->probes);
        free(queries->memory);
        *queries = (Queries){};
}

/* Grows and never shrinks: what the largest search takes is bounded, and a fresh page costs more than a row. */
static int reserve(Queries *queries, size_t size)
{
        if (size <= queries->memory_size)
                return 0;
        free(queries->memory);
        queries->digits = NULL;
        queries->candidates = NULL;
        queries->memory = aligned_alloc(64, size);
        queries->memory_size = queries->memory ? size : 0;
        return queries->memory ? 0 : -ENOMEM;
}

static int divide_memory(Queries *queries)
{
        size_t dimension = queries->templates->dimension;
        size_t n_digits = queries->n_probes * 2 * scan_digits_size(dimension);
        size_t n_vectors = queries->n_probes * KERNEL_PADDED(dimension) * sizeof(double);
        size_t n_candidates = 0;

        for (size_t i = 0; i < queries->n; i++)
                n_candidates += candidates_size(&queries->asked[i]);
        int r = reserve(queries, n_digits + n_vectors + n_candidates);
        if (r < 0)
                return r;
        queries->digits = (int8_t *)queries->memory;
        queries->vectors = (void *)(queries->memory + n_digits);
        queries->candidates = queries->memory + n_digits + n_vectors;
        return 0;
}

static void begin_candidates(Queries *queries, KernelDot dot)
{
        size_t dimension = queries->templates->dimension, first = 0;
        char *memory = queries->candidates;

        for (size_t i = 0; i < queries->n; i++) {
                EngineQuery *query = &queries->asked[i];
                PassQuery *item = &queries->items[i];
                item->candidates.templates = queries->templates;
                item->candidates.query = query;
                item->candidates.probes =
                        (ExactProbes){.vectors = queries->vectors + first * KERNEL_PADDED(dimension),
                                      .squares = query->probe_squares,
                                      .n = query->n_probes,
                                      .dimension = dimension,
                                      .dot = dot};
                candidates_begin(&item->candidates, memory);
                item->first = first;
                atomic_init(&item->stopped, false);
                memory += candidates_size(query);
                first += query->n_probes;
        }
}

/* ------------------------------------------------------------------------------------------------
 * probes */

/* Some at a time are read, and written anew. */
typedef struct Preparation {
        Queries *queries;
        const QueriesWay *way;
        void (*prepare)(const struct Preparation *preparation, const float *vector, double square,
                        size_t number);
} Preparation;

static void widen(const Preparation *preparation, const float *vector, double square, size_t number)
{
        size_t stride = KERNEL_PADDED(preparation->queries->templates->dimension);

        exact_widen(vector, stride, preparation->queries->vectors + number * stride);
}

static void write_digits(const Preparation *preparation, const float *vector, double square, size_t number)
{
        Queries *queries = preparation->queries;
        const QueriesWay *way = preparation->way;
        size_t dimension = queries->templates->dimension;

        /* A second digit, and with it fewer candidates, where it costs nothing. */
        scan_probe_init(way->scan, vector, square, dimension, queries->n_probes <= way->two_digits_max,
                        queries->digits + number * 2 * scan_digits_size(dimension), &queries->probes[number]);
}

static void prepare_both(const Preparation *preparation, const float *vector, double square, size_t number)
{
        widen(preparation, vector, square, number);
        write_digits(preparation, vector, square, number);
}

static void prepare_part(void *userdata, size_t part, size_t thread)
{
        const Preparation *preparation = userdata;
        const Queries *queries = preparation->queries;
        size_t stride = KERNEL_PADDED(queries->templates->dimension), number = 0;

        for (size_t i = 0; i < queries->n; i++) {
                const EngineQuery *query = &queries->asked[i];
                for (size_t j = 0; j < query->n_probes; j++, number++)
                        if (number / QUERIES_PROBES == part)
                                preparation->prepare(preparation, query->probes + j * stride,
                                                     query->probe_squares[j], number);
        }
}

static void prepare(Preparation *preparation)
{
        size_t n_parts = (preparation->queries->n_probes + QUERIES_PROBES - 1) / QUERIES_PROBES;

        pool_run(preparation->way->pool, prepare_part, preparation, n_parts);
}

int queries_begin(Queries *queries, const Templates *templates, EngineQuery *asked, size_t n,
                  const QueriesWay *way)
{
        queries->templates = templates;
        queries->asked = asked;
        queries->n = n;
        queries->n_probes = 0;
        atomic_init(&queries->damaged, false);
        for (size_t i = 0; i < n; i++) {
                queries->n_probes += asked[i].n_probes;
                asked[i].n_hits = 0;
                asked[i].result = 0;
        }
        assert(queries->n_probes <= ENGINE_BATCH_MAX);
        int r = divide_memory(queries);
        if (r < 0)
                return r;
        begin_candidates(queries, way->exact->dot);
        prepare(&(Preparation){queries, way, prepare_both});
        return 0;
}

void queries_write_digits(Queries *queries, const QueriesWay *way)
{
        prepare(&(Preparation){queries, way, write_digits});
}

void queries_wipe(Queries *queries)
{
        if (queries->digits)
                explicit_bzero(queries->digits, (size_t)(queries->candidates - (char *)queries->digits));
}

/* ------------------------------------------------------------------------------------------------ answers */

static void finish_part(void *userdata, size_t part, size_t thread)
{
        Queries *queries = userdata;
        PassQuery *item = &queries->items[part];

        if (atomic_load_explicit(&item->stopped, memory_order_relaxed))
                queries->asked[part].result = ENGINE_E_STOPPED;
        else if (candidates_finish(&item->candidates) != 0)
                atomic_store_explicit(&queries->damaged, true, memory_order_relaxed);
}

int queries_finish(Queries *queries, Pool *pool)
{
        pool_run(pool, finish_part, queries, queries->n);
        return atomic_load(&queries->damaged) ? ENGINE_E_DAMAGED : 0;
}
