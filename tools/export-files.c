/*
 * A walk over an export. Reads only; a name counts as a tile's when the tile's own name comes out the same.
 */

#include "tools/export-files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/text.h"

enum {
        STALE_FILE_MAX = TILE_WIDTH * (2 + UINT16_MAX),
        POLICY_FILE_MAX = 1024 * 1024, /* above any file of a policy, and any .ids */
        POLICY_FILES_MAX = 65536,
        DECIMAL_SIZE = 21,
};

DEFINE_CLEANUP(FTS *, fts_close);
DEFINE_CLEANUP(DigestStream *, digest_stream_free);

/* ----------------------------------------------------------------------------- what a name of a file says */

typedef struct TileName {
        bool entries;
        unsigned level;
        uint64_t n;
        unsigned width;
} TileName;

/* Takes the groups of N: "x001/x234/067". */
static bool name_number(const char **text, uint64_t *ret_n)
{
        uint64_t n = 0;

        for (unsigned groups = 0; groups < 6; groups++) {
                bool more = **text == 'x';
                if (more)
                        (*text)++;
                for (unsigned i = 0; i < 3; i++, (*text)++) {
                        if (**text < '0' || **text > '9')
                                return false;
                        n = n * 10 + (uint64_t)(**text - '0');
                }
                if (!more) {
                        *ret_n = n;
                        return true;
                }
                if (*(*text)++ != '/')
                        return false;
        }
        return false;
}

static bool name_level(const char **text, TileName *name)
{
        const char *slash = strchr(*text, '/');
        uint64_t level = 0;

        if (!slash)
                return false;
        size_t n = (size_t)(slash - *text);
        name->entries = n == strlen("entries") && strncmp(*text, "entries", n) == 0;
        if (!name->entries && (!text_to_u64(*text, n, &level) || level > 63))
                return false;
        name->level = (unsigned)level;
        *text = slash + 1;
        return true;
}

/* Reads a path below the export. Lenient on purpose: the name is written anew and compared. */
static bool name_parse(const char *path, TileName *ret_name)
{
        TileName name = {.width = TILE_WIDTH};
        char again[TILE_PATH_MAX];
        const char *text = path + strlen("tile/");
        uint64_t width = TILE_WIDTH;

        if (strncmp(path, "tile/", strlen("tile/")) != 0)
                return false;
        if (!name_level(&text, &name) || !name_number(&text, &name.n))
                return false;
        if (strncmp(text, ".p/", 3) == 0 &&
            (!text_to_u64(text + 3, strlen(text + 3), &width) || width == 0 || width >= TILE_WIDTH))
                return false;
        name.width = (unsigned)width;
        if (name.entries)
                tile_entries_path(name.n, name.width, again);
        else
                tile_path(name.level, name.n, name.width, again);
        *ret_name = name;
        return strcmp(again, path) == 0;
}

/* ----------------------------------------------------------------------------------------------- the walk */

static const char epoch_folder[] = "epoch/";

typedef struct Walk {
        Export *export;
        Findings *findings;
        uint64_t n_epochs;
        uint64_t n_stale, n_beyond, n_unfinished;
        Buffer stale;
        Bundle bundle;
} Walk;

/* A partial file of a smaller tree has to be a prefix of the one that took its place. */
static bool stale_is_prefix(Walk *walk, const TileName *name, char **ret_why)
{
        Tile tile = {.level = name->level, .n = name->n};

        if (!name->entries)
                return export_read_tile(walk->export, &tile, ret_why) == 0 &&
                       walk->stale.n == (size_t)name->width * DIGEST_SIZE &&
                       memcmp(walk->stale.data, tile.hashes, walk->stale.n) == 0;
        if (export_read_bundle(walk->export, name->n, &walk->bundle, ret_why) != 0)
                return false;
        size_t end = (size_t)(walk->bundle.leaves[name->width] - 2 - walk->bundle.bytes.data);
        return walk->stale.n == end && memcmp(walk->stale.data, walk->bundle.bytes.data, end) == 0;
}

