/*
 * Threads that share one piece of work.
 */

#include <stdatomic.h>
#include <string.h>

#include "scratch.h"
#include "worker/pool.h"

typedef struct Counts {
        atomic_uchar parts[1000];
        atomic_bool busy[8]; /* by the number of the thread */
        atomic_bool wrong;
} Counts;

static void count(void *userdata, size_t part, size_t thread)
{
        Counts *counts = userdata;

        if (atomic_exchange(&counts->busy[thread], true))
                atomic_store(&counts->wrong, true);
        atomic_fetch_add(&counts->parts[part], 1);
        atomic_store(&counts->busy[thread], false);
}

Test(pool, does_each_part_once_and_numbers_its_threads, .timeout = 600)
{
        static Counts counts;

        for (size_t n_threads = 1; n_threads <= 4; n_threads++) {
                Pool *pool;
                cr_assert_eq(pool_new(n_threads, &pool), 0);
                for (size_t n = 0; n < 1000; n += 1 + n / 8) {
                        memset((void *)&counts, 0, sizeof(counts));
                        pool_run(pool, count, &counts, n);
                        for (size_t i = 0; i < 1000; i++)
                                cr_assert_eq(atomic_load(&counts.parts[i]), i < n ? 1 : 0);
                        for (size_t i = 0; i < 8; i++)
                                cr_assert(!atomic_load(&counts.busy[i]));
                        cr_assert(!atomic_load(&counts.wrong));
                }
                pool_free(pool);
        }
        cr_assert_null(pool_free(NULL));
}

typedef struct Meeting {
        atomic_size_t n_missing;
        atomic_uchar seen[6]; /* by the number of the thread */
} Meeting;

/* Waits until as many threads are there as the pool has: one that nobody woke would be waited for in vain. */
static void meet(void *userdata, size_t part, size_t thread)
{
        Meeting *meeting = userdata;

        atomic_fetch_add(&meeting->seen[thread], 1);
        atomic_fetch_sub(&meeting->n_missing, 1);
        while (atomic_load(&meeting->n_missing) > 0)
                (void)usleep(100);
}

Test(pool, brings_all_its_threads_together_where_there_is_work_for_them, .timeout = 600)
{
        Pool *pool;

        cr_assert_eq(pool_new(6, &pool), 0);
        for (size_t round = 0; round < 100; round++) {
                Meeting meeting = {.n_missing = 6};
                pool_run(pool, meet, &meeting, 6);
                for (size_t i = 0; i < 6; i++)
                        cr_assert_eq(atomic_load(&meeting.seen[i]), 1);
        }
        pool_free(pool);
}
