#pragma once
/*
 * The codes of a gallery in memory: blocks of worker/codes.h, one after the other, in huge pages where the system has them. Grows without copying: pages
 * move, not bytes. Nobody may read meanwhile.
 *
 * When each block last changed is noted, for who keeps a copy of them elsewhere (Templates.stamps).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Blocks {
        uint8_t *data;  /* aligned to a huge page */
        size_t n_bytes; /* mapped */
        size_t block_size;
        uint64_t *stamps;  /* a block that there is room for: when it last changed */
        uint64_t changed;  /* the highest of them */
        uint64_t identity; /* of these blocks in this process; 0: there are none yet */
} Blocks;

#define BLOCKS_INIT ((Blocks){})

/** blocks_deinit() - Gives the memory back; safe on BLOCKS_INIT and twice. */
void blocks_deinit(Blocks *blocks);

/**
 * blocks_reserve() - Makes room for @n blocks of a dimension, always the same. Blocks that are new are zero, which is no block yet: blocks_clear().
 * Return: 0 or -errno, and the blocks are as they were.
 */
int blocks_reserve(Blocks *blocks, size_t dimension, size_t n);

/** blocks_have_room() - Whether @n blocks have room already. */
static inline bool blocks_have_room(const Blocks *blocks, size_t n)
{
        return n * blocks->block_size <= blocks->n_bytes;
}

/** blocks_tick() - A moment of the process' one clock: later than all others, 1 or more. Any thread. */
uint64_t blocks_tick(void);

/** blocks_at() - A block that room was reserved for. */
static inline const uint8_t *blocks_at(const Blocks *blocks, size_t number)
{
        return blocks->data + number * blocks->block_size;
}

/** blocks_change() - A block that room was reserved for and that changes now. */
uint8_t *blocks_change(Blocks *blocks, size_t number);

/** blocks_clear() - Makes a block hold no template in any row. */
void blocks_clear(Blocks *blocks, size_t dimension, size_t number);
