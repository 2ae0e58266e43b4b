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

typedef struct Hit {
        double similarity;
        const char *subject; /* the gallery's */
        size_t row;
} Hit;

/* One question to a gallery, and its answer. */
typedef struct Search {
        Probes probes; /* a template's similarity is the highest to any of them; at most ENGINE_PROBES_MAX */
        bool consolidated;      /* one hit a subject, its best template; else one a template */
        uint32_t but;           /* compare all but this subject's, or SUBJECTS_NONE */
        double floor;           /* least similarity of a hit */
        size_t k;               /* most hits */
        const atomic_int *stop; /* as in EngineQuery */

        Hit *ret_hits;      /* room for k; the caller's */
        size_t n_hits;      /* filled in, as the rest */
        uint64_t searched;  /* how many templates were compared */
        const char *engine; /* which compared them; the engine's */
        int result;         /* 0 or ENGINE_E_STOPPED */
} Search;

/**
 * search_run() - Finds the best hits of each search, in one pass: by similarity, the higher first; equal ones by the bytes of the
 * subject, then by the order in which the templates came.
 * @gallery:    held by the caller (gallery_hold())
 * @searches:   ENGINE_BATCH_MAX probes in all at most
 *
 * Return: 0 when each has its result; ENGINE_E_DAMAGED or -errno, and none has.
 */
int search_run(Engine *engine, const Gallery *gallery, Search *searches, size_t n);

/**
 * search_subject() - The highest similarity that the probe has with a template of one subject, which is there.
 * @gallery:    held by the caller
 * @ret_n:      how many templates were compared
 *
 * Return: 0, ENGINE_E_DAMAGED or -ENOMEM.
 */
int search_subject(const Gallery *gallery, uint32_t subject, const Probes *probe, double *ret_similarity,
                   uint64_t *ret_n);
