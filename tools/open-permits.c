/* Open permits: a sorted array, searched by halves. Pure. */

#include "tools/open-permits.h"

#include <errno.h>
#include <stdlib.h>

struct OpenPermit {
        uint64_t index;
        bool closed;
};

enum { OPEN_PERMITS_FIRST = 64 };

void open_permits_deinit(OpenPermits *permits)
{
        free(permits->items);
        *permits = OPEN_PERMITS_INIT;
}

/* Where the first one with at least that index stands, closed or not. */
static size_t permits_lower(const OpenPermits *permits, uint64_t index)
{
        size_t low = 0, high = permits->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (permits->items[middle].index < index)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static struct OpenPermit *permits_find(const OpenPermits *permits, uint64_t index)
{
        size_t at = permits_lower(permits, index);

        if (at == permits->n || permits->items[at].index != index || permits->items[at].closed)
                return NULL;
        return &permits->items[at];
}

int open_permits_add(OpenPermits *permits, uint64_t index)
{
        if (permits->n == permits->capacity) {
                size_t capacity = permits->capacity ? permits->capacity * 2 : OPEN_PERMITS_FIRST;
                struct OpenPermit *items = reallocarray(permits->items, capacity, sizeof(*items));
                if (!items)
                        return -ENOMEM;
                permits->items = items;
                permits->capacity = capacity;
        }
        permits->items[permits->n++] = (struct OpenPermit){.index = index};
        return 0;
}

bool open_permits_has(const OpenPermits *permits, uint64_t index)
{
        return permits_find(permits, index) != NULL;
}

/* Sweeps once half of the places are closed, so that each permit is moved only a few times. */
void open_permits_close(OpenPermits *permits, uint64_t index)
{
        struct OpenPermit *permit = permits_find(permits, index);
        size_t n = 0;

        if (!permit)
                return;
        permit->closed = true;
        if (++permits->n_closed * 2 < permits->n)
                return;
        for (size_t i = 0; i < permits->n; i++)
                if (!permits->items[i].closed)
                        permits->items[n++] = permits->items[i];
        permits->n = n;
        permits->n_closed = 0;
}

size_t open_permits_count(const OpenPermits *permits)
{
        return permits->n - permits->n_closed;
}

bool open_permits_next(const OpenPermits *permits, uint64_t from, uint64_t *ret_index)
{
        for (size_t i = permits_lower(permits, from); i < permits->n; i++)
                if (!permits->items[i].closed) {
                        *ret_index = permits->items[i].index;
                        return true;
                }
        return false;
}
