/*
 * A gallery: what is asked of it in memory is what was stored, across removals, compactions and starts; whole epochs are seen; and files that are not
 * as they were give damage or are made again, never another template.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

#include "base/macro.h"
#include "scratch.h"
#include "worker/codes.h"
#include "worker/galleries.h"
#include "worker/kernel.h"
#include "worker/subjects.h"

enum {
        DIMENSION = 20,
        SUBJECTS_MAX = 2000,
        EACH_MAX = 3, /* templates of a subject */
};

static Scratch scratch;

static void set_up(void)
{
        scratch_init(&scratch);
}

static void tear_down(void)
{
        scratch_deinit(&scratch);
}

TestSuite(gallery, .init = set_up, .fini = tear_down, .timeout = 600);

static const GalleryShape shape = {.model = "m", .dimension = DIMENSION, .consolidated = true};

/* ------------------------------------------------------------------------- what a gallery ought to contain */

/* How many templates each subject has; each template is made of its subject's number and its own. */
typedef struct Model {
        uint32_t n[SUBJECTS_MAX];
        uint64_t epoch;
} Model;

static void subject_of(uint32_t number, char ret_subject[static SUBJECT_NAME_MAX + 1])
{
        (void)snprintf(ret_subject, SUBJECT_NAME_MAX + 1, "subject:%08x", number);
}

static void vector_of(uint32_t subject, uint32_t i, float ret_vector[static KERNEL_PADDED(DIMENSION)])
{
        uint64_t state = (uint64_t)subject * EACH_MAX + i + 1;

        memset(ret_vector, 0, KERNEL_PADDED(DIMENSION) * sizeof(float));
        for (size_t j = 0; j < DIMENSION; j++)
                ret_vector[j] = scratch_random_float(&state);
}

static uint64_t n_of(const Model *model)
{
        uint64_t n = 0;

        for (size_t i = 0; i < SUBJECTS_MAX; i++)
                n += model->n[i];
        return n;
}

/* Whether a row has this template, in full and as a code. */
static void check_row(const Templates *templates, size_t row, const float *vector)
{
        size_t size = codes_block_size(DIMENSION);
        const uint8_t *block = templates->blocks + row / CODES_ROWS * size;
        _cleanup_(freep) uint8_t *ought = aligned_alloc(64, size);
        float padded[KERNEL_PADDED(DIMENSION)];
        double square, found_square;

        cr_assert(kernel_read_vector((const uint8_t *)vector, DIMENSION, padded, &square));
        const float *found = original_read(&templates->originals, row, &found_square);
        cr_assert(found, "row %zu", row);
        cr_assert_eq(memcmp(found, padded, sizeof(padded)), 0);
        cr_assert_eq(memcmp(&square, &found_square, sizeof(square)), 0);
        /* The same code wherever it stands in a block. */
        memcpy(ought, block, size);
        codes_write(ought, DIMENSION, row % CODES_ROWS, padded, square);
        cr_assert_eq(memcmp(ought, block, size), 0, "row %zu", row);
}

static void check_subject(const Gallery *gallery, const Templates *templates, uint32_t subject, uint32_t n)
{
        char name[SUBJECT_NAME_MAX + 1];
        uint32_t number, i = 0;
        float vector[KERNEL_PADDED(DIMENSION)];

        subject_of(subject, name);
        cr_assert_eq(gallery_find(gallery, name, &number), n > 0, "%s", name);
        if (n == 0)
                return;
        cr_assert_str_eq(gallery_subject(gallery, number), name);
        cr_assert_eq(gallery_n_templates_of(gallery, number), n);
        for (size_t row = gallery_first_row(gallery, number); row != GALLERY_NO_ROW;
             row = gallery_next_row(gallery, row)) {
                vector_of(subject, i++, vector);
                cr_assert_lt(row, templates->n_rows);
                cr_assert_eq(templates->subjects[row], number);
                check_row(templates, row, vector);
        }
        cr_assert_eq(i, n);
}

/* Rows that hold nothing never pass a scan, whether they were removed or never came. */
static uint64_t count_live(const Templates *templates)
{
        size_t n_blocks = (templates->n_rows + CODES_ROWS - 1) / CODES_ROWS;
        uint64_t n = 0;

        for (size_t row = 0; row < n_blocks * CODES_ROWS; row++) {
                const float *residuals = codes_residuals(
                        templates->blocks + row / CODES_ROWS * codes_block_size(DIMENSION), DIMENSION);
                bool live = row < templates->n_rows && templates->subjects[row] != SUBJECTS_NONE;
                cr_assert_eq(residuals[row % CODES_ROWS] >= 0, live, "row %zu", row);
                n += live;
        }
        return n;
}

