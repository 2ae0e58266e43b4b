/*
 * Rows in files and in memory.
 */

#include "worker/body.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "worker/codes.h"

enum { BODY_COPY_ROWS = 256 /* written at once */ };

void body_deinit(Body *body)
{
        blocks_deinit(&body->blocks);
        rows_deinit(&body->rows);
        store_deinit(&body->store);
        *body = BODY_INIT;
}

size_t body_dimension(const Body *body)
{
        return body->store.journal.shape.dimension;
}

/* ---------------------------------------------------------------------------------------- rows and blocks */

static size_t n_blocks_for(size_t n_rows)
{
        return (n_rows + CODES_ROWS - 1) / CODES_ROWS;
}

int body_reserve(Body *body, size_t n_rows, size_t n_subjects)
{
        int r = rows_reserve(&body->rows, n_rows, n_subjects);
        if (r == 0)
                r = blocks_reserve(&body->blocks, body_dimension(body), n_blocks_for(n_rows));
        return r < 0 ? r : original_file_map(&body->store.originals, n_rows);
}

bool body_has_room(const Body *body, size_t n_rows, size_t n_subjects)
{
        return n_rows <= body->rows.n_allocated && n_subjects <= body->rows.n_chains &&
               blocks_have_room(&body->blocks, n_blocks_for(n_rows)) &&
               original_file_is_mapped(&body->store.originals, n_rows);
}

/* Appends a row that room was reserved for, of an original that is there. */
void body_append(Body *body, uint32_t subject, const float *vector, double square)
{
        size_t row = body->rows.n;

        if (row % CODES_ROWS == 0)
                blocks_clear(&body->blocks, body_dimension(body), row / CODES_ROWS);
        codes_write(blocks_change(&body->blocks, row / CODES_ROWS), body_dimension(body), row % CODES_ROWS,
                    vector, square);
        rows_append(&body->rows, subject);
}

static int write_block(Body *body, size_t number)
{
        return code_file_write(&body->store.codes, number, rows_mask(&body->rows, number),
                               blocks_at(&body->blocks, number));
}

