/* Files of templates: what shape they are taken to have, and that a row is read as it stands. */

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "tools/templates.h"

static char path[64];

static void make_path(void)
{
        strcpy(path, "/tmp/test-templates-XXXXXX");
        fd_close(mkstemp(path));
}

static void remove_path(void)
{
        unlink(path);
}

TestSuite(templates, .init = make_path, .fini = remove_path);

/* A .npy file of that shape, with each byte of the values counted up, @extra bytes more or fewer. */
static void write_npy(unsigned n_rows, unsigned n_columns, int extra)
{
        _cleanup_(buffer_deinit) Buffer file = BUFFER_INIT, dictionary = BUFFER_INIT;
        buffer_append_format(&dictionary, "{'descr': '<f4', 'fortran_order': False, 'shape': (%u, %u), }\n",
                             n_rows, n_columns);
        buffer_append(&file, "\x93NUMPY\x01", 8);
        buffer_append(&file, &(uint8_t){(uint8_t)dictionary.n}, 1);
        buffer_append(&file, "", 1);
        buffer_append(&file, dictionary.data, dictionary.n);
        for (unsigned i = 0; i < n_rows * n_columns * 4 + (unsigned)extra; i++)
                buffer_append(&file, &(uint8_t){(uint8_t)i}, 1);
        cr_assert_eq(fd_write_file(-100, path, 0600, &file), 0);
}

static void write_raw(size_t n)
{
        _cleanup_(buffer_deinit) Buffer file = BUFFER_INIT;
        for (size_t i = 0; i < n; i++)
                buffer_append(&file, &(uint8_t){(uint8_t)i}, 1);
        cr_assert_eq(fd_write_file(-100, path, 0600, &file), 0);
}

static void expect_shape(size_t dimension, uint64_t n_rows, size_t n_values)
{
        _cleanup_(buffer_deinit) Buffer fault = BUFFER_INIT, row = BUFFER_INIT;
        _cleanup_(templates_deinit) Templates t = TEMPLATES_INIT;
        cr_assert_eq(templates_open(path, dimension, &t, &fault), 0, "%s", buffer_text(&fault));
        cr_expect_eq(t.n_rows, n_rows);
        cr_expect_eq(t.dimension, n_values);
        cr_assert_eq(templates_read(&t, n_rows - 1, &row, &fault), 0);
        cr_assert_eq(row.n, n_values * 4);
        for (size_t i = 0; i < row.n; i++)
                cr_assert_eq(row.data[i], (uint8_t)((n_rows - 1) * n_values * 4 + i));
}

static void expect_fault(size_t dimension, const char *said)
{
        _cleanup_(buffer_deinit) Buffer fault = BUFFER_INIT;
        _cleanup_(templates_deinit) Templates t = TEMPLATES_INIT;
        cr_expect_eq(templates_open(path, dimension, &t, &fault), TEMPLATES_E_INVALID);
        cr_expect(strstr(buffer_text(&fault), said), "said '%s', not '%s'", buffer_text(&fault), said);
        cr_expect_eq(t.fd, -1);
}

Test(templates, npy_says_its_own_shape)
{
        write_npy(3, 4, 0);
        expect_shape(0, 3, 4);
        expect_shape(4, 3, 4);
}

Test(templates, npy_of_another_dimension_is_refused)
{
        write_npy(3, 4, 0);
        expect_fault(5, "not of the --dimension given");
}

Test(templates, npy_of_another_size_than_its_shape_is_refused)
{
        write_npy(3, 4, -1);
        expect_fault(0, "ends before its last row");
        write_npy(3, 4, 1);
        expect_fault(0, "bytes behind its last row");
}

Test(templates, npy_with_longer_rows_than_any_template_is_refused)
{
        write_npy(1, 4097, 0);
        expect_fault(0, "longer than the 4096 values");
}

Test(templates, a_raw_file_is_one_template)
{
        write_raw(2048);
        expect_shape(0, 1, 512);
}

Test(templates, a_raw_file_with_a_dimension_holds_several)
{
        write_raw(2048);
        expect_shape(128, 4, 128);
}

Test(templates, raw_files_that_do_not_fit_are_refused)
{
        static const struct {
                size_t n, dimension;
                const char *said;
        } rows[] = {
                {0, 0, "it is empty"},
                {0, 16, "it is empty"},
                {5, 0, "neither a .npy file nor whole float32 values"},
                {24, 4, "no multiple of a template's"},
                {4 * 4097, 0, "needs --dimension"},
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                write_raw(rows[i].n);
                expect_fault(rows[i].dimension, rows[i].said);
        }
}

Test(templates, a_file_that_shrinks_is_a_fault_and_no_signal)
{
        _cleanup_(buffer_deinit) Buffer fault = BUFFER_INIT, row = BUFFER_INIT;
        _cleanup_(templates_deinit) Templates t = TEMPLATES_INIT;
        write_npy(3, 4, 0);
        cr_assert_eq(templates_open(path, 0, &t, &fault), 0);
        cr_assert_eq(truncate(path, 100), 0);
        cr_expect_eq(templates_read(&t, 2, &row, &fault), TEMPLATES_E_INVALID);
        cr_expect(strstr(buffer_text(&fault), "shrank"));
}

Test(templates, what_is_no_file_is_refused)
{
        _cleanup_(buffer_deinit) Buffer fault = BUFFER_INIT;
        _cleanup_(templates_deinit) Templates t = TEMPLATES_INIT;
        cr_expect_eq(templates_open("/nowhere/at-all", 0, &t, &fault), TEMPLATES_E_INVALID);
        cr_expect_str_eq(buffer_text(&fault), "/nowhere/at-all: No such file or directory");
        buffer_clear(&fault);
        cr_expect_eq(templates_open("/tmp", 0, &t, &fault), TEMPLATES_E_INVALID);
        cr_expect_str_eq(buffer_text(&fault), "/tmp: it is no regular file");
}
