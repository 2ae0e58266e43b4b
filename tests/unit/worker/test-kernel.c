/*
 * The arithmetic of similarity.
 */

#include <math.h>
#include <string.h>

#include "base/macro.h"
#include "scratch.h"
#include "worker/kernel.h"
#include "worker/scan.h"

enum { N_MAX = 4096 };

static double query[N_MAX];
static float row[N_MAX];

Test(kernel, gives_the_same_bits_with_every_instruction_set)
{
        const Kernel *scalar = kernel_pick("scalar"),
                     *others[] = {kernel_pick("avx2"), kernel_pick("avx512-vnni")};
        uint64_t state = 1;

        for (size_t round = 0; round < 2000; round++) {
                size_t n = KERNEL_PADDED(1 + scratch_random(&state) % (N_MAX - 1));
                for (size_t i = 0; i < n; i++) {
                        query[i] = (double)ldexpf(scratch_random_float(&state),
                                                  (int)(scratch_random(&state) % 40) - 20);
                        row[i] =
                                ldexpf(scratch_random_float(&state), (int)(scratch_random(&state) % 40) - 20);
                }
                double expected = scalar->dot(query, row, n);
                for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                        double dot = others[i] ? others[i]->dot(query, row, n) : expected;
                        cr_assert_eq(memcmp(&dot, &expected, sizeof(dot)), 0, "%zu: %.17g and %.17g", i, dot,
                                     expected);
                }
        }
}

Test(kernel, gives_the_same_bits_for_four_at_a_time)
{
        static const char *const names[] = {"avx512-vnni", "avx2", "scalar"};
        static double queries[KERNEL_DOTS][N_MAX];
        const double *const all[KERNEL_DOTS] = {queries[0], queries[1], queries[2], queries[3]};
        uint64_t state = 2;

        for (size_t n = KERNEL_LANES; n <= N_MAX; n += 5 * KERNEL_LANES) {
                for (size_t i = 0; i < n; i++) {
                        row[i] = scratch_random_float(&state);
                        for (size_t j = 0; j < KERNEL_DOTS; j++)
                                queries[j][i] = (double)scratch_random_float(&state);
                }
                for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                        const Kernel *kernel = kernel_pick(names[i]);
                        double dots[KERNEL_DOTS];
                        if (!kernel)
                                continue;
                        kernel->dots(all, row, n, dots);
                        for (size_t j = 0; j < KERNEL_DOTS; j++) {
                                double expected = kernel_pick("scalar")->dot(queries[j], row, n);
                                cr_assert_eq(memcmp(&dots[j], &expected, sizeof(expected)), 0);
                        }
                }
        }
}

/* So that --isa= means one and the same. */
Test(kernel, knows_the_names_of_the_scan)
{
        static const char *const names[] = {"avx512-vnni", "avx2", "scalar", "auto"};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                cr_assert_eq(kernel_pick(names[i]) != NULL, scan_pick(names[i]) != NULL, "%s", names[i]);
                if (kernel_pick(names[i]))
                        cr_assert_str_eq(kernel_pick(names[i])->name, scan_pick(names[i])->name);
        }
}

Test(kernel, picks_by_name_and_refuses_what_is_not_there)
{
        cr_assert_str_eq(kernel_pick("scalar")->name, "scalar");
        cr_assert_not_null(kernel_pick("auto"));
        cr_assert_null(kernel_pick("neon"));
        cr_assert_null(kernel_pick(""));
}

Test(kernel, finds_a_vector_to_be_exactly_like_itself_and_its_multiples)
{
        uint64_t state = 2;

        for (size_t round = 0; round < 1000; round++) {
                float vector[512], twice[512], minus[512], read[KERNEL_PADDED(512)];
                double a, b, c, doubled[512];
                for (size_t i = 0; i < 512; i++) {
                        vector[i] = scratch_random_float(&state);
                        doubled[i] = (double)vector[i];
                        twice[i] = 2 * vector[i];
                        minus[i] = -vector[i];
                }
                cr_assert(kernel_read_vector((uint8_t *)vector, 512, read, &a));
                cr_assert(kernel_read_vector((uint8_t *)twice, 512, read, &b));
                cr_assert(kernel_read_vector((uint8_t *)minus, 512, read, &c));
                const Kernel *kernel = kernel_pick("auto");
                cr_assert_eq(kernel_cosine(kernel->dot(doubled, vector, 512), a, a), 1.0);
                cr_assert_eq(kernel_cosine(kernel->dot(doubled, twice, 512), a, b), 1.0);
                cr_assert_eq(kernel_cosine(kernel->dot(doubled, minus, 512), a, c), -1.0);
        }
}

Test(kernel, never_leaves_the_range_of_a_cosine)
{
        cr_assert_eq(kernel_cosine(1.0000001, 1, 1), 1);
        cr_assert_eq(kernel_cosine(-1.0000001, 1, 1), -1);
        cr_assert_eq(kernel_cosine(0.5, 1, 1), 0.5);
}

Test(kernel, judges_templates)
{
        static const struct {
                float values[3];
                bool good;
        } table[] = {
                {{1, 2, 3}, true},          {{0, 0, 1}, true},          {{0, 0, 0}, false},
                {{-0.0f, 0, -0.0f}, false}, {{NAN, 1, 1}, false},       {{1, 1, NAN}, false},
                {{INFINITY, 1, 1}, false},  {{1, -INFINITY, 1}, false}, {{3.4e38f, 3.4e38f, 3.4e38f}, true},
                {{1e-45f, 0, 0}, true},
        };
        for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
                float read[KERNEL_PADDED(3)];
                double square;
                bool good = kernel_read_vector((const uint8_t *)table[i].values, 3, read, &square);
                cr_expect_eq(good, table[i].good, "row %zu", i);
                if (good)
                        cr_expect(isfinite(square) && square > 0);
        }
}
