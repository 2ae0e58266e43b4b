/*
 * A gallery on disk. Invariants, each the reason why a crash between any two steps does no harm; those of the journal's own bytes are in worker/journal.c:
 *
 *  1. Originals are synced before the journal counts their rows; what stands behind the last row never happened.
 *  2. Blocks of codes are written whenever it suits: whatever is there is checked, and made again if need be.
 *  3. A removal is committed by the journal before anything is overwritten. Originals and codes are overwritten and synced before the journal's entries are; so
 *     entries that are removed and not yet zero name all rows that must be overwritten again at the next start.
 *  4. Files that are to take others' places are whole and synced, their names too, before the first of them does. They belong together by the file id: whichever journal
 *     stands, its originals and codes are NAME or NAME.new, and get their place before anything is swept. What has then no place (NAME.new) is overwritten
 *     and unlinked.
 *  5. Space is asked for in all three files before a byte is written. A removal that finds none takes it from the codes.
 */

#include "worker/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "worker/codes.h"

#define STORE_JOURNAL_SUFFIX ".gallery"

/* Longest of a file's name, with its NUL. */
enum { STORE_FILE_NAME_SIZE = JOURNAL_NAME_MAX + sizeof(".originals") };

enum { STORE_ROOM_MIN = 64 * 1024 /* a file system gives whole blocks back, some of them large */ };

typedef struct FileName {
        char text[STORE_FILE_NAME_SIZE];
} FileName;

static FileName file_name(const char *name, const char *suffix)
{
        FileName file = {};

        (void)snprintf(file.text, sizeof(file.text), "%.*s%s", JOURNAL_NAME_MAX, name, suffix); /* Fits. */
        return file;
}

static const char *const suffixes[] = {STORE_JOURNAL_SUFFIX, ".originals", ".codes"};

void store_deinit(Store *store)
{
        journal_deinit(&store->journal);
        original_file_deinit(&store->originals);
        code_file_deinit(&store->codes);
        *store = STORE_INIT;
}

uint64_t store_n_blocks(const Store *store)
{
        return store->journal.state.n_total / CODES_ROWS;
}

int store_cut_codes(Store *store, uint64_t n)
{
        return code_file_cut(&store->codes, n);
}

/* --------------------------------------------------------------------------------------- beginning, placing */

static int begin_file(int dir_fd, const char *name, const char *suffix, int *ret_fd)
{
        return disk_begin(dir_fd, file_name(name, suffix).text, ret_fd);
}

static int begin_journal(Store *store, const JournalShape *shape)
{
        _cleanup_(fd_closep) int fd = -1;

        int r = begin_file(store->dir_fd, shape->name, STORE_JOURNAL_SUFFIX, &fd);
        if (r == 0)
                r = journal_begin(fd, shape, &store->journal);
        if (r == 0)
                TAKE_FD(fd);
        return r;
}

static int begin_companion(const Store *store, const CompanionKind *kind, int *ret_fd)
{
        _cleanup_(fd_closep) int fd = -1;

        int r = begin_file(store->dir_fd, store->journal.shape.name, kind->suffix, &fd);
        if (r == 0)
                r = companion_begin(fd, kind, &store->journal);
        if (r == 0)
                *ret_fd = TAKE_FD(fd);
        return r;
}

int store_begin(int dir_fd, const JournalShape *shape, Store *ret_store)
{
        Store store = STORE_INIT;
        int fd;

        store.dir_fd = dir_fd;
        int r = begin_journal(&store, shape);
        if (r == 0)
                r = begin_companion(&store, &original_file_kind, &fd);
        if (r == 0)
                r = original_file_init(&store.originals, fd, &store.journal);
        if (r == 0)
                r = begin_companion(&store, &code_file_kind, &fd);
        if (r < 0) {
                store_deinit(&store);
                return r;
        }
        code_file_init(&store.codes, fd, &store.journal);
        *ret_store = store;
        return 0;
}

