/* Findings: kept until they are asked for, faults before remarks, bounded, harmless to a terminal. */

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "tools/findings.h"

Test(findings, lines_wait_until_they_are_asked_for_faults_first)
{
        _cleanup_(findings_deinit) Findings findings = FINDINGS_INIT;

        cr_assert_eq(findings_init(&findings, false), 0);
        findings_remark(&findings, "%d files", 2);
        findings_leaf(&findings, 7, "I1", "index is not the position");
        findings_file(&findings, "checkpoint", "it is %s", "gone");
        cr_expect_eq(findings.n_faults, 2);
        cr_expect_eq(findings.n_remarks, 1);
        cr_expect_str_eq(buffer_text(&findings.fault_lines),
                         "fault: leaf 7, rule I1: index is not the position\n"
                         "fault: checkpoint: it is gone\n");
        cr_expect_str_eq(buffer_text(&findings.remark_lines), "remark: 2 files\n");
}

Test(findings, too_many_are_only_counted)
{
        _cleanup_(findings_deinit) Findings findings = FINDINGS_INIT;
        size_t lines = 0;

        cr_assert_eq(findings_init(&findings, false), 0);
        for (size_t i = 0; i < FINDINGS_MAX + 5; i++)
                findings_file(&findings, "tile", "wrong");
        cr_expect_eq(findings.n_faults, FINDINGS_MAX + 5);
        for (const char *p = buffer_text(&findings.fault_lines); *p; p++)
                lines += *p == '\n';
        cr_expect_eq(lines, FINDINGS_MAX + 1);
        cr_expect_not_null(strstr(buffer_text(&findings.fault_lines), "only counted"));
}

Test(findings, nothing_in_a_path_commands_a_terminal)
{
        _cleanup_(findings_deinit) Findings findings = FINDINGS_INIT;

        cr_assert_eq(findings_init(&findings, false), 0);
        findings_file(&findings, "a\x1b[2J\nb", "x");
        cr_expect_str_eq(buffer_text(&findings.fault_lines), "fault: a?[2J?b: x\n");
}

Test(findings, json_has_no_lines)
{
        _cleanup_(findings_deinit) Findings findings = FINDINGS_INIT;

        cr_assert_eq(findings_init(&findings, true), 0);
        findings_leaf(&findings, 7, "I1", "x");
        findings_remark(&findings, "y");
        cr_expect_eq(json_object_array_length(findings.faults), 1);
        cr_expect_eq(json_object_array_length(findings.remarks), 1);
        cr_expect_eq(findings.fault_lines.n + findings.remark_lines.n, 0);
}

static void find_one(Findings *findings, bool json, const char *word)
{
        cr_assert_eq(findings_init(findings, json), 0);
        findings_leaf(findings, 1, "I2", word);
        findings_remark(findings, "%s", word);
}

Test(findings, two_are_joined_the_second_behind_the_first)
{
        _cleanup_(findings_deinit) Findings first = FINDINGS_INIT, second = FINDINGS_INIT;

        find_one(&first, false, "one");
        find_one(&second, false, "two");
        findings_join(&first, &second);
        cr_expect_eq(first.n_faults, 2);
        cr_expect_eq(first.n_remarks, 2);
        cr_expect_str_eq(buffer_text(&first.fault_lines),
                         "fault: leaf 1, rule I2: one\nfault: leaf 1, rule I2: two\n");
        cr_expect_str_eq(buffer_text(&first.remark_lines), "remark: one\nremark: two\n");
}

Test(findings, two_are_joined_as_json)
{
        _cleanup_(findings_deinit) Findings first = FINDINGS_INIT, second = FINDINGS_INIT;

        find_one(&first, true, "one");
        find_one(&second, true, "two");
        findings_join(&first, &second);
        findings_deinit(&second);
        cr_assert_eq(json_object_array_length(first.faults), 2);
        cr_assert_eq(json_object_array_length(first.remarks), 2);
        cr_expect_str_eq(json_object_get_string(json_object_array_get_idx(first.remarks, 1)), "two");
}
