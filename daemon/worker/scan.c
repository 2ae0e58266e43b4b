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

/* Of the sums of four elements that meet, without their signs. */
static double largest_four(const CodesVector *vector)
{
        double largest = 0;

        for (size_t i = 0; i < vector->n; i += 8) {
                double four[8];
                for (size_t j = 0; j < 8; j++)
                        four[j] = fabs((double)vector->elements[i + j]);
                for (size_t j = 0; j < 4; j++)
                        four[j] += four[j + 4];
                double first = four[0] + four[1], second = four[2] + four[3];
                largest = first > largest ? first : largest;
                largest = second > largest ? second : largest;
        }
        return largest;
}

static double elements_per(const ScanKernel *kernel, const CodesVector *vector, bool two)
{
        if (kernel && kernel->narrow)
                return (two ? TWO_DIGITS_NARROW : ONE_DIGIT_NARROW) / largest_four(vector);
        return (two ? TWO_DIGITS : ONE_DIGIT) / (double)codes_vector_largest(vector);
}

static float add_up(float a, float b)
{
        double sum = (double)a + (double)b;
        float rounded = (float)sum;

        return (double)rounded < sum ? nextafterf(rounded, INFINITY) : rounded;
}

/* By whole lanes, as in codes.c. */
static int32_t write_one_digit(const int16_t *whole, size_t n, int8_t *ret_digits)
{
        int32_t sums[CODES_LANES] = {}, sum = 0;

        for (size_t i = 0; i < n; i += CODES_LANES) {
                for (size_t lane = 0; lane < CODES_LANES; lane++)
                        ret_digits[i + lane] = (int8_t)whole[i + lane];
                for (size_t lane = 0; lane < CODES_LANES; lane++)
                        sums[lane] += whole[i + lane];
        }
        for (size_t lane = 0; lane < CODES_LANES; lane++)
                sum += sums[lane];
        return sum;
}

static void split(int16_t *whole_to_first, size_t n, int16_t *ret_second)
{
        for (size_t i = 0; i < n; i += CODES_LANES)
                for (size_t lane = i; lane < i + CODES_LANES; lane++) {
                        int first = (whole_to_first[lane] + SCAN_BASE / 2) >> 6;
                        ret_second[lane] = (int16_t)(whole_to_first[lane] - SCAN_BASE * first);
                        whole_to_first[lane] = (int16_t)first;
                }
}

void scan_probe_init(const ScanKernel *kernel, const float *vector, double square, size_t dimension, bool two,
                     int8_t *digits, ScanProbe *ret_probe)
{
        int16_t whole[CODES_DIMENSION_MAX], second[CODES_DIMENSION_MAX];
        size_t size = scan_digits_size(dimension);
        CodesVector padded;

        codes_vector_init(&padded, vector, square, dimension);
        CodesFit fit = codes_fit(&padded, elements_per(kernel, &padded, two), whole);
        *ret_probe = (ScanProbe){.digits = digits,
                                 .second = two ? digits + size : NULL,
                                 .scale = fit.scale,
                                 .slack = add_up(fit.residual, (float)CODES_ROUNDING)};
        memset(digits, 0, two ? 2 * size : size);
        if (two) {
                split(whole, padded.n, second);
                ret_probe->start[1] = -CODES_BIAS * write_one_digit(second, padded.n, digits + size);
        }
        ret_probe->start[0] = -CODES_BIAS * write_one_digit(whole, padded.n, digits);
        explicit_bzero(whole, padded.n * sizeof(*whole));
        if (two)
                explicit_bzero(second, padded.n * sizeof(*second));
        codes_vector_wipe(&padded);
}

size_t scan_count_digits(const ScanWork *work)
{
        size_t n = 0;

        for (size_t i = 0; i < work->n_probes; i++)
                n += scan_probe_digits(&work->probes[i]);
        return n;
}

size_t scan_take_digits(const ScanWork *work, size_t first, ScanDigits *ret_digits)
{
        size_t n = 0, i = first;

        for (;
             i < work->n_probes && n + scan_probe_digits(&work->probes[i]) <= ARRAY_SIZE(ret_digits->digits);
             i++) {
                const ScanProbe *probe = &work->probes[i];
                ret_digits->digits[n] = probe->digits;
                ret_digits->start[n++] = probe->start[0];
                if (!probe->second)
                        continue;
                ret_digits->digits[n] = probe->second;
                ret_digits->start[n++] = probe->start[1];
        }
        ret_digits->n = n;
        return i - first;
}
