/* Seeds, read with eyes of their own. */

#include "seed.h"

#include <string.h>

#include "must.h"

enum {
        SEED_SLOTS = 2,
        SEED_SLOT_AT = 2048,
        SEED_SLOT_BYTES = 80,
        SEED_DIGEST_AT = 48,
};

static const char seed_magic[8] = "MGEPOCH1";

static bool seed_slot(const uint8_t *slot, uint64_t *ret_epoch)
{
        Digest digest;
        uint64_t epoch = 0;

        digest_of(slot, SEED_DIGEST_AT, &digest);
        if (memcmp(slot, seed_magic, sizeof(seed_magic)) != 0 ||
            memcmp(slot + SEED_DIGEST_AT, digest.bytes, DIGEST_SIZE) != 0)
                return false;
        for (size_t i = 0; i < sizeof(epoch); i++)
                epoch = epoch << 8 | slot[sizeof(seed_magic) + i];
        *ret_epoch = epoch;
        return true;
}

bool seed_oldest(const uint8_t *bytes, size_t n, uint64_t *ret_epoch)
{
        bool any = false;
        uint64_t epoch;

        for (size_t i = 0; i < SEED_SLOTS; i++) {
                if (i * SEED_SLOT_AT + SEED_SLOT_BYTES > n || !seed_slot(bytes + i * SEED_SLOT_AT, &epoch))
                        continue;
                if (!any || epoch < *ret_epoch)
                        *ret_epoch = epoch;
                any = true;
        }
        return any;
}

bool seed_is_due(const State *state, const Book *book)
{
        static const char *const path[] = {"state", "trail", "epoch.seed"};
        unsigned node = TAPE_ROOT;
        uint64_t epoch = 0;

        for (size_t i = 0; i < sizeof(path) / sizeof(path[0]); i++) {
                const ImageEntry *entry = image_find(state->images[node], path[i]);
                if (!entry)
                        return false;
                node = entry->node;
        }
        const Image *file = state->images[node];
        return seed_oldest(file->bytes, file->n, &epoch) && epoch < book_epoch(book, state->told);
}
