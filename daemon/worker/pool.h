#pragma once
/*
 * A few threads that share one piece of work at a time. The caller works along, so a pool of one has no
 * thread.
 */

#include <stddef.h>

typedef struct Pool Pool;

/* One part of the work; called from any of the threads, each part once. @thread is below the pool's number, and no other's meanwhile. */
typedef void (*PoolPart)(void *userdata, size_t part, size_t thread);

enum { POOL_THREADS_MAX = 256 };

/** pool_new() - Starts @n_threads - 1 threads, 1 to POOL_THREADS_MAX. Return: 0 or -errno. */
int pool_new(size_t n_threads, Pool **ret_pool);

/** pool_free() - Ends the threads; takes NULL, returns NULL. No work may be under way. */
Pool *pool_free(Pool *pool);

/**
 * pool_run() - Does parts 0 to @n_parts - 1, in this order and by any thread, and returns when all are done. One caller at a time.
 *
 * The caller begins at once. A thread is woken for the second part, and wakes the next while there is more: work that is done before
 * anybody comes costs one call of the kernel, and a single part none.
 */
void pool_run(Pool *pool, PoolPart part, void *userdata, size_t n_parts);
