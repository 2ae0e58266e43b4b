/*
 * Codes in memory.
 */

#include "worker/blocks.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/macro.h"
#include "worker/codes.h"

enum { BLOCKS_ALIGNMENT = 2 << 20 /* of a huge page */ };

uint64_t blocks_tick(void)
{
        static atomic_uint_fast64_t ticks;

        return atomic_fetch_add_explicit(&ticks, 1, memory_order_relaxed) + 1;
}

void blocks_deinit(Blocks *blocks)
{
        if (blocks->data)
                (void)munmap(blocks->data, blocks->n_bytes); /* Fails for what is not mapped only. */
        free(blocks->stamps);
        *blocks = BLOCKS_INIT;
}

/* Address space for @n bytes, a multiple of the alignment, and aligned. */
static uint8_t *reserve_addresses(size_t n)
{
        uint8_t *all = mmap(NULL, n + BLOCKS_ALIGNMENT, PROT_NONE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (all == MAP_FAILED)
                return NULL;
        size_t before = (BLOCKS_ALIGNMENT - (uintptr_t)all % BLOCKS_ALIGNMENT) % BLOCKS_ALIGNMENT;
        /* Both fail for what is not mapped only. */
        if (before > 0)
                (void)munmap(all, before);
        (void)munmap(all + before + n, BLOCKS_ALIGNMENT - before);
        return all + before;
}

static int move_to(Blocks *blocks, uint8_t *addresses, size_t n)
{
        void *data = blocks->data ? mremap(blocks->data, blocks->n_bytes, n, MREMAP_MAYMOVE | MREMAP_FIXED,
                                           addresses)
                                  : mmap(addresses, n, PROT_READ | PROT_WRITE,
                                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        if (data == MAP_FAILED) {
                int r = -errno;
                (void)munmap(addresses, n); /* As above. */
                return r;
        }
        blocks->data = data;
        blocks->n_bytes = n;
        /* Without huge pages it is as right, and a little slower. */
        (void)madvise(data, n, MADV_HUGEPAGE);
        return 0;
}

/* As many as blocks there will be room for. Too many do no harm. */
static int reserve_stamps(Blocks *blocks, size_t n)
{
        uint64_t *stamps = reallocarray(blocks->stamps, n, sizeof(uint64_t));
        if (!stamps)
                return -ENOMEM;
        blocks->stamps = stamps;
        return 0;
}

int blocks_reserve(Blocks *blocks, size_t dimension, size_t n)
{
        size_t size = codes_block_size(dimension);

        if (n * size <= blocks->n_bytes)
                return 0;
        size_t n_bytes = MAX_OF(n * size, blocks->n_bytes + blocks->n_bytes / 4);
        n_bytes = (n_bytes + BLOCKS_ALIGNMENT - 1) / BLOCKS_ALIGNMENT * BLOCKS_ALIGNMENT;
        int r = reserve_stamps(blocks, n_bytes / size);
        if (r < 0)
                return r;
        uint8_t *addresses = reserve_addresses(n_bytes);
        if (!addresses)
                return -ENOMEM;
        blocks->block_size = size;
        if (blocks->identity == 0)
                blocks->identity = blocks_tick();
        return move_to(blocks, addresses, n_bytes);
}

uint8_t *blocks_change(Blocks *blocks, size_t number)
{
        blocks->changed = blocks_tick();
        blocks->stamps[number] = blocks->changed;
        return blocks->data + number * blocks->block_size;
}

void blocks_clear(Blocks *blocks, size_t dimension, size_t number)
{
        uint8_t *block = blocks_change(blocks, number);

        for (size_t row = 0; row < CODES_ROWS; row++)
                codes_clear(block, dimension, row);
}