static void check(Gallery *gallery, const Model *model)
{
        cr_assert_not(gallery_is_damaged(gallery));
        cr_assert(gallery_has_shape(gallery, &shape));
        gallery_hold(gallery);
        Templates templates = gallery_templates(gallery);
        cr_assert_eq(templates.dimension, (size_t)DIMENSION);
        cr_assert_eq((uintptr_t)templates.blocks % 64, 0);
        for (uint32_t i = 0; i < SUBJECTS_MAX; i++)
                check_subject(gallery, &templates, i, model->n[i]);
        cr_assert_eq(count_live(&templates), n_of(model));
        cr_assert_eq(gallery_n_templates(gallery), n_of(model));
        cr_assert_eq(gallery_epoch(gallery), model->epoch);
        gallery_release(gallery);
}

static Gallery *create(void)
{
        Gallery *gallery;

        cr_assert_eq(gallery_create(scratch.dir_fd, "g", &shape, &gallery), 0);
        return gallery;
}

static Gallery *load(void)
{
        Gallery *gallery;

        cr_assert_eq(gallery_load(scratch.dir_fd, "g", &gallery), 0);
        return gallery;
}

/* Adds a template to each of @n subjects. */
static void add(Gallery *gallery, Model *model, uint32_t first, uint32_t n)
{
        _cleanup_(freep) GalleryEntry *entries = calloc(n, sizeof(GalleryEntry));
        _cleanup_(freep) char(*names)[SUBJECT_NAME_MAX + 1] = calloc(n, sizeof(*names));
        _cleanup_(freep) float(*vectors)[KERNEL_PADDED(DIMENSION)] = calloc(n, sizeof(*vectors));

        for (uint32_t i = 0; i < n; i++) {
                subject_of(first + i, names[i]);
                vector_of(first + i, model->n[first + i]++, vectors[i]);
                entries[i] = (GalleryEntry){.subject = names[i], .vector = (const uint8_t *)vectors[i]};
        }
        model->epoch++;
        cr_assert_eq(gallery_add(gallery, entries, n), 0);
}

static void drop(Gallery *gallery, Model *model, uint32_t subject)
{
        char name[SUBJECT_NAME_MAX + 1];
        uint32_t n;

        subject_of(subject, name);
        cr_assert_eq(gallery_remove(gallery, name, &n), 0);
        cr_assert_eq(gallery_tidy(gallery, NULL), 0);
        cr_assert_eq(n, model->n[subject]);
        model->n[subject] = 0;
        model->epoch++;
}

static void drop_every(Gallery *gallery, Model *model, uint32_t divisor, uint32_t rest)
{
        for (uint32_t i = rest; i < SUBJECTS_MAX; i += divisor)
                if (model->n[i] > 0)
                        drop(gallery, model, i);
}

static size_t size_of(const char *name)
{
        struct stat st;

        return fstatat(scratch.dir_fd, name, &st, 0) < 0 ? 0 : (size_t)st.st_size;
}

/* ----------------------------------------------------------------------------------------------- plainly */

Test(gallery, gives_back_what_was_stored_also_after_a_start)
{
        static Model model;
        Gallery *gallery = create();

        check(gallery, &model);
        for (uint32_t step = 0; step < 12; step++) {
                add(gallery, &model, step * 97, 1 + step * 31 % 120);
                if (step % 3 == 2)
                        add(gallery, &model, step * 97, 1);
                if (step % 2 == 1)
                        drop_every(gallery, &model, 7, step % 7);
                check(gallery, &model);
                gallery_free(gallery);
                gallery = load();
                check(gallery, &model);
        }
        gallery_free(gallery);
}

Test(gallery, shrinks_its_files_when_most_of_it_is_removed)
{
        static Model model;
        Gallery *gallery = create();

        add(gallery, &model, 0, 1000);
        size_t before = size_of("g.originals"), codes_before = size_of("g.codes");
        drop_every(gallery, &model, 3, 0);
        drop_every(gallery, &model, 3, 1);
        check(gallery, &model);
        cr_assert_lt(size_of("g.originals"), before * 6 / 10);
        cr_assert_lt(size_of("g.codes"), codes_before * 6 / 10);
        cr_assert_eq(size_of("g.originals.new") + size_of("g.codes.new") + size_of("g.gallery.new"), 0);
        add(gallery, &model, 1500, 100);
        check(gallery, &model);
        gallery_free(gallery);
        gallery = load();
        check(gallery, &model);
        gallery_free(gallery);
}

/* ------------------------------------------------------------------------------ what a copy has to know */

/* A copy of the blocks, as of a moment. */
typedef struct Kept {
        uint8_t *data;
        size_t n; /* blocks */
        uint64_t identity;
        uint64_t changed;
} Kept;

