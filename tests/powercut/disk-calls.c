/*
 * The calls by which the trail changes files, beside SQLite's. The program is linked with --wrap for each of
 * them, so that they come here from the trail's libraries, and go on to where they always go.
 */

#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "watch.h"

/* What the linker calls the original of each, and this file's twin of it. */
int __real_open64(const char *path, int flags, ...);
int __real_openat64(int dir_fd, const char *path, int flags, ...);
int __real_mkdirat(int dir_fd, const char *path, mode_t mode);
int __real_unlinkat(int dir_fd, const char *path, int flags);
int __real_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __real_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
ssize_t __real_write(int fd, const void *data, size_t n);
ssize_t __real_pwrite64(int fd, const void *data, size_t n, off_t offset);
int __real_ftruncate64(int fd, off_t size);
int __real_posix_fallocate64(int fd, off_t offset, off_t n);
int __real_fsync(int fd);
int __real_fdatasync(int fd);
int __real_syncfs(int fd);

int __wrap_open64(const char *path, int flags, ...);
int __wrap_openat64(int dir_fd, const char *path, int flags, ...);
int __wrap_mkdirat(int dir_fd, const char *path, mode_t mode);
int __wrap_unlinkat(int dir_fd, const char *path, int flags);
int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __wrap_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
ssize_t __wrap_write(int fd, const void *data, size_t n);
ssize_t __wrap_pwrite64(int fd, const void *data, size_t n, off_t offset);
int __wrap_ftruncate64(int fd, off_t size);
int __wrap_posix_fallocate64(int fd, off_t offset, off_t n);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_syncfs(int fd);

static int calls_open(Spot spot, int flags, mode_t mode)
{
        watch_lock();
        int fd = __real_openat64(spot.dir_fd, spot.path, flags, mode);
        if (fd >= 0 && (flags & O_CREAT) && !watch_knows(spot))
                watch_made(spot, false);
        if (fd >= 0 && (flags & O_TRUNC))
                watch_resized(spot, 0);
        watch_unlock();
        return fd;
}

int __wrap_open64(const char *path, int flags, ...)
{
        va_list arguments;

        va_start(arguments, flags);
        mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
        va_end(arguments);
        return calls_open((Spot){AT_FDCWD, path}, flags, mode);
}

int __wrap_openat64(int dir_fd, const char *path, int flags, ...)
{
        va_list arguments;

        va_start(arguments, flags);
        mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
        va_end(arguments);
        return calls_open((Spot){dir_fd, path}, flags, mode);
}

int __wrap_mkdirat(int dir_fd, const char *path, mode_t mode)
{
        watch_lock();
        int r = __real_mkdirat(dir_fd, path, mode);
        if (r == 0)
                watch_made((Spot){dir_fd, path}, true);
        watch_unlock();
        return r;
}

int __wrap_unlinkat(int dir_fd, const char *path, int flags)
{
        watch_lock();
        int r = __real_unlinkat(dir_fd, path, flags);
        if (r == 0)
                watch_removed((Spot){dir_fd, path});
        watch_unlock();
        return r;
}

int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to)
{
        return __wrap_renameat2(from_fd, from, to_fd, to, 0);
}

int __wrap_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
        watch_lock();
        int r = __real_renameat2(from_fd, from, to_fd, to, flags);
        if (r == 0)
                watch_renamed((Spot){from_fd, from}, (Spot){to_fd, to});
        watch_unlock();
        return r;
}

ssize_t __wrap_write(int fd, const void *data, size_t n)
{
        watch_lock();
        off_t offset = lseek(fd, 0, SEEK_CUR); /* Of what cannot seek the name is none of the folder's. */
        ssize_t written = __real_write(fd, data, n);
        if (written > 0)
                watch_wrote(watch_of_fd(fd), (uint64_t)offset, data, (size_t)written);
        watch_unlock();
        return written;
}

ssize_t __wrap_pwrite64(int fd, const void *data, size_t n, off_t offset)
{
        watch_lock();
        ssize_t written = __real_pwrite64(fd, data, n, offset);
        if (written > 0)
                watch_wrote(watch_of_fd(fd), (uint64_t)offset, data, (size_t)written);
        watch_unlock();
        return written;
}

int __wrap_ftruncate64(int fd, off_t size)
{
        watch_lock();
        int r = __real_ftruncate64(fd, size);
        if (r == 0)
                watch_resized(watch_of_fd(fd), (uint64_t)size);
        watch_unlock();
        return r;
}

int __wrap_posix_fallocate64(int fd, off_t offset, off_t n)
{
        watch_lock();
        int r = __real_posix_fallocate64(fd, offset, n);
        if (r == 0)
                watch_extended(watch_of_fd(fd), (uint64_t)(offset + n));
        watch_unlock();
        return r;
}

int __wrap_fsync(int fd)
{
        watch_lock();
        int r = __real_fsync(fd);
        if (r == 0)
                watch_synced(watch_of_fd(fd));
        watch_unlock();
        return r;
}

int __wrap_fdatasync(int fd)
{
        watch_lock();
        int r = __real_fdatasync(fd);
        if (r == 0)
                watch_synced(watch_of_fd(fd));
        watch_unlock();
        return r;
}

int __wrap_syncfs(int fd)
{
        watch_lock();
        int r = __real_syncfs(fd);
        if (r == 0)
                watch_synced_all(fd);
        watch_unlock();
        return r;
}
