/*
 * Files that appear together. Owns the folder `.tmp` of the export, where files are written before they are
 * renamed to their place. Runs in the export's thread, and in trail_open() before that starts.
 *
 * Order: write all; sync all; rename all; sync every folder concerned. A sync that failed is not retried here
 * or by callers: where it may be tried again at all (no room), the files are written anew.
 */

#include "trail/shelf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "trail/folder.h"

enum {
        SHELF_FILES = 64, /* descriptors that one shelf may hold */
        SHELF_NAME_SIZE = 24,
};

static const char shelf_folder[] = ".tmp";

typedef struct ShelfFile {
        int fd;
        char *path;
} ShelfFile;

struct Shelf {
        int folder_fd;
        int temporary_fd;
        size_t n_files;
        ShelfFile files[SHELF_FILES];
};

static void shelf_name(size_t i, char ret_name[static SHELF_NAME_SIZE])
{
        (void)snprintf(ret_name, SHELF_NAME_SIZE, "%zu", i);
}

int shelf_new(Shelf **ret_shelf, int folder_fd)
{
        _cleanup_(shelf_freep) Shelf *shelf = calloc(1, sizeof(*shelf));
        if (!shelf)
                return -ENOMEM;
        shelf->folder_fd = folder_fd;
        shelf->temporary_fd = -1;
        int r = folder_remove(folder_fd, shelf_folder);
        if (r == 0)
                r = folder_make(folder_fd, shelf_folder, 0750, &shelf->temporary_fd);
        if (r < 0)
                return r;
        /* Folders that an earlier process made, and had no time to sync, are not made again. */
        if (syncfs(folder_fd) < 0)
                return -errno;
        *ret_shelf = TAKE_PTR(shelf);
        return 0;
}

/* Forgets all files; those not yet renamed go. */
static void shelf_clear(Shelf *shelf)
{
        for (size_t i = 0; i < shelf->n_files; i++) {
                char name[SHELF_NAME_SIZE];
                shelf_name(i, name);
                shelf->files[i].fd = fd_close(shelf->files[i].fd);
                free(TAKE_PTR(shelf->files[i].path));
                (void)unlinkat(shelf->temporary_fd, name,
                               0); /* A leftover is written over by the next file. */
        }
        shelf->n_files = 0;
}

Shelf *shelf_free(Shelf *shelf)
{
        if (!shelf)
                return NULL;
        shelf_clear(shelf);
        fd_close(shelf->temporary_fd);
        free(shelf);
        return NULL;
}

static int shelf_write(Shelf *shelf, ShelfFile *file, const void *data, size_t n)
{
        char name[SHELF_NAME_SIZE];

        shelf_name((size_t)(file - shelf->files), name);
        file->fd = openat(shelf->temporary_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
                          0640);
        if (file->fd < 0)
                return -errno;
        int r = fd_write_all(file->fd, data, n);
        if (r < 0)
                return r;
        if (fchmod(file->fd, 0640) < 0)
                return -errno;
        /* The disk may begin; a failure shows in the sync. */
        (void)sync_file_range(file->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
        return 0;
}

int shelf_put(Shelf *shelf, const char *path, const void *data, size_t n)
{
        int r = shelf->n_files == SHELF_FILES ? shelf_settle(shelf) : 0;
        if (r < 0)
                return r;
        ShelfFile *file = &shelf->files[shelf->n_files++];
        *file = (ShelfFile){.fd = -1, .path = strdup(path)};
        r = file->path ? folder_make_above(shelf->folder_fd, path) : -ENOMEM;
        if (r == 0)
                r = shelf_write(shelf, file, data, n);
        if (r < 0)
                shelf_clear(shelf);
        return r;
}

static int shelf_sync(Shelf *shelf)
{
        for (size_t i = 0; i < shelf->n_files; i++)
                if (fsync(shelf->files[i].fd) < 0)
                        return -errno;
        return 0;
}

static int shelf_rename(Shelf *shelf)
{
        for (size_t i = 0; i < shelf->n_files; i++) {
                char name[SHELF_NAME_SIZE];
                shelf_name(i, name);
                if (renameat(shelf->temporary_fd, name, shelf->folder_fd, shelf->files[i].path) < 0)
                        return -errno;
        }
        return 0;
}

/* Whether two files lie in the same folder. */
static bool shelf_same_folder(const char *a, const char *b)
{
        const char *slash_a = strrchr(a, '/'), *slash_b = strrchr(b, '/');
        size_t n_a = slash_a ? (size_t)(slash_a - a) : 0, n_b = slash_b ? (size_t)(slash_b - b) : 0;
        return n_a == n_b && memcmp(a, b, n_a) == 0;
}

static int shelf_sync_folders(Shelf *shelf)
{
        for (size_t i = 0; i < shelf->n_files; i++) {
                bool seen = false;
                for (size_t j = 0; j < i && !seen; j++)
                        seen = shelf_same_folder(shelf->files[i].path, shelf->files[j].path);
                int r = seen ? 0 : fd_sync_dir(shelf->folder_fd, shelf->files[i].path);
                if (r < 0)
                        return r;
        }
        return 0;
}

int shelf_settle(Shelf *shelf)
{
        int r = shelf_sync(shelf);
        if (r == 0)
                r = shelf_rename(shelf);
        if (r == 0)
                r = shelf_sync_folders(shelf);
        shelf_clear(shelf);
        return r;
}