static void keep(Kept *kept, const Gallery *gallery)
{
        Templates templates = gallery_templates(gallery);
        size_t size = codes_block_size(DIMENSION);

        kept->n = (templates.n_rows + CODES_ROWS - 1) / CODES_ROWS;
        kept->identity = templates.identity;
        kept->changed = templates.changed;
        kept->data = realloc(kept->data, kept->n * size + 1);
        cr_assert_not_null(kept->data);
        if (kept->n > 0)
                memcpy(kept->data, templates.blocks, kept->n * size);
}

/* Brings the copy up to date by what the stamps say, and holds it against what is there. */
static void expect_stamps(Kept *kept, const Gallery *gallery, size_t n_changed)
{
        Templates templates = gallery_templates(gallery);
        size_t size = codes_block_size(DIMENSION), n = 0;

        cr_assert_eq(templates.identity, kept->identity);
        for (size_t i = 0; i < kept->n; i++) {
                bool same = memcmp(kept->data + i * size, templates.blocks + i * size, size) == 0;
                cr_assert(same || templates.stamps[i] > kept->changed, "block %zu", i);
                cr_assert_leq(templates.stamps[i], templates.changed);
                n += templates.stamps[i] > kept->changed;
        }
        cr_expect_eq(n, n_changed, "%zu blocks are said to have changed", n);
        keep(kept, gallery);
}

Test(gallery, stamps_the_blocks_that_change_and_no_others)
{
        static Model model;
        Gallery *gallery = create();
        Kept kept = {};

        add(gallery, &model, 0, 5 * CODES_ROWS + 1);
        keep(&kept, gallery);
        expect_stamps(&kept, gallery, 0);
        add(gallery, &model, 5 * CODES_ROWS + 1, 1);
        expect_stamps(&kept, gallery, 1);
        /* The last one is filled, and those behind it are new. */
        add(gallery, &model, 6 * CODES_ROWS - 10, 3 * CODES_ROWS);
        expect_stamps(&kept, gallery, 1);
        drop(gallery, &model, 3);
        expect_stamps(&kept, gallery, 1);
        drop(gallery, &model, 2 * CODES_ROWS);
        drop(gallery, &model, 4 * CODES_ROWS);
        expect_stamps(&kept, gallery, 2);
        /* More room, and the blocks move. */
        add(gallery, &model, 1000, 900);
        expect_stamps(&kept, gallery, 1);
        free(kept.data);
        gallery_free(gallery);
}

Test(gallery, has_another_identity_when_its_rows_have_other_numbers)
{
        static Model model, other_model;
        Gallery *gallery = create(), *other;

        cr_expect_eq(gallery_templates(gallery).identity, 0, "there is nothing to copy yet");
        add(gallery, &model, 0, 1000);
        uint64_t before = gallery_templates(gallery).identity, changed = gallery_templates(gallery).changed;
        cr_expect_gt(before, 0);
        drop_every(gallery, &model, 3, 0);
        cr_expect_eq(gallery_templates(gallery).identity, before);
        drop_every(gallery, &model, 3, 1);
        uint64_t after = gallery_templates(gallery).identity;
        cr_expect_neq(after, before, "it was compacted");
        cr_expect_gt(gallery_templates(gallery).changed, changed, "one clock for both");
        cr_assert_eq(gallery_create(scratch.dir_fd, "other", &shape, &other), 0);
        add(other, &other_model, 0, 1);
        cr_expect(gallery_templates(other).identity != after && gallery_templates(other).identity != before);
        gallery_free(other);
        gallery_free(gallery);
        gallery = load();
        cr_expect_gt(gallery_templates(gallery).identity, after);
        gallery_free(gallery);
}

/* ------------------------------------------------------------------------------------------ many at once */

/* Who reads while somebody changes. */
typedef struct Reader {
        Gallery *gallery;
        atomic_bool *ends;
        atomic_uint n_epochs; /* how many were seen */
} Reader;

/* Whatever is held is one epoch: each row that holds something is whole, in the codes and on the disk, and as many are there as it says. */
static void check_epoch(Gallery *gallery)
{
        Templates templates = gallery_templates(gallery);
        uint64_t epoch = gallery_epoch(gallery);

        cr_assert_eq(count_live(&templates), gallery_n_templates(gallery));
        for (size_t row = 0; row < templates.n_rows; row++) {
                uint32_t subject = templates.subjects[row];
                unsigned number;
                double square;
                if (subject == SUBJECTS_NONE)
                        continue;
                cr_assert_eq(sscanf(gallery_subject(gallery, subject), "subject:%x", &number), 1);
                float vector[KERNEL_PADDED(DIMENSION)];
                vector_of(number, 0, vector);
                const float *found = original_read(&templates.originals, row, &square);
                cr_assert(found && memcmp(found, vector, sizeof(vector)) == 0, "row %zu", row);
        }
        cr_assert_eq(gallery_epoch(gallery), epoch);
}

