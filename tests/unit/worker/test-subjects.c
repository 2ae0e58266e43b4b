/*
 * Subjects by number and by name.
 */

#include <string.h>

#include "base/macro.h"
#include "scratch.h"
#include "worker/subjects.h"

static void name_of(unsigned i, char ret_name[static 16])
{
        (void)snprintf(ret_name, 16, "s%u", i);
}

Test(subjects, finds_what_was_added_and_not_what_was_dropped)
{
        _cleanup_(subjects_deinit) Subjects subjects = SUBJECTS_INIT;
        static bool present[300];
        static uint32_t numbers[300];
        uint64_t state = 4;
        char name[16];

        cr_assert_eq(subjects_find(&subjects, "s1"), SUBJECTS_NONE);
        for (size_t round = 0; round < 20000; round++) {
                unsigned i = (unsigned)(scratch_random(&state) % 300);
                name_of(i, name);
                cr_assert_eq(subjects_find(&subjects, name), present[i] ? numbers[i] : SUBJECTS_NONE);
                if (!present[i]) {
                        cr_assert_eq(subjects_add(&subjects, name, &numbers[i]), 0);
                        cr_assert_str_eq(subjects.items[numbers[i]].name, name);
                } else {
                        subjects_drop(&subjects, numbers[i]);
                }
                present[i] = !present[i];
        }
        cr_assert_leq(subjects.n_items, (size_t)300, "numbers are given out again");
}

Test(subjects, adds_a_name_once)
{
        _cleanup_(subjects_deinit) Subjects subjects = SUBJECTS_INIT;
        uint32_t a, b;

        cr_assert_eq(subjects_add(&subjects, "kim", &a), 0);
        cr_assert_eq(subjects_add(&subjects, "kim", &b), 0);
        cr_assert_eq(a, b);
        cr_assert_eq(subjects.n_used, 1);
}

Test(subjects, lists_in_byte_order_after_a_name)
{
        static const char *const names[] = {"b", "a", "A", "a.1", "Z", "10", "9", "a-1", "b:2"};
        static const char *const order[] = {"10", "9", "A", "Z", "a", "a-1", "a.1", "b", "b:2"};
        _cleanup_(subjects_deinit) Subjects subjects = SUBJECTS_INIT;
        const char *listed[16];
        uint32_t number;

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                cr_assert_eq(subjects_add(&subjects, names[i], &number), 0);
        cr_assert_eq(subjects_after(&subjects, "", 16, listed), ARRAY_SIZE(order));
        for (size_t i = 0; i < ARRAY_SIZE(order); i++)
                cr_expect_str_eq(listed[i], order[i]);
        cr_assert_eq(subjects_after(&subjects, "Z", 2, listed), 2);
        cr_expect_str_eq(listed[0], "a");
        cr_expect_str_eq(listed[1], "a-1");
        cr_assert_eq(subjects_after(&subjects, "a0", 2, listed), 2);
        cr_expect_str_eq(listed[0], "b");
        cr_assert_eq(subjects_after(&subjects, "b:2", 2, listed), 0);
}
