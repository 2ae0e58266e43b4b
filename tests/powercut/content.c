/* Rows and files, compared one by one. */

#include "content.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/text.h"
#include "log/tile.h"
#include "must.h"
#include "seed.h"

static void content_hex(Buffer *text, const void *data, size_t n)
{
        _cleanup_(freep) char *hex = malloc(2 * n + 1);
        MUST(hex);
        text_hex(data, n, hex);
        buffer_append_text(text, hex);
}

/* What the rows that the store derives from entries should be, a line each, ordered as in content_sql. */
static void content_expect(const Content *content, Buffer *text)
{
        const Book *book = content->book;
        uint64_t outcome;

        for (uint64_t i = 0; i < content->size; i++) {
                const BookLeaf *leaf = &book->leaves[i];
                if (!leaf->has_detail || book_is_erased(book, content->size, i))
                        continue;
                buffer_append_format(text, "detail %" PRIu64 " ", i);
                content_hex(text, leaf->salt, sizeof(leaf->salt));
                buffer_append_text(text, " ");
                content_hex(text, leaf->detail, leaf->n_detail);
                buffer_append_text(text, "\n");
        }
        for (uint64_t i = 0; i < content->size; i++)
                if (book->leaves[i].role == TRAIL_PERMIT && book_outcome(book, content->size, i, &outcome))
                        buffer_append_format(text, "outcome %" PRIu64 " %" PRIu64 "\n", i, outcome);
}

static const char content_sql[] =
        "SELECT * FROM (SELECT 'detail ' || i || ' ' || lower(hex(salt)) || ' ' || lower(hex(b)) FROM detail "
        "WHERE salt <> zeroblob(32) ORDER BY i) "
        "UNION ALL SELECT * FROM (SELECT 'outcome ' || i || ' ' || outcome FROM outcome_of ORDER BY i)";

static bool content_rows(const Content *content, Buffer *why)
{
        _cleanup_(buffer_deinit) Buffer expected = BUFFER_INIT, found = BUFFER_INIT;
        sqlite3_stmt *rows = NULL;
        sqlite3 *db = NULL;
        char path[512];
        int rc;

        (void)snprintf(path, sizeof(path), "%s/trail/trail.db", content->state_dir);
        content_expect(content, &expected);
        /* Past the watch, which has no shared memory. */
        MUST(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, "unix") == SQLITE_OK);
        rc = sqlite3_prepare_v2(db, content_sql, -1, &rows, NULL);
        while (rc == SQLITE_OK && sqlite3_step(rows) == SQLITE_ROW)
                buffer_append_format(&found, "%s\n", (const char *)sqlite3_column_text(rows, 0));
        (void)sqlite3_finalize(rows); /* What it could not read is missing in what was found. */
        (void)sqlite3_close(db);      /* Nothing is open. */
        if (strcmp(buffer_text(&expected), buffer_text(&found)) == 0)
                return true;
        buffer_append_text(why, "details or outcomes in the database are not those of the leaves");
        return false;
}

/* No file of the database may hold a byte of what was erased; its salt is looked for, which stands nowhere else. */
static bool content_erased(const Content *content, Buffer *why)
{
        static const char *const names[] = {"trail.db", "trail.db-wal"};
        char path[512];

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                _cleanup_(buffer_deinit) Buffer file = BUFFER_INIT;
                (void)snprintf(path, sizeof(path), "%s/trail/%s", content->state_dir, names[i]);
                int r = fd_read_file(AT_FDCWD, path, SIZE_MAX, &file);
                MUST(r == 0 || r == -ENOENT);
                for (uint64_t j = 0; r == 0 && j < content->size; j++) {
                        const BookLeaf *leaf = &content->book->leaves[j];
                        if (!book_is_erased(content->book, content->size, j) ||
                            !memmem(file.data, file.n, leaf->salt, sizeof(leaf->salt)))
                                continue;
                        buffer_append_format(why, "%s holds the erased detail of leaf %" PRIu64, names[i], j);
                        return false;
                }
        }
        return true;
}

/* The seed of the epoch at hand, and none of one that has ended. */
static bool content_seed(const Content *content, Buffer *why)
{
        _cleanup_(buffer_deinit) Buffer file = BUFFER_INIT;
        uint64_t epoch = book_epoch(content->book, content->size), oldest = 0;
        char path[512];

        (void)snprintf(path, sizeof(path), "%s/trail/epoch.seed", content->state_dir);
        if (fd_read_file(AT_FDCWD, path, SIZE_MAX, &file) == 0 && seed_oldest(file.data, file.n, &oldest) &&
            oldest == epoch)
                return true;
        buffer_append_format(why, "trail/epoch.seed is not that of epoch %" PRIu64, epoch);
        return false;
}