static void *read_on(void *userdata)
{
        Reader *reader = userdata;
        uint64_t last = UINT64_MAX;

        while (!atomic_load(reader->ends)) {
                gallery_hold(reader->gallery);
                check_epoch(reader->gallery);
                reader->n_epochs += gallery_epoch(reader->gallery) != last;
                last = gallery_epoch(reader->gallery);
                gallery_release(reader->gallery);
        }
        return NULL;
}

/* The fewest epochs that any of them has seen. */
static unsigned have_seen(Reader *readers, size_t n)
{
        unsigned fewest = UINT32_MAX;

        for (size_t i = 0; i < n; i++)
                fewest = MIN_OF(fewest, atomic_load(&readers[i].n_epochs));
        return fewest;
}

Test(gallery, shows_each_reader_one_epoch_while_it_changes)
{
        static Model model;
        Gallery *gallery = create();
        atomic_bool ends = false;
        Reader readers[3];
        pthread_t threads[ARRAY_SIZE(readers)];

        for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
                readers[i] = (Reader){.gallery = gallery, .ends = &ends};
                cr_assert_eq(pthread_create(&threads[i], NULL, read_on, &readers[i]), 0);
        }
        /* The second half of the removals compacts it. */
        for (uint32_t i = 0; i < 450; i += 9)
                add(gallery, &model, i, 9);
        for (uint32_t i = 0; i < 420; i++)
                drop(gallery, &model, i);
        cr_assert_lt(gallery_templates(gallery).n_rows, (size_t)450);
        /* A hundred come, and go, and come, until each has had its time: there may be fewer processors than threads. */
        for (uint32_t i = 0; i < 100 || have_seen(readers, ARRAY_SIZE(readers)) < 10; i++) {
                if (i / 100 % 2 == 0)
                        add(gallery, &model, 1000 + i % 100, 1);
                else
                        drop(gallery, &model, 1000 + i % 100);
                (void)usleep(200);
        }
        atomic_store(&ends, true);
        for (size_t i = 0; i < ARRAY_SIZE(readers); i++) {
                cr_assert_eq(pthread_join(threads[i], NULL), 0);
                cr_assert_geq(readers[i].n_epochs, 10);
        }
        check(gallery, &model);
        gallery_free(gallery);
}

static void *remove_first(void *userdata)
{
        static Model model = {.n = {1}};

        drop(userdata, &model, 0);
        return NULL;
}

Test(gallery, overwrites_nothing_that_a_search_still_holds)
{
        static Model model;
        Gallery *gallery = create();
        pthread_t thread;
        double square;
        uint32_t number;

        add(gallery, &model, 0, 200);
        gallery_hold(gallery);
        Templates templates = gallery_templates(gallery);
        cr_assert_eq(pthread_create(&thread, NULL, remove_first, gallery), 0);
        for (size_t i = 0; i < 50; i++) {
                cr_assert(original_read(&templates.originals, 0, &square));
                cr_assert_eq(gallery_epoch(gallery), 1);
                cr_assert(gallery_find(gallery, "subject:00000000", &number));
                (void)usleep(1000);
        }
        gallery_release(gallery);
        cr_assert_eq(pthread_join(thread, NULL), 0);
        gallery_hold(gallery);
        cr_assert_null(original_read(&templates.originals, 0, &square));
        cr_assert_eq(gallery_epoch(gallery), 2);
        gallery_release(gallery);
        gallery_free(gallery);
}

/* A start reads the codes that are full and not one original: how long that takes is for tests/bench/gallery.c to say. */
Test(gallery, makes_nothing_of_the_originals_at_a_start)
{
        static const uint8_t noise[4096] = {1, 2, 3};
        static Model model;
        Gallery *gallery = create();

        add(gallery, &model, 0, 10 * CODES_ROWS);
        gallery_free(gallery);
        int fd = openat(scratch.dir_fd, "g.originals", O_WRONLY | O_CLOEXEC);
        cr_assert_geq(fd, 0);
        size_t size = size_of("g.originals");
        for (size_t at = sizeof(noise); at < size; at += sizeof(noise))
                cr_assert_gt(pwrite(fd, noise, MIN_OF(sizeof(noise), size - at), (off_t)at), 0);
        fd_close(fd);
        gallery = load();
        cr_assert_not(gallery_is_damaged(gallery));
        Templates templates = gallery_templates(gallery);
        cr_assert_eq(count_live(&templates), 10 * CODES_ROWS);
        for (size_t row = 0; row < templates.n_rows; row++) {
                double square;
                cr_assert_null(original_read(&templates.originals, row, &square));
        }
        gallery_free(gallery);
}
