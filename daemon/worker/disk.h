#pragma once
/*
 * The files of a gallery as bytes at an offset: written whole, read whole, overwritten before they are cut off; and files that take the place of
 * others (NAME.new). Knows no format, and not in which order anything is done.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Named endings of all that keeps galleries on disk. */
enum {
        DISK_E_DAMAGED = 1,  /* a file is not as it was written */
        DISK_E_NO_SPACE = 2, /* the disk or a quota is full; nothing has changed */
        DISK_E_VERSION = 3,  /* a file of a format that this program does not read */
};

/** disk_is_no_space() - Whether a -errno says that the disk, a quota or a limit is full. */
bool disk_is_no_space(int r);

/** disk_write() - Writes all @n bytes. Return: 0 or -errno. */
int disk_write(int fd, const void *data, size_t n, uint64_t offset);

/** disk_read() - Reads all @n bytes. Bytes that are not there, or that the disk cannot give back, are damage. Return: 0, DISK_E_DAMAGED or -errno. */
int disk_read(int fd, void *ret_data, size_t n, uint64_t offset);

/** disk_zero() - Writes @n zeros. Return: 0 or -errno. */
int disk_zero(int fd, uint64_t offset, uint64_t n);

/** disk_sync() - fdatasync(2). Return: 0 or -errno. */
int disk_sync(int fd);

/** disk_reserve() - Asks for the space of @n bytes, so that a full disk is met before it matters. Return: 0 or -errno. */
int disk_reserve(int fd, uint64_t offset, uint64_t n);

/** disk_cut() - Overwrites and cuts off what stands behind @length: it may be templates that nobody was told are stored. Return: 0 or -errno. */
int disk_cut(int fd, uint64_t length);

/** disk_room() - Bytes that may still be written to the file system of a folder; UINT64_MAX where it does not tell. Return: 0 or -errno. */
int disk_room(int dir_fd, uint64_t *ret_n);

/** disk_size() - Bytes of the file. Return: 0 or -errno. */
int disk_size(int fd, uint64_t *ret_size);

/* What a file is read through from one end to the other: many small reads, few calls. */
typedef struct DiskWindow {
        int fd; /* borrowed */
        uint64_t begin;
        size_t n;
        uint8_t *bytes;
        size_t n_allocated;
} DiskWindow;

#define DISK_WINDOW_INIT(fd_) ((DiskWindow){.fd = (fd_)})

void disk_window_deinit(DiskWindow *window);

/**
 * disk_window_read() - @n bytes at @offset, in place until the next call.
 * Return: as disk_read().
 */
int disk_window_read(DiskWindow *window, uint64_t offset, size_t n, const uint8_t **ret_bytes);

/** disk_begin() - Makes the file NAME.new, which must not exist. Return: 0 or -errno. */
int disk_begin(int dir_fd, const char *name, int *ret_fd);

/** disk_open() - Opens NAME, or with @is_new NAME.new. Return: 0 or -errno (-ENOENT). */
int disk_open(int dir_fd, const char *name, bool is_new, int *ret_fd);

/** disk_place() - Gives NAME.new the place of NAME; @flags as of renameat2(2). Return: 0 or -errno. */
int disk_place(int dir_fd, const char *name, unsigned flags);

/** disk_sweep() - Overwrites and unlinks NAME, or with @is_new NAME.new, if there is one. Return: 0 or -errno. */
int disk_sweep(int dir_fd, const char *name, bool is_new);
