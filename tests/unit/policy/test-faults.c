/* Tests of policy/faults.h. */

#include "policy/faults.h"

#include <criterion/criterion.h>

#include "base/macro.h"

Test(faults, lines_stand_by_file_line_column_and_in_the_order_found)
{
        static const char *const expected[] = {"a: whole",      "a:2:9: second", "a:10:1: fourth",
                                               "a:10:3: third", "a:10:3: later", "b:1:1: first"};
        Faults faults = FAULTS_INIT;
        PolicyFaults lines = {};

        faults_add(&faults, (Place){"b", 1, 1}, "first");
        faults_add(&faults, (Place){"a", 10, 3}, "third");
        faults_add(&faults, (Place){"a", 2, 9}, "second");
        faults_add(&faults, (Place){"a", 10, 3}, "later");
        faults_add(&faults, (Place){"a"}, "whole");
        faults_add(&faults, (Place){"a", 10, 1}, "fourth");
        cr_expect(faults_any(&faults));
        cr_assert_eq(faults_take(&faults, &lines), 0);
        cr_assert_eq(lines.n, ARRAY_SIZE(expected));
        for (size_t i = 0; i < lines.n; i++)
                cr_expect_str_eq(lines.lines[i], expected[i]);
        cr_expect_not(faults_any(&faults));
        policy_faults_deinit(&lines);
}

Test(faults, beyond_a_thousand_they_are_counted)
{
        Faults faults = FAULTS_INIT;
        PolicyFaults lines = {};

        for (unsigned i = 0; i < FAULTS_MAX + 7; i++)
                faults_add(&faults, (Place){"a", i + 1, 1}, "x");
        cr_assert_eq(faults_take(&faults, &lines), 0);
        cr_assert_eq(lines.n, FAULTS_MAX + 1);
        cr_expect_str_eq(lines.lines[FAULTS_MAX], "and 7 further faults");
        policy_faults_deinit(&lines);
}

Test(faults, none_are_no_lines)
{
        Faults faults = FAULTS_INIT;
        PolicyFaults lines = {};

        cr_assert_eq(faults_take(&faults, &lines), 0);
        cr_expect_eq(lines.n, 0);
        policy_faults_deinit(&lines);
}
