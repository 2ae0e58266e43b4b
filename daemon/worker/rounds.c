/*
 * Rounds on a device.
 */

#include "worker/rounds.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/macro.h"
#include "worker/driver.h"
#include "worker/harvest.h"

enum {
        ROUNDS_FIRST = 448,       /* rows of the first round, which all are found as a rule */
        ROUNDS_FIRST_BATCH = 128, /* where there are many queries to find them */
        ROUNDS_BATCH = 64,        /* that is so many probes */
        ROUNDS_TARGET =
                16 * 1024,  /* rows that a round should find: so many cost the host as much as a round does */
        ROUNDS_PER_HIT = 8, /* or so many of a query for each hit that it wants */
        ROUNDS_SLACK = 4,   /* times as many rows reach a threshold as would if bounds were the truth */
        ROUNDS_USEC = 100 * 1000, /* that a round should not take longer than, so that it can be stopped */
        ROUNDS_BAD_MAX = 2        /* rounds in which bounds were of no use */
};

/* How a query fares. */
typedef struct RoundsQuery {
        bool by_processor; /* it is done with the device */
        bool active;       /* in this round */
        unsigned n_bad;    /* rounds in a row */
} RoundsQuery;

struct Rounds {
        const DeviceDriver *driver;
        Device *device;
        Harvest harvest;

        /* Of the search. */
        RoundsWork work;
        const CopiesPart *part;
        PassRange range; /* of the round */
        bool digits_are_others;
        size_t k;       /* the largest */
        size_t n_shown; /* rows */
        double mean,
                worst; /* of the rows of the next round, how many a query may find by what the last has found */
        size_t n_last; /* blocks of the last round */
        uint64_t usec; /* that it took */
        uint64_t nanoseconds;
        RoundsQuery queries[ENGINE_BATCH_MAX];
        PassQuery *list[ENGINE_BATCH_MAX]; /* for a pass */
};

int rounds_new(const DeviceDriver *driver, Device *device, Rounds **ret_rounds)
{
        Rounds *rounds = calloc(1, sizeof(Rounds));
        if (!rounds)
                return -ENOMEM;
        rounds->driver = driver;
        rounds->device = device;
        *ret_rounds = rounds;
        return 0;
}

Rounds *rounds_free(Rounds *rounds)
{
        if (!rounds)
                return NULL;
        harvest_deinit(&rounds->harvest);
        free(rounds);
        return NULL;
}

int rounds_begin(Rounds *rounds, const RoundsWork *work)
{
        rounds->work = *work;
        rounds->digits_are_others = false;
        rounds->n_shown = rounds->n_last = rounds->k = 0;
        rounds->nanoseconds = 0;
        for (size_t i = 0; i < work->queries->n; i++) {
                rounds->queries[i] = (RoundsQuery){};
                rounds->k = MAX_OF(rounds->k, work->queries->asked[i].k);
        }
        return harvest_begin(&rounds->harvest, work->queries);
}

uint64_t rounds_nanoseconds(const Rounds *rounds)
{
        return rounds->nanoseconds;
}

/* ------------------------------------------------------------------------------------------------
 * on the device */

/* Those that are given up, or with the processor, are found nothing for. Return: how many queries there are for the device. */
static size_t set_floors(Rounds *rounds)
{
        const Queries *queries = rounds->work.queries;
        size_t n = 0;

        for (size_t i = 0; i < queries->n; i++) {
                PassQuery *item = &queries->items[i];
                RoundsQuery *query = &rounds->queries[i];
                query->active = !pass_is_stopped(item) && !query->by_processor;
                n += query->active;
                float floor = query->active ? candidates_threshold(&item->candidates) : INFINITY;
                for (size_t j = 0; j < queries->asked[i].n_probes; j++)
                        rounds->harvest.floors[item->first + j] = floor;
        }
        return n;
}

bool rounds_are_over(Rounds *rounds)
{
        const Queries *queries = rounds->work.queries;

        for (size_t i = 0; i < queries->n; i++)
                if (!pass_is_stopped(&queries->items[i]))
                        return false;
        return true;
}

