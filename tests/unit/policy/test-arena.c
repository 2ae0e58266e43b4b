/* Tests of policy/arena.h. */

#include "policy/arena.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

Test(arena, what_is_given_is_zero_and_aligned)
{
        Arena arena = ARENA_INIT;

        for (size_t n = 0; n < 40; n++) {
                unsigned char *bytes = arena_new(&arena, n, 3);
                cr_assert_not_null(bytes);
                cr_expect_eq((uintptr_t)bytes % _Alignof(max_align_t), 0);
                for (size_t i = 0; i < 3 * n; i++)
                        cr_expect_eq(bytes[i], 0);
        }
        arena_deinit(&arena);
        arena_deinit(&arena);
}

Test(arena, sizes_that_overflow_are_refused)
{
        Arena arena = ARENA_INIT;

        cr_expect_null(arena_new(&arena, SIZE_MAX, 2));
        cr_expect_null(arena_new(&arena, SIZE_MAX, 1));
        cr_expect_null(arena.pieces);
}

Test(arena, copies_end_in_a_nul)
{
        Arena arena = ARENA_INIT;

        cr_expect_str_eq(arena_copy(&arena, "copies", 4), "copi");
        cr_expect_str_eq(arena_copy(&arena, NULL, 0), "");
        arena_deinit(&arena);
}
