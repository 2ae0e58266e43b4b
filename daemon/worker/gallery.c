/*
 * One gallery. Row i in memory is row i of the files. A removed row stays, empty, until more than half of
 * them are; then what is left is written to new files, and read from them.
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
#include "worker/blocks.h"
#include "worker/codes.h"
#include "worker/kernel.h"
#include "worker/rows.h"
#include "worker/store.h"
#include "worker/subjects.h"

enum {
        GALLERY_COMPACT_MIN = 256,     /* empty rows below which compacting is not worth it */
        GALLERY_COMPACT_ENTRIES = 256, /* written at once */
};

/* The rows of a gallery, in files and in memory, by one numbering. */
typedef struct Body {
        Store store;
        Rows rows;
        Blocks blocks;
} Body;

#define BODY_INIT ((Body){.store = STORE_INIT})

struct Gallery {
        char name[JOURNAL_NAME_MAX + 1];
        int dir_fd; /* borrowed */
        JournalShape shape;
        atomic_bool damaged;
        pthread_rwlock_t lock; /* over what searches read: all that follows, but for the store's files */
        Body body;
        Subjects subjects;
        uint64_t epoch;
        uint64_t n_live;
};

DEFINE_CLEANUP(Gallery *, gallery_free);

static void body_deinit(Body *body)
{
        blocks_deinit(&body->blocks);
        rows_deinit(&body->rows);
        store_deinit(&body->store);
        *body = BODY_INIT;
}

static size_t dimension_of(const Body *body)
{
        return body->store.journal.shape.dimension;
}

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

/* A change that waits is not overtaken by ever more searches. */
static void init_lock(pthread_rwlock_t *lock)
{
        pthread_rwlockattr_t attributes;

        /* These fail for arguments that make no sense only. */
        (void)pthread_rwlockattr_init(&attributes);
        (void)pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
        (void)pthread_rwlock_init(lock, &attributes);
        (void)pthread_rwlockattr_destroy(&attributes);
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
        init_lock(&gallery->lock);
        return gallery;
}

