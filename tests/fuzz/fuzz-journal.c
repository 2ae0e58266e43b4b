/*
 * journal_open() and what follows it, on any records. Sums are made right where the first byte says so, else nothing would be read; the slots say what that
 * byte has them say. What opens must open again as the same, hold as many entries as it says, and have nothing left to overwrite once that was done.
 *
 *   0  flags: 1 the sums of records and entries are made right, 2 the slots count what the records come to, 4 slot 0 is torn, 8 slot 1 is torn
 *   1  entries in total, entries live, where the slots do not count
 *   3  records
 */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/macro.h"
#include "worker/journal-format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum {
        FLAG_SUMS = 1,
        FLAG_COUNTS = 2,
        FLAG_TORN_0 = 4,
        FLAG_TORN_1 = 8,
        HEAD_SIZE = 3,
        RECORDS_MAX = 1 << 16
};

static void make_entries_right(const Journal *journal, uint8_t *bytes, uint64_t position, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++) {
                uint8_t *entry = bytes + (size_t)i * JOURNAL_ENTRY_SIZE;
                char subject[JOURNAL_SUBJECT_MAX + 1] = "";
                memcpy(subject, entry + 16, JOURNAL_SUBJECT_MAX);
                if (subject[0])
                        journal_entry_write(journal, position + i * JOURNAL_ENTRY_SIZE, subject, entry);
        }
}

/* Makes sums right, and counts, as far as the records go on. */
static void make_right(const Journal *journal, uint8_t flags, uint8_t *records, size_t n, JournalState *state)
{
        for (size_t at = 0; n - at >= JOURNAL_RECORD_SIZE;) {
                JournalRecord record = journal_record_parse(records + at);
                size_t each = record.type == JOURNAL_ADD ? JOURNAL_ENTRY_SIZE : sizeof(uint64_t);
                if (record.n > (n - at - JOURNAL_RECORD_SIZE) / each)
                        return;
                if (flags & FLAG_SUMS)
                        journal_record_write(journal, JOURNAL_RECORDS_BEGIN + at, &record, records + at);
                if (flags & FLAG_SUMS && record.type == JOURNAL_ADD)
                        make_entries_right(journal, records + at + JOURNAL_RECORD_SIZE,
                                           JOURNAL_RECORDS_BEGIN + at + JOURNAL_RECORD_SIZE, record.n);
                if (flags & FLAG_COUNTS) {
                        state->n_total += record.type == JOURNAL_ADD ? record.n : 0;
                        state->n_live += record.type == JOURNAL_ADD ? record.n : -(uint64_t)record.n;
                }
                at += JOURNAL_RECORD_SIZE + each * record.n;
        }
}

static int make_file(const uint8_t *data, size_t n)
{
        Journal journal = {.shape = {.name = "g", .model = "m", .dimension = 16}};
        uint8_t slots[2][JOURNAL_SLOT_SIZE];
        JournalState state = {.epoch = 1, .length = JOURNAL_RECORDS_BEGIN + n - HEAD_SIZE};

        if (!(data[0] & FLAG_COUNTS))
                state = (JournalState){1, state.length, data[1], data[2]};
        _cleanup_(freep) uint8_t *records = malloc(n);
        int fd = memfd_create("journal", MFD_CLOEXEC);
        if (!records || fd < 0)
                abort();
        memcpy(records, data + HEAD_SIZE, n - HEAD_SIZE);
        make_right(&journal, data[0], records, n - HEAD_SIZE, &state);
        for (size_t i = 0; i < 2; i++) {
                if (journal_slot_write(&journal, &state, slots[i]) < 0)
                        abort();
                slots[i][100] ^= data[0] & (i == 0 ? FLAG_TORN_0 : FLAG_TORN_1);
        }
        if (disk_write(fd, slots, sizeof(slots), 0) < 0 ||
            disk_write(fd, records, n - HEAD_SIZE, JOURNAL_RECORDS_BEGIN) < 0)
                abort();
        return fd;
}

typedef struct Seen {
        uint64_t n_total, n_live;
} Seen;

static int see(void *userdata, uint64_t ordinal, const char *subject)
{
        Seen *seen = userdata;

        if (ordinal != seen->n_total++ || (subject && (!*subject || strlen(subject) > JOURNAL_SUBJECT_MAX)))
                abort();
        seen->n_live += subject != NULL;
        return 0;
}

static void erase_all(Journal *journal)
{
        uint64_t ordinal;

        while (journal_next_unerased(journal, 0, &ordinal))
                if (journal_erase(journal, &ordinal, 1) < 0)
                        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        _cleanup_(journal_deinit) Journal journal = JOURNAL_INIT;
        _cleanup_(journal_deinit) Journal again = JOURNAL_INIT;
        uint64_t ordinal;
        Seen seen = {};

        if (n < HEAD_SIZE || n > RECORDS_MAX)
                return 0;
        int fd = make_file(data, n);
        int r = journal_open(fd, &journal);
        if (r != 0) {
                (void)close(fd); /* Nothing is kept in it. */
                if (r != DISK_E_DAMAGED)
                        abort();
                return 0;
        }
        r = journal_each(&journal, see, &seen);
        if (r == 0 && (seen.n_total != journal.state.n_total || seen.n_live != journal.state.n_live))
                abort();
        erase_all(&journal);
        if (journal_open(fcntl(fd, F_DUPFD_CLOEXEC, 0), &again) != 0 ||
            memcmp(&again.state, &journal.state, sizeof(journal.state)) != 0 ||
            journal_next_unerased(&again, 0, &ordinal))
                abort();
        return 0;
}
