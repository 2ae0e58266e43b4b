/*
 * The scan: bounds that hold, whatever kernel made them.
 */

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/macro.h"
#include "vectors.h"
#include "worker/scan.h"

/* Two tiles of the widest kernel, and a part of one more. */
enum { PROBES = 11, BLOCK_MAX = CODES_DIMENSION_MAX * CODES_ROWS + 2 * CODES_ROWS * 4 };

static const char *const isas[] = {"scalar", "avx2", "avx512-vnni"};

static _Alignas(64) uint8_t block[BLOCK_MAX];
static _Alignas(64) int8_t digits[PROBES][2 * CODES_DIMENSION_MAX];
static float rows[CODES_ROWS][CODES_DIMENSION_MAX], vectors[PROBES][CODES_DIMENSION_MAX];
static double row_squares[CODES_ROWS], squares[PROBES];
static ScanProbe probes[PROBES];

typedef struct Bounds {
        uint64_t masks[PROBES];
        float upper[PROBES][CODES_ROWS];
} Bounds;

/* Every row and probe of a kind of its own. */
static void make_block(size_t dimension, uint64_t *state)
{
        for (size_t row = 0; row < CODES_ROWS; row++) {
                row_squares[row] =
                        vector_make((enum VectorKind)(row % VECTOR_KINDS), dimension, state, rows[row]);
                codes_write(block, dimension, row, rows[row], row_squares[row]);
        }
        for (size_t i = 0; i < PROBES; i++)
                squares[i] = vector_make((enum VectorKind)(i % VECTOR_KINDS), dimension, state, vectors[i]);
}

static void make_probes(const ScanKernel *kernel, size_t dimension, bool (*two)(size_t i))
{
        for (size_t i = 0; i < PROBES; i++)
                scan_probe_init(kernel, vectors[i], squares[i], dimension, two(i), digits[i], &probes[i]);
}

static void run(const ScanKernel *kernel, size_t dimension, size_t n_probes, const float *floors,
                Bounds *ret_bounds)
{
        memset(ret_bounds, 0xff, sizeof(*ret_bounds));
        kernel->block(&(ScanWork){.block = block,
                                  .next = block,
                                  .dimension = dimension,
                                  .probes = probes,
                                  .floors = floors,
                                  .n_probes = n_probes,
                                  .ret_masks = ret_bounds->masks,
                                  .ret_upper = ret_bounds->upper});
}

static long double true_similarity(const float *a, const float *b, size_t dimension)
{
        long double product = 0, a_square = 0, b_square = 0;

        for (size_t i = 0; i < dimension; i++) {
                product += (long double)a[i] * (long double)b[i];
                a_square += (long double)a[i] * (long double)a[i];
                b_square += (long double)b[i] * (long double)b[i];
        }
        return product / sqrtl(a_square) / sqrtl(b_square);
}

static bool one_digit(size_t i)
{
        return false;
}

static bool two_digits(size_t i)
{
        return true;
}

static bool some_two_digits(size_t i)
{
        return i % 3 == 1;
}

static bool every_fourth_two_digits(size_t i)
{
        return i % 4 == 3;
}

static bool (*const digit_choices[])(size_t i) = {one_digit, two_digits, some_two_digits,
                                                  every_fourth_two_digits};
static const float lowest_floors[PROBES] = {-5, -5, -5, -5, -5, -5, -5, -5, -5, -5, -5};

static void expect_truth_within(const char *isa, const Bounds *bounds, size_t dimension,
                                const long double truth[PROBES][CODES_ROWS])
{
        const float *residuals = codes_residuals(block, dimension);

        for (size_t i = 0; i < PROBES; i++) {
                cr_assert_eq(bounds->masks[i], UINT64_MAX);
                for (size_t row = 0; row < CODES_ROWS; row++) {
                        long double upper = (long double)bounds->upper[i][row];
                        long double lower =
                                (long double)scan_lower(&probes[i], residuals[row], bounds->upper[i][row]);
                        cr_assert(lower <= truth[i][row] && truth[i][row] <= upper,
                                  "%s, %zu: probe %zu, row %zu: %La, %La, %La", isa, dimension, i, row, lower,
                                  truth[i][row], upper);
                }
        }
}

