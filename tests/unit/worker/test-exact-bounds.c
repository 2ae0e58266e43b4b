/*
 * That bounds hold where they are tightest: residuals as documented, and what kernels say of rows that a probe was aimed at. A list rarely
 * comes out wrong by a bound that is off by a little; here it is seen.
 */

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "awkward.h"
#include "base/macro.h"
#include "exam.h"
#include "scratch.h"
#include "stored.h"
#include "worker/kernel.h"
#include "worker/scan.h"

enum { PROBES = 12, DIMENSION_MAX = 4096 };

static const char *const isas[] = {"avx512-vnni", "avx2", "scalar"};
static uint64_t chance;

static void set_up(void)
{
        chance = exam_seed();
}

TestSuite(exact_bounds, .init = set_up, .timeout = 600);

static Crowd *any_crowd(size_t n, size_t dimension_max)
{
        const AwkwardKind *kind = &awkward_kinds[scratch_random(&chance) % awkward_n_kinds];

        return awkward_new(kind, n, 1 + scratch_random(&chance) % dimension_max, 20, &chance);
}

static long double length(const double *vector, size_t n)
{
        long double square = 0;

        for (size_t i = 0; i < n; i++)
                square += (long double)vector[i] * (long double)vector[i];
        return sqrtl(square);
}

/* Not shorter than it is, or bounds are wrong; not much longer, or they are useless. */
Test(exact_bounds, residuals_are_as_long_as_what_the_code_leaves_out)
{
        for (size_t round = 0; round < exam_effort(400); round++) {
                Crowd *crowd = any_crowd(100, round % 50 == 0 ? DIMENSION_MAX : 600);
                Stored *stored = stored_new(crowd);
                double *residual = calloc(crowd->dimension, sizeof(double));
                cr_assert_not_null(residual);
                for (size_t row = 0; row < crowd->n; row++) {
                        double said = (double)codes_residuals(stored_block(stored, row),
                                                              crowd->dimension)[row % CODES_ROWS];
                        if (crowd->subjects[row] == SUBJECTS_NONE) {
                                cr_assert_eq(said, -INFINITY);
                                continue;
                        }
                        stored_residual(stored, crowd, row, residual);
                        long double true_length = length(residual, crowd->dimension);
                        cr_assert_geq((long double)said, true_length - 1e-15L,
                                      "%zu dimensions: %.17g, but %.20Lg", crowd->dimension, said,
                                      true_length);
                        cr_assert_leq((long double)said, true_length * 1.000001L + 1e-6L);
                        /* Half a step of the largest number, in each dimension, is the most that rounding can leave. */
                        cr_assert_leq(true_length, 0.51L / 127 * sqrtl((long double)crowd->dimension));
                }
                free(residual);
                stored_free(stored);
                crowd_free(crowd);
        }
}

/* What becomes of a row that was removed: nothing of it is left in its block. */
Test(exact_bounds, a_removed_row_leaves_no_code)
{
        Crowd *crowd = awkward_new(awkward_kind("random"), 64, 37, 0, &chance);
        Stored *stored = stored_new(crowd);
        size_t size = codes_block_size(37);
        uint8_t *never = malloc(size);

        cr_assert_not_null(never);
        memcpy(never, stored->blocks, size);
        for (size_t row = 0; row < 64; row++)
                codes_clear(never, 37, row);
        for (size_t row = 0; row < 64; row++)
                codes_clear(stored->blocks, 37, row);
        cr_assert_eq(memcmp(never, stored->blocks, size), 0);
        for (size_t i = 0; i < 10 * CODES_ROWS * 4; i++)
                cr_assert_eq(stored->blocks[i], stored->blocks[0], "byte %zu is left", i);
        free(never);
        stored_free(stored);
        crowd_free(crowd);
}

/* Probes of a crowd, as the kernels read them. */
typedef struct Aimed {
        float vectors[PROBES][KERNEL_PADDED(DIMENSION_MAX)];
        _Alignas(64) int8_t digits[PROBES][2 * DIMENSION_MAX + 128];
        ScanProbe probes[PROBES];
} Aimed;

/* Along the residual of a row, or against it: there the bound is nearly reached. Some straight at a template. */
static void aim(const Crowd *crowd, const Stored *stored, size_t row, size_t i, float *ret_vector)
{
        double *residual = calloc(crowd->dimension, sizeof(double)), square = 0;

        cr_assert_not_null(residual);
        stored_residual(stored, crowd, row, residual);
        memset(ret_vector, 0, KERNEL_PADDED(crowd->dimension) * sizeof(float));
        for (size_t j = 0; j < crowd->dimension; j++) {
                ret_vector[j] = (float)(i % 3 == 0 ? residual[j] : -residual[j]);
                square += (double)ret_vector[j] * (double)ret_vector[j];
        }
        if (i % 3 == 2 || !(square > 0))
                awkward_probe(crowd, &chance, ret_vector);
        free(residual);
}

static size_t live_row(const Crowd *crowd)
{
        size_t row = scratch_random(&chance) % crowd->n;

        for (size_t i = 0; i < crowd->n && crowd->subjects[row] == SUBJECTS_NONE; i++)
                row = (row + 1) % crowd->n;
        return row;
}

