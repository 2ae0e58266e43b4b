/*
 * The trail's database. Owns the one connection and its prepared statements; knows nothing of hashes, keys or
 * threads. Runs in the guard: in the caller of trail_open(), afterwards in the trail's thread only.
 *
 * Layout of trail.db (STRICT tables, schema.c; page 4096, application id "MGUD")
 *
 *   leaf        i -> b                   every leaf; triggers refuse change and removal
 *   tile        level << 48 | n -> h     hashes of 32 bytes; level 0: full tiles only, above: rows that grow
 *   head        one row                  size, what the loop goes on from, how many details are held, origin,
 *                                        signed checkpoint
 *   open_req    i                        permits that have no outcome yet
 *   detail      i -> salt, b             openings of commitments; all zero: erased
 *   outcome_of  i -> outcome             where a permit's outcome stands
 *   ckpt        epoch -> note            the checkpoint that ended an epoch; these stay for ever, too
 *
 * Erasing. A row of `detail` is overwritten with zeros where it stands, and not removed: removal lets SQLite
 * move neighbours from page to page to fill the gap, and secure_delete leaves copies of what it moves in the
 * unused part of pages, where they would outlive the row itself. So no row that is held ever moves: rows are
 * only added at the end, and only a run of erased rows at the very beginning is removed, but for its last
 * STORE_MARGIN, which is more rows than the three pages hold that a removal can reach. Old pages are gone from
 * the write-ahead log once that is cut to nothing, which follows every erasure (`owes_cut`).
 *
 * SQLite before 3.51.3 can lose committed pages when two connections use one write-ahead log. There is one
 * connection, and it holds the file exclusively.
 */

#include "trail/store.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/macro.h"
#include "trail/fatal.h"
#include "trail/schema.h"

enum {
        STORE_CHECKED_PAGES = 8192, /* a database of more is not read whole at start */
        /* Pages; at the latest then they move, load or not, where there is room. With four times as many requests waited
         * twice as long for it, and not one more a second went through. */
        STORE_WAITING_MAX = 1000,
        STORE_MARGIN = 1024, /* rows; a page holds under 100 */
};

typedef enum StoreStatement {
        STATEMENT_BEGIN,
        STATEMENT_COMMIT,
        STATEMENT_LEAF,
        STATEMENT_TILE,
        STATEMENT_HEAD,
        STATEMENT_OPEN,
        STATEMENT_CLOSE,
        STATEMENT_DETAIL,
        STATEMENT_ERASE,
        STATEMENT_RECLAIM,
        STATEMENT_OUTCOME,
        STATEMENT_EPOCH,
        STATEMENT_READ, /* the first of those that read, in the order of StoreWhat */
        STATEMENT_MAX = STATEMENT_READ + STORE_DETAIL_LEAVES + 1,
} StoreStatement;

