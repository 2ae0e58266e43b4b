/*
 * The benchmark that a sysadmin runs. Limits first, then each search as a share of them.
 */

#include "worker/benchmark.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "worker/benchmark-device.h"
#include "worker/ceiling.h"
#include "worker/codes.h"
#include "worker/population.h"
#include "worker/trial.h"

enum {
        BENCHMARK_LIMIT_ROUNDS = 7,
        BENCHMARK_ROUNDS_MIN = 3,
        BENCHMARK_ROUNDS_MAX = 101,
        BENCHMARK_TEAMS = 2,        /* numbers of threads that are tried: one, and all */
        BENCHMARK_MEMORY_SHARE = 2, /* a gallery takes at most the half of what can be had */
};

static const double benchmark_seconds = 0.5; /* for one figure, unless BENCHMARK_ROUNDS_MIN take longer */
static const double benchmark_longest = 20;  /* a pass that would take longer is left out */

static const char *const benchmark_isas[] = {"avx512-vnni", "avx2", "scalar"};
static const size_t benchmark_batches[] = {1, 16, ENGINE_BATCH_CPU};
static const size_t benchmark_sizes[] = {10000, 100000, 1000000};

/* Threads that work together, and what they can do at best. */
typedef struct Team {
        size_t n_threads;
        Pool *pool;
        double read;                              /* bytes a second, of the gallery at hand */
        double tiles[ARRAY_SIZE(benchmark_isas)]; /* operations a second; 0: no such tile */
} Team;

typedef struct Benchmark {
        const BenchmarkOptions *options;
        const EngineOptions *engine;
        const Machine *machine;
        Engine *device; /* NULL: the processor alone */
        Team teams[BENCHMARK_TEAMS];
        size_t n_teams;
        bool has_printed; /* whether an element of the JSON list at hand stands there */
} Benchmark;

/* A search of @batch probes in one pass, and what came of it. */
typedef struct BenchmarkRow {
        size_t isa; /* of benchmark_isas */
        const Team *team;
        size_t batch;
        double seconds; /* of one pass, the middle one of many */
} BenchmarkRow;

/* -------------------------------------------------------------------------------------------------- printing */

static const char *separator(Benchmark *benchmark)
{
        const char *text = benchmark->has_printed ? ",\n  " : "\n  ";

        benchmark->has_printed = true;
        return text;
}

static void print_head(const Benchmark *benchmark)
{
        const Machine *machine = benchmark->machine;
        bool json = benchmark->options->json;

        printf(json ? "{\"version\":\"%s\",\"processor\":\"%s\",\"processors\":%zu,"
                    : "matchguard-worker %s on %s, %zu processors\n",
               MATCHGUARD_VERSION, machine->processor, machine->n_processors);
        if (benchmark->device)
                benchmark_device_head(benchmark->device, json);
        if (json)
                printf("\"dimension\":%zu,\"k\":%d,\n \"tiles\":[", benchmark->options->dimension, TRIAL_K);
        else
                printf("\nWhat the machine gives to a scan at best\n");
}

static void print_tile(Benchmark *benchmark, const Team *team, size_t isa)
{
        if (benchmark->options->json)
                printf("%s{\"isa\":\"%s\",\"threads\":%zu,\"operationsPerSecond\":%.4g}",
                       separator(benchmark), benchmark_isas[isa], team->n_threads, team->tiles[isa]);
        else
                printf("  int8 by %-12s %3zu thread%s %9.0f G operations/s\n", benchmark_isas[isa],
                       team->n_threads, team->n_threads == 1 ? " " : "s", team->tiles[isa] / 1e9);
}

static void print_gallery(Benchmark *benchmark, const Population *population)
{
        double hot = (double)population->blocks_size;
        size_t n = population->shape.n_rows;

        if (benchmark->options->json) {
                printf("%s{\"templates\":%zu,\"hotBytes\":%.0f,\"read\":[", separator(benchmark), n, hot);
                for (size_t i = 0; i < benchmark->n_teams; i++)
                        printf("%s{\"threads\":%zu,\"bytesPerSecond\":%.4g}", i > 0 ? "," : "",
                               benchmark->teams[i].n_threads, benchmark->teams[i].read);
                printf("],\n  \"searches\":[");
                benchmark->has_printed = false;
                return;
        }
        printf("\n%zu templates of %zu dimensions, %.1f MB that each pass reads\n", n,
               benchmark->options->dimension, hot / 1e6);
        for (size_t i = 0; i < benchmark->n_teams; i++)
                printf("  read by %zu thread%s at %.1f GB/s\n", benchmark->teams[i].n_threads,
                       benchmark->teams[i].n_threads == 1 ? "" : "s", benchmark->teams[i].read / 1e9);
        printf("  %-12s %7s %5s %12s %12s %12s %12s\n", "instructions", "threads", "batch", "ms/query",
               "queries/s", "of reading", "of int8");
}

