#pragma once
/*
 * Galleries of people that do not exist, for benchmarks: in memory, in the shape in which an engine searches, the same for the same numbers.
 * No file, nothing of anybody's.
 *
 * A face is a direction by chance, equally likely all around, which is the hardest case for bounds (reality is lopsided). A template of a face is
 * normalise(sqrt(0.6) face + sqrt(0.4) noise), so that two of one face have a similarity of some 0.6, and of two faces some 0. A face has two
 * templates or one, in turn. Rows at the end may be near-duplicates: templates of one face with a noise of a millionth, which no code tells apart.
 */

#include <stddef.h>
#include <stdint.h>

#include "worker/pool.h"
#include "worker/templates.h"

typedef struct PopulationShape {
        size_t n_rows;
        size_t n_alike; /* of these, at the end: near-duplicates */
        size_t dimension;
} PopulationShape;

typedef struct Population {
        PopulationShape shape;
        Templates templates;
        uint8_t *blocks;
        size_t blocks_size;
        uint8_t *slots;
        size_t slots_size;
        uint32_t *subjects;
} Population;

#define POPULATION_INIT ((Population){})

/** population_size() - Bytes that such a population takes. */
size_t population_size(const PopulationShape *shape);

/** population_init() - Makes a population. Return: 0 or -errno; @ret_population is to be deinitialised either way. */
int population_init(const PopulationShape *shape, Pool *pool, Population *ret_population);

/** population_deinit() - Frees it; safe on POPULATION_INIT and twice. */
void population_deinit(Population *population);

/**
 * population_probe() - A template to search with. Every second one is of a face that has templates among the rows; with near-duplicates, of
 * theirs. The others are of faces that have none.
 * @ret_vector: KERNEL_PADDED(dimension) floats, aligned to 64
 * @ret_square: its squared norm, in the kernels' order of additions
 */
void population_probe(const Population *population, size_t i, float *ret_vector, double *ret_square);
