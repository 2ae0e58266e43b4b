/*
 * One gallery. Row i in memory is entry i of the journal. A removed row stays, empty, until more than half of
 * them are; then the journal is compacted and the rows are read anew.
 */

#include "worker/gallery.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/macro.h"
#include "worker/journal.h"
#include "worker/kernel.h"
#include "worker/subjects.h"

enum { GALLERY_COMPACT_MIN = 256 /* empty rows below which compacting is not worth it */ };

struct Gallery {
        char name[JOURNAL_NAME_MAX + 1];
        bool damaged;
        Journal journal;
        Subjects subjects;
        size_t n_rows;
        size_t n_allocated;
        size_t stride;
        float *vectors;
        double *squares;
        uint32_t *subject_of;
};

DEFINE_CLEANUP(Gallery *, gallery_free);

static void forget_rows(Gallery *gallery)
{
        subjects_deinit(&gallery->subjects);
        free(gallery->vectors);
        free(gallery->squares);
        free(gallery->subject_of);
        gallery->vectors = NULL;
        gallery->squares = NULL;
        gallery->subject_of = NULL;
        gallery->n_rows = gallery->n_allocated = 0;
}

Gallery *gallery_free(Gallery *gallery)
{
        if (!gallery)
                return NULL;
        forget_rows(gallery);
        journal_deinit(&gallery->journal);
        free(gallery);
        return NULL;
}

static Gallery *gallery_new(const char *name)
{
        Gallery *gallery = calloc(1, sizeof(Gallery));
        if (!gallery)
                return NULL;
        gallery->journal = JOURNAL_INIT;
        gallery->subjects = SUBJECTS_INIT;
        memcpy(gallery->name, name, strnlen(name, JOURNAL_NAME_MAX));
        return gallery;
}

static char *file_name(const char *name)
{
        char *path = NULL;

        return asprintf(&path, "%s.gallery", name) < 0 ? NULL : path;
}

static int fold(int r)
{
        return r == JOURNAL_E_NO_SPACE ? GALLERY_E_NO_SPACE : r;
}

/* ----------------------------------------------------------------------------------------------- the rows */

static int grow(void *array, size_t n, size_t size)
{
        void **slot = array;
        void *grown = reallocarray(*slot, n, size);

        if (!grown)
                return -ENOMEM;
        *slot = grown;
        return 0;
}

static int reserve_rows(Gallery *gallery, size_t n)
{
        if (n <= gallery->n_allocated)
                return 0;
        if (n > gallery->n_allocated && n < gallery->n_allocated * 3 / 2)
                n = gallery->n_allocated * 3 / 2;
        int r = grow(&gallery->vectors, n, gallery->stride * sizeof(float));
        if (r == 0)
                r = grow(&gallery->squares, n, sizeof(double));
        if (r == 0)
                r = grow(&gallery->subject_of, n, sizeof(uint32_t));
        if (r == 0)
                gallery->n_allocated = n;
        return r;
}

static void clear_row(Gallery *gallery, size_t row)
{
        memset(gallery->vectors + row * gallery->stride, 0, gallery->stride * sizeof(float));
        gallery->squares[row] = 0;
        gallery->subject_of[row] = SUBJECTS_NONE;
}

/* Fills a row that room was reserved for. A template that none can be was never stored. */
static int fill_row(Gallery *gallery, size_t row, const JournalEntry *entry)
{
        clear_row(gallery, row);
        if (!kernel_read_vector(entry->vector, gallery->journal.shape.dimension,
                                gallery->vectors + row * gallery->stride, &gallery->squares[row])) {
                gallery->squares[row] = 0;
                return JOURNAL_E_DAMAGED;
        }
        return subjects_add(&gallery->subjects, entry->subject, &gallery->subject_of[row]);
}

static int read_row(void *userdata, const JournalEntry *entry)
{
        return fill_row(userdata, entry->ordinal, entry);
}

static int read_rows(Gallery *gallery)
{
        size_t n = gallery->journal.state.n_total;

        forget_rows(gallery);
        gallery->stride = KERNEL_PADDED(gallery->journal.shape.dimension);
        int r = reserve_rows(gallery, n);
        if (r < 0)
                return r;
        for (size_t row = 0; row < n; row++)
                clear_row(gallery, row);
        gallery->n_rows = n;
        return journal_each(&gallery->journal, read_row, gallery);
}

static bool wants_compaction(const Gallery *gallery)
{
        uint64_t n_dead = gallery->journal.state.n_total - gallery->journal.state.n_live;

        return n_dead >= GALLERY_COMPACT_MIN && n_dead > gallery->journal.state.n_live;
}

/* A full disk is no reason to fail: the file as it is serves as well. */
static int compact(Gallery *gallery)
{
        int r = journal_compact(&gallery->journal);
        return r == JOURNAL_E_NO_SPACE ? 0 : r;
}

/* -------------------------------------------------------------------------------------- creating, loading */

int gallery_create(int dir_fd, const char *name, const GalleryShape *shape, Gallery **ret_gallery)
{
        JournalShape journal_shape = {.dimension = shape->dimension, .consolidated = shape->consolidated};

        _cleanup_(gallery_freep) Gallery *gallery = gallery_new(name);
        _cleanup_(freep) char *path = file_name(name);
        if (!gallery || !path)
                return -ENOMEM;
        memcpy(journal_shape.name, gallery->name, sizeof(gallery->name));
        memcpy(journal_shape.model, shape->model, strnlen(shape->model, JOURNAL_NAME_MAX));
        int r = journal_create(dir_fd, path, &journal_shape, &gallery->journal);
        if (r != 0)
                return fold(r);
        gallery->stride = KERNEL_PADDED(shape->dimension);
        *ret_gallery = TAKE_PTR(gallery);
        return 0;
}

