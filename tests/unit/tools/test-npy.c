/* The .npy header: what NumPy writes is read, and everything else is refused with its own ending. */

#include <criterion/criterion.h>
#include <string.h>

#include "base/macro.h"
#include "tools/npy.h"

/* A file's beginning: magic, version and length before a dictionary, as many spaces as NumPy would add left
 * out. */
static size_t make_header(uint8_t version, const char *dictionary, uint8_t ret_data[static 512])
{
        size_t n = strlen(dictionary), n_length = version == 1 ? 2 : 4;
        memcpy(ret_data, "\x93NUMPY", 6);
        ret_data[6] = version;
        ret_data[7] = 0;
        memset(ret_data + 8, 0, n_length);
        ret_data[8] = (uint8_t)n;
        ret_data[9] = (uint8_t)(n >> 8);
        memcpy(ret_data + 8 + n_length, dictionary, n);
        return 8 + n_length + n;
}

static int read_dictionary(const char *dictionary, NpyHeader *ret_header)
{
        uint8_t data[512];
        size_t n = make_header(1, dictionary, data);
        return npy_read_header(data, n, ret_header);
}

Test(npy, a_matrix_is_read)
{
        NpyHeader header;
        uint8_t data[512];
        size_t n = make_header(
                1, "{'descr': '<f4', 'fortran_order': False, 'shape': (10, 512), }          \n", data);
        cr_assert_eq(npy_read_header(data, n, &header), 0);
        cr_expect_eq(header.n_rows, 10);
        cr_expect_eq(header.n_columns, 512);
        cr_expect_eq(header.offset, n);
}

Test(npy, a_vector_is_one_row)
{
        NpyHeader header;
        cr_assert_eq(
                read_dictionary("{'descr': '<f4', 'fortran_order': False, 'shape': (512,), }\n", &header), 0);
        cr_expect_eq(header.n_rows, 1);
        cr_expect_eq(header.n_columns, 512);
}

Test(npy, version_2_has_a_longer_length)
{
        NpyHeader header;
        uint8_t data[512];
        size_t n = make_header(2, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }\n", data);
        cr_assert_eq(npy_read_header(data, n, &header), 0);
        cr_expect_eq(header.offset, n);
        cr_expect_eq(header.n_rows, 3);
}

Test(npy, keys_may_come_in_any_order_and_quotes)
{
        NpyHeader header;
        cr_assert_eq(
                read_dictionary("{\"shape\":(2,3),\"fortran_order\":False,\"descr\":\"<f4\"}\n", &header), 0);
        cr_expect_eq(header.n_rows, 2);
}

