#pragma once
/*
 * Bounded reading and writing of little-endian fields. Writing goes to a base/buffer.h Buffer; reading is by
 * a Cursor whose failure sticks, so that a decoder reads as a list of its fields and asks once, at the end.
 *
 *   u8 u16 u32 u64   little-endian
 *   str              u16 length, that many bytes (no NUL among them), one NUL: usable in place
 *   blob             u32 length, that many bytes
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

typedef struct Cursor {
        const uint8_t *p;
        const uint8_t *end;
        bool failed; /* something did not fit: every later read gives zero, "" or NULL */
} Cursor;

/** cursor_init() - Begins to read @n borrowed bytes; strings and blobs will point into them. */
Cursor cursor_init(const void *data, size_t n);

uint8_t cursor_u8(Cursor *cursor);
uint16_t cursor_u16(Cursor *cursor);
uint32_t cursor_u32(Cursor *cursor);
uint64_t cursor_u64(Cursor *cursor);

/** cursor_bool() - A u8 that must be 0 or 1. */
bool cursor_bool(Cursor *cursor);

/** cursor_bytes() - Exactly @n bytes, in place; NULL when they are not there. */
const uint8_t *cursor_bytes(Cursor *cursor, size_t n);

/** cursor_copy() - Exactly @n bytes into @ret_data, which is zeroed when they are not there. */
void cursor_copy(Cursor *cursor, void *ret_data, size_t n);

/** cursor_str() - A str, in place, NUL-terminated; "" when it is not there. */
const char *cursor_str(Cursor *cursor);

/** cursor_opt_str() - A bool, then a str if it is true. Return: NULL when it is absent. */
const char *cursor_opt_str(Cursor *cursor);

/** cursor_blob() - A blob, in place; NULL and 0 when it is not there. */
const uint8_t *cursor_blob(Cursor *cursor, size_t *ret_n);

/** cursor_end() - Whether everything was there and no byte is left. Call it last; believe nothing before. */
bool cursor_end(const Cursor *cursor);

void put_u8(Buffer *buffer, uint8_t value);
void put_u16(Buffer *buffer, uint16_t value);
void put_u32(Buffer *buffer, uint32_t value);
void put_u64(Buffer *buffer, uint64_t value);
void put_bool(Buffer *buffer, bool value);

/** put_str() - A str; one longer than 65,535 bytes fails the buffer. NULL is written as "". */
void put_str(Buffer *buffer, const char *text);

/** put_opt_str() - What cursor_opt_str() reads; NULL is absent. */
void put_opt_str(Buffer *buffer, const char *text);

/** put_blob() - What cursor_blob() reads. */
void put_blob(Buffer *buffer, const void *data, size_t n);
