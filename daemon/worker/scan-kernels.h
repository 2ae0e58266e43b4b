#pragma once
/*
 * The kernels of the scan, each in a file of its own, scan-NAME.c. What all of them compute, to the bit, for a row and a probe:
 *
 *      v     = float(sum of code * digit + start)              with one digit
 *              fma(SCAN_BASE, that of the first, that of the second)
 *      upper = fma(v, row's scale * probe's scale, row's residual + probe's slack)
 *
 * each step rounded to float32 to nearest. Others choose among them by scan_pick().
 */

#include "worker/scan.h"

/* Digits that a kernel sums up at once. */
typedef struct ScanDigits {
        size_t n;
        const int8_t *digits[4];
        int32_t start[4];
} ScanDigits;

static inline size_t scan_probe_digits(const ScanProbe *probe)
{
        return probe->second ? 2 : 1;
}

/** scan_count_digits() - Of all probes together. */
size_t scan_count_digits(const ScanWork *work);

/** scan_take_digits() - Takes those of as many probes, from @first on, as have room. Return: how many probes. */
size_t scan_take_digits(const ScanWork *work, size_t first, ScanDigits *ret_digits);

#ifdef __x86_64__
extern const ScanKernel scan_avx512, scan_avx2;
#endif
extern const ScanKernel scan_scalar;
