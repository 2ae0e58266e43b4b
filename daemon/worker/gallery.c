/*
 * One gallery. Row i in memory is row i of the files. A removed row stays, empty, until more than half of
 * them are; then what is left is written to new files, and read from them, when somebody asks for it (gallery_tidy()).
 *
 * Who changes a gallery does the work of the disk beside the searches, and takes the lock only for the moment in which memory changes: rows are added when they
 * are durable; they are removed when that is final, and overwritten on the disk when the last search has let go of them.
 */

#include "worker/gallery.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/macro.h"
#include "worker/body.h"
#include "worker/kernel.h"
#include "worker/lock.h"

enum { GALLERY_COMPACT_MIN = 256 /* empty rows below which compacting is not worth it */ };

struct Gallery {
        char name[JOURNAL_NAME_MAX + 1];
        int dir_fd; /* borrowed */
        JournalShape shape;
        atomic_bool damaged;
        bool is_full;          /* the disk, as of the last change; of who changes it */
        pthread_rwlock_t lock; /* over what searches read: all that follows, but for the store's files */
        Body body;
        Subjects subjects;
        uint64_t epoch;
        uint64_t numbering;
        uint64_t n_live;
};

DEFINE_CLEANUP(Gallery *, gallery_free);

static void forget(Gallery *gallery)
{
        body_deinit(&gallery->body);
        subjects_deinit(&gallery->subjects);
}

Gallery *gallery_free(Gallery *gallery)
{
        if (!gallery)
                return NULL;
        forget(gallery);
        pthread_rwlock_destroy(&gallery->lock);
        free(gallery);
        return NULL;
}

static Gallery *gallery_new(int dir_fd, const char *name)
{
        Gallery *gallery = calloc(1, sizeof(Gallery));
        if (!gallery)
                return NULL;
        gallery->dir_fd = dir_fd;
        gallery->body = BODY_INIT;
        gallery->subjects = SUBJECTS_INIT;
        memcpy(gallery->name, name, strnlen(name, JOURNAL_NAME_MAX));
        lock_init(&gallery->lock);
        return gallery;
}

static int fold(int r)
{
        return r == DISK_E_NO_SPACE ? GALLERY_E_NO_SPACE : r;
}

/* How a change ended. That its disk is full is said once, and not to each who asks. */
static int fold_change(Gallery *gallery, int r)
{
        if (r == DISK_E_NO_SPACE && !gallery->is_full)
                diag(DIAG_WARNING,
                     "Gallery %s: no space is left on the disk; nothing is enrolled until there is.",
                     gallery->name);
        if (r == DISK_E_NO_SPACE || r == 0)
                gallery->is_full = r != 0;
        return fold(r);
}

/* ----------------------------------------------------------------------------------------------- the lock */

/* The calls fail for a lock that a thread holds already, or does not hold: a fault of this program. */
static void hold_alone(Gallery *gallery)
{
        if (pthread_rwlock_wrlock(&gallery->lock) != 0)
                abort();
}

void gallery_hold(Gallery *gallery)
{
        if (pthread_rwlock_rdlock(&gallery->lock) != 0)
                abort();
}

void gallery_release(Gallery *gallery)
{
        if (pthread_rwlock_unlock(&gallery->lock) != 0)
                abort();
}

/* --------------------------------------------------------------------------------------------- compaction */

static void take_body(Gallery *gallery, Body *body)
{
        Body old = gallery->body;

        hold_alone(gallery);
        gallery->body = *body;
        gallery->numbering++;
        gallery_release(gallery);
        body_deinit(&old);
        *body = BODY_INIT;
}

/* Return: 0; DISK_E_NO_SPACE or DISK_E_DAMAGED, and all is as it was; BODY_E_STOPPED, and the next start sweeps; or -errno. */
static int compact(Gallery *gallery, const atomic_int *stop)
{
        _cleanup_(body_deinit) Body copy = BODY_INIT;
        bool placed = false;

        int r = body_copy(&gallery->body, &gallery->subjects, stop, &copy);
        if (r == 0)
                r = store_place(&copy.store, gallery->epoch, true, &placed);
        if (r == 0)
                take_body(gallery, &copy);
        if (r == BODY_E_STOPPED || (r < 0 && placed))
                return r;
        /* Now NAME.new are the old files, or, if something went wrong, the new ones. */
        int swept = store_sweep_new(gallery->dir_fd, gallery->name);
        /* A file system that cannot exchange keeps the old files, as a full one does. */
        if (disk_is_no_space(r) || r == -EINVAL)
                r = DISK_E_NO_SPACE;
        return swept < 0 ? swept : r;
}

static bool wants_compaction(const Gallery *gallery)
{
        uint64_t n_dead = gallery->body.rows.n - gallery->n_live;

        return n_dead >= GALLERY_COMPACT_MIN && n_dead > gallery->n_live;
}

