#pragma once
/*
 * Templates in a byte a number, and how far that may be from the truth.
 *
 * A template x, divided by its norm, is s q + r: q whole numbers from -127 to 127, s the scale that leaves the shortest residual r
 * (least squares, so r is orthogonal to q, and |s q| <= 1). A probe y, divided by its norm, is t p + u likewise. Then
 *
 *      cos(x, y) = s t <q,p> + <r, y/|y|> + <s q, u>,   so   |cos(x, y) - s t <q,p>| <= |r| + |u|      (Cauchy-Schwarz)
 *
 * and what is rounded on the way is within CODES_ROUNDING. Codes never decide: they tell which rows need no closer look.
 *
 * A block holds CODES_ROWS rows, for any instruction set alike:
 *
 *      codes           [dimension / 4, rounded up][CODES_ROWS][4] bytes, each q + 128; beyond the dimension 128
 *      scales          [CODES_ROWS] float32, s
 *      residuals       [CODES_ROWS] float32, |r| rounded up; minus infinity for a row that holds no template, so that no bound reaches anything
 */

#include <stddef.h>
#include <stdint.h>

enum {
        CODES_ROWS = 64,
        CODES_BIAS = 128,           /* what a code is more than its whole number */
        CODES_MAX = 127,            /* the largest whole number of a row */
        CODES_DIMENSION_MAX = 4096, /* up to which the bound is proved, and sums fit into 32 bits */
        CODES_LANES = 16,           /* what is computed side by side when a template is rounded */
};

#define CODES_PADDED(dimension) (((size_t)(dimension) + CODES_LANES - 1) / CODES_LANES * CODES_LANES)

/*
 * What a bound is widened by, so that it holds as computed. A bound is fma(v, s t, |r| + slack), with v the inner product <q,p> as a
 * float32, or fma(64, v1, v2) of the two parts of a probe with two digits (worker/scan.h). Let e = 2^-24, by which float32 rounds
 * a number below 2 at most, and any number in proportion to itself: nothing here is so small as to lose bits, because x_i q_i >= 0 and
 * a largest element has a whole number of 31 or more, so s and t lie above 2^-40. The integers are exact: a sum is at most
 * 255 * 128 * 4096 < 2^31. Rounded are
 *
 *      v1 and v2       by e |64 s t <q,p1>| and e |s t <q,p2>|: 2.1 e together, because |t p2| <= 0.51. (An element of p2 is 32 at most, so
 *                      |p2| <= 32 sqrt(4096) = 2048; |p| is the largest element of p at least, or half the sum of the four that
 *                      meet in one of scan_probe_init()'s sums: 4000 or more. And |t p1| 64 <= |t p| + |t p2|.)
 *      v, s t          by e of |s t <q,p>|, which is 1 at most, each: 2 e
 *      |r| + slack     each is about 1 at most, so by half a unit below 4: 2 e
 *      the bound       is below 4: 2 e
 *      s and t         to float32 before r and u were taken from them, which makes |s q| at most 1 + 2 e and <s q, u> longer: 2 e
 *      the similarity  that is compared with the bound, and the norms, residuals and scales on the way, in double precision: of sums of
 *                      4096 addends, each within 2^-40 and less than e together
 *
 *      a lower bound   is the upper one less twice (|r| + slack), which is rounded again, and then itself below 4 (scan_lower()): 6 e
 *
 * which is less than 18 e.
 */
#define CODES_ROUNDING 0x1p-19 /* 32 e */

/* A template to be rounded, padded with zeros to whole lanes. */
typedef struct CodesVector {
        float elements[CODES_DIMENSION_MAX];
        size_t n; /* CODES_PADDED() of its dimension */
        double square;
} CodesVector;

/** codes_vector_init() - Copies @dimension floats, not all zero, finite, with the square of their norm. */
void codes_vector_init(CodesVector *vector, const float *elements, double square, size_t dimension);

/** codes_vector_wipe() - Overwrites it, where the memory that it is in will be used for something else. */
void codes_vector_wipe(CodesVector *vector);

/** codes_vector_largest() - The largest element, without its sign. */
float codes_vector_largest(const CodesVector *vector);

/* A template as whole numbers. */
typedef struct CodesFit {
        float scale;    /* s, above zero */
        float residual; /* |r|, rounded up */
} CodesFit;

/**
 * codes_fit() - Rounds a template to whole numbers, and finds the scale that they fit it best with.
 * @per:        what to multiply the elements by; the largest whole number is to be 31 or more, and to fit
 * @ret_whole:  room for vector->n
 */
CodesFit codes_fit(const CodesVector *vector, double per, int16_t *ret_whole);

/** codes_size() - Bytes of a block's codes, behind which its scales and residuals are. */
static inline size_t codes_size(size_t dimension)
{
        return (dimension + 3) / 4 * 4 * CODES_ROWS;
}

/** codes_block_size() - Bytes of a block, a multiple of 64: 520 a row of 512 dimensions. */
static inline size_t codes_block_size(size_t dimension)
{
        return codes_size(dimension) + 2 * CODES_ROWS * sizeof(float);
}

/** codes_clear() - Makes a row hold no template; the code is overwritten. */
void codes_clear(uint8_t *block, size_t dimension, size_t row);

/**
 * codes_write() - Writes a template into a row of a block.
 * @vector:     dimension floats, not all zero, finite
 * @square:     its squared norm
 */
void codes_write(uint8_t *block, size_t dimension, size_t row, const float *vector, double square);

/** codes_scales() - The scales of a block's rows. */
const float *codes_scales(const uint8_t *block, size_t dimension);

/** codes_residuals() - The residuals of a block's rows. */
const float *codes_residuals(const uint8_t *block, size_t dimension);