/* Whether a file holds these bytes; @more: or these and others behind them. */
static bool content_holds(const Content *content, const char *path, const Buffer *expected, bool more)
{
        _cleanup_(buffer_deinit) Buffer found = BUFFER_INIT;
        char full[512];

        (void)snprintf(full, sizeof(full), "%s/%s", content->state_dir, path);
        return fd_read_file(AT_FDCWD, full, SIZE_MAX, &found) == 0 &&
               (more ? found.n >= expected->n : found.n == expected->n) &&
               (expected->n == 0 || memcmp(found.data, expected->data, expected->n) == 0);
}

/* Whether a file of the export holds these bytes; where it grows, the full one serves for a partial one. */
static bool content_file(const Content *content, const char *path, const Buffer *expected, Buffer *why)
{
        const char *partial = strstr(path, ".p/");
        char full[256];

        if (content_holds(content, path, expected, false))
                return true;
        (void)snprintf(full, sizeof(full), "%.*s", partial ? (int)(partial - path) : 0, path);
        if (content->grows && partial && content_holds(content, full, expected, true))
                return true;
        buffer_append_format(why, "%s is missing, or holds something else", path);
        return false;
}

/* A tile of leaves and their bundle. */
static bool content_tile(const Content *content, uint64_t n, unsigned width, Buffer *why)
{
        _cleanup_(buffer_deinit) Buffer hashes = BUFFER_INIT, entries = BUFFER_INIT;
        char name[TILE_PATH_MAX], path[TILE_PATH_MAX + 8];

        for (uint64_t i = n * TILE_WIDTH; i < n * TILE_WIDTH + width; i++) {
                const BookLeaf *leaf = &content->book->leaves[i];
                buffer_append(&hashes, leaf->hash.bytes, DIGEST_SIZE);
                tile_entries_put(&entries, leaf->bytes, leaf->n);
        }
        tile_path(0, n, width, name);
        (void)snprintf(path, sizeof(path), "export/%s", name);
        if (!content_file(content, path, &hashes, why))
                return false;
        tile_entries_path(n, width, name);
        (void)snprintf(path, sizeof(path), "export/%s", name);
        return content_file(content, path, &entries, why);
}

/* The tile over full tiles. */
static bool content_tile_above(const Content *content, unsigned width, Buffer *why)
{
        _cleanup_(buffer_deinit) Buffer hashes = BUFFER_INIT;
        char name[TILE_PATH_MAX], path[TILE_PATH_MAX + 8];

        for (unsigned n = 0; n < width; n++) {
                Frontier frontier = FRONTIER_INIT;
                Digest root;
                for (unsigned i = 0; i < TILE_WIDTH; i++)
                        frontier_append(&frontier, &content->book->leaves[n * TILE_WIDTH + i].hash);
                frontier_root(&frontier, &root);
                buffer_append(&hashes, root.bytes, DIGEST_SIZE);
        }
        tile_path(1, 0, width, name);
        (void)snprintf(path, sizeof(path), "export/%s", name);
        return content_file(content, path, &hashes, why);
}

static bool content_tiles(const Content *content, Buffer *why)
{
        unsigned n_full = (unsigned)(content->size / TILE_WIDTH), rest = content->size % TILE_WIDTH;

        MUST(n_full < TILE_WIDTH);
        for (unsigned n = 0; n < n_full; n++)
                if (!content_tile(content, n, TILE_WIDTH, why))
                        return false;
        if (rest > 0 && !content_tile(content, n_full, rest, why))
                return false;
        return n_full == 0 || content_tile_above(content, n_full, why);
}

/* The two keys that a checkpoint is signed with. */
typedef struct Keys {
        NoteVerifier log, epoch;
} Keys;

/* Whether a file is the checkpoint of so many leaves, signed by both keys. */
static bool content_note(const Content *content, const char *name, uint64_t size, const Keys *keys)
{
        _cleanup_(buffer_deinit) Buffer note = BUFFER_INIT;
        char path[512];
        TreeHead head = {};
        Digest root;

        (void)snprintf(path, sizeof(path), "%s/export/%s", content->state_dir, name);
        book_root(content->book, size, &root);
        return fd_read_file(AT_FDCWD, path, NOTE_MAX, &note) == 0 &&
               note_open_of(&keys->epoch, keys->log.name, &note, &head) == 0 &&
               note_open_of(&keys->log, keys->log.name, &note, &head) == 0 && head.size == size &&
               digest_equal(&head.root, &root);
}

