/*
 * Epochs in the database. Owns nothing. Runs in trail_open() only.
 */

#include "trail/epoch-log.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "wire/leaf.h"

static int epoch_log_on_leaf(const StoreRow *row, void *userdata)
{
        _cleanup_(leaf_deinit) Leaf leaf = LEAF_INIT;

        if (leaf_parse(row->bytes, row->n, LEAF_MAX, &leaf) != 0)
                return -EBADMSG;
        const char *next = leaf_text(&leaf, "next");
        bool good = leaf_is(&leaf, "kind", "epoch") && next &&
                    text_from_hex(next, strlen(next), userdata, NOTE_PUBLIC_KEY_SIZE);
        return good ? 0 : -EBADMSG;
}

int epoch_log_key(Store *store, const StoreHead *head, uint8_t ret_key[static NOTE_PUBLIC_KEY_SIZE])
{
        const uint64_t ended_by = head->state.epoch_first - 1;
        const StoreQuery query = {STORE_LEAVES, .first = ended_by, .last = ended_by};
        uint8_t key[NOTE_PUBLIC_KEY_SIZE];
        NoteVerifier first;

        if (head->state.epoch == 0) {
                if (note_verifier_parse(head->epoch0, &first) != 0)
                        return -EBADMSG;
                memcpy(ret_key, first.public_key, NOTE_PUBLIC_KEY_SIZE);
                return 0;
        }
        int r = store_read(store, &query, epoch_log_on_leaf, key);
        if (r == 0)
                memcpy(ret_key, key, NOTE_PUBLIC_KEY_SIZE);
        return r == STORE_E_NONE ? -EBADMSG : error_fold(r);
}

/* Goes back over the epochs that ended behind a size. */
typedef struct EpochCount {
        uint64_t size;
        uint64_t n;
} EpochCount;

static int epoch_log_on_earlier(const StoreRow *row, void *userdata)
{
        EpochCount *count = userdata;
        char origin[NOTE_NAME_MAX + 1];
        TreeHead head = {};

        if (note_peek((const char *)row->bytes, row->n, origin, &head) != 0)
                return -EBADMSG;
        if (head.size <= count->size)
                return 1;
        count->n = row->number;
        return 0;
}

int epoch_log_count(Store *store, const StoreHead *head, uint64_t size, uint64_t *ret_n)
{
        const StoreQuery query = {STORE_EPOCHS_BACK, .first = 0, .last = head->state.epoch};
        EpochCount count = {.size = size, .n = head->state.epoch};

        int r = store_read(store, &query, epoch_log_on_earlier, &count);
        if (r < 0)
                return r;
        *ret_n = count.n;
        return 0;
}

static int epoch_log_on_note(const StoreRow *row, void *userdata)
{
        _cleanup_(buffer_deinit) Buffer note = BUFFER_INIT;

        buffer_append(&note, row->bytes, row->n);
        return note.failed ? -ENOMEM : publisher_end_epoch(userdata, buffer_text(&note));
}

int epoch_log_publish(Store *store, const StoreHead *head, uint64_t first, Publisher *publisher)
{
        for (uint64_t epoch = first; epoch < head->state.epoch; epoch++) {
                const StoreQuery query = {STORE_EPOCHS_BACK, .first = epoch, .last = epoch};
                int r = store_read(store, &query, epoch_log_on_note, publisher);
                if (r != 0)
                        return r == STORE_E_NONE ? -EBADMSG : error_fold(r);
        }
        return 0;
}
