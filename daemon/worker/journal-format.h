#pragma once
/*
 * The bytes of a gallery's journal, for worker/journal.c alone. All integers are little-endian.
 *
 *   offset  size
 *   0       4096  slot 0: what is committed
 *   4096    4096  slot 1: the same once more
 *   8192    ...   records, one after the other, up to the committed length; what follows never happened
 *
 * slot, zeros to its end
 *   0       32    SHA-256 over the rest of the slot
 *   32      8     "mgallery"
 *   40      4     2, the version
 *   44      16    file id: random, in every digest of the gallery's files, so that nothing can stand in for another gallery's, or for what
 *                 was before a compaction
 *   60      4     dimension
 *   64      1     1: consolidated, 0: event
 *   65      ...   name (str), model (str)
 *           8 * 4 epoch, committed length, entries in total, entries live
 *
 * record
 *   0       16    XXH3 (128 bits, low half first) over the rest of this header and, for a removal, the ordinals; seed: the first 8 bytes of the file
 *                 id, as a number, + the record's offset in the file
 *   16      4     1: add, 2: remove
 *   20      4     n, 1 or more
 *   24      8     add: ordinal of the first entry, those that follow count up; remove: 0
 *   32      ...   add: n entries; remove: n ordinals (u64)
 *
 * entry; once nothing is left of what was removed, all of it is zero
 *   0       16    XXH3 (128 bits) over the rest; seed: as above, + the entry's offset in the file
 *   16      64    subject, filled up with NUL
 *
 * The sums of records and entries are against damage. Whoever may write the files needs no flaw in a sum.
 */

#include "worker/journal.h"

enum {
        JOURNAL_SLOT_SIZE = 4096,
        JOURNAL_RECORDS_BEGIN = 2 * JOURNAL_SLOT_SIZE,
        JOURNAL_RECORD_SIZE = 32,
        JOURNAL_ENTRY_SIZE = 80,
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

/** journal_slot_write() - Writes shape and @state as a slot. Return: 0 or -ENOMEM. */
int journal_slot_write(const Journal *journal, const JournalState *state,
                       uint8_t ret_slot[static JOURNAL_SLOT_SIZE]);

/**
 * journal_slot_read() - Reads a slot into file id, shape and state.
 * Return: 0, DISK_E_DAMAGED, or DISK_E_VERSION: it is whole, and of another version.
 */
int journal_slot_read(const uint8_t slot[static JOURNAL_SLOT_SIZE], Journal *journal);

/**
 * journal_record_write() - Writes the header of the record at @position in front of its ordinals.
 * @bytes:      JOURNAL_RECORD_SIZE bytes to be written; for a removal its ordinals follow, and are there
 */
void journal_record_write(const Journal *journal, uint64_t position, const JournalRecord *record,
                          uint8_t *bytes);

/** journal_record_parse() - Reads a header without checking its digest. */
JournalRecord journal_record_parse(const uint8_t bytes[static JOURNAL_RECORD_SIZE]);

/** journal_record_check() - Whether a record is what was written at @position; for a removal its ordinals follow. */
bool journal_record_check(const Journal *journal, uint64_t position, const uint8_t *bytes);

/** journal_entry_write() - Writes the entry at @position. */
void journal_entry_write(const Journal *journal, uint64_t position, const char *subject,
                         uint8_t ret_bytes[static JOURNAL_ENTRY_SIZE]);

/**
 * journal_entry_read() - The subject of the entry at @position.
 * @ret_subject:        JOURNAL_SUBJECT_MAX + 1 bytes
 * Return: whether it is whole, and no removed one.
 */
bool journal_entry_read(const Journal *journal, uint64_t position,
                        const uint8_t bytes[static JOURNAL_ENTRY_SIZE], char *ret_subject);
