#pragma once
/*
 * Galleries that are made to be awkward: for bounds (residuals as long as they come, or none), for thresholds (each template better than all
 * before), for ties, for the range of numbers, and for buffers (all templates nearly the same).
 */

#include "brute.h"

struct Awkward; /* a gallery in the making */

typedef struct AwkwardKind {
        const char *name;
        void (*fill)(const struct Awkward *awkward, size_t row, float *ret_vector);
} AwkwardKind;

extern const AwkwardKind awkward_kinds[];
extern const size_t awkward_n_kinds;

/**
 * awkward_new() - A crowd of a kind.
 * @dead:       of 256 templates so many are removed again, in runs and alone
 */
Crowd *awkward_new(const AwkwardKind *kind, size_t n, size_t dimension, unsigned dead, uint64_t *chance);

/** awkward_probe() - A probe that makes it difficult: a stored template, its opposite, a multiple, a neighbour; or a stranger. */
void awkward_probe(const Crowd *crowd, uint64_t *chance, float *ret_vector);

/** awkward_kind() - One by name. */
const AwkwardKind *awkward_kind(const char *name);
