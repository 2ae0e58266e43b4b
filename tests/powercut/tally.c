/* A hash table that only grows, at most half full. */

#include "tally.h"

#include <stdlib.h>
#include <string.h>

#include "must.h"

void seen_deinit(Seen *seen)
{
        free(seen->slots);
        *seen = (Seen){};
}

/* The slot of a hash, or the free one where it belongs. Free slots have an ending that no state has. */
static Known *seen_slot(const Seen *seen, const Digest *hash)
{
        size_t at;

        memcpy(&at, hash->bytes, sizeof(at));
        for (at %= seen->capacity; seen->slots[at].ending != _ENDING_MAX; at = (at + 1) % seen->capacity)
                if (digest_equal(&seen->slots[at].hash, hash))
                        break;
        return &seen->slots[at];
}

static void seen_grow(Seen *seen)
{
        Seen grown = {.n = seen->n, .capacity = seen->capacity > 0 ? 2 * seen->capacity : 4096};

        MUST(grown.slots = calloc(grown.capacity, sizeof(Known)));
        for (size_t i = 0; i < grown.capacity; i++)
                grown.slots[i].ending = _ENDING_MAX;
        for (size_t i = 0; i < seen->capacity; i++)
                if (seen->slots[i].ending != _ENDING_MAX)
                        *seen_slot(&grown, &seen->slots[i].hash) = seen->slots[i];
        free(seen->slots);
        *seen = grown;
}

const Known *seen_find(const Seen *seen, const Digest *hash)
{
        const Known *slot = seen->capacity > 0 ? seen_slot(seen, hash) : NULL;
        return slot && slot->ending != _ENDING_MAX ? slot : NULL;
}

void seen_add(Seen *seen, const Known *known)
{
        if (2 * (seen->n + 1) > seen->capacity)
                seen_grow(seen);
        *seen_slot(seen, &known->hash) = *known;
        seen->n++;
}
