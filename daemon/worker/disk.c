/*
 * The files of a gallery as bytes.
 */

#include "worker/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"

enum { DISK_WINDOW_SIZE = 1 << 20 };

bool disk_is_no_space(int r)
{
        return r == -ENOSPC || r == -EDQUOT || r == -EFBIG;
}

int disk_write(int fd, const void *data, size_t n, uint64_t offset)
{
        const uint8_t *p = data;

        while (n > 0) {
                ssize_t written = pwrite(fd, p, n, (off_t)offset);
                if (written < 0 && errno == EINTR)
                        continue;
                if (written < 0)
                        return -errno;
                p += written;
                n -= (size_t)written;
                offset += (uint64_t)written;
        }
        return 0;
}

/* Reads until @n bytes are there or the file ends. */
static int read_some(int fd, uint8_t *p, size_t n, uint64_t offset, size_t *ret_n)
{
        size_t got_all = 0;

        while (got_all < n) {
                ssize_t got = pread(fd, p + got_all, n - got_all, (off_t)(offset + got_all));
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return errno == EIO ? DISK_E_DAMAGED : -errno;
                if (got == 0)
                        break;
                got_all += (size_t)got;
        }
        *ret_n = got_all;
        return 0;
}

int disk_read(int fd, void *ret_data, size_t n, uint64_t offset)
{
        size_t got;

        int r = read_some(fd, ret_data, n, offset, &got);
        if (r != 0)
                return r;
        return got == n ? 0 : DISK_E_DAMAGED;
}

int disk_zero(int fd, uint64_t offset, uint64_t n)
{
        static const uint8_t zeros[65536];

        while (n > 0) {
                size_t chunk = MIN_OF(n, sizeof(zeros));
                int r = disk_write(fd, zeros, chunk, offset);
                if (r < 0)
                        return r;
                offset += chunk;
                n -= chunk;
        }
        return 0;
}

int disk_sync(int fd)
{
        return fdatasync(fd) < 0 ? -errno : 0;
}

int disk_reserve(int fd, uint64_t offset, uint64_t n)
{
        return n == 0 ? 0 : -posix_fallocate(fd, (off_t)offset, (off_t)n);
}

int disk_room(int dir_fd, uint64_t *ret_n)
{
        struct statvfs st;

        if (fstatvfs(dir_fd, &st) < 0)
                return -errno;
        *ret_n = st.f_blocks == 0 ? UINT64_MAX : (uint64_t)st.f_bavail * st.f_frsize;
        return 0;
}

int disk_size(int fd, uint64_t *ret_size)
{
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        *ret_size = (uint64_t)st.st_size;
        return 0;
}

int disk_cut(int fd, uint64_t length)
{
        uint64_t size;

        int r = disk_size(fd, &size);
        if (r < 0 || size <= length)
                return r;
        r = disk_zero(fd, length, size - length);
        if (r == 0)
                r = disk_sync(fd);
        if (r < 0)
                return r;
        return ftruncate(fd, (off_t)length) < 0 ? -errno : 0;
}

/* ------------------------------------------------------------------------------------------------ windows */

void disk_window_deinit(DiskWindow *window)
{
        /* Codes are templates too. */
        if (window->bytes)
                explicit_bzero(window->bytes, window->n_allocated);
        free(window->bytes);
        *window = DISK_WINDOW_INIT(window->fd);
}

static int make_room(DiskWindow *window, size_t n)
{
        if (n <= window->n_allocated)
                return 0;
        uint8_t *bytes = realloc(window->bytes, n);
        if (!bytes)
                return -ENOMEM;
        window->bytes = bytes;
        window->n_allocated = n;
        return 0;
}

int disk_window_read(DiskWindow *window, uint64_t offset, size_t n, const uint8_t **ret_bytes)
{
        if (offset < window->begin || offset - window->begin > window->n ||
            n > window->n - (offset - window->begin)) {
                int r = make_room(window, MAX_OF(n, (size_t)DISK_WINDOW_SIZE));
                window->n = 0;
                window->begin = offset;
                if (r == 0)
                        r = read_some(window->fd, window->bytes, window->n_allocated, offset, &window->n);
                if (r != 0)
                        return r;
                if (window->n < n)
                        return DISK_E_DAMAGED;
        }
        *ret_bytes = window->bytes + (offset - window->begin);
        return 0;
}

/* ------------------------------------------------------------------------- files in the place of others */

static char *name_of(const char *name, bool is_new)
{
        char *text = NULL;

        return asprintf(&text, is_new ? "%s.new" : "%s", name) < 0 ? NULL : text;
}

static int open_as(int dir_fd, const char *name, bool is_new, int flags)
{
        _cleanup_(freep) char *path = name_of(name, is_new);
        if (!path)
                return -ENOMEM;
        int fd = openat(dir_fd, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
        return fd < 0 ? -errno : fd;
}

int disk_begin(int dir_fd, const char *name, int *ret_fd)
{
        int fd = open_as(dir_fd, name, true, O_CREAT | O_EXCL);
        if (fd < 0)
                return fd;
        *ret_fd = fd;
        return 0;
}

int disk_open(int dir_fd, const char *name, bool is_new, int *ret_fd)
{
        int fd = open_as(dir_fd, name, is_new, 0);
        if (fd < 0)
                return fd;
        *ret_fd = fd;
        return 0;
}

int disk_place(int dir_fd, const char *name, unsigned flags)
{
        _cleanup_(freep) char *from = name_of(name, true);
        if (!from)
                return -ENOMEM;
        return renameat2(dir_fd, from, dir_fd, name, flags) < 0 ? -errno : 0;
}

int disk_sweep(int dir_fd, const char *name, bool is_new)
{
        _cleanup_(freep) char *path = name_of(name, is_new);
        if (!path)
                return -ENOMEM;
        _cleanup_(fd_closep) int fd = open_as(dir_fd, name, is_new, 0);
        if (fd < 0)
                return fd == -ENOENT ? 0 : fd;
        int r = disk_cut(fd, 0);
        if (r < 0)
                return r;
        return unlinkat(dir_fd, path, 0) < 0 ? -errno : fd_sync_dir(dir_fd, path);
}
