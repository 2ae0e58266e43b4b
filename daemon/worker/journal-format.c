/*
 * The bytes of a gallery's file. Thinks only: no descriptor is touched here.
 */

#include "worker/journal-format.h"

#include <errno.h>
#include <string.h>

#include "base/digest.h"
#include "base/macro.h"
#include "base/text.h"
#include "wire/cursor.h"

#define JOURNAL_MAGIC "mgallery"

enum {
        JOURNAL_VERSION = 1,
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

size_t journal_entry_size(const Journal *journal)
{
        return JOURNAL_ENTRY_HEAD_SIZE + (size_t)journal->shape.dimension * 4;
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
        return ret_shape->dimension > 0;
}

bool journal_slot_read(const uint8_t slot[static JOURNAL_SLOT_SIZE], Journal *journal)
{
        Cursor cursor = cursor_init(slot + DIGEST_SIZE, JOURNAL_SLOT_SIZE - DIGEST_SIZE);
        Digest digest;

        digest_of(slot + DIGEST_SIZE, JOURNAL_SLOT_SIZE - DIGEST_SIZE, &digest);
        if (memcmp(digest.bytes, slot, DIGEST_SIZE) != 0)
                return false;
        const uint8_t *magic = cursor_bytes(&cursor, JOURNAL_MAGIC_SIZE);
        if (!magic || memcmp(magic, JOURNAL_MAGIC, JOURNAL_MAGIC_SIZE) != 0 ||
            cursor_u32(&cursor) != JOURNAL_VERSION)
                return false;
        cursor_copy(&cursor, journal->file_id, JOURNAL_FILE_ID_SIZE);
        if (!read_shape(&cursor, &journal->shape))
                return false;
        journal->state.epoch = cursor_u64(&cursor);
        journal->state.length = cursor_u64(&cursor);
        journal->state.n_total = cursor_u64(&cursor);
        journal->state.n_live = cursor_u64(&cursor);
        return !cursor.failed;
}

static void record_digest(const Journal *journal, uint64_t position, const uint8_t *bytes,
                          const uint8_t *ordinals, Digest *ret_digest)
{
        JournalRecord record = journal_record_parse(bytes);
        uint8_t place[8];

        store_u64(place, position);
        const struct iovec parts[] = {
                {(void *)journal->file_id, JOURNAL_FILE_ID_SIZE},
                {place, sizeof(place)},
                {(void *)(bytes + JOURNAL_DIGEST_SIZE), JOURNAL_RECORD_SIZE - JOURNAL_DIGEST_SIZE},
                {(void *)ordinals, ordinals ? (size_t)record.n * 8 : 0},
        };
        digest_of_parts(parts, ARRAY_SIZE(parts), ret_digest);
}

void journal_record_write(const Journal *journal, uint64_t position, const JournalRecord *record,
                          const uint8_t *ordinals, uint8_t ret_bytes[static JOURNAL_RECORD_SIZE])
{
        Digest digest;

        store_u32(ret_bytes + 16, record->type);
        store_u32(ret_bytes + 20, record->n);
        store_u64(ret_bytes + 24, record->first);
        record_digest(journal, position, ret_bytes, ordinals, &digest);
        memcpy(ret_bytes, digest.bytes, JOURNAL_DIGEST_SIZE);
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

bool journal_record_check(const Journal *journal, uint64_t position,
                          const uint8_t bytes[static JOURNAL_RECORD_SIZE], const uint8_t *ordinals)
{
        Digest digest;

        record_digest(journal, position, bytes, ordinals, &digest);
        return memcmp(bytes, digest.bytes, JOURNAL_DIGEST_SIZE) == 0;
}

static void entry_digest(const Journal *journal, uint64_t ordinal, const uint8_t *bytes, Digest *ret_digest)
{
        uint8_t place[8];

        store_u64(place, ordinal);
        const struct iovec parts[] = {
                {(void *)journal->file_id, JOURNAL_FILE_ID_SIZE},
                {place, sizeof(place)},
                {(void *)(bytes + JOURNAL_DIGEST_SIZE), journal_entry_size(journal) - JOURNAL_DIGEST_SIZE},
        };
        digest_of_parts(parts, ARRAY_SIZE(parts), ret_digest);
}

void journal_entry_write(const Journal *journal, const JournalEntry *entry, uint8_t *ret_bytes)
{
        Digest digest;

        memset(ret_bytes, 0, JOURNAL_ENTRY_HEAD_SIZE);
        memcpy(ret_bytes + JOURNAL_DIGEST_SIZE, entry->subject, strnlen(entry->subject, JOURNAL_SUBJECT_MAX));
        memcpy(ret_bytes + JOURNAL_ENTRY_HEAD_SIZE, entry->vector, (size_t)journal->shape.dimension * 4);
        entry_digest(journal, entry->ordinal, ret_bytes, &digest);
        memcpy(ret_bytes, digest.bytes, JOURNAL_DIGEST_SIZE);
}

bool journal_entry_read(const Journal *journal, const uint8_t *bytes, char *subject, JournalEntry *entry)
{
        Digest digest;

        entry_digest(journal, entry->ordinal, bytes, &digest);
        if (memcmp(bytes, digest.bytes, JOURNAL_DIGEST_SIZE) != 0)
                return false;
        memcpy(subject, bytes + JOURNAL_DIGEST_SIZE, JOURNAL_SUBJECT_MAX);
        subject[JOURNAL_SUBJECT_MAX] = 0;
        entry->subject = subject;
        entry->vector = bytes + JOURNAL_ENTRY_HEAD_SIZE;
        return true;
}