int store_has_room(const Store *store, uint64_t n_rows)
{
        size_t dimension = store->journal.shape.dimension;
        uint64_t row = original_slot_size(dimension) + codes_block_size(dimension) / CODES_ROWS +
                       JOURNAL_SUBJECT_MAX;
        uint64_t room;

        int r = disk_room(store->dir_fd, &room);
        if (r < 0)
                return r;
        return room / row < n_rows ? DISK_E_NO_SPACE : 0;
}

int store_append(Store *store, const char *const *subjects, const uint8_t *slots, uint32_t n)
{
        uint64_t first = store->journal.state.n_total;

        int r = original_file_reserve(&store->originals, first, n);
        if (r == 0)
                r = original_file_write(&store->originals, first, slots, n);
        return r < 0 ? r : journal_append(&store->journal, subjects, n);
}

static int sync_all(const Store *store)
{
        const int fds[] = {store->originals.fd, store->codes.fd, store->journal.fd};

        for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
                if (fsync(fds[i]) < 0)
                        return -errno;
        return 0;
}

int store_place(Store *store, uint64_t epoch, bool replace, bool *ret_placed)
{
        unsigned flags = replace ? RENAME_EXCHANGE : RENAME_NOREPLACE;
        const char *name = store->journal.shape.name;

        FileName folder_of = file_name(name, STORE_JOURNAL_SUFFIX);

        int r = journal_finish(&store->journal, epoch);
        if (r == 0)
                r = sync_all(store);
        if (r == 0)
                r = fd_sync_dir(store->dir_fd, folder_of.text);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(suffixes); i++) {
                r = disk_place(store->dir_fd, file_name(name, suffixes[i]).text, flags);
                *ret_placed = r == 0 || i > 0;
        }
        return r < 0 ? r : fd_sync_dir(store->dir_fd, folder_of.text);
}

int store_sweep_new(int dir_fd, const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
                int r = disk_sweep(dir_fd, file_name(name, suffixes[i]).text, true);
                if (r < 0)
                        return r;
        }
        return 0;
}

int store_create(int dir_fd, const JournalShape *shape, Store *ret_store)
{
        Store store = STORE_INIT;
        bool placed = false;

        int r = store_sweep_new(dir_fd, shape->name);
        if (r == 0)
                r = store_begin(dir_fd, shape, &store);
        if (r == 0)
                r = store_place(&store, 0, false, &placed);
        if (r == 0) {
                *ret_store = store;
                return 0;
        }
        store_deinit(&store);
        if (placed || !disk_is_no_space(r))
                return r;
        r = store_sweep_new(dir_fd, shape->name);
        return r < 0 ? r : DISK_E_NO_SPACE;
}

/* ------------------------------------------------------------------------------------------------ opening */

/* Bytes of a file, or 0 where there is none. */
static int size_of(int dir_fd, const FileName *file, bool is_new, uint64_t *ret_size)
{
        _cleanup_(fd_closep) int fd = -1;

        *ret_size = 0;
        int r = disk_open(dir_fd, file->text, is_new, &fd);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        return disk_size(fd, ret_size);
}

/* Whether files of a gallery are there that hold more than an empty one's: no creation that was cut short left those. */
static int holds_something(int dir_fd, const char *name, bool *ret_holds)
{
        static const uint64_t most[] = {2 * COMPANION_HEAD_SIZE, COMPANION_HEAD_SIZE, COMPANION_HEAD_SIZE};

        *ret_holds = false;
        for (size_t i = 0; i < 2 * ARRAY_SIZE(suffixes); i++) {
                FileName file = file_name(name, suffixes[i / 2]);
                uint64_t size;
                int r = size_of(dir_fd, &file, i % 2, &size);
                if (r < 0)
                        return r;
                *ret_holds = *ret_holds || size > most[i / 2];
        }
        return 0;
}

/* There is no journal. Return: -ENOENT if there is no gallery either. */
static int open_without_journal(int dir_fd, const char *name)
{
        bool holds;

        int r = holds_something(dir_fd, name, &holds);
        if (r == 0 && holds)
                return DISK_E_DAMAGED;
        if (r == 0)
                r = store_sweep_new(dir_fd, name);
        for (size_t i = 1; r == 0 && i < ARRAY_SIZE(suffixes); i++)
                r = disk_sweep(dir_fd, file_name(name, suffixes[i]).text, false);
        return r < 0 ? r : -ENOENT;
}

