/*
 * The command line.
 */

#include <string.h>

#include "base/macro.h"
#include "scratch.h"
#include "worker/options.h"

static int parse(const char *const *words, Options *ret_options)
{
        char *argv[8] = {(char *)"matchguard-worker"};
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