static void walk_tile(Walk *walk, const TileName *name, const char *path)
{
        unsigned width = export_width(walk->export, name->level, name->n);
        _cleanup_(freep) char *why = NULL;

        if (name->width == width)
                return;
        if (name->width > width) {
                walk->n_beyond++;
                return;
        }
        buffer_clear(&walk->stale);
        int r = export_read_file(walk->export, path, STALE_FILE_MAX, &walk->stale);
        /* A log that is being written takes the parts away as soon as the whole is there. */
        if (r == -ENOENT)
                return;
        walk->n_stale++;
        if (r < 0 || !stale_is_prefix(walk, name, &why))
                findings_file(walk->findings, path,
                              "this part of an earlier state is not what the log holds");
}

static bool is_known(const char *path)
{
        static const char *const files[] = {"checkpoint", "log.vkey", "epoch0.vkey"};
        static const char policies[] = "policy/"; /* named by what is in them */

        for (size_t i = 0; i < ARRAY_SIZE(files); i++)
                if (strcmp(path, files[i]) == 0)
                        return true;
        return strncmp(path, policies, strlen(policies)) == 0;
}

/* Those of ended epochs have been checked, against the leaf that ended them. Any other has to be of a longer
 * log than the checkpoint covers. */
static void walk_epoch(Walk *walk, const char *path)
{
        const char *number = path + strlen(epoch_folder);
        uint64_t epoch = 0;
        TreeHead head = {};

        bool named = text_to_u64(number, strlen(number), &epoch);
        if (named && epoch < walk->n_epochs)
                return;
        buffer_clear(&walk->stale);
        int r = named ? export_read_file(walk->export, path, NOTE_MAX, &walk->stale) : 0;
        if (named && r == 0 &&
            note_open_of(&walk->export->verifier, walk->export->verifier.name, &walk->stale, &head) == 0 &&
            head.size > walk->export->head.size)
                walk->n_beyond++;
        else
                findings_file(walk->findings, path, "this is the checkpoint of no epoch that has ended");
}

static void walk_file(Walk *walk, const char *path)
{
        TileName name;
        size_t n = strlen(path);

        if (name_parse(path, &name))
                walk_tile(walk, &name, path);
        else if (n > 4 && strcmp(path + n - 4, ".tmp") == 0)
                walk->n_unfinished++;
        else if (strncmp(path, epoch_folder, strlen(epoch_folder)) == 0)
                walk_epoch(walk, path);
        else if (!is_known(path))
                findings_remark(walk->findings, "%s: this file belongs to no log", path);
}

static void walk_report(const Walk *walk)
{
        if (walk->n_stale > 0)
                findings_remark(walk->findings,
                                "%" PRIu64
                                " files are left over from earlier states of the log; they agree with it "
                                "unless a fault says otherwise",
                                walk->n_stale);
        if (walk->n_beyond > 0)
                findings_remark(walk->findings,
                                "%" PRIu64
                                " files belong to a longer log than the checkpoint covers: either the export "
                                "was being written, or an older checkpoint was put back",
                                walk->n_beyond);
        if (walk->n_unfinished > 0)
                findings_remark(walk->findings, "%" PRIu64 " files were left unfinished", walk->n_unfinished);
}

static int walk_tree(Walk *walk, const char *dir)
{
        char *const roots[] = {(char *)dir, NULL};
        _cleanup_(fts_closep) FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_NOSTAT, NULL);
        if (!fts)
                return -errno;
        for (;;) {
                errno = 0;
                const FTSENT *entry = fts_read(fts);
                if (!entry)
                        return errno ? -errno : 0;
                if (entry->fts_info == FTS_D || entry->fts_info == FTS_DP)
                        continue;
                const char *path = entry->fts_path + strlen(dir);
                path += strspn(path, "/");
                if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR)
                        findings_file(walk->findings, path, "%s", strerror(entry->fts_errno));
                else
                        walk_file(walk, path);
        }
}

int export_files_check(Export *export, const ExportFolder *folder, Findings *findings)
{
        Walk walk = {
                .export = export, .findings = findings, .n_epochs = folder->n_epochs, .bundle = BUNDLE_INIT};

        int r = walk_tree(&walk, folder->dir);
        if (r == 0)
                walk_report(&walk);
        buffer_deinit(&walk.stale);
        bundle_deinit(&walk.bundle);
        return r;
}