static const char *const store_statements[STATEMENT_MAX] = {
        [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
        [STATEMENT_COMMIT] = "COMMIT",
        [STATEMENT_LEAF] = "INSERT INTO leaf (i, b) VALUES (?1, ?2)",
        [STATEMENT_TILE] =
                "INSERT INTO tile (k, h) VALUES (?1, ?2) ON CONFLICT (k) DO UPDATE SET h = excluded.h",
        [STATEMENT_HEAD] =
                "INSERT INTO head (id, size, time, mark, policy, epoch, epoch_first, epoch_time, origin, "
                "epoch0, note, details) VALUES (0, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) "
                "ON CONFLICT (id) DO UPDATE SET size = excluded.size, time = excluded.time, "
                "mark = excluded.mark, policy = excluded.policy, epoch = excluded.epoch, "
                "epoch_first = excluded.epoch_first, epoch_time = excluded.epoch_time, "
                "note = excluded.note, details = excluded.details",
        [STATEMENT_OPEN] = "INSERT INTO open_req (i) VALUES (?1)",
        [STATEMENT_CLOSE] = "DELETE FROM open_req WHERE i = ?1",
        [STATEMENT_DETAIL] = "INSERT INTO detail (i, salt, b) VALUES (?1, ?2, ?3)",
        [STATEMENT_ERASE] = "UPDATE detail SET salt = zeroblob(length(salt)), b = zeroblob(length(b)) "
                            "WHERE i = ?1 AND salt <> zeroblob(32)",
        [STATEMENT_RECLAIM] = "DELETE FROM detail WHERE i < "
                              "(SELECT i FROM detail WHERE i < coalesce("
                              "(SELECT i FROM detail WHERE salt <> zeroblob(32) ORDER BY i LIMIT 1), ?1) "
                              "ORDER BY i DESC LIMIT 1 OFFSET ?2)",
        [STATEMENT_OUTCOME] = "INSERT INTO outcome_of (i, outcome) VALUES (?1, ?2)",
        [STATEMENT_EPOCH] = "INSERT INTO ckpt (epoch, note) VALUES (?1, ?2)",
        [STATEMENT_READ + STORE_LEAVES] = "SELECT i, b FROM leaf WHERE i BETWEEN ?1 AND ?2 ORDER BY i",
        [STATEMENT_READ + STORE_LEAVES_BACK] =
                "SELECT i, b FROM leaf WHERE i BETWEEN ?1 AND ?2 ORDER BY i DESC",
        [STATEMENT_READ + STORE_TILE] = "SELECT k, h FROM tile WHERE k = ?1",
        [STATEMENT_READ + STORE_OPEN] = "SELECT i, NULL FROM open_req ORDER BY i",
        [STATEMENT_READ + STORE_OUTCOME] = "SELECT outcome, NULL FROM outcome_of WHERE i = ?1",
        [STATEMENT_READ + STORE_EPOCHS_BACK] =
                "SELECT epoch, note FROM ckpt WHERE epoch BETWEEN ?1 AND ?2 ORDER BY epoch DESC",
        [STATEMENT_READ + STORE_OUTCOMES] =
                "SELECT i, NULL FROM outcome_of WHERE i BETWEEN ?1 AND ?2 ORDER BY i",
        [STATEMENT_READ + STORE_DETAILS] =
                "SELECT i, b, salt FROM detail WHERE i BETWEEN ?1 AND ?2 AND salt <> zeroblob(32) ORDER BY i",
        [STATEMENT_READ + STORE_DETAIL_LEAVES] =
                "SELECT leaf.i, leaf.b FROM detail CROSS JOIN leaf ON leaf.i = detail.i "
                "WHERE detail.i BETWEEN ?1 AND ?2 AND detail.salt <> zeroblob(32) ORDER BY detail.i",
};

/* Before anything is read. Exclusive locking comes before the
 * journal mode, so that no shared memory is made. */
static const char store_settings[] = "PRAGMA page_size = 4096;"
                                     "PRAGMA locking_mode = EXCLUSIVE;"
                                     "PRAGMA trusted_schema = OFF;"
                                     "PRAGMA cell_size_check = ON;"
                                     "PRAGMA mmap_size = 0;"
                                     "PRAGMA temp_store = MEMORY;"
                                     "PRAGMA cache_size = -65536;"
                                     "PRAGMA recursive_triggers = ON;"
                                     "PRAGMA secure_delete = ON;"
                                     "PRAGMA journal_mode = WAL;"
                                     "PRAGMA synchronous = FULL;"
                                     "PRAGMA wal_autocheckpoint = 0;"
                                     "PRAGMA journal_size_limit = -1;";

struct Store {
        sqlite3 *db;
        sqlite3_stmt *statements[STATEMENT_MAX];
        bool in_batch;
        bool settling;
        bool erases;   /* the batch at hand */
        bool owes_cut; /* the write-ahead log may hold what was erased */
        int full_r;    /* the -errno of the last STORE_E_FULL */
        int n_waiting; /* pages in the write-ahead log, as of the last commit */
        int settle_at; /* that many of these are moved under load, too */
};

void store_head_deinit(StoreHead *head)
{
        free(head->origin);
        free(head->epoch0);
        free(head->note);
        *head = STORE_HEAD_INIT;
}

/* The last errno that concerned the database or its write-ahead log. */
static int store_file_errno(Store *store, int which)
{
        sqlite3_file *file = NULL;
        int last_errno = 0;

        if (sqlite3_file_control(store->db, NULL, which, &file) != SQLITE_OK || !file || !file->pMethods ||
            file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &last_errno) != SQLITE_OK)
                return 0;
        return last_errno;
}

