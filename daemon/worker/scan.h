#pragma once
/*
 * The scan: upper bounds of the similarity of a block's rows to some probes, by the kernels of this processor. Kernels differ in speed and, by the bits that
 * they leave a probe, in how close their bounds are; never in whether they hold. The same digits give the same bits with each of them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/codes.h"

/* What a first digit counts where there are two: p = SCAN_BASE * digits + second. A second digit is from -32 to 31. */
enum { SCAN_BASE = 64 };

/* A probe as a kernel reads it. */
typedef struct ScanProbe {
        const int8_t *
                digits; /* p of worker/codes.h, padded with zeros to a multiple of 8; the first digit where there are two */
        const int8_t *
                second; /* the second one; NULL: one digit does (a batch, where the work counts and not the memory) */
        int32_t start[2]; /* -128 * the sum of the digits: takes the 128 of the codes away again */
        float scale;      /* t */
        float slack;      /* |u| and CODES_ROUNDING, rounded up */
} ScanProbe;

struct ScanWork;

typedef struct ScanKernel {
        const char *name; /* as of --isa= */
        bool narrow;      /* adds up products in 16 bits, so that digits have to stay small: see scan.c */
        size_t free_digits; /* in all, of a search: so many take no longer than the first, because memory is what is waited for */
        bool (*works)(void); /* whether this processor has what it takes */
        /* Fills, for each probe, the mask of rows whose bound reaches its floor; and the bounds of all rows where that is not zero. */
        void (*block)(const struct ScanWork *work);
} ScanKernel;

typedef struct ScanWork {
        const uint8_t *block; /* aligned to 64 */
        const uint8_t *next;  /* the block that comes after this, to be fetched meanwhile; NULL: none */
        size_t dimension;
        const ScanProbe *probes;
        const float *floors; /* a probe; finite */
        size_t n_probes;
        uint64_t *ret_masks;            /* a probe: bit i for row i */
        float (*ret_upper)[CODES_ROWS]; /* a probe; scan_lower() makes lower bounds of them */
} ScanWork;

/** scan_pick() - The kernel by name, or "auto" for the fastest that works here. Return: NULL when there is none. */
const ScanKernel *scan_pick(const char *isa);

/** scan_digits_size() - Bytes of one digit of a probe, a multiple of 64. */
static inline size_t scan_digits_size(size_t dimension)
{
        return (dimension + 63) / 64 * 64;
}

/**
 * scan_probe_init() - Makes a probe of a template.
 * @kernel:     whose digits; NULL: a device's, which adds up in 32 bits and takes any
 * @vector:     dimension floats, not all zero, finite
 * @square:     its squared norm
 * @two:        with two digits
 * @digits:     room for 2 * scan_digits_size(dimension) bytes, aligned to 64, which @ret_probe borrows
 */
void scan_probe_init(const ScanKernel *kernel, const float *vector, double square, size_t dimension, bool two,
                     int8_t *digits, ScanProbe *ret_probe);

/** scan_lower() - What the similarity is at least, where @upper is what it is at most and @residual the row's. */
static inline float scan_lower(const ScanProbe *probe, float residual, float upper)
{
        return upper - 2 * (residual + probe->slack);
}
