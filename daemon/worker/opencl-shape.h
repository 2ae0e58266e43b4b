#pragma once
/*
 * What worker/scan.cl and who runs it have in common: the shape of the kernels, and what they are told.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct OpenclShape {
        unsigned lanes; /* rows of a vector; where it is 1, digits are whole numbers, else float32 */
        unsigned
                groups_one; /* vectors of a work-item, where there is one probe; a number of 1, 2 and so on that fits 64 rows */
        unsigned groups; /* likewise where there are more */
        unsigned tile; /* digits of probes that are summed up at once, where there are more; an even number */
        unsigned local;         /* work-items of a work-group */
        unsigned groups_a_unit; /* work-groups for each compute unit of the device */
        bool has_pages;         /* memory is this process's, see worker/opencl-pages.h */
} OpenclShape;

/* For a GPU, whose work-items are what it does at once, and of which those that are beside each other read what is beside each other. */
static const OpenclShape opencl_shape_rows = {
        .lanes = 1, .groups_one = 1, .groups = 1, .tile = 8, .local = 64, .groups_a_unit = 32};
/* For a processor. A tile of eight sums, four codes and what they are unpacked with fit into 16 registers; one probe waits for memory. */
static const OpenclShape opencl_shape_16_lanes = {.lanes = 16,
                                                  .groups_one = 4,
                                                  .groups = 1,
                                                  .tile = 8,
                                                  .local = 1,
                                                  .groups_a_unit = 16,
                                                  .has_pages = true};
static const OpenclShape opencl_shape_8_lanes = {.lanes = 8,
                                                 .groups_one = 4,
                                                 .groups = 1,
                                                 .tile = 8,
                                                 .local = 1,
                                                 .groups_a_unit = 16,
                                                 .has_pages = true};

/** opencl_shape() - The one for a device, whose vectors have so many float32. */
const OpenclShape *opencl_shape(bool is_gpu, unsigned vector);

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
