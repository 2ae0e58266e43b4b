/*
 * Counts of permits. One sorted array of (wall, index) a pair; permits nearly always come in the order of the
 * wall clock, so adding is appending, and counting is a binary search. Run by the guard's loop.
 */

#include "guard/rates.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

enum { RATES_ROOM_FIRST = 16 };

typedef struct RatesEntry {
        uint64_t wall_usec;
        uint64_t index;
} RatesEntry;

typedef struct RatesPair {
        char *allow;
        char *organisation;
        RatesEntry *entries; /* ascending by wall */
        size_t n;
        size_t capacity;
} RatesPair;

static void rates_pair_deinit(RatesPair *pair)
{
        free(pair->allow);
        free(pair->organisation);
        free(pair->entries);
}

void rates_deinit(Rates *rates)
{
        for (size_t i = 0; i < rates->n; i++)
                rates_pair_deinit(&rates->pairs[i]);
        free(rates->pairs);
        *rates = RATES_INIT;
}

static RatesPair *rates_find(const Rates *rates, const char *allow, const char *organisation)
{
        for (size_t i = 0; i < rates->n; i++)
                if (strcmp(rates->pairs[i].allow, allow) == 0 &&
                    strcmp(rates->pairs[i].organisation, organisation) == 0)
                        return &rates->pairs[i];
        return NULL;
}

static RatesPair *rates_new_pair(Rates *rates, const char *allow, const char *organisation)
{
        RatesPair *pairs = reallocarray(rates->pairs, rates->n + 1, sizeof(*pairs));
        if (!pairs)
                return NULL;
        rates->pairs = pairs;

        _cleanup_(freep) char *allow_copy = strdup(allow);
        _cleanup_(freep) char *organisation_copy = strdup(organisation);
        if (!allow_copy || !organisation_copy)
                return NULL;
        pairs[rates->n] =
                (RatesPair){.allow = TAKE_PTR(allow_copy), .organisation = TAKE_PTR(organisation_copy)};
        return &pairs[rates->n++];
}