static int open_journal(Store *store, const char *name)
{
        _cleanup_(fd_closep) int fd = -1;

        int r = disk_open(store->dir_fd, file_name(name, STORE_JOURNAL_SUFFIX).text, false, &fd);
        if (r == -ENOENT)
                return open_without_journal(store->dir_fd, name);
        if (r == 0)
                r = journal_open(fd, &store->journal);
        if (r != 0)
                return r;
        TAKE_FD(fd);
        return strcmp(store->journal.shape.name, name) == 0 ? 0 : DISK_E_DAMAGED;
}

/* Opens NAME or NAME.new if it is the journal's. Return: 0, DISK_E_DAMAGED (there is none, or another), or -errno. */
static int open_companion_as(const Store *store, const CompanionKind *kind, bool is_new, int *ret_fd)
{
        _cleanup_(fd_closep) int fd = -1;

        int r = disk_open(store->dir_fd, file_name(store->journal.shape.name, kind->suffix).text, is_new,
                          &fd);
        if (r == 0)
                r = companion_check(fd, kind, &store->journal);
        if (r == 0)
                *ret_fd = TAKE_FD(fd);
        return r == -ENOENT ? DISK_E_DAMAGED : r;
}

/* Invariant 4: the journal's file, which has its place afterwards. Return: as above. */
static int open_companion(const Store *store, const CompanionKind *kind, int *ret_fd)
{
        FileName file = file_name(store->journal.shape.name, kind->suffix);

        int r = open_companion_as(store, kind, false, ret_fd);
        if (r != DISK_E_DAMAGED)
                return r;
        r = open_companion_as(store, kind, true, ret_fd);
        if (r != 0)
                return r;
        r = disk_place(store->dir_fd, file.text, RENAME_EXCHANGE);
        if (r == -ENOENT)
                r = disk_place(store->dir_fd, file.text, RENAME_NOREPLACE);
        if (r == 0)
                r = fd_sync_dir(store->dir_fd, file.text);
        if (r < 0)
                *ret_fd = fd_close(*ret_fd);
        return r;
}

static int open_originals(Store *store)
{
        int fd;

        int r = open_companion(store, &original_file_kind, &fd);
        if (r == 0)
                r = original_file_init(&store->originals, fd, &store->journal);
        if (r == 0)
                r = original_file_check(&store->originals, store->journal.state.n_total);
        return r != 0 ? r : original_file_cut(&store->originals, store->journal.state.n_total);
}

/* Codes that are not there, or another gallery's, are begun anew. */
static int begin_codes(const Store *store, int *ret_fd)
{
        FileName file = file_name(store->journal.shape.name, code_file_kind.suffix);

        int r = disk_sweep(store->dir_fd, file.text, true);
        if (r == 0)
                r = disk_sweep(store->dir_fd, file.text, false);
        if (r == 0)
                r = begin_companion(store, &code_file_kind, ret_fd);
        if (r < 0)
                return r;
        r = disk_place(store->dir_fd, file.text, RENAME_NOREPLACE);
        if (r < 0)
                *ret_fd = fd_close(*ret_fd);
        return r;
}

static int open_codes(Store *store)
{
        int fd;

        int r = open_companion(store, &code_file_kind, &fd);
        if (r == DISK_E_DAMAGED)
                r = begin_codes(store, &fd);
        if (r != 0)
                return r;
        code_file_init(&store->codes, fd, &store->journal);
        return code_file_cut(&store->codes, store_n_blocks(store));
}

/* Invariant 3. The blocks are made again by whoever reads them. */
static int complete_removals(Store *store)
{
        _cleanup_(freep) uint64_t *rows = NULL;
        uint32_t n = 0;
        uint64_t row;

        for (row = 0; journal_next_unerased(&store->journal, row, &row); row++)
                n++;
        if (n == 0)
                return 0;
        rows = calloc(n, sizeof(uint64_t));
        if (!rows)
                return -ENOMEM;
        n = 0;
        for (row = 0; journal_next_unerased(&store->journal, row, &row); row++) {
                int r = code_file_erase(&store->codes, row / CODES_ROWS);
                if (r < 0)
                        return r;
                rows[n++] = row;
        }
        return store_erase(store, rows, n);
}

