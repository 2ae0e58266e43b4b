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

enum {
        ROUNDS_ROOM = 1 << 20,    /* rows that a round may find, of all probes */
        ROUNDS_FIRST = 448,       /* rows of the first round, which all are found as a rule */
        ROUNDS_FIRST_BATCH = 128, /* where there are many queries to find them */
        ROUNDS_BATCH = 64,        /* that is so many probes */
        ROUNDS_TARGET =
                16 * 1024,  /* rows that a round should find: so many cost the host as much as a round does */
        ROUNDS_PER_HIT = 8, /* or so many of a query for each hit that it wants */
        ROUNDS_SLACK = 4,   /* times as many rows reach a threshold as would if bounds were the truth */
        ROUNDS_USEC = 100 * 1000, /* that a round should not take longer than, so that it can be stopped */
        ROUNDS_PARTS = 64,        /* that handing out is divided into */
        ROUNDS_CHUNK = 4096,      /* found rows that a thread sorts at a time */
        ROUNDS_AHEAD = 8,         /* rows whose residual is on its way from memory */
        ROUNDS_BAD_MAX = 2        /* rounds in which bounds were of no use */
};

/* How a query fares. */
typedef struct RoundsQuery {
        bool by_processor; /* it is done with the device */
        bool active;       /* in this round */
        bool overflowed;   /* in this round */
        unsigned n_bad;    /* rounds in a row */
} RoundsQuery;

struct Rounds {
        const DeviceDriver *driver;
        Device *device;

        /* Of the search. */
        RoundsWork work;
        const CopiesPart *part;
        PassRange range; /* of the round */
        bool digits_are_others;
        uint32_t most;  /* rows of a probe in a round */
        size_t k;       /* the largest */
        size_t n_shown; /* rows */
        double mean,
                worst; /* of the rows of the last round, how many a query found; but with the thresholds that there are now */
        size_t n_last; /* blocks of the last round */
        uint64_t usec; /* that it took */
        uint64_t nanoseconds;
        atomic_bool damaged, nonsense;

        RoundsQuery queries[ENGINE_BATCH_MAX];
        PassQuery *list[ENGINE_BATCH_MAX]; /* for a pass */
        uint16_t owners[ENGINE_BATCH_MAX]; /* a probe's query */
        float slacks[ENGINE_BATCH_MAX]; /* a probe's; its digits may have changed since the device got them */
        float floors[ENGINE_BATCH_MAX];
        uint32_t counts[ENGINE_BATCH_MAX];
        size_t starts[ENGINE_BATCH_MAX + 1]; /* of each probe's rows */
        atomic_uint cursors[ENGINE_BATCH_MAX];

        size_t room;
        DeviceFound *found;
        size_t n_found;
        Candidate *rows; /* those found, by probe */
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
        free(rounds->found);
        free(rounds->rows);
        free(rounds);
        return NULL;
}

static int reserve(Rounds *rounds, size_t room)
{
        if (room <= rounds->room)
                return 0;
        free(rounds->found);
        free(rounds->rows);
        rounds->found = calloc(room, sizeof(DeviceFound));
        rounds->rows = calloc(room, sizeof(Candidate));
        rounds->room = rounds->found && rounds->rows ? room : 0;
        return rounds->room > 0 ? 0 : -ENOMEM;
}

