#pragma once
/*
 * What a search has to answer, read from the rules and from nothing of the engine: every template is compared with every probe, all of
 * them are sorted, then comes one a subject, then k. Slow, and right at a glance. Tests hold the engine against it, bit for bit.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/subjects.h"

/* Templates and whose they are, in plain arrays. */
typedef struct Crowd {
        size_t n, dimension, n_subjects;
        float *vectors;     /* one after the other, not padded */
        double *squares;    /* of vectors, by brute_dot() */
        uint32_t *subjects; /* by number; SUBJECTS_NONE: the template was removed */
        char (*names)[SUBJECT_NAME_MAX + 1];
} Crowd;

/** crowd_new() - Room for templates, each removed, and subjects whose names are numbers in disorder. Ends the test where there is none. */
Crowd *crowd_new(size_t n, size_t dimension, size_t n_subjects, uint64_t *chance);
Crowd *crowd_free(Crowd *crowd);

static inline float *crowd_vector(const Crowd *crowd, size_t row)
{
        return crowd->vectors + row * crowd->dimension;
}

/* One question. */
typedef struct BruteQuestion {
        float *probes; /* n_probes vectors, not padded */
        size_t n_probes;
        bool one_a_subject;
        uint32_t but;
        double floor;
        size_t k;
} BruteQuestion;

typedef struct BruteHit {
        double similarity;
        const char *subject;
        size_t row;
} BruteHit;

/** brute_dot() - The inner product, in the order of additions that worker/kernel.h promises. */
double brute_dot(const float *a, const float *b, size_t n);

/** brute_cosine() - dot / sqrt(a * b), within -1 and 1. */
double brute_cosine(double dot, double square_a, double square_b);

/** brute_true_cosine() - The cosine in 64 bits of mantissa, by the shortest way: what all those digits are about. */
long double brute_true_cosine(const float *a, const float *b, size_t n);

/**
 * brute_search() - Answers a question.
 * @ret_hits:   room for as many as the crowd has templates
 *
 * Return: how many hits there are, at most k.
 */
size_t brute_search(const Crowd *crowd, const BruteQuestion *question, BruteHit *ret_hits);

/** brute_order() - Which of two rows of equal similarity comes first: by subject, then by row. For EngineQuery; @crowd is a Crowd. */
int brute_order(const void *crowd, size_t a, size_t b);
