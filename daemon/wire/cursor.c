/*
 * Little-endian fields. Pure: owns no memory, allocates only through the Buffer that it writes to. Every
 * process runs it. The byte order is spelled out rather than left to a cast, so that alignment never matters.
 */

#include "wire/cursor.h"

#include <string.h>

Cursor cursor_init(const void *data, size_t n)
{
        /* Arithmetic on NULL is undefined even when it adds nothing. */
        static const uint8_t nothing[1];
        const uint8_t *p = n > 0 ? data : nothing;

        return (Cursor){.p = p, .end = p + n};
}

const uint8_t *cursor_bytes(Cursor *cursor, size_t n)
{
        if (cursor->failed || (size_t)(cursor->end - cursor->p) < n) {
                cursor->failed = true;
                return NULL;
        }
        const uint8_t *bytes = cursor->p;
        cursor->p += n;
        return bytes;
}

static uint64_t cursor_little_endian(Cursor *cursor, size_t n)
{
        const uint8_t *bytes = cursor_bytes(cursor, n);
        uint64_t value = 0;

        for (size_t i = 0; bytes && i < n; i++)
                value |= (uint64_t)bytes[i] << (8 * i);
        return value;
}

uint8_t cursor_u8(Cursor *cursor)
{
        return (uint8_t)cursor_little_endian(cursor, 1);
}

uint16_t cursor_u16(Cursor *cursor)
{
        return (uint16_t)cursor_little_endian(cursor, 2);
}

uint32_t cursor_u32(Cursor *cursor)
{
        return (uint32_t)cursor_little_endian(cursor, 4);
}

uint64_t cursor_u64(Cursor *cursor)
{
        return cursor_little_endian(cursor, 8);
}

bool cursor_bool(Cursor *cursor)
{
        uint8_t value = cursor_u8(cursor);
        if (value > 1)
                cursor->failed = true;
        return value == 1;
}

void cursor_copy(Cursor *cursor, void *ret_data, size_t n)
{
        const uint8_t *bytes = cursor_bytes(cursor, n);
        if (bytes)
                memcpy(ret_data, bytes, n);
        else
                memset(ret_data, 0, n);
}

const char *cursor_str(Cursor *cursor)
{
        size_t n = cursor_u16(cursor);
        const uint8_t *bytes = cursor_bytes(cursor, n + 1);

        if (!bytes || memchr(bytes, 0, n + 1) != bytes + n) {
                cursor->failed = true;
                return "";
        }
        return (const char *)bytes;
}

const char *cursor_opt_str(Cursor *cursor)
{
        return cursor_bool(cursor) ? cursor_str(cursor) : NULL;
}

const uint8_t *cursor_blob(Cursor *cursor, size_t *ret_n)
{
        size_t n = cursor_u32(cursor);
        const uint8_t *bytes = cursor_bytes(cursor, n);

        *ret_n = bytes ? n : 0;
        return bytes;
}

bool cursor_end(const Cursor *cursor)
{
        return !cursor->failed && cursor->p == cursor->end;
}

static void put_little_endian(Buffer *buffer, uint64_t value, size_t n)
{
        uint8_t *bytes = buffer_extend(buffer, n);
        for (size_t i = 0; bytes && i < n; i++)
                bytes[i] = (uint8_t)(value >> (8 * i));
}

void put_u8(Buffer *buffer, uint8_t value)
{
        put_little_endian(buffer, value, 1);
}

void put_u16(Buffer *buffer, uint16_t value)
{
        put_little_endian(buffer, value, 2);
}

void put_u32(Buffer *buffer, uint32_t value)
{
        put_little_endian(buffer, value, 4);
}

void put_u64(Buffer *buffer, uint64_t value)
{
        put_little_endian(buffer, value, 8);
}

void put_bool(Buffer *buffer, bool value)
{
        put_u8(buffer, value);
}

void put_str(Buffer *buffer, const char *text)
{
        size_t n = text ? strlen(text) : 0;
        if (n > UINT16_MAX) {
                buffer->failed = true;
                return;
        }
        put_u16(buffer, (uint16_t)n);
        buffer_append(buffer, text ? text : "", n + 1);
}

void put_opt_str(Buffer *buffer, const char *text)
{
        put_bool(buffer, text != NULL);
        if (text)
                put_str(buffer, text);
}

void put_blob(Buffer *buffer, const void *data, size_t n)
{
        if (n > UINT32_MAX) {
                buffer->failed = true;
                return;
        }
        put_u32(buffer, (uint32_t)n);
        buffer_append(buffer, data, n);
}
