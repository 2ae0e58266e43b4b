#pragma once
/*
 * Seed: what a disk may hold of the seeds of epochs (daemon/trail/epoch-key.c has the layout). Once a leaf that ends
 * an epoch was told of, no disk that keeps what was synced may hold the seed of that epoch any more: whoever took
 * it could sign for that epoch again.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "book.h"
#include "disk.h"

/** seed_oldest() - The epoch of the oldest seed in the bytes of a seed file. Return: whether there is one. */
bool seed_oldest(const uint8_t *bytes, size_t n, uint64_t *ret_epoch);

/** seed_is_due() - Whether a state holds a seed that should be gone by what was told of. */
bool seed_is_due(const State *state, const Book *book);
