/*
 * Duels, with a device that is played (played-device.h). Answers pass through the test, which changes one bit of them where it is told to.
 */

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "played-device.h"
#include "scratch.h"
#include "worker/duel.h"

static PlayedControl *opencl;
static Engine *changed; /* whose answers are changed */

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker's names. */
int __real_engine_search(Engine *engine, const Templates *templates, EngineQuery *queries, size_t n_queries,
                         EngineRun *ret_run);
int __wrap_engine_search(Engine *engine, const Templates *templates, EngineQuery *queries, size_t n_queries,
                         EngineRun *ret_run);

int __wrap_engine_search(Engine *engine, const Templates *templates, EngineQuery *queries, size_t n_queries,
                         EngineRun *ret_run)
{
        int r = __real_engine_search(engine, templates, queries, n_queries, ret_run);
        EngineHit *last = &queries[n_queries - 1].ret_hits[TRIAL_K - 1];
        uint64_t bits;

        if (r != 0 || engine != changed)
                return r;
        memcpy(&bits, &last->similarity, sizeof(bits));
        bits ^= 1;
        memcpy(&last->similarity, &bits, sizeof(bits));
        return r;
}
/* NOLINTEND(bugprone-reserved-identifier) */

typedef struct Field {
        Pool *pool;
        Population population;
        Engine *device;
} Field;

static EngineOptions options = {.isa = "auto", .n_threads = 1};

static void field_init(Field *field)
{
        const PopulationShape shape = {.n_rows = 300, .dimension = 64};
        const char *modules = getenv("MATCHGUARD_PLAYED_MODULES");
        EngineOptions of_device = {.engine = "opencl", .isa = "auto", .n_threads = 1, .modules = modules};
        char path[4096];

        cr_assert_not_null(modules);
        diag_set_level((DiagLevel)(DIAG_ERROR - 1)); /* What fails here is to fail. */
        (void)snprintf(path, sizeof(path), "%s/engine-opencl.so", modules);
        void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        cr_assert_not_null(module, "%s", dlerror());
        opencl = dlsym(module, PLAYED_SYMBOL);
        cr_assert_not_null(opencl);
        opencl->n_devices = 1;
        opencl->facts[0] = (DeviceFacts){
                .name = "played", .kind = "gpu", .is_gpu = true, .memory = 1 << 28, .largest = 1 << 26};
        cr_assert_eq(engine_new(&of_device, &field->device), 0);
        opencl->nanoseconds = 3000;
        cr_assert_eq(pool_new(1, &field->pool), 0);
        cr_assert_eq(population_init(&shape, field->pool, &field->population), 0);
}

static void field_deinit(Field *field)
{
        population_deinit(&field->population);
        pool_free(field->pool);
        engine_free(field->device);
        cr_assert_null(opencl->violation, "%s", opencl->violation);
        cr_assert_eq(opencl->n_memories, 0);
}

Test(duel, times_both_and_has_the_devices_own_time)
{
        DuelRow row = {.batch = 16};
        EngineState state;
        Field field;
        Duel duel;

        field_init(&field);
        cr_assert_eq(duel_init(&field.population, field.device, &options, &duel), 0);
        cr_assert_gt(duel.first_seconds, 0);
        cr_assert_eq(duel_run(&duel, 0, &row), 0);
        cr_assert(row.device > 0 && row.processor > 0);
        cr_assert(row.working >= 3e-6 && row.working < 1e-3, "%g", row.working);
        engine_state(field.device, &state);
        cr_assert_gt(state.used, 0);
        duel_deinit(&duel);
        engine_state(field.device, &state);
        cr_assert_eq(state.used, 0, "the gallery is forgotten");
        duel_deinit(&duel);
        field_deinit(&field);
}

Test(duel, tells_another_bit)
{
        DuelRow row = {.batch = 256};
        Field field;
        Duel duel;

        field_init(&field);
        cr_assert_eq(duel_init(&field.population, field.device, &options, &duel), 0);
        changed = field.device;
        cr_assert_eq(duel_run(&duel, 0, &row), DUEL_E_DIFFER);
        duel_deinit(&duel);
        field_deinit(&field);
}

Test(duel, takes_no_time_of_a_device_that_failed)
{
        DuelRow row = {.batch = 1};
        Field field;
        Duel duel;

        field_init(&field);
        cr_assert_eq(duel_init(&field.population, field.device, &options, &duel), 0);
        opencl->fails_with = -EIO;
        opencl->fails_at = opencl->n_calls + 1;
        cr_assert_eq(duel_run(&duel, 0, &row), DUEL_E_FELL_BACK);
        duel_deinit(&duel);
        cr_assert_eq(duel_init(&field.population, field.device, &options, &duel), DUEL_E_FELL_BACK);
        duel_deinit(&duel);
        field_deinit(&field);
}
