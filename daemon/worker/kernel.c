/*
 * The kernels: plain C everywhere, AVX2 with FMA or AVX-512 where the processor has it.
 */

#include "worker/kernel.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/macro.h"

/* With wider intermediate results (x87) the order of additions would not fix the answer. */
_Static_assert(FLT_EVAL_METHOD == 0, "double arithmetic must round to double at each step");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "templates are little-endian and used in place");

static double sum_lanes(double lanes[static KERNEL_LANES])
{
#pragma GCC unroll 4
        for (size_t width = KERNEL_LANES / 2; width > 0; width /= 2)
#pragma GCC unroll 8
                for (size_t i = 0; i < width; i++)
                        lanes[i] += lanes[i + width];
        return lanes[0];
}

static double dot_scalar(const double *query, const float *row, size_t n)
{
        double lanes[KERNEL_LANES] = {};

        for (size_t i = 0; i < n; i += KERNEL_LANES)
                for (size_t lane = 0; lane < KERNEL_LANES; lane++)
                        lanes[lane] += query[i + lane] * (double)row[i + lane];
        return sum_lanes(lanes);
}

static void dots_scalar(const double *const queries[static KERNEL_DOTS], const float *row, size_t n,
                        double ret_dots[static KERNEL_DOTS])
{
        for (size_t i = 0; i < KERNEL_DOTS; i++)
                ret_dots[i] = dot_scalar(queries[i], row, n);
}

static bool scalar_works(void)
{
        return true;
}

#ifdef __x86_64__

#include <immintrin.h>

/* Each accumulator holds four neighbouring lanes, so storing the four of them gives the lanes in order.
 * Unrolled by order, because the compiler would otherwise keep the accumulators in memory. */
__attribute__((target("avx2,fma"))) static double dot_avx2(const double *query, const float *row, size_t n)
{
        __m256d sums[4] = {_mm256_setzero_pd(), _mm256_setzero_pd(), _mm256_setzero_pd(),
                           _mm256_setzero_pd()};
        double lanes[KERNEL_LANES];

        for (size_t i = 0; i < n; i += KERNEL_LANES) {
#pragma GCC unroll 4
                for (size_t j = 0; j < 4; j++)
                        sums[j] = _mm256_fmadd_pd(_mm256_loadu_pd(query + i + 4 * j),
                                                  _mm256_cvtps_pd(_mm_loadu_ps(row + i + 4 * j)), sums[j]);
        }
#pragma GCC unroll 4
        for (size_t j = 0; j < 4; j++)
                _mm256_storeu_pd(lanes + 4 * j, sums[j]);
        return sum_lanes(lanes);
}

/* One by one: the four accumulators of each are enough to keep the processor busy. */
__attribute__((target("avx2,fma"))) static void dots_avx2(const double *const queries[static KERNEL_DOTS],
                                                          const float *row, size_t n,
                                                          double ret_dots[static KERNEL_DOTS])
{
        for (size_t i = 0; i < KERNEL_DOTS; i++)
                ret_dots[i] = dot_avx2(queries[i], row, n);
}

/* Folds lanes as sum_lanes() does it: the upper half onto the lower. */
__attribute__((target("avx512f"))) static inline double fold_avx512(__m512d low, __m512d high)
{
        __m512d eight = _mm512_add_pd(low, high);
        __m256d four = _mm256_add_pd(_mm512_castpd512_pd256(eight), _mm512_extractf64x4_pd(eight, 1));
        __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
        return two[0] + two[1];
}

/* Two accumulators of eight lanes each. */
__attribute__((target("avx512f"))) static double dot_avx512(const double *query, const float *row, size_t n)
{
        __m512d low = _mm512_setzero_pd(), high = _mm512_setzero_pd();

        for (size_t i = 0; i < n; i += KERNEL_LANES) {
                low = _mm512_fmadd_pd(_mm512_loadu_pd(query + i), _mm512_cvtps_pd(_mm256_loadu_ps(row + i)),
                                      low);
                high = _mm512_fmadd_pd(_mm512_loadu_pd(query + i + 8),
                                       _mm512_cvtps_pd(_mm256_loadu_ps(row + i + 8)), high);
        }
        return fold_avx512(low, high);
}

/* Eight accumulators, whose additions follow each other as fast as there are multipliers. */
__attribute__((target("avx512f"))) static void dots_avx512(const double *const queries[static KERNEL_DOTS],
                                                           const float *row, size_t n,
                                                           double ret_dots[static KERNEL_DOTS])
{
        __m512d low[KERNEL_DOTS], high[KERNEL_DOTS];

#pragma GCC unroll 4
        for (size_t j = 0; j < KERNEL_DOTS; j++)
                low[j] = high[j] = _mm512_setzero_pd();
        for (size_t i = 0; i < n; i += KERNEL_LANES) {
                __m512d row_low = _mm512_cvtps_pd(_mm256_loadu_ps(row + i));
                __m512d row_high = _mm512_cvtps_pd(_mm256_loadu_ps(row + i + 8));
#pragma GCC unroll 4
                for (size_t j = 0; j < KERNEL_DOTS; j++) {
                        low[j] = _mm512_fmadd_pd(_mm512_loadu_pd(queries[j] + i), row_low, low[j]);
                        high[j] = _mm512_fmadd_pd(_mm512_loadu_pd(queries[j] + i + 8), row_high, high[j]);
                }
        }
#pragma GCC unroll 4
        for (size_t j = 0; j < KERNEL_DOTS; j++)
                ret_dots[j] = fold_avx512(low[j], high[j]);
}

static bool avx512_works(void)
{
        /* As for the scan of that name: --isa= means both. */
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vnni");
}

static bool avx2_works(void)
{
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

#endif

/* Fastest first. */
static const Kernel kernels[] = {
#ifdef __x86_64__
        {"avx512-vnni", dot_avx512, dots_avx512, avx512_works},
        {"avx2", dot_avx2, dots_avx2, avx2_works},
#endif
        {"scalar", dot_scalar, dots_scalar, scalar_works},
};

const Kernel *kernel_pick(const char *isa)
{
        for (size_t i = 0; i < ARRAY_SIZE(kernels); i++)
                if ((strcmp(isa, "auto") == 0 || strcmp(isa, kernels[i].name) == 0) && kernels[i].works())
                        return &kernels[i];
        return NULL;
}

double kernel_cosine(double dot, double square_a, double square_b)
{
        double cosine = dot / sqrt(square_a * square_b);

        if (cosine > 1)
                return 1;
        return cosine < -1 ? -1 : cosine;
}

bool kernel_read_vector(const uint8_t *bytes, size_t n, float *ret_vector, double *ret_square)
{
        double lanes[KERNEL_LANES] = {};

        memset(ret_vector, 0, KERNEL_PADDED(n) * sizeof(float));
        memcpy(ret_vector, bytes, n * sizeof(float));
        for (size_t i = 0; i < n; i++) {
                if (!isfinite(ret_vector[i]))
                        return false;
                lanes[i % KERNEL_LANES] += (double)ret_vector[i] * (double)ret_vector[i];
        }
        *ret_square = sum_lanes(lanes);
        return isfinite(*ret_square) && *ret_square > 0;
}
