/* The tape under way, and the tree of names as it is at this moment. */

#include "watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "must.h"

/* The watch itself reads files, by calls that come here. */
static pthread_mutex_t watch_mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static Tape *watch_tape; /* NULL while nothing is recorded */
static char watch_root[PATH_MAX];
static Image *watch_images; /* a node each, as it is now */
static char watch_name[PATH_MAX];

void watch_lock(void)
{
        pthread_mutex_lock(&watch_mutex);
}

void watch_unlock(void)
{
        pthread_mutex_unlock(&watch_mutex);
}

/* The path below the root; NULL for one outside of it. */
static const char *watch_path(Spot spot, char buffer[static PATH_MAX])
{
        char link[64], folder[PATH_MAX] = "";
        size_t n_root = strlen(watch_root);

        if (!watch_tape)
                return NULL;
        if (spot.path[0] != '/') {
                (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", spot.dir_fd);
                ssize_t n = readlink(link, folder, sizeof(folder) - 1);
                if (n < 0)
                        return NULL;
                folder[n] = 0;
        }
        int n = snprintf(buffer, PATH_MAX, "%s%s%s", folder, folder[0] ? "/" : "", spot.path);
        MUST(n > 0 && n < PATH_MAX);
        if (strncmp(buffer, watch_root, n_root) != 0 || (buffer[n_root] != 0 && buffer[n_root] != '/'))
                return NULL;
        return buffer + n_root;
}

/* Walks a path, all of it or but for its last name. Return: whether there is such a node. */
static bool watch_walk(const char *path, unsigned *ret_node, const char **ret_last)
{
        static char rest[PATH_MAX];
        unsigned node = TAPE_ROOT;
        char *next = NULL;

        (void)snprintf(rest, sizeof(rest), "%s", path);
        for (char *name = strtok_r(rest, "/", &next); name;) {
                char *after = strtok_r(NULL, "/", &next);
                if (!after && ret_last) {
                        *ret_last = name;
                        break;
                }
                const ImageEntry *entry = image_find(&watch_images[node], name);
                if (!entry)
                        return false;
                node = entry->node;
                name = after;
        }
        *ret_node = node;
        return true;
}

static bool watch_find(Spot spot, unsigned *ret_node)
{
        char buffer[PATH_MAX];
        const char *path = watch_path(spot, buffer);
        return path && watch_walk(path, ret_node, NULL);
}

/* The folder that holds a name, and the name. */
static bool watch_find_folder(Spot spot, unsigned *ret_folder, char ret_name[static NAME_MAX + 1])
{
        char buffer[PATH_MAX];
        const char *path = watch_path(spot, buffer), *last = NULL;

        if (!path || !watch_walk(path, ret_folder, &last) || !last)
                return false;
        (void)snprintf(ret_name, NAME_MAX + 1, "%s", last);
        return true;
}

static void watch_add(const Op *op)
{
        tape_add(watch_tape, op);
        const Op *added = &watch_tape->ops[watch_tape->n_ops - 1];
        if (op_changes(added))
                image_apply(&watch_images[added->node], added, added->n);
}

bool watch_knows(Spot spot)
{
        unsigned node;
        return watch_find(spot, &node);
}

void watch_made(Spot spot, bool folder)
{
        char name[NAME_MAX + 1];
        Op op = {.kind = OP_LINK, .name = name};

        if (!watch_find_folder(spot, &op.node, name))
                return;
        op.target = tape_node(watch_tape, folder);
        watch_images = reallocarray(watch_images, watch_tape->n_nodes, sizeof(Image));
        MUST(watch_images);
        watch_images[op.target] = (Image){};
        watch_add(&op);
}

void watch_removed(Spot spot)
{
        char name[NAME_MAX + 1];
        Op op = {.kind = OP_UNLINK, .name = name};

        if (watch_find_folder(spot, &op.node, name))
                watch_add(&op);
}

/* Between two folders these are two steps: each folder has its own sync. */
void watch_renamed(Spot from, Spot to)
{
        char name[NAME_MAX + 1], old[NAME_MAX + 1];
        Op op = {.kind = OP_MOVE, .name = name, .from = old};
        Op gone = {.kind = OP_UNLINK, .name = old};

        if (!watch_find(from, &op.target) || !watch_find_folder(from, &gone.node, old) ||
            !watch_find_folder(to, &op.node, name))
                return;
        if (op.node == gone.node) {
                watch_add(&op);
                return;
        }
        op.kind = OP_LINK;
        op.from = NULL;
        watch_add(&op);
        watch_add(&gone);
}

void watch_synced(Spot spot)
{
        Op op = {.kind = OP_SYNC};
        if (watch_find(spot, &op.node))
                watch_add(&op);
}

void watch_synced_all(int fd)
{
        const Op op = {.kind = OP_SYNC_ALL};
        if (watch_knows(watch_of_fd(fd)))
                watch_add(&op);
}

void watch_resized(Spot spot, uint64_t size)
{
        Op op = {.kind = OP_RESIZE, .offset = size};
        if (watch_find(spot, &op.node) && watch_images[op.node].n != size)
                watch_add(&op);
}

void watch_extended(Spot spot, uint64_t size)
{
        unsigned node;
        if (watch_find(spot, &node) && watch_images[node].n < size)
                watch_resized(spot, size);
}

void watch_wrote(Spot spot, uint64_t offset, const void *data, size_t n)
{
        Op op = {.kind = OP_WRITE, .offset = offset, .bytes = (uint8_t *)data, .n = n};
        if (n > 0 && watch_find(spot, &op.node))
                watch_add(&op);
}

void watch_told(uint64_t size)
{
        const Op op = {.kind = OP_TOLD, .offset = size};
        watch_lock();
        if (watch_tape)
                watch_add(&op);
        watch_unlock();
}

Spot watch_of_fd(int fd)
{
        char link[64];

        (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        ssize_t n = readlink(link, watch_name, sizeof(watch_name) - 1);
        watch_name[n > 0 ? n : 0] = 0;
        /* What is no file has a name that begins otherwise, and must not be taken for a relative one. */
        return (Spot){AT_FDCWD, watch_name[0] == '/' ? watch_name : "/"};
}

/* Calls @visit for everything in a folder, each folder before what is in it. */
static void watch_each(const char *path, void (*visit)(const char *path, bool folder))
{
        DIR *entries = opendir(path);
        MUST(entries);
        for (const struct dirent *entry = readdir(entries); entry; entry = readdir(entries)) {
                char below[PATH_MAX];
                struct stat st;
                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                MUST(snprintf(below, sizeof(below), "%s/%s", path, entry->d_name) < PATH_MAX);
                MUST(lstat(below, &st) == 0);
                visit(below, S_ISDIR(st.st_mode));
                if (S_ISDIR(st.st_mode))
                        watch_each(below, visit);
        }
        (void)closedir(entries); /* It was only read. */
}

static void watch_import(const char *path, bool folder)
{
        _cleanup_(buffer_deinit) Buffer bytes = BUFFER_INIT;
        const Spot spot = {AT_FDCWD, path};

        watch_made(spot, folder);
        if (folder)
                return;
        MUST(fd_read_file(AT_FDCWD, path, SIZE_MAX, &bytes) == 0);
        watch_wrote(spot, 0, bytes.data, bytes.n);
}

static size_t watch_n_found;

static void watch_compare(const char *path, bool folder)
{
        _cleanup_(buffer_deinit) Buffer bytes = BUFFER_INIT;
        unsigned node = 0;

        watch_n_found++;
        if (!watch_find((Spot){AT_FDCWD, path}, &node)) {
                (void)fprintf(stderr, "%s was made by a call that is not recorded\n", path);
                abort();
        }
        if (folder)
                return;
        MUST(fd_read_file(AT_FDCWD, path, SIZE_MAX, &bytes) == 0);
        const Image *image = &watch_images[node];
        if (image->n == bytes.n && (bytes.n == 0 || memcmp(image->bytes, bytes.data, bytes.n) == 0))
                return;
        (void)fprintf(stderr, "%s was changed by a call that is not recorded\n", path);
        abort();
}

static size_t watch_count(unsigned node)
{
        const Image *image = &watch_images[node];
        size_t n = image->n_entries;

        for (size_t i = 0; i < image->n_entries; i++)
                n += watch_count(image->entries[i].node);
        return n;
}

void watch_start(Tape *tape, const char *root)
{
        watch_lock();
        tape_init(tape);
        watch_tape = tape;
        (void)snprintf(watch_root, sizeof(watch_root), "%s", root);
        watch_images = calloc(1, sizeof(Image));
        MUST(watch_images);
        watch_each(root, watch_import);
        watch_add(&(Op){.kind = OP_SYNC_ALL});
        tape->n_base = tape->n_ops;
        watch_unlock();
}

void watch_stop(void)
{
        watch_lock();
        watch_n_found = 0;
        watch_each(watch_root, watch_compare);
        MUST(watch_n_found == watch_count(TAPE_ROOT));
        for (unsigned i = 0; i < watch_tape->n_nodes; i++)
                image_deinit(&watch_images[i]);
        free(watch_images);
        watch_images = NULL;
        watch_tape = NULL;
        watch_unlock();
}
