#pragma once
/*
 * Templates on their way to a comparison: those that a request brought, judged, and those of a stored subject; padded for the kernels,
 * with their squared norms.
 */

#include "wire/job.h"
#include "worker/outcome.h"

typedef struct ProbeSet {
        float *vectors; /* KERNEL_PADDED(dimension) floats each */
        double *squares;
        size_t n;
        size_t dimension;
} ProbeSet;

#define PROBE_SET_INIT ((ProbeSet){})

/** probe_set_init() - Room for @n templates. Return: 0 or -ENOMEM. */
int probe_set_init(ProbeSet *set, size_t n, size_t dimension);

/** probe_set_deinit() - Overwrites the templates; safe on PROBE_SET_INIT and twice. */
void probe_set_deinit(ProbeSet *set);

/** probe_set_read() - Judges a request's template, and keeps it as number @i. Return: 0, or OUTCOME_ANSWERED: it is none of the task's model. */
int probe_set_read(ProbeSet *set, size_t i, const Task *task, const JobEntry *entry, Outcome *outcome);

enum { PROBE_SET_E_DAMAGED = 1 /* a template is not as it was stored */ };

/**
 * probe_set_stored() - Keeps copies of a subject's templates, as many as there is room for.
 * @gallery:    held by the caller
 * @row:        the first of them
 * @ret_next:   the row that comes after those that were kept; GALLERY_NO_ROW after the last
 *
 * Return: 0 or PROBE_SET_E_DAMAGED.
 */
int probe_set_stored(ProbeSet *set, const Gallery *gallery, size_t row, size_t *ret_next);