int body_write_blocks(Body *body)
{
        CodeFile *file = &body->store.codes;

        while (file->n_blocks < store_n_blocks(&body->store)) {
                uint64_t number = file->n_blocks;
                int r = write_block(body, number);
                if (disk_is_no_space(r))
                        return code_file_cut(file, number);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ------------------------------------------------------------------------------------------------ loading */

/* Rows on their way from the journal into memory. */
typedef struct Loading {
        Rows *rows;
        Subjects *subjects;
} Loading;

static int load_row(void *userdata, uint64_t row, const char *subject)
{
        Loading *loading = userdata;
        uint32_t number = SUBJECTS_NONE;

        int r = subject ? subjects_add(loading->subjects, subject, &number) : 0;
        if (r == 0)
                r = rows_reserve(loading->rows, row + 1, loading->subjects->n_items);
        if (r == 0)
                rows_append(loading->rows, number);
        return r;
}

/* Makes a block of the originals. */
static int make_block(Body *body, size_t number)
{
        Originals originals = original_file_slots(&body->store.originals);
        uint64_t mask = rows_mask(&body->rows, number);

        blocks_clear(&body->blocks, body_dimension(body), number);
        for (size_t i = 0; i < CODES_ROWS; i++) {
                double square;
                if (!(mask >> i & 1))
                        continue;
                const float *vector = original_read(&originals, number * CODES_ROWS + i, &square);
                if (!vector)
                        return DISK_E_DAMAGED;
                codes_write(blocks_change(&body->blocks, number), body_dimension(body), i, vector, square);
        }
        return original_file_has_lost(&body->store.originals) ? DISK_E_DAMAGED : 0;
}

/* Reads a full block, or makes it and writes it. */
static int load_block(Body *body, DiskWindow *window, size_t number, size_t *n_made)
{
        CodeFile *file = &body->store.codes;
        uint64_t mask = rows_mask(&body->rows, number);

        int r = code_file_read(file, window, number, mask, blocks_change(&body->blocks, number));
        if (r != DISK_E_DAMAGED)
                return r;
        (*n_made)++;
        r = make_block(body, number);
        if (r != 0 || file->n_blocks < number)
                return r;
        r = write_block(body, number);
        return disk_is_no_space(r) ? code_file_cut(file, number) : r;
}

static int load_blocks(Body *body, size_t *ret_n_made)
{
        DiskWindow window = code_file_window(&body->store.codes);
        size_t n_full = store_n_blocks(&body->store), n = n_blocks_for(body->rows.n);

        *ret_n_made = 0;
        int r = blocks_reserve(&body->blocks, body_dimension(body), n);
        for (size_t number = 0; r == 0 && number < n_full; number++)
                r = load_block(body, &window, number, ret_n_made);
        if (r == 0 && n_full < n)
                r = make_block(body, n_full);
        disk_window_deinit(&window);
        return r;
}

int body_load(Body *body, int dir_fd, const char *name, Subjects *subjects, size_t *ret_n_made)
{
        Loading loading = {.rows = &body->rows, .subjects = subjects};

        int r = store_open(dir_fd, name, &body->store);
        if (r == 0)
                r = subjects_reserve(subjects, body->store.journal.state.n_live);
        if (r == 0)
                r = rows_reserve(&body->rows, body->store.journal.state.n_total, 0);
        if (r == 0)
                r = journal_each(&body->store.journal, load_row, &loading);
        return r != 0 ? r : load_blocks(body, ret_n_made);
}

/* ------------------------------------------------------------------------------------------------ copying */

/* What is on its way into the new files. */
typedef struct Copy {
        const Body *from;
        const Subjects *subjects;
        const atomic_int *stop;
        Body *to;
        const char *names[BODY_COPY_ROWS];
        uint8_t *slots;
        uint32_t n;
} Copy;

static int copy_flush(Copy *copy)
{
        int r = copy->n == 0 ? 0 : store_append(&copy->to->store, copy->names, copy->slots, copy->n);

        copy->n = 0;
        if (r == 0)
                r = body_write_blocks(copy->to);
        return r == 0 && copy->stop && atomic_load(copy->stop) != 0 ? BODY_E_STOPPED : r;
}

static int copy_row(Copy *copy, size_t row)
{
        Originals from = original_file_slots(&copy->from->store.originals);
        Originals to = original_file_slots(&copy->to->store.originals);
        uint32_t subject = copy->from->rows.subjects[row];
        double square;

        const float *vector = original_read(&from, row, &square);
        if (!vector)
                return DISK_E_DAMAGED;
        original_write(&to, copy->to->rows.n, (const uint8_t *)vector, square,
                       copy->slots + copy->n * original_slot_size(from.dimension));
        copy->names[copy->n++] = copy->subjects->items[subject].name;
        body_append(copy->to, subject, vector, square);
        return copy->n == BODY_COPY_ROWS ? copy_flush(copy) : 0;
}

static int copy_rows(Copy *copy)
{
        const Rows *rows = &copy->from->rows;
        size_t size = BODY_COPY_ROWS * original_slot_size(body_dimension(copy->from));
        int r = 0;

        copy->slots = malloc(size);
        if (!copy->slots)
                return -ENOMEM;
        for (size_t row = 0; r == 0 && row < rows->n; row++)
                if (rows->subjects[row] != SUBJECTS_NONE)
                        r = copy_row(copy, row);
        if (r == 0)
                r = copy_flush(copy);
        explicit_bzero(copy->slots, size);
        free(copy->slots);
        return r;
}

int body_copy(const Body *body, const Subjects *subjects, const atomic_int *stop, Body *ret_body)
{
        Copy copy = {.from = body, .subjects = subjects, .stop = stop, .to = ret_body};
        uint64_t n_live = body->store.journal.state.n_live;

        int r = store_has_room(&body->store, n_live);
        if (r == 0)
                r = store_begin(body->store.dir_fd, &body->store.journal.shape, &ret_body->store);
        if (r == 0)
                r = body_reserve(ret_body, n_live, subjects->n_items);
        if (r == 0)
                r = copy_rows(&copy);
        return r == 0 && original_file_has_lost(&body->store.originals) ? DISK_E_DAMAGED : r;
}

/* ------------------------------------------------------------------------------------------------ removing */

void body_drop(Body *body, uint32_t subject, const uint64_t *rows, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++)
                codes_clear(blocks_change(&body->blocks, rows[i] / CODES_ROWS), body_dimension(body),
                            rows[i] % CODES_ROWS);
        rows_drop(&body->rows, subject);
}

int body_erase(Body *body, const uint64_t *rows, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++) {
                uint64_t number = rows[i] / CODES_ROWS;
                if (number >= body->store.codes.n_blocks || (i > 0 && rows[i - 1] / CODES_ROWS == number))
                        continue;
                int r = write_block(body, number);
                if (r < 0)
                        return r;
        }
        return store_erase(&body->store, rows, n);
}
