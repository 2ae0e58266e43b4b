/*
 * Beginning another log. Owns the names trail.next, export.next, trail.<size>, export.<size> and the file
 * `previous`. Runs in trail_open() only, under the lock.
 *
 * Steps, each durable before the next:
 *   1. trail.next/previous says which checkpoint the new log follows
 *   2. export.next/ is made within export/ and moved beside it: only so has it the group of the auditors, who
 *      are to read the new log, too; the guard may give a folder neither that group nor its set-group-id bit
 *   3. export/ becomes export.<size>
 *   4. trail/ becomes trail.<size>
 *   5. export.next/ becomes export/
 *   6. trail.next/ becomes trail/
 * Before 3 the old log is as it was, and a start without --new-log throws away what was prepared. After 3 it
 * is refused because the export is gone, after 4 because there is a trail.next and no log; one with --new-log
 * finds trail.next/previous and goes on from there.
 */

#include "trail/renewal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "log/note.h"
#include "trail/folder.h"
#include "trail/store.h"

enum { RENEWAL_NAME_SIZE = 64, RENEWAL_TRIALS = 1000 };

static const char renewal_next[] = "trail.next";
static const char renewal_next_export[] = "export.next";
static const char renewal_within_export[] = "export/.next";
static const char renewal_next_file[] = "trail.next/previous";

/* The old log as far as it matters here. */
typedef struct OldLog {
        bool begun;
        bool has_checkpoint;
        uint64_t size;
        Digest checkpoint;
} OldLog;

static void old_log_take(OldLog *old, const char *note, size_t n)
{
        char origin[NOTE_NAME_MAX + 1];
        TreeHead head = {};

        old->has_checkpoint = true;
        digest_of(note, n, &old->checkpoint);
        /* One that cannot be read is put aside all the same, under the name of an empty log. */
        old->size = note_peek(note, n, origin, &head) == 0 ? head.size : 0;
        old->begun = old->begun || head.size > 0;
}

/* What the database ends with, where the export says nothing. One that cannot be read has begun: it is put
 * aside. */
static void old_log_from_store(OldLog *old, const char *trail_path)
{
        _cleanup_(store_closep) Store *store = NULL;
        _cleanup_(store_head_deinit) StoreHead head = STORE_HEAD_INIT;

        int r = store_open(&store, trail_path, &head);
        if (r == STORE_E_NONE)
                return;
        if (r == 0 && head.size > 0)
                old_log_take(old, head.note, strlen(head.note));
        old->begun = old->begun || r != 0;
}

static int old_log_find(int state_fd, const char *trail_path, OldLog *ret_old)
{
        _cleanup_(buffer_deinit) Buffer note = BUFFER_INIT;
        OldLog old = {};

        int r = fd_read_file(state_fd, "export/checkpoint", NOTE_MAX, &note);
        if (r == -ENOMEM)
                return r;
        if (r == 0) {
                old_log_take(&old, buffer_text(&note), note.n);
                char origin[NOTE_NAME_MAX + 1];
                TreeHead head;
                old.begun = old.begun || note_peek(buffer_text(&note), note.n, origin, &head) != 0;
        }
        if (!old.begun && faccessat(AT_FDCWD, trail_path, F_OK, 0) == 0)
                old_log_from_store(&old, trail_path);
        *ret_old = old;
        return 0;
}

/* Step 1. A renewal that did not come to its end has done it,
 * when the old export was still there to be read. */
static int renewal_prepare(int state_fd, const OldLog *old)
{
        _cleanup_(fd_closep) int next_fd = -1;
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        char hex[DIGEST_HEX_SIZE];

        int r = folder_make(state_fd, renewal_next, 0700, &next_fd);
        if (r < 0)
                return r;
        r = old->has_checkpoint ? folder_has(state_fd, renewal_next_file) : 1;
        if (r != 0)
                return r < 0 ? r : 0;
        digest_hex(&old->checkpoint, hex);
        buffer_append_format(&text, "%s\n", hex);
        return fd_write_file(next_fd, "previous", 0600, &text);
}

/* Step 2. Without an old export the new one is made as at a first start. */
static int renewal_prepare_export(int state_fd)
{
        _cleanup_(fd_closep) int fd = -1;

        int r = folder_has(state_fd, "export");
        if (r <= 0)
                return r;
        r = folder_has(state_fd, renewal_next_export);
        if (r != 0)
                return r < 0 ? r : 0;
        r = folder_make(state_fd, renewal_within_export, 0750, &fd);
        if (r < 0)
                return r;
        if (renameat2(state_fd, renewal_within_export, state_fd, renewal_next_export, RENAME_NOREPLACE) < 0 ||
            fsync(state_fd) < 0)
                return -errno;
        return 0;
}

/* Step 5. */
static int renewal_place_export(int state_fd)
{
        int r = folder_has(state_fd, renewal_next_export);
        if (r <= 0)
                return r;
        return renameat(state_fd, renewal_next_export, state_fd, "export") < 0 ? -errno : 0;
}

/* Steps 3 and 4: gives a folder the name of the log it held. */
static int renewal_put_aside(int state_fd, const char *name, uint64_t size)
{
        char aside[RENEWAL_NAME_SIZE];

        (void)snprintf(aside, sizeof(aside), "%s.%llu", name, (unsigned long long)size);
        for (unsigned i = 1; i < RENEWAL_TRIALS; i++) {
                if (renameat2(state_fd, name, state_fd, aside, RENAME_NOREPLACE) == 0)
                        return fsync(state_fd) < 0 ? -errno : 0;
                if (errno == ENOENT)
                        return 0;
                if (errno != EEXIST)
                        return -errno;
                (void)snprintf(aside, sizeof(aside), "%s.%llu.%u", name, (unsigned long long)size, i);
        }
        return -EEXIST;
}

int renewal_is_half_done(int state_fd)
{
        return folder_has(state_fd, renewal_next);
}

int renewal_forget(int state_fd)
{
        int r = folder_remove(state_fd, renewal_within_export);
        if (r == 0)
                r = folder_remove(state_fd, renewal_next_export);
        return r < 0 ? r : folder_remove(state_fd, renewal_next);
}

int renewal_run(int state_fd, const char *trail_path)
{
        OldLog old;

        int r = old_log_find(state_fd, trail_path, &old);
        if (r < 0)
                return r;
        if (!old.begun) {
                r = renewal_is_half_done(state_fd);
                if (r <= 0)
                        return r;
        }
        r = renewal_prepare(state_fd, &old);
        if (r == 0)
                r = renewal_prepare_export(state_fd);
        if (r == 0)
                r = renewal_put_aside(state_fd, "export", old.size);
        if (r == 0)
                r = renewal_put_aside(state_fd, "trail", old.size);
        if (r == 0)
                r = renewal_place_export(state_fd);
        if (r == 0 && renameat(state_fd, renewal_next, state_fd, "trail") < 0)
                r = -errno;
        if (r == 0 && fsync(state_fd) < 0)
                r = -errno;
        return r;
}

int renewal_previous(int trail_fd, Digest *ret_digest)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;

        int r = fd_read_file(trail_fd, "previous", DIGEST_HEX_SIZE, &text);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;
        if (text.n != DIGEST_HEX_SIZE || text.data[DIGEST_HEX_SIZE - 1] != '\n')
                return -EBADMSG;
        text.data[DIGEST_HEX_SIZE - 1] = 0;
        return digest_from_hex(buffer_text(&text), ret_digest) ? 1 : -EBADMSG;
}
