/*
 * A gallery on disk: what comes back after a restart, after a crash at any instant, and after damage.
 *
 * The linker leads every write and sync of the journal through this file (--wrap), so that a test can say
 * what a disk would hold had the power failed between any two of them: all that was synced, and of the rest
 * any sectors.
 */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/macro.h"
#include "scratch.h"
#include "worker/journal.h"

enum {
        DIMENSION = 8,
        MODEL_MAX = 400,
        SECTOR = 512,
        OPERATIONS_MAX = 4000,
        IMAGE_MAX = 256 * 1024,
        KILL_STEPS_MAX = 20000,
};

#define FILE_NAME "g.gallery"

static Scratch scratch;

static void set_up(void)
{
        scratch_init(&scratch);
}

static void tear_down(void)
{
        scratch_deinit(&scratch);
}

TestSuite(journal, .init = set_up, .fini = tear_down, .timeout = 240);

/* ------------------------------------------------------------------------ what a journal ought to contain */

/* An entry is made from one number, which all of its bytes depend on. */
typedef struct Model {
        uint32_t n;
        uint32_t items[MODEL_MAX]; /* of live entries, in order */
        uint64_t epoch;
} Model;

static void subject_of(uint32_t number, char ret_subject[static JOURNAL_SUBJECT_MAX + 1])
{
        (void)snprintf(ret_subject, JOURNAL_SUBJECT_MAX + 1, "subject:%08x", number);
}

static void vector_of(uint32_t number, float ret_vector[static DIMENSION])
{
        uint64_t state = number + UINT64_C(1);

        for (size_t i = 0; i < DIMENSION; i++)
                ret_vector[i] = scratch_random_float(&state);
}

static int check_entry(void *userdata, const JournalEntry *entry)
{
        Model *found = userdata;
        unsigned number;
        float vector[DIMENSION];

        cr_assert_eq(sscanf(entry->subject, "subject:%x", &number), 1);
        vector_of(number, vector);
        cr_assert_eq(memcmp(vector, entry->vector, sizeof(vector)), 0);
        found->items[found->n++] = number;
        return 0;
}

static bool same(const Model *a, const Model *b)
{
        return a->n == b->n && a->epoch == b->epoch &&
               memcmp(a->items, b->items, a->n * sizeof(a->items[0])) == 0;
}

/* Opens the file and reads all of it. Return: what journal_open() or journal_each() said. */
static int read_back(Model *ret_model)
{
        _cleanup_(journal_deinit) Journal journal = JOURNAL_INIT;
        Model found = {};

        int r = journal_open(scratch.dir_fd, FILE_NAME, &journal);
        if (r != 0)
                return r;
        cr_assert_str_eq(journal.shape.name, "g");
        cr_assert_str_eq(journal.shape.model, "m");
        r = journal_each(&journal, check_entry, &found);
        found.epoch = journal.state.epoch;
        *ret_model = found;
        return r;
}

static void create(Journal *ret_journal)
{
        JournalShape shape = {.name = "g", .model = "m", .dimension = DIMENSION, .consolidated = true};

        cr_assert_eq(journal_create(scratch.dir_fd, FILE_NAME, &shape, ret_journal), 0);
}

static int add_numbers(Journal *journal, Model *model, uint32_t first, uint32_t n)
{
        JournalEntry entries[32];
        char subjects[32][JOURNAL_SUBJECT_MAX + 1];
        float vectors[32][DIMENSION];

        for (uint32_t i = 0; i < n; i++) {
                subject_of(first + i, subjects[i]);
                vector_of(first + i, vectors[i]);
                entries[i] = (JournalEntry){.subject = subjects[i], .vector = (uint8_t *)vectors[i]};
                model->items[model->n++] = first + i;
        }
        model->epoch++;
        return journal_add(journal, entries, n);
}

/* Removes the live entries whose number is @rest modulo @divisor. */
static int remove_numbers(Journal *journal, Model *model, uint32_t divisor, uint32_t rest)
{
        uint64_t ordinals[MODEL_MAX];
        uint32_t n = 0, n_left = 0;
        Model left = {.epoch = model->epoch + 1};

        for (uint64_t ordinal = 0, i = 0; ordinal < journal->state.n_total; ordinal++) {
                if (journal->offsets[ordinal] == 0)
                        continue;
                uint32_t number = model->items[i++];
                if (number % divisor == rest)
                        ordinals[n++] = ordinal;
                else
                        left.items[n_left++] = number;
        }
        if (n == 0)
                return 0;
        left.n = n_left;
        *model = left;
        return journal_remove(journal, ordinals, n);
}

