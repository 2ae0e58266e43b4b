#pragma once
/*
 * Folding: many combinations as few rows. A row is a set of values for each dimension and stands for every
 * combination of them; two rows that differ in one dimension only are one row. What rows stand for together never
 * changes by that.
 */

#include <stddef.h>
#include <stdint.h>

enum { FOLD_DIMENSIONS_MAX = 10 };

typedef struct FoldRow {
        size_t key;     /* rows of different keys are never one */
        size_t payload; /* the caller's; of rows that become one, the least is kept */
        uint64_t *sets; /* of each dimension, one after the other */
} FoldRow;

typedef struct Fold {
        size_t n_dimensions;
        size_t offsets[FOLD_DIMENSIONS_MAX + 1]; /* of the sets of a row, in words */
        FoldRow *rows;
        size_t n;
        size_t capacity;
} Fold;

#define FOLD_INIT ((Fold){})

/** fold_init() - No rows; @n_values says how many values each of @n_dimensions dimensions has. */
void fold_init(Fold *fold, const size_t *n_values, size_t n_dimensions);

/** fold_deinit() - Frees the rows; safe on FOLD_INIT and twice. */
void fold_deinit(Fold *fold);

/** fold_add() - Another row, its sets empty, for the caller to fill. Return: it, or NULL: no memory. */
FoldRow *fold_add(Fold *fold, size_t key, size_t payload);

/** fold_set() - The set of one dimension. */
static inline uint64_t *fold_set(const Fold *fold, const FoldRow *row, size_t dimension)
{
        return row->sets + fold->offsets[dimension];
}

/** fold_merge() - Makes rows one until no two are left that could be; by key, then in the order of payloads. */
void fold_merge(Fold *fold);
