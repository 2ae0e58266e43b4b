#pragma once
/*
 * The scan: upper bounds of the similarity of a block's rows to some probes, by the kernels of this processor. Kernels differ in speed and, by the bits that
 * they leave a probe, in how close their bounds are; never in whether they hold.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "worker/codes.h"

/* A probe as a kernel reads it. */
typedef struct ScanProbe {
        const int8_t *digits; /* p of worker/codes.h, padded with zeros to a multiple of 4; the first digit where there are two */
        const int8_t *second; /* p = 128 * digits + second; NULL: one digit does (a batch, where the work counts and not the memory) */
        int32_t start[2];     /* -128 * the sum of the digits: takes the 128 of the codes away again */
        float scale;          /* t */
        float slack;          /* |u| and CODES_ROUNDING, rounded up */
} ScanProbe;

struct ScanWork;

typedef struct ScanKernel {
        const char *name;        /* as of --isa= */
        int digit_max;           /* of `digits`: 127, or 63 where two products have to fit into 16 bits */
        bool (*works)(void);     /* whether this processor has what it takes */
        /* Fills, for each probe, the mask of rows whose bound reaches its floor; and the bounds of all rows where that is not zero. */
        void (*block)(const struct ScanWork *work);
} ScanKernel;

typedef struct ScanWork {
        const uint8_t *block;
        const uint8_t *next;  /* the block that comes after this, to be fetched meanwhile; NULL: none */
        size_t dimension;
        const ScanProbe *probes;
        const float *floors; /* a probe */
        size_t n_probes;
        uint64_t *ret_masks;          /* a probe: bit i for row i */
        float (*ret_upper)[CODES_ROWS]; /* a probe; the lower bound is `upper - 2 * (residual + slack)`, less CODES_ROUNDING */
} ScanWork;

/** scan_pick() - The kernel by name, or "auto" for the fastest that works here. Return: NULL when there is none. */
const ScanKernel *scan_pick(const char *isa);

/**
 * scan_probe_init() - Makes a probe of a template.
 * @digits:     room for 2 * scan_digits_size(dimension) bytes, aligned to 64, which @ret_probe borrows
 * @two:        with two digits
 */
void scan_probe_init(const ScanKernel *kernel, const float *vector, double square, size_t dimension, bool two, int8_t *digits,
                     ScanProbe *ret_probe);
size_t scan_digits_size(size_t dimension);
