/*
 * The start of the trail. Runs in the caller of trail_open(), before any thread.
 *
 * Invariants
 *   1. The database has a head (of the empty log at first) before the export has a checkpoint, and the
 *      export a checkpoint (of the empty log at first) before a leaf is committed. So with a leaf in the
 *      database and no exported checkpoint, or the reverse, something was taken away.
 *   2. Nothing is written to export/ or public/, and the epoch's seed does not move on, before database and
 *      exported checkpoint were found to agree.
 *   3. The first epoch's public key is in the database with its first head, and shown before a leaf is
 *      committed: once that epoch has ended nobody could make it again.
 */

#include "trail/opening.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/random.h"
#include "base/text.h"
#include "log/signer.h"
#include "trail/ballast.h"
#include "trail/derived.h"
#include "trail/epoch-key.h"
#include "trail/epoch-log.h"
#include "trail/key.h"
#include "trail/renewal.h"
#include "trail/room.h"
#include "wire/leaf.h"

enum { OPENING_CATCH_UP = 16 * 1024 * 1024 }; /* bytes of full tiles held in memory while catching up */

/* For sd_id128_get_machine_app_specific(): what names this machine's log says nothing of its machine id. */
static const sd_id128_t opening_app_id =
        SD_ID128_MAKE(7d, b5, 1c, 34, e2, 0b, 4f, 0e, 9a, 61, 2f, d7, 88, 43, c5, 1a);

#define OPENING_WAY_ON                                                                                       \
        "Put the newest copies of both back, or begin another log with matchguardd --new-log "               \
        "(this one is kept aside)."

/* What opening_run() gathers; whatever is not handed over is let go. */
typedef struct Start {
        const TrailConfig *config;
        Opening *opening;
        char *why;
        char *database;
        char *checkpoint; /* the exported one */

        bool has_published;
        Buffer published; /* the exported checkpoint */
        Store *store;
        bool begun; /* the database has a head */
        StoreHead head;
        NoteSigner *signer;
        EpochKey *epoch_key;
        TreeHead tree; /* as the database's own checkpoint has it */
        Nodes *nodes;
        Publisher *publisher;
} Start;

static void start_deinit(Start *start)
{
        free(start->why);
        free(start->database);
        free(start->checkpoint);
        buffer_deinit(&start->published);
        publisher_free(start->publisher);
        nodes_free(start->nodes);
        store_close(start->store);
        store_head_deinit(&start->head);
        note_signer_free(start->signer);
        epoch_key_free(start->epoch_key);
}

/* Ends the opening with a text for the operator. */
__attribute__((format(printf, 3, 4))) static int start_refuse(Start *start, int ending, const char *format,
                                                              ...)
{
        va_list arguments;

        va_start(arguments, format);
        int n = vasprintf(&start->why, format, arguments);
        va_end(arguments);
        if (n < 0) {
                start->why = NULL;
                return -ENOMEM;
        }
        return ending;
}

static int start_path(char **ret_path, const char *folder, const char *name)
{
        if (asprintf(ret_path, "%s/%s", folder, name) >= 0)
                return 0;
        *ret_path = NULL;
        return -ENOMEM;
}

static int start_paths(Start *start)
{
        Opening *opening = start->opening;

        int r = start_path(&opening->trail_path, start->config->state_dir, "trail");
        if (r == 0)
                r = start_path(&opening->export_path, start->config->state_dir, "export");
        if (r == 0)
                r = start_path(&start->checkpoint, opening->export_path, "checkpoint");
        return r < 0 ? r : start_path(&start->database, opening->trail_path, "trail.db");
}

/* Landlock knows folders, and not names: what is mounted, or unmounted, at the state folder while the guard stands by is
 * out of its reach. Whether a log lies there can be seen all the same. */
static int start_out_of_reach(Start *start)
{
        const char *state_dir = start->config->state_dir;
        int r = folder_has(AT_FDCWD, start->checkpoint);

        if (r > 0)
                return start_refuse(start, TRAIL_E_REFUSED,
                                    "The file system of %s was mounted anew, and a guard that is started "
                                    "again reaches it.",
                                    state_dir);
        return start_refuse(start, TRAIL_E_GONE,
                            "%s: the log that was there is gone; is its file system mounted?", state_dir);
}

