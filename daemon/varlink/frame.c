/*
 * Varlink framing. Pure: owns the bytes not yet taken, touches no socket. Bytes that were taken are only
 * moved out of the way when they are at least half of the buffer, so that each byte is moved a bounded number
 * of times.
 */

#include "varlink/frame.h"

#include <errno.h>
#include <string.h>

/* What a reader keeps for the next message without giving it back. */
enum { FRAME_KEEP = 16 * 1024 };

void frame_reader_deinit(FrameReader *reader)
{
        buffer_deinit(&reader->bytes);
        *reader = FRAME_READER_INIT;
}

static void frame_reader_compact(FrameReader *reader)
{
        Buffer *bytes = &reader->bytes;

        if (reader->start == 0 || reader->start < bytes->n / 2)
                return;
        bytes->n -= reader->start;
        reader->scanned -= reader->start;
        memmove(bytes->data, bytes->data + reader->start, bytes->n);
        reader->start = 0;
}

int frame_reader_add(FrameReader *reader, const void *data, size_t n)
{
        frame_reader_compact(reader);
        buffer_append(&reader->bytes, data, n);
        return reader->bytes.failed ? -ENOMEM : 0;
}

int frame_reader_next(FrameReader *reader, const char **ret_message, size_t *ret_n)
{
        const Buffer *bytes = &reader->bytes;
        size_t n_new = bytes->n - reader->scanned;
        const uint8_t *nul = n_new > 0 ? memchr(bytes->data + reader->scanned, 0, n_new) : NULL;
        size_t end = nul ? (size_t)(nul - bytes->data) : bytes->n;

        reader->scanned = end;
        if (end - reader->start > FRAME_MAX)
                return FRAME_E_TOO_LARGE;
        if (!nul)
                return FRAME_E_AGAIN;
        *ret_message = (const char *)bytes->data + reader->start;
        *ret_n = end - reader->start;
        reader->start = reader->scanned = end + 1;
        return 0;
}

bool frame_reader_is_empty(const FrameReader *reader)
{
        return reader->start == reader->bytes.n;
}

void frame_reader_shrink(FrameReader *reader)
{
        if (frame_reader_is_empty(reader) && reader->bytes.capacity > FRAME_KEEP)
                frame_reader_deinit(reader);
}
