/*
 * The engine: a device where there is one, and the processor, which is always there: a pool of threads, and the best kernels that it has.
 *
 * Invariants:
 *
 *  1. A search is answered by the device, or by the processor from its beginning to its end; EngineRun says by which.
 *  2. The device is the holder's of device_lock: a search's, of which there is one at a time, for reading; others' for writing, so that they
 *     do not wait for search after search. Who takes it may hold a gallery, and takes no gallery while it has it.
 *  3. A device that has failed is closed, and is never asked again.
 */

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "worker/accelerator.h"
#include "worker/engine.h"
#include "worker/lock.h"
#include "worker/queries.h"

enum {
        ENGINE_TWO_DIGITS_MAX =
                8, /* probes with two digits on a device: more work for it, and less for the host */
        ENGINE_MIB = 1024 * 1024,
};

struct Engine {
        const Kernel *kernel;
        const ScanKernel *scan;
        Pool *pool;
        size_t n_threads;
        PassScratch *scratch;
        Queries queries;
        char name[32];
        char fallback[32];

        pthread_rwlock_t device_lock;
        Accelerator *accelerator; /* NULL: there is none, or it has failed */
        bool lacked_room;         /* which was said */
        atomic_bool has_device;

        pthread_mutex_t state_lock; /* taken last, and shortly */
        EngineState state;
};

/* ------------------------------------------------------------------------------------------------
 * the device's state */

static_assert(sizeof(((EngineState *)NULL)->device) == DEVICE_NAME_MAX + 1, "it is copied as a whole");
static_assert(sizeof(((EngineState *)NULL)->failure) == DEVICE_WHY_MAX + 1, "likewise");

static void note_memory(Engine *engine)
{
        CopiesFacts facts = accelerator_memory(engine->accelerator);

        pthread_mutex_lock(&engine->state_lock);
        engine->state.memory = facts.limit;
        engine->state.used = facts.used;
        pthread_mutex_unlock(&engine->state_lock);
}

static void note_device(Engine *engine)
{
        const DeviceFacts *facts = accelerator_device(engine->accelerator);

        memcpy(engine->state.device, facts->name, sizeof(engine->state.device));
        engine->state.name = engine->name;
        atomic_init(&engine->has_device, true);
        note_memory(engine);
        diag(DIAG_NOTICE, "Searching with %s: %s, %" PRIu64 " MiB of its memory for templates.", engine->name,
             engine->state.device, engine->state.memory / ENGINE_MIB);
}

/* The lock is held. */
static void give_up(Engine *engine, const DeviceWhy *why)
{
        diag(DIAG_ERROR,
             "The device %s (%s) has failed: %s. The processor (%s) answers from now on; restart "
             "matchguard-worker to try the device again.",
             engine->state.device, engine->name, why->text, engine->fallback);
        engine->accelerator = accelerator_free(engine->accelerator);
        atomic_store(&engine->has_device, false);
        pthread_mutex_lock(&engine->state_lock);
        engine->state.name = engine->fallback;
        engine->state.used = 0;
        memcpy(engine->state.failure, why->text, sizeof(engine->state.failure));
        pthread_mutex_unlock(&engine->state_lock);
}

void engine_state(Engine *engine, EngineState *ret_state)
{
        pthread_mutex_lock(&engine->state_lock);
        *ret_state = engine->state;
        pthread_mutex_unlock(&engine->state_lock);
}

/* ------------------------------------------------------------------------------------------------
 * life */

static size_t processors(void)
{
        cpu_set_t set;

        if (sched_getaffinity(0, sizeof(set), &set) < 0)
                return 1;
        return MIN_OF((size_t)MAX_OF(CPU_COUNT(&set), 1), (size_t)POOL_THREADS_MAX);
}

static int begin_processor(Engine *engine, size_t n_threads)
{
        engine->n_threads = n_threads > 0 ? n_threads : processors();
        engine->scratch = pass_scratch_new(engine->n_threads);
        if (!engine->scratch)
                return -ENOMEM;
        (void)snprintf(engine->fallback, sizeof(engine->fallback), "cpu/%s",
                       engine->scan->name); /* Kernels' names are short. */
        memcpy(engine->name, engine->fallback, sizeof(engine->name));
        engine->state.name = engine->fallback;
        int r = queries_init(&engine->queries);
        return r < 0 ? r : pool_new(engine->n_threads, &engine->pool);
}