/* Folders, lock, and the exported checkpoint. */
static int start_folders(Start *start)
{
        Folders *folders = &start->opening->folders;
        const char *state_dir = start->config->state_dir;

        int r = start_paths(start);
        if (r == 0)
                r = folders_lock(folders, state_dir);
        if (r == FOLDERS_E_HELD)
                return start_refuse(start, TRAIL_E_REFUSED, "Another matchguardd uses %s.", state_dir);
        if (r == -EACCES && start->config->known)
                return start_out_of_reach(start);
        /* Before anything is made in what may be the folder under a file system that is not mounted. */
        if (r == 0 && start->config->known && !folder_has(folders->state_fd, "export/checkpoint"))
                return start_refuse(start, TRAIL_E_GONE,
                                    "%s: the log that was there is gone; is its file system mounted?",
                                    state_dir);
        if (r == 0 && start->config->new_log)
                r = renewal_run(folders->state_fd, start->database);
        if (r == 0)
                r = folders_open(folders);
        if (r < 0)
                return r;
        r = fd_read_file(folders->export_fd, "checkpoint", NOTE_MAX, &start->published);
        start->has_published = r != -ENOENT;
        return r == -ENOENT || r == -EFBIG ? 0 : r;
}

/* What can be seen before the database is opened, which would make it. */
static int start_look(Start *start)
{
        const Folders *folders = &start->opening->folders;

        int r = folder_has(folders->trail_fd, "trail.db");
        if (r != 0)
                return r < 0 ? r : 0;
        if (start->has_published)
                return start_refuse(start, TRAIL_E_BEHIND,
                                    "There is an exported log in %s/export, but its database %s is "
                                    "missing. " OPENING_WAY_ON,
                                    start->config->state_dir, start->database);
        r = renewal_is_half_done(folders->state_fd);
        if (r > 0)
                return start_refuse(
                        start, TRAIL_E_BEHIND,
                        "A --new-log in %s did not come to its end. Start with --new-log once more.",
                        start->config->state_dir);
        return r;
}

static int start_store(Start *start)
{
        int r = store_open(&start->store, start->database, &start->head);

        switch (r) {
        case 0:
                start->begun = true;
                return 0;
        case STORE_E_NONE:
                if (start->has_published)
                        return start_refuse(start, TRAIL_E_BEHIND,
                                            "There is an exported log in %s/export, but its database %s is "
                                            "empty. " OPENING_WAY_ON,
                                            start->config->state_dir, start->database);
                return 0;
        case STORE_E_HELD:
                return start_refuse(start, TRAIL_E_REFUSED, "Another process has %s open.", start->database);
        case STORE_E_FOREIGN:
                return start_refuse(start, TRAIL_E_DAMAGED,
                                    "%s is damaged, or is no trail of this version. " OPENING_WAY_ON,
                                    start->database);
        case STORE_E_FULL:
                return -ENOSPC;
        default:
                return r;
        }
}

/* The name of a log that has none yet. */
static int start_name(char **ret_origin)
{
        sd_id128_t id;

        if (sd_id128_get_machine_app_specific(opening_app_id, &id) < 0)
                random_bytes(&id, sizeof(id));
        char hex[SD_ID128_STRING_MAX];
        if (asprintf(ret_origin, "matchguard/%s", sd_id128_to_string(id, hex)) < 0) {
                *ret_origin = NULL;
                return -ENOMEM;
        }
        return 0;
}

