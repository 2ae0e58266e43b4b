/*
 * Candidates of a query.
 */

#include "worker/candidates.h"

#include <math.h>

#include "base/macro.h"
#include "worker/subjects.h"

enum {
        /* Candidates at once, above those that k asks for: more than remain of a million templates as a rule. */
        CANDIDATES_ROOM = 448,
        /* How many originals are on their way from memory while one is compared. */
        CANDIDATES_AHEAD = 4,
};

/* Room for another block is there whenever the lock is free. */
static size_t candidates_room(const EngineQuery *query)
{
        return 2 * query->k + CANDIDATES_ROOM + CODES_ROWS;
}

static size_t subjects_size(const EngineQuery *query)
{
        return query->one_a_subject ? query->k * sizeof(uint32_t) : 0;
}

size_t candidates_size(const EngineQuery *query)
{
        size_t size = candidates_room(query) * sizeof(Candidate) + query->k * sizeof(EngineHit) +
                      2 * subjects_size(query);

        return (size + 63) / 64 * 64;
}

static float round_down(double value)
{
        float rounded = (float)value;

        return (double)rounded > value ? nextafterf(rounded, -INFINITY) : rounded;
}

void candidates_begin(Candidates *candidates, char *memory)
{
        EngineQuery *query = candidates->query;
        Candidate *items = (Candidate *)memory;
        EngineHit *lowers = (EngineHit *)(items + candidates_room(query));
        uint32_t *subjects = (uint32_t *)(lowers + query->k);

        candidates->items = items;
        candidates->n = 0;
        candidates->lowers =
                (Top){.hits = lowers, .subjects = query->one_a_subject ? subjects : NULL, .k = query->k};
        candidates->hits = (Top){.hits = query->ret_hits,
                                 .subjects = query->one_a_subject ? subjects + query->k : NULL,
                                 .k = query->k,
                                 .order = query->order,
                                 .order_data = query->order_data};
        atomic_init(&candidates->overflowed, false);
        /* Every template reaches -1, and below it no bound has to hold; but finite, which a row without a template is not. */
        atomic_init(&candidates->threshold, query->floor > -1 ? round_down(query->floor) : -2);
}

/* Others read it without the lock. They may see an older, lower one, which drops less. */
static void raise_threshold(Candidates *candidates)
{
        float least = round_down(fmax(top_least(&candidates->lowers), top_least(&candidates->hits)));

        if (least > candidates_threshold(candidates))
                atomic_store_explicit(&candidates->threshold, least, memory_order_relaxed);
}

static bool is_searched(const Candidates *candidates, size_t row)
{
        uint32_t subject = candidates->templates->subjects[row];

        return subject != SUBJECTS_NONE && subject != candidates->query->but;
}

static void offer(Candidates *candidates, size_t row, double similarity)
{
        if (similarity >= candidates->query->floor)
                top_offer(&candidates->hits, (EngineHit){.similarity = similarity, .row = row},
                          candidates->templates->subjects[row]);
}

/* ------------------------------------------------------------------------------------------------
 * exact comparison */

static void fetch(const Candidates *candidates, size_t row)
{
        const Originals *originals = &candidates->templates->originals;
        size_t size = original_slot_size(originals->dimension);

        for (size_t i = 0; i < size; i += 64)
                __builtin_prefetch(originals->slots + row * size + i, 0, 2);
}

/* Drops what no longer reaches the threshold. */
static void filter(Candidates *candidates)
{
        float least = candidates_threshold(candidates);
        size_t n = 0;

        /* Without a branch, which nobody could predict. */
        for (size_t i = 0; i < candidates->n; i++) {
                candidates->items[n] = candidates->items[i];
                n += candidates->items[i].upper >= least;
        }
        candidates->n = n;
}

/* Compares the last @n candidates, which then are none any more. */
static int compare_last(Candidates *candidates, size_t n)
{
        const Candidate *items = candidates->items + candidates->n - n;

        candidates->n -= n;
        for (size_t i = 0; i < MIN_OF(n, (size_t)CANDIDATES_AHEAD); i++)
                fetch(candidates, items[i].row);
        for (size_t i = 0; i < n; i++) {
                double square;
                if (i + CANDIDATES_AHEAD < n &&
                    items[i + CANDIDATES_AHEAD].upper >= candidates_threshold(candidates))
                        fetch(candidates, items[i + CANDIDATES_AHEAD].row);
                if (items[i].upper < candidates_threshold(candidates))
                        continue;
                const float *original =
                        original_read(&candidates->templates->originals, items[i].row, &square);
                if (!original)
                        return ENGINE_E_DAMAGED;
                offer(candidates, items[i].row, exact_similarity(&candidates->probes, original, square));
                raise_threshold(candidates);
        }
        return 0;
}

