/*
 * One gallery on disk. The layout is in worker/journal-format.h. Invariants, each the reason why a crash
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
 *  5. A file that is to take another's place is whole and synced before it is exchanged; what has then no
 *     place (NAME.new) is overwritten and unlinked, at the next start if need be.
 */

#include "worker/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/random.h"
#include "wire/cursor.h"
#include "worker/journal-format.h"

enum { JOURNAL_COMPACT_ENTRIES = 256 /* in one record of a compacted file */ };

void journal_deinit(Journal *journal)
{
        free(journal->file_name);
        free(journal->offsets);
        fd_close(journal->fd);
        *journal = JOURNAL_INIT;
}

/* --------------------------------------------------------------------------------------- reading, writing */

static bool is_no_space(int r)
{
        return r == -ENOSPC || r == -EDQUOT || r == -EFBIG;
}

static int write_at(int fd, const void *data, size_t n, uint64_t offset)
{
        const uint8_t *p = data;

        while (n > 0) {
                ssize_t written = pwrite(fd, p, n, (off_t)offset);
                if (written < 0 && errno == EINTR)
                        continue;
                if (written < 0)
                        return -errno;
                p += written;
                n -= (size_t)written;
                offset += (uint64_t)written;
        }
        return 0;
}

/* Bytes that are not there, or that the disk cannot give back, are damage: the committed length said so. */
static int read_at(int fd, void *ret_data, size_t n, uint64_t offset)
{
        uint8_t *p = ret_data;

        while (n > 0) {
                ssize_t got = pread(fd, p, n, (off_t)offset);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0 && errno != EIO)
                        return -errno;
                if (got <= 0)
                        return JOURNAL_E_DAMAGED;
                p += got;
                n -= (size_t)got;
                offset += (uint64_t)got;
        }
        return 0;
}

static int write_zeros(int fd, uint64_t offset, uint64_t n)
{
        static const uint8_t zeros[65536];

        while (n > 0) {
                size_t chunk = MIN_OF(n, sizeof(zeros));
                int r = write_at(fd, zeros, chunk, offset);
                if (r < 0)
                        return r;
                offset += chunk;
                n -= chunk;
        }
        return 0;
}

/* Overwrites and cuts off what stands behind @length: it may be templates that nobody was told are stored. */
static int drop_tail(int fd, uint64_t length)
{
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        if ((uint64_t)st.st_size <= length)
                return 0;
        int r = write_zeros(fd, length, (uint64_t)st.st_size - length);
        if (r < 0)
                return r;
        if (fdatasync(fd) < 0 || ftruncate(fd, (off_t)length) < 0)
                return -errno;
        return 0;
}

static int write_slot(Journal *journal, unsigned slot, const JournalState *state)
{
        uint8_t bytes[JOURNAL_SLOT_SIZE];

        int r = journal_slot_write(journal, state, bytes);
        return r < 0 ? r : write_at(journal->fd, bytes, sizeof(bytes), slot * JOURNAL_SLOT_SIZE);
}

/* Invariants 1 to 3. The last write needs no sync of its own: the next commit's first one covers it. */
static int commit(Journal *journal, const JournalState *state)
{
        if (fdatasync(journal->fd) < 0)
                return -errno;
        int r = write_slot(journal, 0, state);
        if (r < 0)
                return r;
        if (fdatasync(journal->fd) < 0)
                return -errno;
        journal->state = *state;
        return write_slot(journal, 1, state);
}

/* Appends behind the committed length. Space is asked for first, so that a full disk is met before it
 * matters. */