static int start_origin(Start *start)
{
        const char *wanted = start->config->origin;

        if (wanted && !note_origin_is_valid(wanted))
                return start_refuse(start, TRAIL_E_REFUSED,
                                    "Origin=%s cannot name a log: up to %d characters of printable ASCII "
                                    "without spaces, '+', '\"' and '\\' can.",
                                    wanted, NOTE_ORIGIN_MAX);
        if (start->begun && wanted && strcmp(wanted, start->head.origin) != 0)
                return start_refuse(
                        start, TRAIL_E_REFUSED,
                        "The log is called %s, Origin= of matchguard.conf says %s, and a log that "
                        "has begun keeps its name: take the line away, or begin another log, as "
                        "matchguardd(8) says.",
                        start->head.origin, wanted);
        if (!start->begun && !wanted)
                return start_name(&start->opening->origin);
        start->opening->origin = strdup(start->begun ? start->head.origin : wanted);
        return start->opening->origin ? 0 : -ENOMEM;
}

static_assert(NOTE_SEED_SIZE == 32, "the message says so in words");

#define OPENING_KEY_BACK                                                                                     \
        "Put back the key that the log was begun with, or begin another log with matchguardd --new-log "     \
        "(this one is kept aside)."

/* Says where the key is, and what to do. Return: TRAIL_E_DAMAGED or -ENOMEM. */
static int start_refuse_key(Start *start, const char *what)
{
        const char *credential = start->config->log_key_path;

        return start_refuse(start, TRAIL_E_DAMAGED, "The log's key %s: %s%s. %s", what,
                            credential ? "the credential " : start->config->state_dir,
                            credential ? credential : "/trail/log.key", OPENING_KEY_BACK);
}

static int start_key(Start *start)
{
        _cleanup_(buffer_deinit) Buffer vkey = BUFFER_INIT;
        const KeySource source = {.credential_path = start->config->log_key_path,
                                  .trail_fd = start->opening->folders.trail_fd,
                                  .may_make = !start->begun};

        int r = key_load(&source, start->opening->origin, &start->signer);
        if (r == KEY_E_MISSING)
                return start_refuse_key(start, "is missing");
        if (r == KEY_E_MALFORMED)
                return start_refuse_key(start, "is not 32 bytes");
        if (r == -EACCES)
                return start_refuse_key(start, "cannot be read by this account");
        if (r == KEY_E_UNLOCKED)
                return start_refuse(start, TRAIL_E_REFUSED,
                                    "The log's key cannot be kept in memory that is never swapped. Raise "
                                    "LimitMEMLOCK= or ulimit -l.");
        if (r < 0)
                return r;
        note_signer_vkey(start->signer, &vkey);
        if (vkey.failed)
                return -ENOMEM;
        return error_fold(note_verifier_parse(buffer_text(&vkey), &start->opening->verifier));
}

/* Without ballast a full disk could not be told of. */
static int start_ballast(Start *start)
{
        int r = ballast_restore(start->opening->folders.trail_fd);
        return r < 0 ? r : r == 0 ? -ENOSPC : 0;
}

#define OPENING_SEED_BACK                                                                                    \
        "Put back the file that belongs to this database, or begin another log with matchguardd "            \
        "--new-log (this one is kept aside)."

static int start_refuse_seed(Start *start, int ending)
{
        static const char *const texts[] = {
                [EPOCH_E_MISSING] = "is missing",
                [EPOCH_E_DAMAGED] = "is damaged",
                [EPOCH_E_AHEAD] = "is of a later epoch than the database, which is older than it",
                [EPOCH_E_BEHIND] = "is of an epoch that ended before the last, and older than the database",
                [EPOCH_E_FOREIGN] = "is not the seed of this log",
                [EPOCH_E_UNLOCKED] = "cannot be kept in memory that is never swapped",
        };

        return start_refuse(start, ending == EPOCH_E_UNLOCKED ? TRAIL_E_REFUSED : TRAIL_E_DAMAGED,
                            "The seed of the log's epoch in %s/trail/epoch.seed %s. %s",
                            start->config->state_dir, texts[ending],
                            ending == EPOCH_E_UNLOCKED ? "Raise LimitMEMLOCK= or ulimit -l."
                                                       : OPENING_SEED_BACK);
}