static int scan(Rounds *rounds, DeviceWhy *ret_why)
{
        Harvest *harvest = &rounds->harvest;
        DeviceScan scan = {.memory = rounds->part->memory,
                           .n_blocks = (uint32_t)rounds->range.n_blocks,
                           .first = (uint32_t)rounds->range.first,
                           .n = (uint32_t)rounds->range.n,
                           .step = (uint32_t)rounds->range.step,
                           .floors = harvest->floors,
                           .most = harvest->most,
                           .ret_counts = harvest->counts,
                           .ret_found = harvest->found};
        uint64_t begun = clock_boottime();

        int r = rounds->driver->scan(rounds->device, &scan, ret_why);
        if (r < 0)
                return r == -ENOMEM ? ROUNDS_E_NO_ROOM : ROUNDS_E_FAILED;
        rounds->usec = clock_boottime() - begun;
        rounds->nanoseconds += scan.nanoseconds;
        rounds->n_last = rounds->range.n;
        harvest->n_found = scan.n_found;
        return 0;
}

static int bring_in(Rounds *rounds, DeviceWhy *ret_why)
{
        size_t first = rounds->part->first_block * CODES_ROWS;
        size_t n =
                MIN_OF(rounds->part->n_blocks * CODES_ROWS, rounds->work.queries->templates->n_rows - first);

        int r = harvest_bring_in(&rounds->harvest, rounds->work.pool, first, n);
        if (r != HARVEST_E_NONSENSE)
                return r;
        driver_say(ret_why, "it found rows that are not there");
        return ROUNDS_E_FAILED;
}

/* ------------------------------------------------------------------------------------------------
 * on the processor */

/* Shows positions of the part to queries that are in the list. */
static int pass(Rounds *rounds, size_t n_queries, size_t first, size_t n)
{
        const RoundsWork *work = &rounds->work;
        Pass pass = *work->pass;

        if (n_queries == 0 || n == 0)
                return 0;
        if (pass.kernel->narrow && !rounds->digits_are_others) {
                queries_write_digits(work->queries, &(QueriesWay){.scan = pass.kernel, .pool = work->pool});
                rounds->digits_are_others = true;
        }
        pass.queries = rounds->list;
        pass.n_queries = n_queries;
        pass.range = rounds->range;
        pass.range.first = first;
        pass.range.n = n;
        return pass_run(&pass, work->pool);
}

static size_t list_overflowed(Rounds *rounds)
{
        size_t n = 0;

        for (size_t i = 0; i < rounds->work.queries->n; i++)
                if (rounds->queries[i].active && rounds->harvest.overflowed[i])
                        rounds->list[n++] = &rounds->work.queries->items[i];
        return n;
}

/* As worker/pass.c judges bounds; but early in a search with a large k many rows are found anyway. */
static bool is_bad(const Rounds *rounds, size_t query, size_t n_rows)
{
        const Candidates *candidates = &rounds->work.queries->items[query].candidates;
        size_t n_queries = rounds->work.queries->n;

        return harvest_count(&rounds->harvest, query) > n_rows / 8 + n_rows * 3 / 8 / n_queries &&
               rounds->n_shown > 2 * ROUNDS_SLACK * rounds->k &&
               atomic_load_explicit(&candidates->overflowed, memory_order_relaxed);
}

/* Takes from the device those for whom bounds were of no use round after round. Return: how many, who are in the list. */
static size_t list_bad(Rounds *rounds, size_t n_rows)
{
        size_t n = 0;

        for (size_t i = 0; i < rounds->work.queries->n; i++) {
                RoundsQuery *query = &rounds->queries[i];
                if (!query->active)
                        continue;
                query->n_bad = is_bad(rounds, i, n_rows) ? query->n_bad + 1 : 0;
                query->by_processor = query->n_bad == ROUNDS_BAD_MAX;
                if (query->by_processor)
                        rounds->list[n++] = &rounds->work.queries->items[i];
        }
        return n;
}

