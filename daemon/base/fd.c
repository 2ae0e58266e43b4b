/*
 * Descriptors and files.
 */

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/macro.h"

#define FD_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

int fd_close(int fd)
{
        if (fd >= 0) {
                int saved_errno = errno;
                (void)close(
                        fd); /* The descriptor is gone whatever close(2) says, and nothing was buffered. */
                errno = saved_errno;
        }
        return -1;
}

void fd_closep(int *fd)
{
        *fd = fd_close(*fd);
}

int fd_write_all(int fd, const void *data, size_t n)
{
        const uint8_t *p = data;

        while (n > 0) {
                ssize_t written = write(fd, p, n);
                if (written < 0 && errno == EINTR)
                        continue;
                if (written < 0)
                        return -errno;
                p += written;
                n -= (size_t)written;
        }
        return 0;
}

int fd_read_open(int fd, size_t max, Buffer *buffer)
{
        size_t total = 0;
        for (;;) {
                uint8_t chunk[16384];
                ssize_t n = read(fd, chunk, sizeof(chunk));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return buffer->failed ? -ENOMEM : 0;
                total += (size_t)n;
                if (total > max)
                        return -EFBIG;
                buffer_append(buffer, chunk, (size_t)n);
        }
}

int fd_read_file(int dir_fd, const char *path, size_t max, Buffer *buffer)
{
        _cleanup_(fd_closep) int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

        return fd < 0 ? -errno : fd_read_open(fd, max, buffer);
}

int fd_sync_dir(int dir_fd, const char *path)
{
        _cleanup_(freep) char *folder = strdup(path);
        if (!folder)
                return -ENOMEM;
        char *slash = strrchr(folder, '/');
        if (slash)
                slash[slash == folder ? 1 : 0] = 0;
        _cleanup_(fd_closep) int fd =
                openat(dir_fd, slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || fsync(fd) < 0)
                return -errno;
        return 0;
}

static int fd_write_temporary(int dir_fd, const char *path, mode_t mode, const Buffer *content)
{
        _cleanup_(fd_closep) int fd =
                openat(dir_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
        if (fd < 0)
                return -errno;
        int r = fd_write_all(fd, content->data, content->n);
        if (r < 0)
                return r;
        if (fchmod(fd, mode) < 0 || fsync(fd) < 0)
                return -errno;
        return 0;
}

int fd_write_file(int dir_fd, const char *path, mode_t mode, const Buffer *content)
{
        _cleanup_(freep) char *temporary = NULL;

        if (content->failed || asprintf(&temporary, "%s.tmp", path) < 0) {
                temporary = NULL;
                return -ENOMEM;
        }
        int r = fd_write_temporary(dir_fd, temporary, mode, content);
        if (r == 0 && renameat(dir_fd, temporary, dir_fd, path) < 0)
                r = -errno;
        if (r < 0) {
                (void)unlinkat(dir_fd, temporary,
                               0); /* A leftover does no harm: the next write truncates it. */
                return r;
        }
        return fd_sync_dir(dir_fd, path);
}

int fd_make_dirs(int dir_fd, const char *path, mode_t mode)
{
        _cleanup_(freep) char *folder = strdup(path);
        if (!folder)
                return -ENOMEM;
        for (char *slash = strchr(folder + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = 0;
                if (mkdirat(dir_fd, folder, mode) < 0 && errno != EEXIST)
                        return -errno;
                *slash = '/';
        }
        return 0;
}

int fd_memfd_new(const char *name, const void *data, size_t n, int *ret_fd)
{
        _cleanup_(fd_closep) int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
                return -errno;
        int r = fd_write_all(fd, data, n);
        if (r < 0)
                return r;
        if (fcntl(fd, F_ADD_SEALS, FD_SEALS) < 0)
                return -errno;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

int fd_memfd_map(int fd, size_t max, void **ret_data, size_t *ret_n)
{
        struct statfs fs;
        struct stat st;

        int seals = fcntl(fd, F_GET_SEALS);
        if (seals < 0 || (seals & FD_SEALS) != FD_SEALS)
                return FD_E_NOT_SEALED;
        if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
                return -errno;
        /* One of huge pages can be sealed too, but reading it kills where the system has none left. */
        if (fs.f_type != TMPFS_MAGIC)
                return FD_E_NOT_SEALED;
        if (st.st_size <= 0 || (uint64_t)st.st_size > max)
                return FD_E_NOT_SEALED;
        void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        /* One that may only be written to is the sender's fault too. */
        if (data == MAP_FAILED)
                return errno == EACCES ? FD_E_NOT_SEALED : -errno;
        *ret_data = data;
        *ret_n = (size_t)st.st_size;
        return 0;
}