/* One change that depends on @step alone. */
static int change(Journal *journal, Model *model, uint32_t step)
{
        if (step % 7 == 6)
                return journal_compact(journal);
        if (step % 3 == 2)
                return remove_numbers(journal, model, 5, step % 5);
        if (model->n > MODEL_MAX - 64)
                return remove_numbers(journal, model, 2, step % 2);
        return add_numbers(journal, model, step * 32, 1 + step % 13);
}

/* ----------------------------------------------------------------------------------------------------
 * plainly */

Test(journal, gives_back_what_was_stored)
{
        Journal journal = JOURNAL_INIT;
        Model model = {}, found;

        create(&journal);
        for (uint32_t step = 0; step < 60; step++) {
                cr_assert_eq(change(&journal, &model, step), 0);
                cr_assert_eq(journal.state.n_live, model.n);
                journal_deinit(&journal);
                cr_assert_eq(read_back(&found), 0);
                cr_assert(same(&found, &model), "after step %u", step);
                cr_assert_eq(journal_open(scratch.dir_fd, FILE_NAME, &journal), 0);
        }
        journal_deinit(&journal);
}

Test(journal, does_not_begin_what_is_there_and_does_not_open_what_is_not)
{
        Journal journal = JOURNAL_INIT, other = JOURNAL_INIT;
        JournalShape shape = {.name = "g", .model = "m", .dimension = DIMENSION};

        cr_assert_eq(journal_open(scratch.dir_fd, FILE_NAME, &journal), -ENOENT);
        create(&journal);
        cr_assert_eq(journal_create(scratch.dir_fd, FILE_NAME, &shape, &other), -EEXIST);
        journal_deinit(&journal);
}

