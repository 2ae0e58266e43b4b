/*
 * Tests of policy/fold.h: which rows become one, and, on random rows, that what they stand for never changes.
 */

#include "policy/fold.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/macro.h"
#include "policy/bits.h"
#include "world.h"

enum { N_DIMENSIONS = 3 };

/* More than one word in the middle. */
static const size_t n_values[N_DIMENSIONS] = {3, 70, 4};

static void add(Fold *fold, size_t key, size_t payload, const size_t values[static N_DIMENSIONS])
{
        FoldRow *row = fold_add(fold, key, payload);

        cr_assert_not_null(row);
        for (size_t i = 0; i < N_DIMENSIONS; i++)
                bits_add(fold_set(fold, row, i), values[i]);
}

#define ADD(fold, key, payload, ...) add(fold, key, payload, (const size_t[]){__VA_ARGS__})

static bool row_has(const Fold *fold, const FoldRow *row, const size_t values[static N_DIMENSIONS])
{
        for (size_t i = 0; i < N_DIMENSIONS; i++)
                if (!bits_has(fold_set(fold, row, i), values[i]))
                        return false;
        return true;
}

#define HAS(fold, row, ...) row_has(fold, row, (const size_t[]){__VA_ARGS__})

Test(fold, a_row_begins_empty_with_a_set_for_each_dimension)
{
        _cleanup_(fold_deinit) Fold fold = FOLD_INIT;

        fold_init(&fold, n_values, N_DIMENSIONS);
        FoldRow *row = fold_add(&fold, 5, 6);
        cr_assert_not_null(row);
        cr_expect_eq(row->key, 5);
        cr_expect_eq(row->payload, 6);
        for (size_t i = 0; i < N_DIMENSIONS; i++)
                for (size_t value = 0; value < n_values[i]; value++)
                        cr_expect_not(bits_has(fold_set(&fold, row, i), value));
        /* Sets do not lie in each other. */
        bits_add(fold_set(&fold, row, 1), 69);
        bits_add(fold_set(&fold, row, 0), 2);
        cr_expect_not(HAS(&fold, row, 2, 69, 0));
        bits_add(fold_set(&fold, row, 2), 0);
        cr_expect(HAS(&fold, row, 2, 69, 0));
}

Test(fold, rows_that_differ_in_one_dimension_are_one)
{
        for (size_t aside = 0; aside < N_DIMENSIONS; aside++) {
                _cleanup_(fold_deinit) Fold fold = FOLD_INIT;
                size_t values[2][N_DIMENSIONS] = {{1, 1, 1}, {1, 1, 1}};
                fold_init(&fold, n_values, N_DIMENSIONS);
                values[1][aside] = 2;
                add(&fold, 0, 0, values[0]);
                add(&fold, 0, 1, values[1]);
                fold_merge(&fold);
                cr_expect_eq(fold.n, 1);
                cr_expect(row_has(&fold, &fold.rows[0], values[0]) &&
                          row_has(&fold, &fold.rows[0], values[1]));
        }
}

Test(fold, rows_that_differ_in_two_dimensions_stay_two)
{
        _cleanup_(fold_deinit) Fold fold = FOLD_INIT;

        fold_init(&fold, n_values, N_DIMENSIONS);
        ADD(&fold, 0, 0, 0, 65, 0);
        ADD(&fold, 0, 1, 1, 66, 0);
        fold_merge(&fold);
        cr_expect_eq(fold.n, 2);
        cr_expect(HAS(&fold, &fold.rows[0], 0, 65, 0) && !HAS(&fold, &fold.rows[0], 0, 66, 0));
}

/* The second and the third have to be one first. */
Test(fold, what_became_one_is_tried_again)
{
        _cleanup_(fold_deinit) Fold fold = FOLD_INIT;

        fold_init(&fold, n_values, N_DIMENSIONS);
        ADD(&fold, 0, 0, 0, 1, 0);
        bits_add(fold_set(&fold, &fold.rows[0], 1), 2);
        ADD(&fold, 0, 1, 1, 1, 0);
        ADD(&fold, 0, 2, 1, 2, 0);
        fold_merge(&fold);
        cr_expect_eq(fold.n, 1);
}

