#pragma once
/*
 * The best k of many items, by any order: a heap that keeps the worst of the chosen at its root.
 */

#include <stddef.h>

/* Whether @a comes before @b: negative, 0, positive, as for qsort(3). */
typedef int (*BestOrder)(const void *a, const void *b);

typedef struct Best {
        char *items;      /* room for `k`, the caller's */
        size_t item_size; /* at most BEST_ITEM_MAX */
        size_t k;
        size_t n;
        BestOrder order;
} Best;

enum { BEST_ITEM_MAX = 64 };

/** best_offer() - Keeps a copy of the item if it is among the best k so far. */
void best_offer(Best *best, const void *item);

/** best_finish() - Puts the kept items in order, the first one first. Nothing may be offered afterwards. */
void best_finish(Best *best);