static size_t list_by_processor(Rounds *rounds)
{
        size_t n = 0;

        for (size_t i = 0; i < rounds->work.queries->n; i++)
                if (rounds->queries[i].by_processor)
                        rounds->list[n++] = &rounds->work.queries->items[i];
        return n;
}

/* ------------------------------------------------------------------------------------------------
 * how large a round is */

/* What the last round tells of the next, whose thresholds are those of more rows: fewer reach them, except of near-duplicates. */
static void learn(Rounds *rounds, size_t n_rows)
{
        double risen = (double)rounds->n_shown / (double)(rounds->n_shown + n_rows);
        double sum = 0, worst = 0;
        size_t n = 0;

        for (size_t i = 0; i < rounds->work.queries->n; i++) {
                const RoundsQuery *query = &rounds->queries[i];
                if (!query->active || query->by_processor)
                        continue;
                double found = (double)harvest_count(&rounds->harvest, i) / (double)n_rows;
                found *= query->n_bad > 0 ? 1 : risen;
                n++;
                sum += found;
                worst = fmax(worst, found);
        }
        rounds->mean = sum / (double)MAX_OF(n, (size_t)1);
        rounds->worst = worst;
        rounds->n_shown += n_rows;
}

static double first_rows(const Rounds *rounds)
{
        size_t n = rounds->work.queries->n_probes > ROUNDS_BATCH ? ROUNDS_FIRST_BATCH : ROUNDS_FIRST;

        return (double)MIN_OF(MAX_OF(n, 2 * rounds->k), (size_t)rounds->harvest.most);
}

static double later_rows(const Rounds *rounds)
{
        double expected = fmin(1, (double)(ROUNDS_SLACK * rounds->k) / (double)rounds->n_shown);
        double target =
                fmax(ROUNDS_TARGET / (double)rounds->work.queries->n, (double)(ROUNDS_PER_HIT * rounds->k));
        double most = (double)rounds->harvest.most / 2;

        return fmin(fmin(target, most) / fmax(expected, rounds->mean), most / fmax(expected, rounds->worst));
}

/* Return: blocks of the next round, of @n_left. */
static size_t next_blocks(const Rounds *rounds, size_t n_left)
{
        double rows = rounds->n_shown == 0 ? first_rows(rounds) : later_rows(rounds);
        size_t n = (size_t)fmin(rows / CODES_ROWS, (double)n_left);

        if (rounds->n_last > 0)
                n = MIN_OF(n, rounds->n_last * ROUNDS_USEC / MAX_OF(rounds->usec, (uint64_t)1));
        n = MAX_OF(n, (size_t)1);
        /* The last round is not worth a wait of its own where it is small. */
        return n_left - n < n / 8 ? n_left : n;
}

static int run_round(Rounds *rounds, DeviceWhy *ret_why)
{
        const PassRange *range = &rounds->range;
        size_t n_rows = range->n * CODES_ROWS, end = range->first + range->n;

        int r = scan(rounds, ret_why);
        if (r == 0)
                r = bring_in(rounds, ret_why);
        if (r == 0)
                r = pass(rounds, list_overflowed(rounds), range->first, range->n);
        if (r != 0)
                return r;
        size_t n_bad = list_bad(rounds, n_rows);
        learn(rounds, n_rows);
        return pass(rounds, n_bad, end, range->n_blocks - end);
}

int rounds_run(Rounds *rounds, const CopiesPart *part, DeviceWhy *ret_why)
{
        rounds->part = part;
        rounds->range = (PassRange){.first_block = part->first_block,
                                    .n_blocks = part->n_blocks,
                                    .step = pass_step(part->n_blocks)};
        PassRange *range = &rounds->range;
        int r = pass(rounds, list_by_processor(rounds), 0, part->n_blocks);

        while (r == 0 && range->first < part->n_blocks && set_floors(rounds) > 0) {
                range->n = next_blocks(rounds, part->n_blocks - range->first);
                r = run_round(rounds, ret_why);
                range->first += range->n;
        }
        return r;
}
