/*
 * A crowd as an engine reads it.
 */

#include "stored.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "worker/blocks.h"
#include "worker/kernel.h"

enum { ALIGNMENT = 64 };

static uint8_t *aligned(size_t n)
{
        uint8_t *memory = aligned_alloc(ALIGNMENT, (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT + ALIGNMENT);

        cr_assert_not_null(memory);
        memset(memory, 0xa5, n); /* Nothing may rest on what is not written. */
        return memory;
}

static void write_row(Stored *stored, const Crowd *crowd, size_t row, float *vector)
{
        uint8_t *block = stored->blocks + row / CODES_ROWS * codes_block_size(crowd->dimension);
        uint8_t *slot = stored->slots + row * original_slot_size(crowd->dimension);
        const uint8_t *bytes = (const uint8_t *)crowd_vector(crowd, row);
        double square;

        cr_assert(kernel_read_vector(bytes, crowd->dimension, vector, &square));
        codes_write(block, crowd->dimension, row % CODES_ROWS, vector, square);
        original_write(&stored->templates.originals, row, bytes, square, slot);
        if (crowd->subjects[row] != SUBJECTS_NONE)
                return;
        codes_clear(block, crowd->dimension, row % CODES_ROWS);
        memset(slot, 0, original_slot_size(crowd->dimension));
}

void stored_write(Stored *stored, const Crowd *crowd, size_t row)
{
        float *vector = calloc(KERNEL_PADDED(crowd->dimension), sizeof(float));

        cr_assert_not_null(vector);
        write_row(stored, crowd, row, vector);
        stored->stamps[row / CODES_ROWS] = stored->templates.changed = blocks_tick();
        stored->templates.n_rows = MAX_OF(stored->templates.n_rows, row + 1);
        free(vector);
}

Stored *stored_new(const Crowd *crowd)
{
        size_t n_blocks = (crowd->n + CODES_ROWS - 1) / CODES_ROWS,
               block_size = codes_block_size(crowd->dimension);

        Stored *stored = calloc(1, sizeof(Stored));
        float *vector = calloc(KERNEL_PADDED(crowd->dimension), sizeof(float));
        cr_assert(stored && vector);
        stored->stamps = calloc(n_blocks + 1, sizeof(uint64_t));
        cr_assert_not_null(stored->stamps);
        stored->blocks = aligned(n_blocks * block_size);
        stored->slots = aligned(crowd->n * original_slot_size(crowd->dimension));
        stored->templates = (Templates){
                .n_rows = crowd->n,
                .dimension = crowd->dimension,
                .blocks = stored->blocks,
                .subjects = crowd->subjects,
                .originals = {.slots = stored->slots, .dimension = crowd->dimension, .key = 0x6d67},
                .identity = blocks_tick(),
                .stamps = stored->stamps,
        };
        for (size_t i = 0; i < n_blocks; i++)
                stored->stamps[i] = stored->templates.changed = blocks_tick();
        for (size_t row = 0; row < n_blocks * CODES_ROWS; row++)
                codes_clear(stored->blocks + row / CODES_ROWS * block_size, crowd->dimension,
                            row % CODES_ROWS);
        for (size_t row = 0; row < crowd->n; row++)
                write_row(stored, crowd, row, vector);
        free(vector);
        return stored;
}

Stored *stored_free(Stored *stored)
{
        if (!stored)
                return NULL;
        free(stored->blocks);
        free(stored->slots);
        free(stored->stamps);
        free(stored);
        return NULL;
}

const uint8_t *stored_block(const Stored *stored, size_t row)
{
        return stored->blocks + row / CODES_ROWS * codes_block_size(stored->templates.dimension);
}

void stored_residual(const Stored *stored, const Crowd *crowd, size_t row, double *ret_vector)
{
        const uint8_t *block = stored_block(stored, row);
        const float *vector = crowd_vector(crowd, row);
        size_t in_block = row % CODES_ROWS;
        double scale = (double)codes_scales(block, crowd->dimension)[in_block];

        for (size_t i = 0; i < crowd->dimension; i++) {
                int code = block[(i / 4 * CODES_ROWS + in_block) * 4 + i % 4] - 128;
                ret_vector[i] = (double)vector[i] / sqrt(crowd->squares[row]) - scale * code;
        }
}