/* A full disk is no reason to fail: the files as they are serve as well; damage that is met on the way is for the next who asks. */
int gallery_tidy(Gallery *gallery, const atomic_int *stop)
{
        int r = wants_compaction(gallery) ? compact(gallery, stop) : 0;

        if (r == DISK_E_DAMAGED)
                gallery_found_damaged(gallery);
        return r < 0 ? r : 0;
}

/* -------------------------------------------------------------------------------------- creating, loading */

int gallery_create(int dir_fd, const char *name, const GalleryShape *shape, Gallery **ret_gallery)
{
        _cleanup_(gallery_freep) Gallery *gallery = gallery_new(dir_fd, name);
        if (!gallery)
                return -ENOMEM;
        gallery->shape = (JournalShape){.dimension = shape->dimension, .consolidated = shape->consolidated};
        memcpy(gallery->shape.name, gallery->name, sizeof(gallery->name));
        memcpy(gallery->shape.model, shape->model, strnlen(shape->model, JOURNAL_NAME_MAX));
        int r = store_create(dir_fd, &gallery->shape, &gallery->body.store);
        if (r != 0)
                return fold(r);
        *ret_gallery = TAKE_PTR(gallery);
        return 0;
}

static int load(Gallery *gallery)
{
        size_t n_made;

        int r = body_load(&gallery->body, gallery->dir_fd, gallery->name, &gallery->subjects, &n_made);
        if (r != 0)
                return r;
        if (n_made > 0)
                diag(DIAG_NOTICE,
                     "Gallery %s: %zu of %" PRIu64 " blocks in %s.codes were missing, damaged or old, and "
                     "are made again from its templates.",
                     gallery->name, n_made, store_n_blocks(&gallery->body.store), gallery->name);
        gallery->shape = gallery->body.store.journal.shape;
        gallery->epoch = gallery->body.store.journal.state.epoch;
        gallery->n_live = gallery->body.store.journal.state.n_live;
        return gallery_tidy(gallery, NULL);
}

