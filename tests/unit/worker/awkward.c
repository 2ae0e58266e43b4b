/*
 * The kinds of awkward galleries.
 */

#include "awkward.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "scratch.h"

enum { ANCHORS = 8 };

typedef struct Awkward {
        uint64_t *chance;
        size_t n, dimension;
        float *anchors; /* ANCHORS vectors that the templates lie around */
} Awkward;

static size_t below(uint64_t *chance, size_t n)
{
        return scratch_random(chance) % n;
}

/* About normal, and symmetrical. */
static float bell(uint64_t *chance)
{
        return scratch_random_float(chance) + scratch_random_float(chance) + scratch_random_float(chance);
}

static void fill_bell(const Awkward *awkward, size_t row, float *ret_vector)
{
        (void)row;
        for (size_t i = 0; i < awkward->dimension; i++)
                ret_vector[i] = bell(awkward->chance);
}

static const float *anchor(const Awkward *awkward, size_t i)
{
        return awkward->anchors + i * awkward->dimension;
}

/* An anchor, and so much of something else. */
static void fill_around(const Awkward *awkward, size_t which, float spread, float *ret_vector)
{
        for (size_t i = 0; i < awkward->dimension; i++)
                ret_vector[i] = anchor(awkward, which)[i] + spread * bell(awkward->chance);
}

static void fill_clustered(const Awkward *awkward, size_t row, float *ret_vector)
{
        (void)row;
        fill_around(awkward, below(awkward->chance, ANCHORS), 0.6f, ret_vector);
}

static void fill_within_a_millionth(const Awkward *awkward, size_t row, float *ret_vector)
{
        (void)row;
        fill_around(awkward, 0, 1e-3f, ret_vector);
}

/* One vector, and copies of it that differ in the last bit of one element, if at all. */
static void fill_last_bit(const Awkward *awkward, size_t row, float *ret_vector)
{
        (void)row;
        memcpy(ret_vector, anchor(awkward, 0), awkward->dimension * sizeof(float));
        if (below(awkward->chance, 3) == 0)
                return;
        size_t i = below(awkward->chance, awkward->dimension);
        ret_vector[i] = nextafterf(ret_vector[i], below(awkward->chance, 2) ? FLT_MAX : -FLT_MAX);
}

/* Few templates, each many times over, at lengths that a power of two separates: their similarities have the same bits. */
static void fill_same(const Awkward *awkward, size_t row, float *ret_vector)
{
        const float *like = anchor(awkward, below(awkward->chance, 3));
        int exponent = (int)below(awkward->chance, 60) - 30;

        (void)row;
        for (size_t i = 0; i < awkward->dimension; i++)
                ret_vector[i] = ldexpf(like[i], exponent);
}

/* Small whole numbers in a few places: families of equal similarities, and codes that leave no residual. */
static void fill_small_integers(const Awkward *awkward, size_t row, float *ret_vector)
{
        (void)row;
        for (size_t i = 0; i < awkward->dimension; i++)
                ret_vector[i] = i < 4 ? (float)below(awkward->chance, 3) - 1 : 0;
}

/* Every code at its end: sums are as large as they get. */
static void fill_signs(const Awkward *awkward, size_t row, float *ret_vector)
{
        size_t flips = below(awkward->chance, 3) == 0 ? awkward->dimension : below(awkward->chance, 4);

        (void)row;
        for (size_t i = 0; i < awkward->dimension; i++)
                ret_vector[i] = anchor(awkward, 0)[i] < 0 ? -1 : 1;
        for (size_t i = 0; i < flips; i++)
                ret_vector[below(awkward->chance, awkward->dimension)] *= -1;
}

/* All numbers alike but one sign in the end, where tails are. */
static void fill_tails(const Awkward *awkward, size_t row, float *ret_vector)
{
        (void)row;
        for (size_t i = 0; i < awkward->dimension; i++)
                ret_vector[i] = 1;
        for (size_t i = awkward->dimension; i-- > 0 && i + 5 > awkward->dimension;)
                ret_vector[i] = (float)below(awkward->chance, 255) - 127;
}

