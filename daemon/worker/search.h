#pragma once
/*
 * The search of a gallery: its exact top k, by the rules of the design and no others. Changes nothing.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/engine.h"
#include "worker/gallery.h"

/* Templates to search for, as kernel_read_vector() gave them. */
typedef struct Probes {
        const float *vectors; /* one after the other, each padded to the gallery's stride */
        const double *squares;
        size_t n;
} Probes;

#define SEARCH_NOBODY UINT32_MAX

typedef struct Search {
        const Gallery *gallery;
        bool consolidated;      /* one hit a subject, its best template; else one a template */
        Probes probes;          /* a template's similarity is the highest to any of them */
        uint32_t only;          /* compare this subject's templates alone, or SEARCH_NOBODY */
        uint32_t but;           /* compare all but this subject's, or SEARCH_NOBODY */
        double floor;           /* least similarity of a hit */
        size_t k;               /* most hits */
        const atomic_int *stop; /* as in Scan */
} Search;

typedef struct Hit {
        double similarity;
        const char *subject; /* the gallery's */
        uint64_t row;
} Hit;

/**
 * search_run() - Finds the best hits: by similarity, the higher first; equal ones by the bytes of the
 * subject, then by the order in which the templates came.
 * @ret_hits:           room for `k`
 * @ret_n:              how many there are
 * @ret_searched:       how many templates were compared
 *
 * Return: 0, ENGINE_E_STOPPED, or -errno.
 */
int search_run(Engine *engine, const Search *search, Hit *ret_hits, size_t *ret_n, uint64_t *ret_searched);
