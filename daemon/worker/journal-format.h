#pragma once
/*
 * The bytes of a gallery's file, for worker/journal.c alone. All integers are little-endian.
 *
 *   offset  size
 *   0       4096  slot 0: what is committed
 *   4096    4096  slot 1: the same once more
 *   8192    ...   records, one after the other, up to the committed length; what follows never happened
 *
 * slot, zeros to its end
 *   0       32    SHA-256 over the rest of the slot
 *   32      8     "mgallery"
 *   40      4     1, the version
 *   44      16    file id: random, in every digest of this file, so that nothing can stand in for another file's
 *   60      4     dimension
 *   64      1     1: consolidated, 0: event
 *   65      ...   name (str), model (str)
 *           8 * 4 epoch, committed length, entries in total, entries live
 *
 * record
 *   0       16    first half of SHA-256 over file id, position of the record (u64), the rest of this header, and
 *                 for a removal the ordinals
 *   16      4     1: add, 2: remove
 *   20      4     n, 1 or more
 *   24      8     add: ordinal of the first entry, those that follow count up; remove: 0
 *   32      ...   add: n entries; remove: n ordinals (u64)
 *
 * entry; once it was removed all of it is zero
 *   0       16    first half of SHA-256 over file id, ordinal (u64), subject, vector
 *   16      64    subject, filled up with NUL
 *   80      4 * d vector, float32
 */

#include "worker/journal.h"

enum {
        JOURNAL_SLOT_SIZE = 4096,
        JOURNAL_RECORDS_BEGIN = 2 * JOURNAL_SLOT_SIZE,
        JOURNAL_RECORD_SIZE = 32,
        JOURNAL_ENTRY_HEAD_SIZE = 80,
};

typedef enum JournalRecordType {
        JOURNAL_ADD = 1,
        JOURNAL_REMOVE = 2,
} JournalRecordType;

typedef struct JournalRecord {
        uint32_t type; /* JournalRecordType; what is read may be anything */
        uint32_t n;
        uint64_t first;
} JournalRecord;

/** journal_entry_size() - Bytes that an entry takes. */
size_t journal_entry_size(const Journal *journal);

/** journal_slot_write() - Writes shape and @state as a slot. Return: 0 or -ENOMEM. */
int journal_slot_write(const Journal *journal, const JournalState *state,
                       uint8_t ret_slot[static JOURNAL_SLOT_SIZE]);

/** journal_slot_read() - Reads a slot into file id, shape and state. Return: whether it is whole. */
bool journal_slot_read(const uint8_t slot[static JOURNAL_SLOT_SIZE], Journal *journal);

/**
 * journal_record_write() - Writes the header of the record at @position; @ordinals for a removal, else NULL.
 */
void journal_record_write(const Journal *journal, uint64_t position, const JournalRecord *record,
                          const uint8_t *ordinals, uint8_t ret_bytes[static JOURNAL_RECORD_SIZE]);

/** journal_record_parse() - Reads a header without checking its digest. */
JournalRecord journal_record_parse(const uint8_t bytes[static JOURNAL_RECORD_SIZE]);

/** journal_record_check() - Whether header, position and ordinals belong together; @ordinals as above. */
bool journal_record_check(const Journal *journal, uint64_t position,
                          const uint8_t bytes[static JOURNAL_RECORD_SIZE], const uint8_t *ordinals);

/** journal_entry_write() - Writes an entry with the ordinal that it has. @ret_bytes: journal_entry_size(). */
void journal_entry_write(const Journal *journal, const JournalEntry *entry, uint8_t *ret_bytes);

/**
 * journal_entry_read() - Reads an entry in place; its ordinal is given.
 * @subject:    room for JOURNAL_SUBJECT_MAX + 1 bytes that the entry's subject will point to
 * Return: whether it is whole, and no removed one.
 */
bool journal_entry_read(const Journal *journal, const uint8_t *bytes, char *subject, JournalEntry *entry);