/* Halfway between two codes in each place: residuals as long as they come. */
static void fill_halves(const Awkward *awkward, size_t row, float *ret_vector)
{
        (void)row;
        for (size_t i = 0; i < awkward->dimension; i++)
                ret_vector[i] = (float)below(awkward->chance, 254) - 126.5f;
        ret_vector[below(awkward->chance, awkward->dimension)] = 127;
}

/* One number that is far from all others: their codes are next to nothing. */
static void fill_spiky(const Awkward *awkward, size_t row, float *ret_vector)
{
        static const float small[] = {1e-1f, 1e-2f, 1 / 300.0f, 1e-4f, 1e-7f};
        float scale = small[below(awkward->chance, ARRAY_SIZE(small))];

        fill_bell(awkward, row, ret_vector);
        for (size_t i = 0; i < awkward->dimension; i++)
                ret_vector[i] *= scale;
        ret_vector[below(awkward->chance, awkward->dimension)] = 1;
}

/* Mostly at right angles to each other. */
static void fill_sparse(const Awkward *awkward, size_t row, float *ret_vector)
{
        size_t n = 1 + below(awkward->chance, 3);

        (void)row;
        memset(ret_vector, 0, awkward->dimension * sizeof(float));
        for (size_t i = 0; i < n; i++)
                ret_vector[below(awkward->chance, awkward->dimension)] = bell(awkward->chance);
}

/* Lengths far apart, as of templates that nobody normalised. */
static void fill_scaled(const Awkward *awkward, size_t row, float *ret_vector)
{
        int exponent = (int)below(awkward->chance, 240) - 120;

        fill_bell(awkward, row, ret_vector);
        for (size_t i = 0; i < awkward->dimension; i++)
                ret_vector[i] = ldexpf(ret_vector[i], exponent);
}

/* The largest numbers that there are, beside the smallest. */
static void fill_extreme(const Awkward *awkward, size_t row, float *ret_vector)
{
        static const float ends[] = {FLT_MAX, -FLT_MAX,     FLT_MAX / 3, 1e30f, -1e30f,
                                     FLT_MIN, FLT_TRUE_MIN, 0,           1};

        (void)row;
        for (size_t i = 0; i < awkward->dimension; i++)
                ret_vector[i] = ends[below(awkward->chance, ARRAY_SIZE(ends))];
}

static void fill_denormal(const Awkward *awkward, size_t row, float *ret_vector)
{
        float most = below(awkward->chance, 2) ? 4 : 5000;

        (void)row;
        for (size_t i = 0; i < awkward->dimension; i++)
                ret_vector[i] = rintf(most * scratch_random_float(awkward->chance)) * FLT_TRUE_MIN;
}

static void fill_opposite(const Awkward *awkward, size_t row, float *ret_vector)
{
        float sign = below(awkward->chance, 2) ? 1 : -1;

        (void)row;
        fill_around(awkward, below(awkward->chance, 2), 0.05f, ret_vector);
        for (size_t i = 0; i < awkward->dimension; i++)
                ret_vector[i] *= sign;
}

/* Nearer to the first anchor with each row: every template is a hit when it is met. */
static void fill_rising(const Awkward *awkward, size_t row, float *ret_vector)
{
        float angle = (float)(awkward->n - row) / (float)awkward->n;

        fill_around(awkward, 0, angle, ret_vector);
}

static void fill_falling(const Awkward *awkward, size_t row, float *ret_vector)
{
        fill_rising(awkward, awkward->n - 1 - row, ret_vector);
}

/* Far away at first, and all the good ones in the end. */
static void fill_late(const Awkward *awkward, size_t row, float *ret_vector)
{
        if (row < awkward->n - awkward->n / 8)
                fill_bell(awkward, row, ret_vector);
        else
                fill_around(awkward, 0, 0.01f, ret_vector);
}

