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

#ifdef __x86_64__
extern const ScanKernel scan_avx512, scan_avx2;
#endif
extern const ScanKernel scan_scalar;
