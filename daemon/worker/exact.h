#pragma once
/*
 * Similarities as they are compared and returned: of templates as they were enrolled, in double precision, in the order of worker/kernel.h.
 */

#include <stddef.h>

#include "worker/kernel.h"
#include "worker/original.h"

/* Probes, as the kernels read them. */
typedef struct ExactProbes {
        const double *vectors; /* one after the other, KERNEL_PADDED(dimension) each */
        const double *squares;
        size_t n;
        size_t dimension;
        KernelDot dot;
} ExactProbes;

/** exact_widen() - Makes @n floats what ExactProbes wants. */
void exact_widen(const float *vectors, size_t n, double *ret_vectors);

/**
 * exact_probes_init() - Widens @vectors into memory of their own.
 * @probes:     all but `vectors` filled in
 *
 * Return: 0 or -ENOMEM; @probes is to be deinitialised either way.
 */
int exact_probes_init(ExactProbes *probes, const float *vectors);

/** exact_probes_deinit() - Overwrites and frees what exact_probes_init() has made. */
void exact_probes_deinit(ExactProbes *probes);

/** exact_best() - The highest of the similarities that belong to these inner products, one of each probe with a template. */
double exact_best(const ExactProbes *probes, const double *dots, double square);

/** exact_similarity() - The highest that a template, read by original_read(), has with any of the probes. */
double exact_similarity(const ExactProbes *probes, const float *original, double square);
