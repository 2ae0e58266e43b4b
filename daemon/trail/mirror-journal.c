/*
 * The journal's end of the mirror. Owns the connection to journald and the denials that are kept back. Run by its
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
#include "trail/denials.h"
#include "trail/event-leaf.h"
#include "trail/event.h"

enum {
        JOURNAL_STDERR_WAIT_MS = 1000,
        JOURNAL_SETTLE_MS = 1000,
};

typedef struct Journal {
        int fd;
        Denials denials;
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
        free(journal);
}

static bool journal_wants(const void *self, const MirrorItem *item)
{
        switch (item->kind) {
        case MIRROR_EVENT:
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

static int journal_send_leaf(Journal *journal, const MirrorItem *item)
{
        _cleanup_(buffer_deinit) Buffer message = BUFFER_INIT;
        _cleanup_(leaf_deinit) Leaf leaf = LEAF_INIT;
        EventKind kind;

        int r = leaf_parse(item->bytes, item->n, LEAF_MAX, &leaf);
        if (r != 0)
                return r < 0 ? r : -EBADMSG;
        if (!event_of_leaf(&leaf, &kind, &message) ||
            denials_fold(&journal->denials, &leaf, journal_now_usec()))
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

static int journal_send_denials(Journal *journal, const DenialsRow *row)
{
        _cleanup_(buffer_deinit) Buffer message = BUFFER_INIT;
        Leaf fields = LEAF_INIT;

        leaf_set_number(&fields, "count", row->count);
        buffer_append_format(&message, "Denied %llu more requests ", (unsigned long long)row->count);
        if (row->has_uid) {
                leaf_set_number(&fields, "uid", row->uid);
                buffer_append_format(&message, "of uid %llu", (unsigned long long)row->uid);
        } else {
                buffer_append_text(&message, "of other users");
        }
        buffer_append_text(&message, ", whom the policy does not know; each has its leaf.");
        return journal_write_event(journal, EVENT_DENIED_AGAIN, &fields, &message);
}

static int journal_rest(void *self, uint64_t now_usec, bool last, uint64_t *ret_next_usec)
{
        Journal *journal = self;
        DenialsRow row;
        int n = 0;

        while (denials_take(&journal->denials, now_usec, last, &row)) {
                int r = journal_send_denials(journal, &row);
                if (r < 0)
                        return r;
                n += r;
        }
        *ret_next_usec = denials_next_usec(&journal->denials);
        return n;
}

const MirrorDestination mirror_journal = {
        .wants = journal_wants,
        .send = journal_send,
        .rest = journal_rest,
        .free = journal_free,
};
