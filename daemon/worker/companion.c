/*
 * Files that belong to a journal.
 */

#include "worker/companion.h"

#include <errno.h>
#include <string.h>

#include "base/digest.h"
#include "base/macro.h"
#include "wire/cursor.h"

static int make_head(const CompanionKind *kind, const Journal *journal,
                     uint8_t ret_head[static COMPANION_HEAD_SIZE])
{
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;
        Digest digest;

        buffer_append(&body, kind->magic, sizeof(kind->magic) - 1);
        put_u32(&body, kind->version);
        buffer_append(&body, journal->file_id, JOURNAL_FILE_ID_SIZE);
        put_u32(&body, journal->shape.dimension);
        if (body.failed)
                return -ENOMEM;
        memset(ret_head, 0, COMPANION_HEAD_SIZE);
        memcpy(ret_head + DIGEST_SIZE, body.data, body.n);
        digest_of(ret_head + DIGEST_SIZE, COMPANION_HEAD_SIZE - DIGEST_SIZE, &digest);
        memcpy(ret_head, digest.bytes, DIGEST_SIZE);
        return 0;
}

int companion_begin(int fd, const CompanionKind *kind, const Journal *journal)
{
        uint8_t head[COMPANION_HEAD_SIZE];

        int r = make_head(kind, journal, head);
        if (r == 0)
                r = disk_reserve(fd, 0, COMPANION_HEAD_SIZE);
        return r < 0 ? r : disk_write(fd, head, sizeof(head), 0);
}

int companion_check(int fd, const CompanionKind *kind, const Journal *journal)
{
        uint8_t head[COMPANION_HEAD_SIZE], ought[COMPANION_HEAD_SIZE];

        int r = make_head(kind, journal, ought);
        if (r == 0)
                r = disk_read(fd, head, sizeof(head), 0);
        if (r != 0)
                return r;
        return memcmp(head, ought, sizeof(head)) == 0 ? 0 : DISK_E_DAMAGED;
}