int rounds_begin(Rounds *rounds, const RoundsWork *work)
{
        const Queries *queries = work->queries;

        rounds->work = *work;
        rounds->digits_are_others = false;
        rounds->n_shown = rounds->n_last = rounds->k = 0;
        rounds->nanoseconds = 0;
        atomic_init(&rounds->damaged, false);
        atomic_init(&rounds->nonsense, false);
        for (size_t i = 0; i < queries->n; i++) {
                rounds->queries[i] = (RoundsQuery){};
                rounds->k = MAX_OF(rounds->k, queries->asked[i].k);
                for (size_t j = 0; j < queries->asked[i].n_probes; j++) {
                        size_t probe = queries->items[i].first + j;
                        rounds->owners[probe] = (uint16_t)i;
                        rounds->slacks[probe] = queries->probes[probe].slack;
                }
        }
        size_t most = MIN_OF((size_t)DEVICE_FOUND_MAX, ROUNDS_ROOM / queries->n_probes);
        rounds->most = (uint32_t)most;
        return reserve(rounds, most * queries->n_probes);
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
                query->overflowed = false;
                n += query->active;
                float floor = query->active ? candidates_threshold(&item->candidates) : INFINITY;
                for (size_t j = 0; j < queries->asked[i].n_probes; j++)
                        rounds->floors[item->first + j] = floor;
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

static int tell_nonsense(DeviceWhy *ret_why)
{
        driver_say(ret_why, "it found rows that are not there");
        return ROUNDS_E_FAILED;
}

static int scan(Rounds *rounds, DeviceWhy *ret_why)
{
        DeviceScan scan = {.memory = rounds->part->memory,
                           .n_blocks = (uint32_t)rounds->range.n_blocks,
                           .first = (uint32_t)rounds->range.first,
                           .n = (uint32_t)rounds->range.n,
                           .step = (uint32_t)rounds->range.step,
                           .floors = rounds->floors,
                           .most = rounds->most,
                           .ret_counts = rounds->counts,
                           .ret_found = rounds->found};
        uint64_t begun = clock_boottime();

        int r = rounds->driver->scan(rounds->device, &scan, ret_why);
        if (r < 0)
                return r == -ENOMEM ? ROUNDS_E_NO_ROOM : ROUNDS_E_FAILED;
        if (scan.n_found > (size_t)rounds->most * rounds->work.queries->n_probes)
                return tell_nonsense(ret_why);
        rounds->usec = clock_boottime() - begun;
        rounds->nanoseconds += scan.nanoseconds;
        rounds->n_last = rounds->range.n;
        rounds->n_found = scan.n_found;
        return 0;
}

/* ------------------------------------------------------------------------------------------------
 * what was found: sorted by probe, and handed to the queries */

/* Of a query that has overflowed nothing is used. */
static void divide_rows(Rounds *rounds)
{
        size_t n_probes = rounds->work.queries->n_probes, next = 0;

        for (size_t i = 0; i < n_probes; i++)
                if (rounds->counts[i] > rounds->most)
                        rounds->queries[rounds->owners[i]].overflowed = true;
        for (size_t i = 0; i < n_probes; i++) {
                rounds->starts[i] = next;
                next += rounds->queries[rounds->owners[i]].overflowed ? 0 : rounds->counts[i];
                atomic_init(&rounds->cursors[i], 0);
        }
        rounds->starts[n_probes] = next;
}

/* Whether it may be true. Rows beyond the gallery's last hold no template, and reach nothing. */
static bool is_sane(const Rounds *rounds, const DeviceFound *found)
{
        size_t row = rounds->part->first_block * CODES_ROWS + found->row;

        return found->probe < rounds->work.queries->n_probes &&
               found->row < rounds->part->n_blocks * CODES_ROWS &&
               row < rounds->work.queries->templates->n_rows && found->upper >= rounds->floors[found->probe];
}

static void sort_chunk(void *userdata, size_t part, size_t thread)
{
        Rounds *rounds = userdata;
        size_t end = MIN_OF((part + 1) * ROUNDS_CHUNK, rounds->n_found);

        for (size_t i = part * ROUNDS_CHUNK; i < end; i++) {
                const DeviceFound *found = &rounds->found[i];
                bool sane = is_sane(rounds, found);
                if (sane && rounds->queries[rounds->owners[found->probe]].overflowed)
                        continue;
                unsigned place = sane ? atomic_fetch_add_explicit(&rounds->cursors[found->probe], 1,
                                                                  memory_order_relaxed)
                                      : UINT32_MAX;
                if (!sane || place >= rounds->counts[found->probe]) {
                        atomic_store_explicit(&rounds->nonsense, true, memory_order_relaxed);
                        return;
                }
                rounds->rows[rounds->starts[found->probe] + place] = (Candidate){
                        .row = rounds->part->first_block * CODES_ROWS + found->row, .upper = found->upper};
        }
}

static const float *residual_of(const Templates *templates, size_t row)
{
        const uint8_t *block = templates->blocks + row / CODES_ROWS * codes_block_size(templates->dimension);

        return codes_residuals(block, templates->dimension) + row % CODES_ROWS;
}

static void fetch(const Templates *templates, size_t row)
{
        __builtin_prefetch(residual_of(templates, row), 0, 2);
        __builtin_prefetch(&templates->subjects[row], 0, 2);
}

static void add_lower_bounds(const Rounds *rounds, size_t probe)
{
        const Templates *templates = rounds->work.queries->templates;
        const ScanProbe slack = {.slack = rounds->slacks[probe]};
        Candidate *rows = rounds->rows + rounds->starts[probe];
        size_t n = rounds->starts[probe + 1] - rounds->starts[probe];

        for (size_t i = 0; i < n; i++) {
                if (i + ROUNDS_AHEAD < n)
                        fetch(templates, rows[i + ROUNDS_AHEAD].row);
                rows[i].lower = scan_lower(&slack, *residual_of(templates, rows[i].row), rows[i].upper);
        }
}

static int by_row(const void *a, const void *b)
{
        const Candidate *left = a, *right = b;

        return left->row < right->row ? -1 : left->row > right->row;
}

/* A row that several probes of a query found counts once, with the best of its bounds. Return: how many are left. */
static size_t merge(Candidate *rows, size_t n)
{
        size_t n_left = 0;

        qsort(rows, n, sizeof(Candidate), by_row);
        for (size_t i = 0; i < n; i++) {
                if (n_left > 0 && rows[n_left - 1].row == rows[i].row) {
                        rows[n_left - 1].upper = MAX_OF(rows[n_left - 1].upper, rows[i].upper);
                        rows[n_left - 1].lower = MAX_OF(rows[n_left - 1].lower, rows[i].lower);
                } else {
                        rows[n_left++] = rows[i];
                }
        }
        return n_left;
}

static void hand_out(Rounds *rounds, size_t query)
{
        PassQuery *item = &rounds->work.queries->items[query];
        size_t n_probes = item->candidates.probes.n;
        Candidate *rows = rounds->rows + rounds->starts[item->first];
        size_t n = rounds->starts[item->first + n_probes] - rounds->starts[item->first];

        if (n == 0)
                return;
        for (size_t i = item->first; i < item->first + n_probes; i++)
                add_lower_bounds(rounds, i);
        if (n_probes > 1)
                n = merge(rows, n);
        if (candidates_add_rows(&item->candidates, rows, n) != 0)
                atomic_store_explicit(&rounds->damaged, true, memory_order_relaxed);
}

static void hand_out_part(void *userdata, size_t part, size_t thread)
{
        Rounds *rounds = userdata;
        size_t n = rounds->work.queries->n;

        for (size_t i = part * n / ROUNDS_PARTS; i < (part + 1) * n / ROUNDS_PARTS; i++)
                hand_out(rounds, i);
}

static int take_found(Rounds *rounds, DeviceWhy *ret_why)
{
        Pool *pool = rounds->work.pool;

        divide_rows(rounds);
        pool_run(pool, sort_chunk, rounds, (rounds->n_found + ROUNDS_CHUNK - 1) / ROUNDS_CHUNK);
        for (size_t i = 0; i < rounds->work.queries->n_probes; i++)
                if (atomic_load(&rounds->cursors[i]) != rounds->starts[i + 1] - rounds->starts[i])
                        atomic_store(&rounds->nonsense, true);
        if (atomic_load(&rounds->nonsense))
                return tell_nonsense(ret_why);
        if (rounds->work.queries->n == 1)
                hand_out(rounds, 0);
        else
                pool_run(pool, hand_out_part, rounds, ROUNDS_PARTS);
        return atomic_load(&rounds->damaged) ? ENGINE_E_DAMAGED : 0;
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
                if (rounds->queries[i].overflowed)
                        rounds->list[n++] = &rounds->work.queries->items[i];
        return n;
}

/* Rows that a query found in the round, at least. */
static size_t count_found(const Rounds *rounds, size_t query)
{
        const PassQuery *item = &rounds->work.queries->items[query];
        uint32_t n = 0;

        for (size_t i = 0; i < item->candidates.probes.n; i++)
                n = MAX_OF(n, rounds->counts[item->first + i]);
        return n;
}

/* As worker/pass.c judges bounds; but early in a search with a large k many rows are found anyway. */
static bool is_bad(const Rounds *rounds, size_t query, size_t n_rows)
{
        const Candidates *candidates = &rounds->work.queries->items[query].candidates;
        size_t n_queries = rounds->work.queries->n;

        return count_found(rounds, query) > n_rows / 8 + n_rows * 3 / 8 / n_queries &&
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

/* What the last round tells of the next, whose thresholds are those of more rows. */
static void learn(Rounds *rounds, size_t n_rows)
{
        size_t n_queries = rounds->work.queries->n, n = 0, sum = 0, worst = 0;

        for (size_t i = 0; i < n_queries; i++) {
                if (!rounds->queries[i].active)
                        continue;
                size_t found = count_found(rounds, i);
                n++;
                sum += found;
                worst = MAX_OF(worst, found);
        }
        double risen = (double)rounds->n_shown / (double)(rounds->n_shown + n_rows);
        rounds->mean = (double)sum / (double)(MAX_OF(n, (size_t)1) * n_rows) * risen;
        rounds->worst = (double)worst / (double)n_rows * risen;
        rounds->n_shown += n_rows;
}

static double first_rows(const Rounds *rounds)
{
        size_t n = rounds->work.queries->n_probes > ROUNDS_BATCH ? ROUNDS_FIRST_BATCH : ROUNDS_FIRST;

        return (double)MIN_OF(MAX_OF(n, 2 * rounds->k), (size_t)rounds->most);
}

static double later_rows(const Rounds *rounds)
{
        double expected = fmin(1, (double)(ROUNDS_SLACK * rounds->k) / (double)rounds->n_shown);
        double target =
                fmax(ROUNDS_TARGET / (double)rounds->work.queries->n, (double)(ROUNDS_PER_HIT * rounds->k));
        double most = (double)rounds->most / 2;

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
                r = take_found(rounds, ret_why);
        if (r == 0)
                r = pass(rounds, list_overflowed(rounds), range->first, range->n);
        if (r != 0)
                return r;
        learn(rounds, n_rows);
        return pass(rounds, list_bad(rounds, n_rows), end, range->n_blocks - end);
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
