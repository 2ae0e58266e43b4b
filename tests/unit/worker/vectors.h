#pragma once
/*
 * Templates of every kind that a bound has to hold for, the same ones each time.
 */

#include <math.h>

#include "scratch.h"

enum VectorKind {
        VECTOR_RANDOM,    /* all directions alike */
        VECTOR_CLUSTERED, /* near to one direction, so that similarities lie close together, by 1 */
        VECTOR_SPIKY,     /* one element that is not zero */
        VECTOR_EQUAL,     /* all elements alike, but for signs */
        VECTOR_HALVES, /* one large element, and others halfway between two whole numbers: as far from codes as can be */
        VECTOR_HUGE,     /* near to the largest float32 */
        VECTOR_DENORMAL, /* below what float32 has all its bits for */
        VECTOR_UNEVEN,   /* elements of all magnitudes */
        VECTOR_KINDS,
};

static inline float vector_element(enum VectorKind kind, size_t i, uint64_t *state)
{
        float random = scratch_random_float(state);

        switch (kind) {
        case VECTOR_RANDOM:
                return random + scratch_random_float(state) + scratch_random_float(state);
        case VECTOR_CLUSTERED:
                return sinf((float)i) + 0.01f * random;
        case VECTOR_SPIKY:
                return 0;
        case VECTOR_EQUAL:
                return random < 0 ? -0.7f : 0.7f;
        case VECTOR_HALVES:
                return i == 0 ? 127 : copysignf(0.499f + (float)((int)(random * 3)), random);
        case VECTOR_HUGE:
                return random * 3e38f;
        case VECTOR_DENORMAL:
                return random * 1e-42f;
        case VECTOR_UNEVEN:
                return ldexpf(random, (int)(scratch_random(state) % 60) - 40);
        case VECTOR_KINDS:
        default:
                cr_assert_fail("no such kind");
                return 0;
        }
}

/* Returns its squared norm, which is never zero. */
static inline double vector_make(enum VectorKind kind, size_t dimension, uint64_t *state, float *ret_vector)
{
        double square = 0;
        size_t spike = scratch_random(state) % dimension;

        for (size_t i = 0; i < dimension; i++)
                ret_vector[i] = vector_element(kind, i, state);
        if (kind == VECTOR_SPIKY || ret_vector[spike] == 0)
                ret_vector[spike] = kind == VECTOR_DENORMAL ? 1e-44f : -3;
        for (size_t i = 0; i < dimension; i++)
                square += (double)ret_vector[i] * (double)ret_vector[i];
        return square;
}
