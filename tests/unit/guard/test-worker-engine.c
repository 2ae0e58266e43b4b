/* guard/worker-engine.h: what a worker may say of its engine, and what becomes of it. */

#include <criterion/criterion.h>
#include <string.h>

#include "base/macro.h"
#include "guard/worker-engine.h"
#include "wire/leaf.h"

static char long_text[WORKER_FAILURE_MAX + 2];

static WorkerEngine of_hello(void)
{
        WorkerEngine engine;

        worker_engine_hello(&engine, &(HelloMessage){.engine = "opencl/gpu", .fallback = "cpu/avx2"});
        return engine;
}

static EngineMessage told(void)
{
        return (EngineMessage){.engine = "opencl/gpu",
                               .device = "NVIDIA H200",
                               .device_memory = 1000,
                               .device_used = 10,
                               .failure = ""};
}

static const char *text_of(size_t n)
{
        memset(long_text, 'x', sizeof(long_text) - 1);
        long_text[n] = '\0';
        return long_text;
}

Test(worker_engine, a_name_is_what_a_leaf_can_hold)
{
        static const struct {
                const char *name;
                bool fine;
        } cases[] = {{"cpu/avx512-vnni", true}, {"cuda/sm_90", true}, {"", false},        {"a\"b", false},
                     {"a\\b", false},           {"a\nb", false},      {"\xc3\xa9", false}};

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                cr_expect_eq(worker_engine_is_plain(cases[i].name), cases[i].fine, "%s", cases[i].name);
        cr_expect(worker_engine_is_plain(text_of(WORKER_NAME_MAX)));
        cr_expect_not(worker_engine_is_plain(text_of(WORKER_NAME_MAX + 1)));
}

Test(worker_engine, is_that_of_the_hello_until_something_is_told)
{
        WorkerEngine engine = of_hello();

        cr_expect_str_eq(engine.answers, "opencl/gpu");
        cr_expect_str_eq(engine.device, "");
        cr_expect_str_eq(engine.failure, "");
}

Test(worker_engine, what_is_told_is_taken_in_place_of_what_was)
{
        WorkerEngine engine = of_hello();
        EngineMessage message = told();

        cr_expect_null(worker_engine_check(&engine, &message));
        cr_expect_not(worker_engine_take(&engine, &message));
        cr_expect_str_eq(engine.device, "NVIDIA H200");
        cr_expect_eq(engine.device_memory, 1000);
        cr_expect_eq(engine.device_used, 10);
        message = (EngineMessage){.engine = "cpu/avx2", .device = "H2", .failure = "it burns"};
        cr_expect_null(worker_engine_check(&engine, &message));
        (void)worker_engine_take(&engine, &message);
        cr_expect_str_eq(engine.answers, "cpu/avx2");
        cr_expect_str_eq(engine.device, "H2");
        cr_expect_eq(engine.device_used, 0);
        cr_expect_str_eq(engine.failure, "it burns");
        cr_expect_str_eq(engine.name, "opencl/gpu", "what it was started on stays");
}

Test(worker_engine, a_failure_is_told_of_once_a_session)
{
        WorkerEngine engine = of_hello();
        EngineMessage fine = told(), failed = told();

        failed.failure = "it burns";
        cr_expect_not(worker_engine_take(&engine, &fine));
        cr_expect(worker_engine_take(&engine, &failed));
        cr_expect_not(worker_engine_take(&engine, &failed));
        cr_expect_not(worker_engine_take(&engine, &fine));
        cr_expect_not(worker_engine_take(&engine, &failed));
        worker_engine_hello(&engine, &(HelloMessage){.engine = "opencl/gpu", .fallback = "cpu/avx2"});
        cr_expect(worker_engine_take(&engine, &failed));
}

Test(worker_engine, what_cannot_be_true_or_told_is_refused)
{
        WorkerEngine engine = of_hello();
        EngineMessage cases[] = {told(), told(), told(), told(), told(), told(), told(), told(), told()};
        char device[WORKER_DEVICE_MAX + 2] = {};

        memset(device, 'd', WORKER_DEVICE_MAX + 1);
        cases[0].engine = "cpu/subject.17";
        cases[1].engine = "";
        cases[2].device = "a\nb";
        cases[3].device = "\x1b[2J";
        cases[4].device = device;
        cases[5].failure = "gr\xc3\xbc\xc3\x9f";
        cases[6].failure = text_of(WORKER_FAILURE_MAX + 1);
        cases[7].device_memory = LEAF_NUMBER_MAX + 1;
        cases[8].device_used = UINT64_MAX;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                cr_expect_not_null(worker_engine_check(&engine, &cases[i]), "number %zu", i);
}

Test(worker_engine, the_longest_and_largest_are_taken_whole)
{
        WorkerEngine engine = of_hello();
        EngineMessage message = told();
        char device[WORKER_DEVICE_MAX + 1] = {};

        memset(device, 'd', WORKER_DEVICE_MAX);
        message.device = device;
        message.failure = text_of(WORKER_FAILURE_MAX);
        message.device_memory = message.device_used = LEAF_NUMBER_MAX;
        cr_assert_null(worker_engine_check(&engine, &message));
        (void)worker_engine_take(&engine, &message);
        cr_expect_str_eq(engine.device, device);
        cr_expect_str_eq(engine.failure, message.failure);
        cr_expect_eq(engine.device_used, LEAF_NUMBER_MAX);
}
