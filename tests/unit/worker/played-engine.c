/*
 * Engines on played devices.
 */

#include "played-engine.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "scratch.h"
#include "worker/scan.h"

PlayedControl *played_cuda, *played_opencl;
uint64_t played_chance;

const char *played_folder(void)
{
        const char *modules = getenv("MATCHGUARD_PLAYED_MODULES");

        cr_assert_not_null(modules);
        return modules;
}

static PlayedControl *control_of(const char *engine)
{
        char path[4096];

        (void)snprintf(path, sizeof(path), "%s/engine-%s.so", played_folder(), engine);
        void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        cr_assert_not_null(module, "%s", dlerror());
        PlayedControl *control = dlsym(module, PLAYED_SYMBOL);
        cr_assert_not_null(control);
        return control;
}

DeviceFacts played_facts_of(const char *name, bool is_gpu)
{
        DeviceFacts facts = {.is_gpu = is_gpu, .memory = 1 << 28, .largest = 1 << 26};

        (void)snprintf(facts.name, sizeof(facts.name), "%s", name);
        (void)snprintf(facts.kind, sizeof(facts.kind), "%s", is_gpu ? "gpu" : "cpu");
        return facts;
}

void played_set_up(void)
{
        diag_set_level((DiagLevel)(DIAG_ERROR - 1)); /* What fails here is to fail. */
        played_cuda = control_of("cuda");
        played_opencl = control_of("opencl");
        played_cuda->n_devices = 0;
        played_opencl->n_devices = 3;
        played_opencl->facts[0] = played_facts_of("Abacus 1", false);
        played_opencl->facts[1] = played_facts_of("Rosewood GPU", true);
        played_opencl->facts[2] = played_facts_of("Boxwood GPU", true);
}

void played_tear_down(void)
{
        cr_assert_null(played_cuda->violation, "%s", played_cuda->violation);
        cr_assert_null(played_opencl->violation, "%s", played_opencl->violation);
        cr_assert(played_opencl->n_open == 0 && played_opencl->n_memories == 0 && played_cuda->n_open == 0);
}

EngineOptions played_options(const char *engine, const char *device)
{
        return (EngineOptions){.engine = engine,
                               .isa = "auto",
                               .n_threads = 2,
                               .device = device,
                               .modules = played_folder()};
}

Engine *played_engine(const EngineOptions *options)
{
        Engine *engine = NULL;

        cr_assert_eq(engine_new(options, &engine), 0);
        return engine;
}

const char *played_fallback(void)
{
        static char name[32];

        (void)snprintf(name, sizeof(name), "cpu/%s", scan_pick("auto")->name);
        return name;
}

void played_case_begin(PlayedCase *one, uint64_t memory)
{
        EngineOptions options = played_options("opencl", "1");

        options.device_memory = memory;
        engine_free(one->engine);
        one->engine = played_engine(&options);
}

PlayedCase played_case_new(const char *kind, uint64_t memory)
{
        ExamShape shape = {.kind = awkward_kind(kind),
                           .n_rows = PLAYED_ROWS,
                           .dimension = PLAYED_DIMENSION,
                           .dead = 20,
                           .n_questions = PLAYED_QUESTIONS};
        PlayedCase one = {.exam = exam_new(&shape, &played_chance)};

        played_case_begin(&one, memory);
        return one;
}

void played_case_free(PlayedCase *one)
{
        engine_free(one->engine);
        exam_free(one->exam);
}

void played_case_search(PlayedCase *one)
{
        size_t n_calls = played_opencl->n_calls;

        for (size_t i = 0; i < PLAYED_QUESTIONS; i++)
                one->queries[i] = exam_query(one->exam, &one->exam->questions[i]);
        cr_assert_eq(engine_search(one->engine, &one->exam->stored->templates, one->queries, PLAYED_QUESTIONS,
                                   &one->run),
                     0);
        for (size_t i = 0; i < PLAYED_QUESTIONS; i++) {
                exam_compare(one->exam, &one->exam->questions[i], &one->queries[i], one->run.name);
                free(one->queries[i].ret_hits);
        }
        one->n_calls = played_opencl->n_calls - n_calls;
        cr_assert_eq(played_opencl->n_probes, 0, "the probes of a search are still there");
}

void played_case_on_device(const PlayedCase *one)
{
        EngineState state;

        engine_state(one->engine, &state);
        cr_assert_str_eq(one->run.name, "opencl/gpu");
        cr_assert_str_eq(state.name, "opencl/gpu");
        cr_assert_str_eq(state.failure, "");
        cr_assert_eq(played_opencl->n_open, 1);
}

void played_case_fell_back(const PlayedCase *one, const char *failure)
{
        EngineState state;

        engine_state(one->engine, &state);
        cr_assert_str_eq(one->run.name, played_fallback());
        cr_assert_eq(one->run.nanoseconds, 0);
        cr_assert_str_eq(state.name, played_fallback());
        cr_assert_str_eq(state.device, "Rosewood GPU");
        cr_assert(strstr(state.failure, failure), "'%s' and not '%s'", state.failure, failure);
        cr_assert_eq(state.used, 0);
        cr_assert_str_eq(engine_name(one->engine), "opencl/gpu");
        cr_assert_eq(engine_batch(one->engine), (size_t)ENGINE_BATCH_CPU);
        cr_assert(played_opencl->n_open == 0 && played_opencl->n_memories == 0);
}