static void print_share(double share)
{
        if (share > 0)
                printf(" %10.0f %%", 100 * share);
        else
                printf(" %12s", "-");
}

static void print_row(Benchmark *benchmark, const Population *population, const BenchmarkRow *row)
{
        double operations = 2.0 * (double)population->shape.n_rows * (double)population->shape.dimension *
                            (double)row->batch / row->seconds;
        double tile = row->team->tiles[row->isa];
        double of_read = (double)population->blocks_size / row->seconds / row->team->read;
        double of_tile = tile > 0 ? operations / tile : 0;
        double a_query = row->seconds / (double)row->batch;

        if (benchmark->options->json) {
                printf("%s{\"isa\":\"%s\",\"threads\":%zu,\"batch\":%zu,\"secondsPerQuery\":%.4g,"
                       "\"queriesPerSecond\":%.4g,"
                       "\"ofRead\":%.4g",
                       separator(benchmark), benchmark_isas[row->isa], row->team->n_threads, row->batch,
                       a_query, 1 / a_query, of_read);
                if (tile > 0)
                        printf(",\"ofTile\":%.4g", of_tile);
                printf("}");
                return;
        }
        printf("  %-12s %7zu %5zu %12.4f %12.0f", benchmark_isas[row->isa], row->team->n_threads, row->batch,
               a_query * 1e3, 1 / a_query);
        print_share(of_read);
        print_share(of_tile);
        printf("\n");
}

static void print_list_end(Benchmark *benchmark, const char *text)
{
        if (benchmark->options->json)
                printf("%s", text);
        benchmark->has_printed = true;
        (void)fflush(stdout); /* Where nobody reads any more, the end of the program says so. */
}

/* ------------------------------------------------------------------------------------------------- measuring */

static bool wants_isa(const Benchmark *benchmark, size_t isa)
{
        const char *wanted = benchmark->engine->isa;

        return strcmp(wanted, "auto") == 0 || strcmp(wanted, benchmark_isas[isa]) == 0;
}

static void measure_tiles(Benchmark *benchmark)
{
        for (size_t i = 0; i < ARRAY_SIZE(benchmark_isas); i++)
                for (size_t j = 0; wants_isa(benchmark, i) && j < benchmark->n_teams; j++) {
                        Team *team = &benchmark->teams[j];
                        for (size_t round = 0; round < BENCHMARK_LIMIT_ROUNDS; round++)
                                team->tiles[i] =
                                        MAX_OF(team->tiles[i],
                                               ceiling_tile(team->pool, team->n_threads, benchmark_isas[i]));
                        if (team->tiles[i] > 0)
                                print_tile(benchmark, team, i);
                }
        print_list_end(benchmark, "],\n \"galleries\":[");
        benchmark->has_printed = false;
}

static void measure_read(Benchmark *benchmark, const Population *population)
{
        for (size_t i = 0; i < benchmark->n_teams; i++) {
                Team *team = &benchmark->teams[i];
                team->read = 0;
                for (size_t round = 0; round < BENCHMARK_LIMIT_ROUNDS; round++)
                        team->read = MAX_OF(team->read, (double)population->blocks_size /
                                                                ceiling_read(team->pool, population->blocks,
                                                                             population->blocks_size));
        }
}

/* Passes over the gallery, each with the next probes. */
static int measure_row(Trial *trial, Engine *engine, BenchmarkRow *row)
{
        double seconds[BENCHMARK_ROUNDS_MAX], spent = 0;
        size_t n = 0;

        while (n < BENCHMARK_ROUNDS_MIN || (n < BENCHMARK_ROUNDS_MAX && spent < benchmark_seconds)) {
                TrialPass pass = {.first = n * row->batch % TRIAL_PROBES, .n = row->batch};
                int r = trial_run(trial, engine, &pass);
                if (r != 0)
                        return r == ENGINE_E_DAMAGED ? BENCHMARK_E_ENGINE : r;
                seconds[n++] = pass.seconds;
                spent += pass.seconds;
        }
        row->seconds = trial_median(seconds, n);
        return 0;
}