Test(fold, rows_of_different_keys_stay_apart)
{
        _cleanup_(fold_deinit) Fold fold = FOLD_INIT;

        fold_init(&fold, n_values, N_DIMENSIONS);
        ADD(&fold, 1, 0, 0, 0, 0);
        ADD(&fold, 0, 1, 0, 0, 0);
        fold_merge(&fold);
        cr_assert_eq(fold.n, 2);
        cr_expect(fold.rows[0].key == 0 && fold.rows[1].key == 1);
}

/* The whole of 3 * 70 * 4 combinations, added from the last to the first. */
Test(fold, what_is_everything_is_one_row_with_the_least_payload)
{
        _cleanup_(fold_deinit) Fold fold = FOLD_INIT;
        const size_t n = n_values[0] * n_values[1] * n_values[2];

        fold_init(&fold, n_values, N_DIMENSIONS);
        for (size_t i = n; i-- > 0;)
                ADD(&fold, 0, i + 10, i % n_values[0], i / n_values[0] % n_values[1],
                    i / n_values[0] / n_values[1]);
        fold_merge(&fold);
        cr_assert_eq(fold.n, 1);
        cr_expect_eq(fold.rows[0].payload, 10);
        for (size_t i = 0; i < n_values[1]; i++)
                cr_expect(HAS(&fold, &fold.rows[0], 2, i, 3));
}

Test(fold, no_rows_and_one_row_are_left_as_they_are)
{
        _cleanup_(fold_deinit) Fold fold = FOLD_INIT;

        fold_init(&fold, n_values, N_DIMENSIONS);
        fold_merge(&fold);
        cr_expect_eq(fold.n, 0);
        ADD(&fold, 0, 0, 1, 1, 1);
        fold_merge(&fold);
        cr_expect_eq(fold.n, 1);
        fold_deinit(&fold);
        fold_deinit(&fold);
        cr_expect_eq(fold.n, 0);
}

/* Which combinations, of values below 3, rows of a key stand for. */
typedef struct Told {
        bool has[2][3][3][3];
} Told;

static void tell(const Fold *fold, Told *ret_told)
{
        *ret_told = (Told){};
        for (size_t i = 0; i < fold->n; i++)
                for (size_t v = 0; v < 27; v++)
                        if (HAS(fold, &fold->rows[i], v / 9, 64 + v / 3 % 3, v % 3))
                                ret_told->has[fold->rows[i].key][v / 9][v / 3 % 3][v % 3] = true;
}

/* Whether two rows of one key differ in one dimension only, or in none. */
static bool could_be_one(const Fold *fold, const FoldRow *a, const FoldRow *b)
{
        int n = 0;

        for (size_t i = 0; i < N_DIMENSIONS; i++)
                n += memcmp(fold_set(fold, a, i), fold_set(fold, b, i),
                            bits_words(n_values[i]) * sizeof(uint64_t)) != 0;
        return a->key == b->key && n <= 1;
}

Test(fold, what_rows_stand_for_never_changes_and_none_are_left_that_could_be_one)
{
        size_t n_before = 0, n_after = 0;

        world_seed(41);
        for (int i = 0; i < 2000; i++) {
                _cleanup_(fold_deinit) Fold fold = FOLD_INIT;
                Told before, after;
                fold_init(&fold, n_values, N_DIMENSIONS);
                for (unsigned n = world_roll(60), k = 0; k < n; k++) {
                        ADD(&fold, world_roll(2), k, world_roll(3), 64 + world_roll(3), world_roll(3));
                        bits_add(fold_set(&fold, &fold.rows[k], 0), world_roll(3));
                        bits_add(fold_set(&fold, &fold.rows[k], 1), 64 + world_roll(3));
                }
                n_before += fold.n;
                tell(&fold, &before);
                fold_merge(&fold);
                n_after += fold.n;
                tell(&fold, &after);
                cr_assert_arr_eq(&before, &after, sizeof(before), "round %d", i);
                for (size_t a = 0; a < fold.n; a++)
                        for (size_t b = 0; b < a; b++)
                                cr_assert_not(could_be_one(&fold, &fold.rows[a], &fold.rows[b]), "round %d",
                                              i);
        }
        cr_expect_lt(2 * n_after, n_before, "%zu rows of %zu", n_after, n_before);
}