static size_t read_file(const char *name, uint8_t *ret_bytes)
{
        _cleanup_(fd_closep) int fd = openat(scratch.dir_fd, name, O_RDONLY | O_CLOEXEC);
        cr_assert_geq(fd, 0);
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

static bool contains(const uint8_t *bytes, size_t n, uint32_t number)
{
        char subject[JOURNAL_SUBJECT_MAX + 1];
        float vector[DIMENSION];

        subject_of(number, subject);
        vector_of(number, vector);
        return memmem(bytes, n, vector, sizeof(vector)) || memmem(bytes, n, subject, strlen(subject));
}

Test(journal, leaves_nothing_of_what_was_removed)
{
        static uint8_t bytes[IMAGE_MAX];
        Journal journal = JOURNAL_INIT;
        Model model = {};

        create(&journal);
        cr_assert_eq(add_numbers(&journal, &model, 0, 20), 0);
        cr_assert_eq(remove_numbers(&journal, &model, 3, 1), 0);
        size_t n = read_file(FILE_NAME, bytes);
        for (uint32_t i = 0; i < 20; i++)
                cr_assert_eq(contains(bytes, n, i), i % 3 != 1);
        journal_deinit(&journal);
}

Test(journal, overwrites_the_old_file_when_it_compacts)
{
        static uint8_t bytes[IMAGE_MAX];
        Journal journal = JOURNAL_INIT;
        Model model = {};

        create(&journal);
        cr_assert_eq(add_numbers(&journal, &model, 0, 20), 0);
        /* Another name for the old file shows what becomes of its bytes. */
        cr_assert_eq(linkat(scratch.dir_fd, FILE_NAME, scratch.dir_fd, "old", 0), 0);
        cr_assert_eq(journal_compact(&journal), 0);
        cr_assert_eq(read_file("old", bytes), 0);
        cr_assert_neq(faccessat(scratch.dir_fd, FILE_NAME ".new", F_OK, 0), 0);
        journal_deinit(&journal);
}

/* -----------------------------------------------------------------------------------------------------
 * damage */

static void make_varied(Model *model)
{
        Journal journal = JOURNAL_INIT;

        *model = (Model){};
        create(&journal);
        cr_assert_eq(add_numbers(&journal, model, 0, 6), 0);
        cr_assert_eq(remove_numbers(&journal, model, 3, 1), 0);
        cr_assert_eq(add_numbers(&journal, model, 32, 4), 0);
        journal_deinit(&journal);
}

Test(journal, is_damaged_or_unharmed_by_a_flipped_bit_in_any_byte)
{
        static uint8_t bytes[IMAGE_MAX];
        size_t n_damaged = 0;
        Model model, found;

        make_varied(&model);
        size_t n = read_file(FILE_NAME, bytes);
        for (size_t i = 0; i < n; i++) {
                bytes[i] ^= (uint8_t)(1 << (i % 8));
                write_file(FILE_NAME, bytes, n);
                bytes[i] ^= (uint8_t)(1 << (i % 8));
                int r = read_back(&found);
                cr_assert(r == JOURNAL_E_DAMAGED || (r == 0 && same(&found, &model)), "byte %zu: %d", i, r);
                n_damaged += r != 0;
        }
        cr_assert_geq(n_damaged, 10 * (80 + DIMENSION * 4) - 3 * (80 + DIMENSION * 4),
                      "entries are not checked");
}

Test(journal, is_damaged_by_a_zeroed_or_randomised_sector_or_unharmed)
{
        static uint8_t bytes[IMAGE_MAX], image[IMAGE_MAX];
        uint64_t state = 21;
        Model model, found;

        make_varied(&model);
        size_t n = read_file(FILE_NAME, bytes);
        for (size_t begin = 0; begin < n; begin += SECTOR)
                for (size_t round = 0; round < 2; round++) {
                        memcpy(image, bytes, n);
                        for (size_t i = begin; i < MIN_OF(begin + SECTOR, n); i++)
                                image[i] = round == 0 ? 0 : (uint8_t)scratch_random(&state);
                        write_file(FILE_NAME, image, n);
                        int r = read_back(&found);
                        cr_assert(r == JOURNAL_E_DAMAGED || (r == 0 && same(&found, &model)), "at %zu: %d",
                                  begin, r);
                }
}

Test(journal, is_damaged_when_it_is_cut_off_anywhere)
{
        static uint8_t bytes[IMAGE_MAX];
        Model model, found;

        make_varied(&model);
        size_t n = read_file(FILE_NAME, bytes);
        for (size_t length = 0; length < n; length++) {
                write_file(FILE_NAME, bytes, length);
                cr_assert_eq(read_back(&found), JOURNAL_E_DAMAGED, "at %zu", length);
        }
        write_file(FILE_NAME, bytes, n);
        cr_assert_eq(read_back(&found), 0);
}

Test(journal, drops_and_overwrites_what_was_never_committed)
{
        static uint8_t bytes[IMAGE_MAX];
        Model model, found;

        make_varied(&model);
        size_t n = read_file(FILE_NAME, bytes);
        memset(bytes + n, 0x5a, 1000);
        write_file(FILE_NAME, bytes, n + 1000);
        cr_assert_eq(read_back(&found), 0);
        cr_assert(same(&found, &model));
        cr_assert_eq(read_file(FILE_NAME, bytes), n);
}

Test(journal, writes_a_slot_anew_that_it_could_not_read)
{
        static uint8_t bytes[IMAGE_MAX];
        Model model, found;

        make_varied(&model);
        size_t n = read_file(FILE_NAME, bytes);
        for (size_t slot = 0; slot < 2; slot++) {
                bytes[slot * 4096 + 50] ^= 1;
                write_file(FILE_NAME, bytes, n);
                cr_assert_eq(read_back(&found), 0);
                cr_assert(same(&found, &model));
                cr_assert_eq(read_file(FILE_NAME, bytes), n);
                cr_assert_eq(memcmp(bytes, bytes + 4096, 4096), 0);
        }
}

Test(journal, does_not_take_entries_of_another_file)
{
        static uint8_t bytes[IMAGE_MAX], other[IMAGE_MAX];
        Model model, found;

        make_varied(&model);
        size_t n = read_file(FILE_NAME, bytes);
        cr_assert_eq(unlinkat(scratch.dir_fd, FILE_NAME, 0), 0);
        make_varied(&model);
        cr_assert_eq(read_file(FILE_NAME, other), n);
        memcpy(bytes + 8192, other + 8192, n - 8192);
        write_file(FILE_NAME, bytes, n);
        cr_assert_eq(read_back(&found), JOURNAL_E_DAMAGED);
}

/* --------------------------------------------------------------------------------------- killed at random */

/* What the killed process had been told, in memory that outlives it. */
typedef struct Told {
        uint32_t step; /* how many changes have returned */
} Told;

static void change_for_ever(volatile Told *told)
{
        Journal journal = JOURNAL_INIT;
        Model model = {};

        if (told->step == 0) {
                create(&journal);
        } else {
                cr_assert_eq(read_back(&model), 0);
                cr_assert_eq(journal_open(scratch.dir_fd, FILE_NAME, &journal), 0);
        }
        for (uint32_t step = told->step; step < KILL_STEPS_MAX; step++) {
                cr_assert_eq(change(&journal, &model, step), 0);
                told->step = step + 1;
        }
        for (;;)
                pause();
}

/* The models after each step, from a journal that nobody kills. */
typedef struct Reference {
        Scratch scratch;
        Journal journal;
        Model models[KILL_STEPS_MAX + 1];
        uint32_t n_steps;
} Reference;

static void reference_init(Reference *reference)
{
        Scratch real = scratch;

        scratch_init(&scratch);
        create(&reference->journal);
        reference->scratch = scratch;
        scratch = real;
}

static const Model *reference_model(Reference *reference, uint32_t step)
{
        cr_assert_leq(step, (uint32_t)KILL_STEPS_MAX);
        while (reference->n_steps < step) {
                Model model = reference->models[reference->n_steps];
                cr_assert_eq(change(&reference->journal, &model, reference->n_steps), 0);
                reference->models[++reference->n_steps] = model;
        }
        return &reference->models[step];
}

Test(journal, holds_all_that_was_answered_and_at_most_one_change_more_when_killed)
{
        static Reference reference;
        volatile Told *told =
                mmap(NULL, sizeof(Told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        uint64_t state = 31;

        cr_assert_neq(told, MAP_FAILED);
        reference_init(&reference);
        for (size_t round = 0; round < 60; round++) {
                Model found;
                pid_t pid = fork();
                cr_assert_geq(pid, 0);
                if (pid == 0)
                        change_for_ever(told);
                (void)usleep((useconds_t)(scratch_random(&state) % 12000));
                cr_assert_eq(kill(pid, SIGKILL), 0);
                cr_assert_eq(waitpid(pid, NULL, 0), pid);
                int r = read_back(&found);
                if (r == -ENOENT && told->step == 0)
                        continue;
                cr_assert_eq(r, 0, "after step %u: %d", told->step, r);
                bool is_before = same(&found, reference_model(&reference, told->step));
                cr_assert(is_before || same(&found, reference_model(&reference, told->step + 1)),
                          "after step %u", told->step);
                if (!is_before)
                        told->step++;
                if (told->step == 0)
                        cr_assert_eq(unlinkat(scratch.dir_fd, FILE_NAME, 0), 0);
        }
        cr_assert_gt(told->step, 20);
        journal_deinit(&reference.journal);
        scratch_deinit(&reference.scratch);
}

/* ---------------------------------------------------------------------------------------- the power fails */

typedef enum DiskCall {
        DISK_WRITE,
        DISK_TRUNCATE,
        DISK_SYNC,
        DISK_DONE, /* a change has returned */
} DiskCall;

typedef struct DiskOperation {
        DiskCall call;
        uint64_t offset; /* or the new length */
        uint32_t n;
        uint8_t *bytes;
} DiskOperation;

static DiskOperation operations[OPERATIONS_MAX];
static size_t n_operations;
static bool recording;

static void record(DiskCall call, uint64_t offset, const void *bytes, size_t n)
{
        if (!recording)
                return;
        cr_assert_lt(n_operations, (size_t)OPERATIONS_MAX);
        DiskOperation *operation = &operations[n_operations++];
        *operation = (DiskOperation){.call = call, .offset = offset, .n = (uint32_t)n};
        if (n > 0) {
                operation->bytes = malloc(n);
                memcpy(operation->bytes, bytes, n);
        }
}

ssize_t __real_pwrite64(int fd, const void *bytes, size_t n, off_t offset);
int __real_ftruncate64(int fd, off_t length);
int __real_fdatasync(int fd);
ssize_t __wrap_pwrite64(int fd, const void *bytes, size_t n, off_t offset);
int __wrap_ftruncate64(int fd, off_t length);
int __wrap_fdatasync(int fd);

ssize_t __wrap_pwrite64(int fd, const void *bytes, size_t n, off_t offset)
{
        record(DISK_WRITE, (uint64_t)offset, bytes, n);
        return __real_pwrite64(fd, bytes, n, offset);
}

int __wrap_ftruncate64(int fd, off_t length)
{
        record(DISK_TRUNCATE, (uint64_t)length, NULL, 0);
        return __real_ftruncate64(fd, length);
}

int __wrap_fdatasync(int fd)
{
        record(DISK_SYNC, 0, NULL, 0);
        return __real_fdatasync(fd);
}

typedef struct Disk {
        uint8_t bytes[IMAGE_MAX];
        size_t n;
} Disk;

static void disk_write_sector(Disk *disk, const DiskOperation *operation, uint64_t begin, uint64_t end)
{
        memcpy(disk->bytes + begin, operation->bytes + (begin - operation->offset), end - begin);
        disk->n = MAX_OF(disk->n, (size_t)end);
}

/* Applies a call whole, or, if @state is given, whatever of it made its way to the disk. */
static void disk_apply(Disk *disk, const DiskOperation *operation, uint64_t *state)
{
        if (operation->call == DISK_TRUNCATE && (!state || scratch_random(state) % 2)) {
                memset(disk->bytes + operation->offset, 0, IMAGE_MAX - operation->offset);
                disk->n = operation->offset;
        }
        if (operation->call != DISK_WRITE)
                return;
        uint64_t end = operation->offset + operation->n;
        cr_assert_leq(end, (uint64_t)IMAGE_MAX);
        unsigned mode = state ? (unsigned)(scratch_random(state) % 3) : 0;
        for (uint64_t begin = operation->offset; begin < end;) {
                uint64_t next = MIN_OF((begin / SECTOR + 1) * SECTOR, end);
                if (mode == 0 || (mode == 1 && scratch_random(state) % 2))
                        disk_write_sector(disk, operation, begin, next);
                begin = next;
        }
}

/* The disk had the power failed before call @i. */
static void disk_after_power_failure(const Disk *begin, size_t i, uint64_t *state, Disk *ret_disk)
{
        size_t synced = i;

        while (synced > 0 && operations[synced - 1].call != DISK_SYNC)
                synced--;
        *ret_disk = *begin;
        for (size_t j = 0; j < i; j++)
                disk_apply(ret_disk, &operations[j], j < synced ? NULL : state);
}

/* Whether not a byte is left of what was removed from one model to the next. */
static void check_absent(const Disk *disk, const Model *before, const Model *after)
{
        for (size_t i = 0, j = 0; i < before->n; i++) {
                if (j < after->n && after->items[j] == before->items[i])
                        j++;
                else
                        cr_assert_not(contains(disk->bytes, disk->n, before->items[i]));
        }
}

enum { POWER_STEPS = 30 };

/* No compaction, which touches two files: the order of its steps is invariant 5, and the test that kills has
 * it. */
static uint32_t step_without_compaction(uint32_t i)
{
        return i + i / 6;
}

Test(journal, holds_all_that_was_answered_whenever_the_power_fails)
{
        static Disk begin, disk;
        static Model models[POWER_STEPS + 1];
        Journal journal = JOURNAL_INIT;
        uint64_t state = 41;

        create(&journal);
        begin.n = read_file(FILE_NAME, begin.bytes);
        recording = true;
        for (uint32_t i = 0; i < POWER_STEPS; i++) {
                models[i + 1] = models[i];
                cr_assert_eq(change(&journal, &models[i + 1], step_without_compaction(i)), 0);
                record(DISK_DONE, 0, NULL, 0);
        }
        recording = false;
        journal_deinit(&journal);
        for (size_t i = 0, done = 0; i <= n_operations; i++) {
                if (i > 0 && operations[i - 1].call == DISK_DONE)
                        done++;
                for (size_t round = 0; round < 20; round++) {
                        Model found;
                        disk_after_power_failure(&begin, i, &state, &disk);
                        if (i > 0 && operations[i - 1].call == DISK_DONE)
                                check_absent(&disk, &models[done - 1], &models[done]);
                        write_file(FILE_NAME, disk.bytes, disk.n);
                        int r = read_back(&found);
                        cr_assert_eq(r, 0, "call %zu after %zu changes: %d", i, done, r);
                        cr_assert(same(&found, &models[done]) ||
                                          (done < POWER_STEPS && same(&found, &models[done + 1])),
                                  "call %zu after %zu changes", i, done);
                        /* Opened, it holds no byte of what is not in it. */
                        disk.n = read_file(FILE_NAME, disk.bytes);
                        check_absent(&disk, &models[done], &found);
                }
        }
        for (size_t i = 0; i < n_operations; i++)
                free(operations[i].bytes);
}

Test(journal, says_that_space_is_lacking_and_goes_on_as_it_was)
{
        Journal journal = JOURNAL_INIT;
        struct rlimit limit = {.rlim_cur = 12000, .rlim_max = RLIM_INFINITY};
        Model model = {}, before = {}, found;
        int r = 0;

        (void)signal(SIGXFSZ, SIG_IGN);
        create(&journal);
        cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        for (uint32_t i = 0; i < 30 && r == 0; i++) {
                before = model;
                r = add_numbers(&journal, &model, i * 32, 10);
        }
        cr_assert_eq(r, JOURNAL_E_NO_SPACE);
        limit.rlim_cur = RLIM_INFINITY;
        cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        cr_assert_eq(add_numbers(&journal, &before, 5000, 10), 0);
        journal_deinit(&journal);
        cr_assert_eq(read_back(&found), 0);
        cr_assert(same(&found, &before));
}
