/*
 * Engines, started for an examination.
 */

#include "examinee.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "worker/confine.h"
#include "worker/device.h"
#include "worker/handlers.h"
#include "worker/premises.h"

enum { N_THREADS = 2 /* of an engine beside a device, and of the one that it is held against */ };

static const char *const isas[] = {"avx512-vnni", "avx2", "scalar"};
static const size_t threads[] = {1, 2, 5};

static void start_processors(Examinees *examinees)
{
        for (size_t isa = 0; isa < ARRAY_SIZE(isas); isa++) {
                ExamineeKind *kind = &examinees->kinds[examinees->n];
                for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
                        Examinee *examinee = &kind->like[kind->n];
                        *examinee = (Examinee){.n_threads = threads[i], .is = "cpu"};
                        int r = engine_new(&(EngineOptions){"cpu", isas[isa], threads[i]}, &examinee->engine);
                        cr_assert(r == 0 || (r == ENGINE_E_UNKNOWN && strcmp(isas[isa], "scalar") != 0));
                        kind->n += r == 0;
                }
                examinees->n += kind->n > 0;
        }
}

static void start_one(Examinees *examinees, const EngineOptions *options)
{
        Examinee *examinee = &examinees->kinds[examinees->n++].like[0];

        EngineOptions own = *options;
        DeviceWhy why = {};

        own.ret_why = &why;
        *examinee = (Examinee){.n_threads = options->n_threads, .is = options->engine};
        int r = engine_new(&own, &examinee->engine);
        cr_assert_eq(r, 0, "there is no engine '%s': %d: %s", options->engine, r, why.text);
        examinees->kinds[examinees->n - 1].n = 1;
}

/* As main.c starts an engine on a device: the folders, the engine, the calls. */
static void start_confined(Examinees *examinees, const EngineOptions *options)
{
        Premises premises = PREMISES_INIT;
        SandboxRemarks remarks;
        Handlers handlers;

        cr_assert_eq(confine_early(), 0);
        cr_assert_eq(premises_init("/dev", &premises), 0);
        free(premises.modules);
        premises.modules = strdup(options->modules);
        premises_make_cache(&premises);
        const ConfineWish wish = {.premises = &premises, .executes = strcmp(options->engine, "opencl") == 0};
        cr_assert_eq(confine_folders(&wish, &remarks), 0);
        handlers_keep(&handlers);
        start_one(examinees, options);
        start_one(examinees, &(EngineOptions){.engine = "cpu", .isa = "auto", .n_threads = N_THREADS});
        handlers_restore(&handlers);
        cr_assert_eq(confine_calls(&wish, &remarks), 0);
        premises_deinit(&premises);
}

void examinees_start(Examinees *examinees, uint64_t device_memory)
{
        const char *engine = getenv("MATCHGUARD_EXACT_ENGINE"), *modules = getenv("MATCHGUARD_EXACT_MODULES");

        *examinees = (Examinees){};
        if (!engine || strcmp(engine, "cpu") == 0) {
                start_processors(examinees);
                return;
        }
        cr_assert(modules, "MATCHGUARD_EXACT_MODULES names no folder");
        start_confined(examinees, &(EngineOptions){.engine = engine,
                                                   .isa = "auto",
                                                   .n_threads = N_THREADS,
                                                   .device = getenv("MATCHGUARD_EXACT_DEVICE"),
                                                   .device_memory = device_memory,
                                                   .modules = modules});
}

void examinees_end(Examinees *examinees)
{
        for (size_t kind = 0; kind < examinees->n; kind++)
                for (size_t i = 0; i < examinees->kinds[kind].n; i++)
                        engine_free(examinees->kinds[kind].like[i].engine);
}

bool examinee_is_device(const Examinee *examinee)
{
        return strcmp(examinee->is, "cpu") != 0;
}

void examinee_search(const Examinee *examinee, const Templates *templates, EngineQuery *queries, size_t n,
                     const char *what)
{
        EngineRun run = {};
        EngineState state;

        int r = engine_search(examinee->engine, templates, queries, n, &run);
        cr_assert_eq(r, 0, "%s: %d", what, r);
        engine_state(examinee->engine, &state);
        cr_assert_str_empty(state.failure, "%s: %s", what, state.failure);
        cr_assert_str_eq(run.name, engine_name(examinee->engine), "%s: answered by %s", what, run.name);
        cr_assert_eq(strncmp(run.name, examinee->is, strlen(examinee->is)), 0, "%s: answered by %s", what,
                     run.name);
}
