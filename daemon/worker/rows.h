#pragma once
/*
 * Whose template each row of a gallery holds: by row, and by subject as a chain in the order of rows. Knows subjects by their number.
 */

#include <stddef.h>
#include <stdint.h>

/* The rows of one subject. */
typedef struct RowChain {
        uint32_t first;
        uint32_t last;
        uint32_t n; /* 0: the others say nothing */
} RowChain;

#define ROWS_NONE UINT32_MAX

typedef struct Rows {
        size_t n;
        size_t n_allocated;
        uint32_t *subjects; /* SUBJECTS_NONE: the row holds nothing */
        uint32_t *next;     /* row of the same subject, or ROWS_NONE */
        RowChain *chains;   /* by subject */
        size_t n_chains;
} Rows;

#define ROWS_INIT ((Rows){})

/** rows_deinit() - Frees everything; safe on ROWS_INIT and twice. */
void rows_deinit(Rows *rows);

/** rows_reserve() - Makes room for @n rows of @n_subjects subjects. Return: 0 or -ENOMEM. */
int rows_reserve(Rows *rows, size_t n, size_t n_subjects);

/** rows_append() - Appends a row that room was reserved for; SUBJECTS_NONE for one that holds nothing. */
void rows_append(Rows *rows, uint32_t subject);

/** rows_drop() - Empties all rows of a subject. */
void rows_drop(Rows *rows, uint32_t subject);

/** rows_mask() - Which of the CODES_ROWS rows of a block hold a template: bit i for its row i. */
uint64_t rows_mask(const Rows *rows, size_t block);
