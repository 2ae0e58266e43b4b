/*
 * Rounding templates to bytes, and the place of each byte in a block.
 */

#include "worker/codes.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* What double precision may have made of a norm of 4096 elements that are 1 or shorter together, and far more. */
#define CODES_DOUBLE_ROUNDING 0x1p-40

const float *codes_scales(const uint8_t *block, size_t dimension)
{
        return (const void *)(block + codes_size(dimension));
}

const float *codes_residuals(const uint8_t *block, size_t dimension)
{
        return codes_scales(block, dimension) + CODES_ROWS;
}

/* A float32 that is not less than the norm, whatever was rounded on the way to it. */
static float round_up(double norm)
{
        double least = norm + CODES_DOUBLE_ROUNDING;
        float rounded = (float)least;

        return (double)rounded < least ? nextafterf(rounded, INFINITY) : rounded;
}

/* Loops below go by whole lanes, each with a sum of its own and one thing at a time, because compilers make vectors of that: probes of large
 * batches are rounded often. Beyond the dimension are zeros. */

static double add_lanes(const double lanes[static CODES_LANES])
{
        double sum = 0;

        for (size_t lane = 0; lane < CODES_LANES; lane++)
                sum += lanes[lane];
        return sum;
}

static void round_to_whole(const float *vector, size_t n, double per, int16_t *ret_whole)
{
        for (size_t i = 0; i < n; i += CODES_LANES) {
                int nearest[CODES_LANES];
                for (size_t lane = 0; lane < CODES_LANES; lane++) {
                        double scaled = (double)vector[i + lane] * per;
                        nearest[lane] = (int)(scaled + copysign(0.5, scaled));
                }
                for (size_t lane = 0; lane < CODES_LANES; lane++)
                        ret_whole[i + lane] = (int16_t)nearest[lane];
        }
}

/* The scale of least squares, for the vector as it is. */
static double best_scale(const float *vector, size_t n, const int16_t *whole)
{
        double along[CODES_LANES] = {}, square[CODES_LANES] = {};

        for (size_t i = 0; i < n; i += CODES_LANES) {
                for (size_t lane = 0; lane < CODES_LANES; lane++)
                        along[lane] += (double)vector[i + lane] * whole[i + lane];
                for (size_t lane = 0; lane < CODES_LANES; lane++)
                        square[lane] += (double)whole[i + lane] * whole[i + lane];
        }
        return add_lanes(along) / add_lanes(square);
}

static double rest_square(const float *vector, size_t n, double scale, const int16_t *whole)
{
        double square[CODES_LANES] = {};

        for (size_t i = 0; i < n; i += CODES_LANES)
                for (size_t lane = 0; lane < CODES_LANES; lane++) {
                        double rest = (double)vector[i + lane] - scale * whole[i + lane];
                        square[lane] += rest * rest;
                }
        return add_lanes(square);
}

CodesFit codes_fit(const CodesVector *vector, double per, int16_t *ret_whole)
{
        double norm = sqrt(vector->square);
        CodesFit fit;

        round_to_whole(vector->elements, vector->n, per, ret_whole);
        fit.scale = (float)(best_scale(vector->elements, vector->n, ret_whole) / norm);
        /* Of the scale as it is kept, because that is what the kernels will multiply with. */
        double rest = rest_square(vector->elements, vector->n, (double)fit.scale * norm, ret_whole);
        fit.residual = round_up(sqrt(rest) / norm);
        return fit;
}

void codes_vector_init(CodesVector *vector, const float *elements, double square, size_t dimension)
{
        assert(dimension > 0 && dimension <= CODES_DIMENSION_MAX);
        vector->n = CODES_PADDED(dimension);
        vector->square = square;
        memcpy(vector->elements, elements, dimension * sizeof(float));
        memset(vector->elements + dimension, 0, (vector->n - dimension) * sizeof(float));
}

void codes_vector_wipe(CodesVector *vector)
{
        explicit_bzero(vector->elements, vector->n * sizeof(float));
}

float codes_vector_largest(const CodesVector *vector)
{
        float lanes[CODES_LANES] = {}, largest = 0;

        for (size_t i = 0; i < vector->n; i += CODES_LANES)
                for (size_t lane = 0; lane < CODES_LANES; lane++) {
                        float element = fabsf(vector->elements[i + lane]);
                        lanes[lane] = element > lanes[lane] ? element : lanes[lane];
                }
        for (size_t lane = 0; lane < CODES_LANES; lane++)
                largest = lanes[lane] > largest ? lanes[lane] : largest;
        return largest;
}

static void write_row(uint8_t *block, size_t dimension, size_t row, const int16_t *whole, CodesFit fit)
{
        float *scales = (void *)(block + codes_size(dimension));

        for (size_t i = 0; i < codes_size(dimension) / CODES_ROWS; i++)
                block[i / 4 * 4 * CODES_ROWS + row * 4 + i % 4] =
                        (uint8_t)(CODES_BIAS + (i < dimension ? whole[i] : 0));
        scales[row] = fit.scale;
        scales[CODES_ROWS + row] = fit.residual;
}

void codes_clear(uint8_t *block, size_t dimension, size_t row)
{
        write_row(block, dimension, row, (const int16_t[CODES_DIMENSION_MAX]){},
                  (CodesFit){.scale = 0, .residual = -INFINITY});
}

void codes_write(uint8_t *block, size_t dimension, size_t row, const float *vector, double square)
{
        int16_t whole[CODES_DIMENSION_MAX];
        CodesVector padded;

        codes_vector_init(&padded, vector, square, dimension);
        CodesFit fit = codes_fit(&padded, CODES_MAX / (double)codes_vector_largest(&padded), whole);
        write_row(block, dimension, row, whole, fit);
        explicit_bzero(whole, padded.n * sizeof(*whole));
        codes_vector_wipe(&padded);
}
