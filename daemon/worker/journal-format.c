/*
 * The bytes of a gallery's journal. Thinks only: no descriptor is touched here.
 */

#include "worker/journal-format.h"

#include <errno.h>
#include <string.h>
#include <xxhash.h>

#include "base/digest.h"
#include "base/macro.h"
#include "base/text.h"
#include "wire/cursor.h"
#include "wire/job.h"

#define JOURNAL_MAGIC "mgallery"

enum {
        JOURNAL_VERSION = 2,
        JOURNAL_DIGEST_SIZE = 16,
        JOURNAL_MAGIC_SIZE = 8,
};

static void store_u64(uint8_t *p, uint64_t value)
{
        for (size_t i = 0; i < 8; i++)
                p[i] = (uint8_t)(value >> (8 * i));
}

static void store_u32(uint8_t *p, uint32_t value)
{
        for (size_t i = 0; i < 4; i++)
                p[i] = (uint8_t)(value >> (8 * i));
}

int journal_slot_write(const Journal *journal, const JournalState *state,
                       uint8_t ret_slot[static JOURNAL_SLOT_SIZE])
{
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;
        Digest digest;

        buffer_append(&body, JOURNAL_MAGIC, JOURNAL_MAGIC_SIZE);
        put_u32(&body, JOURNAL_VERSION);
        buffer_append(&body, journal->file_id, JOURNAL_FILE_ID_SIZE);
        put_u32(&body, journal->shape.dimension);
        put_bool(&body, journal->shape.consolidated);
        put_str(&body, journal->shape.name);
        put_str(&body, journal->shape.model);
        put_u64(&body, state->epoch);
        put_u64(&body, state->length);
        put_u64(&body, state->n_total);
        put_u64(&body, state->n_live);
        if (body.failed)
                return -ENOMEM;
        memset(ret_slot, 0, JOURNAL_SLOT_SIZE);
        memcpy(ret_slot + DIGEST_SIZE, body.data, body.n);
        digest_of(ret_slot + DIGEST_SIZE, JOURNAL_SLOT_SIZE - DIGEST_SIZE, &digest);
        memcpy(ret_slot, digest.bytes, DIGEST_SIZE);
        return 0;
}

static bool read_shape(Cursor *cursor, JournalShape *ret_shape)
{
        ret_shape->dimension = cursor_u32(cursor);
        ret_shape->consolidated = cursor_bool(cursor);
        const char *name = cursor_str(cursor);
        const char *model = cursor_str(cursor);
        if (cursor->failed || !text_is_name(name, strlen(name)) || !text_is_model(model, strlen(model)))
                return false;
        strcpy(ret_shape->name, name); /* Both grammars end at JOURNAL_NAME_MAX bytes. */
        strcpy(ret_shape->model, model);
        return ret_shape->dimension > 0 && ret_shape->dimension <= JOB_DIMENSION_MAX;
}

int journal_slot_read(const uint8_t slot[static JOURNAL_SLOT_SIZE], Journal *journal)
{
        Cursor cursor = cursor_init(slot + DIGEST_SIZE, JOURNAL_SLOT_SIZE - DIGEST_SIZE);
        Digest digest;

        digest_of(slot + DIGEST_SIZE, JOURNAL_SLOT_SIZE - DIGEST_SIZE, &digest);
        if (memcmp(digest.bytes, slot, DIGEST_SIZE) != 0)
                return DISK_E_DAMAGED;
        const uint8_t *magic = cursor_bytes(&cursor, JOURNAL_MAGIC_SIZE);
        if (!magic || memcmp(magic, JOURNAL_MAGIC, JOURNAL_MAGIC_SIZE) != 0)
                return DISK_E_DAMAGED;
        if (cursor_u32(&cursor) != JOURNAL_VERSION)
                return DISK_E_VERSION;
        cursor_copy(&cursor, journal->file_id, JOURNAL_FILE_ID_SIZE);
        if (!read_shape(&cursor, &journal->shape))
                return DISK_E_DAMAGED;
        journal->state.epoch = cursor_u64(&cursor);
        journal->state.length = cursor_u64(&cursor);
        journal->state.n_total = cursor_u64(&cursor);
        journal->state.n_live = cursor_u64(&cursor);
        return cursor.failed ? DISK_E_DAMAGED : 0;
}

/* The digest at @bytes, of all that follows up to @n. */
static void digest_at(const Journal *journal, uint64_t position, const uint8_t *bytes, size_t n,
                      uint8_t ret_digest[static JOURNAL_DIGEST_SIZE])
{
        XXH128_hash_t hash = XXH3_128bits_withSeed(bytes + JOURNAL_DIGEST_SIZE, n - JOURNAL_DIGEST_SIZE,
                                                   journal_key(journal, 0) + position);

        store_u64(ret_digest, hash.low64);
        store_u64(ret_digest + 8, hash.high64);
}

static size_t record_size(const JournalRecord *record)
{
        return JOURNAL_RECORD_SIZE + (record->type == JOURNAL_REMOVE ? (size_t)record->n * 8 : 0);
}

void journal_record_write(const Journal *journal, uint64_t position, const JournalRecord *record,
                          uint8_t *bytes)
{
        store_u32(bytes + 16, record->type);
        store_u32(bytes + 20, record->n);
        store_u64(bytes + 24, record->first);
        digest_at(journal, position, bytes, record_size(record), bytes);
}

JournalRecord journal_record_parse(const uint8_t bytes[static JOURNAL_RECORD_SIZE])
{
        Cursor cursor = cursor_init(bytes + JOURNAL_DIGEST_SIZE, JOURNAL_RECORD_SIZE - JOURNAL_DIGEST_SIZE);
        JournalRecord record;

        record.type = cursor_u32(&cursor);
        record.n = cursor_u32(&cursor);
        record.first = cursor_u64(&cursor);
        return record;
}

bool journal_record_check(const Journal *journal, uint64_t position, const uint8_t *bytes)
{
        JournalRecord record = journal_record_parse(bytes);
        uint8_t digest[JOURNAL_DIGEST_SIZE];

        digest_at(journal, position, bytes, record_size(&record), digest);
        return memcmp(bytes, digest, JOURNAL_DIGEST_SIZE) == 0;
}

void journal_entry_write(const Journal *journal, uint64_t position, const char *subject,
                         uint8_t ret_bytes[static JOURNAL_ENTRY_SIZE])
{
        memset(ret_bytes, 0, JOURNAL_ENTRY_SIZE);
        memcpy(ret_bytes + JOURNAL_DIGEST_SIZE, subject, strnlen(subject, JOURNAL_SUBJECT_MAX));
        digest_at(journal, position, ret_bytes, JOURNAL_ENTRY_SIZE, ret_bytes);
}

bool journal_entry_read(const Journal *journal, uint64_t position,
                        const uint8_t bytes[static JOURNAL_ENTRY_SIZE], char *ret_subject)
{
        uint8_t digest[JOURNAL_DIGEST_SIZE];

        digest_at(journal, position, bytes, JOURNAL_ENTRY_SIZE, digest);
        if (memcmp(bytes, digest, JOURNAL_DIGEST_SIZE) != 0)
                return false;
        memcpy(ret_subject, bytes + JOURNAL_DIGEST_SIZE, JOURNAL_SUBJECT_MAX);
        ret_subject[JOURNAL_SUBJECT_MAX] = 0;
        return text_is_subject(ret_subject, strlen(ret_subject));
}
