/*
 * All galleries of one folder: NAME.gallery each.
 */

#include "worker/galleries.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/text.h"

#define GALLERIES_SUFFIX ".gallery"

static int closedirp_(DIR **dir)
{
        return *dir ? closedir(*dir) : 0;
}

int galleries_claim(Galleries *galleries, const char *path)
{
        _cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? GALLERIES_E_IN_USE : -errno;
        galleries->dir_fd = TAKE_FD(fd);
        return 0;
}

void galleries_deinit(Galleries *galleries)
{
        for (size_t i = 0; i < galleries->n; i++)
                gallery_free(galleries->items[i]);
        free(galleries->items);
        fd_close(galleries->dir_fd);
        *galleries = GALLERIES_INIT;
}

static int by_name(const void *a, const void *b)
{
        return strcmp(gallery_name(*(Gallery *const *)a), gallery_name(*(Gallery *const *)b));
}

static int reserve(Galleries *galleries)
{
        Gallery **items = reallocarray(galleries->items, galleries->n + 1, sizeof(Gallery *));
        if (!items)
                return -ENOMEM;
        galleries->items = items;
        return 0;
}

static void insert(Galleries *galleries, Gallery *gallery)
{
        galleries->items[galleries->n++] = gallery;
        qsort(galleries->items, galleries->n, sizeof(Gallery *), by_name);
}

/* Whether a file is a gallery's, and of which. */
static bool read_name(const char *file, char ret_name[static NAME_MAX + 1])
{
        size_t n = strlen(file), n_suffix = strlen(GALLERIES_SUFFIX);

        if (n <= n_suffix || strcmp(file + n - n_suffix, GALLERIES_SUFFIX) != 0)
                return false;
        memcpy(ret_name, file, n - n_suffix);
        ret_name[n - n_suffix] = 0;
        return text_is_name(ret_name, n - n_suffix);
}

static int load_one(Galleries *galleries, const char *file)
{
        char name[NAME_MAX + 1];
        Gallery *gallery;

        if (!read_name(file, name))
                return 0;
        int r = reserve(galleries);
        if (r == 0)
                r = gallery_load(galleries->dir_fd, name, &gallery);
        if (r == 0)
                insert(galleries, gallery);
        return r;
}

int galleries_load(Galleries *galleries)
{
        int fd = openat(galleries->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        _cleanup_(closedirp_) DIR *dir = fdopendir(fd);
        if (!dir) {
                fd_close(fd);
                return -errno;
        }
        for (;;) {
                errno = 0;
                struct dirent *entry = readdir(dir);
                if (!entry)
                        return -errno;
                int r = load_one(galleries, entry->d_name);
                if (r < 0)
                        return r;
        }
}

Gallery *galleries_find(const Galleries *galleries, const char *name)
{
        for (size_t i = 0; i < galleries->n; i++)
                if (strcmp(gallery_name(galleries->items[i]), name) == 0)
                        return galleries->items[i];
        return NULL;
}

int galleries_create(Galleries *galleries, const char *name, const GalleryShape *shape, Gallery **ret_gallery)
{
        Gallery *gallery;

        int r = reserve(galleries);
        if (r == 0)
                r = gallery_create(galleries->dir_fd, name, shape, &gallery);
        if (r != 0)
                return r;
        insert(galleries, gallery);
        *ret_gallery = gallery;
        return 0;
}