static int measure_team(Benchmark *benchmark, Trial *trial, size_t isa, const Team *team)
{
        EngineOptions options = {.engine = "cpu", .isa = benchmark_isas[isa], .n_threads = team->n_threads};
        BenchmarkRow row = {.isa = isa, .team = team};
        Engine *engine;

        int r = engine_new(&options, &engine);
        if (r != 0)
                return r;
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(benchmark_batches); i++) {
                if (i > 0 &&
                    row.seconds / (double)row.batch * (double)benchmark_batches[i] > benchmark_longest) {
                        diag(DIAG_INFO, "Left out: %s with a batch of %zu, over %.0f seconds a pass.",
                             benchmark_isas[isa], benchmark_batches[i], benchmark_longest);
                        break;
                }
                row.batch = benchmark_batches[i];
                r = measure_row(trial, engine, &row);
                if (r == 0)
                        print_row(benchmark, trial->population, &row);
        }
        engine_free(engine);
        return r;
}

static int measure_searches(Benchmark *benchmark, const Population *population)
{
        _cleanup_(trial_deinit) Trial trial = TRIAL_INIT;
        bool any = false;

        int r = trial_init(population, &trial);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(benchmark_isas); i++)
                for (size_t j = 0; wants_isa(benchmark, i) && r == 0 && j < benchmark->n_teams; j++) {
                        r = measure_team(benchmark, &trial, i, &benchmark->teams[j]);
                        any = any || r == 0;
                        /* One that is not there ends nothing, unless nothing else was wanted. */
                        r = r == ENGINE_E_UNKNOWN ? 0 : r;
                }
        return r == 0 && !any ? ENGINE_E_UNKNOWN : r;
}

static int measure_device(const Benchmark *benchmark, const Population *population)
{
        const BenchmarkDevice wish = {
                .device = benchmark->device,
                .options = benchmark->engine,
                .population = population,
                .longest = benchmark_longest,
                .seconds = benchmark_seconds,
                .json = benchmark->options->json,
        };
        int r = benchmark_device_run(&wish);

        return r == ENGINE_E_DAMAGED ? BENCHMARK_E_ENGINE : r;
}

static int measure_gallery(Benchmark *benchmark, size_t n_templates)
{
        const PopulationShape shape = {.n_rows = n_templates, .dimension = benchmark->options->dimension};
        const Machine *machine = benchmark->machine;
        _cleanup_(population_deinit) Population population = POPULATION_INIT;
        size_t size = population_size(&shape);

        if (machine->available > 0 && size > machine->available / BENCHMARK_MEMORY_SHARE) {
                diag(DIAG_WARNING,
                     "Left out: %zu templates, which take %zu MB; there are %zu MB, and half of them is left "
                     "alone.",
                     n_templates, size >> 20, (size_t)(machine->available >> 20));
                return 0;
        }
        diag(DIAG_INFO, "Making up %zu templates, %zu MB.", n_templates, size >> 20);
        int r = population_init(&shape, benchmark->teams[benchmark->n_teams - 1].pool, &population);
        if (r < 0)
                return r;
        diag(DIAG_INFO, "Searching them.");
        measure_read(benchmark, &population);
        print_gallery(benchmark, &population);
        r = measure_searches(benchmark, &population);
        print_list_end(benchmark, "]");
        if (r == 0 && benchmark->device)
                r = measure_device(benchmark, &population);
        print_list_end(benchmark, "}");
        return r;
}

static int measure_galleries(Benchmark *benchmark)
{
        int r = 0;

        if (benchmark->options->n_templates > 0)
                r = measure_gallery(benchmark, benchmark->options->n_templates);
        else
                for (size_t i = 0; r == 0 && i < ARRAY_SIZE(benchmark_sizes); i++)
                        r = measure_gallery(benchmark, benchmark_sizes[i]);
        return r;
}

static int benchmark_start(Benchmark *benchmark)
{
        size_t most = benchmark->engine->n_threads > 0 ? benchmark->engine->n_threads
                                                       : benchmark->machine->n_processors;

        for (size_t n = 1; n <= most; n = n == 1 && most > 1 ? most : most + 1) {
                Team *team = &benchmark->teams[benchmark->n_teams];
                *team = (Team){.n_threads = n};
                int r = pool_new(n, &team->pool);
                if (r < 0)
                        return r;
                benchmark->n_teams++;
        }
        return 0;
}

int benchmark_run(const BenchmarkOptions *options, const EngineOptions *engine, const Machine *machine,
                  Engine *device)
{
        Benchmark benchmark = {.options = options, .engine = engine, .machine = machine};
        EngineState state;

        engine_state(device, &state);
        benchmark.device = state.device[0] ? device : NULL;
        int r = benchmark_start(&benchmark);
        if (r == 0) {
                print_head(&benchmark);
                measure_tiles(&benchmark);
                r = measure_galleries(&benchmark);
                if (r == 0)
                        print_list_end(&benchmark, "]}\n");
        }
        for (size_t i = 0; i < benchmark.n_teams; i++)
                pool_free(benchmark.teams[i].pool);
        return r == 0 && ferror(stdout) ? -EIO : r;
}
