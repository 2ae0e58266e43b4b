/*
 * Reading directories. The only place of the layer that looks at owners and modes: each file is opened once,
 * and what is checked is what was opened. Symbolic links are not followed, but for the one that masks.
 */

#include "policy/layers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "policy/unitfile.h"

typedef struct LayerReader {
        Arena *arena;
        Faults *faults;
        const PolicySource *source;
        SourceFile *files;
        size_t n;
        size_t capacity;
} LayerReader;

/* A folder being read: a layer, or one of its drop-in folders. */
typedef struct LayerFolder {
        int fd; /* borrowed */
        size_t layer;
        const char *shown;
        const char *prefix; /* of paths: "", or "NAME.TYPE.d/" */
} LayerFolder;

static void closedirp(DIR **dir)
{
        if (*dir)
                closedir(*dir);
}

static char *layer_join(Arena *arena, const char *a, const char *b)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;

        buffer_append_format(&text, "%s%s", a, b);
        return text.failed ? NULL : arena_copy(arena, text.data, text.n);
}

static char *layer_show(Arena *arena, const char *folder, const char *name)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;

        buffer_append_format(&text, "%s/", folder);
        faults_append_name(name, &text);
        return text.failed ? NULL : arena_copy(arena, text.data, text.n);
}

/* Whether nobody but the owner that is expected can have written it. */
static bool layer_check_owner(LayerReader *reader, const char *shown, const struct stat *st)
{
        if (!reader->source->check_owner)
                return true;
        if (st->st_uid != reader->source->owner) {
                faults_add(reader->faults, (Place){shown},
                           "owned by uid %u; expected uid %u, by chown: others could change it", st->st_uid,
                           reader->source->owner);
                return false;
        }
        if (!S_ISLNK(st->st_mode) && (st->st_mode & (S_IWGRP | S_IWOTH))) {
                faults_add(reader->faults, (Place){shown},
                           "mode %04o, writable by group or others; expected chmod go-w",
                           st->st_mode & 07777);
                return false;
        }
        return true;
}

static void layer_fault_errno(LayerReader *reader, const char *shown, int error)
{
        faults_add(reader->faults, (Place){shown}, "cannot be read: %s; expected a readable file or folder",
                   strerror(error));
}

static int layer_add(LayerReader *reader, SourceFile file)
{
        if (reader->n == reader->capacity) {
                size_t capacity = reader->capacity ? 2 * reader->capacity : 64;
                SourceFile *files = arena_new(reader->arena, capacity, sizeof(SourceFile));
                if (!files)
                        return -ENOMEM;
                if (reader->n > 0)
                        memcpy(files, reader->files, reader->n * sizeof(SourceFile));
                reader->files = files;
                reader->capacity = capacity;
        }
        reader->files[reader->n++] = file;
        return 0;
}

/* Reads up to one byte more than a policy file may have, so that too large a file shows. */
static int layer_read_bytes(int fd, Buffer *bytes)
{
        for (;;) {
                size_t n_before = bytes->n, n_want = UNITFILE_SIZE_MAX + 1 - n_before;
                if (n_want == 0)
                        return 0;
                void *room = buffer_extend(bytes, n_want);
                if (!room)
                        return -ENOMEM;
                ssize_t n = read(fd, room, n_want);
                bytes->n = n_before + (n > 0 ? (size_t)n : 0);
                if (n == 0)
                        return 0;
                if (n < 0 && errno != EINTR)
                        return -errno;
        }
}

/* So that whatever refers to the file, or drops in, is not faulted as well. */
static int layer_add_unread(LayerReader *reader, SourceFile file)
{
        file.unread = true;
        file.bytes = "";
        return layer_add(reader, file);
}

static int layer_read_file(LayerReader *reader, const LayerFolder *folder, const char *name, SourceFile file)
{
        _cleanup_(fd_closep) int fd =
                openat(folder->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        _cleanup_(buffer_deinit) Buffer bytes = BUFFER_INIT;
        struct stat st = {};

        if (fd < 0 || fstat(fd, &st) < 0) {
                layer_fault_errno(reader, file.shown, errno);
                return layer_add_unread(reader, file);
        }
        if (!S_ISREG(st.st_mode)) {
                faults_add(reader->faults, (Place){file.shown}, "not a regular file; expected one");
                return layer_add_unread(reader, file);
        }
        if (!layer_check_owner(reader, file.shown, &st))
                return layer_add_unread(reader, file);
        int r = layer_read_bytes(fd, &bytes);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                layer_fault_errno(reader, file.shown, -r);
                return layer_add_unread(reader, file);
        }
        file.n = bytes.n;
        file.bytes = arena_copy(reader->arena, bytes.data, bytes.n);
        return file.bytes ? layer_add(reader, file) : -ENOMEM;
}

