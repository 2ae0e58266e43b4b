#pragma once
/*
 * Memory that is given back all at once. A policy is built from thousands of small pieces that live exactly
 * as long as it does; each piece is an allocation of its own, so that the sanitizers see its bounds.
 */

#include <stddef.h>

typedef struct Arena {
        struct ArenaPiece *pieces;
} Arena;

#define ARENA_INIT ((Arena){})

/** arena_deinit() - Frees every piece; safe on ARENA_INIT and twice. */
void arena_deinit(Arena *arena);

/** arena_new() - Zeroed room for @n things of @size bytes. Return: it, or NULL: no memory. */
void *arena_new(Arena *arena, size_t n, size_t size);

/** arena_copy() - A copy of @n bytes with a NUL behind them. Return: it, or NULL: no memory. */
char *arena_copy(Arena *arena, const void *data, size_t n);