static void check_row(const Crowd *crowd, const ScanWork *work, size_t i, size_t row, const float *vector)
{
        float bound = work->ret_upper[i][row % CODES_ROWS];
        float residual = codes_residuals(work->block, crowd->dimension)[row % CODES_ROWS];
        long double truth = brute_true_cosine(vector, crowd_vector(crowd, row), crowd->dimension);
        long double upper = (long double)bound,
                    lower = (long double)scan_lower(&work->probes[i], residual, bound);

        cr_assert_geq(upper, truth, "%zu dimensions: %.20Lg is above its bound %.20Lg", crowd->dimension,
                      truth, upper);
        cr_assert_leq(lower, truth, "%zu dimensions: %.20Lg is below its bound %.20Lg", crowd->dimension,
                      truth, lower);
}

/* The rows whose bound reaches the floor, and the same bounds as by another floor. */
static void check_mask(const ScanWork *work, size_t i, const float *upper, uint64_t live)
{
        uint64_t mask = 0;

        for (size_t row = 0; row < CODES_ROWS; row++)
                if ((live >> row) & 1)
                        mask |= (uint64_t)(upper[row] >= work->floors[i]) << row;
        cr_assert_eq(work->ret_masks[i], mask);
        for (size_t row = 0; row < CODES_ROWS && mask != 0; row++)
                cr_assert(!((live >> row) & 1) || work->ret_upper[i][row] == upper[row]);
}

/* First by floors that all templates reach, then by those that one of them just reaches. */
static void check_block(const ScanKernel *kernel, const Crowd *crowd, size_t first, ScanWork *work,
                        const Aimed *aimed)
{
        float floors[PROBES], upper[PROBES][CODES_ROWS];
        uint64_t live = 0;

        for (size_t row = first; row < MIN_OF(first + CODES_ROWS, crowd->n); row++)
                live |= (uint64_t)(crowd->subjects[row] != SUBJECTS_NONE) << (row - first);
        for (size_t i = 0; i < work->n_probes; i++)
                floors[i] = -3;
        work->floors = floors;
        kernel->block(work);
        for (size_t i = 0; i < work->n_probes; i++) {
                cr_assert_eq(work->ret_masks[i], live);
                for (size_t row = first; row < MIN_OF(first + CODES_ROWS, crowd->n); row++)
                        if (crowd->subjects[row] != SUBJECTS_NONE)
                                check_row(crowd, work, i, row, aimed->vectors[i]);
                float reached = live != 0 ? work->ret_upper[i][scratch_random(&chance) % CODES_ROWS] : 0;
                floors[i] = isfinite(reached) ? reached : 0;
        }
        memcpy(upper, work->ret_upper, work->n_probes * sizeof(*upper));
        kernel->block(work);
        for (size_t i = 0; i < work->n_probes; i++)
                check_mask(work, i, upper[i], live);
}

static void check_kernel(const ScanKernel *kernel, const Crowd *crowd, const Stored *stored, bool two,
                         Aimed *aimed)
{
        uint64_t masks[PROBES];
        float upper[PROBES][CODES_ROWS];
        size_t size = codes_block_size(crowd->dimension);
        ScanWork work = {.dimension = crowd->dimension,
                         .probes = aimed->probes,
                         .n_probes = 1 + scratch_random(&chance) % PROBES,
                         .ret_masks = masks,
                         .ret_upper = upper};

        for (size_t i = 0; i < work.n_probes; i++) {
                double square = brute_dot(aimed->vectors[i], aimed->vectors[i], crowd->dimension);
                scan_probe_init(kernel, aimed->vectors[i], square, crowd->dimension, two, aimed->digits[i],
                                &aimed->probes[i]);
        }
        for (size_t row = 0; row < crowd->n; row += CODES_ROWS) {
                work.block = stored_block(stored, row);
                work.next = row + CODES_ROWS < crowd->n ? work.block + size : NULL;
                check_block(kernel, crowd, row, &work, aimed);
        }
}

Test(exact_bounds, hold_where_probes_are_aimed_at_residuals)
{
        Aimed *aimed = aligned_alloc(64, (sizeof(Aimed) + 63) / 64 * 64);

        cr_assert(aimed && 2 * scan_digits_size(DIMENSION_MAX) <= sizeof(aimed->digits[0]));
        for (size_t round = 0; round < exam_effort(800); round++) {
                size_t most = round % 50 == 0 ? DIMENSION_MAX : round % 4 == 0 ? 1024 : 80;
                Crowd *crowd = any_crowd(1 + scratch_random(&chance) % 130, most);
                Stored *stored = stored_new(crowd);
                for (size_t i = 0; i < PROBES; i++)
                        aim(crowd, stored, live_row(crowd), i, aimed->vectors[i]);
                for (size_t isa = 0; isa < ARRAY_SIZE(isas); isa++) {
                        const ScanKernel *kernel = scan_pick(isas[isa]);
                        for (size_t two = 0; kernel && two < 2; two++)
                                check_kernel(kernel, crowd, stored, two == 1, aimed);
                }
                stored_free(stored);
                crowd_free(crowd);
        }
        free(aimed);
}