static void expect_bounds(size_t dimension, uint64_t *state)
{
        static long double truth[PROBES][CODES_ROWS];
        static Bounds bounds;

        make_block(dimension, state);
        for (size_t i = 0; i < PROBES; i++)
                for (size_t row = 0; row < CODES_ROWS; row++)
                        truth[i][row] = true_similarity(vectors[i], rows[row], dimension);
        for (size_t i = 0; i < ARRAY_SIZE(isas); i++) {
                const ScanKernel *kernel = scan_pick(isas[i]);
                for (size_t j = 0; kernel && j < ARRAY_SIZE(digit_choices); j++) {
                        make_probes(kernel, dimension, digit_choices[j]);
                        run(kernel, dimension, PROBES, lowest_floors, &bounds);
                        expect_truth_within(isas[i], &bounds, dimension, truth);
                }
        }
}

Test(scan, has_the_truth_within_its_bounds_in_every_dimension)
{
        uint64_t state = 1;

        for (size_t dimension = 1; dimension < 40; dimension++)
                expect_bounds(dimension, &state);
        for (size_t dimension = 40; dimension <= 1024; dimension += 13)
                expect_bounds(dimension, &state);
        expect_bounds(1024, &state);
        expect_bounds(CODES_DIMENSION_MAX - 1, &state);
        expect_bounds(CODES_DIMENSION_MAX, &state);
}

/* Probes as the narrowest kernel takes them, which all can. */
Test(scan, gives_the_same_bits_with_every_kernel)
{
        static Bounds expected, bounds;
        uint64_t state = 2;

        for (size_t round = 0; round < 300; round++) {
                size_t dimension = 1 + scratch_random(&state) % (round % 10 == 0 ? CODES_DIMENSION_MAX : 600);
                make_block(dimension, &state);
                make_probes(&(ScanKernel){.narrow = true}, dimension, digit_choices[round % 4]);
                run(scan_pick("scalar"), dimension, PROBES, lowest_floors, &expected);
                for (size_t i = 0; i < ARRAY_SIZE(isas); i++) {
                        if (!scan_pick(isas[i]))
                                continue;
                        run(scan_pick(isas[i]), dimension, PROBES, lowest_floors, &bounds);
                        cr_assert_eq(memcmp(&expected, &bounds, sizeof(bounds)), 0, "%s, %zu", isas[i],
                                     dimension);
                }
        }
}

/* All elements as large as they can be, and of one sign: what 16 and 32 bits have to hold. */
Test(scan, loses_nothing_of_the_largest_sums)
{
        static Bounds bounds;

        for (size_t sign = 0; sign < 4; sign++)
                for (size_t i = 0; i < ARRAY_SIZE(isas) * ARRAY_SIZE(digit_choices); i++) {
                        const ScanKernel *kernel = scan_pick(isas[i / ARRAY_SIZE(digit_choices)]);
                        for (size_t j = 0; j < CODES_DIMENSION_MAX; j++) {
                                rows[0][j] = sign & 1 ? -1 : 1;
                                vectors[0][j] = sign & 2 ? -1 : 1;
                        }
                        if (!kernel)
                                continue;
                        codes_write(block, CODES_DIMENSION_MAX, 0, rows[0], CODES_DIMENSION_MAX);
                        scan_probe_init(kernel, vectors[0], CODES_DIMENSION_MAX, CODES_DIMENSION_MAX,
                                        i % 2 == 0, digits[0], &probes[0]);
                        run(kernel, CODES_DIMENSION_MAX, 1, lowest_floors, &bounds);
                        cr_assert_float_eq(bounds.upper[0][0], sign == 1 || sign == 2 ? -1.0f : 1.0f, 3e-6,
                                           "%s: %f", kernel->name, (double)bounds.upper[0][0]);
                }
}

