/*
 * All galleries of one folder: NAME.gallery, NAME.originals and NAME.codes each.
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
#include "worker/mapping.h"

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
        int r = mapping_catch_faults();
        if (r < 0)
                return r;
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
        static const char *const suffixes[] = {".gallery",     ".originals",     ".codes",
                                               ".gallery.new", ".originals.new", ".codes.new"};

        for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
                size_t n = strlen(file), n_suffix = strlen(suffixes[i]);
                if (n <= n_suffix || strcmp(file + n - n_suffix, suffixes[i]) != 0)
                        continue;
                memcpy(ret_name, file, n - n_suffix);
                ret_name[n - n_suffix] = 0;
                return text_is_name(ret_name, n - n_suffix);
        }
        return false;
}

static int load_one(Galleries *galleries, const char *file)
{
        char name[NAME_MAX + 1];
        Gallery *gallery;

        if (!read_name(file, name) || galleries_find(galleries, name))
                return 0;
        int r = reserve(galleries);
        if (r == 0)
                r = gallery_load(galleries->dir_fd, name, &gallery);
        if (r == 0)
                insert(galleries, gallery);
        /* What a creation left that was cut short is swept by now. */
        return r == -ENOENT ? 0 : r;
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

static Gallery *find(const Galleries *galleries, const char *name)
{
        for (size_t i = 0; i < galleries->n; i++)
                if (strcmp(gallery_name(galleries->items[i]), name) == 0)
                        return galleries->items[i];
        return NULL;
}

Gallery *galleries_find(Galleries *galleries, const char *name)
{
        pthread_mutex_lock(&galleries->lock);
        Gallery *gallery = find(galleries, name);
        pthread_mutex_unlock(&galleries->lock);
        return gallery;
}

int galleries_create(Galleries *galleries, const char *name, const GalleryShape *shape, Gallery **ret_gallery)
{
        Gallery *gallery;

        int r = gallery_create(galleries->dir_fd, name, shape, &gallery);
        if (r != 0)
                return r;
        pthread_mutex_lock(&galleries->lock);
        r = reserve(galleries);
        if (r == 0)
                insert(galleries, gallery);
        pthread_mutex_unlock(&galleries->lock);
        if (r < 0) {
                gallery_free(gallery);
                return r;
        }
        *ret_gallery = gallery;
        return 0;
}