/* The key that the epoch at hand is signed with. */
static int start_epoch(Start *start)
{
        uint8_t expected[NOTE_PUBLIC_KEY_SIZE];
        const EpochSource source = {.trail_fd = start->opening->folders.trail_fd,
                                    .origin = start->opening->origin,
                                    .may_make = !start->begun,
                                    .epoch = start->head.state.epoch,
                                    .public_key = start->begun ? expected : NULL};

        if (start->epoch_key)
                return 0;
        int r = start->begun ? epoch_log_key(start->store, &start->head, expected) : 0;
        if (r == 0)
                r = epoch_key_open(&start->epoch_key, &source);
        return r > 0 ? start_refuse_seed(start, r) : r;
}

/* Gives a database without a head that of the empty log. */
static int start_begin(Start *start)
{
        _cleanup_(buffer_deinit) Buffer note = BUFFER_INIT, epoch0 = BUFFER_INIT;
        TreeHead empty = {};

        if (start->begun)
                return 0;
        int r = start_epoch(start);
        if (r != 0)
                return r;
        digest_of(NULL, 0, &empty.root);
        note_sign(start->signer, &empty, &note);
        note_cosign(epoch_key_signer(start->epoch_key), &note);
        note_signer_vkey(epoch_key_signer(start->epoch_key), &epoch0);
        start->head.origin = strdup(start->opening->origin);
        start->head.epoch0 = epoch0.failed ? NULL : buffer_take(&epoch0, NULL);
        start->head.note = note.failed ? NULL : buffer_take(&note, NULL);
        if (!start->head.origin || !start->head.epoch0 || !start->head.note)
                return -ENOMEM;
        const StoreBatch batch = {.head = &start->head};
        r = store_commit(start->store, &batch);
        return r == STORE_E_FULL ? store_full_errno(start->store) : error_fold(r);
}

/* The database in itself: checkpoint, leaves, tiles. */
static int start_verify(Start *start)
{
        int r = note_open(&start->opening->verifier, start->head.note, strlen(start->head.note),
                          &start->tree);
        if (r == NOTE_E_UNSIGNED)
                return start_refuse_key(start, "is not the one that signed its checkpoint");
        if (r == 0 && start->tree.size == start->head.size)
                r = nodes_new(&start->nodes, start->store, &start->tree);
        else
                r = NODES_E_DAMAGED;
        if (r == NODES_E_DAMAGED)
                return start_refuse(start, TRAIL_E_DAMAGED,
                                    "%s is damaged: its leaves, tiles and checkpoint (size %llu) do not "
                                    "belong together. " OPENING_WAY_ON,
                                    start->database, (unsigned long long)start->head.size);
        return r;
}

/* What stands beside the leaves, against them. */
static int start_derived(Start *start)
{
        const char *what = NULL;

        int r = derived_verify(start->store, &start->head, &what);
        if (r == DERIVED_E_DAMAGED)
                return start_refuse(start, TRAIL_E_DAMAGED,
                                    "%s is damaged: %s is not what its leaves say. " OPENING_WAY_ON,
                                    start->database, what);
        return r;
}

/* Whose checkpoints stand in it. */
static int start_epochs(Start *start)
{
        const EpochLog log = {&start->head, &start->opening->verifier};

        int r = epoch_log_verify(start->store, &log);
        if (r == -EBADMSG)
                return start_refuse(start, TRAIL_E_DAMAGED,
                                    "%s is damaged: its checkpoints are not those that were signed in its "
                                    "epochs. " OPENING_WAY_ON,
                                    start->database);
        return r;
}

/* The database against what was published. */
static int start_compare(Start *start)
{
        const char *state_dir = start->config->state_dir;
        const unsigned long long size = start->tree.size;
        TreeHead published = {};
        Digest root;

        if (!start->has_published && size > 0)
                return start_refuse(
                        start, TRAIL_E_BEHIND,
                        "The database has %llu entries, but %s/export/checkpoint is missing. " OPENING_WAY_ON,
                        size, state_dir);
        if (!start->has_published)
                return 0;
        if (note_open(&start->opening->verifier, buffer_text(&start->published), start->published.n,
                      &published) != 0)
                return start_refuse(start, TRAIL_E_BEHIND,
                                    "%s/export/checkpoint is no checkpoint of the log in the database (%s, "
                                    "%llu entries). " OPENING_WAY_ON,
                                    state_dir, start->opening->origin, size);
        if (published.size > size)
                return start_refuse(start, TRAIL_E_BEHIND,
                                    "%llu entries were published in %s/export, but the database has only "
                                    "%llu: it is older. " OPENING_WAY_ON,
                                    (unsigned long long)published.size, state_dir, size);
        const NodeSource source = nodes_source(start->nodes);
        int r = tree_root(&source, published.size, &root);
        if (r < 0)
                return r;
        if (!digest_equal(&root, &published.root))
                return start_refuse(start, TRAIL_E_BEHIND,
                                    "The first %llu entries of the database are not those published in "
                                    "%s/export. " OPENING_WAY_ON,
                                    (unsigned long long)published.size, state_dir);
        start->opening->head = published; /* how far the export has come, for now */
        return 0;
}

