/*
 * Which device the engine takes, and what it says where there is none.
 */

#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "played-engine.h"
#include "worker/accelerator.h"

TestSuite(driver, .init = played_set_up, .fini = played_tear_down, .timeout = 600);

static void expect_chosen(const char *engine, const char *device, const char *name, const char *chosen)
{
        EngineOptions options = played_options(engine, device);
        Engine *found = played_engine(&options);
        EngineState state;

        engine_state(found, &state);
        cr_expect_str_eq(engine_name(found), name);
        cr_expect_str_eq(state.name, name);
        cr_expect_str_eq(state.device, chosen);
        cr_expect_eq(strncmp(engine_fallback(found), "cpu/", 4), 0);
        cr_expect_eq(engine_batch(found), (size_t)(chosen[0] ? ENGINE_BATCH_MAX : ENGINE_BATCH_CPU));
        engine_free(found);
}

static void expect_refused(const char *engine, const char *device, const char *why)
{
        DeviceWhy said = {""};
        EngineOptions options = played_options(engine, device);
        Engine *none = NULL;

        options.ret_why = &said;
        cr_expect_eq(engine_new(&options, &none), ENGINE_E_DEVICE);
        cr_expect_null(none);
        cr_expect(strstr(said.text, why), "'%s' and not '%s'", said.text, why);
}

Test(driver, a_gpu_is_taken_where_nobody_says_what)
{
        expect_chosen("auto", NULL, "opencl/gpu", "Rosewood GPU");
        played_cuda->n_devices = 1;
        played_cuda->facts[0] = played_facts_of("Teak GPU", true);
        expect_chosen("auto", NULL, "cuda/gpu", "Teak GPU");
        played_cuda->broken = 1;
        expect_chosen("auto", NULL, "opencl/gpu", "Rosewood GPU");
        played_opencl->broken = 2;
        expect_chosen("auto", NULL, "opencl/gpu", "Boxwood GPU");
}

Test(driver, the_processor_is_taken_where_there_is_no_gpu)
{
        played_opencl->n_devices = 1;
        expect_chosen("auto", NULL, played_fallback(), "");
        played_opencl->n_devices = 3;
        expect_chosen("cpu", NULL, played_fallback(), "");
        played_opencl->broken = 3;
        expect_chosen("auto", NULL, played_fallback(), "");
        expect_chosen("auto", "Mahogany", played_fallback(), "");
}

Test(driver, a_device_is_taken_by_its_number_or_a_part_of_its_name)
{
        expect_chosen("opencl", NULL, "opencl/gpu", "Rosewood GPU");
        expect_chosen("opencl", "0", "opencl/cpu", "Abacus 1");
        expect_chosen("opencl", "2", "opencl/gpu", "Boxwood GPU");
        expect_chosen("opencl", "abacus", "opencl/cpu", "Abacus 1");
        expect_chosen("auto", "box", "opencl/gpu", "Boxwood GPU");
        played_opencl->n_devices = 1;
        expect_chosen("opencl", NULL, "opencl/cpu", "Abacus 1");
}

static void expect_memory(uint64_t wish, uint64_t memory)
{
        EngineOptions options = played_options("opencl", "1");
        options.device_memory = wish;
        Engine *engine = played_engine(&options);
        EngineState state;

        engine_state(engine, &state);
        cr_expect_eq(state.memory, memory, "%" PRIu64 " of a wish of %" PRIu64, state.memory, wish);
        engine_free(engine);
}

Test(driver, templates_may_take_no_more_memory_than_there_is)
{
        expect_memory(0, (1 << 28) / 10 * 9);
        expect_memory(1 << 20, 1 << 20);
        expect_memory(UINT64_MAX, 1 << 28);
}

Test(driver, says_why_there_is_none)
{
        expect_refused("cuda", NULL, "cuda cannot be used: there is no device");
        expect_refused("opencl", "3",
                       "there is no device '3', but 0 (Abacus 1), 1 (Rosewood GPU), 2 (Boxwood GPU)");
        expect_refused("opencl", "teak", "there is no device 'teak'");
        expect_refused("opencl", "wood",
                       "'wood' may be any of 1 (Rosewood GPU), 2 (Boxwood GPU); say a number");
        played_opencl->broken = 3;
        expect_refused("opencl", "2", "opencl device 2 (Boxwood GPU) does not work: it is broken");
        played_opencl->driver->version++;
        expect_refused("opencl", NULL, "engine-opencl.so is not of this version");
        played_opencl->driver->version--;
        played_opencl->fails_with = -EIO;
        played_opencl->fails_at = played_opencl->n_calls + 1;
        expect_refused("opencl", NULL, "opencl cannot be used: list: played");
        Engine *none = NULL;
        DeviceWhy why;
        EngineOptions options = {.engine = "opencl", .isa = "auto", .modules = "/nowhere", .ret_why = &why};
        cr_expect_eq(engine_new(&options, &none), ENGINE_E_DEVICE);
        cr_expect(strstr(why.text, "/nowhere/engine-opencl.so"), "%s", why.text);
        options.modules = NULL;
        cr_expect_eq(engine_new(&options, &none), ENGINE_E_DEVICE);
}

Test(driver, one_that_computes_something_else_is_not_trusted)
{
        for (PlayedWrong wrong = PLAYED_RIGHT + 1; wrong < _PLAYED_WRONG_MAX; wrong++) {
                played_opencl->wrong = wrong;
                expect_refused("opencl", "1", "it computes something else than the processor");
                expect_chosen("auto", NULL, played_fallback(), "");
        }
}

typedef struct Listed {
        size_t n;
        char text[512];
} Listed;

static void write_down(const char *engine, size_t number, const DeviceFacts *facts, const char *why,
                       void *userdata)
{
        Listed *listed = userdata;

        listed->n += (size_t)snprintf(listed->text + listed->n, sizeof(listed->text) - listed->n,
                                      "%s %zu %s|", engine, number, facts ? facts->name : why);
}

Test(driver, lists_what_there_is)
{
        Listed listed = {};

        played_cuda->fails_at = played_cuda->n_calls + 1;
        played_cuda->fails_with = -EIO;
        accelerator_list(played_folder(), write_down, &listed);
        cr_expect_str_eq(listed.text,
                         "cuda 0 list: played|opencl 0 Abacus 1|opencl 1 Rosewood GPU|opencl 2 Boxwood GPU|");
}
