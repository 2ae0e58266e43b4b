#pragma once
/*
 * What worker/scan.cl and who runs it have in common: the shape of the kernels, and what they are told.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct OpenclShape {
        unsigned lanes;         /* rows of a vector */
        unsigned groups;        /* vectors of a work-item */
        unsigned tile;          /* digits of probes that are summed up at once, an even number */
        unsigned groups_a_unit; /* work-groups for each compute unit of the device */
} OpenclShape;

/* For a GPU, whose work-items are what it does at once; and for a processor, which has vectors. */
static const OpenclShape opencl_shape_rows = {.lanes = 1, .groups = 1, .tile = 8, .groups_a_unit = 32};
static const OpenclShape opencl_shape_vectors = {.lanes = 16, .groups = 4, .tile = 4, .groups_a_unit = 16};

/** opencl_shape() - The one for a device. */
const OpenclShape *opencl_shape(bool is_gpu);

typedef struct OpenclTask {
        uint32_t n_blocks;
        uint32_t first;
        uint32_t n;
        uint32_t step;
        uint32_t n_steps;     /* of four elements */
        uint32_t block_words; /* of 4 bytes, in a block */
        uint32_t n_probes;
        uint32_t most;
} OpenclTask;
