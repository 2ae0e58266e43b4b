/*
 * Templates on their way to a comparison.
 */

#include "worker/probes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "worker/kernel.h"

int probe_set_init(ProbeSet *set, size_t n, size_t dimension)
{
        *set = (ProbeSet){.vectors = calloc(n, KERNEL_PADDED(dimension) * sizeof(float)),
                          .squares = calloc(n, sizeof(double)),
                          .n = n,
                          .dimension = dimension};
        return set->vectors && set->squares ? 0 : -ENOMEM;
}

void probe_set_deinit(ProbeSet *set)
{
        if (set->vectors)
                explicit_bzero(set->vectors, set->n * KERNEL_PADDED(set->dimension) * sizeof(float));
        free(set->vectors);
        free(set->squares);
        *set = PROBE_SET_INIT;
}

static float *vector_of(const ProbeSet *set, size_t i)
{
        return set->vectors + i * KERNEL_PADDED(set->dimension);
}

int probe_set_read(ProbeSet *set, size_t i, const Task *task, const JobEntry *entry, Outcome *outcome)
{
        if (strcmp(entry->model, task->shape.model) != 0)
                return outcome_answer(outcome, "model-mismatch", "%s", task->shape.model);
        if (entry->n_vector != set->dimension * sizeof(float))
                return outcome_answer(outcome, "bad-template", RESULT_WHY_DIMENSIONS_FMT,
                                      entry->n_vector / sizeof(float), (unsigned)set->dimension);
        if (!kernel_read_vector(entry->vector, set->dimension, vector_of(set, i), &set->squares[i]))
                return outcome_answer(outcome, "bad-template", RESULT_WHY_NOT_FINITE);
        return 0;
}

int probe_set_stored(ProbeSet *set, const Gallery *gallery, size_t row, size_t *ret_next)
{
        const Originals originals = gallery_templates(gallery).originals;
        size_t n = 0;

        for (; n < set->n && row != GALLERY_NO_ROW; row = gallery_next_row(gallery, row)) {
                const float *vector = original_read(&originals, row, &set->squares[n]);
                if (!vector)
                        return PROBE_SET_E_DAMAGED;
                memcpy(vector_of(set, n++), vector, KERNEL_PADDED(set->dimension) * sizeof(float));
        }
        set->n = n;
        *ret_next = row;
        return 0;
}
