/*
 * What a gallery contains. The layout is in worker/journal-format.h. Invariants, each the reason why a crash
 * between any two steps does no harm:
 *
 *  1. Records are synced before a slot counts them; what stands behind the committed length never
 *     happened.
 *  2. Slot 0 is written only when slot 1 is durable with the state before (the sync for the records covers
 *     it), so one of them is whole whenever the power fails; slot 1 is written only when slot 0 is
 *     durable.
 *  3. Whichever slot is unreadable, the other holds the last state that was answered for: when slot 0 is
 *     torn the change had not been answered, and slot 1 follows slot 0 before anything else happens.
 *  4. A removal is committed by its record before a byte is overwritten, so an entry that is half
 *     overwritten is always known to be removed, and is overwritten again at the next start.
 */

#include "worker/journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/random.h"
#include "wire/cursor.h"
#include "worker/journal-format.h"

void journal_deinit(Journal *journal)
{
        free(journal->offsets);
        fd_close(journal->fd);
        *journal = JOURNAL_INIT;
}

uint64_t journal_key(const Journal *journal, unsigned half)
{
        Cursor cursor = cursor_init(journal->file_id + half * 8, 8);

        return cursor_u64(&cursor);
}

/* --------------------------------------------------------------------------------------- reading, writing */

static bool is_live(const Journal *journal, uint64_t ordinal)
{
        return journal->offsets[ordinal] != 0 && !(journal->offsets[ordinal] & JOURNAL_REMOVED);
}

static int write_slot(Journal *journal, unsigned slot, const JournalState *state)
{
        uint8_t bytes[JOURNAL_SLOT_SIZE];

        int r = journal_slot_write(journal, state, bytes);
        return r < 0 ? r : disk_write(journal->fd, bytes, sizeof(bytes), slot * JOURNAL_SLOT_SIZE);
}

/* Invariants 1 to 3. The last write needs no sync of its own: the next commit's first one covers it. */
static int commit(Journal *journal, const JournalState *state)
{
        int r = disk_sync(journal->fd);
        if (r == 0)
                r = write_slot(journal, 0, state);
        if (r == 0)
                r = disk_sync(journal->fd);
        if (r < 0)
                return r;
        journal->state = *state;
        return write_slot(journal, 1, state);
}

int journal_drop_reserve(Journal *journal)
{
        return disk_cut(journal->fd, journal->state.length);
}

/* What became of a step before anything was committed. */
static int undo_if_full(Journal *journal, int r)
{
        if (!disk_is_no_space(r))
                return r;
        r = journal_drop_reserve(journal);
        return r < 0 ? r : DISK_E_NO_SPACE;
}

int journal_reserve(Journal *journal, uint32_t n)
{
        uint64_t size = JOURNAL_RECORD_SIZE + (uint64_t)n * JOURNAL_ENTRY_SIZE;

        return undo_if_full(journal, disk_reserve(journal->fd, journal->state.length, size));
}

/* Writes behind all that there is. Space is asked for first, so that a full disk is met before it matters. */
static int append(Journal *journal, uint64_t position, const Buffer *bytes)
{
        if (bytes->failed)
                return -ENOMEM;
        int r = disk_reserve(journal->fd, position, bytes->n);
        return r < 0 ? r : disk_write(journal->fd, bytes->data, bytes->n, position);
}

static int reserve_offsets(Journal *journal, uint64_t n_total)
{
        if (n_total <= journal->n_allocated)
                return 0;
        size_t n = MAX_OF((size_t)n_total, journal->n_allocated * 2);
        uint64_t *offsets = reallocarray(journal->offsets, n, sizeof(uint64_t));
        if (!offsets)
                return -ENOMEM;
        journal->offsets = offsets;
        journal->n_allocated = n;
        return 0;
}

/* Takes note of a record of @n entries behind @state, which is moved along. */
static int count_entries(Journal *journal, JournalState *state, uint32_t n)
{
        uint64_t begin = state->length + JOURNAL_RECORD_SIZE;

        int r = reserve_offsets(journal, state->n_total + n);
        if (r < 0)
                return r;
        for (uint64_t i = 0; i < n; i++)
                journal->offsets[state->n_total + i] = begin + i * JOURNAL_ENTRY_SIZE;
        state->length = begin + (uint64_t)n * JOURNAL_ENTRY_SIZE;
        state->n_total += n;
        state->n_live += n;
        return 0;
}

/* ----------------------------------------------------------------------------------------------- creating */

int journal_begin(int fd, const JournalShape *shape, Journal *ret_journal)
{
        Journal journal = JOURNAL_INIT;

        int r = disk_reserve(fd, 0, JOURNAL_RECORDS_BEGIN);
        if (r < 0)
                return r;
        random_bytes(journal.file_id, sizeof(journal.file_id));
        journal.fd = fd;
        journal.shape = *shape;
        journal.state = (JournalState){.length = JOURNAL_RECORDS_BEGIN};
        *ret_journal = journal;
        return 0;
}