static int append(Journal *journal, uint64_t position, const Buffer *bytes)
{
        if (bytes->failed)
                return -ENOMEM;
        int r = -posix_fallocate(journal->fd, (off_t)position, (off_t)bytes->n);
        if (r == 0)
                r = write_at(journal->fd, bytes->data, bytes->n, position);
        if (!is_no_space(r))
                return r;
        r = drop_tail(journal->fd, journal->state.length);
        return r < 0 ? r : JOURNAL_E_NO_SPACE;
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

/* -------------------------------------------------------------------------------------- files of one name */

static char *file_name_new(const char *file_name)
{
        char *name = NULL;

        return asprintf(&name, "%s.new", file_name) < 0 ? NULL : name;
}

/* Overwrites and unlinks NAME.new, if there is one. */
static int sweep(int dir_fd, const char *file_name)
{
        _cleanup_(freep) char *name = file_name_new(file_name);
        if (!name)
                return -ENOMEM;
        _cleanup_(fd_closep) int fd = openat(dir_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        int r = drop_tail(fd, 0);
        if (r < 0)
                return r;
        if (unlinkat(dir_fd, name, 0) < 0)
                return -errno;
        return fd_sync_dir(dir_fd, file_name);
}

/* A journal in the file NAME.new, with nothing in it yet but room for its slots. */
static int begin_new(int dir_fd, const char *file_name, const JournalShape *shape, Journal *ret_journal)
{
        Journal journal = JOURNAL_INIT;
        int r = 0;

        _cleanup_(freep) char *name = file_name_new(file_name);
        journal.dir_fd = dir_fd;
        journal.file_name = strdup(file_name);
        if (!name || !journal.file_name)
                r = -ENOMEM;
        if (r == 0) {
                journal.fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
                r = journal.fd < 0 ? -errno : -posix_fallocate(journal.fd, 0, JOURNAL_RECORDS_BEGIN);
        }
        if (r < 0) {
                journal_deinit(&journal);
                return r;
        }
        random_bytes(journal.file_id, sizeof(journal.file_id));
        journal.shape = *shape;
        journal.state = (JournalState){.length = JOURNAL_RECORDS_BEGIN};
        *ret_journal = journal;
        return 0;
}

/* Gives NAME.new the place of NAME, and keeps what stood there as NAME.new; @flags as of renameat2(2). */
static int take_place(const Journal *journal, unsigned flags)
{
        _cleanup_(freep) char *name = file_name_new(journal->file_name);
        if (!name)
                return -ENOMEM;
        if (fsync(journal->fd) < 0 ||
            renameat2(journal->dir_fd, name, journal->dir_fd, journal->file_name, flags) < 0)
                return -errno;
        return fd_sync_dir(journal->dir_fd, journal->file_name);
}

int journal_create(int dir_fd, const char *file_name, const JournalShape *shape, Journal *ret_journal)
{
        Journal journal = JOURNAL_INIT;

        int r = sweep(dir_fd, file_name);
        if (r == 0)
                r = begin_new(dir_fd, file_name, shape, &journal);
        if (r == 0)
                r = write_slot(&journal, 0, &journal.state);
        if (r == 0)
                r = write_slot(&journal, 1, &journal.state);
        if (r == 0)
                r = take_place(&journal, RENAME_NOREPLACE);
        if (r < 0) {
                journal_deinit(&journal);
                return is_no_space(r) ? JOURNAL_E_NO_SPACE : r;
        }
        *ret_journal = journal;
        return 0;
}

/* ------------------------------------------------------------------------------------------------ opening */

/* Invariant 3; and makes both slots equal and durable again, the one that is not believed being the one
 * written. */
static int read_slots(Journal *journal)
{
        uint8_t slots[2][JOURNAL_SLOT_SIZE];
        Journal other = JOURNAL_INIT;

        int r = read_at(journal->fd, slots, sizeof(slots), 0);
        if (r != 0)
                return r;
        bool first = journal_slot_read(slots[0], journal);
        bool second = journal_slot_read(slots[1], &other);
        if ((!first && !second) || (first && second && other.state.epoch > journal->state.epoch))
                return JOURNAL_E_DAMAGED;
        if (memcmp(slots[0], slots[1], JOURNAL_SLOT_SIZE) == 0)
                return 0;
        if (!first) {
                journal->shape = other.shape;
                journal->state = other.state;
                memcpy(journal->file_id, other.file_id, sizeof(other.file_id));
        }
        r = write_slot(journal, first ? 1 : 0, &journal->state);
        if (r < 0)
                return r;
        return fdatasync(journal->fd) < 0 ? -errno : 0;
}

static int replay_add(Journal *journal, JournalState *state, const JournalRecord *record)
{
        size_t size = journal_entry_size(journal);
        uint64_t begin = state->length + JOURNAL_RECORD_SIZE;

        if (record->first != state->n_total || record->n > (journal->state.length - begin) / size)
                return JOURNAL_E_DAMAGED;
        int r = reserve_offsets(journal, state->n_total + record->n);
        if (r < 0)
                return r;
        for (uint64_t i = 0; i < record->n; i++)
                journal->offsets[state->n_total + i] = begin + i * size;
        state->n_total += record->n;
        state->n_live += record->n;
        state->length = begin + record->n * size;
        return 0;
}

static bool is_zero(const uint8_t *data, size_t n)
{
        return n == 0 || (data[0] == 0 && memcmp(data, data + 1, n - 1) == 0);
}

/* Invariant 4: an entry that is removed is zero, or becomes so now. */
static int complete_removal(const Journal *journal, uint64_t offset, uint8_t *scratch, bool *dirty)
{
        size_t size = journal_entry_size(journal);

        int r = read_at(journal->fd, scratch, size, offset);
        if (r != 0 || is_zero(scratch, size))
                return r;
        *dirty = true;
        return write_zeros(journal->fd, offset, size);
}

static int replay_ordinals(Journal *journal, JournalState *state, Cursor ordinals)
{
        _cleanup_(freep) uint8_t *scratch = malloc(journal_entry_size(journal));
        bool dirty = false;

        if (!scratch)
                return -ENOMEM;
        while (ordinals.p < ordinals.end) {
                uint64_t ordinal = cursor_u64(&ordinals);
                if (ordinal >= state->n_total || journal->offsets[ordinal] == 0)
                        return JOURNAL_E_DAMAGED;
                int r = complete_removal(journal, journal->offsets[ordinal], scratch, &dirty);
                if (r != 0)
                        return r;
                journal->offsets[ordinal] = 0;
                state->n_live--;
        }
        return dirty && fdatasync(journal->fd) < 0 ? -errno : 0;
}

static int replay_remove(Journal *journal, JournalState *state, const uint8_t *header, uint32_t n)
{
        uint64_t begin = state->length + JOURNAL_RECORD_SIZE;

        if (n > (journal->state.length - begin) / 8)
                return JOURNAL_E_DAMAGED;
        _cleanup_(freep) uint8_t *ordinals = malloc((size_t)n * 8);
        if (!ordinals)
                return -ENOMEM;
        int r = read_at(journal->fd, ordinals, (size_t)n * 8, begin);
        if (r != 0)
                return r;
        if (!journal_record_check(journal, state->length, header, ordinals))
                return JOURNAL_E_DAMAGED;
        r = replay_ordinals(journal, state, cursor_init(ordinals, (size_t)n * 8));
        state->length = begin + (uint64_t)n * 8;
        return r;
}

static int replay_record(Journal *journal, JournalState *state)
{
        uint8_t header[JOURNAL_RECORD_SIZE];

        if (journal->state.length - state->length < sizeof(header))
                return JOURNAL_E_DAMAGED;
        int r = read_at(journal->fd, header, sizeof(header), state->length);
        if (r != 0)
                return r;
        JournalRecord record = journal_record_parse(header);
        if (record.n == 0)
                return JOURNAL_E_DAMAGED;
        if (record.type == JOURNAL_REMOVE)
                return replay_remove(journal, state, header, record.n);
        if (record.type != JOURNAL_ADD || !journal_record_check(journal, state->length, header, NULL))
                return JOURNAL_E_DAMAGED;
        return replay_add(journal, state, &record);
}

/* Walks all records and must end where the slot says, with what it says. */
static int replay(Journal *journal)
{
        JournalState state = {.epoch = journal->state.epoch, .length = JOURNAL_RECORDS_BEGIN};

        if (journal->state.length < JOURNAL_RECORDS_BEGIN)
                return JOURNAL_E_DAMAGED;
        while (state.length < journal->state.length) {
                int r = replay_record(journal, &state);
                if (r != 0)
                        return r;
        }
        return memcmp(&state, &journal->state, sizeof(state)) == 0 ? 0 : JOURNAL_E_DAMAGED;
}

static int open_checked(Journal *journal)
{
        struct stat st;

        int r = read_slots(journal);
        if (r != 0)
                return r;
        if (fstat(journal->fd, &st) < 0)
                return -errno;
        if ((uint64_t)st.st_size < journal->state.length)
                return JOURNAL_E_DAMAGED;
        r = replay(journal);
        return r != 0 ? r : drop_tail(journal->fd, journal->state.length);
}

int journal_open(int dir_fd, const char *file_name, Journal *ret_journal)
{
        Journal journal = JOURNAL_INIT;

        journal.dir_fd = dir_fd;
        journal.fd = openat(dir_fd, file_name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        int r = journal.fd < 0 ? -errno : sweep(dir_fd, file_name);
        if (r == 0 && !(journal.file_name = strdup(file_name)))
                r = -ENOMEM;
        if (r == 0)
                r = open_checked(&journal);
        if (r != 0) {
                journal_deinit(&journal);
                return r;
        }
        *ret_journal = journal;
        return 0;
}

int journal_each(const Journal *journal, int (*found)(void *userdata, const JournalEntry *entry),
                 void *userdata)
{
        size_t size = journal_entry_size(journal);
        char subject[JOURNAL_SUBJECT_MAX + 1];

        _cleanup_(freep) uint8_t *bytes = malloc(size);
        if (!bytes)
                return -ENOMEM;
        for (uint64_t ordinal = 0; ordinal < journal->state.n_total; ordinal++) {
                JournalEntry entry = {.ordinal = ordinal};
                if (journal->offsets[ordinal] == 0)
                        continue;
                int r = read_at(journal->fd, bytes, size, journal->offsets[ordinal]);
                if (r == 0 && !journal_entry_read(journal, bytes, subject, &entry))
                        r = JOURNAL_E_DAMAGED;
                if (r == 0)
                        r = found(userdata, &entry);
                if (r != 0)
                        return r;
        }
        return 0;
}

/* ------------------------------------------------------------------------------------------------ changes */

static void put_record(Buffer *buffer, const Journal *journal, const JournalRecord *record,
                       const uint8_t *ordinals)
{
        uint8_t *header = buffer_extend(buffer, JOURNAL_RECORD_SIZE);

        if (header)
                journal_record_write(journal, journal->state.length, record, ordinals, header);
}

/* Writes one record of entries behind @state, which is moved along; nothing is committed. */
static int append_entries(Journal *journal, const JournalEntry *entries, uint32_t n, JournalState *state)
{
        _cleanup_(buffer_deinit) Buffer bytes = BUFFER_INIT;
        size_t size = journal_entry_size(journal);
        uint64_t begin = state->length;

        int r = reserve_offsets(journal, state->n_total + n);
        if (r < 0)
                return r;
        put_record(&bytes, journal, &(JournalRecord){JOURNAL_ADD, n, state->n_total}, NULL);
        for (uint32_t i = 0; i < n; i++) {
                JournalEntry entry = entries[i];
                entry.ordinal = state->n_total + i;
                uint8_t *p = buffer_extend(&bytes, size);
                if (p)
                        journal_entry_write(journal, &entry, p);
                journal->offsets[entry.ordinal] = begin + JOURNAL_RECORD_SIZE + i * size;
        }
        r = append(journal, begin, &bytes);
        if (r != 0)
                return r;
        state->length += bytes.n;
        state->n_total += n;
        state->n_live += n;
        return 0;
}

int journal_add(Journal *journal, const JournalEntry *entries, uint32_t n)
{
        JournalState state = journal->state;

        int r = append_entries(journal, entries, n, &state);
        if (r != 0)
                return r;
        state.epoch++;
        return commit(journal, &state);
}

static int overwrite(Journal *journal, const uint64_t *ordinals, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++) {
                int r = write_zeros(journal->fd, journal->offsets[ordinals[i]], journal_entry_size(journal));
                if (r < 0)
                        return r;
                journal->offsets[ordinals[i]] = 0;
        }
        return fdatasync(journal->fd) < 0 ? -errno : 0;
}

int journal_remove(Journal *journal, const uint64_t *ordinals, uint32_t n)
{
        _cleanup_(buffer_deinit) Buffer list = BUFFER_INIT;
        _cleanup_(buffer_deinit) Buffer bytes = BUFFER_INIT;
        JournalState state = journal->state;

        for (uint32_t i = 0; i < n; i++)
                put_u64(&list, ordinals[i]);
        if (list.failed)
                return -ENOMEM;
        put_record(&bytes, journal, &(JournalRecord){JOURNAL_REMOVE, n, 0}, list.data);
        buffer_append(&bytes, list.data, list.n);
        int r = append(journal, state.length, &bytes);
        if (r != 0)
                return r;
        state.epoch++;
        state.length += bytes.n;
        state.n_live -= n;
        r = commit(journal, &state);
        return r < 0 ? r : overwrite(journal, ordinals, n);
}

/* --------------------------------------------------------------------------------------------- compaction */

/* Entries on their way from one file to the other. */
typedef struct Batch {
        Journal *to;
        Buffer bytes; /* subject (JOURNAL_SUBJECT_MAX + 1 bytes) and vector of each */
        uint32_t n;
} Batch;

static int batch_write(Batch *batch)
{
        JournalEntry entries[JOURNAL_COMPACT_ENTRIES];
        size_t n_vector = (size_t)batch->to->shape.dimension * 4;

        if (batch->n == 0)
                return 0;
        if (batch->bytes.failed)
                return -ENOMEM;
        for (uint32_t i = 0; i < batch->n; i++) {
                const uint8_t *p = batch->bytes.data + i * (JOURNAL_SUBJECT_MAX + 1 + n_vector);
                entries[i] = (JournalEntry){0, (const char *)p, p + JOURNAL_SUBJECT_MAX + 1};
        }
        int r = append_entries(batch->to, entries, batch->n, &batch->to->state);
        buffer_clear(&batch->bytes);
        batch->n = 0;
        return r;
}

static int batch_take(void *userdata, const JournalEntry *entry)
{
        Batch *batch = userdata;
        char subject[JOURNAL_SUBJECT_MAX + 1] = {};

        memcpy(subject, entry->subject, strlen(entry->subject));
        buffer_append(&batch->bytes, subject, sizeof(subject));
        buffer_append(&batch->bytes, entry->vector, (size_t)batch->to->shape.dimension * 4);
        return ++batch->n == JOURNAL_COMPACT_ENTRIES ? batch_write(batch) : 0;
}

static int write_compacted(const Journal *from, Journal *to)
{
        Batch batch = {.to = to};

        int r = journal_each(from, batch_take, &batch);
        if (r == 0)
                r = batch_write(&batch);
        buffer_deinit(&batch.bytes);
        to->state.epoch = from->state.epoch;
        if (r == 0)
                r = write_slot(to, 0, &to->state);
        if (r == 0)
                r = write_slot(to, 1, &to->state);
        return r;
}

int journal_compact(Journal *journal)
{
        Journal compacted = JOURNAL_INIT;

        int r = begin_new(journal->dir_fd, journal->file_name, &journal->shape, &compacted);
        if (r == 0)
                r = write_compacted(journal, &compacted);
        if (r == 0)
                r = take_place(&compacted, RENAME_EXCHANGE);
        /* Now NAME.new is the old file, or, if something went wrong, the new one. */
        int swept = sweep(journal->dir_fd, journal->file_name);
        if (r == 0 && swept == 0) {
                journal_deinit(journal);
                *journal = compacted;
                return 0;
        }
        journal_deinit(&compacted);
        /* A file system that cannot exchange keeps the old file, as a full one does. */
        if (is_no_space(r) || r == -EINVAL)
                r = JOURNAL_E_NO_SPACE;
        return swept < 0 ? swept : r;
}
