/*
 * The scan in plain C: for processors that have nothing better, and what the other kernels are held against.
 */

#include <math.h>

#include "worker/scan-kernels.h"

static bool scalar_works(void)
{
        return true;
}

/* A row's four codes of a step stand together, so sums of all rows grow side by side, which compilers make vectors of. */
static void add_products(const ScanWork *work, const int8_t *digits, int32_t start,
                         int32_t ret_sums[static CODES_ROWS])
{
        const uint8_t *codes = work->block;

        for (size_t row = 0; row < CODES_ROWS; row++)
                ret_sums[row] = start;
        for (size_t i = 0; i < work->dimension; i += 4, codes += 4 * CODES_ROWS)
                for (size_t row = 0; row < CODES_ROWS; row++)
                        ret_sums[row] += codes[4 * row] * digits[i] + codes[4 * row + 1] * digits[i + 1] +
                                         codes[4 * row + 2] * digits[i + 2] +
                                         codes[4 * row + 3] * digits[i + 3];
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

const ScanKernel scan_scalar = {.name = "scalar", .works = scalar_works, .block = scalar_block};
