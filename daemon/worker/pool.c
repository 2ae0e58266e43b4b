/*
 * The pool. Work is published under the mutex with a round number; a thread that wakes takes part until no
 * part is left. The caller waits until every thread that joined the round has left it, so nobody looks at
 * work that is over.
 */

#include "worker/pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

struct Pool {
        pthread_mutex_t lock;
        pthread_cond_t begun;
        pthread_cond_t left;
        size_t n_threads; /* that were started */
        size_t n_numbers; /* that were given out, the caller's 0 besides */
        size_t n_inside;  /* threads in the current round */
        unsigned round;
        bool ends;

        PoolPart part;
        void *userdata;
        size_t n_parts;
        atomic_size_t next; /* the first part that nobody has taken */

        pthread_t threads[];
};

static void pool_work(Pool *pool, size_t thread)
{
        for (;;) {
                size_t part = atomic_fetch_add(&pool->next, 1);
                if (part >= pool->n_parts)
                        return;
                pool->part(pool->userdata, part, thread);
        }
}

static bool pool_has_more(const Pool *pool)
{
        return atomic_load(&pool->next) + 1 < pool->n_parts;
}

static void *pool_thread(void *userdata)
{
        Pool *pool = userdata;
        unsigned seen = 0;

        (void)pthread_setname_np(pthread_self(), "match"); /* For ps and top; the name fits. */
        pthread_mutex_lock(&pool->lock);
        size_t number = ++pool->n_numbers;
        for (;;) {
                while (!pool->ends && (pool->round == seen || !pool->part))
                        pthread_cond_wait(&pool->begun, &pool->lock);
                if (pool->ends)
                        break;
                seen = pool->round;
                pool->n_inside++;
                pthread_mutex_unlock(&pool->lock);
                if (pool_has_more(pool))
                        pthread_cond_signal(&pool->begun);
                pool_work(pool, number);
                pthread_mutex_lock(&pool->lock);
                if (--pool->n_inside == 0)
                        pthread_cond_signal(&pool->left);
        }
        pthread_mutex_unlock(&pool->lock);
        return NULL;
}

int pool_new(size_t n_threads, Pool **ret_pool)
{
        Pool *pool = calloc(1, sizeof(Pool) + (n_threads - 1) * sizeof(pthread_t));
        if (!pool)
                return -ENOMEM;
        pthread_mutex_init(&pool->lock, NULL);
        pthread_cond_init(&pool->begun, NULL);
        pthread_cond_init(&pool->left, NULL);
        while (pool->n_threads < n_threads - 1) {
                int error = pthread_create(&pool->threads[pool->n_threads], NULL, pool_thread, pool);
                if (error != 0) {
                        pool_free(pool);
                        return -error;
                }
                pool->n_threads++;
        }
        *ret_pool = pool;
        return 0;
}

Pool *pool_free(Pool *pool)
{
        if (!pool)
                return NULL;
        pthread_mutex_lock(&pool->lock);
        pool->ends = true;
        pthread_cond_broadcast(&pool->begun);
        pthread_mutex_unlock(&pool->lock);
        for (size_t i = 0; i < pool->n_threads; i++)
                (void)pthread_join(pool->threads[i], NULL); /* Cannot fail for a thread of our own. */
        pthread_cond_destroy(&pool->left);
        pthread_cond_destroy(&pool->begun);
        pthread_mutex_destroy(&pool->lock);
        free(pool);
        return NULL;
}

void pool_run(Pool *pool, PoolPart part, void *userdata, size_t n_parts)
{
        pthread_mutex_lock(&pool->lock);
        pool->part = part;
        pool->userdata = userdata;
        pool->n_parts = n_parts;
        atomic_store(&pool->next, 0);
        pool->round++;
        if (n_parts > 1)
                pthread_cond_signal(&pool->begun);
        pthread_mutex_unlock(&pool->lock);

        pool_work(pool, 0);

        pthread_mutex_lock(&pool->lock);
        while (pool->n_inside > 0)
                pthread_cond_wait(&pool->left, &pool->lock);
        pool->part = NULL; /* Who wakes late finds nothing and waits for the next round. */
        pthread_mutex_unlock(&pool->lock);
}
