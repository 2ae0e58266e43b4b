/*
 * From the first leaf of a log to the last checkpoint of the one before. The hash binds the bytes of that
 * checkpoint, signatures and all, so that nothing more is asked of it here: whether they were good ones is
 * found by verifying the earlier log itself.
 */

#include "tools/log-link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/macro.h"
#include "tools/proven-log.h"
#include "wire/leaf.h"

DEFINE_CLEANUP(ProvenLog *, proven_log_free);

/* Leaf 0, as far as it is asked for. Return: 0, where it cannot be proved too (the log's own check has said
 * so), or -ENOMEM. */
static int link_read(const ExportSource *source, LogLink *link)
{
        _cleanup_(proven_log_freep) ProvenLog *log = NULL;
        _cleanup_(leaf_deinit) Leaf leaf = LEAF_INIT;
        _cleanup_(freep) char *why = NULL;
        const Bundle *bundle = NULL;

        int r = proven_log_open(source, &log, &why);
        if (r == 0 && proven_log_export(log)->head.size > 0)
                r = proven_log_bundle(log, 0, &bundle, &why);
        if (r != 0 || !bundle)
                return r < 0 ? r : 0;
        if (leaf_parse(bundle->leaves[0], bundle->sizes[0], LEAF_MAX, &leaf) != 0)
                return 0;
        const char *previous = leaf_text(&leaf, "previous");
        link->follows = previous && digest_from_hex(previous, &link->previous);
        return 0;
}

/* The checkpoint in an export, or the one that the path itself is. Return: 0 or -errno. */
static int link_read_checkpoint(const char *path, Buffer *note)
{
        _cleanup_(buffer_deinit) Buffer file = BUFFER_INIT;
        struct stat st;

        if (stat(path, &st) < 0)
                return -errno;
        buffer_append_text(&file, path);
        if (S_ISDIR(st.st_mode))
                buffer_append_text(&file, "/checkpoint");
        return file.failed ? -ENOMEM : export_read_path(buffer_text(&file), NOTE_MAX, note);
}

static void link_compare(const char *path, const Buffer *note, Findings *findings, LogLink *link)
{
        char wanted[DIGEST_HEX_SIZE], found[DIGEST_HEX_SIZE];
        TreeHead head;
        Digest digest;

        digest_of(note->data, note->n, &digest);
        link->holds = digest_equal(&digest, &link->previous);
        if (!link->holds) {
                digest_hex(&link->previous, wanted);
                digest_hex(&digest, found);
                findings_file(findings, path,
                              "this log does not follow that one: leaf 0 names a checkpoint with the SHA-256 "
                              "%s, and this one has %s",
                              wanted, found);
                return;
        }
        link->readable = note_peek(buffer_text(note), note->n, link->origin, &head) == 0;
        link->size = link->readable ? head.size : 0;
}

int log_link_check(const ExportSource *source, const char *path, Findings *findings, LogLink *ret_link)
{
        _cleanup_(buffer_deinit) Buffer note = BUFFER_INIT;
        LogLink link = LOG_LINK_INIT;

        int r = link_read(source, &link);
        if (r == 0 && path && !link.follows)
                findings_file(findings, path, "this log follows no other: its first leaf names none");
        if (r == 0 && path && link.follows) {
                r = link_read_checkpoint(path, &note);
                if (r < 0 && r != -ENOMEM)
                        findings_file(findings, path, "the checkpoint cannot be read: %s", strerror(-r));
                else if (r == 0)
                        link_compare(path, &note, findings, &link);
        }
        *ret_link = link;
        return r == -ENOMEM ? r : 0;
}