int gallery_load(int dir_fd, const char *name, Gallery **ret_gallery)
{
        _cleanup_(gallery_freep) Gallery *gallery = gallery_new(dir_fd, name);
        if (!gallery)
                return -ENOMEM;
        int r = load(gallery);
        if (r < 0)
                return r;
        if (r == DISK_E_VERSION)
                diag(DIAG_ERROR,
                     "%s.gallery is of a format that no release of matchguard reads or wrote. Move it out of "
                     "the folder, and enrol its templates again.",
                     name);
        if (r > 0) {
                forget(gallery);
                atomic_store(&gallery->damaged, true);
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
        return atomic_load(&gallery->damaged);
}

bool gallery_has_lost(const Gallery *gallery)
{
        return original_file_has_lost(&gallery->body.store.originals);
}

void gallery_found_damaged(Gallery *gallery)
{
        if (!atomic_exchange(&gallery->damaged, true))
                diag(DIAG_ERROR, "Gallery %s is damaged: a template is not in %s.originals as it was stored.",
                     gallery->name, gallery->name);
}

bool gallery_has_shape(const Gallery *gallery, const GalleryShape *shape)
{
        const JournalShape *kept = &gallery->shape;

        return strcmp(kept->model, shape->model) == 0 && kept->dimension == shape->dimension &&
               kept->consolidated == shape->consolidated;
}

uint64_t gallery_epoch(const Gallery *gallery)
{
        return gallery->epoch;
}

uint64_t gallery_numbering(const Gallery *gallery)
{
        return gallery->numbering;
}

uint64_t gallery_n_templates(const Gallery *gallery)
{
        return gallery->n_live;
}

Templates gallery_templates(const Gallery *gallery)
{
        const Body *body = &gallery->body;

        return (Templates){.n_rows = body->rows.n,
                           .dimension = body_dimension(body),
                           .blocks = body->blocks.data,
                           .subjects = body->rows.subjects,
                           .originals = original_file_slots(&body->store.originals),
                           .identity = body->blocks.identity,
                           .stamps = body->blocks.stamps,
                           .changed = body->blocks.changed};
}

size_t gallery_first_row(const Gallery *gallery, uint32_t subject)
{
        const RowChain *chain = &gallery->body.rows.chains[subject];

        return chain->n == 0 ? GALLERY_NO_ROW : chain->first;
}

size_t gallery_next_row(const Gallery *gallery, size_t row)
{
        uint32_t next = gallery->body.rows.next[row];

        return next == ROWS_NONE ? GALLERY_NO_ROW : next;
}

uint64_t gallery_n_templates_of(const Gallery *gallery, uint32_t subject)
{
        return gallery->body.rows.chains[subject].n;
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

/* Entries as they are stored. */
typedef struct Batch {
        const char **subjects;
        uint8_t *slots;
        size_t slots_size;
        uint32_t n;
} Batch;

static void batch_deinit(Batch *batch)
{
        free(batch->subjects);
        /* When the subject is removed again, its templates are to be nowhere. */
        if (batch->slots)
                explicit_bzero(batch->slots, batch->slots_size);
        free(batch->slots);
}

static int batch_init(Batch *batch, const Gallery *gallery, const GalleryEntry *entries, uint32_t n)
{
        size_t dimension = body_dimension(&gallery->body), size = original_slot_size(dimension);
        Originals originals = original_file_slots(&gallery->body.store.originals);

        batch->n = n;
        batch->subjects = calloc(MAX_OF(n, UINT32_C(1)), sizeof(char *));
        batch->slots_size = MAX_OF(n, UINT32_C(1)) * size;
        batch->slots = aligned_alloc(64, batch->slots_size);
        if (!batch->subjects || !batch->slots)
                return -ENOMEM;
        for (uint32_t i = 0; i < n; i++) {
                uint8_t *slot = batch->slots + i * size;
                double square;
                /* Judged where it will be written: its padded numbers are what a slot begins with. */
                if (!kernel_read_vector(entries[i].vector, dimension, (void *)slot, &square))
                        return -EINVAL;
                batch->subjects[i] = entries[i].subject;
                original_write(&originals, gallery->body.rows.n + i, entries[i].vector, square, slot);
        }
        return 0;
}

/* Room for more rows, before anything is written: memory that is lacking changes nothing either. */
static int reserve_rows(Gallery *gallery, uint32_t n)
{
        Body *body = &gallery->body;
        size_t n_rows = body->rows.n + n, n_subjects = gallery->subjects.n_items + n;

        if (body_has_room(body, n_rows, n_subjects))
                return 0;
        hold_alone(gallery);
        int r = body_reserve(body, n_rows, n_subjects);
        gallery_release(gallery);
        return r;
}

/* The moment in which what was added is there. */
static int add_rows(Gallery *gallery, const Batch *batch)
{
        Originals originals = original_file_slots(&gallery->body.store.originals);
        int r = 0;

        hold_alone(gallery);
        for (uint32_t i = 0; r == 0 && i < batch->n; i++) {
                uint32_t number;
                double square;
                const float *vector = original_read(&originals, gallery->body.rows.n, &square);
                r = vector ? subjects_add(&gallery->subjects, batch->subjects[i], &number) : -EIO;
                if (r == 0)
                        body_append(&gallery->body, number, vector, square);
        }
        if (r == 0 && gallery_has_lost(gallery))
                r = -EIO;
        gallery->n_live += batch->n;
        gallery->epoch++;
        gallery_release(gallery);
        return r;
}

int gallery_add(Gallery *gallery, const GalleryEntry *entries, uint32_t n)
{
        _cleanup_(batch_deinit) Batch batch = {};

        int r = reserve_rows(gallery, n);
        if (r == 0)
                r = batch_init(&batch, gallery, entries, n);
        if (r == 0)
                r = store_add(&gallery->body.store, batch.subjects, batch.slots, n);
        if (r == 0)
                r = add_rows(gallery, &batch);
        r = fold_change(gallery, r);
        return r != 0 ? r : body_write_blocks(&gallery->body);
}

static int find_rows(const Gallery *gallery, uint32_t number, uint64_t **ret_rows, uint32_t *ret_n)
{
        uint32_t n = 0;

        uint64_t *rows = calloc(gallery_n_templates_of(gallery, number), sizeof(uint64_t));
        if (!rows)
                return -ENOMEM;
        for (size_t row = gallery_first_row(gallery, number); row != GALLERY_NO_ROW;
             row = gallery_next_row(gallery, row))
                rows[n++] = row;
        *ret_rows = rows;
        *ret_n = n;
        return 0;
}

/* The moment in which what was removed is not there any more. */
static void remove_rows(Gallery *gallery, uint32_t number, const uint64_t *rows, uint32_t n)
{
        hold_alone(gallery);
        body_drop(&gallery->body, number, rows, n);
        subjects_drop(&gallery->subjects, number);
        gallery->n_live -= n;
        gallery->epoch++;
        gallery_release(gallery);
}

int gallery_remove(Gallery *gallery, const char *subject, uint32_t *ret_n)
{
        _cleanup_(freep) uint64_t *rows = NULL;
        uint32_t number, n = 0;

        if (!gallery_find(gallery, subject, &number))
                return GALLERY_E_NO_SUBJECT;
        int r = find_rows(gallery, number, &rows, &n);
        if (r == 0)
                r = store_remove(&gallery->body.store, rows, n);
        if (r != 0)
                return fold_change(gallery, r);
        remove_rows(gallery, number, rows, n);
        r = body_erase(&gallery->body, rows, n);
        if (r == 0)
                *ret_n = n;
        return r;
}
