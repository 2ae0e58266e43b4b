/*
 * What a benchmark measures a search against. How fast a machine is no test can know; what can be told is that twice the work takes longer, and that
 * nothing is claimed where there is nothing.
 */

#include <string.h>

#include "base/macro.h"
#include "scratch.h"
#include "worker/ceiling.h"
#include "worker/scan.h"

static double least_read(Pool *pool, const uint8_t *memory, size_t size)
{
        double least = ceiling_read(pool, memory, size);

        for (size_t i = 0; i < 20; i++)
                least = MIN_OF(least, ceiling_read(pool, memory, size));
        return least;
}

Test(ceiling, reads_all_of_the_memory)
{
        enum { SIZE = 16 << 20 };
        uint8_t *memory = aligned_alloc(64, SIZE);
        Pool *pool;

        cr_assert_not_null(memory);
        memset(memory, 1, SIZE);
        cr_assert_eq(pool_new(1, &pool), 0);
        double part = least_read(pool, memory, SIZE / 16), all = least_read(pool, memory, SIZE);
        cr_assert_gt(part, 0);
        cr_assert_gt(all, 4 * part, "%g s for all, %g s for a sixteenth", all, part);
        /* No load of this machine or another moves a terabyte a second on one thread. */
        cr_assert_lt(SIZE / all, 1e12);
        pool_free(pool);
        free(memory);
}

Test(ceiling, knows_a_tile_for_each_set_of_instructions_but_plain_c)
{
        static const char *const isas[] = {"avx512-vnni", "avx2", "scalar", "sse9"};
        Pool *pool;

        cr_assert_eq(pool_new(2, &pool), 0);
        for (size_t i = 0; i < ARRAY_SIZE(isas); i++) {
                bool is_tile = i < 2 && scan_pick(isas[i]);
                double rate = ceiling_tile(pool, 2, isas[i]);
                cr_assert_eq(rate > 0, is_tile, "%s: %g", isas[i], rate);
                /* 512 operations a cycle at 5 GHz are more than any core has, and a tenth of one is less. */
                cr_assert(!is_tile || (rate > 5e8 && rate < 2 * 2.56e12), "%s: %g", isas[i], rate);
        }
        pool_free(pool);
}
