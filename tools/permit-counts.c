/*
 * Counts of permits: a sorted array of wall times a pair, the pairs found by hash. Permits nearly always come
 * in the order of the wall clock, so that adding is appending, and counting is a binary search.
 */

#include "tools/permit-counts.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

enum { WALLS_FIRST = 16, SLOTS_FIRST = 64 };

typedef struct PermitPair {
        char *organisation;
        char *rule;
        uint64_t hash;
        uint64_t *walls; /* ascending */
        size_t n, capacity;
} PermitPair;

void permit_counts_deinit(PermitCounts *counts)
{
        for (size_t i = 0; i < counts->n; i++) {
                free(counts->pairs[i].organisation);
                free(counts->pairs[i].rule);
                free(counts->pairs[i].walls);
        }
        free(counts->pairs);
        free(counts->slots);
        *counts = PERMIT_COUNTS_INIT;
}

/* ------------------------------------------------------------------------------------------------ the pairs */

/* FNV-1a over both names, each with its NUL. */
static uint64_t pair_hash(PermitOf of)
{
        const char *const names[] = {of.organisation, of.rule};
        uint64_t hash = UINT64_C(14695981039346656037);

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                for (const char *c = names[i];; c++) {
                        hash = (hash ^ (uint8_t)*c) * UINT64_C(1099511628211);
                        if (!*c)
                                break;
                }
        return hash;
}

static bool pair_is(const PermitPair *pair, PermitOf of)
{
        return strcmp(pair->rule, of.rule) == 0 && strcmp(pair->organisation, of.organisation) == 0;
}

/* The slot of a pair, or the empty one where it belongs; there is always an empty one. */
static size_t *find_slot(const PermitCounts *counts, uint64_t hash, PermitOf of)
{
        size_t at = hash % counts->n_slots;

        for (; counts->slots[at]; at = (at + 1) % counts->n_slots)
                if (pair_is(&counts->pairs[counts->slots[at] - 1], of))
                        break;
        return &counts->slots[at];
}

/* Half of the slots stay empty. */
static int grow_slots(PermitCounts *counts)
{
        size_t n = counts->n_slots ? counts->n_slots * 2 : SLOTS_FIRST;
        size_t *slots = calloc(n, sizeof(*slots));

        if (!slots)
                return -ENOMEM;
        for (size_t i = 0; i < counts->n; i++) {
                size_t at = counts->pairs[i].hash % n;
                while (slots[at])
                        at = (at + 1) % n;
                slots[at] = i + 1;
        }
        free(counts->slots);
        counts->slots = slots;
        counts->n_slots = n;
        return 0;
}

static int grow_pairs(PermitCounts *counts)
{
        size_t capacity = counts->capacity ? counts->capacity * 2 : WALLS_FIRST;
        PermitPair *pairs = reallocarray(counts->pairs, capacity, sizeof(*pairs));

        if (!pairs)
                return -ENOMEM;
        counts->pairs = pairs;
        counts->capacity = capacity;
        return 0;
}

static int new_pair(PermitCounts *counts, uint64_t hash, PermitOf of)
{
        _cleanup_(freep) char *organisation = strdup(of.organisation);
        _cleanup_(freep) char *rule = strdup(of.rule);
        int r = organisation && rule ? 0 : -ENOMEM;

        if (r == 0 && counts->n == counts->capacity)
                r = grow_pairs(counts);
        if (r < 0)
                return r;
        counts->pairs[counts->n] =
                (PermitPair){.organisation = TAKE_PTR(organisation), .rule = TAKE_PTR(rule), .hash = hash};
        counts->n++;
        return 0;
}

static const PermitPair *find_pair(const PermitCounts *counts, PermitOf of)
{
        size_t slot = counts->n_slots > 0 ? *find_slot(counts, pair_hash(of), of) : 0;

        return slot ? &counts->pairs[slot - 1] : NULL;
}

static int need_pair(PermitCounts *counts, PermitOf of, PermitPair **ret_pair)
{
        uint64_t hash = pair_hash(of);
        int r = 0;

        if ((counts->n + 1) * 2 > counts->n_slots)
                r = grow_slots(counts);
        if (r < 0)
                return r;
        size_t *slot = find_slot(counts, hash, of);
        if (!*slot) {
                r = new_pair(counts, hash, of);
                if (r < 0)
                        return r;
                *slot = counts->n;
        }
        *ret_pair = &counts->pairs[*slot - 1];
        return 0;
}

/* ------------------------------------------------------------------------------------------------ the walls */

/* How many walls are at most @wall_usec: where a later one belongs. */
static size_t pair_upper(const PermitPair *pair, uint64_t wall_usec)
{
        size_t low = 0, high = pair->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (pair->walls[middle] <= wall_usec)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

/* Room for one more. Twice as many as are kept are let in before the oldest are dropped, so that this moves
 * each only once. */
static int pair_make_room(const PermitCounts *counts, PermitPair *pair)
{
        if (pair->n < pair->capacity)
                return 0;
        if (pair->n >= 2 * counts->kept) {
                memmove(pair->walls, pair->walls + (pair->n - counts->kept),
                        counts->kept * sizeof(*pair->walls));
                pair->n = counts->kept;
                return 0;
        }
        size_t capacity = pair->capacity ? pair->capacity * 2 : WALLS_FIRST;
        capacity = MIN_OF(capacity, 2 * counts->kept);
        uint64_t *walls = reallocarray(pair->walls, capacity, sizeof(*walls));
        if (!walls)
                return -ENOMEM;
        pair->walls = walls;
        pair->capacity = capacity;
        return 0;
}

int permit_counts_add(PermitCounts *counts, PermitOf of, uint64_t wall_usec)
{
        PermitPair *pair = NULL;

        int r = need_pair(counts, of, &pair);
        if (r == 0)
                r = pair_make_room(counts, pair);
        if (r < 0)
                return r;
        size_t at =
                pair->n > 0 && pair->walls[pair->n - 1] > wall_usec ? pair_upper(pair, wall_usec) : pair->n;
        memmove(pair->walls + at + 1, pair->walls + at, (pair->n - at) * sizeof(*pair->walls));
        pair->walls[at] = wall_usec;
        pair->n++;
        return 0;
}

uint64_t permit_counts_above(const PermitCounts *counts, PermitOf of, uint64_t after_usec)
{
        const PermitPair *pair = find_pair(counts, of);

        return pair ? pair->n - pair_upper(pair, after_usec) : 0;
}