static bool wants_device(const EngineOptions *options)
{
        return strcmp(options->engine, "cpu") != 0 &&
               (options->modules || strcmp(options->engine, "auto") != 0);
}

/* Return: 0, also where there is none and none is needed; ENGINE_E_DEVICE or -errno. */
static int begin_device(Engine *engine, const EngineOptions *options)
{
        const AcceleratorWish wish = {.folder = options->modules,
                                      .engine = options->engine,
                                      .device = options->device,
                                      .memory = options->device_memory};
        DeviceWhy why = {"there is no folder of drivers"};
        bool is_auto = strcmp(options->engine, "auto") == 0;

        if (!wants_device(options))
                return 0;
        int r = options->modules ? accelerator_new(&wish, &engine->accelerator, &why) : ACCELERATOR_E_NONE;
        if (r > 0 && is_auto && options->device)
                diag(DIAG_WARNING, "Searching with the processor, not with the GPU '%s': %s.",
                     options->device, why.text);
        if (r <= 0 || is_auto)
                return MIN_OF(r, 0);
        if (options->ret_why)
                (void)snprintf(options->ret_why->text, sizeof(options->ret_why->text), "%s",
                               why.text); /* As large. */
        return ENGINE_E_DEVICE;
}

static bool is_known(const char *engine)
{
        static const char *const names[] = {"auto", "cpu", "opencl", "cuda"};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (strcmp(engine, names[i]) == 0)
                        return true;
        return false;
}

int engine_new(const EngineOptions *options, Engine **ret_engine)
{
        const Kernel *kernel = kernel_pick(options->isa);
        const ScanKernel *scan = scan_pick(options->isa);
        if (!kernel || !scan || !is_known(options->engine))
                return ENGINE_E_UNKNOWN;

        Engine *engine = calloc(1, sizeof(Engine));
        if (!engine)
                return -ENOMEM;
        engine->kernel = kernel;
        engine->scan = scan;
        lock_init(&engine->device_lock);
        pthread_mutex_init(&engine->state_lock, NULL);
        int r = begin_device(engine, options);
        if (r == 0)
                r = begin_processor(engine, options->n_threads);
        if (r != 0) {
                engine_free(engine);
                return r;
        }
        if (engine->accelerator) {
                (void)snprintf(engine->name, sizeof(engine->name), "%s",
                               accelerator_name(engine->accelerator)); /* As large. */
                note_device(engine);
        } else {
                diag(DIAG_DEBUG, "Searching with %s.", engine->name);
        }
        *ret_engine = engine;
        return 0;
}

Engine *engine_free(Engine *engine)
{
        if (!engine)
                return NULL;
        accelerator_free(engine->accelerator);
        pool_free(engine->pool);
        queries_deinit(&engine->queries);
        free(engine->scratch);
        pthread_rwlock_destroy(&engine->device_lock);
        pthread_mutex_destroy(&engine->state_lock);
        free(engine);
        return NULL;
}

const char *engine_name(const Engine *engine)
{
        return engine->name;
}

const char *engine_fallback(const Engine *engine)
{
        return engine->fallback;
}

size_t engine_batch(const Engine *engine)
{
        return atomic_load(&engine->has_device) ? ENGINE_BATCH_MAX : ENGINE_BATCH_CPU;
}

/* ------------------------------------------------------------------------------------------------
 * a search */

typedef struct EngineSearch {
        Engine *engine;
        const Templates *templates;
        EngineQuery *queries;
        size_t n_queries;
        Pass pass;
} EngineSearch;

static Pass pass_of(Engine *engine, const Templates *templates)
{
        return (Pass){.kernel = engine->scan,
                      .exact = engine->kernel,
                      .templates = templates,
                      .probes = engine->queries.probes,
                      .scratch = engine->scratch,
                      .n_threads = engine->n_threads};
}

