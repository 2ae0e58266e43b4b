/*
 * Folding, one dimension at a time: rows that agree in all the others lie side by side once they are sorted by
 * them. Goes round until a whole round finds nothing.
 */

#include "policy/fold.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "policy/bits.h"

void fold_init(Fold *fold, const size_t *n_values, size_t n_dimensions)
{
        *fold = (Fold){.n_dimensions = n_dimensions};
        for (size_t i = 0; i < n_dimensions; i++)
                fold->offsets[i + 1] = fold->offsets[i] + bits_words(n_values[i]);
}

void fold_deinit(Fold *fold)
{
        for (size_t i = 0; i < fold->n; i++)
                free(fold->rows[i].sets);
        free(fold->rows);
        *fold = FOLD_INIT;
}

FoldRow *fold_add(Fold *fold, size_t key, size_t payload)
{
        if (fold->n == fold->capacity) {
                size_t capacity = fold->capacity ? 2 * fold->capacity : 64;
                FoldRow *rows = reallocarray(fold->rows, capacity, sizeof(FoldRow));
                if (!rows)
                        return NULL;
                fold->rows = rows;
                fold->capacity = capacity;
        }
        FoldRow row = {key, payload, calloc(fold->offsets[fold->n_dimensions] + 1, sizeof(uint64_t))};
        if (!row.sets)
                return NULL;
        fold->rows[fold->n++] = row;
        return &fold->rows[fold->n - 1];
}

/* What sorting by all dimensions but one needs to know. */
typedef struct FoldOrder {
        const Fold *fold;
        size_t aside;
} FoldOrder;

static int fold_compare_others(const FoldRow *a, const FoldRow *b, const FoldOrder *order)
{
        const size_t begin = order->fold->offsets[order->aside], end = order->fold->offsets[order->aside + 1];
        const size_t n = order->fold->offsets[order->fold->n_dimensions];

        if (a->key != b->key)
                return a->key < b->key ? -1 : 1;
        int r = memcmp(a->sets, b->sets, begin * sizeof(uint64_t));
        return r != 0 ? r : memcmp(a->sets + end, b->sets + end, (n - end) * sizeof(uint64_t));
}

static int fold_compare(const void *a, const void *b, void *userdata)
{
        const FoldRow *x = a, *y = b;
        int r = fold_compare_others(x, y, userdata);

        if (r != 0)
                return r;
        return x->payload < y->payload ? -1 : x->payload > y->payload;
}

static bool fold_merge_dimension(Fold *fold, size_t dimension)
{
        FoldOrder order = {fold, dimension};
        size_t n = 1;

        if (fold->n < 2)
                return false;
        qsort_r(fold->rows, fold->n, sizeof(FoldRow), fold_compare, &order);
        for (size_t i = 1; i < fold->n; i++) {
                FoldRow *last = &fold->rows[n - 1];
                if (fold_compare_others(last, &fold->rows[i], &order) != 0) {
                        fold->rows[n++] = fold->rows[i];
                        continue;
                }
                bits_join(fold_set(fold, last, dimension), fold_set(fold, &fold->rows[i], dimension),
                          fold->offsets[dimension + 1] - fold->offsets[dimension]);
                free(fold->rows[i].sets);
        }
        bool merged = n < fold->n;
        fold->n = n;
        return merged;
}

static int fold_compare_place(const void *a, const void *b)
{
        const FoldRow *x = a, *y = b;

        if (x->key != y->key)
                return x->key < y->key ? -1 : 1;
        return x->payload < y->payload ? -1 : x->payload > y->payload;
}

void fold_merge(Fold *fold)
{
        bool merged = true;

        while (merged) {
                merged = false;
                for (size_t i = 0; i < fold->n_dimensions; i++)
                        merged |= fold_merge_dimension(fold, i);
        }
        if (fold->n > 1)
                qsort(fold->rows, fold->n, sizeof(FoldRow), fold_compare_place);
}
