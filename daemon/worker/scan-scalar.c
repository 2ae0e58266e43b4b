/*
 * The scan in plain C: for processors that have nothing better, and what the other kernels are held against.
 *
 * It is written so that compilers can make vectors of it: two codes are a lane of 16 bits, and four products are added up in it, which fit because
 * the digits are narrow (scan.c). Each loop is as long as a block is wide, and does one thing.
 */

#include <math.h>

#include "worker/scan-kernels.h"

static bool scalar_works(void)
{
        return true;
}

enum {
        LANES = 2 * CODES_ROWS, /* each row has two: of its elements 0 and 1 of four, and of 2 and 3 */
        VECTOR = 8,
};

/* What the codes of a step are multiplied by: the lower ones and the upper ones of lanes. */
typedef struct Factors {
        int16_t lower[VECTOR], upper[VECTOR];
} Factors;

static Factors factors(const int8_t *digits)
{
        Factors f;

        for (size_t i = 0; i < VECTOR; i++) {
                f.lower[i] = digits[2 * (i % 2)];
                f.upper[i] = digits[2 * (i % 2) + 1];
        }
        return f;
}

/* Sums of products modulo 2^16, added to what is there. */
static void add_step(const uint8_t *restrict codes, const int8_t *digits, uint16_t *restrict sums)
{
        const uint16_t *lanes = (const uint16_t *)codes;
        const Factors f = factors(digits);

        for (size_t i = 0; i < LANES; i += VECTOR)
                for (size_t j = 0; j < VECTOR; j++)
                        sums[i + j] = (uint16_t)(sums[i + j] + (lanes[i + j] & 0xff) * f.lower[j] +
                                                 (lanes[i + j] >> 8) * f.upper[j]);
}

static void add_products(const ScanWork *work, const int8_t *digits, int32_t start,
                         int32_t ret_sums[static CODES_ROWS])
{
        int32_t sums[LANES] = {};

        for (size_t i = 0; i < work->dimension; i += 8) {
                /* The second step may be missing: its digits are zero then, and its place is the one of the scales. */
                const uint8_t *codes = work->block + i * CODES_ROWS;
                uint16_t products[LANES] = {};
                add_step(codes, digits + i, products);
                add_step(codes + 4 * CODES_ROWS, digits + i + 4, products);
                for (size_t lane = 0; lane < LANES; lane++)
                        sums[lane] += (int16_t)products[lane];
        }
        for (size_t row = 0; row < CODES_ROWS; row++)
                ret_sums[row] = start + sums[2 * row] + sums[2 * row + 1];
}

static void scan_one(const ScanWork *work, size_t i)
{
        const ScanProbe *probe = &work->probes[i];
        const float *scales = codes_scales(work->block, work->dimension);
        const float *residuals = codes_residuals(work->block, work->dimension);
        int32_t first[CODES_ROWS], second[CODES_ROWS];
        uint64_t mask = 0;

        add_products(work, probe->digits, probe->start[0], first);
        if (probe->second)
                add_products(work, probe->second, probe->start[1], second);
        for (size_t row = 0; row < CODES_ROWS; row++) {
                float v = probe->second ? fmaf(SCAN_BASE, (float)first[row], (float)second[row])
                                        : (float)first[row];
                float upper = fmaf(v, scales[row] * probe->scale, residuals[row] + probe->slack);
                work->ret_upper[i][row] = upper;
                mask |= (uint64_t)(upper >= work->floors[i]) << row;
        }
        work->ret_masks[i] = mask;
}

static void scalar_block(const ScanWork *work)
{
        for (size_t i = 0; i < work->n_probes; i++)
                scan_one(work, i);
}

const ScanKernel scan_scalar = {
        .name = "scalar", .narrow = true, .free_digits = 1, .works = scalar_works, .block = scalar_block};
