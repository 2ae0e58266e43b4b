/*
 * The rules of a search, read plainly.
 */

#include "brute.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "scratch.h"

enum { LANES = 16 };

static void *room(size_t n, size_t size)
{
        void *memory = calloc(n > 0 ? n : 1, size);

        cr_assert_not_null(memory);
        return memory;
}

/* Names are numbers in no order at all, so that the order of names is neither that of numbers nor that of rows. */
static void name_subjects(Crowd *crowd, uint64_t *chance)
{
        for (size_t i = 0; i < crowd->n_subjects; i++)
                (void)snprintf(crowd->names[i], sizeof(crowd->names[i]), "%llu.%zu",
                               (unsigned long long)(scratch_random(chance) % 100), i);
}

Crowd *crowd_new(size_t n, size_t dimension, size_t n_subjects, uint64_t *chance)
{
        Crowd *crowd = room(1, sizeof(Crowd));

        *crowd = (Crowd){.n = n,
                         .dimension = dimension,
                         .n_subjects = n_subjects,
                         .vectors = room(n * dimension, sizeof(float)),
                         .squares = room(n, sizeof(double)),
                         .subjects = room(n, sizeof(uint32_t)),
                         .names = room(n_subjects, sizeof(*crowd->names))};
        memset(crowd->subjects, 0xff, n * sizeof(uint32_t));
        name_subjects(crowd, chance);
        return crowd;
}

Crowd *crowd_free(Crowd *crowd)
{
        if (!crowd)
                return NULL;
        free(crowd->vectors);
        free(crowd->squares);
        free(crowd->subjects);
        free(crowd->names);
        free(crowd);
        return NULL;
}

double brute_dot(const float *a, const float *b, size_t n)
{
        double lanes[LANES] = {};
        size_t i = 0;

        for (; i + LANES <= n; i += LANES)
                for (size_t lane = 0; lane < LANES; lane++)
                        lanes[lane] += (double)a[i + lane] * (double)b[i + lane];
        for (; i < n; i++)
                lanes[i % LANES] += (double)a[i] * (double)b[i];
        for (size_t width = LANES / 2; width > 0; width /= 2)
                for (size_t lane = 0; lane < width; lane++)
                        lanes[lane] += lanes[lane + width];
        return lanes[0];
}

double brute_cosine(double dot, double square_a, double square_b)
{
        return fmax(-1, fmin(1, dot / sqrt(square_a * square_b)));
}

long double brute_true_cosine(const float *a, const float *b, size_t n)
{
        long double dot = 0, square_a = 0, square_b = 0;

        for (size_t i = 0; i < n; i++) {
                dot += (long double)a[i] * (long double)b[i];
                square_a += (long double)a[i] * (long double)a[i];
                square_b += (long double)b[i] * (long double)b[i];
        }
        return dot / (sqrtl(square_a) * sqrtl(square_b));
}

static int by_rank(const void *a, const void *b)
{
        const BruteHit *x = a, *y = b;

        if (x->similarity != y->similarity)
                return x->similarity > y->similarity ? -1 : 1;
        int r = strcmp(x->subject, y->subject);
        return r != 0 ? r : (x->row > y->row) - (x->row < y->row);
}

int brute_order(const void *crowd, size_t a, size_t b)
{
        const Crowd *own = crowd;
        int r = strcmp(own->names[own->subjects[a]], own->names[own->subjects[b]]);

        return r != 0 ? r : (a > b) - (a < b);
}

/* Every template that is compared and reaches the floor. */
static size_t compare_all(const Crowd *crowd, const BruteQuestion *question, BruteHit *ret_hits)
{
        double *squares = room(question->n_probes, sizeof(double));
        size_t n = 0;

        for (size_t i = 0; i < question->n_probes; i++) {
                const float *probe = question->probes + i * crowd->dimension;
                squares[i] = brute_dot(probe, probe, crowd->dimension);
        }
        for (size_t row = 0; row < crowd->n; row++) {
                if (crowd->subjects[row] == SUBJECTS_NONE || crowd->subjects[row] == question->but)
                        continue;
                double best = -1;
                for (size_t i = 0; i < question->n_probes; i++) {
                        double dot = brute_dot(question->probes + i * crowd->dimension,
                                               crowd_vector(crowd, row), crowd->dimension);
                        best = fmax(best, brute_cosine(dot, squares[i], crowd->squares[row]));
                }
                if (best >= question->floor)
                        ret_hits[n++] = (BruteHit){best, crowd->names[crowd->subjects[row]], row};
        }
        free(squares);
        return n;
}

size_t brute_search(const Crowd *crowd, const BruteQuestion *question, BruteHit *ret_hits)
{
        size_t n = compare_all(crowd, question, ret_hits), n_hits = 0;
        bool *seen = room(crowd->n_subjects, sizeof(bool));

        qsort(ret_hits, n, sizeof(*ret_hits), by_rank);
        for (size_t i = 0; i < n && n_hits < question->k; i++) {
                uint32_t subject = crowd->subjects[ret_hits[i].row];
                if (!question->one_a_subject || !seen[subject])
                        ret_hits[n_hits++] = ret_hits[i];
                seen[subject] = true;
        }
        free(seen);
        return n_hits;
}