/* -------------------------------------------------------------------------------------- archived policies */

typedef struct Paths {
        char **items;
        size_t n;
} Paths;

static void paths_deinit(Paths *paths)
{
        for (size_t i = 0; i < paths->n; i++)
                free(paths->items[i]);
        free(paths->items);
        *paths = (Paths){};
}

static int paths_add(Paths *paths, const char *prefix, const char *name)
{
        char *path = NULL;
        char **items = reallocarray(paths->items, paths->n + 1, sizeof(*items));

        if (!items)
                return -ENOMEM;
        paths->items = items;
        if (paths->n >= POLICY_FILES_MAX)
                return -E2BIG;
        if (asprintf(&path, "%s%s%s", prefix, *prefix ? "/" : "", name) < 0)
                return -ENOMEM;
        paths->items[paths->n++] = path;
        return 0;
}

/* Gathers the files of a folder, and of the folders in it: drop-ins lie one level deep. */
static int paths_gather(Paths *paths, int dir_fd, const char *prefix)
{
        int fd = openat(dir_fd, *prefix ? prefix : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        int r = 0;

        if (!dir) {
                r = -errno;
                (void)fd_close(fd);
                return r;
        }
        for (const struct dirent *entry = readdir(dir); entry && r == 0; entry = readdir(dir)) {
                struct stat status;
                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                if (fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
                        r = -errno;
                else if (S_ISDIR(status.st_mode) && !*prefix)
                        r = paths_gather(paths, dir_fd, entry->d_name);
                else
                        r = paths_add(paths, prefix, entry->d_name);
        }
        (void)closedir(dir); /* it was only read */
        return r;
}

/* The order of the policy digest: by byte, but for the ids, which come last. */
static int compare_paths(const void *a, const void *b)
{
        const char *left = *(char *const *)a, *right = *(char *const *)b;
        int ids = (strcmp(left, ".ids") == 0) - (strcmp(right, ".ids") == 0);
        return ids ? ids : strcmp(left, right);
}

static int digest_file(DigestStream *stream, const char *folder, const Export *export, const char *path)
{
        _cleanup_(buffer_deinit) Buffer content = BUFFER_INIT;
        _cleanup_(freep) char *whole = NULL;
        char length[DECIMAL_SIZE];

        if (asprintf(&whole, "%s/%s", folder, path) < 0) {
                whole = NULL;
                return -ENOMEM;
        }
        int r = export_read_file(export, whole, POLICY_FILE_MAX, &content);
        if (r < 0)
                return r;
        int n = snprintf(length, sizeof(length), "%zu", content.n);
        digest_stream_add(stream, path, strlen(path) + 1);
        digest_stream_add(stream, length, (size_t)n + 1);
        digest_stream_add(stream, content.data, content.n);
        return 0;
}

static int digest_folder(const Export *export, const char *folder, Digest *ret_digest)
{
        _cleanup_(digest_stream_freep) DigestStream *stream = digest_stream_new();
        _cleanup_(paths_deinit) Paths paths = {};
        _cleanup_(fd_closep) int fd = openat(export->dir_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        int r = paths_gather(&paths, fd, "");
        if (r < 0)
                return r;
        if (paths.n > 0)
                qsort(paths.items, paths.n, sizeof(*paths.items), compare_paths);
        for (size_t i = 0; i < paths.n && r == 0; i++)
                r = digest_file(stream, folder, export, paths.items[i]);
        if (r == 0)
                digest_stream_finish(stream, ret_digest);
        return r;
}

int export_files_check_policy(const Export *export, uint64_t index, const Digest *digest, Findings *findings)
{
        char folder[sizeof("policy/") + DIGEST_HEX_SIZE] = "policy/";
        Digest found;

        digest_hex(digest, folder + strlen(folder));
        int r = digest_folder(export, folder, &found);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                findings_file(findings, folder, "the policy that leaf %" PRIu64 " says was loaded: %s", index,
                              strerror(-r));
        else if (!digest_equal(&found, digest))
                findings_file(findings, folder,
                              "this is not the policy that leaf %" PRIu64 " says was loaded", index);
        return 0;
}