static int start_on_leaf(const StoreRow *row, void *userdata)
{
        Publisher *publisher = userdata;
        Digest hash;

        tree_leaf_hash(row->bytes, row->n, &hash);
        const PublisherLeaf leaf = {.bytes = row->bytes, .n = row->n, .hash = &hash};
        int r = publisher_add(publisher, &leaf);
        if (r == 0 && publisher_waiting(publisher) > OPENING_CATCH_UP)
                r = publisher_publish(publisher, NULL);
        return r;
}

/* Both copies of the verifier keys of the log and of its first epoch. */
static int start_publish_keys(Start *start)
{
        const Folders *folders = &start->opening->folders;
        _cleanup_(buffer_deinit) Buffer vkey = BUFFER_INIT;

        note_signer_vkey(start->signer, &vkey);
        if (vkey.failed)
                return -ENOMEM;
        const KeyPublic keys[] = {{"log.vkey", buffer_text(&vkey)}, {"epoch0.vkey", start->head.epoch0}};
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
                int r = key_publish(&keys[i], folders->export_fd, 0640);
                if (r == 0)
                        r = key_publish(&keys[i], folders->public_fd, 0644);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Gives the publisher what the export lacks of the database. */
static int start_catch_up(Start *start)
{
        const NodeSource source = nodes_source(start->nodes);
        const uint64_t published = start->opening->head.size;
        PublisherStart from = {.export_fd = start->opening->folders.export_fd,
                               .size = published / 256 * 256,
                               .source = &source};
        const StoreQuery missing = {STORE_LEAVES, .first = from.size, .last = start->tree.size - 1};

        int r = epoch_log_count(start->store, &start->head, published, &from.n_epochs);
        if (r == 0)
                r = publisher_new(&start->publisher, &from);
        if (r == 0 && from.size < start->tree.size)
                r = error_fold(store_read(start->store, &missing, start_on_leaf, start->publisher));
        if (r == 0)
                r = epoch_log_publish(start->store, &start->head, from.n_epochs, start->publisher);
        return r;
}

static int start_publish(Start *start)
{
        const Folders *folders = &start->opening->folders;

        int r = start_catch_up(start);
        if (r == 0)
                r = start_publish_keys(start);
        if (r == 0)
                r = publisher_publish(start->publisher, start->head.note);
        if (r == 0)
                r = renewal_forget(folders->state_fd);
        return r;
}

typedef struct OpenList {
        uint64_t *indices;
        size_t n, capacity;
} OpenList;

static int start_on_open(const StoreRow *row, void *userdata)
{
        OpenList *open = userdata;

        if (open->n == open->capacity) {
                size_t capacity = open->capacity > 0 ? 2 * open->capacity : 64;
                uint64_t *indices = reallocarray(open->indices, capacity, sizeof(*indices));
                if (!indices)
                        return -ENOMEM;
                open->indices = indices;
                open->capacity = capacity;
        }
        open->indices[open->n++] = row->number;
        return 0;
}

static int start_on_last(const StoreRow *row, void *userdata)
{
        bool *clean = userdata;
        Leaf leaf = LEAF_INIT;

        *clean = leaf_parse(row->bytes, row->n, LEAF_MAX, &leaf) == 0 && leaf_is(&leaf, "kind", "stop");
        leaf_deinit(&leaf);
        return 0;
}

static int start_tell(Start *start, TrailFound *ret_found)
{
        TrailFound found = {.head = start->tree, .state = start->head.state, .clean = true};
        const StoreQuery last = {STORE_LEAVES, .first = start->tree.size - 1, .last = start->tree.size - 1};
        const StoreQuery open = {STORE_OPEN};
        OpenList list = {};

        int r = start->tree.size > 0 ? store_read(start->store, &last, start_on_last, &found.clean) : 0;
        if (r == 0)
                r = store_read(start->store, &open, start_on_open, &list);
        if (r < 0) {
                free(list.indices);
                return r;
        }
        found.open = list.indices;
        found.n_open = list.n;
        r = start->tree.size == 0 ? renewal_previous(start->opening->folders.trail_fd, &found.previous) : 0;
        if (r < 0) {
                trail_found_deinit(&found);
                return r;
        }
        found.has_previous = r > 0;
        *ret_found = found;
        return 0;
}

/* What outlives the start. */
static int start_hand_over(Start *start)
{
        Opening *opening = start->opening;

        opening->head = start->tree;
        opening->state = start->head.state;
        memcpy(opening->next_epoch_key, epoch_key_next(start->epoch_key), NOTE_PUBLIC_KEY_SIZE);
        buffer_append_text(&opening->note, start->head.note);
        if (opening->note.failed)
                return -ENOMEM;
        int r = export_new(&opening->export, start->publisher, opening->export_path);
        if (r < 0)
                return r;
        start->publisher = NULL;
        const CommitterParts parts = {.store = start->store,
                                      .nodes = start->nodes,
                                      .signer = start->signer,
                                      .epoch_key = start->epoch_key,
                                      .export = opening->export,
                                      .trail_fd = opening->folders.trail_fd,
                                      .trail_path = opening->trail_path,
                                      .head = start->head};
        r = committer_new(&opening->committer, &parts);
        if (r < 0)
                return r;
        start->store = NULL;
        start->nodes = NULL;
        start->signer = NULL;
        start->epoch_key = NULL;
        start->head = STORE_HEAD_INIT;
        return 0;
}

/* No room, or read-only: where a log has begun that is tried again, while a first start is only told of. */
static int start_refuse_for_now(Start *start, int r)
{
        const Folders *folders = &start->opening->folders;
        char text[ROOM_TEXT_SIZE];

        room_tell(folders->state_fd, start->config->state_dir, r, text);
        int ending = !start->has_published ? TRAIL_E_REFUSED
                     : r == -EROFS         ? TRAIL_E_READ_ONLY
                                           : TRAIL_E_NO_ROOM;
        return start_refuse(start, ending, "%s", text);
}

int opening_run(Opening *ret_opening, const TrailConfig *config, TrailFound *ret_found, char **ret_why)
{
        static int (*const steps[])(Start *) = {
                start_folders, start_look,    start_store,   start_origin, start_key,
                start_begin,   start_verify,  start_derived, start_epochs, start_compare,
                start_epoch,   start_publish, start_ballast,
        };
        _cleanup_(start_deinit) Start start = {.config = config, .opening = ret_opening};
        TrailFound found = {};
        int r = 0;

        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(steps); i++)
                r = steps[i](&start);
        if (room_may_return(r))
                r = start_refuse_for_now(&start, r);
        if (r == 0)
                r = start_tell(&start, &found);
        if (r == 0)
                r = start_hand_over(&start);
        if (r == 0)
                *ret_found = found;
        else
                trail_found_deinit(&found);
        if (r > 0)
                *ret_why = TAKE_PTR(start.why);
        return r;
}

void opening_deinit(Opening *opening)
{
        /* The export first: what it was fed is durable, and it needs nothing of the committer. */
        opening->export = export_free(opening->export);
        opening->committer = committer_free(opening->committer);
        folders_deinit(&opening->folders);
        free(TAKE_PTR(opening->origin));
        free(TAKE_PTR(opening->trail_path));
        free(TAKE_PTR(opening->export_path));
        buffer_deinit(&opening->note);
}