/* Of a write: while settling to the database, else to its write-ahead log. */
static int store_write_errno(Store *store)
{
        return store_file_errno(store,
                                store->settling ? SQLITE_FCNTL_FILE_POINTER : SQLITE_FCNTL_JOURNAL_POINTER);
}

/* SQLite calls a database corrupt that the disk does not give. Such a disk may come back, and then it is not. */
static bool store_cannot_be_read(Store *store)
{
        return store_file_errno(store, SQLITE_FCNTL_FILE_POINTER) != 0 ||
               store_file_errno(store, SQLITE_FCNTL_JOURNAL_POINTER) != 0;
}

/* SQLite calls ENOSPC full, but quotas and limits an error of writing. A sync that failed is never this. */
static bool store_lacks_room(Store *store, int rc)
{
        int r = rc == SQLITE_FULL ? -ENOSPC : rc == SQLITE_IOERR_WRITE ? -store_write_errno(store) : 0;

        if (!fatal_spares(r))
                return false;
        store->full_r = r;
        return true;
}

int store_full_errno(const Store *store)
{
        return store->full_r;
}

/* What an SQLite result means to callers. */
static int store_ending(Store *store, int rc)
{
        if (store_lacks_room(store, rc))
                return STORE_E_FULL;
        switch (rc & 0xff) {
        case SQLITE_OK:
        case SQLITE_ROW:
        case SQLITE_DONE:
                return 0;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return STORE_E_HELD;
        case SQLITE_NOTADB:
        case SQLITE_CORRUPT:
        case SQLITE_ERROR: /* a statement of ours does not fit: its schema is not ours */
                return store_cannot_be_read(store) ? -EIO : STORE_E_FOREIGN;
        case SQLITE_NOMEM:
                return -ENOMEM;
        default:
                break;
        }
        int last_errno = rc == SQLITE_IOERR_WRITE ? store_write_errno(store) : 0;
        return last_errno != 0 ? -last_errno : -EIO;
}

/* Runs a statement that gives no row, and makes it ready again. */
static int store_step(Store *store, StoreStatement which)
{
        sqlite3_stmt *statement = store->statements[which];
        int rc = sqlite3_step(statement);
        int r = store_ending(store, rc);
        (void)sqlite3_reset(statement); /* It repeats the result of the step. */
        return r;
}

/* Without room what there is goes to leaves: pages can stay in the write-ahead log, and move when many more
 * have come. */
static void store_put_off_settling(Store *store)
{
        store->settle_at = store->n_waiting + STORE_WAITING_MAX;
}

