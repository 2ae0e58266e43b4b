/*
 * Templates: opens a file of templates and reads its rows. Run by the tool, with its caller's rights.
 */

#include "tools/templates.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "tools/npy.h"

enum { N_VALUE = 4 };

static int invalid(Buffer *fault, const char *path, const char *what)
{
        buffer_append_format(fault, "%s: %s", path, what);
        return TEMPLATES_E_INVALID;
}

void templates_deinit(Templates *templates)
{
        templates->fd = fd_close(templates->fd);
}

/* pread(2) until @n bytes or the end of the file. Return: how many; negative: -errno. */
static ssize_t read_at(int fd, void *data, size_t n, uint64_t offset)
{
        size_t done = 0;
        while (done < n) {
                ssize_t got = pread(fd, (uint8_t *)data + done, n - done, (off_t)(offset + done));
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return -errno;
                if (got == 0)
                        break;
                done += (size_t)got;
        }
        return (ssize_t)done;
}

static int open_file(const char *path, uint64_t *ret_size, int *ret_fd, Buffer *fault)
{
        struct stat st;
        _cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0 || fstat(fd, &st) < 0)
                return invalid(fault, path, strerror(errno));
        if (!S_ISREG(st.st_mode))
                return invalid(fault, path, "it is no regular file");
        *ret_size = (uint64_t)st.st_size;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* The shape of a raw file follows from its size alone. */
static int shape_raw(Templates *t, uint64_t size, size_t dimension, Buffer *fault)
{
        uint64_t n_row = dimension > 0 ? (uint64_t)dimension * N_VALUE : size;
        if (size == 0)
                return invalid(fault, t->path, "it is empty");
        if (size % N_VALUE != 0)
                return invalid(fault, t->path, "it is neither a .npy file nor whole float32 values");
        if (size % n_row != 0)
                return invalid(fault, t->path, "its size is no multiple of a template's (--dimension)");
        if (n_row > TEMPLATES_DIMENSION_MAX * N_VALUE)
                return invalid(fault, t->path,
                               "as one template it is too large; a raw file of several needs --dimension");
        t->n_rows = size / n_row;
        t->n_row = (size_t)n_row;
        t->dimension = t->n_row / N_VALUE;
        return 0;
}

static int shape_npy(Templates *t, uint64_t size, const Buffer *head, Buffer *fault)
{
        NpyHeader header;
        int r = npy_read_header(head->data, head->n, &header);
        if (r != 0)
                return invalid(fault, t->path, npy_error_text(r));
        if (header.n_columns > TEMPLATES_DIMENSION_MAX)
                return invalid(fault, t->path,
                               "its rows are longer than the 4096 values of the largest template");
        uint64_t n_values = header.n_rows * header.n_columns;
        if (size - header.offset != n_values * N_VALUE)
                return invalid(fault, t->path,
                               size - header.offset < n_values * N_VALUE
                                       ? "it ends before its last row"
                                       : "there are bytes behind its last row");
        t->offset = header.offset;
        t->n_rows = header.n_rows;
        t->dimension = (size_t)header.n_columns;
        t->n_row = t->dimension * N_VALUE;
        return 0;
}

/* The beginning of the file decides what it is. */
static int find_shape(Templates *t, uint64_t size, size_t dimension, Buffer *fault)
{
        _cleanup_(buffer_deinit) Buffer head = BUFFER_INIT;
        void *room = buffer_extend(&head, MIN_OF(size, (uint64_t)NPY_HEADER_MAX));
        if (!room)
                return invalid(fault, t->path, strerror(ENOMEM));
        ssize_t n = read_at(t->fd, room, head.n, 0);
        if (n < 0 || (size_t)n < head.n)
                return invalid(fault, t->path, n < 0 ? strerror((int)-n) : "it shrank while it was read");
        if (head.n < 6 || memcmp(head.data, "\x93NUMPY", 6) != 0)
                return shape_raw(t, size, dimension, fault);
        int r = shape_npy(t, size, &head, fault);
        if (r == 0 && dimension > 0 && t->dimension != dimension)
                return invalid(fault, t->path, "its rows are not of the --dimension given");
        return r;
}

int templates_open(const char *path, size_t dimension, Templates *ret_templates, Buffer *fault)
{
        _cleanup_(templates_deinit) Templates t = TEMPLATES_INIT;
        uint64_t size;
        t.path = path;
        int r = open_file(path, &size, &t.fd, fault);
        if (r != 0)
                return r;
        r = find_shape(&t, size, dimension, fault);
        if (r != 0)
                return r;
        *ret_templates = t;
        t.fd = -1;
        return 0;
}

int templates_read(const Templates *templates, uint64_t row, Buffer *bytes, Buffer *fault)
{
        void *room = buffer_extend(bytes, templates->n_row);
        if (!room)
                return invalid(fault, templates->path, strerror(ENOMEM));
        ssize_t n =
                read_at(templates->fd, room, templates->n_row, templates->offset + row * templates->n_row);
        if (n < 0)
                return invalid(fault, templates->path, strerror((int)-n));
        if ((size_t)n < templates->n_row)
                return invalid(fault, templates->path, "it shrank while it was read");
        return 0;
}
