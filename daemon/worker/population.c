/*
 * People that do not exist. Each number comes from the number of its face or row alone, so that threads can make rows in any order.
 */

#include "worker/population.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/macro.h"
#include "worker/blocks.h"
#include "worker/codes.h"
#include "worker/kernel.h"

enum {
        POPULATION_DIMENSION_MAX = 1024,
        POPULATION_KEY = 1,    /* of the originals' checksums */
        POPULATION_CYCLE = 3,  /* rows after which faces with two templates and with one come again */
        POPULATION_BATCH = 16, /* blocks that a thread makes at once */
};

/* What the numbers are drawn for, so that no two draws are alike. */
typedef enum PopulationDraw {
        POPULATION_FACE,
        POPULATION_ROW,
        POPULATION_STRANGER,
        POPULATION_PROBE,
} PopulationDraw;

/* The face of all near-duplicates: no row's own. */
static const uint64_t population_alike = UINT64_MAX >> 8;

/* ------------------------------------------------------------------------------------------------- templates */

/* SplitMix64 (prng.di.unimi.it): any starting value does. */
static uint64_t population_next(uint64_t *state)
{
        uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
}

/* Near enough to a normal number of variance 1: the sum of four even ones. */
static float population_normal(uint64_t *state)
{
        uint64_t z = population_next(state);
        uint64_t sum = (z & 0xffff) + (z >> 16 & 0xffff) + (z >> 32 & 0xffff) + (z >> 48);

        return ((float)sum * 0x1p-16f - 2) * 1.7320508f;
}

static uint64_t population_state(PopulationDraw draw, uint64_t number)
{
        uint64_t state = number << 2 | draw;

        return population_next(&state);
}

/* A sum of a face and of noise of its own. */
typedef struct PopulationTemplate {
        uint64_t face; /* states that the numbers are drawn from */
        uint64_t noise;
        float likeness; /* the share of the face, in squares */
} PopulationTemplate;

static void population_draw(PopulationTemplate template, size_t dimension, float *ret_vector)
{
        float a = sqrtf(template.likeness), b = sqrtf(1 - template.likeness);
        float square = 0;

        for (size_t i = 0; i < dimension; i++) {
                ret_vector[i] =
                        a * population_normal(&template.face) + b * population_normal(&template.noise);
                square += ret_vector[i] * ret_vector[i];
        }
        float inverse = 1 / sqrtf(square);
        for (size_t i = 0; i < dimension; i++)
                ret_vector[i] *= inverse;
}

static PopulationTemplate population_template(uint64_t face, uint64_t noise)
{
        return (PopulationTemplate){
                .face = face, .noise = noise, .likeness = face == population_alike ? 1 - 1e-6F : 0.6F};
}

static bool population_is_alike(const PopulationShape *shape, size_t row)
{
        return row >= shape->n_rows - shape->n_alike;
}

/* Rows 3i and 3i + 1 are of one face, row 3i + 2 of the next. */
static uint32_t population_subject(size_t row)
{
        return (uint32_t)(row / POPULATION_CYCLE * 2 + row % POPULATION_CYCLE / 2);
}

static uint64_t population_face(const PopulationShape *shape, size_t row)
{
        return population_is_alike(shape, row) ? population_alike
                                               : population_state(POPULATION_FACE, population_subject(row));
}

void population_probe(const Population *population, size_t i, float *ret_vector, double *ret_square)
{
        const PopulationShape *shape = &population->shape;
        uint64_t face = population_state(POPULATION_STRANGER, i);
        _Alignas(64) float drawn[POPULATION_DIMENSION_MAX];

        if (i % 2 == 0 && shape->n_rows > 0)
                face = population_face(shape,
                                       shape->n_rows - 1 -
                                               face % (shape->n_alike > 0 ? shape->n_alike : shape->n_rows));
        population_draw(population_template(face, population_state(POPULATION_PROBE, i)), shape->dimension,
                        drawn);
        bool is_template =
                kernel_read_vector((const uint8_t *)drawn, shape->dimension, ret_vector, ret_square);
        assert(is_template);
        (void)is_template; /* Read by the assertion only. */
}

