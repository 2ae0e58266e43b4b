/*
 * Similarities in double precision.
 */

#include "worker/exact.h"

void exact_widen(const float *vectors, size_t n, double *ret_vectors)
{
        for (size_t i = 0; i < n; i++)
                ret_vectors[i] = (double)vectors[i];
}

double exact_similarity(const ExactProbes *probes, const float *original, double square)
{
        size_t stride = KERNEL_PADDED(probes->dimension);
        double best = -1;

        for (size_t i = 0; i < probes->n; i++) {
                double dot = probes->dot(probes->vectors + i * stride, original, stride);
                double similarity = kernel_cosine(dot, probes->squares[i], square);
                if (similarity > best)
                        best = similarity;
        }
        return best;
}
