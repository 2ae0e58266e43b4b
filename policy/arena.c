/*
 * The arena: a list of allocations. Owns nothing but that list; used by whoever loads a policy.
 */

#include "policy/arena.h"

#include <stdlib.h>
#include <string.h>

typedef struct ArenaPiece {
        struct ArenaPiece *next;
        _Alignas(max_align_t) unsigned char bytes[];
} ArenaPiece;

void arena_deinit(Arena *arena)
{
        ArenaPiece *next = NULL;

        for (ArenaPiece *piece = arena->pieces; piece; piece = next) {
                next = piece->next;
                free(piece);
        }
        *arena = ARENA_INIT;
}

void *arena_new(Arena *arena, size_t n, size_t size)
{
        size_t total = 0;

        if (__builtin_mul_overflow(n, size, &total) ||
            __builtin_add_overflow(total, sizeof(ArenaPiece), &total))
                return NULL;
        ArenaPiece *piece = calloc(1, total);
        if (!piece)
                return NULL;
        piece->next = arena->pieces;
        arena->pieces = piece;
        return piece->bytes;
}

char *arena_copy(Arena *arena, const void *data, size_t n)
{
        char *copy = arena_new(arena, n + 1, 1);

        if (copy && n > 0)
                memcpy(copy, data, n);
        return copy;
}
