/*
 * A gallery on disk: what comes back after a crash at any instant, after a call that fails, and after damage.
 *
 * The linker leads every call by which the gallery's files change through this file (--wrap), so that a test can fail any of them, end the process before it,
 * and say what a disk would hold had the power failed between any two: all that was synced, and of the rest any sectors and any names.
 */

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#include "base/diag.h"
#include "base/digest.h"
#include "base/macro.h"
#include "scratch.h"
#include "worker/codes.h"
#include "worker/gallery.h"
#include "worker/kernel.h"
#include "worker/mapping.h"
#include "worker/store.h"
#include "worker/subjects.h"
#include <criterion/redirect.h>

/* How often the power fails at each call, and from one flipped bit to the next: bytes, by a number that has nothing in common with 8. */
#ifdef __SANITIZE_ADDRESS__
enum { ROUNDS = 1, FLIP_STEP = 35 };
#else
enum { ROUNDS = 2, FLIP_STEP = 7 };
#endif

enum {
        DIMENSION = 16,
        SUBJECTS_MAX = 64,
        EACH_MAX = 40,
        SECTOR = 512,
        OPERATIONS_MAX = 8000,
        FILES_MAX = 64,
        IMAGE_MAX = 256 * 1024,
        NAMES_MAX = 16,
};

static Scratch scratch;

static const char *const file_names[] = {"g.gallery",     "g.originals",     "g.codes",
                                         "g.gallery.new", "g.originals.new", "g.codes.new"};

/* ------------------------------------------------------------------------- what a gallery ought to contain */

/* How many templates each subject has, of which each is made of the subject's number and its own. No subject comes twice. */
typedef struct Model {
        uint32_t n[SUBJECTS_MAX];
        uint64_t epoch;
} Model;

static void subject_of(uint32_t subject, char ret_name[static SUBJECT_NAME_MAX + 1])
{
        (void)snprintf(ret_name, SUBJECT_NAME_MAX + 1, "subject:%08x", subject);
}

static void vector_of(uint32_t subject, uint32_t i, float ret_vector[static DIMENSION])
{
        uint64_t state = (uint64_t)subject * EACH_MAX + i + 1;

        for (size_t j = 0; j < DIMENSION; j++)
                ret_vector[j] = scratch_random_float(&state);
}

/* Whether a gallery that was opened holds this, whole; and nothing else. */
static bool holds(Gallery *gallery, const Model *model)
{
        Templates templates = gallery_templates(gallery);
        bool same = gallery_epoch(gallery) == model->epoch;
        uint64_t n = 0;

        for (uint32_t i = 0; same && i < SUBJECTS_MAX; i++) {
                char name[SUBJECT_NAME_MAX + 1];
                uint32_t number;
                subject_of(i, name);
                if (!gallery_find(gallery, name, &number)) {
                        same = model->n[i] == 0;
                        continue;
                }
                same = gallery_n_templates_of(gallery, number) == model->n[i];
                n += model->n[i];
                size_t row = gallery_first_row(gallery, number);
                for (uint32_t j = 0; same && j < model->n[i]; j++) {
                        float vector[DIMENSION];
                        double square;
                        const float *found = original_read(&templates.originals, row, &square);
                        vector_of(i, j, vector);
                        cr_assert(found, "an original is damaged");
                        same = memcmp(found, vector, sizeof(vector)) == 0;
                        row = gallery_next_row(gallery, row);
                }
        }
        return same && n == gallery_n_templates(gallery);
}

/* The codes in memory are those of the originals. */
static void check_codes(const Gallery *gallery)
{
        Templates templates = gallery_templates(gallery);
        size_t size = codes_block_size(DIMENSION);

        for (size_t number = 0; number * CODES_ROWS < templates.n_rows; number++) {
                uint8_t ought[64 * 64] __attribute__((aligned(64)));
                cr_assert_leq(size, sizeof(ought));
                for (size_t i = 0; i < CODES_ROWS; i++) {
                        size_t row = number * CODES_ROWS + i;
                        double square;
                        codes_clear(ought, DIMENSION, i);
                        if (row >= templates.n_rows || templates.subjects[row] == SUBJECTS_NONE)
                                continue;
                        const float *vector = original_read(&templates.originals, row, &square);
                        codes_write(ought, DIMENSION, i, vector, square);
                }
                cr_assert_eq(memcmp(ought, templates.blocks + number * size, size), 0, "block %zu", number);
        }
}

static Gallery *load(void)
{
        Gallery *gallery;

        int r = gallery_load(scratch.dir_fd, "g", &gallery);
        cr_assert(r == 0 || r == -ENOENT, "%d", r);
        return r == 0 ? gallery : NULL;
}

static int create(Gallery **ret_gallery)
{
        return gallery_create(scratch.dir_fd, "g", &(GalleryShape){.model = "m", .dimension = DIMENSION},
                              ret_gallery);
}

static int add(Gallery *gallery, uint32_t subject, uint32_t n)
{
        GalleryEntry entries[EACH_MAX];
        float vectors[EACH_MAX][DIMENSION];
        char name[SUBJECT_NAME_MAX + 1];

        subject_of(subject, name);
        for (uint32_t i = 0; i < n; i++) {
                vector_of(subject, i, vectors[i]);
                entries[i] = (GalleryEntry){.subject = name, .vector = (const uint8_t *)vectors[i]};
        }
        return gallery_add(gallery, entries, n);
}

static int drop(Gallery *gallery, uint32_t subject)
{
        char name[SUBJECT_NAME_MAX + 1];
        uint32_t n;

        subject_of(subject, name);
        return gallery_remove(gallery, name, &n);
}

/* Changes: subjects come, most of them go (which compacts the gallery), and some come again. */
enum { CHANGES = 36, CHANGES_ADD = 13 };

/* What a change does. Return: how many templates of the subject it adds; 0: it removes the subject. */
static uint32_t change_of(uint32_t step, uint32_t *ret_subject)
{
        bool removes = step >= CHANGES_ADD && (step < 25 || step % 3 == 0);

        *ret_subject = !removes ? step : step < 25 ? step - CHANGES_ADD : step - 2;
        return removes ? 0 : 20 + step * 17 % 21;
}

