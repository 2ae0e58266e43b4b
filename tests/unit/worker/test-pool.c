/*
 * Threads that share one piece of work.
 */

#include <stdatomic.h>
#include <string.h>

#include "scratch.h"
#include "worker/pool.h"

static atomic_uchar counts[1000];

static void count(void *userdata, size_t part)
{
        atomic_fetch_add(&counts[part], 1);
}

Test(pool, does_each_part_once_with_any_number_of_threads, .timeout = 60)
{
        for (size_t n_threads = 1; n_threads <= 4; n_threads++) {
                Pool *pool;
                cr_assert_eq(pool_new(n_threads, &pool), 0);
                for (size_t n = 0; n < 1000; n += 1 + n / 8) {
                        memset((void *)counts, 0, sizeof(counts));
                        pool_run(pool, count, NULL, n);
                        for (size_t i = 0; i < 1000; i++)
                                cr_assert_eq(atomic_load(&counts[i]), i < n ? 1 : 0);
                }
                pool_free(pool);
        }
        cr_assert_null(pool_free(NULL));
}
