#pragma once
/*
 * Templates as they were enrolled, one slot a row, somewhere in memory: in a mapped file as a rule. A slot, all of it little-endian:
 *
 *      float32 * dimension     the template
 *      zeros                   up to a multiple of KERNEL_LANES floats, so that the kernels read it in place
 *      float64                 its squared norm, in the kernels' order of additions
 *      uint64                  XXH3 (64 bits, xxhash.com) over all that stands before it, with key + row as its seed
 *      zeros                   up to a multiple of 64 bytes
 *
 * The seed makes a slot of another row, or of another file, as wrong as one that was damaged. A slot that holds no template is zero.
 */

#include <stddef.h>
#include <stdint.h>

typedef struct Originals {
        const uint8_t *slots;
        size_t dimension;
        uint64_t key;
} Originals;

/** original_slot_size() - Bytes from one slot to the next. */
size_t original_slot_size(size_t dimension);

/**
 * original_write() - Writes a slot.
 * @vector:     dimension float32, little-endian, not aligned; judged before by kernel_read_vector()
 * @square:     its squared norm, as that function gave it
 */
void original_write(const Originals *originals, size_t row, const uint8_t *vector, double square,
                    uint8_t *ret_slot);

/**
 * original_read() - The template of a row, in place: KERNEL_PADDED(dimension) floats.
 * Return: NULL where the slot is not as it was written.
 */
const float *original_read(const Originals *originals, size_t row, double *ret_square);
