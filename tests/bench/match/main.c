/*
 * How fast exact searches are: this project's engine, for each instruction set that the machine has, beside the exact peers of a Debian system and the limits
 * of the machine, all in one run and in turn; and whether the answers are right.
 *
 * Usage: match-bench [--all] [--busy] [--json] [--templates=N] [--dimension=N] [--engine=NAME] [--device=DEVICE]
 *
 *   (nothing)       10,000 templates of 128, 512 and 1,024 dimensions, 100,000 and a million of 512, and near-duplicates: some five minutes, 5 GB
 *   --all           all sizes with all dimensions: half an hour, 10 GB
 *   --templates=N, --dimension=N    of these, only such
 *   --busy          on a machine that does other things as well: one thread only, by the time that it has had of the processor
 *   --engine=opencl|cuda    the engine on a device takes part, and batches of 1,024; --device=DEVICE says which, as to matchguard-worker(8)
 *   --json          for programs; progress is on stderr either way
 *
 * Ends with 1 when an engine's list was wrong. A figure that is missed is no error: it is said in the table of aims.
 */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "contest.h"
#include "report.h"
#include "worker/ceiling.h"
#include "worker/engine.h"

enum { EXIT_USAGE = 2, EXIT_BROKEN = 3 };

/* A gallery, how many of its queries are answered by brute force as well, and whether it is for --all only. */
typedef struct Case {
        PopulationShape shape;
        size_t n_truth;
        bool only_all;
} Case;

static const Case match_cases[] = {
        {{10000, 0, 128}, 256, false},    {{10000, 0, 512}, 256, false},
        {{10000, 0, 1024}, 256, false},   {{100000, 0, 128}, 64, true},
        {{100000, 0, 512}, 64, false},    {{100000, 0, 1024}, 64, true},
        {{1000000, 0, 128}, 16, true},    {{1000000, 0, 512}, 16, false},
        {{1000000, 0, 1024}, 16, true},   {{100000, 100000, 512}, 16, false},
        {{100000, 50000, 512}, 16, true}, {{1000000, 1000000, 512}, 16, true},
};
static const size_t match_batches[] = {1, 16, ENGINE_BATCH_CPU, ENGINE_BATCH_MAX};
static const size_t match_threads[] = {1, 2};

typedef struct MatchOptions {
        int all, busy, json;      /* as getopt_long(3) sets them */
        size_t n_rows, dimension; /* 0: any */
        EngineOptions device;     /* .engine NULL: none */
} MatchOptions;

static bool is_wanted(const MatchOptions *options, const Case *one)
{
        return (options->all || !one->only_all || options->n_rows > 0 || options->dimension > 0) &&
               (options->n_rows == 0 || options->n_rows == one->shape.n_rows) &&
               (options->dimension == 0 || options->dimension == one->shape.dimension);
}

static int run_cells(Contest *contest, Report *report)
{
        ContestCell cell;
        int r = 0;

        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(match_batches); i++) {
                if (match_batches[i] > ENGINE_BATCH_CPU && !contest->device.engine)
                        break; /* The processor takes them one after another. */
                fprintf(stderr, "match: %zu threads, batch %zu\n", contest->n_threads, match_batches[i]);
                r = contest_run(contest, match_batches[i], &cell);
                if (r == 0)
                        report_add(report, &cell);
        }
        return r;
}

static int run_contests(const Contest *entry, Report *report)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(match_threads); i++) {
                Contest contest = *entry;
                if (match_threads[i] > report->machine->n_processors ||
                    (report->busy && match_threads[i] > 1))
                        break;
                contest.n_threads = match_threads[i];
                r = contest_init(&contest);
                if (r == 0)
                        r = run_cells(&contest, report);
                contest_deinit(&contest);
        }
        return r;
}