int journal_finish(Journal *journal, uint64_t epoch)
{
        journal->state.epoch = epoch;
        int r = write_slot(journal, 0, &journal->state);
        return r < 0 ? r : write_slot(journal, 1, &journal->state);
}

/* ------------------------------------------------------------------------------------------------ opening */

/* Invariant 3; and makes both slots equal and durable again, the one that is not believed being the one
 * written. */
static int read_slots(Journal *journal)
{
        uint8_t slots[2][JOURNAL_SLOT_SIZE];
        Journal other = JOURNAL_INIT;

        int r = disk_read(journal->fd, slots, sizeof(slots), 0);
        if (r != 0)
                return r;
        int first = journal_slot_read(slots[0], journal);
        int second = journal_slot_read(slots[1], &other);
        if (first == DISK_E_VERSION || second == DISK_E_VERSION)
                return DISK_E_VERSION;
        if ((first != 0 && second != 0) ||
            (first == 0 && second == 0 && other.state.epoch > journal->state.epoch))
                return DISK_E_DAMAGED;
        if (memcmp(slots[0], slots[1], JOURNAL_SLOT_SIZE) == 0)
                return 0;
        if (first != 0) {
                journal->shape = other.shape;
                journal->state = other.state;
                memcpy(journal->file_id, other.file_id, sizeof(other.file_id));
        }
        r = write_slot(journal, first == 0 ? 1 : 0, &journal->state);
        return r < 0 ? r : disk_sync(journal->fd);
}

/* A journal that is read from its first record to its last. */
typedef struct Replay {
        Journal *journal;
        JournalState state; /* as of the records before */
        DiskWindow window;
} Replay;

static uint64_t left(const Replay *replay)
{
        return replay->journal->state.length - replay->state.length;
}

static int replay_add(Replay *replay, const JournalRecord *record)
{
        if (record->first != replay->state.n_total ||
            record->n > (left(replay) - JOURNAL_RECORD_SIZE) / JOURNAL_ENTRY_SIZE)
                return DISK_E_DAMAGED;
        return count_entries(replay->journal, &replay->state, record->n);
}

static bool is_zero(const uint8_t *data, size_t n)
{
        return data[0] == 0 && memcmp(data, data + 1, n - 1) == 0;
}

static int replay_removal(Replay *replay, uint64_t ordinal)
{
        Journal *journal = replay->journal;
        uint8_t entry[JOURNAL_ENTRY_SIZE];

        if (ordinal >= replay->state.n_total || !is_live(journal, ordinal))
                return DISK_E_DAMAGED;
        int r = disk_read(journal->fd, entry, sizeof(entry), journal->offsets[ordinal]);
        if (r != 0)
                return r;
        if (is_zero(entry, sizeof(entry)))
                journal->offsets[ordinal] = 0;
        else
                journal->offsets[ordinal] |= JOURNAL_REMOVED;
        replay->state.n_live--;
        return 0;
}

static int replay_remove(Replay *replay, uint32_t n)
{
        const uint8_t *bytes;

        if (n > (left(replay) - JOURNAL_RECORD_SIZE) / 8)
                return DISK_E_DAMAGED;
        size_t size = JOURNAL_RECORD_SIZE + (size_t)n * 8;
        int r = disk_window_read(&replay->window, replay->state.length, size, &bytes);
        if (r != 0)
                return r;
        if (!journal_record_check(replay->journal, replay->state.length, bytes))
                return DISK_E_DAMAGED;
        Cursor ordinals = cursor_init(bytes + JOURNAL_RECORD_SIZE, (size_t)n * 8);
        for (uint32_t i = 0; r == 0 && i < n; i++)
                r = replay_removal(replay, cursor_u64(&ordinals));
        replay->state.length += size;
        return r;
}

static int replay_record(Replay *replay)
{
        const uint8_t *header;

        if (left(replay) < JOURNAL_RECORD_SIZE)
                return DISK_E_DAMAGED;
        int r = disk_window_read(&replay->window, replay->state.length, JOURNAL_RECORD_SIZE, &header);
        if (r != 0)
                return r;
        JournalRecord record = journal_record_parse(header);
        if (record.n == 0)
                return DISK_E_DAMAGED;
        if (record.type == JOURNAL_REMOVE)
                return replay_remove(replay, record.n);
        if (record.type != JOURNAL_ADD ||
            !journal_record_check(replay->journal, replay->state.length, header))
                return DISK_E_DAMAGED;
        return replay_add(replay, &record);
}

/* Walks all records and must end where the slot says, with what it says. */
static int replay_all(Journal *journal)
{
        Replay replay = {.journal = journal,
                         .state = {.epoch = journal->state.epoch, .length = JOURNAL_RECORDS_BEGIN},
                         .window = DISK_WINDOW_INIT(journal->fd)};
        int r = journal->state.length < JOURNAL_RECORDS_BEGIN ? DISK_E_DAMAGED : 0;

        while (r == 0 && replay.state.length < journal->state.length)
                r = replay_record(&replay);
        disk_window_deinit(&replay.window);
        if (r != 0)
                return r;
        return memcmp(&replay.state, &journal->state, sizeof(replay.state)) == 0 ? 0 : DISK_E_DAMAGED;
}

