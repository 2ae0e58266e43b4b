/*
 * Probes in the digits that a kernel can take, and which kernels there are.
 *
 * A kernel that is narrow adds up the products of four codes and digits in 16 bits: elements i, i + 1, i + 4 and i + 5 of eight, i being 0 or 2. A
 * code is 255 at most, so nothing is lost where the four digits are 128 at most together, without their signs: 255 * 128 < 2^15. That
 * leaves a digit nearly as much room as a limit of 63 for each would, because large ones seldom meet.
 */

#include "worker/scan.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/macro.h"
#include "worker/scan-kernels.h"

/* What p may be, before it is rounded: each element alone, or four of them together. Rounding adds up to a half to each, of which CODES_MAX
 * leaves none to lose: four stay within 128 as one digit, and as two the first digits do, which are (|p| + 32) / 64 at most. */
enum {
        ONE_DIGIT = CODES_MAX,
        ONE_DIGIT_NARROW = 128 - 2,
        TWO_DIGITS = SCAN_BASE * CODES_MAX + 31,
        TWO_DIGITS_NARROW = SCAN_BASE * 128 - 4 * 32 - 2,
};

/* Fastest first. */
static const ScanKernel *const kernels[] = {
#ifdef __x86_64__
        &scan_avx512,
        &scan_avx2,
#endif
        &scan_scalar,
};

const ScanKernel *scan_pick(const char *isa)
{
        for (size_t i = 0; i < ARRAY_SIZE(kernels); i++)
                if ((strcmp(isa, "auto") == 0 || strcmp(isa, kernels[i]->name) == 0) && kernels[i]->works())
                        return kernels[i];
        return NULL;
}

size_t scan_digits_size(size_t dimension)
{
        return (dimension + 63) / 64 * 64;
}

static double largest(const float *vector, size_t dimension)
{
        float found = 0;

        for (size_t i = 0; i < dimension; i++)
                found = fmaxf(found, fabsf(vector[i]));
        return (double)found;
}

static double largest_four(const float *vector, size_t dimension)
{
        double found = 0;

        for (size_t i = 0; i < dimension; i += 8) {
                double sums[2] = {};
                for (size_t j = i; j < MIN_OF(i + 8, dimension); j++)
                        sums[j / 2 % 2] += fabs((double)vector[j]);
                found = fmax(found, fmax(sums[0], sums[1]));
        }
        return found;
}

static double elements_per(const ScanKernel *kernel, const float *vector, size_t dimension, bool two)
{
        if (kernel->narrow)
                return (two ? TWO_DIGITS_NARROW : ONE_DIGIT_NARROW) / largest_four(vector, dimension);
        return (two ? TWO_DIGITS : ONE_DIGIT) / largest(vector, dimension);
}

static float add_up(float a, float b)
{
        double sum = (double)a + (double)b;
        float rounded = (float)sum;

        return (double)rounded < sum ? nextafterf(rounded, INFINITY) : rounded;
}

void scan_probe_init(const ScanKernel *kernel, const float *vector, double square, size_t dimension, bool two,
                     int8_t *digits, ScanProbe *ret_probe)
{
        int8_t *second = digits + scan_digits_size(dimension);
        int16_t whole[CODES_DIMENSION_MAX];

        assert(dimension > 0 && dimension <= CODES_DIMENSION_MAX);
        CodesFit fit =
                codes_fit(vector, square, dimension, elements_per(kernel, vector, dimension, two), whole);
        *ret_probe = (ScanProbe){.digits = digits,
                                 .second = two ? second : NULL,
                                 .scale = fit.scale,
                                 .slack = add_up(fit.residual, (float)CODES_ROUNDING)};
        memset(digits, 0, 2 * scan_digits_size(dimension));
        for (size_t i = 0; i < dimension; i++) {
                int first = two ? (whole[i] + SCAN_BASE / 2) >> 6 : whole[i];
                digits[i] = (int8_t)first;
                second[i] = (int8_t)(two ? whole[i] - SCAN_BASE * first : 0);
                ret_probe->start[0] -= CODES_BIAS * digits[i];
                ret_probe->start[1] -= CODES_BIAS * second[i];
        }
}