static void foresee(Model *model, uint32_t step)
{
        uint32_t subject, n = change_of(step, &subject);

        model->n[subject] = n;
        model->epoch++;
}

static int change_alone(Gallery *gallery, uint32_t step)
{
        uint32_t subject, n = change_of(step, &subject);

        return n > 0 ? add(gallery, subject, n) : drop(gallery, subject);
}

/* With what comes after its answer. */
static int change(Gallery *gallery, uint32_t step)
{
        int r = change_alone(gallery, step);

        return r != 0 ? r : gallery_tidy(gallery, NULL);
}

static size_t read_file(const char *name, uint8_t *ret_bytes)
{
        _cleanup_(fd_closep) int fd = openat(scratch.dir_fd, name, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return 0;
        ssize_t n = read(fd, ret_bytes, IMAGE_MAX);
        cr_assert(n >= 0 && n < IMAGE_MAX);
        return (size_t)n;
}

static void write_file(const char *name, const uint8_t *bytes, size_t n)
{
        _cleanup_(fd_closep) int fd =
                openat(scratch.dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        cr_assert_geq(fd, 0);
        cr_assert_eq(fd_write_all(fd, bytes, n), 0);
}

/* ------------------------------------------------------------------------------ what is left of the removed */

/* The code of a template, as its bytes lie in a block. */
static void code_of(uint32_t subject, uint32_t i, uint8_t ret_code[static DIMENSION])
{
        uint8_t block[64 * 64] __attribute__((aligned(64)));
        float vector[DIMENSION];
        float padded[KERNEL_PADDED(DIMENSION)];
        double square;

        vector_of(subject, i, vector);
        cr_assert(kernel_read_vector((const uint8_t *)vector, DIMENSION, padded, &square));
        codes_write(block, DIMENSION, 0, padded, square);
        for (size_t j = 0; j < DIMENSION / 4; j++)
                memcpy(ret_code + 4 * j, block + j * CODES_ROWS * 4, 4);
}

/* All vectors and codes by their first 8 bytes, so that a file is looked through once for all of them. */
typedef struct Trace {
        uint8_t bytes[8];
        uint32_t subject;
        bool is_code;
        bool used;
} Trace;

enum { TRACES_MAX = 1 << 14 };

static Trace traces[TRACES_MAX];

static Trace *trace_slot(const uint8_t bytes[static 8], bool is_code)
{
        uint64_t hash;

        memcpy(&hash, bytes, sizeof(hash));
        size_t i = (hash + is_code) * UINT64_C(0x9e3779b97f4a7c15) >> 50;
        while (traces[i].used && (traces[i].is_code != is_code || memcmp(traces[i].bytes, bytes, 8) != 0))
                i = (i + 1) % TRACES_MAX;
        return &traces[i];
}

static void trace_add(const uint8_t bytes[static 8], bool is_code, uint32_t subject)
{
        Trace *trace = trace_slot(bytes, is_code);

        cr_assert_not(trace->used);
        *trace = (Trace){.subject = subject, .is_code = is_code, .used = true};
        memcpy(trace->bytes, bytes, sizeof(trace->bytes));
}

static void make_traces(void)
{
        for (uint32_t subject = 0; subject < SUBJECTS_MAX; subject++)
                for (uint32_t i = 0; i < EACH_MAX; i++) {
                        float vector[DIMENSION];
                        uint8_t code[DIMENSION];
                        vector_of(subject, i, vector);
                        trace_add((const uint8_t *)vector, false, subject);
                        code_of(subject, i, code);
                        trace_add(code, true, subject);
                }
}

static uint64_t told_by(const uint8_t bytes[static 8], bool is_code)
{
        const Trace *trace = trace_slot(bytes, is_code);

        return trace->used ? UINT64_C(1) << trace->subject : 0;
}

static uint64_t codes_tell_of(const uint8_t *bytes, size_t n)
{
        size_t stride = codes_block_size(DIMENSION) + 64;
        uint64_t subjects = 0;

        for (size_t begin = COMPANION_HEAD_SIZE; begin + stride <= n; begin += stride)
                for (size_t row = 0; row < CODES_ROWS; row++) {
                        uint8_t code[8];
                        memcpy(code, bytes + begin + row * 4, 4);
                        memcpy(code + 4, bytes + begin + (CODES_ROWS + row) * 4, 4);
                        subjects |= told_by(code, true);
                }
        return subjects;
}

/* The subjects of whom a file holds a name, a vector or a code, as bits. */
static uint64_t tells_of(const uint8_t *bytes, size_t n)
{
        uint64_t subjects = codes_tell_of(bytes, n);

        for (size_t i = 0; i + 16 <= n; i += 4) {
                unsigned number;
                if (memcmp(bytes + i, "subject:", 8) == 0 &&
                    sscanf((const char *)bytes + i, "subject:%8x", &number) == 1)
                        subjects |= UINT64_C(1) << number;
                subjects |= told_by(bytes + i, false);
        }
        return subjects;
}

static uint64_t subjects_in(const Model *model)
{
        uint64_t subjects = 0;

        for (uint32_t i = 0; i < SUBJECTS_MAX; i++)
                subjects |= (uint64_t)(model->n[i] > 0) << i;
        return subjects;
}

static void check_nothing_else(const Model *model, const char *when)
{
        static uint8_t bytes[IMAGE_MAX];

        for (size_t i = 0; i < ARRAY_SIZE(file_names); i++) {
                size_t n = read_file(file_names[i], bytes);
                cr_assert(n == 0 || i < 3, "%s: %s is left", when, file_names[i]);
                cr_assert_eq(tells_of(bytes, n) & ~subjects_in(model), 0, "%s: %s tells of somebody", when,
                             file_names[i]);
        }
}

static void set_up(void)
{
        scratch_init(&scratch);
        cr_assert_eq(mapping_catch_faults(), 0);
        diag_set_level(DIAG_ERROR); /* That blocks are made again is no news here. */
        make_traces();
}

static void tear_down(void)
{
        scratch_deinit(&scratch);
}

TestSuite(store, .init = set_up, .fini = tear_down, .timeout = 600);

/* ------------------------------------------------------------------------------- the calls to the disk */

typedef enum DiskCall {
        DISK_WRITE,
        DISK_TRUNCATE,
        DISK_RESERVE,
        DISK_SYNC,
        DISK_CREATE,
        DISK_RENAME,
        DISK_UNLINK,
        DISK_DONE, /* a change has returned */
} DiskCall;

typedef struct DiskOperation {
        DiskCall call;
        ino_t file;
        uint64_t offset; /* or the new length, or flags */
        size_t n;
        uint8_t *bytes;
        char name[32], to[32];
} DiskOperation;

static DiskOperation operations[OPERATIONS_MAX];
static size_t n_operations;
static bool recording;

/* Which call is to fail, counted down, and how: an errno, or -1 for the end of the process. */
static int fails_at, fails_with;

static DiskOperation *record(DiskCall call, ino_t file)
{
        static DiskOperation nowhere;

        if (!recording)
                return &nowhere;
        cr_assert_lt(n_operations, (size_t)OPERATIONS_MAX);
        operations[n_operations] = (DiskOperation){.call = call, .file = file};
        return &operations[n_operations++];
}

static ino_t file_of(int fd)
{
        struct stat st;

        cr_assert_eq(fstat(fd, &st), 0);
        return st.st_ino;
}

static bool fails(void)
{
        if (fails_at == 0 || --fails_at > 0)
                return false;
        if (fails_with < 0)
                (void)raise(SIGKILL);
        errno = fails_with;
        return true;
}

ssize_t __real_pwrite64(int fd, const void *bytes, size_t n, off_t offset);
int __real_ftruncate64(int fd, off_t length);
int __real_posix_fallocate64(int fd, off_t offset, off_t n);
int __real_fdatasync(int fd);
int __real_fsync(int fd);
int __real_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int __real_unlinkat(int dir_fd, const char *name, int flags);
int __real_openat64(int dir_fd, const char *name, int flags, ...);
int __real_fstatvfs64(int fd, struct statvfs *ret);
ssize_t __wrap_pwrite64(int fd, const void *bytes, size_t n, off_t offset);
int __wrap_ftruncate64(int fd, off_t length);
int __wrap_posix_fallocate64(int fd, off_t offset, off_t n);
int __wrap_fdatasync(int fd);
int __wrap_fsync(int fd);
int __wrap_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int __wrap_unlinkat(int dir_fd, const char *name, int flags);
int __wrap_openat64(int dir_fd, const char *name, int flags, ...);
int __wrap_fstatvfs64(int fd, struct statvfs *ret);

/* That there is no room on the disk, until something is cut off. */
static bool says_full;

int __wrap_fstatvfs64(int fd, struct statvfs *ret)
{
        int r = __real_fstatvfs64(fd, ret);

        if (says_full)
                ret->f_bavail = 1;
        return r;
}

ssize_t __wrap_pwrite64(int fd, const void *bytes, size_t n, off_t offset)
{
        if (fails())
                return -1;
        DiskOperation *operation = record(DISK_WRITE, file_of(fd));
        if (recording) {
                operation->offset = (uint64_t)offset;
                operation->n = n;
                operation->bytes = malloc(n);
                memcpy(operation->bytes, bytes, n);
        }
        return __real_pwrite64(fd, bytes, n, offset);
}

int __wrap_ftruncate64(int fd, off_t length)
{
        if (fails())
                return -1;
        record(DISK_TRUNCATE, file_of(fd))->offset = (uint64_t)length;
        says_full = false;
        return __real_ftruncate64(fd, length);
}

int __wrap_posix_fallocate64(int fd, off_t offset, off_t n)
{
        if (fails())
                return errno;
        if (says_full)
                return ENOSPC;
        record(DISK_RESERVE, file_of(fd))->offset = (uint64_t)(offset + n);
        return __real_posix_fallocate64(fd, offset, n);
}

int __wrap_fdatasync(int fd)
{
        if (fails())
                return -1;
        record(DISK_SYNC, file_of(fd));
        return __real_fdatasync(fd);
}

int __wrap_fsync(int fd)
{
        if (fails())
                return -1;
        record(DISK_SYNC, file_of(fd));
        return __real_fsync(fd);
}

int __wrap_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
        if (fails())
                return -1;
        DiskOperation *operation = record(DISK_RENAME, file_of(from_fd));
        (void)snprintf(operation->name, sizeof(operation->name), "%s", from);
        (void)snprintf(operation->to, sizeof(operation->to), "%s", to);
        operation->offset = flags;
        return __real_renameat2(from_fd, from, to_fd, to, flags);
}

int __wrap_unlinkat(int dir_fd, const char *name, int flags)
{
        if (fails())
                return -1;
        DiskOperation *operation = record(DISK_UNLINK, file_of(dir_fd));
        (void)snprintf(operation->name, sizeof(operation->name), "%s", name);
        return __real_unlinkat(dir_fd, name, flags);
}

int __wrap_openat64(int dir_fd, const char *name, int flags, ...)
{
        mode_t mode = 0;
        va_list arguments;

        if (flags & O_CREAT) {
                va_start(arguments, flags);
                mode = va_arg(arguments, mode_t);
                va_end(arguments);
        }
        bool made = flags & O_EXCL;
        if (made && fails())
                return -1;
        int fd = __real_openat64(dir_fd, name, flags, mode);
        if (made && fd >= 0) {
                DiskOperation *operation = record(DISK_CREATE, file_of(dir_fd));
                (void)snprintf(operation->name, sizeof(operation->name), "%s", name);
                operation->n = recording ? file_of(fd) : 0;
        }
        return fd;
}

/* ---------------------------------------------------------------------------------------- the power fails */

typedef struct DiskFile {
        ino_t file;
        size_t n;
        uint8_t bytes[IMAGE_MAX];
} DiskFile;

typedef struct DiskName {
        char name[32]; /* "": unused */
        ino_t file;
} DiskName;

typedef struct Disk {
        DiskFile files[FILES_MAX];
        size_t n_files;
        DiskName names[NAMES_MAX];
} Disk;

static DiskFile *disk_file(Disk *disk, ino_t file)
{
        for (size_t i = 0; i < disk->n_files; i++)
                if (disk->files[i].file == file)
                        return &disk->files[i];
        cr_assert_lt(disk->n_files, (size_t)FILES_MAX);
        DiskFile *made = &disk->files[disk->n_files++];
        made->file = file;
        made->n = 0;
        memset(made->bytes, 0, IMAGE_MAX);
        return made;
}

static DiskName *disk_name(Disk *disk, const char *name)
{
        for (size_t i = 0; i < NAMES_MAX; i++)
                if (strcmp(disk->names[i].name, name) == 0)
                        return &disk->names[i];
        return NULL;
}

static void image_write(DiskFile *file, const DiskOperation *operation, uint64_t *state)
{
        uint64_t end = operation->offset + operation->n;
        unsigned mode = state ? (unsigned)(scratch_random(state) % 3) : 0;

        cr_assert_leq(end, (uint64_t)IMAGE_MAX);
        for (uint64_t begin = operation->offset; begin < end;) {
                uint64_t next = MIN_OF((begin / SECTOR + 1) * SECTOR, end);
                if (mode == 0 || (mode == 1 && scratch_random(state) % 2)) {
                        memcpy(file->bytes + begin, operation->bytes + (begin - operation->offset),
                               next - begin);
                        file->n = MAX_OF(file->n, (size_t)next);
                }
                begin = next;
        }
}

static void disk_rename(Disk *disk, const DiskOperation *operation)
{
        DiskName *from = disk_name(disk, operation->name), *to = disk_name(disk, operation->to);

        if (!from)
                return; /* Its creation has not come so far. */
        if (to && operation->offset == RENAME_EXCHANGE) {
                ino_t file = to->file;
                to->file = from->file;
                from->file = file;
                return;
        }
        if (to)
                to->name[0] = 0;
        memcpy(from->name, operation->to, sizeof(from->name));
}

/* Applies a call whole, or, if @state is given, whatever of it made its way to the disk. */
static void disk_apply(Disk *disk, const DiskOperation *operation, uint64_t *state)
{
        DiskName *name;

        if (operation->call == DISK_WRITE) {
                image_write(disk_file(disk, operation->file), operation, state);
                return;
        }
        if (operation->call == DISK_SYNC || operation->call == DISK_DONE ||
            (state && scratch_random(state) % 2))
                return;
        if (operation->call == DISK_RENAME)
                disk_rename(disk, operation);
        if (operation->call == DISK_UNLINK && (name = disk_name(disk, operation->name)))
                name->name[0] = 0;
        if (operation->call == DISK_CREATE) {
                name = disk_name(disk, "");
                *name = (DiskName){.file = (ino_t)operation->n};
                memcpy(name->name, operation->name, sizeof(name->name));
        }
        if (operation->call == DISK_TRUNCATE || operation->call == DISK_RESERVE) {
                DiskFile *file = disk_file(disk, operation->file);
                if (operation->call == DISK_TRUNCATE) {
                        memset(file->bytes + operation->offset, 0, IMAGE_MAX - operation->offset);
                        file->n = operation->offset;
                }
                file->n = MAX_OF(file->n, (size_t)operation->offset);
        }
}

static bool is_synced(size_t i, size_t end)
{
        for (size_t j = i + 1; j < end; j++)
                if (operations[j].call == DISK_SYNC && operations[j].file == operations[i].file)
                        return true;
        return false;
}

/* The folder had the power failed before call @end. */
static void disk_after_power_failure(Disk *disk, size_t end, uint64_t *state)
{
        disk->n_files = 0;
        memset(disk->names, 0, sizeof(disk->names));
        for (size_t i = 0; i < end; i++)
                disk_apply(disk, &operations[i], is_synced(i, end) ? NULL : state);
        for (size_t i = 0; i < ARRAY_SIZE(file_names); i++)
                (void)unlinkat(scratch.dir_fd, file_names[i], 0); /* It need not be there. */
        for (size_t i = 0; i < NAMES_MAX; i++)
                if (disk->names[i].name[0]) {
                        const DiskFile *file = disk_file(disk, disk->names[i].file);
                        write_file(disk->names[i].name, file->bytes, file->n);
                }
}

/* What has no name any more is on the disk all the same. */
static void check_disk_tells_nothing(const Disk *disk, const Model *before, const Model *after)
{
        uint64_t gone = subjects_in(before) & ~subjects_in(after);

        for (size_t i = 0; gone != 0 && i < disk->n_files; i++)
                cr_assert_eq(tells_of(disk->files[i].bytes, disk->files[i].n) & gone, 0);
}

static void check_after_power_failure(size_t i, const Model *before, const Model *after)
{
        Gallery *gallery = load();

        if (!gallery) {
                cr_assert_null(before, "call %zu: the gallery is gone", i);
                return;
        }
        cr_assert_not(gallery_is_damaged(gallery), "call %zu", i);
        bool is_before = before && holds(gallery, before);
        cr_assert(is_before || holds(gallery, after), "call %zu: epoch %ju", i,
                  (uintmax_t)gallery_epoch(gallery));
        check_codes(gallery);
        gallery_free(gallery);
        check_nothing_else(is_before ? before : after, "opened");
}

Test(store, holds_all_that_was_answered_whenever_the_power_fails)
{
        static Disk disk;
        static Model models[CHANGES + 1];
        size_t rounds = getenv("MATCHGUARD_POWERCUT") ? 40 : ROUNDS;
        uint64_t state = 41;
        Gallery *gallery;

        recording = true;
        cr_assert_eq(create(&gallery), 0);
        record(DISK_DONE, 0);
        for (uint32_t i = 0; i < CHANGES; i++) {
                models[i + 1] = models[i];
                foresee(&models[i + 1], i);
                cr_assert_eq(change_alone(gallery, i), 0);
                record(DISK_DONE, 0);
                cr_assert_eq(gallery_tidy(gallery, NULL), 0);
        }
        recording = false;
        gallery_free(gallery);
        for (size_t i = 0, done = 0; i <= n_operations; i++) {
                bool is_done = i > 0 && operations[i - 1].call == DISK_DONE;
                done += is_done;
                for (size_t round = 0; round < rounds; round++) {
                        disk_after_power_failure(&disk, i, &state);
                        if (is_done && done > 1)
                                check_disk_tells_nothing(&disk, &models[done - 2], &models[done - 1]);
                        check_after_power_failure(i, done > 0 ? &models[done - 1] : NULL,
                                                  &models[MIN_OF(done, (size_t)CHANGES)]);
                }
        }
        for (size_t i = 0; i < n_operations; i++)
                free(operations[i].bytes);
}

/* ------------------------------------------------------------------------------------------ a call fails */

typedef enum Scenario {
        CREATES,
        ADDS,
        REMOVES,
        COMPACTS, /* by a removal */
        STARTS,   /* completes a removal that a kill cut short, as it compacts the gallery */
        _SCENARIO_MAX,
} Scenario;

static const char *const scenario_names[] = {"creation", "enrolment", "removal", "compaction", "start"};

/* Whether a removal leaves more empty rows than others. */
static bool compacts(const Gallery *gallery, const Model *model, uint32_t step)
{
        uint32_t subject;

        if (change_of(step, &subject) > 0)
                return false;
        size_t n_live = gallery_n_templates(gallery) - model->n[subject];
        size_t n_dead = gallery_templates(gallery).n_rows - n_live;
        return n_dead >= 256 && n_dead > n_live;
}

/* A gallery before a change, and which change. */
static Gallery *prepare(Scenario scenario, Model *model, uint32_t *ret_step)
{
        Gallery *gallery;
        uint32_t step = 0;

        *model = (Model){};
        for (size_t i = 0; i < ARRAY_SIZE(file_names); i++)
                (void)unlinkat(scratch.dir_fd, file_names[i], 0); /* It need not be there. */
        if (scenario == CREATES)
                return NULL;
        cr_assert_eq(create(&gallery), 0);
        while (step < (scenario == ADDS ? 5 : CHANGES_ADD) ||
               (scenario >= COMPACTS && !compacts(gallery, model, step))) {
                cr_assert_eq(change(gallery, step), 0);
                foresee(model, step++);
        }
        *ret_step = step;
        return gallery;
}

static int do_change(Scenario scenario, Gallery **gallery, uint32_t step)
{
        if (scenario == CREATES)
                return create(gallery);
        if (scenario == STARTS)
                return gallery_load(scratch.dir_fd, "g", gallery);
        return change(*gallery, step);
}

/* In a process of its own, which is killed before its call number @at. Return: whether it lived to the end. */
static bool lives_through(Scenario scenario, Gallery *gallery, uint32_t step, int at)
{
        int status;

        pid_t pid = fork();
        cr_assert_geq(pid, 0);
        if (pid == 0) {
                fails_at = at;
                fails_with = -1;
                _exit(do_change(scenario, &gallery, step) == 0 ? 0 : 1);
        }
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert(WIFSIGNALED(status) || WEXITSTATUS(status) == 0, "a change fails by itself");
        return !WIFSIGNALED(status);
}

/* One change that a failing call meets. */
typedef struct Attempt {
        Scenario scenario;
        uint32_t step;
        Model before, after;
        bool made;     /* the call that was to fail */
        bool answered; /* that all is done */
        char what[64];
} Attempt;

/* What is there at a start: all of it from before the change, or all from after it. */
static void check_start(const Attempt *attempt)
{
        Gallery *gallery = load();

        if (!gallery) {
                cr_assert(attempt->scenario == CREATES && !attempt->answered, "%s: it is gone",
                          attempt->what);
                return;
        }
        cr_assert_not(gallery_is_damaged(gallery), "%s", attempt->what);
        bool is_after = holds(gallery, &attempt->after);
        cr_assert(is_after || (!attempt->answered && holds(gallery, &attempt->before)), "%s", attempt->what);
        check_codes(gallery);
        gallery_free(gallery);
        check_nothing_else(is_after ? &attempt->after : &attempt->before, attempt->what);
}

/* Who goes on after a disk that was full finds all as it was, and can do then what could not be done. */
static void check_goes_on(Attempt *attempt, Gallery *gallery)
{
        if (gallery)
                cr_assert(holds(gallery, &attempt->before), "%s", attempt->what);
        check_nothing_else(&attempt->before, attempt->what);
        cr_assert_eq(do_change(attempt->scenario, &gallery, attempt->step), 0, "%s", attempt->what);
        cr_assert(holds(gallery, &attempt->after), "%s", attempt->what);
        check_codes(gallery);
        gallery_free(gallery);
        attempt->answered = true;
}

static void meet_error(Attempt *attempt, Gallery *gallery, int at, int error)
{
        fails_at = at;
        fails_with = error;
        int r = do_change(attempt->scenario, &gallery, attempt->step);
        attempt->made = fails_at == 0;
        fails_at = 0;
        cr_assert(r == 0 || r == -error || (r == GALLERY_E_NO_SPACE && error == ENOSPC), "%s: %d",
                  attempt->what, r);
        /* A start that meets a disk which fails has a damaged gallery, until the next. */
        attempt->answered = r == 0 && !gallery_is_damaged(gallery);
        cr_assert(attempt->answered || r != 0 || (attempt->scenario == STARTS && error == EIO), "%s",
                  attempt->what);
        if (r == GALLERY_E_NO_SPACE)
                check_goes_on(attempt, gallery);
        else if (r == 0 || attempt->scenario > CREATES)
                gallery_free(attempt->scenario == STARTS && r < 0 ? NULL : gallery);
}

/* Return: whether there is such a call. */
static bool attempt_with(Scenario scenario, int at, int error)
{
        Attempt attempt = {.scenario = scenario};
        Gallery *gallery = prepare(scenario, &attempt.before, &attempt.step);

        (void)snprintf(attempt.what, sizeof(attempt.what), "%s, call %d, %s", scenario_names[scenario], at,
                       error < 0 ? "killed" : strerrorname_np(error));
        attempt.after = attempt.before;
        if (scenario != CREATES)
                foresee(&attempt.after, attempt.step);
        if (scenario == STARTS) {
                /* By then its record is committed, and some of it overwritten. */
                cr_assert_not(lives_through(COMPACTS, gallery, attempt.step, 12));
                gallery = gallery_free(gallery);
                attempt.before = attempt.after;
        }
        if (error < 0) {
                attempt.answered = lives_through(scenario, gallery, attempt.step, at);
                attempt.made = !attempt.answered;
                gallery_free(gallery);
        } else {
                meet_error(&attempt, gallery, at, error);
        }
        check_start(&attempt);
        return attempt.made;
}

static int attempt_each(int error)
{
        int n = 0;

        for (Scenario scenario = 0; scenario < _SCENARIO_MAX; scenario++) {
                int at = 1;
                while (attempt_with(scenario, at, error))
                        at++;
                cr_assert_gt(at, scenario == ADDS ? 9 : 12, "%s: %d calls", scenario_names[scenario], at - 1);
                n += at - 1;
        }
        return n;
}

Test(store, holds_all_that_was_answered_whichever_call_kills)
{
        cr_assert_gt(attempt_each(-1), 300);
}

Test(store, is_as_it_was_or_as_it_ought_to_be_whichever_call_fails)
{
        cr_assert_gt(attempt_each(EIO), 300);
}

Test(store, says_that_space_is_lacking_whichever_call_finds_it_and_goes_on_as_it_was)
{
        cr_assert_gt(attempt_each(ENOSPC), 300);
}

/* ------------------------------------------------------------------------------------------------- damage */

/* A gallery with rows that were removed, in two full blocks and one that is not. */
static void make_varied(Model *model)
{
        Gallery *gallery;

        *model = (Model){};
        cr_assert_eq(create(&gallery), 0);
        for (uint32_t step = 0; step < 5; step++) {
                cr_assert_eq(change(gallery, step), 0);
                foresee(model, step);
        }
        cr_assert_eq(drop(gallery, 1), 0);
        model->n[1] = 0;
        model->epoch++;
        gallery_free(gallery);
}

/* Whether each row is what was stored, or says that it is not. */
static bool is_true_or_says(const Gallery *gallery, const Model *model, size_t *n_said)
{
        Templates templates = gallery_templates(gallery);

        for (size_t row = 0; row < templates.n_rows; row++) {
                double square;
                if (templates.subjects[row] != SUBJECTS_NONE &&
                    !original_read(&templates.originals, row, &square)) {
                        (*n_said)++;
                        return true;
                }
        }
        check_codes(gallery);
        return holds((Gallery *)gallery, model);
}

/* What a changed file comes to: damage at the start, damage of a row that is read, or nothing at all. */
typedef struct Damage {
        size_t n_starts, n_rows;
} Damage;

static void check_damage(const char *name, size_t at, const Model *model, Damage *damage)
{
        Gallery *gallery = load();

        cr_assert(gallery, "%s, %zu", name, at);
        if (gallery_is_damaged(gallery))
                damage->n_starts++;
        else
                cr_assert(is_true_or_says(gallery, model, &damage->n_rows), "%s, byte %zu", name, at);
        gallery_free(gallery);
}

static uint8_t kept[3][IMAGE_MAX];
static size_t n_kept[3];

static void keep_files(void)
{
        for (size_t i = 0; i < 3; i++)
                n_kept[i] = read_file(file_names[i], kept[i]);
}

static void put_back(void)
{
        for (size_t i = 0; i < ARRAY_SIZE(file_names); i++)
                (void)unlinkat(scratch.dir_fd, file_names[i], 0); /* It need not be there. */
        for (size_t i = 0; i < 3; i++)
                write_file(file_names[i], kept[i], n_kept[i]);
}

Test(store, is_damaged_or_made_again_or_unharmed_by_a_flipped_bit_in_any_place)
{
        Damage damage[3] = {};
        Model model;

        make_varied(&model);
        keep_files();
        for (size_t i = 0; i < 3; i++)
                for (size_t at = 0; at < n_kept[i]; at += FLIP_STEP) {
                        put_back();
                        kept[i][at] ^= (uint8_t)(1 << at % 8);
                        write_file(file_names[i], kept[i], n_kept[i]);
                        kept[i][at] ^= (uint8_t)(1 << at % 8);
                        check_damage(file_names[i], at, &model, &damage[i]);
                }
        /* An eighth of the journal is entries and records in use, slots are there twice; a slot of an original is
         * covered but for its last bytes, and those of removed rows; and codes are made again. */
        cr_assert_gt(damage[0].n_starts, n_kept[0] / FLIP_STEP / 5);
        cr_assert_gt(damage[1].n_starts + damage[1].n_rows, n_kept[1] / FLIP_STEP / 2);
        cr_assert_eq(damage[2].n_starts + damage[2].n_rows, 0);
}

Test(store, is_damaged_or_made_again_by_sectors_of_zeros_or_noise)
{
        uint64_t state = 21;
        Damage damage[3] = {};
        Model model;

        make_varied(&model);
        keep_files();
        for (size_t i = 0; i < 3; i++)
                for (size_t begin = 0; begin < n_kept[i]; begin += SECTOR)
                        for (size_t round = 0; round < 2; round++) {
                                static uint8_t image[IMAGE_MAX];
                                memcpy(image, kept[i], n_kept[i]);
                                for (size_t at = begin; at < MIN_OF(begin + SECTOR, n_kept[i]); at++)
                                        image[at] = round == 0 ? 0 : (uint8_t)scratch_random(&state);
                                put_back();
                                write_file(file_names[i], image, n_kept[i]);
                                check_damage(file_names[i], begin, &model, &damage[i]);
                        }
        cr_assert_gt(damage[0].n_starts, 0);
        cr_assert_gt(damage[1].n_starts + damage[1].n_rows, 0);
        cr_assert_eq(damage[2].n_starts + damage[2].n_rows, 0);
}

Test(store, is_damaged_when_journal_or_originals_are_cut_off_and_not_when_codes_are)
{
        Model model;

        make_varied(&model);
        keep_files();
        for (size_t i = 0; i < 3; i++) {
                Damage damage = {};
                size_t n = 0;
                for (size_t length = 0; length < n_kept[i]; length += 61) {
                        put_back();
                        write_file(file_names[i], kept[i], length);
                        check_damage(file_names[i], length, &model, &damage);
                        n++;
                }
                cr_assert_eq(damage.n_starts, i < 2 ? n : 0, "%s", file_names[i]);
                cr_assert_eq(damage.n_rows, 0);
        }
}

Test(store, is_damaged_without_journal_or_originals_and_not_without_codes)
{
        Model model;

        make_varied(&model);
        keep_files();
        for (size_t missing = 0; missing < 3; missing++) {
                Damage damage = {};
                put_back();
                cr_assert_eq(unlinkat(scratch.dir_fd, file_names[missing], 0), 0);
                check_damage(file_names[missing], 0, &model, &damage);
                cr_assert_eq(damage.n_starts, missing < 2);
                /* Nothing that is left is thrown away. */
                for (size_t i = 0; i < 3; i++) {
                        static uint8_t bytes[IMAGE_MAX];
                        cr_assert(i == missing || read_file(file_names[i], bytes) == n_kept[i]);
                }
        }
}

Test(store, does_not_take_originals_or_codes_of_another_gallery)
{
        static uint8_t foreign[2][IMAGE_MAX];
        Model model;

        make_varied(&model);
        for (size_t i = 0; i < 2; i++)
                (void)read_file(file_names[i + 1], foreign[i]);
        for (size_t i = 0; i < 3; i++)
                cr_assert_eq(unlinkat(scratch.dir_fd, file_names[i], 0), 0);
        make_varied(&model);
        keep_files();
        for (size_t i = 1; i < 3; i++)
                for (size_t begin = 0; begin <= COMPANION_HEAD_SIZE; begin += COMPANION_HEAD_SIZE) {
                        /* The whole file, and then behind this gallery's own head. */
                        static uint8_t image[IMAGE_MAX];
                        Damage damage = {};
                        memcpy(image, kept[i], n_kept[i]);
                        memcpy(image + begin, foreign[i - 1] + begin, n_kept[i] - begin);
                        put_back();
                        write_file(file_names[i], image, n_kept[i]);
                        check_damage(file_names[i], begin, &model, &damage);
                        cr_assert_eq(damage.n_starts + damage.n_rows, i == 1);
                }
}

Test(store, heals_codes_on_the_disk_too)
{
        static uint8_t bytes[IMAGE_MAX];
        Model model;
        Damage damage = {};

        make_varied(&model);
        keep_files();
        kept[2][COMPANION_HEAD_SIZE + 100] ^= 1;
        write_file(file_names[2], kept[2], n_kept[2]);
        kept[2][COMPANION_HEAD_SIZE + 100] ^= 1;
        check_damage(file_names[2], 0, &model, &damage);
        cr_assert_eq(read_file(file_names[2], bytes), n_kept[2]);
        cr_assert_eq(memcmp(bytes, kept[2], n_kept[2]), 0);
}

Test(store, does_not_take_codes_from_before_a_removal)
{
        static uint8_t older[IMAGE_MAX], bytes[IMAGE_MAX];
        Model model = {};
        Damage damage = {};
        Gallery *gallery;

        cr_assert_eq(create(&gallery), 0);
        for (uint32_t step = 0; step < 5; step++) {
                cr_assert_eq(change(gallery, step), 0);
                foresee(&model, step);
        }
        size_t n = read_file("g.codes", older);
        cr_assert_eq(drop(gallery, 1), 0);
        model.n[1] = 0;
        model.epoch++;
        gallery_free(gallery);
        write_file("g.codes", older, n);
        check_damage("g.codes", 0, &model, &damage);
        cr_assert_eq(damage.n_starts + damage.n_rows, 0);
        cr_assert_eq(read_file("g.codes", bytes), n);
        cr_assert_eq(tells_of(bytes, n) & ~subjects_in(&model), 0);
}

Test(store, does_not_take_a_slot_or_a_block_in_the_place_of_another)
{
        const size_t sizes[] = {[1] = original_slot_size(DIMENSION), [2] = codes_block_size(DIMENSION) + 64};
        Model model = {};
        Gallery *gallery;

        cr_assert_eq(create(&gallery), 0);
        for (uint32_t step = 0; step < 5; step++) {
                cr_assert_eq(change(gallery, step), 0);
                foresee(&model, step);
        }
        gallery_free(gallery);
        keep_files();
        for (size_t i = 1; i < 3; i++) {
                static uint8_t image[IMAGE_MAX];
                Damage damage = {};
                const uint8_t *first = kept[i] + COMPANION_HEAD_SIZE;
                memcpy(image, kept[i], n_kept[i]);
                memcpy(image + COMPANION_HEAD_SIZE, first + sizes[i], sizes[i]);
                memcpy(image + COMPANION_HEAD_SIZE + sizes[i], first, sizes[i]);
                put_back();
                write_file(file_names[i], image, n_kept[i]);
                check_damage(file_names[i], 0, &model, &damage);
                cr_assert_eq(damage.n_starts + damage.n_rows, i == 1);
        }
}

Test(store, drops_and_overwrites_what_was_never_committed)
{
        static uint8_t bytes[IMAGE_MAX];
        Model model;
        Damage damage = {};

        make_varied(&model);
        keep_files();
        for (size_t i = 0; i < 3; i++) {
                memset(kept[i] + n_kept[i], 0x5a, 3000);
                write_file(file_names[i], kept[i], n_kept[i] + 3000);
        }
        check_damage("all", 0, &model, &damage);
        cr_assert_eq(damage.n_starts + damage.n_rows, 0);
        for (size_t i = 0; i < 3; i++)
                cr_assert_eq(read_file(file_names[i], bytes), n_kept[i]);
}

Test(store, overwrites_the_old_files_when_it_compacts)
{
        Model model;
        uint32_t step;
        static uint8_t bytes[IMAGE_MAX];
        static const char *const olds[] = {"old0", "old1", "old2"};
        Gallery *gallery = prepare(COMPACTS, &model, &step);

        /* Other names for the old files show what becomes of their bytes. */
        for (size_t i = 0; i < 3; i++)
                cr_assert_eq(linkat(scratch.dir_fd, file_names[i], scratch.dir_fd, olds[i], 0), 0);
        cr_assert_eq(change(gallery, step), 0);
        for (size_t i = 0; i < 3; i++)
                cr_assert_eq(read_file(olds[i], bytes), 0);
        gallery_free(gallery);
}

/* Removes so much that a compaction is due, without it. Return: how many rows there are. */
static size_t leave_untidy(Gallery *gallery, uint32_t step, Model *model)
{
        cr_assert_eq(change_alone(gallery, step), 0);
        foresee(model, step);
        return gallery_templates(gallery).n_rows;
}

Test(store, begins_no_compaction_for_which_there_is_no_room_and_makes_it_when_there_is)
{
        Model model;
        uint32_t step;
        Gallery *gallery = prepare(COMPACTS, &model, &step);
        size_t n_rows = leave_untidy(gallery, step, &model);

        says_full = recording = true;
        cr_assert_eq(gallery_tidy(gallery, NULL), 0);
        says_full = recording = false;
        cr_expect_eq(n_operations, (size_t)0, "what was written is to be overwritten again");
        cr_assert_eq(gallery_tidy(gallery, NULL), 0);
        cr_expect_lt(gallery_templates(gallery).n_rows, n_rows);
        cr_expect(holds(gallery, &model));
        gallery_free(gallery);
}

Test(store, leaves_a_compaction_that_is_stopped_to_the_next_start)
{
        Model model;
        uint32_t step;
        atomic_int stop = 1;
        Gallery *gallery = prepare(COMPACTS, &model, &step);
        size_t n_rows = leave_untidy(gallery, step, &model);

        cr_assert_eq(gallery_tidy(gallery, &stop), 0);
        cr_expect_eq(gallery_templates(gallery).n_rows, n_rows);
        gallery_free(gallery);
        gallery = load();
        cr_expect_lt(gallery_templates(gallery).n_rows, n_rows);
        cr_expect(holds(gallery, &model));
        check_codes(gallery);
        gallery_free(gallery);
        check_nothing_else(&model, "stopped");
}

Test(store, removes_although_the_disk_is_full_where_codes_can_make_room)
{
        Model model;
        uint32_t step;
        static uint8_t bytes[IMAGE_MAX];
        Gallery *gallery = prepare(REMOVES, &model, &step);
        size_t n_before = read_file("g.codes", bytes);

        says_full = true;
        cr_assert_eq(change_alone(gallery, step), 0);
        foresee(&model, step);
        cr_expect(holds(gallery, &model));
        check_nothing_else(&model, "removed");
        cr_expect_lt(read_file("g.codes", bytes), n_before);
        gallery_free(gallery);
        gallery = load();
        cr_expect(holds(gallery, &model));
        check_codes(gallery);
        gallery_free(gallery);
        cr_expect_eq(read_file("g.codes", bytes), n_before, "they are made again");
}

Test(store, says_once_that_the_disk_is_full_and_again_when_it_was_not)
{
        static const char said[] =
                "matchguard: Gallery g: no space is left on the disk; nothing is enrolled until there is.\n";
        Gallery *gallery;

        cr_redirect_stderr();
        diag_set_level(DIAG_WARNING);
        cr_assert_eq(create(&gallery), 0);
        for (size_t i = 0; i < 4; i++) {
                says_full = true;
                cr_assert_eq(add(gallery, 1, 1), GALLERY_E_NO_SPACE);
                says_full = false;
                if (i == 1)
                        cr_assert_eq(add(gallery, 2, 1), 0);
        }
        gallery_free(gallery);
        (void)fflush(stderr);
        char twice[2 * sizeof(said)];
        (void)snprintf(twice, sizeof(twice), "%s%s", said, said);
        cr_assert_stderr_eq_str(twice);
}

/* A slot of version 1, as a program wrote it before there was a release. */
Test(store, refuses_the_format_that_no_release_wrote)
{
        static uint8_t bytes[IMAGE_MAX];
        Digest digest;
        Model model;
        Gallery *gallery;

        make_varied(&model);
        size_t n = read_file("g.gallery", bytes);
        for (size_t slot = 0; slot < 2; slot++) {
                uint8_t *p = bytes + slot * 4096;
                p[DIGEST_SIZE + 8] = 1;
                digest_of(p + DIGEST_SIZE, 4096 - DIGEST_SIZE, &digest);
                memcpy(p, digest.bytes, DIGEST_SIZE);
        }
        write_file("g.gallery", bytes, n);
        cr_redirect_stderr();
        gallery = load();
        cr_assert(gallery && gallery_is_damaged(gallery));
        gallery_free(gallery);
        fflush(stderr);
        FILE *said = cr_get_redirected_stderr();
        char text[512] = "";
        cr_assert(fgets(text, sizeof(text), said));
        cr_assert(strstr(text, "g.gallery is of a format") && strstr(text, "Move it out"), "%s", text);
}
