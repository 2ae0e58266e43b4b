/*
 * Bringing in what a device has found.
 */

#include "worker/harvest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

enum {
        HARVEST_PARTS = 64,   /* that handing out is divided into */
        HARVEST_CHUNK = 4096, /* found rows that a thread sorts at a time */
        HARVEST_AHEAD = 8     /* rows whose residual is on its way from memory */
};

void harvest_deinit(Harvest *harvest)
{
        free(harvest->found);
        free(harvest->rows);
        harvest->found = NULL;
        harvest->rows = NULL;
        harvest->room = 0;
}

static int reserve(Harvest *harvest, size_t room)
{
        if (room <= harvest->room)
                return 0;
        harvest_deinit(harvest);
        harvest->found = calloc(room, sizeof(DeviceFound));
        harvest->rows = calloc(room, sizeof(Candidate));
        if (!harvest->found || !harvest->rows)
                return -ENOMEM;
        harvest->room = room;
        return 0;
}

int harvest_begin(Harvest *harvest, Queries *queries)
{
        harvest->queries = queries;
        harvest->most = (uint32_t)MIN_OF((size_t)DEVICE_FOUND_MAX, DEVICE_FOUND_ALL / queries->n_probes);
        atomic_init(&harvest->damaged, false);
        atomic_init(&harvest->nonsense, false);
        for (size_t i = 0; i < queries->n; i++)
                for (size_t j = 0; j < queries->asked[i].n_probes; j++) {
                        size_t probe = queries->items[i].first + j;
                        harvest->owners[probe] = (uint16_t)i;
                        harvest->slacks[probe] = queries->probes[probe].slack;
                }
        return reserve(harvest, harvest->most * queries->n_probes);
}

size_t harvest_count(const Harvest *harvest, size_t query)
{
        const PassQuery *item = &harvest->queries->items[query];
        uint32_t n = 0;

        for (size_t i = 0; i < item->candidates.probes.n; i++)
                n = MAX_OF(n, harvest->counts[item->first + i]);
        return n;
}

/* Of a query that has overflowed nothing is used. */
static void divide_rows(Harvest *harvest)
{
        size_t n_probes = harvest->queries->n_probes, next = 0;

        memset(harvest->overflowed, 0, sizeof(harvest->overflowed));
        for (size_t i = 0; i < n_probes; i++)
                if (harvest->counts[i] > harvest->most)
                        harvest->overflowed[harvest->owners[i]] = true;
        for (size_t i = 0; i < n_probes; i++) {
                harvest->starts[i] = next;
                next += harvest->overflowed[harvest->owners[i]] ? 0 : harvest->counts[i];
                atomic_init(&harvest->cursors[i], 0);
        }
        harvest->starts[n_probes] = next;
}

/* Whether it may be true. Rows beyond the gallery's last hold no template, and reach nothing. */
static bool is_sane(const Harvest *harvest, const DeviceFound *found)
{
        return found->row < harvest->n_rows && found->upper >= harvest->floors[found->probe];
}

/* Return: false: it cannot be, or there are more than were counted. */
static bool sort_row(Harvest *harvest, const DeviceFound *found)
{
        if (found->probe >= harvest->queries->n_probes)
                return false;
        if (harvest->overflowed[harvest->owners[found->probe]])
                return true;
        if (!is_sane(harvest, found))
                return false;
        unsigned place = atomic_fetch_add_explicit(&harvest->cursors[found->probe], 1, memory_order_relaxed);
        if (place >= harvest->counts[found->probe])
                return false;
        harvest->rows[harvest->starts[found->probe] + place] =
                (Candidate){.row = harvest->first_row + found->row, .upper = found->upper};
        return true;
}

static void sort_chunk(void *userdata, size_t part, size_t thread)
{
        Harvest *harvest = userdata;
        size_t end = MIN_OF((part + 1) * HARVEST_CHUNK, harvest->n_found);
        bool sane = true;

        for (size_t i = part * HARVEST_CHUNK; i < end && sane; i++)
                sane = sort_row(harvest, &harvest->found[i]);
        if (!sane)
                atomic_store_explicit(&harvest->nonsense, true, memory_order_relaxed);
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

static void add_lower_bounds(const Harvest *harvest, size_t probe)
{
        const Templates *templates = harvest->queries->templates;
        const ScanProbe slack = {.slack = harvest->slacks[probe]};
        Candidate *rows = harvest->rows + harvest->starts[probe];
        size_t n = harvest->starts[probe + 1] - harvest->starts[probe];

        for (size_t i = 0; i < n; i++) {
                if (i + HARVEST_AHEAD < n)
                        fetch(templates, rows[i + HARVEST_AHEAD].row);
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

static void hand_out(Harvest *harvest, size_t query)
{
        PassQuery *item = &harvest->queries->items[query];
        size_t n_probes = item->candidates.probes.n;
        Candidate *rows = harvest->rows + harvest->starts[item->first];
        size_t n = harvest->starts[item->first + n_probes] - harvest->starts[item->first];

        if (n == 0)
                return;
        for (size_t i = item->first; i < item->first + n_probes; i++)
                add_lower_bounds(harvest, i);
        if (n_probes > 1)
                n = merge(rows, n);
        if (candidates_add_rows(&item->candidates, rows, n) != 0)
                atomic_store_explicit(&harvest->damaged, true, memory_order_relaxed);
}

static void hand_out_part(void *userdata, size_t part, size_t thread)
{
        Harvest *harvest = userdata;
        size_t n = harvest->queries->n, n_parts = MIN_OF(n, (size_t)HARVEST_PARTS);

        for (size_t i = part * n / n_parts; i < (part + 1) * n / n_parts; i++)
                hand_out(harvest, i);
}

int harvest_bring_in(Harvest *harvest, Pool *pool, size_t first_row, size_t n_rows)
{
        size_t n_queries = harvest->queries->n, n_probes = harvest->queries->n_probes;

        harvest->first_row = first_row;
        harvest->n_rows = n_rows;
        if (harvest->n_found > harvest->most * n_probes)
                return HARVEST_E_NONSENSE;
        divide_rows(harvest);
        pool_run(pool, sort_chunk, harvest, (harvest->n_found + HARVEST_CHUNK - 1) / HARVEST_CHUNK);
        for (size_t i = 0; i < n_probes; i++)
                if (atomic_load(&harvest->cursors[i]) != harvest->starts[i + 1] - harvest->starts[i])
                        atomic_store(&harvest->nonsense, true);
        if (atomic_load(&harvest->nonsense))
                return HARVEST_E_NONSENSE;
        pool_run(pool, hand_out_part, harvest, MIN_OF(n_queries, (size_t)HARVEST_PARTS));
        return atomic_load(&harvest->damaged) ? ENGINE_E_DAMAGED : 0;
}
