/*
 * The best k of many.
 */

#include <string.h>

#include "scratch.h"
#include "worker/best.h"

static int by_value(const void *a, const void *b)
{
        int left = *(const int *)a, right = *(const int *)b;

        return (left > right) - (left < right);
}

Test(best, keeps_what_sorting_everything_would_put_first)
{
        uint64_t state = 3;

        for (size_t round = 0; round < 500; round++) {
                int all[200], kept[220];
                size_t n = scratch_random(&state) % 200, k = scratch_random(&state) % 220;
                Best best = {.items = (char *)kept, .item_size = sizeof(int), .k = k, .order = by_value};
                for (size_t i = 0; i < n; i++) {
                        all[i] = (int)(scratch_random(&state) % 50);
                        best_offer(&best, &all[i]);
                }
                best_finish(&best);
                qsort(all, n, sizeof(int), by_value);
                cr_assert_eq(best.n, n < k ? n : k);
                cr_assert_eq(memcmp(all, kept, best.n * sizeof(int)), 0);
        }
}