/* ------------------------------------------------------------------------------------------------------ rows */

static void population_make_row(Population *population, size_t row)
{
        size_t dimension = population->shape.dimension;
        uint8_t *block = population->blocks + row / CODES_ROWS * codes_block_size(dimension);
        _Alignas(64) float drawn[POPULATION_DIMENSION_MAX], vector[POPULATION_DIMENSION_MAX];
        double square;

        if (row >= population->shape.n_rows) {
                codes_clear(block, dimension, row % CODES_ROWS);
                return;
        }
        population_draw(population_template(population_face(&population->shape, row),
                                            population_state(POPULATION_ROW, row)),
                        dimension, drawn);
        bool is_template = kernel_read_vector((const uint8_t *)drawn, dimension, vector, &square);
        assert(is_template);
        (void)is_template; /* Read by the assertion only. */
        codes_write(block, dimension, row % CODES_ROWS, vector, square);
        original_write(&population->templates.originals, row, (const uint8_t *)drawn, square,
                       population->slots + row * original_slot_size(dimension));
        population->subjects[row] = population_subject(row);
}

static size_t population_n_blocks(const PopulationShape *shape)
{
        return (shape->n_rows + CODES_ROWS - 1) / CODES_ROWS;
}

static void population_part(void *userdata, size_t part, size_t thread)
{
        Population *population = userdata;
        size_t end = MIN_OF((part + 1) * POPULATION_BATCH, population_n_blocks(&population->shape));

        for (size_t row = part * POPULATION_BATCH * CODES_ROWS; row < end * CODES_ROWS; row++)
                population_make_row(population, row);
}

size_t population_size(const PopulationShape *shape)
{
        return population_n_blocks(shape) * codes_block_size(shape->dimension) +
               shape->n_rows * (original_slot_size(shape->dimension) + sizeof(uint32_t));
}

static int population_map(size_t size, uint8_t **ret_memory)
{
        void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED)
                return -errno;
        *ret_memory = memory;
        return 0;
}

/* Memory as the store has it: large pages for what is read from end to end, small ones, as of a file, for the originals. */
static int population_allocate(const PopulationShape *shape, Population *population)
{
        population->blocks_size =
                MAX_OF(population_n_blocks(shape), (size_t)1) * codes_block_size(shape->dimension);
        int r = population_map(population->blocks_size, &population->blocks);
        if (r < 0)
                return r;
        (void)madvise(population->blocks, population->blocks_size, MADV_HUGEPAGE); /* Small ones do, too. */
        population->slots_size = MAX_OF(shape->n_rows, (size_t)1) * original_slot_size(shape->dimension);
        r = population_map(population->slots_size, &population->slots);
        if (r < 0)
                return r;
        population->subjects = calloc(MAX_OF(shape->n_rows, (size_t)1), sizeof(uint32_t));
        return population->subjects ? 0 : -ENOMEM;
}

int population_init(const PopulationShape *shape, Pool *pool, Population *ret_population)
{
        *ret_population = POPULATION_INIT;
        ret_population->shape = *shape;
        assert(shape->dimension > 0 && shape->dimension <= POPULATION_DIMENSION_MAX &&
               shape->n_alike <= shape->n_rows);
        int r = population_allocate(shape, ret_population);
        if (r < 0)
                return r;
        ret_population->templates = (Templates){
                .n_rows = shape->n_rows,
                .dimension = shape->dimension,
                .blocks = ret_population->blocks,
                .subjects = ret_population->subjects,
                .originals = {ret_population->slots, shape->dimension, POPULATION_KEY},
                .identity = blocks_tick(),
        };
        size_t n_blocks = population_n_blocks(shape);
        pool_run(pool, population_part, ret_population, (n_blocks + POPULATION_BATCH - 1) / POPULATION_BATCH);
        return 0;
}

void population_deinit(Population *population)
{
        if (population->blocks)
                (void)munmap(population->blocks, population->blocks_size); /* Our own map. */
        if (population->slots)
                (void)munmap(population->slots, population->slots_size);
        free(population->subjects);
        *population = POPULATION_INIT;
}
