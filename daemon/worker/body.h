#pragma once
/*
 * The rows of a gallery by one numbering, in files (worker/store.h) and in memory: whose they are, and their codes. Knows no lock: who changes what is read
 * by others (worker/gallery.c) sees to it that nobody does.
 */

#include <stdatomic.h>

#include "worker/blocks.h"
#include "worker/rows.h"
#include "worker/store.h"
#include "worker/subjects.h"

typedef struct Body {
        Store store;
        Rows rows;
        Blocks blocks;
} Body;

#define BODY_INIT ((Body){.store = STORE_INIT})

/** body_deinit() - Frees and closes everything; safe on BODY_INIT and twice. */
void body_deinit(Body *body);

/** body_dimension() - Of its templates. */
size_t body_dimension(const Body *body);

/**
 * body_load() - Reads a gallery of the folder: its subjects, whose the rows are, and the codes. Blocks of codes that are missing, damaged or old are made of the
 * originals, and written as far as the disk has room.
 * @body:       BODY_INIT; for body_deinit() whatever comes of this
 * @subjects:   SUBJECTS_INIT, likewise
 * @ret_n_made: how many full blocks were made
 *
 * Return: 0, DISK_E_DAMAGED, DISK_E_VERSION, or -errno (-ENOENT: there is none).
 */
int body_load(Body *body, int dir_fd, const char *name, Subjects *subjects, size_t *ret_n_made);

/** body_has_room(), body_reserve() - Whether there is room for so many rows of so many subjects; makes it. Return of the latter: 0 or -errno. */
bool body_has_room(const Body *body, size_t n_rows, size_t n_subjects);
int body_reserve(Body *body, size_t n_rows, size_t n_subjects);

/** body_append() - Appends a row to what is in memory, where there is room for it. @vector, @square: as in codes_write(). */
void body_append(Body *body, uint32_t subject, const float *vector, double square);

/** body_drop() - Empties rows in memory, which are all that their subject has. */
void body_drop(Body *body, uint32_t subject, const uint64_t *rows, uint32_t n);

/** body_write_blocks() - Writes the blocks that are full and not on the disk yet, or as many as it has room for. Return: 0 or -errno. */
int body_write_blocks(Body *body);

/** body_erase() - Overwrites rows on the disk that were removed and dropped. Durable on return. Return: 0 or -errno. */
int body_erase(Body *body, const uint64_t *rows, uint32_t n);

enum { BODY_E_STOPPED = 10 /* it was told to; above what store and disk end with */ };

/**
 * body_copy() - Copies the rows that hold something to new files, NAME.new of each, and as much of memory.
 * @subjects:   whose names the rows' numbers are
 * @stop:       not zero: it is not to go on; NULL: it does
 * @ret_body:   BODY_INIT; for body_deinit() whatever comes of this
 *
 * Return: 0, DISK_E_DAMAGED, DISK_E_NO_SPACE (known before anything is written), BODY_E_STOPPED, or -errno; for store_sweep_new() then.
 */
int body_copy(const Body *body, const Subjects *subjects, const atomic_int *stop, Body *ret_body);