/* Puts those with the best lower bounds last. Return: how many. */
static size_t best_last(Candidates *candidates)
{
        double least = top_least(&candidates->lowers);
        size_t first = candidates->n;

        for (size_t i = candidates->n; i-- > 0;) {
                Candidate item = candidates->items[i];
                if ((double)item.lower < least)
                        continue;
                candidates->items[i] = candidates->items[--first];
                candidates->items[first] = item;
        }
        return candidates->n - first;
}

/* Makes candidates fewer than @most, by ever dearer means: the best of them, once compared, tell of most others that they are too far off. */
static int reduce(Candidates *candidates, size_t most)
{
        filter(candidates);
        if (candidates->n <= most)
                return 0;
        atomic_store_explicit(&candidates->overflowed, true, memory_order_relaxed);
        int r = compare_last(candidates, best_last(candidates));
        if (r != 0)
                return r;
        filter(candidates);
        if (candidates->n <= most)
                return 0;
        return compare_last(candidates, candidates->n);
}

/* ------------------------------------------------------------------------------------------------
 * what comes in */

/* The bounds of the best probe. One whose mask is zero is below the threshold for each row, so it is not the best of a row that reaches it. */
static Candidate row_bounds(const Candidates *candidates, const CandidatesFound *found, size_t i)
{
        Candidate bounds = {.row = found->row + i, .upper = -INFINITY, .lower = -INFINITY};

        for (size_t probe = 0; probe < candidates->probes.n; probe++) {
                if (found->masks[probe] == 0)
                        continue;
                float upper = found->upper[probe][i];
                float lower = scan_lower(&found->probes[probe], found->residuals[i], upper);
                bounds.upper = MAX_OF(bounds.upper, upper);
                bounds.lower = MAX_OF(bounds.lower, lower);
        }
        return bounds;
}

/* There is room. */
static void add_row(Candidates *candidates, const Candidate *item)
{
        if (item->upper < candidates_threshold(candidates) || !is_searched(candidates, item->row))
                return;
        candidates->items[candidates->n++] = *item;
        if (top_wants(&candidates->lowers, (double)item->lower))
                top_offer(&candidates->lowers,
                          (EngineHit){.similarity = (double)item->lower, .row = item->row},
                          candidates->templates->subjects[item->row]);
}

/* Room for another block is made again. */
static int make_room(Candidates *candidates)
{
        size_t most = candidates_room(candidates->query) - CODES_ROWS;
        int r = 0;

        raise_threshold(candidates);
        if (candidates->n > most)
                r = reduce(candidates, most / 2);
        /* Of damage nothing comes any more; but other threads may add to it before they see that, and need the room. */
        if (r != 0)
                candidates->n = 0;
        return r;
}

int candidates_add(Candidates *candidates, const CandidatesFound *found, uint64_t mask, size_t *n_found)
{
        pthread_mutex_lock(&candidates->lock);
        size_t before = candidates->n;
        for (; mask != 0; mask &= mask - 1) {
                Candidate item = row_bounds(candidates, found, (size_t)__builtin_ctzll(mask));
                add_row(candidates, &item);
        }
        *n_found += candidates->n - before;
        int r = make_room(candidates);
        pthread_mutex_unlock(&candidates->lock);
        return r;
}

int candidates_add_rows(Candidates *candidates, const Candidate *rows, size_t n)
{
        int r = 0;

        pthread_mutex_lock(&candidates->lock);
        for (size_t first = 0; r == 0 && first < n; first += CODES_ROWS) {
                for (size_t i = first; i < MIN_OF(first + CODES_ROWS, n); i++)
                        add_row(candidates, &rows[i]);
                r = make_room(candidates);
        }
        pthread_mutex_unlock(&candidates->lock);
        return r;
}

void candidates_offer(Candidates *candidates, size_t row, const double *similarities, size_t n)
{
        double least = (double)candidates_threshold(candidates);
        bool any = false;

        for (size_t i = 0; i < n; i++)
                any = any || similarities[i] >= least;
        if (!any)
                return;
        pthread_mutex_lock(&candidates->lock);
        for (size_t i = 0; i < n; i++)
                if (similarities[i] >= least && is_searched(candidates, row + i))
                        offer(candidates, row + i, similarities[i]);
        raise_threshold(candidates);
        pthread_mutex_unlock(&candidates->lock);
}

int candidates_finish(Candidates *candidates)
{
        int r = reduce(candidates, 0);
        if (r != 0)
                return r;
        top_sort(&candidates->hits);
        candidates->query->n_hits = candidates->hits.n;
        return 0;
}
