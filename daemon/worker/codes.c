/*
 * Rounding templates to bytes, and the place of each byte in a block.
 */

#include "worker/codes.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* What double precision may have made of a norm of 4096 elements that are 1 or shorter together, and far more. */
#define CODES_DOUBLE_ROUNDING 0x1p-40

static size_t codes_size(size_t dimension)
{
        return (dimension + 3) / 4 * 4 * CODES_ROWS;
}

size_t codes_block_size(size_t dimension)
{
        return codes_size(dimension) + 2 * CODES_ROWS * sizeof(float);
}

const float *codes_scales(const uint8_t *block, size_t dimension)
{
        return (const float *)(block + codes_size(dimension));
}

const float *codes_residuals(const uint8_t *block, size_t dimension)
{
        return codes_scales(block, dimension) + CODES_ROWS;
}

static int16_t nearest(double value)
{
        return (int16_t)(value < 0 ? value - 0.5 : value + 0.5);
}

/* A float32 that is not less than the norm, whatever was rounded on the way to it. */
static float round_up(double norm)
{
        double least = norm + CODES_DOUBLE_ROUNDING;
        float rounded = (float)least;

        return (double)rounded < least ? nextafterf(rounded, INFINITY) : rounded;
}

CodesFit codes_fit(const float *vector, double square, size_t dimension, double per, int16_t *ret_whole)
{
        double norm = sqrt(square), along = 0, whole_square = 0, rest_square = 0;
        CodesFit fit;

        for (size_t i = 0; i < dimension; i++) {
                ret_whole[i] = nearest((double)vector[i] * per);
                along += (double)vector[i] * ret_whole[i];
                whole_square += (double)ret_whole[i] * ret_whole[i];
        }
        fit.scale = (float)(along / whole_square / norm);
        /* With the scale as it is kept: the residual is of what the kernels will multiply. */
        double scale = (double)fit.scale * norm;
        for (size_t i = 0; i < dimension; i++) {
                double rest = (double)vector[i] - scale * ret_whole[i];
                rest_square += rest * rest;
        }
        fit.residual = round_up(sqrt(rest_square) / norm);
        return fit;
}

static void write_row(uint8_t *block, size_t dimension, size_t row, const int16_t *whole, CodesFit fit)
{
        float *scales = (float *)(block + codes_size(dimension));

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
        float largest = 0;

        assert(dimension > 0 && dimension <= CODES_DIMENSION_MAX);
        for (size_t i = 0; i < dimension; i++)
                largest = fmaxf(largest, fabsf(vector[i]));
        CodesFit fit = codes_fit(vector, square, dimension, CODES_MAX / (double)largest, whole);
        write_row(block, dimension, row, whole, fit);
}
