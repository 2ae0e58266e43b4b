/*
 * The command line of matchguard-worker: a table.
 */

#include "worker/options.h"

#include <assert.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/text.h"
#include "worker/pool.h"

#define OPTIONS_THREADS "MATCHGUARD_THREADS"

enum { OPTIONS_TEMPLATES_MAX = 100000000 };

typedef struct OptionRow {
        const char *name;
        const char *argument; /* NULL: takes none */
        const char *help;
        bool (*set)(Options *options, const char *value);
        const char *wanted; /* what a value must be; NULL: any */
} OptionRow;

static bool set_connect(Options *options, const char *value)
{
        options->connect = value;
        return true;
}

static bool set_galleries(Options *options, const char *value)
{
        options->galleries = value;
        return true;
}

static bool set_vkey(Options *options, const char *value)
{
        options->vkey = value;
        return true;
}

static bool set_threads(Options *options, const char *value)
{
        uint64_t n;

        if (!text_to_u64(value, strlen(value), &n) || n < 1 || n > POOL_THREADS_MAX)
                return false;
        options->engine.n_threads = n;
        return true;
}

static bool set_engine(Options *options, const char *value)
{
        options->engine.engine = value;
        return strcmp(value, "auto") == 0 || strcmp(value, "cpu") == 0;
}

static bool set_isa(Options *options, const char *value)
{
        static const char *const names[] = {"auto", "avx512-vnni", "avx2", "scalar"};

        options->engine.isa = value;
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (strcmp(value, names[i]) == 0)
                        return true;
        return false;
}

static bool set_benchmark(Options *options, const char *value)
{
        options->benchmark = true;
        return true;
}

static bool set_templates(Options *options, const char *value)
{
        uint64_t n;

        if (!text_to_u64(value, strlen(value), &n) || n < 1 || n > OPTIONS_TEMPLATES_MAX)
                return false;
        options->benchmark_options.n_templates = n;
        return true;
}

static bool set_dimension(Options *options, const char *value)
{
        uint64_t n;

        if (!text_to_u64(value, strlen(value), &n) || n < 16 || n > 1024)
                return false;
        options->benchmark_options.dimension = n;
        return true;
}

static bool set_json(Options *options, const char *value)
{
        options->benchmark_options.json = true;
        return true;
}

static bool set_forget_log(Options *options, const char *value)
{
        options->forget_log = true;
        return true;
}

static bool set_log_seccomp(Options *options, const char *value)
{
        options->log_seccomp = true;
        return true;
}

static_assert(POOL_THREADS_MAX == 256, "the table says so in words");

static const OptionRow rows[] = {
        {"connect", "PATH", "socket of the guard (/run/matchguard/internal/worker)", set_connect},
        {"galleries", "DIR", "where galleries are kept (/var/lib/matchguard/galleries)", set_galleries},
        {"vkey", "FILE", "verifier key of the log ($CREDENTIALS_DIRECTORY/log.vkey)", set_vkey},
        {"threads", "N", "threads that search ($MATCHGUARD_THREADS; one for each processor)", set_threads,
         "a number from 1 to 256"},
        {"engine", "NAME", "auto or cpu", set_engine, "auto or cpu"},
        {"isa", "NAME", "auto, avx512-vnni, avx2 or scalar", set_isa, "auto, avx512-vnni, avx2 or scalar"},
        {"forget-log", NULL, "forget the log that was seen, so that another one can be accepted, and exit",
         set_forget_log},
        {"benchmark", NULL, "measure this machine, and this program on it with made-up galleries, and exit",
         set_benchmark},
        {"templates", "N", "with --benchmark: in one gallery of so many (10,000, 100,000 and a million)",
         set_templates, "a number from 1 to 100000000"},
        {"dimension", "N", "with --benchmark: of the templates (512)", set_dimension,
         "a number from 16 to 1024"},
        {"json", NULL, "with --benchmark: print JSON", set_json},
        {"log-seccomp", NULL, "only log system calls that are not allowed", set_log_seccomp},
        {"help", NULL, "print this", NULL},
        {"version", NULL, "print the version", NULL},
};

static int print_help(void)
{
        printf("Usage: matchguard-worker [OPTION]...\n\n"
               "Keeps galleries and compares templates, for jobs whose record is in the signed log.\n\n");
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char left[32];
                (void)snprintf(left, sizeof(left), "--%s %s", rows[i].name,
                               rows[i].argument ? rows[i].argument : "");
                printf("  %-18s %s\n", left, rows[i].help);
        }
        return OPTIONS_E_DONE;
}

static int print_version(void)
{
        printf("matchguard-worker %s\n", MATCHGUARD_VERSION);
        return OPTIONS_E_DONE;
}

static int apply(const OptionRow *row, const char *value, Options *options)
{
        if (strcmp(row->name, "help") == 0)
                return print_help();
        if (strcmp(row->name, "version") == 0)
                return print_version();
        if (row->set(options, value))
                return 0;
        fprintf(stderr, "matchguard-worker: --%s wants %s, not '%s'\n", row->name, row->wanted, value);
        return OPTIONS_E_USAGE;
}

/* A unit's drop-in says it so, without another ExecStart=. What the command line says goes before. */
static int read_environment(Options *options)
{
        const char *value = getenv(OPTIONS_THREADS);

        if (!value || set_threads(options, value))
                return 0;
        fprintf(stderr, "matchguard-worker: $" OPTIONS_THREADS " wants a number from 1 to %d, not '%s'\n",
                POOL_THREADS_MAX, value);
        return OPTIONS_E_USAGE;
}

int options_parse(int argc, char **argv, Options *ret_options)
{
        struct option table[ARRAY_SIZE(rows) + 1] = {};
        Options options = {.connect = "/run/matchguard/internal/worker",
                           .galleries = "/var/lib/matchguard/galleries",
                           .engine = {.engine = "auto", .isa = "auto"},
                           .benchmark_options = {.dimension = 512}};
        int c, i, r = read_environment(&options);

        for (size_t j = 0; j < ARRAY_SIZE(rows); j++)
                table[j] = (struct option){rows[j].name, rows[j].argument ? required_argument : no_argument,
                                           NULL, 0};
        optind = 0; /* So that tests can parse more than once. */
        while (r == 0 && (c = getopt_long(argc, argv, "", table, &i)) != -1)
                r = c == 0 ? apply(&rows[i], optarg, &options) : OPTIONS_E_USAGE;
        if (r != 0)
                return r;
        if (optind < argc) {
                fprintf(stderr, "matchguard-worker: too many arguments: %s\n", argv[optind]);
                return OPTIONS_E_USAGE;
        }
        *ret_options = options;
        return 0;
}
