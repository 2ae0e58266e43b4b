#pragma once
/*
 * Sets of places in a table, as bits. A set has as many words as its table needs; a table has at most as many
 * entries as there are files, so a set on the stack is BITS_WORDS_MAX words.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/sources.h"

enum { BITS_WORDS_MAX = SOURCES_FILES_MAX / 64 };

/** bits_words() - How many words a set over @n entries takes. */
static inline size_t bits_words(size_t n)
{
        return (n + 63) / 64;
}

static inline bool bits_has(const uint64_t *bits, size_t i)
{
        return (bits[i / 64] >> (i % 64) & 1) != 0;
}

static inline void bits_add(uint64_t *bits, size_t i)
{
        bits[i / 64] |= UINT64_C(1) << (i % 64);
}

/** bits_join() - Adds all of @more. */
static inline void bits_join(uint64_t *bits, const uint64_t *more, size_t n_words)
{
        for (size_t i = 0; i < n_words; i++)
                bits[i] |= more[i];
}

static inline void bits_drop(uint64_t *bits, size_t i)
{
        bits[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

/** bits_keep() - Drops all that is not in @those. */
static inline void bits_keep(uint64_t *bits, const uint64_t *those, size_t n_words)
{
        for (size_t i = 0; i < n_words; i++)
                bits[i] &= those[i];
}

#define BITS_NONE SIZE_MAX

/** bits_next() - The first member from @from on, or BITS_NONE. */
static inline size_t bits_next(const uint64_t *bits, size_t n_words, size_t from)
{
        for (size_t i = from / 64; i < n_words; i++) {
                uint64_t word = i == from / 64 ? bits[i] >> (from % 64) << (from % 64) : bits[i];
                if (word)
                        return i * 64 + (size_t)__builtin_ctzll(word);
        }
        return BITS_NONE;
}

/** bits_meet() - Whether two sets have something in common. */
static inline bool bits_meet(const uint64_t *a, const uint64_t *b, size_t n_words)
{
        for (size_t i = 0; i < n_words; i++)
                if (a[i] & b[i])
                        return true;
        return false;
}
