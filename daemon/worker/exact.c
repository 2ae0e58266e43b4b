/*
 * Similarities in double precision.
 */

#include "worker/exact.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void exact_widen(const float *vectors, size_t n, double *ret_vectors)
{
        for (size_t i = 0; i < n; i++)
                ret_vectors[i] = (double)vectors[i];
}

static size_t n_numbers(const ExactProbes *probes)
{
        return probes->n * KERNEL_PADDED(probes->dimension);
}

int exact_probes_init(ExactProbes *probes, const float *vectors)
{
        double *wide = calloc(n_numbers(probes), sizeof(double));

        probes->vectors = wide;
        if (!wide)
                return -ENOMEM;
        exact_widen(vectors, n_numbers(probes), wide);
        return 0;
}

void exact_probes_deinit(ExactProbes *probes)
{
        double *wide = (double *)probes->vectors;

        if (wide)
                explicit_bzero(wide, n_numbers(probes) * sizeof(double));
        free(wide);
        probes->vectors = NULL;
}

static double best_of(double best, double dot, double probe_square, double square)
{
        double similarity = kernel_cosine(dot, probe_square, square);

        return similarity > best ? similarity : best;
}

double exact_best(const ExactProbes *probes, const double *dots, double square)
{
        double best = -1;

        for (size_t i = 0; i < probes->n; i++)
                best = best_of(best, dots[i], probes->squares[i], square);
        return best;
}

double exact_similarity(const ExactProbes *probes, const float *original, double square)
{
        size_t stride = KERNEL_PADDED(probes->dimension);
        double best = -1;

        for (size_t i = 0; i < probes->n; i++)
                best = best_of(best, probes->dot(probes->vectors + i * stride, original, stride),
                               probes->squares[i], square);
        return best;
}
