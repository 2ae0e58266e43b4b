/* Files of subjects: one a line, and no line that could shift those behind it. */

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "tools/subjects.h"

static char path[64];

static void make_path(void)
{
        strcpy(path, "/tmp/test-subjects-XXXXXX");
        fd_close(mkstemp(path));
}

static void remove_path(void)
{
        unlink(path);
}

TestSuite(subjects, .init = make_path, .fini = remove_path);

static void write_text(const char *text, size_t n)
{
        Buffer file = {.data = (uint8_t *)text, .n = n};
        cr_assert_eq(fd_write_file(-100, path, 0600, &file), 0);
}

Test(subjects, lines_become_subjects_in_their_order)
{
        static const char *const texts[] = {"b\na:1\nchild-3.x_y\n", "b\na:1\nchild-3.x_y"};
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                _cleanup_(buffer_deinit) Buffer fault = BUFFER_INIT;
                _cleanup_(subjects_deinit) Subjects s = SUBJECTS_INIT;
                write_text(texts[i], strlen(texts[i]));
                cr_assert_eq(subjects_read(path, &s, &fault), 0, "%s", buffer_text(&fault));
                cr_assert_eq(s.n, 3);
                cr_expect_str_eq(s.items[0], "b");
                cr_expect_str_eq(s.items[1], "a:1");
                cr_expect_str_eq(s.items[2], "child-3.x_y");
        }
}

Test(subjects, an_empty_file_has_none)
{
        _cleanup_(buffer_deinit) Buffer fault = BUFFER_INIT;
        _cleanup_(subjects_deinit) Subjects s = SUBJECTS_INIT;
        write_text("", 0);
        cr_assert_eq(subjects_read(path, &s, &fault), 0);
        cr_expect_eq(s.n, 0);
}

Test(subjects, a_line_that_is_no_subject_is_named)
{
        static const struct {
                const char *text;
                size_t n;
                const char *where;
        } rows[] = {
                {"a\n\nb\n", 5, ":2:"},
                {"\n", 1, ":1:"},
                {"a\r\nb\r\n", 6, ":1:"},
                {"a\nb c\n", 6, ":2:"},
                {" a\n", 3, ":1:"},
                {"a\0b\n", 4, ":1:"},
                {"a\nb/c\n", 6, ":2:"},
                {"\xef\xbb\xbf"
                 "a\n",
                 5, ":1:"},
                {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n", 66, ":1:"},
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(buffer_deinit) Buffer fault = BUFFER_INIT;
                _cleanup_(subjects_deinit) Subjects s = SUBJECTS_INIT;
                write_text(rows[i].text, rows[i].n);
                cr_expect_eq(subjects_read(path, &s, &fault), SUBJECTS_E_INVALID, "row %zu", i);
                cr_expect(strstr(buffer_text(&fault), rows[i].where), "row %zu: %s", i, buffer_text(&fault));
                cr_expect_null(s.items);
        }
}

Test(subjects, a_file_that_is_not_there_is_a_fault)
{
        _cleanup_(buffer_deinit) Buffer fault = BUFFER_INIT;
        _cleanup_(subjects_deinit) Subjects s = SUBJECTS_INIT;
        cr_expect_eq(subjects_read("/nowhere/at-all", &s, &fault), SUBJECTS_E_INVALID);
        cr_expect_str_eq(buffer_text(&fault), "/nowhere/at-all: No such file or directory");
}
