/*
 * Reading an export. Pure but for the files that it reads; memory is bounded by one bundle. Run by the tool.
 */

#include "tools/export-reader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"

enum {
        VKEY_FILE_MAX = 1024,
        BUNDLE_FILE_MAX = TILE_WIDTH * (2 + UINT16_MAX),
        TILE_FILE_MAX = TILE_WIDTH * DIGEST_SIZE,
};

void export_deinit(Export *export)
{
        export->dir_fd = fd_close(export->dir_fd);
        free(export->note);
        buffer_deinit(&export->file);
        *export = EXPORT_INIT;
}

void bundle_deinit(Bundle *bundle)
{
        buffer_deinit(&bundle->bytes);
        *bundle = BUNDLE_INIT;
}

/* Says why, and gives back the ending, or -ENOMEM where there is no memory even for that. */
static int __attribute__((format(printf, 3, 4))) say(char **ret_why, int ending, const char *format, ...)
{
        va_list arguments;
        va_start(arguments, format);
        int n = vasprintf(ret_why, format, arguments);
        va_end(arguments);
        if (n < 0) {
                *ret_why = NULL;
                return -ENOMEM;
        }
        return ending;
}

static int read_regular(int dir_fd, const char *path, size_t max, Buffer *buffer)
{
        struct stat status;
        _cleanup_(fd_closep) int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        if (fd < 0 || fstat(fd, &status) < 0)
                return -errno;
        if (!S_ISREG(status.st_mode))
                return -EINVAL;
        if ((uint64_t)status.st_size > max)
                return -EFBIG;
        uint8_t *data = buffer_extend(buffer, (size_t)status.st_size);
        if (!data)
                return -ENOMEM;
        for (size_t at = 0; at < (size_t)status.st_size;) {
                ssize_t n = read(fd, data + at, (size_t)status.st_size - at);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return -EIO; /* it shrank while it was read */
                at += (size_t)n;
        }
        return 0;
}

int export_read_file(const Export *export, const char *path, size_t max, Buffer *buffer)
{
        return read_regular(export->dir_fd, path, max, buffer);
}

int export_read_path(const char *path, size_t max, Buffer *buffer)
{
        return read_regular(AT_FDCWD, path, max, buffer);
}

static int read_whole(Export *export, const char *path, size_t max, char **ret_why)
{
        buffer_clear(&export->file);
        int r = export_read_file(export, path, max, &export->file);
        if (r == -ENOMEM)
                return r;
        return r < 0 ? say(ret_why, EXPORT_E_UNREADABLE, "%s: %s", path, strerror(-r)) : 0;
}

static int read_vkey_file(int dir_fd, const char *path, NoteVerifier *ret_verifier, char **ret_why)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;

        int r = read_regular(dir_fd, path, VKEY_FILE_MAX, &text);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return say(ret_why, EXPORT_E_UNREADABLE, "%s: %s", path, strerror(-r));
        if (strlen(buffer_text(&text)) == text.n &&
            note_verifier_parse(buffer_text(&text), ret_verifier) == 0)
                return 0;
        return say(ret_why, EXPORT_E_MALFORMED, "%s: this is no verifier key", path);
}

int export_read_own_vkey(const Export *export, const char *path, NoteVerifier *ret_verifier, char **ret_why)
{
        return read_vkey_file(export->dir_fd, path, ret_verifier, ret_why);
}

int export_own_vkey_differs(const Export *export, const char *path, const NoteVerifier *verifier)
{
        _cleanup_(buffer_deinit) Buffer found = BUFFER_INIT, expected = BUFFER_INIT;

        int r = read_regular(export->dir_fd, path, VKEY_FILE_MAX, &found);
        note_verifier_vkey(verifier, &expected);
        if (r == -ENOMEM || expected.failed)
                return -ENOMEM;
        /* A copy without the keys is checked by those that were brought. */
        if (r == -ENOENT)
                return 0;
        return r < 0 || found.n != expected.n || memcmp(found.data, expected.data, found.n) != 0;
}

int export_read_vkey(const char *vkey, NoteVerifier *ret_verifier, char **ret_why)
{
        /* The text of a key is taken for one, and no file: who has
         * a file of such a name says ./ before it. */
        if (note_verifier_parse(vkey, ret_verifier) == 0)
                return 0;
        return read_vkey_file(AT_FDCWD, vkey, ret_verifier, ret_why);
}

static int open_checkpoint(Export *export, char **ret_why)
{
        int r = read_whole(export, "checkpoint", NOTE_MAX, ret_why);
        if (r != 0)
                return r;
        switch (note_open(&export->verifier, buffer_text(&export->file), export->file.n, &export->head)) {
        case 0:
                export->note = strndup(buffer_text(&export->file), export->file.n);
                return export->note ? 0 : -ENOMEM;
        case NOTE_E_UNSIGNED:
                return say(ret_why, EXPORT_E_UNSIGNED, "checkpoint: it is not signed by %s",
                           export->verifier.name);
        case NOTE_E_OTHER_LOG:
                return say(ret_why, EXPORT_E_UNSIGNED, "checkpoint: it belongs to another log than %s",
                           export->verifier.name);
        default:
                return say(ret_why, EXPORT_E_MALFORMED, "checkpoint: this is no signed checkpoint");
        }
}

