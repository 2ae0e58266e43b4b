#pragma once
/*
 * Result: whether what the worker sent is what the leaf permits: count, order, floor, release, names. Pure. A
 * result that is not is never recorded nor answered. Nor has the worker a word or a number of its own where the
 * answer or the outcome's leaf has one: one that was taken over could tell there what the leaf does not
 * release.
 */

#include <stdbool.h>
#include <stdint.h>

#include "policy/decide.h"
#include "wire/message.h"

/* What the leaf said. */
typedef struct ResultBounds {
        const char *operation;
        const char *gallery; /* NULL for compare */
        Release release;
        bool has_limit;
        uint32_t limit;
        bool has_floor;
        int32_t floor_millionths;
        bool consolidated;  /* one candidate a subject */
        const char *model;  /* that the leaf names, or NULL */
        uint32_t dimension; /* of the gallery; 0: as the job's first template has it */
        const uint8_t *job; /* wire/job.h; checked */
        size_t n_job;
        const char *engine;   /* as the worker's hello had it: may have searched a gallery */
        const char *fallback; /* likewise: may have done so in its place, and does everything else */
} ResultBounds;

/**
 * result_check() - Holds a result against the leaf.
 *
 * Return: NULL where it fits; else what does not, for the operator.
 */
const char *result_check(const ResultMessage *result, const ResultBounds *bounds);