const AwkwardKind awkward_kinds[] = {
        {"random", fill_bell},
        {"clustered", fill_clustered},
        {"within a millionth", fill_within_a_millionth},
        {"last bit", fill_last_bit},
        {"same", fill_same},
        {"small integers", fill_small_integers},
        {"signs", fill_signs},
        {"tails", fill_tails},
        {"halves", fill_halves},
        {"spiky", fill_spiky},
        {"sparse", fill_sparse},
        {"scaled", fill_scaled},
        {"extreme", fill_extreme},
        {"denormal", fill_denormal},
        {"opposite", fill_opposite},
        {"rising", fill_rising},
        {"falling", fill_falling},
        {"late", fill_late},
};
const size_t awkward_n_kinds = ARRAY_SIZE(awkward_kinds);

const AwkwardKind *awkward_kind(const char *name)
{
        for (size_t i = 0; i < awkward_n_kinds; i++)
                if (strcmp(awkward_kinds[i].name, name) == 0)
                        return &awkward_kinds[i];
        cr_assert_fail("no kind is named %s", name);
        return NULL;
}

/* A template has a length: where chance made none, it makes another. */
static void fill_until_long(const AwkwardKind *kind, const Awkward *awkward, size_t row, float *ret_vector)
{
        do
                kind->fill(awkward, row, ret_vector);
        while (!(brute_dot(ret_vector, ret_vector, awkward->dimension) > 0));
}

/* Runs of up to 100, so that whole blocks are empty, and single ones. */
static void take_away(Crowd *crowd, unsigned dead, uint64_t *chance)
{
        size_t row = 0;

        while (row < crowd->n) {
                size_t run = 1 + (below(chance, 4) == 0 ? below(chance, 100) : 0);
                bool is_dead = below(chance, 256) < dead;
                for (; run > 0 && row < crowd->n; run--, row++)
                        if (is_dead)
                                crowd->subjects[row] = SUBJECTS_NONE;
        }
}

Crowd *awkward_new(const AwkwardKind *kind, size_t n, size_t dimension, unsigned dead, uint64_t *chance)
{
        size_t n_subjects = 1 + below(chance, n + n / 2 + 1);
        Crowd *crowd = crowd_new(n, dimension, n_subjects, chance);
        Awkward awkward = {.chance = chance, .n = n, .dimension = dimension};

        awkward.anchors = malloc(ANCHORS * dimension * sizeof(float));
        cr_assert_not_null(awkward.anchors);
        for (size_t i = 0; i < ANCHORS; i++)
                fill_bell(&awkward, 0, awkward.anchors + i * dimension);
        for (size_t row = 0; row < n; row++) {
                fill_until_long(kind, &awkward, row, crowd_vector(crowd, row));
                crowd->squares[row] =
                        brute_dot(crowd_vector(crowd, row), crowd_vector(crowd, row), dimension);
                crowd->subjects[row] = (uint32_t)below(chance, n_subjects);
        }
        take_away(crowd, dead, chance);
        free(awkward.anchors);
        return crowd;
}

void awkward_probe(const Crowd *crowd, uint64_t *chance, float *ret_vector)
{
        static const struct {
                float factor, spread;
        } ways[] = {{1, 0}, {-1, 0}, {0.3f, 0}, {-0.7f, 0}, {1, 0.1f}, {0, 1}};
        size_t way = below(chance, ARRAY_SIZE(ways));
        /* The last one is what galleries that rise rise to. */
        size_t row = below(chance, 4) == 0 ? crowd->n - 1 : below(chance, crowd->n);
        const float *stored = crowd_vector(crowd, row);
        double length = sqrt(crowd->squares[row] / (double)crowd->dimension);

        for (size_t i = 0; i < crowd->dimension; i++) {
                double value = (double)ways[way].factor * (double)stored[i] +
                               (double)ways[way].spread * length * (double)bell(chance);
                ret_vector[i] = (float)fmax(-(double)FLT_MAX, fmin((double)FLT_MAX, value));
        }
        /* What is shorter than the shortest number is none. */
        if (!(brute_dot(ret_vector, ret_vector, crowd->dimension) > 0))
                memcpy(ret_vector, stored, crowd->dimension * sizeof(float));
}