static int open_all(Store *store, const char *name)
{
        int r = open_journal(store, name);
        if (r == 0)
                r = open_originals(store);
        if (r == 0)
                r = open_codes(store);
        if (r == 0)
                r = store_sweep_new(store->dir_fd, name);
        return r != 0 ? r : complete_removals(store);
}

/* What stands in a file's place and is none, or may not be opened, or a disk that fails: this gallery's damage, and no reason to serve no other. */
static bool is_damage(int r)
{
        return r == -EISDIR || r == -ELOOP || r == -ENXIO || r == -ESPIPE || r == -EACCES || r == -EIO;
}

int store_open(int dir_fd, const char *name, Store *ret_store)
{
        Store store = STORE_INIT;

        store.dir_fd = dir_fd;
        int r = open_all(&store, name);
        if (r != 0) {
                store_deinit(&store);
                return is_damage(r) ? DISK_E_DAMAGED : r;
        }
        *ret_store = store;
        return 0;
}

/* ------------------------------------------------------------------------------------------------ changes */

/* Invariant 5. */
static int reserve(Store *store, uint32_t n)
{
        uint64_t n_total = store->journal.state.n_total;

        int r = original_file_reserve(&store->originals, n_total, n);
        if (r == 0)
                r = code_file_reserve(&store->codes, (n_total + n) / CODES_ROWS);
        return r != 0 ? r : journal_reserve(&store->journal, n);
}

/* Nothing was committed: whatever was written or asked for is given back. */
static int undo(Store *store)
{
        int r = original_file_cut(&store->originals, store->journal.state.n_total);
        if (r == 0)
                r = code_file_cut(&store->codes, store->codes.n_blocks);
        if (r == 0)
                r = journal_drop_reserve(&store->journal);
        return r < 0 ? r : DISK_E_NO_SPACE;
}

int store_add(Store *store, const char *const *subjects, const uint8_t *slots, uint32_t n)
{
        int r = reserve(store, n);
        if (r == 0)
                r = original_file_write(&store->originals, store->journal.state.n_total, slots, n);
        if (r == DISK_E_NO_SPACE || disk_is_no_space(r))
                return undo(store);
        if (r == 0)
                r = disk_sync(store->originals.fd);
        if (r == 0)
                r = journal_add(&store->journal, subjects, n);
        return r == DISK_E_NO_SPACE ? undo(store) : r;
}

/* Gives room back for the record of a removal: the last blocks, which the next start makes again. */
static int make_room(Store *store, uint32_t n)
{
        uint64_t n_bytes = STORE_ROOM_MIN + (uint64_t)n * sizeof(uint64_t);
        uint64_t n_blocks = store->codes.n_blocks;
        uint64_t n_less = MIN_OF(n_blocks, n_bytes / codes_block_size(store->codes.dimension) + 1);

        int r = n_blocks == 0 ? DISK_E_NO_SPACE : code_file_cut(&store->codes, n_blocks - n_less);
        return disk_is_no_space(r) ? DISK_E_NO_SPACE : r;
}

int store_remove(Store *store, const uint64_t *rows, uint32_t n)
{
        int r = journal_remove(&store->journal, rows, n);
        if (r != DISK_E_NO_SPACE)
                return r;
        /* Who is to be removed cannot wait until somebody has made room. */
        r = make_room(store, n);
        return r != 0 ? r : journal_remove(&store->journal, rows, n);
}

int store_erase(Store *store, const uint64_t *rows, uint32_t n)
{
        int r = 0;

        for (uint32_t i = 0; r == 0 && i < n; i++)
                r = original_file_erase(&store->originals, rows[i]);
        if (r == 0)
                r = disk_sync(store->originals.fd);
        if (r == 0)
                r = disk_sync(store->codes.fd);
        return r < 0 ? r : journal_erase(&store->journal, rows, n);
}