static int open_checked(Journal *journal)
{
        uint64_t size;

        int r = read_slots(journal);
        if (r == 0)
                r = disk_size(journal->fd, &size);
        if (r != 0)
                return r;
        if (size < journal->state.length)
                return DISK_E_DAMAGED;
        r = replay_all(journal);
        return r != 0 ? r : journal_drop_reserve(journal);
}

int journal_open(int fd, Journal *ret_journal)
{
        Journal journal = JOURNAL_INIT;

        journal.fd = fd;
        int r = open_checked(&journal);
        if (r != 0) {
                free(journal.offsets);
                return r;
        }
        *ret_journal = journal;
        return 0;
}

static int read_entry(const Journal *journal, DiskWindow *window, uint64_t ordinal, char *ret_subject)
{
        const uint8_t *bytes;

        int r = disk_window_read(window, journal->offsets[ordinal], JOURNAL_ENTRY_SIZE, &bytes);
        if (r == 0 && !journal_entry_read(journal, journal->offsets[ordinal], bytes, ret_subject))
                r = DISK_E_DAMAGED;
        return r;
}

int journal_each(const Journal *journal, int (*found)(void *userdata, uint64_t ordinal, const char *subject),
                 void *userdata)
{
        DiskWindow window = DISK_WINDOW_INIT(journal->fd);
        char subject[JOURNAL_SUBJECT_MAX + 1];
        int r = 0;

        for (uint64_t ordinal = 0; r == 0 && ordinal < journal->state.n_total; ordinal++) {
                bool live = is_live(journal, ordinal);
                if (live)
                        r = read_entry(journal, &window, ordinal, subject);
                if (r == 0)
                        r = found(userdata, ordinal, live ? subject : NULL);
        }
        disk_window_deinit(&window);
        return r;
}

/* ------------------------------------------------------------------------------------------------ changes */

/* Writes one record of entries behind @state, which is moved along; nothing is committed. */
static int append_entries(Journal *journal, JournalState *state, const char *const *subjects, uint32_t n)
{
        _cleanup_(buffer_deinit) Buffer bytes = BUFFER_INIT;
        JournalRecord record = {JOURNAL_ADD, n, state->n_total};
        uint64_t begin = state->length;

        uint8_t *p = buffer_extend(&bytes, JOURNAL_RECORD_SIZE + (size_t)n * JOURNAL_ENTRY_SIZE);
        if (!p)
                return -ENOMEM;
        int r = count_entries(journal, state, n);
        if (r < 0)
                return r;
        journal_record_write(journal, begin, &record, p);
        p += JOURNAL_RECORD_SIZE;
        for (uint32_t i = 0; i < n; i++)
                journal_entry_write(journal, journal->offsets[record.first + i], subjects[i],
                                    p + (size_t)i * JOURNAL_ENTRY_SIZE);
        return append(journal, begin, &bytes);
}

int journal_append(Journal *journal, const char *const *subjects, uint32_t n)
{
        return append_entries(journal, &journal->state, subjects, n);
}

int journal_add(Journal *journal, const char *const *subjects, uint32_t n)
{
        JournalState state = journal->state;

        int r = undo_if_full(journal, append_entries(journal, &state, subjects, n));
        if (r != 0)
                return r;
        state.epoch++;
        return commit(journal, &state);
}

int journal_remove(Journal *journal, const uint64_t *ordinals, uint32_t n)
{
        _cleanup_(buffer_deinit) Buffer bytes = BUFFER_INIT;
        JournalState state = journal->state;

        (void)buffer_extend(&bytes, JOURNAL_RECORD_SIZE); /* Where it fails, all that follows does. */
        for (uint32_t i = 0; i < n; i++)
                put_u64(&bytes, ordinals[i]);
        if (bytes.failed)
                return -ENOMEM;
        journal_record_write(journal, state.length, &(JournalRecord){JOURNAL_REMOVE, n, 0}, bytes.data);
        int r = undo_if_full(journal, append(journal, state.length, &bytes));
        if (r != 0)
                return r;
        state.epoch++;
        state.length += bytes.n;
        state.n_live -= n;
        r = commit(journal, &state);
        for (uint32_t i = 0; r == 0 && i < n; i++)
                journal->offsets[ordinals[i]] |= JOURNAL_REMOVED;
        return r;
}

int journal_erase(Journal *journal, const uint64_t *ordinals, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++) {
                int r = disk_zero(journal->fd, journal->offsets[ordinals[i]] & ~JOURNAL_REMOVED,
                                  JOURNAL_ENTRY_SIZE);
                if (r < 0)
                        return r;
                journal->offsets[ordinals[i]] = 0;
        }
        return disk_sync(journal->fd);
}

bool journal_next_unerased(const Journal *journal, uint64_t ordinal, uint64_t *ret_ordinal)
{
        while (ordinal < journal->state.n_total && !(journal->offsets[ordinal] & JOURNAL_REMOVED))
                ordinal++;
        *ret_ordinal = ordinal;
        return ordinal < journal->state.n_total;
}