static int run_case(const Case *one, const EngineOptions *device, Pool *pool, Report *report)
{
        _cleanup_(population_deinit) Population population = POPULATION_INIT;
        _cleanup_(trial_deinit) Trial trial = TRIAL_INIT;
        _cleanup_(truth_deinit) Truth truth = TRUTH_INIT;
        _cleanup_(peers_deinit) Peers peers = {};
        size_t size = population_size(&one->shape) + peers_size(one->shape.n_rows, one->shape.dimension);

        if (report->machine->available > 0 && size > report->machine->available / 4 * 3) {
                fprintf(stderr,
                        "match: left out: %zu templates of %zu dimensions, which take %zu MB of %zu MB\n",
                        one->shape.n_rows, one->shape.dimension, size >> 20,
                        (size_t)(report->machine->available >> 20));
                return 0;
        }
        fprintf(stderr, "match: making up %zu templates of %zu dimensions, %zu MB with the peers' copy\n",
                one->shape.n_rows, one->shape.dimension, size >> 20);
        int r = population_init(&one->shape, pool, &population);
        if (r == 0)
                r = trial_init(&population, &trial);
        if (r == 0)
                r = truth_init(&trial, one->n_truth, pool, &truth);
        if (r == 0)
                r = peers_init(&trial, &peers);
        if (r < 0)
                return r;
        return run_contests(&(Contest){.trial = &trial, .peers = &peers, .truth = &truth, .device = *device},
                            report);
}

static bool parse_options(int argc, char **argv, MatchOptions *ret_options)
{
        static MatchOptions options = {.device = {.modules = MATCH_MODULES}};
        const struct option table[] = {
                {"all", no_argument, &options.all, 1},       {"busy", no_argument, &options.busy, 1},
                {"json", no_argument, &options.json, 1},     {"templates", required_argument, NULL, 't'},
                {"dimension", required_argument, NULL, 'd'}, {"engine", required_argument, NULL, 'e'},
                {"device", required_argument, NULL, 'D'},    {}};
        int c;

        while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
                if (c == 't')
                        options.n_rows = strtoull(optarg, NULL, 10);
                else if (c == 'd')
                        options.dimension = strtoull(optarg, NULL, 10);
                else if (c == 'e')
                        options.device.engine = optarg;
                else if (c == 'D')
                        options.device.device = optarg;
                else if (c != 0)
                        return false;
        }
        *ret_options = options;
        return optind == argc;
}

static int run_all(const MatchOptions *options, Report *report)
{
        size_t n_cases = 0;
        Pool *pool;

        int r = pool_new(report->machine->n_processors, &pool);
        if (r < 0)
                return r;
        report_begin(report);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(match_cases); i++)
                if (is_wanted(options, &match_cases[i])) {
                        n_cases++;
                        r = run_case(&match_cases[i], &options->device, pool, report);
                }
        pool_free(pool);
        if (r == 0 && n_cases == 0)
                fprintf(stderr, "match: there is no such gallery; see the top of tests/bench/match/main.c\n");
        return r == 0 && n_cases == 0 ? -ENOENT : r;
}

static const char *why(int r)
{
        if (r == ENGINE_E_DAMAGED)
                return "a gallery that was made just now is damaged";
        return r == CONTEST_E_DEVICE ? "the device that --engine= wants is not there, or has failed"
                                     : strerror(-r);
}

int main(int argc, char **argv)
{
        const char *core_type = peers_prepare(argv);
        static Report report;
        MatchOptions options;
        Machine machine;

        if (!parse_options(argc, argv, &options)) {
                fprintf(stderr, "Usage: match-bench [--all] [--busy] [--json] [--templates=N] "
                                "[--dimension=N] [--engine=NAME] [--device=DEVICE]\n");
                return EXIT_USAGE;
        }
        machine_read(&machine);
        report.json = options.json;
        report.busy = options.busy;
        if (options.busy)
                ceiling_count_processor();
        report.machine = &machine;
        report.core_type = core_type;
        int r = run_all(&options, &report);
        if (r != 0) {
                fprintf(stderr, "match: %s\n", why(r));
                return EXIT_BROKEN;
        }
        return report_end(&report) ? EXIT_SUCCESS : EXIT_FAILURE;
}