static int load(Gallery *gallery, int dir_fd)
{
        _cleanup_(freep) char *path = file_name(gallery->name);
        if (!path)
                return -ENOMEM;
        int r = journal_open(dir_fd, path, &gallery->journal);
        if (r != 0)
                return r;
        if (strcmp(gallery->journal.shape.name, gallery->name) != 0)
                return JOURNAL_E_DAMAGED;
        if (wants_compaction(gallery))
                r = compact(gallery);
        return r != 0 ? r : read_rows(gallery);
}

int gallery_load(int dir_fd, const char *name, Gallery **ret_gallery)
{
        _cleanup_(gallery_freep) Gallery *gallery = gallery_new(name);
        if (!gallery)
                return -ENOMEM;
        int r = load(gallery, dir_fd);
        if (r < 0)
                return r;
        if (r > 0) {
                forget_rows(gallery);
                gallery->damaged = true;
        }
        *ret_gallery = TAKE_PTR(gallery);
        return 0;
}

/* ------------------------------------------------------------------------------------------------- asking */

const char *gallery_name(const Gallery *gallery)
{
        return gallery->name;
}

bool gallery_is_damaged(const Gallery *gallery)
{
        return gallery->damaged;
}

bool gallery_has_shape(const Gallery *gallery, const GalleryShape *shape)
{
        const JournalShape *kept = &gallery->journal.shape;

        return strcmp(kept->model, shape->model) == 0 && kept->dimension == shape->dimension &&
               kept->consolidated == shape->consolidated;
}

uint64_t gallery_epoch(const Gallery *gallery)
{
        return gallery->journal.state.epoch;
}

uint64_t gallery_n_templates(const Gallery *gallery)
{
        return gallery->journal.state.n_live;
}

GalleryRows gallery_rows(const Gallery *gallery)
{
        return (GalleryRows){.n = gallery->n_rows,
                             .stride = gallery->stride,
                             .vectors = gallery->vectors,
                             .squares = gallery->squares,
                             .subjects = gallery->subject_of};
}

const char *gallery_subject(const Gallery *gallery, uint32_t number)
{
        return gallery->subjects.items[number].name;
}

bool gallery_find(const Gallery *gallery, const char *subject, uint32_t *ret_number)
{
        uint32_t number = subjects_find(&gallery->subjects, subject);

        if (number == SUBJECTS_NONE)
                return false;
        *ret_number = number;
        return true;
}

size_t gallery_list(const Gallery *gallery, const char *after, size_t limit, const char **ret_names)
{
        return subjects_after(&gallery->subjects, after, limit, ret_names);
}

/* ----------------------------------------------------------------------------------------------- changing */

int gallery_add(Gallery *gallery, const GalleryEntry *entries, uint32_t n)
{
        _cleanup_(freep) JournalEntry *list = calloc(MAX_OF(n, UINT32_C(1)), sizeof(JournalEntry));
        if (!list)
                return -ENOMEM;
        for (uint32_t i = 0; i < n; i++)
                list[i] = (JournalEntry){.subject = entries[i].subject, .vector = entries[i].vector};
        int r = reserve_rows(gallery, gallery->n_rows + n);
        if (r < 0)
                return r;
        r = journal_add(&gallery->journal, list, n);
        for (uint32_t i = 0; r == 0 && i < n; i++)
                r = error_fold(fill_row(gallery, gallery->n_rows++, &list[i]));
        return fold(r);
}

/* The removal stands whatever becomes of this; damage that is met on the way is for the next who asks. */
static int tidy(Gallery *gallery)
{
        if (!wants_compaction(gallery))
                return 0;
        int r = compact(gallery);
        if (r == 0)
                r = read_rows(gallery);
        if (r <= 0)
                return r;
        forget_rows(gallery);
        gallery->damaged = true;
        return 0;
}

static int find_rows(const Gallery *gallery, uint32_t number, uint64_t **ret_rows, uint32_t *ret_n)
{
        uint32_t n = 0;

        uint64_t *rows = calloc(gallery->n_rows, sizeof(uint64_t));
        if (!rows)
                return -ENOMEM;
        for (size_t row = 0; row < gallery->n_rows; row++)
                if (gallery->subject_of[row] == number)
                        rows[n++] = row;
        *ret_rows = rows;
        *ret_n = n;
        return 0;
}

int gallery_remove(Gallery *gallery, const char *subject, uint32_t *ret_n)
{
        _cleanup_(freep) uint64_t *rows = NULL;
        uint32_t number, n = 0;

        if (!gallery_find(gallery, subject, &number))
                return GALLERY_E_NO_SUBJECT;
        int r = find_rows(gallery, number, &rows, &n);
        if (r == 0)
                r = journal_remove(&gallery->journal, rows, n);
        if (r != 0)
                return fold(r);
        for (uint32_t i = 0; i < n; i++)
                clear_row(gallery, rows[i]);
        subjects_drop(&gallery->subjects, number);
        *ret_n = n;
        return tidy(gallery);
}
