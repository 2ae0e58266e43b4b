/*
 * The command line.
 */

#include <string.h>

#include "base/macro.h"
#include "scratch.h"
#include "worker/options.h"

static int parse(const char *const *words, Options *ret_options)
{
        char *argv[10] = {(char *)"matchguard-worker"};
        int argc = 1;

        while (words[argc - 1]) {
                argv[argc] = (char *)words[argc - 1];
                argc++;
        }
        return options_parse(argc, argv, ret_options);
}

Test(options, has_defaults)
{
        Options options;

        cr_assert_eq(parse((const char *const[]){NULL}, &options), 0);
        cr_assert_str_eq(options.connect, "/run/matchguard/internal/worker");
        cr_assert_str_eq(options.galleries, "/var/lib/matchguard/galleries");
        cr_assert_null(options.vkey);
        cr_assert_str_eq(options.engine.engine, "auto");
        cr_assert_eq(options.engine.n_threads, 0);
        cr_assert_not(options.forget_log);
        cr_assert_not(options.benchmark);
}

Test(options, takes_what_is_given)
{
        Options options;

        cr_assert_eq(parse((const char *const[]){"--threads=3", "--isa", "scalar", "--forget-log", NULL},
                           &options),
                     0);
        cr_assert_eq(options.engine.n_threads, 3);
        cr_assert_str_eq(options.engine.isa, "scalar");
        cr_assert(options.forget_log);
}

Test(options, takes_the_number_of_threads_from_the_environment_where_none_is_given)
{
        Options options;

        cr_assert_eq(setenv("MATCHGUARD_THREADS", "5", 1), 0);
        cr_assert_eq(parse((const char *const[]){NULL}, &options), 0);
        cr_expect_eq(options.engine.n_threads, 5);
        cr_assert_eq(parse((const char *const[]){"--threads=3", NULL}, &options), 0);
        cr_expect_eq(options.engine.n_threads, 3);
        cr_assert_eq(setenv("MATCHGUARD_THREADS", "many", 1), 0);
        cr_expect_eq(parse((const char *const[]){NULL}, &options), OPTIONS_E_USAGE);
        cr_assert_eq(setenv("MATCHGUARD_THREADS", "", 1), 0);
        cr_expect_eq(parse((const char *const[]){NULL}, &options), OPTIONS_E_USAGE);
}

Test(options, takes_a_device)
{
        Options options;

        cr_assert_eq(parse((const char *const[]){"--engine=opencl", "--device=Tesla T4", "--device-memory=6G",
                                                 NULL},
                           &options),
                     0);
        cr_expect_str_eq(options.engine.engine, "opencl");
        cr_expect_str_eq(options.engine.device, "Tesla T4");
        cr_expect_eq(options.engine.device_memory, UINT64_C(6) << 30);
}

Test(options, takes_a_device_from_the_environment_where_none_is_given)
{
        Options options;

        cr_assert_eq(setenv("MATCHGUARD_ENGINE", "cuda", 1), 0);
        cr_assert_eq(setenv("MATCHGUARD_DEVICE", "1", 1), 0);
        cr_assert_eq(setenv("MATCHGUARD_DEVICE_MEMORY", "1M", 1), 0);
        cr_assert_eq(parse((const char *const[]){NULL}, &options), 0);
        cr_expect_str_eq(options.engine.engine, "cuda");
        cr_expect_str_eq(options.engine.device, "1");
        cr_expect_eq(options.engine.device_memory, UINT64_C(1) << 20);
        cr_assert_eq(parse((const char *const[]){"--engine=cpu", "--device=0", "--device-memory=1T", NULL},
                           &options),
                     0);
        cr_expect_str_eq(options.engine.engine, "cpu");
        cr_expect_str_eq(options.engine.device, "0");
        cr_expect_eq(options.engine.device_memory, UINT64_C(1) << 40);
}