static int fold(int r)
{
        return r == DISK_E_NO_SPACE ? GALLERY_E_NO_SPACE : r;
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

/* ---------------------------------------------------------------------------------------- rows and blocks */

static size_t n_blocks_for(size_t n_rows)
{
        return (n_rows + CODES_ROWS - 1) / CODES_ROWS;
}

static int reserve(Body *body, size_t n_rows, size_t n_subjects)
{
        int r = rows_reserve(&body->rows, n_rows, n_subjects);
        if (r == 0)
                r = blocks_reserve(&body->blocks, dimension_of(body), n_blocks_for(n_rows));
        return r < 0 ? r : original_file_map(&body->store.originals, n_rows);
}

static bool has_room(const Body *body, size_t n_rows, size_t n_subjects)
{
        return n_rows <= body->rows.n_allocated && n_subjects <= body->rows.n_chains &&
               blocks_have_room(&body->blocks, n_blocks_for(n_rows)) &&
               original_file_is_mapped(&body->store.originals, n_rows);
}

/* Appends a row that room was reserved for, of an original that is there. */
static void append_row(Body *body, uint32_t subject, const float *vector, double square)
{
        size_t row = body->rows.n;

        if (row % CODES_ROWS == 0)
                blocks_clear(&body->blocks, dimension_of(body), row / CODES_ROWS);
        codes_write(blocks_at(&body->blocks, row / CODES_ROWS), dimension_of(body), row % CODES_ROWS, vector,
                    square);
        rows_append(&body->rows, subject);
}

/* Writes the blocks that are full and not on the disk yet; or as many as it has room for. */
static int write_full_blocks(Body *body)
{
        CodeFile *file = &body->store.codes;

        while (file->n_blocks < store_n_blocks(&body->store)) {
                uint64_t number = file->n_blocks;
                int r = code_file_write(file, number, rows_mask(&body->rows, number),
                                        blocks_at(&body->blocks, number));
                if (disk_is_no_space(r))
                        return code_file_cut(file, number);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* --------------------------------------------------------------------------------------------- compaction */

/* What is on its way into the new files. */
typedef struct Move {
        const Gallery *gallery;
        Body to;
        const char *subjects[GALLERY_COMPACT_ENTRIES];
        uint8_t *slots;
        uint32_t n;
} Move;

static int move_flush(Move *move)
{
        int r = move->n == 0 ? 0 : store_append(&move->to.store, move->subjects, move->slots, move->n);
        if (r == 0)
                r = write_full_blocks(&move->to);
        move->n = 0;
        return r;
}

static int move_row(Move *move, size_t row)
{
        const Rows *rows = &move->gallery->body.rows;
        size_t size = original_slot_size(dimension_of(&move->to));
        Originals from = original_file_slots(&move->gallery->body.store.originals);
        Originals to = original_file_slots(&move->to.store.originals);
        double square;

        const float *vector = original_read(&from, row, &square);
        if (!vector)
                return DISK_E_DAMAGED;
        original_write(&to, move->to.rows.n, (const uint8_t *)vector, square, move->slots + move->n * size);
        move->subjects[move->n++] = gallery_subject(move->gallery, rows->subjects[row]);
        append_row(&move->to, rows->subjects[row], vector, square);
        return move->n == GALLERY_COMPACT_ENTRIES ? move_flush(move) : 0;
}

static int move_rows(Move *move)
{
        const Body *from = &move->gallery->body;

        move->slots = malloc(GALLERY_COMPACT_ENTRIES * original_slot_size(dimension_of(from)));
        int r = move->slots ? reserve(&move->to, move->gallery->n_live, move->gallery->subjects.n_items)
                            : -ENOMEM;
        for (size_t row = 0; r == 0 && row < from->rows.n; row++)
                if (from->rows.subjects[row] != SUBJECTS_NONE)
                        r = move_row(move, row);
        if (r == 0)
                r = move_flush(move);
        free(move->slots);
        return r;
}

static void take_body(Gallery *gallery, Body *body)
{
        Body old = gallery->body;

        hold_alone(gallery);
        gallery->body = *body;
        gallery_release(gallery);
        body_deinit(&old);
        *body = BODY_INIT;
}

/* Return: 0; DISK_E_NO_SPACE or DISK_E_DAMAGED, and all is as it was; or -errno. */
static int compact(Gallery *gallery)
{
        Move move = {.gallery = gallery, .to = BODY_INIT};
        bool placed = false;

        int r = store_begin(gallery->dir_fd, &gallery->shape, &move.to.store);
        if (r == 0)
                r = move_rows(&move);
        if (r == 0)
                r = store_place(&move.to.store, gallery->epoch, true, &placed);
        if (r == 0)
                take_body(gallery, &move.to);
        body_deinit(&move.to);
        if (r < 0 && placed)
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

/* What was asked for stands whatever becomes of this. A full disk is no reason to fail: the files as they are serve as well; damage that is met on the way is for
 * the next who asks. */
static int tidy(Gallery *gallery)
{
        int r = wants_compaction(gallery) ? compact(gallery) : 0;

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

static int load_row(void *userdata, uint64_t row, const char *subject)
{
        Gallery *gallery = userdata;
        uint32_t number = SUBJECTS_NONE;

        int r = subject ? subjects_add(&gallery->subjects, subject, &number) : 0;
        if (r == 0)
                r = rows_reserve(&gallery->body.rows, row + 1, gallery->subjects.n_items);
        if (r == 0)
                rows_append(&gallery->body.rows, number);
        return r;
}

/* Makes a block of the originals. */
static int make_block(Body *body, size_t number)
{
        Originals originals = original_file_slots(&body->store.originals);
        uint64_t mask = rows_mask(&body->rows, number);

        blocks_clear(&body->blocks, dimension_of(body), number);
        for (size_t i = 0; i < CODES_ROWS; i++) {
                double square;
                if (!(mask >> i & 1))
                        continue;
                const float *vector = original_read(&originals, number * CODES_ROWS + i, &square);
                if (!vector)
                        return DISK_E_DAMAGED;
                codes_write(blocks_at(&body->blocks, number), dimension_of(body), i, vector, square);
        }
        return 0;
}

/* Reads a full block, or makes it and writes it. */
static int load_block(Body *body, DiskWindow *window, size_t number, size_t *n_made)
{
        CodeFile *file = &body->store.codes;
        uint64_t mask = rows_mask(&body->rows, number);

        int r = code_file_read(file, window, number, mask, blocks_at(&body->blocks, number));
        if (r != DISK_E_DAMAGED)
                return r;
        (*n_made)++;
        r = make_block(body, number);
        if (r != 0 || file->n_blocks < number)
                return r;
        r = code_file_write(file, number, mask, blocks_at(&body->blocks, number));
        return disk_is_no_space(r) ? code_file_cut(file, number) : r;
}

static int load_blocks(Body *body, size_t *ret_n_made)
{
        DiskWindow window = code_file_window(&body->store.codes);
        size_t n_full = store_n_blocks(&body->store), n = n_blocks_for(body->rows.n);

        *ret_n_made = 0;
        int r = blocks_reserve(&body->blocks, dimension_of(body), n);
        for (size_t number = 0; r == 0 && number < n_full; number++)
                r = load_block(body, &window, number, ret_n_made);
        if (r == 0 && n_full < n)
                r = make_block(body, n_full);
        disk_window_deinit(&window);
        return r;
}

static int load(Gallery *gallery)
{
        size_t n_made;

        int r = store_open(gallery->dir_fd, gallery->name, &gallery->body.store);
        if (r == 0)
                r = journal_each(&gallery->body.store.journal, load_row, gallery);
        if (r == 0)
                r = load_blocks(&gallery->body, &n_made);
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
        return tidy(gallery);
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
                gallery_found_damaged(gallery);
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

void gallery_found_damaged(Gallery *gallery)
{
        atomic_store(&gallery->damaged, true);
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

uint64_t gallery_n_templates(const Gallery *gallery)
{
        return gallery->n_live;
}

Templates gallery_templates(const Gallery *gallery)
{
        const Body *body = &gallery->body;

        return (Templates){.n_rows = body->rows.n,
                           .dimension = dimension_of(body),
                           .blocks = body->blocks.data,
                           .subjects = body->rows.subjects,
                           .originals = original_file_slots(&body->store.originals)};
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
        uint32_t n;
} Batch;

static void batch_deinit(Batch *batch)
{
        free(batch->subjects);
        free(batch->slots);
}

static int batch_init(Batch *batch, const Gallery *gallery, const GalleryEntry *entries, uint32_t n)
{
        size_t dimension = dimension_of(&gallery->body), size = original_slot_size(dimension);
        Originals originals = original_file_slots(&gallery->body.store.originals);

        _cleanup_(freep) float *vector = malloc(KERNEL_PADDED(dimension) * sizeof(float));
        batch->n = n;
        batch->subjects = calloc(MAX_OF(n, UINT32_C(1)), sizeof(char *));
        batch->slots = aligned_alloc(64, MAX_OF(n, UINT32_C(1)) * size);
        if (!vector || !batch->subjects || !batch->slots)
                return -ENOMEM;
        for (uint32_t i = 0; i < n; i++) {
                double square;
                if (!kernel_read_vector(entries[i].vector, dimension, vector, &square))
                        return -EINVAL;
                batch->subjects[i] = entries[i].subject;
                original_write(&originals, gallery->body.rows.n + i, entries[i].vector, square,
                               batch->slots + i * size);
        }
        return 0;
}

/* Room for more rows, before anything is written: memory that is lacking changes nothing either. */
static int reserve_rows(Gallery *gallery, uint32_t n)
{
        Body *body = &gallery->body;
        size_t n_rows = body->rows.n + n, n_subjects = gallery->subjects.n_items + n;

        if (has_room(body, n_rows, n_subjects))
                return 0;
        hold_alone(gallery);
        int r = reserve(body, n_rows, n_subjects);
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
                        append_row(&gallery->body, number, vector, square);
        }
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
        return r != 0 ? fold(r) : write_full_blocks(&gallery->body);
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
        Body *body = &gallery->body;

        hold_alone(gallery);
        for (uint32_t i = 0; i < n; i++)
                codes_clear(blocks_at(&body->blocks, rows[i] / CODES_ROWS), dimension_of(body),
                            rows[i] % CODES_ROWS);
        rows_drop(&body->rows, number);
        subjects_drop(&gallery->subjects, number);
        gallery->n_live -= n;
        gallery->epoch++;
        gallery_release(gallery);
}

/* Overwrites rows that no search sees any more, and what of their blocks is on the disk. */
static int erase_rows(Gallery *gallery, const uint64_t *rows, uint32_t n)
{
        Body *body = &gallery->body;
        CodeFile *file = &body->store.codes;

        for (uint32_t i = 0; i < n; i++) {
                uint64_t number = rows[i] / CODES_ROWS;
                if (number >= file->n_blocks || (i > 0 && rows[i - 1] / CODES_ROWS == number))
                        continue;
                int r = code_file_write(file, number, rows_mask(&body->rows, number),
                                        blocks_at(&body->blocks, number));
                if (r < 0)
                        return r;
        }
        return store_erase(&body->store, rows, n);
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
                return fold(r);
        remove_rows(gallery, number, rows, n);
        r = erase_rows(gallery, rows, n);
        if (r == 0)
                *ret_n = n;
        return r < 0 ? r : tidy(gallery);
}
