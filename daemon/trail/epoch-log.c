/*
 * Epochs in the database. Owns nothing. Runs in trail_open() only.
 */

#include "trail/epoch-log.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "wire/leaf.h"

/* Of the epochs that have ended, the last ones are checked at start: two days of them. */
enum { EPOCH_LOG_CHECKED = 192 };

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

/* The key of an epoch that begins with this leaf. */
static int epoch_log_named(Store *store, const StoreHead *head, uint64_t first,
                           uint8_t ret_key[static NOTE_PUBLIC_KEY_SIZE])
{
        const StoreQuery query = {STORE_LEAVES, .first = first - 1, .last = first - 1};
        uint8_t key[NOTE_PUBLIC_KEY_SIZE];
        NoteVerifier epoch0;

        if (first == 0) {
                if (note_verifier_parse(head->epoch0, &epoch0) != 0)
                        return -EBADMSG;
                memcpy(ret_key, epoch0.public_key, NOTE_PUBLIC_KEY_SIZE);
                return 0;
        }
        int r = store_read(store, &query, epoch_log_on_leaf, key);
        if (r == 0)
                memcpy(ret_key, key, NOTE_PUBLIC_KEY_SIZE);
        return r == STORE_E_NONE ? -EBADMSG : error_fold(r);
}

int epoch_log_key(Store *store, const StoreHead *head, uint8_t ret_key[static NOTE_PUBLIC_KEY_SIZE])
{
        return epoch_log_named(store, head, head->state.epoch_first, ret_key);
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

/* ---------------------------------------------------------------------------------------------- the signatures */

static int epoch_log_on_kept(const StoreRow *row, void *userdata)
{
        Buffer *note = userdata;

        buffer_append(note, row->bytes, row->n);
        return note->failed ? -ENOMEM : 0;
}

/* The checkpoint that ended an epoch, and where the next one begins. */
static int epoch_log_kept(Store *store, uint64_t epoch, Buffer *note, uint64_t *ret_size)
{
        const StoreQuery query = {STORE_EPOCHS_BACK, .first = epoch, .last = epoch};
        char origin[NOTE_NAME_MAX + 1];
        TreeHead head = {};

        int r = store_read(store, &query, epoch_log_on_kept, note);
        if (r != 0)
                return r == STORE_E_NONE ? -EBADMSG : error_fold(r);
        if (note_peek(buffer_text(note), note->n, origin, &head) != 0)
                return -EBADMSG;
        *ret_size = head.size;
        return 0;
}

/* An epoch that is checked: its number, its first leaf, and a checkpoint of it. */
typedef struct EpochSigned {
        uint64_t epoch, first;
        const Buffer *note;
} EpochSigned;

static int epoch_log_check_signed(Store *store, const EpochLog *log, const EpochSigned *signed_in)
{
        uint8_t key[NOTE_PUBLIC_KEY_SIZE];
        NoteVerifier verifier;
        TreeHead head;

        int r = epoch_log_named(store, log->head, signed_in->first, key);
        if (r < 0)
                return r;
        bool good = note_epoch_verifier(log->verifier->name, signed_in->epoch, key, &verifier) == 0 &&
                    note_open_of(&verifier, log->verifier->name, signed_in->note, &head) == 0 &&
                    note_open_of(log->verifier, log->verifier->name, signed_in->note, &head) == 0;
        return good ? 0 : -EBADMSG;
}

static int epoch_log_on_first(const StoreRow *row, void *userdata)
{
        _cleanup_(leaf_deinit) Leaf leaf = LEAF_INIT;
        const TrailState *state = userdata;
        uint64_t time = 0;

        int r = leaf_parse(row->bytes, row->n, LEAF_MAX, &leaf);
        if (r < 0)
                return r;
        return !leaf_number(&leaf, "time", &time) || time == state->epoch_usec ? 0 : -EBADMSG;
}

/* The epoch at hand: the head's checkpoint, unless that still is the one that ended the epoch before. */
static int epoch_log_check_newest(Store *store, const EpochLog *log, uint64_t first, const Buffer *before)
{
        _cleanup_(buffer_deinit) Buffer note = BUFFER_INIT;
        const TrailState *state = &log->head->state;
        const EpochSigned newest = {state->epoch, first, &note};
        const StoreQuery query = {STORE_LEAVES, .first = first, .last = first};

        if (first != state->epoch_first)
                return -EBADMSG;
        if (first > 0 && first == log->head->size)
                return strcmp(buffer_text(before), log->head->note) == 0 ? 0 : -EBADMSG;
        buffer_append_text(&note, log->head->note);
        if (note.failed)
                return -ENOMEM;
        int r = epoch_log_check_signed(store, log, &newest);
        if (r == 0)
                r = store_read(store, &query, epoch_log_on_first, (void *)state);
        return r == STORE_E_NONE && log->head->size == 0 ? 0 : error_fold(r);
}

int epoch_log_verify(Store *store, const EpochLog *log)
{
        _cleanup_(buffer_deinit) Buffer note = BUFFER_INIT;
        uint64_t n = log->head->state.epoch, epoch = n > EPOCH_LOG_CHECKED ? n - EPOCH_LOG_CHECKED : 0;
        uint64_t first = 0, next = 0;

        int r = epoch > 0 ? epoch_log_kept(store, epoch - 1, &note, &first) : 0;
        for (; r == 0 && epoch < n; epoch++, first = next) {
                buffer_clear(&note);
                r = epoch_log_kept(store, epoch, &note, &next);
                if (r == 0)
                        r = epoch_log_check_signed(store, log, &(EpochSigned){epoch, first, &note});
        }
        return r == 0 ? epoch_log_check_newest(store, log, first, &note) : r;
}

/* ------------------------------------------------------------------------------------------------ for the export */

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
