/*
 * Galleries of people that do not exist.
 */

#include <math.h>
#include <string.h>

#include "base/macro.h"
#include "scratch.h"
#include "worker/codes.h"
#include "worker/exact.h"
#include "worker/kernel.h"
#include "worker/population.h"

enum { DIMENSION = 128, ROWS = 1000 };

static void make(const PopulationShape *shape, size_t n_threads, Population *ret_population)
{
        Pool *pool;

        cr_assert_eq(pool_new(n_threads, &pool), 0);
        cr_assert_eq(population_init(shape, pool, ret_population), 0);
        pool_free(pool);
}

/* The similarity of a row to a vector of length 1. */
static double similarity(const Population *population, size_t row, const float *vector)
{
        double square, dot = 0;

        const float *stored = original_read(&population->templates.originals, row, &square);
        cr_assert_not_null(stored, "row %zu", row);
        for (size_t i = 0; i < population->shape.dimension; i++)
                dot += (double)stored[i] * (double)vector[i];
        return dot / sqrt(square);
}

static double best_of(const Population *population, const float *vector)
{
        double best = -1;

        for (size_t row = 0; row < population->shape.n_rows; row++)
                best = fmax(best, similarity(population, row, vector));
        return best;
}

Test(population, is_the_same_for_the_same_numbers_with_any_threads)
{
        const PopulationShape shape = {.n_rows = ROWS, .n_alike = 100, .dimension = DIMENSION};
        Population a, b;

        make(&shape, 1, &a);
        make(&shape, 3, &b);
        cr_assert_eq(a.blocks_size, b.blocks_size);
        cr_assert_eq(memcmp(a.blocks, b.blocks, a.blocks_size), 0);
        cr_assert_eq(memcmp(a.slots, b.slots, a.slots_size), 0);
        cr_assert_eq(memcmp(a.subjects, b.subjects, ROWS * sizeof(uint32_t)), 0);
        population_deinit(&a);
        population_deinit(&b);
        population_deinit(&b);
}

Test(population, has_room_for_what_it_says_and_no_more)
{
        const PopulationShape shape = {.n_rows = 65, .dimension = DIMENSION};
        Population population;

        make(&shape, 1, &population);
        cr_assert_eq(population.blocks_size, 2 * codes_block_size(DIMENSION));
        cr_assert_eq(population_size(&shape),
                     population.blocks_size + population.slots_size + 65 * sizeof(uint32_t));
        const float *residuals = codes_residuals(population.blocks + codes_block_size(DIMENSION), DIMENSION);
        cr_assert(residuals[0] >= 0);
        for (size_t row = 1; row < CODES_ROWS; row++)
                cr_assert(isinf(residuals[row]) && residuals[row] < 0, "row %zu", row);
        population_deinit(&population);
}

Test(population, has_faces_with_two_templates_and_with_one)
{
        static const uint32_t subjects[] = {0, 0, 1, 2, 2, 3, 4};
        const PopulationShape shape = {.n_rows = ARRAY_SIZE(subjects), .dimension = DIMENSION};
        Population population;
        double square;

        make(&shape, 1, &population);
        for (size_t row = 0; row < ARRAY_SIZE(subjects); row++)
                cr_assert_eq(population.templates.subjects[row], subjects[row]);
        const float *first = original_read(&population.templates.originals, 0, &square);
        cr_assert_gt(similarity(&population, 1, first), 0.4);
        cr_assert_lt(similarity(&population, 2, first), 0.4);
        population_deinit(&population);
}

Test(population, has_a_mate_for_every_second_probe)
{
        const PopulationShape shape = {.n_rows = ROWS, .dimension = DIMENSION};
        Population population;

        make(&shape, 2, &population);
        for (size_t i = 0; i < 40; i++) {
                _Alignas(64) float probe[KERNEL_PADDED(DIMENSION)];
                double square;
                population_probe(&population, i, probe, &square);
                cr_assert_float_eq(square, 1, 1e-5);
                double best = best_of(&population, probe);
                cr_assert(i % 2 == 0 ? best > 0.42 : best < 0.42, "probe %zu: %f", i, best);
        }
        population_deinit(&population);
}

Test(population, has_near_duplicates_that_codes_do_not_tell_apart)
{
        const PopulationShape shape = {.n_rows = 200, .n_alike = 150, .dimension = DIMENSION};
        Population population;
        _Alignas(64) float probe[KERNEL_PADDED(DIMENSION)];
        double square;

        make(&shape, 2, &population);
        population_probe(&population, 0, probe, &square);
        const float *residuals = codes_residuals(population.blocks, DIMENSION);
        for (size_t row = 0; row < 200; row++) {
                double found = similarity(&population, row, probe);
                if (row < 50)
                        cr_assert_lt(found, 0.5);
                else
                        cr_assert(found > 0.9999 && found > 1 - (double)residuals[row % CODES_ROWS],
                                  "row %zu", row);
        }
        population_deinit(&population);
}