static void store_roll_back(Store *store)
{
        store->in_batch = false;
        store->erases = false;
        /* Some failures have rolled back already. What cannot be rolled back is found again at the next
         * BEGIN. */
        if (!sqlite3_get_autocommit(store->db))
                (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
}

/* Ends a batch that failed. Within a batch a positive ending other than FULL is a fault of the database. */
static int store_abandon(Store *store, int r)
{
        store_roll_back(store);
        if (r == STORE_E_FULL)
                store_put_off_settling(store);
        return r == STORE_E_FULL ? r : r > 0 ? -EIO : r;
}

static int store_run(Store *store, const char *sql)
{
        return store_ending(store, sqlite3_exec(store->db, sql, NULL, NULL, NULL));
}

static int store_on_wal(void *userdata, sqlite3 *db, const char *name, int n_pages)
{
        Store *store = userdata;
        store->n_waiting = n_pages;
        return SQLITE_OK;
}

/* A number that a pragma or a query gives. */
static int store_number(Store *store, const char *sql, int64_t *ret_number)
{
        sqlite3_stmt *statement = NULL;
        int rc = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);

        if (rc == SQLITE_OK)
                rc = sqlite3_step(statement);
        if (rc == SQLITE_ROW)
                *ret_number = sqlite3_column_int64(statement, 0);
        int r = rc == SQLITE_DONE ? STORE_E_NONE : store_ending(store, rc);
        (void)sqlite3_finalize(statement); /* It repeats the result of the step. */
        return r;
}

/* A row of sqlite_schema that is not as ours says: a name, a constraint, a trigger. */
static bool store_is_object(sqlite3_stmt *row, const SchemaObject *object)
{
        const char *const expected[] = {object->type, object->name, object->table, object->sql};

        for (int i = 0; i < (int)ARRAY_SIZE(expected); i++) {
                const char *found = (const char *)sqlite3_column_text(row, i);
                if (!found || strcmp(found, expected[i]) != 0)
                        return false;
        }
        return true;
}

/* Whether the tables and triggers are ours, all of them and no others. */
static int store_check_schema(Store *store)
{
        sqlite3_stmt *rows = NULL;
        size_t n = 0;
        bool same = true;
        int rc = sqlite3_prepare_v2(store->db,
                                    "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name", -1,
                                    &rows, NULL);

        while (rc == SQLITE_OK && same && (rc = sqlite3_step(rows)) == SQLITE_ROW) {
                same = n < SCHEMA_OBJECTS && store_is_object(rows, &schema_objects[n]);
                n++;
                rc = SQLITE_OK;
        }
        int r = store_ending(store, rc);
        (void)sqlite3_finalize(rows); /* It repeats the result of the step. */
        return r != 0 ? r : same && n == SCHEMA_OBJECTS ? 0 : STORE_E_FOREIGN;
}

/*
 * Whether the pages make sound trees. What leaves and rows say is checked elsewhere; this is for what no row shows
 * and later writes would stumble over: free pages, free room in pages. Only where it takes no time to speak of.
 */
static int store_check_pages(Store *store)
{
        int64_t n_pages = 0;
        sqlite3_stmt *statement = NULL;

        int r = store_number(store, "PRAGMA page_count", &n_pages);
        if (r != 0 || n_pages > STORE_CHECKED_PAGES)
                return r;
        int rc = sqlite3_prepare_v2(store->db, "PRAGMA quick_check(1)", -1, &statement, NULL);
        if (rc == SQLITE_OK)
                rc = sqlite3_step(statement);
        const char *found = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
        r = store_ending(store, rc);
        if (r == 0 && (!found || strcmp(found, "ok") != 0))
                r = store_cannot_be_read(store) ? -EIO : STORE_E_FOREIGN;
        (void)sqlite3_finalize(statement); /* It repeats the result of the step. */
        return r;
}

/* Whether a database with our numbers is ours, and whole. */
static int store_check(Store *store)
{
        int64_t auto_vacuum = 0;

        int r = store_check_schema(store);
        if (r == 0)
                r = store_number(store, "PRAGMA auto_vacuum", &auto_vacuum);
        if (r != 0)
                return r;
        /* Pages would be taken for what they are not. */
        return auto_vacuum == 0 ? store_check_pages(store) : STORE_E_FOREIGN;
}

