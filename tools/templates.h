#pragma once
/*
 * A file of templates, read row by row: a .npy matrix, or raw little-endian float32. Rows are handed on as
 * the bytes that the service wants; what they mean is its business. Nothing is mapped, so that a file which
 * changes under the reader is an error and not a signal.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum { TEMPLATES_DIMENSION_MAX = 4096 };

typedef struct Templates {
        int fd;
        size_t offset; /* of the first row */
        uint64_t n_rows;
        size_t dimension; /* values in a row */
        size_t n_row;     /* bytes in a row */
        const char *path; /* borrowed, for messages */
} Templates;

#define TEMPLATES_INIT ((Templates){.fd = -1})

void templates_deinit(Templates *templates);

enum {
        TEMPLATES_E_INVALID = 1, /* @fault says what is wrong, with the file's name */
};

/**
 * templates_open() - Opens a file of templates and finds out its shape.
 * @path:       borrowed for as long as @ret_templates is used
 * @dimension:  values in a template of a raw file; 0: a raw file is one template. A .npy file says it itself,
 *              and must agree unless this is 0.
 * @fault:      where one line is appended on TEMPLATES_E_INVALID
 *
 * Return: 0 or TEMPLATES_E_INVALID.
 */
int templates_open(const char *path, size_t dimension, Templates *ret_templates, Buffer *fault);

/**
 * templates_read() - Appends the bytes of one row to @bytes.
 * @row:        from 0 on, below n_rows
 *
 * Return: 0; TEMPLATES_E_INVALID, with a line in @fault, when the file cannot be read (any more).
 */
int templates_read(const Templates *templates, uint64_t row, Buffer *bytes, Buffer *fault);
