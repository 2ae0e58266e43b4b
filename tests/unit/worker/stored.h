#pragma once
/*
 * A crowd as an engine reads it: codes, originals and subjects, in memory that belongs to the test.
 */

#include "brute.h"
#include "worker/codes.h"
#include "worker/templates.h"

typedef struct Stored {
        Templates templates;
        uint8_t *blocks;
        uint8_t *slots;
        uint64_t *stamps;
} Stored;

/**
 * stored_new() - Writes a crowd's templates into codes and slots; those that were removed are written first and cleared then.
 * @crowd:      borrowed
 */
Stored *stored_new(const Crowd *crowd);
Stored *stored_free(Stored *stored);

/** stored_write() - Once more, after @crowd says otherwise of a row: the template, or that there is none. A row behind the last makes the gallery longer. */
void stored_write(Stored *stored, const Crowd *crowd, size_t row);

/** stored_block() - The block that a row is in. */
const uint8_t *stored_block(const Stored *stored, size_t row);

/** stored_residual() - What the code of a row does not say of it: x / |x| - s q, by the layout in worker/codes.h. */
void stored_residual(const Stored *stored, const Crowd *crowd, size_t row, double *ret_vector);