/* Makes the tables of a database that has none; refuses one that is not ours. */
static int store_adopt(Store *store)
{
        int64_t application_id = 0, version = 0, n_objects = 0;

        int r = store_number(store, "PRAGMA application_id", &application_id);
        if (r == 0)
                r = store_number(store, "PRAGMA user_version", &version);
        if (r == 0)
                r = store_number(store, "SELECT count(*) FROM sqlite_schema", &n_objects);
        if (r != 0)
                return r;
        if (application_id == 0 && version == 0 && n_objects == 0) {
                r = store_run(store, schema_sql);
                if (r != 0)
                        store_roll_back(store);
                return r;
        }
        if (application_id != SCHEMA_APPLICATION_ID || version != SCHEMA_VERSION)
                return STORE_E_FOREIGN;
        return store_check(store);
}

static int store_prepare(Store *store)
{
        for (size_t i = 0; i < STATEMENT_MAX; i++) {
                int rc = sqlite3_prepare_v3(store->db, store_statements[i], -1, SQLITE_PREPARE_PERSISTENT,
                                            &store->statements[i], NULL);
                /* A table that is not as the schema says: somebody else made this file. */
                if (rc == SQLITE_ERROR)
                        return STORE_E_FOREIGN;
                if (rc != SQLITE_OK)
                        return store_ending(store, rc);
        }
        return 0;
}

static char *store_column_text(sqlite3_stmt *statement, int column)
{
        const char *text = (const char *)sqlite3_column_text(statement, column);
        return text ? strdup(text) : NULL;
}

static int store_head_from(sqlite3_stmt *row, StoreHead *ret_head)
{
        StoreHead head = {.size = (uint64_t)sqlite3_column_int64(row, 0),
                          .state.time_usec = (uint64_t)sqlite3_column_int64(row, 1)};

        if (sqlite3_column_type(row, 2) != SQLITE_NULL) {
                head.state.has_mark = true;
                head.state.mark_usec = (uint64_t)sqlite3_column_int64(row, 2);
        }
        if (sqlite3_column_type(row, 3) != SQLITE_NULL) {
                const void *policy = sqlite3_column_blob(row, 3);
                if (!policy || sqlite3_column_bytes(row, 3) != DIGEST_SIZE)
                        return STORE_E_FOREIGN;
                head.state.has_policy = true;
                memcpy(head.state.policy.bytes, policy, DIGEST_SIZE);
        }
        head.state.epoch = (uint64_t)sqlite3_column_int64(row, 4);
        head.state.epoch_first = (uint64_t)sqlite3_column_int64(row, 5);
        head.state.epoch_usec = (uint64_t)sqlite3_column_int64(row, 6);
        head.origin = store_column_text(row, 7);
        head.epoch0 = store_column_text(row, 8);
        head.note = store_column_text(row, 9);
        head.n_details = (uint64_t)sqlite3_column_int64(row, 10);
        if (!head.origin || !head.epoch0 || !head.note) {
                store_head_deinit(&head);
                return -ENOMEM;
        }
        *ret_head = head;
        return 0;
}

static int store_read_head(Store *store, StoreHead *ret_head)
{
        sqlite3_stmt *statement = NULL;
        int rc = sqlite3_prepare_v2(store->db,
                                    "SELECT size, time, mark, policy, epoch, epoch_first, epoch_time, "
                                    "origin, epoch0, note, details FROM head",
                                    -1, &statement, NULL);
        int r = 0;

        if (rc == SQLITE_OK)
                rc = sqlite3_step(statement);
        if (rc == SQLITE_ROW)
                r = store_head_from(statement, ret_head);
        else
                r = rc == SQLITE_DONE ? STORE_E_NONE : store_ending(store, rc);
        (void)sqlite3_finalize(statement); /* It repeats the result of the step. */
        return r;
}

/*
 * After a sync that failed, the kernel may keep pages in memory that never reached the disk, and call them
 * clean. So what an earlier process left is synced, and its pages dropped, before SQLite reads a byte: what
 * is read is what the disk holds. Must come before the connection: closing any other descriptor of the file
 * would drop SQLite's locks.
 */