static int layer_read_link(LayerReader *reader, const LayerFolder *folder, const char *name, SourceFile file)
{
        char target[16];
        ssize_t n = readlinkat(folder->fd, name, target, sizeof(target));

        if (n < 0) {
                layer_fault_errno(reader, file.shown, errno);
                return layer_add_unread(reader, file);
        }
        if (n != 9 || memcmp(target, "/dev/null", 9) != 0) {
                faults_add(reader->faults, (Place){file.shown},
                           "symbolic link; expected a file, or a link to /dev/null, which masks");
                return layer_add_unread(reader, file);
        }
        file.masked = true;
        file.bytes = "";
        return layer_add(reader, file);
}

static int layer_read_folder(LayerReader *reader, const LayerFolder *folder);

static int layer_read_drop_ins(LayerReader *reader, const LayerFolder *folder, const char *name,
                               SourceFile file)
{
        _cleanup_(fd_closep) int fd = -1;
        size_t n = strlen(name);

        if (folder->prefix[0] || n < 2 || strcmp(name + n - 2, ".d") != 0) {
                faults_add(reader->faults, (Place){file.shown},
                           "folder; expected files, and NAME.TYPE.d for drop-ins");
                return 0;
        }
        fd = openat(folder->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0) {
                layer_fault_errno(reader, file.shown, errno);
                return 0;
        }
        LayerFolder inner = {fd, folder->layer, file.shown, layer_join(reader->arena, name, "/")};
        return inner.prefix ? layer_read_folder(reader, &inner) : -ENOMEM;
}

static int layer_read_entry(LayerReader *reader, const LayerFolder *folder, const char *name)
{
        SourceFile file = {
                .layer = folder->layer,
                .path = layer_join(reader->arena, folder->prefix, name),
                .shown = layer_show(reader->arena, folder->shown, name),
        };
        struct stat st = {};

        if (!file.path || !file.shown)
                return -ENOMEM;
        if (fstatat(folder->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
                layer_fault_errno(reader, file.shown, errno);
                return 0;
        }
        if (S_ISDIR(st.st_mode))
                return layer_read_drop_ins(reader, folder, name, file);
        if (!S_ISLNK(st.st_mode))
                return layer_read_file(reader, folder, name, file);
        return layer_check_owner(reader, file.shown, &st) ? layer_read_link(reader, folder, name, file)
                                                          : layer_add_unread(reader, file);
}

static int layer_read_folder(LayerReader *reader, const LayerFolder *folder)
{
        struct stat st = {};
        int copy = fcntl(folder->fd, F_DUPFD_CLOEXEC, 3);
        _cleanup_(closedirp) DIR *dir = copy < 0 ? NULL : fdopendir(copy);

        if (!dir || fstat(folder->fd, &st) < 0) {
                layer_fault_errno(reader, folder->shown, errno);
                if (!dir)
                        (void)fd_close(copy);
                return 0;
        }
        if (!layer_check_owner(reader, folder->shown, &st))
                return 0;
        for (;;) {
                errno = 0;
                const struct dirent *entry = readdir(dir);
                if (!entry) {
                        if (errno != 0)
                                layer_fault_errno(reader, folder->shown, errno);
                        return 0;
                }
                if (source_is_ignored(entry->d_name))
                        continue;
                int r = layer_read_entry(reader, folder, entry->d_name);
                if (r < 0)
                        return r;
        }
}

/* Whether there was such a directory goes to `found`; that it cannot be read is no reason to pass it over. */
static int layer_read(LayerReader *reader, size_t layer, bool *found)
{
        const char *path = reader->source->dirs[layer];
        _cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0 && errno == ENOENT)
                return 0;
        *found = true;
        if (fd < 0) {
                layer_fault_errno(reader, path, errno);
                return 0;
        }
        LayerFolder folder = {fd, layer, path, ""};
        return layer_read_folder(reader, &folder);
}

int layers_read(Arena *arena, const PolicySource *source, SourceFile **ret_files, size_t *ret_n,
                Faults *faults)
{
        LayerReader reader = {.arena = arena, .faults = faults, .source = source};
        bool found = false;

        for (size_t i = 0; i < source->n_dirs; i++) {
                int r = layer_read(&reader, i, &found);
                if (r < 0)
                        return r;
        }
        if (!found)
                faults_add(faults, (Place){source->n_dirs > 0 ? source->dirs[source->n_dirs - 1] : "policy"},
                           "does not exist, nor does a stronger policy directory; expected at least one");
        *ret_files = reader.files;
        *ret_n = reader.n;
        return 0;
}