Test(npy, what_is_no_such_header_is_refused)
{
        static const struct {
                const char *dictionary;
                int ending;
        } rows[] = {
                {"", NPY_E_SYNTAX},
                {"\n", NPY_E_SYNTAX},
                {"{}\n", NPY_E_KEYS},
                {"{'descr': '<f4', 'fortran_order': False}\n", NPY_E_KEYS},
                {"{'descr': '<f4', 'shape': (2, 3)}\n", NPY_E_KEYS},
                {"{'fortran_order': False, 'shape': (2, 3)}\n", NPY_E_KEYS},
                {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'more': 1}\n", NPY_E_KEYS},
                {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}\n", NPY_E_KEYS},
                {"{'descr': '<f4', 'fortran_order': False, 'fortran_order': False, 'shape': (2, 3)}\n",
                 NPY_E_KEYS},
                {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'shape': (2, 3)}\n", NPY_E_KEYS},
                {"{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3)}\n", NPY_E_TYPE},
                {"{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3)}\n", NPY_E_TYPE},
                {"{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3)}\n", NPY_E_TYPE},
                {"{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (2,)}\n", NPY_E_TYPE},
                {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}\n", NPY_E_ORDER},
                {"{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3)}\n", NPY_E_SYNTAX},
                {"{'descr': '<f4', 'fortran_order': False, 'shape': ()}\n", NPY_E_SHAPE},
                {"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 3)}\n", NPY_E_SHAPE},
                {"{'descr': '<f4', 'fortran_order': False, 'shape': (200000000000000, 200000000000000)}\n",
                 NPY_E_SHAPE},
                {"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 3)}\n", NPY_E_EMPTY},
                {"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 0)}\n", NPY_E_EMPTY},
                {"{'descr': '<f4', 'fortran_order': False, 'shape': (3)}\n", NPY_E_SYNTAX},
                {"{'descr': '<f4', 'fortran_order': False, 'shape': (3 4)}\n", NPY_E_SYNTAX},
                {"{'descr': '<f4', 'fortran_order': False, 'shape': (,)}\n", NPY_E_SYNTAX},
                {"{'descr': '<f4', 'fortran_order': False, 'shape': (-3, 4)}\n", NPY_E_SYNTAX},
                {"{'descr': '<f4', 'fortran_order': False, 'shape': (03, 4)}\n", NPY_E_SYNTAX},
                {"{'descr': '<f4', 'fortran_order': False, 'shape': (3L, 4L)}\n", NPY_E_SYNTAX},
                {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 4)}\n",
                 NPY_E_SYNTAX},
                {"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4\n", NPY_E_SYNTAX},
                {"{'descr': '<f4', 'fortran_order': False 'shape': (3, 4)}\n", NPY_E_SYNTAX},
                {"{'descr' '<f4', 'fortran_order': False, 'shape': (3, 4)}\n", NPY_E_SYNTAX},
                {"{'descr: '<f4', 'fortran_order': False, 'shape': (3, 4)}\n", NPY_E_SYNTAX},
                {"{'de\\x73cr': '<f4', 'fortran_order': False, 'shape': (3, 4)}\n", NPY_E_SYNTAX},
                {"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4)}", NPY_E_SYNTAX},
                {"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4)} x\n", NPY_E_SYNTAX},
                {"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4)}\n\n", NPY_E_SYNTAX},
                {"('descr', '<f4')\n", NPY_E_SYNTAX},
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                NpyHeader header;
                int r = read_dictionary(rows[i].dictionary, &header);
                cr_expect_eq(r, rows[i].ending, "%s: %d (%s)", rows[i].dictionary, r, npy_error_text(r));
        }
}

Test(npy, every_cut_of_a_header_is_refused)
{
        NpyHeader header;
        uint8_t data[512];
        size_t n = make_header(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }\n", data);
        for (size_t cut = 0; cut < n; cut++) {
                int r = npy_read_header(data, cut, &header);
                cr_expect_eq(r, cut < 6 ? NPY_E_MAGIC : NPY_E_SHORT, "cut at %zu: %d", cut, r);
        }
}

Test(npy, other_magic_and_versions_are_refused)
{
        NpyHeader header;
        uint8_t data[512];
        size_t n = make_header(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }\n", data);
        for (unsigned major = 0; major < 256; major++) {
                data[6] = (uint8_t)major;
                if (major != 1 && major != 2)
                        cr_expect_eq(npy_read_header(data, n, &header), NPY_E_VERSION, "version %u", major);
        }
        data[6] = 1;
        data[7] = 1;
        cr_expect_eq(npy_read_header(data, n, &header), NPY_E_VERSION);
        data[0] = 'N';
        cr_expect_eq(npy_read_header(data, n, &header), NPY_E_MAGIC);
}

Test(npy, every_ending_has_a_text)
{
        for (int ending = NPY_E_MAGIC; ending <= NPY_E_EMPTY; ending++)
                cr_expect_neq(npy_error_text(ending)[0], '\0', "%d", ending);
        cr_expect_str_empty(npy_error_text(0));
        cr_expect_str_empty(npy_error_text(NPY_E_EMPTY + 1));
}
