/*
 * The journal's end of the mirror. Owns the connection to journald and what is folded. Run by its
 * own thread, but for wants(). It waits for journald for as long as that takes: what does not fit into the queue
 * meanwhile is what is lost.
 */

#include "trail/mirror-journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/fd.h"
#include "base/journald.h"
#include "base/macro.h"
#include "base/text.h"
#include "log/note.h"
#include "trail/audit-record.h"
#include "trail/event-leaf.h"
#include "trail/event.h"
#include "trail/repeats.h"

enum {
        JOURNAL_STDERR_WAIT_MS = 1000,
        JOURNAL_SETTLE_MS = 1000,
};

typedef struct Journal {
        int fd;
        Repeats repeats;
} Journal;

void *mirror_journal_new(void)
{
        Journal *journal = calloc(1, sizeof(*journal));

        if (journal)
                journal->fd = -1;
        return journal;
}

static void journal_free(void *self)
{
        Journal *journal = self;

        journald_settle(journal->fd, JOURNAL_SETTLE_MS);
        fd_close(journal->fd);
        repeats_deinit(&journal->repeats);
        free(journal);
}

static bool journal_wants(const void *self, const MirrorItem *item)
{
        switch (item->kind) {
        case MIRROR_EVENT:
        case MIRROR_STEP:
                return true;
        case MIRROR_LEAF:
                return event_leaf_is_one(item->leaf_kind, event_place());
        case MIRROR_CHECKPOINT:
                return event_place() == EVENT_TO_JOURNAL;
        case MIRROR_FAULT:
        default:
                return false; /* The event that goes with it was told. */
        }
}

/* Return: 1, or -errno. */
static int journal_write(Journal *journal, const void *record, size_t n)
{
        int r = event_write(&journal->fd, record, n,
                            event_place() == EVENT_TO_JOURNAL ? -1 : JOURNAL_STDERR_WAIT_MS);

        return r == 0 ? 1 : r > 0 ? -EAGAIN : r;
}

static int journal_write_event(Journal *journal, EventKind kind, const Leaf *fields, const Buffer *message)
{
        _cleanup_(buffer_deinit) Buffer record = BUFFER_INIT;

        event_encode(kind, fields->fields, fields->n_fields, buffer_text(message), &record);
        return record.failed || message->failed ? -ENOMEM : journal_write(journal, record.data, record.n);
}

static uint64_t journal_now_usec(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_MONOTONIC, &now); /* This clock always exists. */
        return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static bool journal_keeps_back(Journal *journal, const MirrorItem *item)
{
        uint32_t uid;

        return audit_record_unknown_peer(item->bytes, item->n, &uid) &&
               repeats_keep(&journal->repeats, uid, journal_now_usec(), item->bytes, item->n);
}

static int journal_send_leaf(Journal *journal, const MirrorItem *item)
{
        _cleanup_(buffer_deinit) Buffer message = BUFFER_INIT;
        _cleanup_(leaf_deinit) Leaf leaf = LEAF_INIT;
        EventKind kind;

        int r = leaf_parse(item->bytes, item->n, LEAF_MAX, &leaf);
        if (r != 0)
                return r < 0 ? r : -EBADMSG;
        if (!event_of_leaf(&leaf, &kind, &message) || journal_keeps_back(journal, item))
                return 0;
        return journal_write_event(journal, kind, &leaf, &message);
}

static int journal_send_checkpoint(Journal *journal, const char *note, size_t n)
{
        _cleanup_(buffer_deinit) Buffer message = BUFFER_INIT;
        _cleanup_(freep) char *text = strndup(note, n - 1);
        char origin[NOTE_NAME_MAX + 1], root[DIGEST_HEX_SIZE];
        Leaf fields = LEAF_INIT;
        TreeHead head;

        if (!text)
                return -ENOMEM;
        if (note_peek(note, n, origin, &head) != 0)
                return -EBADMSG;
        digest_hex(&head.root, root);
        /* Not leaf_set_text(): the note has lines. */
        fields.fields[fields.n_fields++] = (LeafField){.key = "note", .text = text};
        leaf_set_text(&fields, "origin", origin);
        leaf_set_text(&fields, "root", root);
        leaf_set_number(&fields, "size", head.size);
        buffer_append_format(&message, "The trail has %llu leaves; this is its signed checkpoint.",
                             (unsigned long long)head.size);
        return journal_write_event(journal, EVENT_CHECKPOINT, &fields, &message);
}

static int journal_send(void *self, const MirrorItem *item)
{
        Journal *journal = self;

        if (item->kind == MIRROR_LEAF)
                return journal_send_leaf(journal, item);
        if (item->kind == MIRROR_CHECKPOINT)
                return journal_send_checkpoint(journal, item->bytes, item->n);
        return journal_write(journal, item->bytes, item->n);
}

/* What was kept back goes out as the last of it, with its number. The leaf says whose that was: a row may be shared. */
static int journal_send_row(Journal *journal, const RepeatsRow *row)
{
        _cleanup_(buffer_deinit) Buffer message = BUFFER_INIT;
        _cleanup_(leaf_deinit) Leaf leaf = LEAF_INIT;
        uint64_t uid;

        int r = leaf_parse(row->bytes, row->n_bytes, LEAF_MAX, &leaf);
        if (r == 0 && !leaf_number(&leaf, "uid", &uid))
                r = -EBADMSG;
        if (r != 0)
                return r < 0 ? r : -EBADMSG;
        leaf_set_number(&leaf, "count", row->n);
        buffer_append_format(
                &message,
                "Denied %llu more requests of peers whom the policy does not know, the last one of "
                "uid %llu; each has its leaf.",
                (unsigned long long)row->n, (unsigned long long)uid);
        return journal_write_event(journal, EVENT_DENIED_AGAIN, &leaf, &message);
}

static int journal_rest(void *self, uint64_t now_usec, bool last, uint64_t *ret_next_usec)
{
        Journal *journal = self;
        RepeatsRow row;
        int n = 0;

        while (n >= 0 && repeats_due(&journal->repeats, now_usec, last, &row)) {
                int r = journal_send_row(journal, &row);
                free(row.bytes);
                n = r < 0 ? r : n + r;
        }
        *ret_next_usec = n < 0 ? now_usec : repeats_next_usec(&journal->repeats);
        return n;
}

const MirrorDestination mirror_journal = {
        .wants = journal_wants,
        .send = journal_send,
        .rest = journal_rest,
        .free = journal_free,
};
