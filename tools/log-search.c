/*
 * Searching a log. Owns the rows that wait.
 */

#include "tools/log-search.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "wire/leaf.h"

/* Rows in the order of the log; those before `first` have been handed out. */
typedef struct Queue {
        SearchRow *rows;
        size_t first, n, capacity;
} Queue;

typedef struct Run {
        Search *search;
        Queue queue;
        size_t n_waiting;
        bool done;
} Run;

static void row_deinit(SearchRow *row)
{
        free(row->leaf);
        free(row->outcome);
        *row = (SearchRow){};
}

static void queue_deinit(Queue *queue)
{
        for (size_t i = queue->first; i < queue->n; i++)
                row_deinit(&queue->rows[i]);
        free(queue->rows);
        *queue = (Queue){};
}

static void queue_drop_first(Queue *queue)
{
        row_deinit(&queue->rows[queue->first++]);
        if (queue->first == queue->n)
                queue->first = queue->n = 0;
}

/* Moves the rows to the start of the memory where that frees half of it, else makes it twice as large. */
static int queue_reserve(Queue *queue)
{
        size_t n = queue->n - queue->first;

        if (queue->n < queue->capacity)
                return 0;
        if (queue->first > 0 && queue->first >= n) {
                memcpy(queue->rows, queue->rows + queue->first, n * sizeof(*queue->rows));
                queue->first = 0;
                queue->n = n;
                return 0;
        }
        size_t capacity = queue->capacity ? queue->capacity * 2 : 64;
        SearchRow *rows = reallocarray(queue->rows, capacity, sizeof(*rows));
        if (!rows)
                return -ENOMEM;
        queue->rows = rows;
        queue->capacity = capacity;
        return 0;
}

static SearchRow *queue_find(Queue *queue, uint64_t index)
{
        size_t low = queue->first, high = queue->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (queue->rows[middle].index < index)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < queue->n && queue->rows[low].index == index ? &queue->rows[low] : NULL;
}

static uint8_t *copy_bytes(const uint8_t *bytes, size_t n)
{
        uint8_t *copy = malloc(n + 1);
        if (copy) {
                memcpy(copy, bytes, n);
                copy[n] = 0;
        }
        return copy;
}

/* --------------------------------------------------------------------------------------------- the filter */

static bool matches_kind(const SearchFilter *filter, const Leaf *leaf)
{
        if (filter->kind)
                return leaf_is(leaf, "kind", filter->kind);
        return !leaf_is(leaf, "kind", "outcome") && !leaf_is(leaf, "kind", "beat");
}

static bool matches(const SearchFilter *filter, const Leaf *leaf)
{
        const struct {
                const char *key, *wanted;
        } texts[] = {
                {"verdict", filter->verdict},           {"reason", filter->reason},
                {"organisation", filter->organisation}, {"operation", filter->operation},
                {"gallery", filter->gallery},           {"request", filter->request},
        };
        uint64_t number = 0;

        if (!matches_kind(filter, leaf))
                return false;
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                if (texts[i].wanted && !leaf_is(leaf, texts[i].key, texts[i].wanted))
                        return false;
        if (filter->has_uid && (!leaf_number(leaf, "uid", &number) || number != filter->uid))
                return false;
        (void)leaf_number(leaf, "time", &number); /* every leaf has one; one without is as old as can be */
        return !(filter->has_since && number < filter->since_usec) &&
               !(filter->has_until && number >= filter->until_usec);
}

/* ------------------------------------------------------------------------------------------------ the run */

/* Hands out what waits for nothing; with a limit only what is too old for it goes, and goes unseen. */
static int flush(Run *run, bool end)
{
        Queue *queue = &run->queue;
        const uint64_t limit = run->search->filter.limit;

        while (queue->first < queue->n) {
                bool surplus = limit > 0 && queue->n - queue->first > limit;
                const SearchRow *row = &queue->rows[queue->first];
                if (surplus) {
                        run->n_waiting -= row->waits;
                        queue_drop_first(queue);
                        continue;
                }
                if (!end && (limit > 0 || row->waits))
                        return 0;
                int r = run->search->row(row, run->search->userdata);
                if (r < 0)
                        return r;
                queue_drop_first(queue);
        }
        return 0;
}

/* Whether no other leaf can be looked for. */
static bool is_only(const SearchFilter *filter)
{
        return filter->request || filter->only_first;
}

