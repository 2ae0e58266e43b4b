#pragma once
/*
 * Templates in a byte a number, and how far that may be from the truth.
 *
 * A template x, divided by its norm, is s q + r: q whole numbers from -127 to 127, s the scale that leaves the shortest residual r
 * (least squares, so r is orthogonal to q). A probe y, divided by its norm, is t p + u likewise. Then
 *
 *      cos(x, y) = s t <q,p> + <r, y/|y|> + <s q, u>,   so   |cos(x, y) - s t <q,p>| <= |r| + |u|      (Cauchy-Schwarz)
 *
 * and what float32 rounds is within CODES_ROUNDING. Codes never decide: they tell which rows need no closer look.
 *
 * A block holds CODES_ROWS rows, for any instruction set alike:
 *
 *      codes           [dimension / 4, rounded up][CODES_ROWS][4] bytes, each q + 128; beyond the dimension 128
 *      scales          [CODES_ROWS] float32, s
 *      residuals       [CODES_ROWS] float32, |r| rounded up; minus infinity for a row that holds no template, so that no bound reaches anything
 */

#include <stddef.h>
#include <stdint.h>

enum { CODES_ROWS = 64 };

/** codes_block_size() - Bytes of a block, a multiple of 64: 520 a row of 512 dimensions. */
size_t codes_block_size(size_t dimension);

/** codes_clear() - Makes a row hold no template; the code is overwritten. */
void codes_clear(uint8_t *block, size_t dimension, size_t row);

/**
 * codes_write() - Writes a template into a row of a block.
 * @vector:     dimension floats, not all zero, finite
 * @square:     its squared norm
 */
void codes_write(uint8_t *block, size_t dimension, size_t row, const float *vector, double square);

/** codes_residuals() - The residuals of a block's rows. */
const float *codes_residuals(const uint8_t *block, size_t dimension);