/* Floors that are bounds themselves, or one float32 above. */
Test(scan, lets_pass_what_reaches_the_floor_and_nothing_else)
{
        static Bounds all, some;
        uint64_t state = 3;

        for (size_t round = 0; round < 600; round++) {
                size_t dimension = 1 + scratch_random(&state) % 600, n_probes = 1 + round % PROBES;
                const ScanKernel *kernel = scan_pick(isas[round % ARRAY_SIZE(isas)]);
                float floors[PROBES];
                if (!kernel)
                        continue;
                make_block(dimension, &state);
                make_probes(kernel, dimension, digit_choices[round % 2]);
                run(kernel, dimension, n_probes, lowest_floors, &all);
                for (size_t i = 0; i < n_probes; i++) {
                        floors[i] = all.upper[i][scratch_random(&state) % CODES_ROWS];
                        if (scratch_random(&state) % 2 == 0)
                                floors[i] = nextafterf(floors[i], 9);
                }
                floors[0] = round % 7 == 0 ? 5 : floors[0];
                run(kernel, dimension, n_probes, floors, &some);
                for (size_t i = 0; i < n_probes; i++) {
                        for (size_t row = 0; row < CODES_ROWS; row++)
                                cr_assert_eq(some.masks[i] >> row & 1, all.upper[i][row] >= floors[i]);
                        if (some.masks[i] != 0)
                                cr_assert_eq(memcmp(some.upper[i], all.upper[i], sizeof(all.upper[i])), 0);
                }
                for (size_t i = n_probes; i < PROBES; i++)
                        cr_assert(some.masks[i] == UINT64_MAX && isnan(some.upper[i][0]),
                                  "no probe, and yet written");
        }
}

Test(scan, never_lets_a_row_pass_that_holds_no_template)
{
        static Bounds bounds;
        const float floors[PROBES] = {-FLT_MAX, -FLT_MAX, -FLT_MAX, -1, -1, -1, -1, 0, 0, 0, 0};
        uint64_t state = 4;

        for (size_t round = 0; round < 300; round++) {
                size_t dimension = 1 + scratch_random(&state) % 600;
                const ScanKernel *kernel = scan_pick(isas[round % ARRAY_SIZE(isas)]);
                if (!kernel)
                        continue;
                make_block(dimension, &state);
                make_probes(kernel, dimension, digit_choices[round % 2]);
                uint64_t dead = scratch_random(&state);
                for (size_t row = 0; row < CODES_ROWS; row++)
                        if (dead >> row & 1)
                                codes_clear(block, dimension, row);
                run(kernel, dimension, PROBES, floors, &bounds);
                for (size_t i = 0; i < PROBES; i++)
                        cr_assert_eq(bounds.masks[i] & dead, 0);
                cr_assert_eq(bounds.masks[0], ~dead);
        }
}

/* Four elements that meet in one sum, the others zero; each rounds up, were it taken as it is. */
static double make_four(uint64_t *state, float vector[static 8])
{
        double a = (double)(scratch_random(state) % 42) + 0.5, b = (double)(scratch_random(state) % 42) + 0.5;
        double c = (double)(scratch_random(state) % 42) + 0.5, d = 127 - a - b - c;

        memcpy(vector, (float[8]){(float)a, (float)-b, 0, 0, (float)c, (float)-d}, 8 * sizeof(float));
        return a * a + b * b + c * c + d * d;
}

Test(scan, makes_narrow_probes_whose_digits_fit_into_16_bits)
{
        uint64_t state = 5;

        for (size_t round = 0; round < 4000; round++) {
                bool two = round / (VECTOR_KINDS + 1) % 2 == 1;
                enum VectorKind kind = (enum VectorKind)(round % (VECTOR_KINDS + 1));
                size_t dimension = kind == VECTOR_KINDS ? 8 : 1 + scratch_random(&state) % 200;
                squares[0] = kind == VECTOR_KINDS ? make_four(&state, vectors[0])
                                                  : vector_make(kind, dimension, &state, vectors[0]);
                scan_probe_init(&(ScanKernel){.narrow = true}, vectors[0], squares[0], dimension, two,
                                digits[0], &probes[0]);
                for (size_t i = 0; i < 2 * scan_digits_size(dimension); i += 8)
                        for (size_t j = i; j < i + 4; j += 2) {
                                const int8_t *d = digits[0] + j;
                                cr_assert_leq(abs(d[0]) + abs(d[1]) + abs(d[4]) + abs(d[5]), 128);
                        }
        }
}

Test(scan, picks_by_name_and_refuses_what_is_not_there)
{
        cr_assert_str_eq(scan_pick("scalar")->name, "scalar");
        cr_assert_not_null(scan_pick("auto"));
        cr_assert_null(scan_pick("neon"));
        cr_assert_null(scan_pick(""));
}