/* How many entries have a wall time of at most @wall_usec: where a later one belongs. */
static size_t rates_upper(const RatesPair *pair, uint64_t wall_usec)
{
        size_t low = 0;
        size_t high = pair->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (pair->entries[middle].wall_usec <= wall_usec)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

/* Forgets all that lies below as many durable permits as are to be kept. */
static void rates_drop_old(Rates *rates, RatesPair *pair)
{
        size_t n_durable = 0, first = pair->n;

        while (first > 0 && n_durable < rates->kept)
                n_durable += pair->entries[--first].index < rates->n_durable;
        memmove(pair->entries, pair->entries + first, (pair->n - first) * sizeof(*pair->entries));
        pair->n -= first;
        rates->n_permits -= first;
}

static int rates_grow(RatesPair *pair)
{
        size_t capacity = pair->capacity + pair->capacity / 4 + RATES_ROOM_FIRST;
        RatesEntry *entries = reallocarray(pair->entries, capacity, sizeof(*entries));
        if (!entries)
                return -ENOMEM;
        pair->entries = entries;
        pair->capacity = capacity;
        return 0;
}

/* Room for one more entry, in a pair whose entries are sorted. Where dropping makes little of it there is
 * more, so that it is not dropped again with each permit. */
static int rates_make_room(Rates *rates, RatesPair *pair)
{
        if (pair->n < pair->capacity)
                return 0;
        if (pair->n > rates->kept)
                rates_drop_old(rates, pair);
        return pair->n <= pair->capacity / 8 * 7 && pair->n < pair->capacity ? 0 : rates_grow(pair);
}

static RatesPair *rates_get(Rates *rates, const RatesPermit *permit)
{
        RatesPair *pair = rates_find(rates, permit->allow, permit->organisation);

        return pair ? pair : rates_new_pair(rates, permit->allow, permit->organisation);
}

static int rates_compare(const void *a, const void *b)
{
        uint64_t x = ((const RatesEntry *)a)->wall_usec;
        uint64_t y = ((const RatesEntry *)b)->wall_usec;

        return x < y ? -1 : x > y;
}

static void rates_sort(RatesPair *pair)
{
        qsort(pair->entries, pair->n, sizeof(RatesEntry), rates_compare);
}

int rates_load(Rates *rates, const RatesPermit *permit)
{
        RatesPair *pair = rates_get(rates, permit);

        if (!pair)
                return -ENOMEM;
        if (pair->n == pair->capacity && pair->n > rates->kept)
                rates_sort(pair);
        int r = rates_make_room(rates, pair);
        if (r < 0)
                return r;
        pair->entries[pair->n++] = (RatesEntry){.wall_usec = permit->wall_usec, .index = permit->index};
        rates->n_permits++;
        return 0;
}

void rates_loaded(Rates *rates, uint64_t since_usec)
{
        for (size_t i = 0; i < rates->n; i++)
                rates_sort(&rates->pairs[i]);
        rates->since_usec = since_usec;
}

int rates_add(Rates *rates, const RatesPermit *permit)
{
        RatesPair *pair = rates_get(rates, permit);
        if (!pair)
                return -ENOMEM;
        int r = rates_make_room(rates, pair);
        if (r < 0)
                return r;

        size_t at = rates_upper(pair, permit->wall_usec);
        memmove(pair->entries + at + 1, pair->entries + at, (pair->n - at) * sizeof(*pair->entries));
        pair->entries[at] = (RatesEntry){.wall_usec = permit->wall_usec, .index = permit->index};
        pair->n++;
        rates->n_permits++;
        return 0;
}

uint64_t rates_used(const Rates *rates, const char *allow, const char *organisation, uint64_t after_usec)
{
        const RatesPair *pair = rates_find(rates, allow, organisation);

        return pair ? pair->n - rates_upper(pair, after_usec) : 0;
}

bool rates_reach(const Rates *rates, uint64_t after_usec)
{
        return after_usec >= rates->since_usec;
}

void rates_durable(Rates *rates, uint64_t size)
{
        rates->n_durable = size;
}

void rates_rollback(Rates *rates, uint64_t size)
{
        for (size_t i = 0; i < rates->n; i++) {
                RatesPair *pair = &rates->pairs[i];
                size_t n_kept = 0;
                for (size_t k = 0; k < pair->n; k++)
                        if (pair->entries[k].index < size)
                                pair->entries[n_kept++] = pair->entries[k];
                rates->n_permits -= pair->n - n_kept;
                pair->n = n_kept;
        }
}

/* Forgets what has an index below @end and a wall time of at most @wall_usec. */
static void rates_forget_of(Rates *rates, RatesPair *pair, uint64_t end, uint64_t wall_usec)
{
        size_t n_old = rates_upper(pair, wall_usec), n_kept = 0;

        for (size_t k = 0; k < n_old; k++)
                if (pair->entries[k].index >= end)
                        pair->entries[n_kept++] = pair->entries[k];
                else
                        rates->since_usec = MAX_OF(rates->since_usec, pair->entries[k].wall_usec);
        memmove(pair->entries + n_kept, pair->entries + n_old, (pair->n - n_old) * sizeof(*pair->entries));
        pair->n -= n_old - n_kept;
        rates->n_permits -= n_old - n_kept;
}

/* Gives back the room of what was forgotten. */
static void rates_shrink(RatesPair *pair)
{
        size_t capacity = pair->n + RATES_ROOM_FIRST;

        if (capacity >= pair->capacity / 2)
                return;
        RatesEntry *entries = reallocarray(pair->entries, capacity, sizeof(*entries));
        if (!entries)
                return; /* It is as good as it was. */
        pair->entries = entries;
        pair->capacity = capacity;
}

void rates_forget(Rates *rates, uint64_t wall_usec)
{
        uint64_t end = rates->n_durable > rates->spared ? rates->n_durable - rates->spared : 0;

        if (rates->n_permits < MAX_OF(rates->forget_at, 2 * rates->spared))
                return;
        for (size_t i = rates->n; i-- > 0;) {
                RatesPair *pair = &rates->pairs[i];
                rates_forget_of(rates, pair, end, wall_usec);
                if (pair->n > 0) {
                        rates_shrink(pair);
                        continue;
                }
                rates_pair_deinit(pair);
                *pair = rates->pairs[--rates->n];
        }
        /* So that looking through them costs no more than making them did. */
        rates->forget_at = 2 * rates->n_permits;
}
