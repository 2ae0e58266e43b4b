/*
 * Templates in a byte a number: the place of each byte, and the residual that is never too short.
 */

#include <math.h>
#include <string.h>

#include "base/macro.h"
#include "vectors.h"
#include "worker/codes.h"

enum { BLOCK_MAX = CODES_DIMENSION_MAX * CODES_ROWS + 2 * CODES_ROWS * 4 };

static _Alignas(64) uint8_t block[BLOCK_MAX];
static float vector[CODES_DIMENSION_MAX];
static const size_t dimensions[] = {1, 2, 3, 4, 5, 7, 8, 17, 64, 127, 128, 509, 512, 1023, 1024, 4095, 4096};

static int code_at(size_t row, size_t i)
{
        return block[(i / 4 * CODES_ROWS + row) * 4 + i % 4];
}

Test(codes, take_520_bytes_for_512_dimensions_and_whole_lines_for_any)
{
        cr_assert_eq(codes_block_size(512), 520 * CODES_ROWS);
        for (size_t dimension = 1; dimension <= CODES_DIMENSION_MAX; dimension++)
                cr_assert_eq(codes_block_size(dimension) % 64, 0);
}

/* |x/|x| - s q|, of what stands in the block. */
static long double true_residual(size_t dimension, size_t row, long double square)
{
        long double sum = 0;

        for (size_t i = 0; i < dimension; i++) {
                long double rest =
                        (long double)vector[i] / sqrtl(square) -
                        (long double)codes_scales(block, dimension)[row] * (code_at(row, i) - CODES_BIAS);
                sum += rest * rest;
        }
        return sqrtl(sum);
}

Test(codes, say_a_residual_that_is_not_shorter_than_the_true_one)
{
        uint64_t state = 1;

        for (size_t i = 0; i < ARRAY_SIZE(dimensions); i++)
                for (size_t round = 0; round < 4 * VECTOR_KINDS; round++) {
                        size_t dimension = dimensions[i], row = scratch_random(&state) % CODES_ROWS;
                        double square = vector_make((enum VectorKind)(round % VECTOR_KINDS), dimension,
                                                    &state, vector);
                        codes_write(block, dimension, row, vector, square);
                        long double truth = true_residual(dimension, row, square);
                        float said = codes_residuals(block, dimension)[row];
                        cr_assert((long double)said >= truth, "%zu: %a, not %La", dimension, (double)said,
                                  truth);
                        /* Nor longer than what rounding explains. */
                        cr_assert((long double)said < truth * (1 + 0x1p-22L) + 0x1p-39L);
                        cr_assert_leq(said, 0.26f, "%zu %zu: %g", dimension, round, (double)said);
                }
}

Test(codes, fit_a_scale_that_leaves_less_than_its_neighbours)
{
        uint64_t state = 2;

        for (size_t round = 0; round < 100; round++) {
                double square = vector_make(VECTOR_RANDOM, 512, &state, vector);
                codes_write(block, 512, 0, vector, square);
                float *scale = (float *)codes_scales(block, 512), best = *scale;
                long double least = true_residual(512, 0, square);
                *scale = best * 1.0001f;
                cr_assert(true_residual(512, 0, square) > least);
                *scale = best * 0.9999f;
                cr_assert(true_residual(512, 0, square) > least);
                cr_assert(least < 0.0105L, "%Lf", least);
        }
}

Test(codes, put_each_row_at_its_place_and_touch_no_other)
{
        static uint8_t before[BLOCK_MAX];
        uint64_t state = 3;

        for (size_t i = 0; i < ARRAY_SIZE(dimensions); i++) {
                size_t dimension = dimensions[i], row = scratch_random(&state) % CODES_ROWS,
                       size = codes_block_size(dimension);
                memset(block, 0xa5, size);
                double square = vector_make(VECTOR_SPIKY, dimension, &state, vector);
                codes_write(block, dimension, row, vector, square);
                for (size_t j = 0; j < (dimension + 3) / 4 * 4; j++)
                        cr_assert_eq(code_at(row, j),
                                     CODES_BIAS + (j < dimension && vector[j] < 0 ? -CODES_MAX : 0));
                memcpy(before, block, size);
                codes_write(block, dimension, row ^ 1, vector, square);
                codes_clear(block, dimension, row ^ 1);
                for (size_t j = 0; j < (dimension + 3) / 4 * 4; j++) {
                        cr_assert_eq(code_at(row ^ 1, j), CODES_BIAS);
                        memset(block + (j / 4 * CODES_ROWS + (row ^ 1)) * 4 + j % 4, 0xa5, 1);
                }
                cr_assert_eq(codes_scales(block, dimension)[row ^ 1], 0);
                cr_assert(isinf(codes_residuals(block, dimension)[row ^ 1]) &&
                          codes_residuals(block, dimension)[row ^ 1] < 0);
                memset((float *)codes_scales(block, dimension) + (row ^ 1), 0xa5, sizeof(float));
                memset((float *)codes_residuals(block, dimension) + (row ^ 1), 0xa5, sizeof(float));
                cr_assert_eq(memcmp(before, block, size), 0);
        }
}
