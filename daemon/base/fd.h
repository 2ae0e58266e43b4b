#pragma once
/*
 * Descriptors and files: closing, whole reads, atomic writes, sealed memfds. Every descriptor made here is
 * close-on-exec from birth.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buffer.h"

/** fd_close() - Closes @fd unless it is negative, keeping errno. Return: -1, to be assigned back. */
int fd_close(int fd);

/** For _cleanup_() on a descriptor. */
void fd_closep(int *fd);

/** fd_write_all() - Writes all @n bytes, however many calls it takes. Return: 0 or -errno. */
int fd_write_all(int fd, const void *data, size_t n);

/** fd_read_open() - The same as fd_read_file() of a file that is open; from where it stands. */
int fd_read_open(int fd, size_t max, Buffer *buffer);

/**
 * fd_read_file() - Appends a whole file to @buffer.
 * @dir_fd:     folder that @path is relative to, or AT_FDCWD
 * @max:        most bytes accepted
 *
 * Return: 0; -EFBIG when the file is larger than @max; another -errno.
 */
int fd_read_file(int dir_fd, const char *path, size_t max, Buffer *buffer);

/**
 * fd_write_file() - Writes a whole file so that after a crash it is the old or the new one, never a part:
 * temporary file beside it, fsync, rename, fsync of the folder.
 * @dir_fd:     folder that @path is relative to, or AT_FDCWD
 * @mode:       permissions of the file, whatever the umask
 *
 * Return: 0 or -errno; on failure the old file, if any, is as it was.
 */
int fd_write_file(int dir_fd, const char *path, mode_t mode, const Buffer *content);

/** fd_sync_dir() - fsync(2) of the folder that holds @path relative to @dir_fd. Return: 0 or -errno. */
int fd_sync_dir(int dir_fd, const char *path);

/** fd_make_dirs() - Makes the folders above @path relative to @dir_fd, with @mode. Return: 0 or -errno. */
int fd_make_dirs(int dir_fd, const char *path, mode_t mode);

/**
 * fd_memfd_new() - A memfd with these bytes, sealed against shrinking, growing, writing and further sealing.
 * @name:       for /proc only
 * @ret_fd:     the descriptor, the caller's
 *
 * Return: 0 or -errno.
 */
int fd_memfd_new(const char *name, const void *data, size_t n, int *ret_fd);

enum {
        /* Not a memfd with all four seals, empty, larger than allowed, or not to be read. */
        FD_E_NOT_SEALED = 1,
};

/**
 * fd_memfd_map() - Maps a memfd for reading after checking that nobody can change it.
 * @fd:         borrowed; may be closed afterwards
 * @max:        most bytes accepted
 * @ret_data:   the mapping, to be given to munmap(2) with @ret_n
 *
 * Return: 0, FD_E_NOT_SEALED, or -errno.
 */
int fd_memfd_map(int fd, size_t max, void **ret_data, size_t *ret_n);
