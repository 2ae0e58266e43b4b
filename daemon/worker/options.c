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

enum {
        OPTIONS_TEMPLATES_MAX = 100000000,
        OPTIONS_DEVICE_MEMORY_MIN = 1 << 20, /* more than a block of any dimension takes */
};

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

static bool is_one_of(const char *value, const char *const *names)
{
        while (*names && strcmp(value, *names) != 0)
                names++;
        return *names;
}

static bool set_engine(Options *options, const char *value)
{
        options->engine.engine = value;
        return is_one_of(value, (const char *const[]){"auto", "cpu", "opencl", "cuda", NULL});
}

static bool set_device(Options *options, const char *value)
{
        options->engine.device = value;
        return value[0] != '\0';
}

/* Bytes, or with one of these behind the number so many times 1024 of them. */
static bool set_device_memory(Options *options, const char *value)
{
        static const char units[] = "KMGT";
        size_t n = strspn(value, "0123456789");
        const char *unit = value[n] != '\0' ? strchr(units, value[n]) : NULL;
        unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
        uint64_t number;

        if (!text_to_u64(value, n, &number) || value[n + (unit ? 1 : 0)] != '\0' ||
            number > UINT64_MAX >> shift || number << shift < OPTIONS_DEVICE_MEMORY_MIN)
                return false;
        options->engine.device_memory = number << shift;
        return true;
}

static bool set_list_devices(Options *options, const char *value)
{
        options->list_devices = true;
        return true;
}

static bool set_isa(Options *options, const char *value)
{
        options->engine.isa = value;
        return is_one_of(value, (const char *const[]){"auto", "avx512-vnni", "avx2", "scalar", NULL});
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
        options->json = true;
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
        {"engine", "NAME", "auto (a GPU, else cpu), cpu, opencl or cuda ($MATCHGUARD_ENGINE; auto)",
         set_engine, "auto, cpu, opencl or cuda"},
        {"device", "DEVICE", "its number, or a part of its name ($MATCHGUARD_DEVICE; the first that works)",
         set_device, "a number or a part of a name, of --list-devices"},
        {"device-memory", "SIZE",
         "that templates may take there, as 6G ($MATCHGUARD_DEVICE_MEMORY; nine tenths of it)",
         set_device_memory, "bytes, or a number and K, M, G or T, of at least 1M"},
        {"list-devices", NULL, "print which devices there are, and what is missing for others, and exit",
         set_list_devices},
        {"isa", "NAME", "auto, avx512-vnni, avx2 or scalar", set_isa, "auto, avx512-vnni, avx2 or scalar"},
        {"forget-log", NULL, "forget the log that was seen, so that another one can be accepted, and exit",
         set_forget_log},
        {"benchmark", NULL, "measure this machine, and this program on it with made-up galleries, and exit",
         set_benchmark},
        {"templates", "N", "with --benchmark: in one gallery of so many (10,000, 100,000 and a million)",
         set_templates, "a number from 1 to 100000000"},
        {"dimension", "N", "with --benchmark: of the templates (512)", set_dimension,
         "a number from 16 to 1024"},
        {"json", NULL, "with --benchmark or --list-devices: print JSON", set_json},
        {"log-seccomp", NULL, "only log system calls that are not allowed", set_log_seccomp},
        {"help", NULL, "print this", NULL},
        {"version", NULL, "print the version", NULL},
};

static int print_help(void)
{
        printf("Usage: matchguard-worker [OPTION]...\n\n"
               "Keeps galleries and compares templates, for jobs whose record is in the signed log.\n\n");
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char left[40];
                (void)snprintf(left, sizeof(left), "--%s %s", rows[i].name,
                               rows[i].argument ? rows[i].argument : "");
                printf("  %-22s %s\n", left, rows[i].help);
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

static const OptionRow *find_row(const char *name)
{
        size_t i = 0;

        while (strcmp(rows[i].name, name) != 0)
                i++;
        return &rows[i];
}

/* A unit's drop-in says it so, without another ExecStart=. What the command line says goes before. */
static int read_environment(Options *options)
{
        static const struct {
                const char *variable, *option;
        } variables[] = {{"MATCHGUARD_THREADS", "threads"},
                         {"MATCHGUARD_ENGINE", "engine"},
                         {"MATCHGUARD_DEVICE", "device"},
                         {"MATCHGUARD_DEVICE_MEMORY", "device-memory"}};

        for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
                const OptionRow *row = find_row(variables[i].option);
                const char *value = getenv(variables[i].variable);
                if (!value || row->set(options, value))
                        continue;
                fprintf(stderr, "matchguard-worker: $%s wants %s, not '%s'\n", variables[i].variable,
                        row->wanted, value);
                return OPTIONS_E_USAGE;
        }
        return 0;
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
