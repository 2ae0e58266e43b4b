#pragma once
/*
 * What this machine gives at best to a scan of codes: how fast memory is read, and how fast small whole numbers are multiplied and added.
 * Measured, for benchmarks; nothing that serves calls this.
 */

#include <stddef.h>
#include <stdint.h>

#include "worker/pool.h"

/** ceiling_now() - Seconds, of a clock that only goes forward. */
double ceiling_now(void);

/**
 * ceiling_count_processor() - From now on ceiling_now() is the time that this process has had of the processor: for measuring one thread, its own or a device's that is
 * the processor, on a machine that is busy otherwise. Before anything is measured.
 */
void ceiling_count_processor(void);

/**
 * ceiling_read() - Reads memory once from end to end, by the widest loads of this processor.
 * @memory:     aligned to 64
 * @size:       a multiple of 64
 *
 * Return: seconds that it took.
 */
double ceiling_read(Pool *pool, const uint8_t *memory, size_t size);

/**
 * ceiling_tile() - Multiplies a block of codes of 512 dimensions with 16 probes, all of which stay in the cache, again and again: a tile whose
 * sums stay in registers, and nothing else of what a search has to do. A multiplication and an addition are two operations.
 * @isa:        the kernel whose instructions it uses, by the name that --isa= knows
 * @n_threads:  of the pool
 *
 * Takes some 10 to 30 ms. Return: operations a second, of all threads together; 0 where this processor does not have these instructions, or they are
 * plain C, which has no such limit.
 */
double ceiling_tile(Pool *pool, size_t n_threads, const char *isa);