int export_open(const ExportSource *source, Export *ret_export, char **ret_why)
{
        _cleanup_(export_deinit) Export export = EXPORT_INIT;

        export.dir_fd = open(source->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (export.dir_fd < 0)
                return say(ret_why, EXPORT_E_UNREADABLE, "%s", strerror(errno));
        export.own_key = !source->vkey;
        int r = source->vkey ? export_read_vkey(source->vkey, &export.verifier, ret_why)
                             : read_vkey_file(export.dir_fd, "log.vkey", &export.verifier, ret_why);
        if (r == 0)
                r = open_checkpoint(&export, ret_why);
        if (r != 0)
                return r;
        *ret_export = export;
        export = EXPORT_INIT;
        return 0;
}

uint64_t export_n_bundles(const Export *export)
{
        return export->head.size / TILE_WIDTH + (export->head.size % TILE_WIDTH ? 1 : 0);
}

unsigned export_width(const Export *export, unsigned level, uint64_t n)
{
        uint64_t n_hashes = level * TILE_HEIGHT < 64 ? export->head.size >> level * TILE_HEIGHT : 0;
        uint64_t n_full = n_hashes / TILE_WIDTH;

        if (n < n_full)
                return TILE_WIDTH;
        return n == n_full ? (unsigned)(n_hashes % TILE_WIDTH) : 0;
}

bool bundle_split(Bundle *bundle, bool exact)
{
        const uint8_t *data = bundle->bytes.data;
        size_t n = bundle->bytes.n;

        for (unsigned i = 0; i < bundle->n; i++)
                if (!tile_entries_next(&data, &n, &bundle->leaves[i], &bundle->sizes[i]))
                        return false;
        return !exact || n == 0;
}

/* Which file of the export stands for one of its places. */
typedef struct Place {
        void (*path)(const struct Place *place, unsigned width, char ret_path[static TILE_PATH_MAX]);
        unsigned level;
        uint64_t n;
        unsigned width;
        size_t max;
} Place;

static void place_entries_path(const Place *place, unsigned width, char ret_path[static TILE_PATH_MAX])
{
        tile_entries_path(place->n, width, ret_path);
}

static void place_tile_path(const Place *place, unsigned width, char ret_path[static TILE_PATH_MAX])
{
        tile_path(place->level, place->n, width, ret_path);
}

/* Reads the file of that width, or the next wider one: as a log grows it may drop partial files. */
static int read_place(Export *export, const Place *place, Buffer *buffer, unsigned *ret_width, char **ret_why)
{
        char path[TILE_PATH_MAX];
        int r = -ENOENT;

        for (unsigned width = place->width; width <= TILE_WIDTH && r == -ENOENT; width++) {
                buffer_clear(buffer);
                place->path(place, width, path);
                r = export_read_file(export, path, place->max, buffer);
                *ret_width = width;
        }
        if (r == 0 || r == -ENOMEM)
                return r;
        place->path(place, place->width, path);
        return say(ret_why, EXPORT_E_UNREADABLE, "%s: %s", path, strerror(-r));
}

static int say_malformed(const Place *place, unsigned width, char **ret_why)
{
        char path[TILE_PATH_MAX];
        place->path(place, width, path);
        return say(ret_why, EXPORT_E_MALFORMED, "%s: it does not hold just %u entries", path, width);
}

int export_read_bundle(Export *export, uint64_t n, Bundle *bundle, char **ret_why)
{
        const Place place = {place_entries_path, 0, n, export_width(export, 0, n), BUNDLE_FILE_MAX};
        unsigned width = 0;

        bundle->first = n * TILE_WIDTH;
        bundle->n = 0;
        int r = read_place(export, &place, &bundle->bytes, &width, ret_why);
        if (r != 0)
                return r;
        bundle->n = place.width;
        if (bundle_split(bundle, width == place.width))
                return 0;
        bundle->n = 0;
        return say_malformed(&place, width, ret_why);
}

int export_read_tile(Export *export, Tile *tile, char **ret_why)
{
        const Place place = {place_tile_path, tile->level, tile->n,
                             export_width(export, tile->level, tile->n), TILE_FILE_MAX};
        unsigned width = 0;

        tile->width = 0;
        int r = read_place(export, &place, &export->file, &width, ret_why);
        if (r != 0)
                return r;
        if (export->file.n != (size_t)width * DIGEST_SIZE)
                return say_malformed(&place, width, ret_why);
        tile->width = place.width;
        memcpy(tile->hashes, export->file.data, (size_t)place.width * DIGEST_SIZE);
        return 0;
}