Test(options, refuses_an_environment_that_makes_no_sense)
{
        static const char *const table[][2] = {{"MATCHGUARD_ENGINE", "gpu"},
                                               {"MATCHGUARD_ENGINE", ""},
                                               {"MATCHGUARD_DEVICE", ""},
                                               {"MATCHGUARD_DEVICE_MEMORY", "all"}};
        Options options;

        for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
                cr_assert_eq(setenv(table[i][0], table[i][1], 1), 0);
                cr_expect_eq(parse((const char *const[]){NULL}, &options), OPTIONS_E_USAGE, "row %zu", i);
                cr_assert_eq(unsetenv(table[i][0]), 0);
        }
}

Test(options, reads_how_much_memory)
{
        static const struct {
                const char *text;
                uint64_t bytes; /* 0: it is refused */
        } table[] = {{"1048576", UINT64_C(1) << 20},
                     {"1024K", UINT64_C(1) << 20},
                     {"1M", UINT64_C(1) << 20},
                     {"80G", UINT64_C(80) << 30},
                     {"16777215T", UINT64_C(16777215) << 40},
                     {"16777216T", 0},
                     {"18446744073709551615", UINT64_MAX},
                     {"18446744073709551616", 0},
                     {"1048575", 0},
                     {"1023K", 0},
                     {"0", 0},
                     {"", 0},
                     {"G", 0},
                     {"-6G", 0},
                     {"6g", 0},
                     {"6GB", 0},
                     {"6 G", 0},
                     {"6.5G", 0},
                     {"06G", 0}};

        for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
                char word[64];
                Options options;
                (void)snprintf(word, sizeof(word), "--device-memory=%s", table[i].text);
                int r = parse((const char *const[]){word, NULL}, &options);
                cr_expect_eq(r, table[i].bytes == 0 ? OPTIONS_E_USAGE : 0, "%s", word);
                if (r == 0)
                        cr_expect_eq(options.engine.device_memory, table[i].bytes, "%s", word);
        }
}

Test(options, takes_what_a_benchmark_is_given)
{
        Options options;

        cr_assert_eq(parse((const char *const[]){"--benchmark", NULL}, &options), 0);
        cr_assert(options.benchmark);
        cr_assert_eq(options.benchmark_options.n_templates, 0);
        cr_assert_eq(options.benchmark_options.dimension, 512);
        cr_assert_not(options.benchmark_options.json);
        cr_assert_eq(
                parse((const char *const[]){"--benchmark", "--templates=7", "--dimension=16", "--json", NULL},
                      &options),
                0);
        cr_assert_eq(options.benchmark_options.n_templates, 7);
        cr_assert_eq(options.benchmark_options.dimension, 16);
        cr_assert(options.benchmark_options.json);
}

Test(options, knows_the_instruction_sets)
{
        static const char *const names[] = {"auto", "avx512-vnni", "avx2", "scalar"};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                Options options;
                cr_expect_eq(parse((const char *const[]){"--isa", names[i], NULL}, &options), 0);
                cr_expect_str_eq(options.engine.isa, names[i]);
        }
}

Test(options, refuses_what_makes_no_sense)
{
        static const char *const table[][2] = {
                {"--threads=0", NULL},
                {"--threads=x", NULL},
                {"--threads=257", NULL},
                {"--threads", NULL},
                {"--isa=sse9", NULL},
                {"--isa=avx512", NULL},
                {"--engine=gpu", NULL},
                {"--engine=", NULL},
                {"--device=", NULL},
                {"--what", NULL},
                {"more", NULL},
                {"--templates=0", NULL},
                {"--templates=100000001", NULL},
                {"--dimension=15", NULL},
                {"--dimension=1025", NULL},
        };
        for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
                Options options = {.connect = "untouched"};
                cr_expect_eq(parse(table[i], &options), OPTIONS_E_USAGE, "row %zu", i);
                cr_expect_str_eq(options.connect, "untouched");
        }
}
