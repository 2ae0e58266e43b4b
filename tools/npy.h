#pragma once
/*
 * The header of NumPy's .npy files, format versions 1.0 and 2.0 (numpy.lib.format), of what a template file
 * may hold: little-endian float32 in C order, in one or two dimensions. Pure: bytes in, shape out.
 */

#include <stddef.h>
#include <stdint.h>

typedef struct NpyHeader {
        size_t offset;   /* of the first value in the file */
        uint64_t n_rows; /* 1 for an array of one dimension */
        uint64_t n_columns;
} NpyHeader;

enum {
        NPY_HEADER_MAX = 65536, /* bytes of a file that are enough to read any header that is accepted */
};

enum {
        NPY_E_MAGIC = 1, /* does not begin as a .npy file */
        NPY_E_VERSION = 2,
        NPY_E_SHORT = 3,  /* ends within the header, or the header is too long */
        NPY_E_SYNTAX = 4, /* the header is not the dictionary that it must be */
        NPY_E_KEYS = 5,   /* one of the three keys is missing, stands twice, or another is there */
        NPY_E_TYPE = 6,
        NPY_E_ORDER = 7,
        NPY_E_SHAPE = 8,
        NPY_E_EMPTY = 9,
};

/** npy_error_text() - One of these endings for people, with what was expected. */
const char *npy_error_text(int ending);

/**
 * npy_read_header() - Reads the header.
 * @data:       the beginning of the file: all of it, or NPY_HEADER_MAX bytes
 * @ret_header: untouched on failure. @n_rows * @n_columns * 4 does not overflow.
 *
 * Return: 0, or one of NPY_E_*.
 */
int npy_read_header(const void *data, size_t n, NpyHeader *ret_header);