static int store_reread(const char *path)
{
        static const char *const suffixes[] = {"", "-wal"};

        for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
                _cleanup_(freep) char *name = NULL;
                if (asprintf(&name, "%s%s", path, suffixes[i]) < 0) {
                        name = NULL;
                        return -ENOMEM;
                }
                _cleanup_(fd_closep) int fd = open(name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
                if (fd < 0 && errno == ENOENT)
                        continue;
                if (fd < 0 || fsync(fd) < 0)
                        return -errno;
                /* Only advice: a kernel that keeps the pages has written them. */
                (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        }
        return 0;
}

static int store_connect(Store *store, const char *path)
{
        int rc = sqlite3_open_v2(path, &store->db,
                                 SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                                         SQLITE_OPEN_EXRESCODE,
                                 NULL);
        if (rc != SQLITE_OK)
                return store->db ? store_ending(store, rc) : -ENOMEM;
        (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL); /* Known since 3.26. */
        int r = store_run(store, store_settings);
        /* Only now: setting wal_autocheckpoint takes any hook away. */
        sqlite3_wal_hook(store->db, store_on_wal, store);
        if (r == 0)
                r = store_adopt(store);
        if (r == 0)
                r = store_prepare(store);
        /* Everything moves to its place and is synced again before anything is revealed. */
        if (r == 0)
                r = store_run(store, "PRAGMA wal_checkpoint(TRUNCATE)");
        return r == 0 ? fd_sync_dir(AT_FDCWD, path) : r;
}

int store_open(Store **ret_store, const char *path, StoreHead *ret_head)
{
        _cleanup_(store_closep) Store *store = calloc(1, sizeof(*store));
        if (!store)
                return -ENOMEM;
        store->settle_at = STORE_WAITING_MAX;
        int r = store_reread(path);
        if (r == 0)
                r = store_connect(store, path);
        if (r != 0)
                return r;
        r = store_read_head(store, ret_head);
        if (r == 0 || r == STORE_E_NONE)
                *ret_store = TAKE_PTR(store);
        return r;
}

static int store_put(Store *store, StoreStatement which, uint64_t first, uint64_t second)
{
        sqlite3_stmt *statement = store->statements[which];
        (void)sqlite3_bind_int64(statement, 1,
                                 (int64_t)first); /* Parameters exist: binding numbers cannot fail. */
        if (sqlite3_bind_parameter_count(statement) > 1)
                (void)sqlite3_bind_int64(statement, 2, (int64_t)second);
        return store_step(store, which);
}

/* Bytes are borrowed by SQLite until the statement is stepped, never copied. */
static int store_put_bytes(Store *store, StoreStatement which, uint64_t number, const void *bytes, size_t n)
{
        sqlite3_stmt *statement = store->statements[which];
        (void)sqlite3_bind_int64(statement, 1, (int64_t)number);
        int rc = sqlite3_bind_blob64(statement, 2, bytes, n, SQLITE_STATIC);
        return rc == SQLITE_OK ? store_step(store, which) : store_ending(store, rc);
}

static int store_put_detail(Store *store, const TrailEntry *entry)
{
        sqlite3_stmt *statement = store->statements[STATEMENT_DETAIL];
        int rc = sqlite3_bind_blob64(statement, 2, entry->salt, sizeof(entry->salt), SQLITE_STATIC);
        if (rc == SQLITE_OK)
                rc = sqlite3_bind_blob64(statement, 3, entry->n_detail > 0 ? (const void *)entry->detail : "",
                                         entry->n_detail, SQLITE_STATIC);
        if (rc != SQLITE_OK)
                return store_ending(store, rc);
        (void)sqlite3_bind_int64(statement, 1, (int64_t)entry->index);
        return store_step(store, STATEMENT_DETAIL);
}

/* Every row that is not there or is erased already would make the leaf's number wrong. */
static int store_erase(Store *store, const TrailEntry *entry)
{
        for (size_t i = 0; i < entry->n_erases; i++) {
                int r = store_put(store, STATEMENT_ERASE, entry->erases[i], 0);
                if (r != 0)
                        return r;
                if (sqlite3_changes(store->db) != 1)
                        return -EIO;
        }
        store->erases = true;
        return store_put(store, STATEMENT_RECLAIM, INT64_MAX, STORE_MARGIN);
}

/* The rows beside the leaf. */
static int store_put_role(Store *store, const TrailEntry *entry)
{
        int r = 0;

        switch (entry->role) {
        case TRAIL_PLAIN:
        case TRAIL_EPOCH:
        case TRAIL_DENY:
                break;
        case TRAIL_PERMIT:
                r = store_put(store, STATEMENT_OPEN, entry->index, 0);
                break;
        case TRAIL_OUTCOME:
                r = store_put(store, STATEMENT_CLOSE, entry->of, 0);
                if (r == 0)
                        r = store_put(store, STATEMENT_OUTCOME, entry->of, entry->index);
                break;
        }
        return r;
}

/*
 * Moves committed pages to their place. The write-ahead log stays as a file and is written over from its
 * start: overwriting allocated blocks syncs faster than growing. Only after an erasure is it cut.
 */
static int store_settle(Store *store)
{
        if (store->n_waiting == 0 && !store->owes_cut)
                return 0;
        store->settling = true;
        int mode = store->owes_cut ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
        int rc = sqlite3_wal_checkpoint_v2(store->db, NULL, mode, NULL, NULL);
        int r = store_ending(store, rc);
        store->settling = false;
        if (r == STORE_E_FULL)
                store_put_off_settling(store);
        if (r == 0) {
                store->n_waiting = 0;
                store->settle_at = STORE_WAITING_MAX;
                store->owes_cut = false;
        }
        return r;
}

static int store_begin(Store *store)
{
        if (store->in_batch)
                return 0;
        /* Here and not in the commit: what the last batch has proved durable has been told by now. */
        int r = store->n_waiting >= store->settle_at ? store_settle(store) : 0;
        /* Without room the pages stay where they are, which is as durable. */
        if (r == 0 || r == STORE_E_FULL)
                r = store_step(store, STATEMENT_BEGIN);
        store->in_batch = r == 0;
        return r;
}

int store_append(Store *store, const TrailEntry *entry)
{
        int r = store_begin(store);
        if (r == 0)
                r = store_put_bytes(store, STATEMENT_LEAF, entry->index, entry->leaf, entry->n_leaf);
        if (r == 0)
                r = store_put_role(store, entry);
        if (r == 0 && entry->has_detail)
                r = store_put_detail(store, entry);
        if (r == 0 && entry->n_erases > 0)
                r = store_erase(store, entry);
        return r == 0 ? 0 : store_abandon(store, r);
}

static int store_put_head(Store *store, const StoreHead *head)
{
        sqlite3_stmt *statement = store->statements[STATEMENT_HEAD];

        (void)sqlite3_bind_int64(statement, 1, (int64_t)head->size);
        (void)sqlite3_bind_int64(statement, 2, (int64_t)head->state.time_usec);
        (void)sqlite3_bind_int64(statement, 5, (int64_t)head->state.epoch);
        (void)sqlite3_bind_int64(statement, 6, (int64_t)head->state.epoch_first);
        (void)sqlite3_bind_int64(statement, 7, (int64_t)head->state.epoch_usec);
        int rc = head->state.has_mark ? sqlite3_bind_int64(statement, 3, (int64_t)head->state.mark_usec)
                                      : sqlite3_bind_null(statement, 3);
        if (rc == SQLITE_OK)
                rc = head->state.has_policy ? sqlite3_bind_blob(statement, 4, head->state.policy.bytes,
                                                                DIGEST_SIZE, SQLITE_STATIC)
                                            : sqlite3_bind_null(statement, 4);
        if (rc == SQLITE_OK)
                rc = sqlite3_bind_text(statement, 8, head->origin, -1, SQLITE_STATIC);
        if (rc == SQLITE_OK)
                rc = sqlite3_bind_text(statement, 9, head->epoch0, -1, SQLITE_STATIC);
        if (rc == SQLITE_OK)
                rc = sqlite3_bind_text(statement, 10, head->note, -1, SQLITE_STATIC);
        if (rc == SQLITE_OK)
                rc = sqlite3_bind_int64(statement, 11, (int64_t)head->n_details);
        return rc == SQLITE_OK ? store_step(store, STATEMENT_HEAD) : store_ending(store, rc);
}

int store_commit(Store *store, const StoreBatch *batch)
{
        if (!batch) {
                int q = store_settle(store);
                return q == STORE_E_FULL ? q : error_fold(q);
        }
        int r = store_begin(store);
        for (size_t i = 0; r == 0 && i < batch->n_tiles; i++) {
                const StoreTile *tile = &batch->tiles[i];
                r = store_put_bytes(store, STATEMENT_TILE, (uint64_t)tile->level << 48 | tile->n,
                                    tile->hashes, tile->size);
        }
        if (r == 0 && batch->ends_epoch)
                r = store_put_bytes(store, STATEMENT_EPOCH, batch->head->state.epoch - 1, batch->head->note,
                                    strlen(batch->head->note));
        if (r == 0)
                r = store_put_head(store, batch->head);
        if (r == 0)
                r = store_step(store, STATEMENT_COMMIT);
        if (r != 0)
                return store_abandon(store, r);
        store->in_batch = false;
        store->owes_cut = store->owes_cut || store->erases;
        store->erases = false;
        return 0;
}

/* Whether a row is as the schema would have it; one with a salt has all of it. */
static bool store_row_from(sqlite3_stmt *statement, StoreRow *ret_row)
{
        *ret_row = (StoreRow){.number = (uint64_t)sqlite3_column_int64(statement, 0),
                              .bytes = sqlite3_column_blob(statement, 1),
                              .n = (size_t)sqlite3_column_bytes(statement, 1)};
        if (sqlite3_column_count(statement) > 2)
                ret_row->salt = sqlite3_column_blob(statement, 2);
        return sqlite3_column_count(statement) == 2 ||
               sqlite3_column_bytes(statement, 2) == COMMITMENT_SALT_SIZE;
}

static int store_rows(Store *store, sqlite3_stmt *statement, StoreRowHandler handler, void *userdata)
{
        bool any = false;

        for (;;) {
                int rc = sqlite3_step(statement);
                if (rc == SQLITE_DONE)
                        return any ? 0 : STORE_E_NONE;
                if (rc != SQLITE_ROW)
                        return store_ending(store, rc) == STORE_E_FOREIGN ? -EBADMSG : -EIO;
                any = true;
                StoreRow row;
                if (!store_row_from(statement, &row))
                        return -EBADMSG;
                int r = handler(&row, userdata);
                if (r != 0)
                        return r < 0 ? r : 0;
        }
}

int store_read(Store *store, const StoreQuery *query, StoreRowHandler handler, void *userdata)
{
        sqlite3_stmt *statement = store->statements[STATEMENT_READ + query->what];
        int n_parameters = sqlite3_bind_parameter_count(statement);

        if (n_parameters >= 1)
                (void)sqlite3_bind_int64(statement, 1, (int64_t)query->first);
        if (n_parameters >= 2)
                (void)sqlite3_bind_int64(statement, 2, (int64_t)query->last);
        int r = store_rows(store, statement, handler, userdata);
        (void)sqlite3_reset(statement); /* It repeats the result of the step. */
        return r;
}

Store *store_close(Store *store)
{
        if (!store)
                return NULL;
        for (size_t i = 0; i < STATEMENT_MAX; i++)
                (void)sqlite3_finalize(store->statements[i]); /* It repeats the result of the last step. */
        if (store->db) {
                store_roll_back(store);
                (void)sqlite3_close(
                        store->db); /* Nothing stands open; what is committed is durable already. */
        }
        free(store);
        return NULL;
}