/* The key of the epoch that begins behind a leaf, which names it. */
static void content_next_key(const BookLeaf *leaf, uint64_t epoch, Keys *keys)
{
        static const char name[] = "\"next\":\"";
        uint8_t key[NOTE_PUBLIC_KEY_SIZE];
        const char *next = memmem(leaf->bytes, leaf->n, name, strlen(name));

        MUST(next);
        MUST(text_from_hex(next + strlen(name), 2 * sizeof(key), key, sizeof(key)));
        MUST(note_epoch_verifier(keys->log.name, epoch, key, &keys->epoch) == 0);
}

/* The checkpoint of each epoch that has ended, and the newest. @keys: of the log and the first epoch. */
static bool content_checkpoints(const Content *content, Keys *keys, Buffer *why)
{
        const Book *book = content->book;
        bool at_end = false;
        char name[32];

        for (uint64_t i = 0; i < content->size; i++) {
                at_end = book->leaves[i].role == TRAIL_EPOCH;
                if (!at_end)
                        continue;
                (void)snprintf(name, sizeof(name), "epoch/%" PRIu64, book->leaves[i].state.epoch - 1);
                if (!content_note(content, name, i + 1, keys)) {
                        buffer_append_format(why, "export/%s is not the checkpoint of that epoch", name);
                        return false;
                }
                if (i + 1 < content->size)
                        content_next_key(&book->leaves[i], book->leaves[i].state.epoch, keys);
        }
        if (content_note(content, "checkpoint", content->size, keys))
                return true;
        buffer_append_text(why, "export/checkpoint is not that of the database");
        return false;
}

static bool content_policy(const Content *content, Buffer *why)
{
        char hex[DIGEST_HEX_SIZE], path[512];
        size_t n = 0;
        const PolicyText *texts = policy_texts(content->policy, &n);

        if (content->size == 0 || !content->book->leaves[content->size - 1].state.has_policy)
                return true;
        digest_hex(policy_digest(content->policy), hex);
        for (size_t i = 0; i < n; i++) {
                const Buffer bytes = {.data = (uint8_t *)texts[i].bytes, .n = texts[i].n};
                (void)snprintf(path, sizeof(path), "export/policy/%s/%s", hex, texts[i].path);
                if (!content_file(content, path, &bytes, why))
                        return false;
        }
        return true;
}

/* A verifier key, in both places. */
static bool content_key(const Content *content, const char *name, NoteVerifier *ret_verifier, Buffer *why)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        char path[512];

        (void)snprintf(path, sizeof(path), "%s/export/%s", content->state_dir, name);
        if (fd_read_file(AT_FDCWD, path, NOTE_MAX, &text) != 0 ||
            note_verifier_parse(buffer_text(&text), ret_verifier) != 0) {
                buffer_append_format(why, "export/%s is no key", name);
                return false;
        }
        (void)snprintf(path, sizeof(path), "public/%s", name);
        return content_file(content, path, &text, why);
}

/* The verifier keys, and the checkpoints. */
static bool content_signed(const Content *content, Buffer *why)
{
        Keys keys;

        if (!content_key(content, "log.vkey", &keys.log, why) ||
            !content_key(content, "epoch0.vkey", &keys.epoch, why))
                return false;
        if (content->verifier &&
            memcmp(keys.log.public_key, content->verifier->public_key, sizeof(keys.log.public_key)) != 0) {
                buffer_append_text(why, "export/log.vkey is not the log's");
                return false;
        }
        return content_checkpoints(content, &keys, why);
}

bool content_check_rows(const Content *content, char *ret_why, size_t n_why)
{
        _cleanup_(buffer_deinit) Buffer why = BUFFER_INIT;

        bool good =
                content_rows(content, &why) && content_erased(content, &why) && content_seed(content, &why);
        if (!good)
                (void)snprintf(ret_why, n_why, "%s", buffer_text(&why));
        return good;
}

bool content_check_export(const Content *content, char *ret_why, size_t n_why)
{
        static bool (*const checks[])(const Content *, Buffer *) = {
                content_signed,
                content_tiles,
                content_policy,
        };
        _cleanup_(buffer_deinit) Buffer why = BUFFER_INIT;
        bool good = true;

        for (size_t i = 0; i < ARRAY_SIZE(checks) && good; i++)
                good = checks[i](content, &why);
        if (!good)
                (void)snprintf(ret_why, n_why, "%s", buffer_text(&why));
        return good;
}
