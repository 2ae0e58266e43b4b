/*
 * The best k of many items.
 */

#include "worker/best.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static char *at(const Best *best, size_t i)
{
        return best->items + i * best->item_size;
}

static bool worse(const Best *best, size_t a, size_t b)
{
        return best->order(at(best, a), at(best, b)) > 0;
}

static void exchange(Best *best, size_t a, size_t b)
{
        char item[BEST_ITEM_MAX];

        memcpy(item, at(best, a), best->item_size);
        memcpy(at(best, a), at(best, b), best->item_size);
        memcpy(at(best, b), item, best->item_size);
}

static void sift_up(Best *best, size_t i)
{
        while (i > 0 && worse(best, i, (i - 1) / 2)) {
                exchange(best, i, (i - 1) / 2);
                i = (i - 1) / 2;
        }
}

static void sift_down(Best *best, size_t i)
{
        for (;;) {
                size_t child = 2 * i + 1;
                if (child >= best->n)
                        return;
                if (child + 1 < best->n && worse(best, child + 1, child))
                        child++;
                if (!worse(best, child, i))
                        return;
                exchange(best, i, child);
                i = child;
        }
}

void best_offer(Best *best, const void *item)
{
        if (best->n < best->k) {
                memcpy(at(best, best->n), item, best->item_size);
                sift_up(best, best->n++);
        } else if (best->k > 0 && best->order(item, at(best, 0)) < 0) {
                memcpy(at(best, 0), item, best->item_size);
                sift_down(best, 0);
        }
}

void best_finish(Best *best)
{
        if (best->n > 1)
                qsort(best->items, best->n, best->item_size, best->order);
}