static int take_match(Run *run, uint64_t index, const Leaf *leaf, const Buffer *bytes)
{
        Queue *queue = &run->queue;
        int r = queue_reserve(queue);
        if (r < 0)
                return r;
        SearchRow row = {.index = index, .leaf = copy_bytes(bytes->data, bytes->n), .n_leaf = bytes->n};
        if (!row.leaf)
                return -ENOMEM;
        row.waits = leaf_is(leaf, "kind", "request") && leaf_is(leaf, "verdict", "permit");
        run->n_waiting += row.waits;
        run->done = is_only(&run->search->filter) && !row.waits;
        queue->rows[queue->n++] = row;
        run->search->n_found++;
        return 0;
}

static int take_outcome(Run *run, uint64_t index, const Leaf *leaf, const Buffer *bytes)
{
        uint64_t of = 0;
        SearchRow *row = leaf_number(leaf, "of", &of) ? queue_find(&run->queue, of) : NULL;

        if (!row || !row->waits)
                return 0;
        row->outcome = copy_bytes(bytes->data, bytes->n);
        if (!row->outcome)
                return -ENOMEM;
        row->n_outcome = bytes->n;
        row->outcome_index = index;
        row->waits = false;
        run->n_waiting--;
        run->done = is_only(&run->search->filter);
        return 0;
}

/* Log time never decreases, so that nothing that comes after `until` is looked for but outcomes. */
static bool is_past(const Run *run, const Leaf *leaf)
{
        const SearchFilter *filter = &run->search->filter;
        uint64_t time;

        return filter->has_until && run->n_waiting == 0 && leaf_number(leaf, "time", &time) &&
               time >= filter->until_usec;
}

static int take_leaf(Run *run, uint64_t index, const Buffer *bytes)
{
        _cleanup_(leaf_deinit) Leaf leaf = LEAF_INIT;
        int r = leaf_parse(bytes->data, bytes->n, LEAF_MAX, &leaf);
        if (r < 0)
                return r;
        /* What is signed but no leaf of ours has no fields, and is found by its place only. */
        bool readable = r == 0;
        r = leaf_is(&leaf, "kind", "outcome") ? take_outcome(run, index, &leaf, bytes) : 0;
        const SearchFilter *filter = &run->search->filter;
        if (r == 0 && (filter->only_first ? index == filter->first : readable && matches(filter, &leaf)))
                r = take_match(run, index, &leaf, bytes);
        run->done = run->done || is_past(run, &leaf);
        return r < 0 ? r : flush(run, false);
}

/* The last bundle that begins before `since`: all earlier ones hold nothing that is looked for. */
static int find_start(const Search *search, uint64_t *ret_n, char **ret_why)
{
        const SearchFilter *filter = &search->filter;
        uint64_t low = filter->first / TILE_WIDTH, high = export_n_bundles(proven_log_export(search->log));

        while (filter->has_since && low + 1 < high) {
                _cleanup_(leaf_deinit) Leaf leaf = LEAF_INIT;
                const Bundle *bundle = NULL;
                uint64_t middle = low + (high - low) / 2, time = 0;
                int r = proven_log_bundle(search->log, middle, &bundle, ret_why);
                if (r != 0)
                        return r;
                if (leaf_parse(bundle->leaves[0], bundle->sizes[0], LEAF_MAX, &leaf) != 0 ||
                    !leaf_number(&leaf, "time", &time) || time >= filter->since_usec)
                        high = middle;
                else
                        low = middle;
        }
        *ret_n = low;
        return 0;
}

static int take_bundles(Run *run, char **ret_why)
{
        ProvenLog *log = run->search->log;
        uint64_t n = 0;

        int r = find_start(run->search, &n, ret_why);
        for (; r == 0 && !run->done && n < export_n_bundles(proven_log_export(log)); n++) {
                const Bundle *bundle = NULL;
                r = proven_log_bundle(log, n, &bundle, ret_why);
                for (unsigned i = 0; r == 0 && !run->done && i < bundle->n; i++) {
                        const Buffer bytes = {.data = (uint8_t *)bundle->leaves[i], .n = bundle->sizes[i]};
                        if (bundle->first + i >= run->search->filter.first)
                                r = take_leaf(run, bundle->first + i, &bytes);
                }
        }
        return r;
}

int log_search(Search *search, char **ret_why)
{
        Run run = {.search = search};

        search->n_found = 0;
        int r = take_bundles(&run, ret_why);
        if (r == 0)
                r = flush(&run, true);
        queue_deinit(&run.queue);
        return r;
}