/* A device that has no room may have it for the next gallery. The lock is held. */
static void take_ending(Engine *engine, int r, const DeviceWhy *why)
{
        if (r == ACCELERATOR_E_FAILED) {
                give_up(engine, why);
                return;
        }
        note_memory(engine);
        if (r == ACCELERATOR_E_NO_ROOM && !engine->lacked_room)
                diag(DIAG_WARNING,
                     "The device %s (%s) has no room for a search: %s. The processor (%s) answers where "
                     "that is so; others may be using the device's memory.",
                     engine->state.device, engine->name, why->text, engine->fallback);
        engine->lacked_room = engine->lacked_room || r == ACCELERATOR_E_NO_ROOM;
}

/* The lock is held, and there is a device. Return: 0, ENGINE_E_DAMAGED, -errno; above these where the processor is to answer. */
static int search_on_device(EngineSearch *search, uint64_t *ret_nanoseconds)
{
        Engine *engine = search->engine;
        const QueriesWay way = {
                .exact = engine->kernel, .two_digits_max = ENGINE_TWO_DIGITS_MAX, .pool = engine->pool};
        const RoundsWork work = {&engine->queries, &search->pass, engine->pool};
        DeviceWhy why;

        int r = queries_begin(&engine->queries, search->templates, search->queries, search->n_queries, &way);
        if (r == 0) {
                r = accelerator_run(engine->accelerator, &work, ret_nanoseconds, &why);
                take_ending(engine, r, &why);
        }
        if (r == 0)
                r = queries_finish(&engine->queries, engine->pool);
        return r;
}

static int search_on_processor(EngineSearch *search)
{
        Engine *engine = search->engine;
        const QueriesWay way = {.exact = engine->kernel,
                                .scan = engine->scan,
                                .two_digits_max = engine->scan->free_digits / 2,
                                .pool = engine->pool};

        int r = queries_begin(&engine->queries, search->templates, search->queries, search->n_queries, &way);
        if (r < 0)
                return r;
        search->pass.queries = engine->queries.list;
        search->pass.n_queries = search->n_queries;
        search->pass.range = pass_everything(search->templates);
        r = pass_run(&search->pass, engine->pool);
        return r == 0 ? queries_finish(&engine->queries, engine->pool) : r;
}

static int search_somehow(EngineSearch *search, EngineRun *run)
{
        Engine *engine = search->engine;
        int r = ACCELERATOR_E_NONE;

        pthread_rwlock_rdlock(&engine->device_lock);
        *run = (EngineRun){.name = engine->name};
        if (engine->accelerator && search->n_queries > 0)
                r = search_on_device(search, &run->nanoseconds);
        pthread_rwlock_unlock(&engine->device_lock);
        if (r < ACCELERATOR_E_FAILED)
                return r;
        *run = (EngineRun){.name = engine->fallback};
        return search_on_processor(search);
}

int engine_search(Engine *engine, const Templates *templates, EngineQuery *queries, size_t n_queries,
                  EngineRun *ret_run)
{
        EngineSearch search = {.engine = engine,
                               .templates = templates,
                               .queries = queries,
                               .n_queries = n_queries,
                               .pass = pass_of(engine, templates)};
        EngineRun run;

        int r = search_somehow(&search, &run);
        queries_wipe(&engine->queries);
        if (ret_run)
                *ret_run = run;
        return r;
}

/* ------------------------------------------------------------------------------------------------
 * what changes meanwhile */

void engine_sync(Engine *engine, const Templates *templates)
{
        DeviceWhy why;

        pthread_rwlock_wrlock(&engine->device_lock);
        if (engine->accelerator)
                take_ending(engine, accelerator_sync(engine->accelerator, templates, &why), &why);
        pthread_rwlock_unlock(&engine->device_lock);
}

void engine_forget(Engine *engine, uint64_t identity)
{
        DeviceWhy why;

        pthread_rwlock_wrlock(&engine->device_lock);
        if (engine->accelerator)
                take_ending(engine, accelerator_forget(engine->accelerator, identity, &why), &why);
        pthread_rwlock_unlock(&engine->device_lock);
}
