#pragma once
/*
 * A growing run of bytes. Appending never reports failure itself: it sticks in the buffer, and whoever takes
 * the bytes asks once, so that building a message reads as a list of its parts.
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Buffer {
        uint8_t *data; /* a NUL follows the last byte, so text can be used as a string; NULL while empty */
        size_t n;
        size_t capacity;
        bool failed; /* memory ran out once: the content is worthless */
} Buffer;

#define BUFFER_INIT ((Buffer){})

/** buffer_deinit() - Frees the bytes; safe on BUFFER_INIT and twice. */
void buffer_deinit(Buffer *buffer);

/** buffer_append() - Appends @n bytes at @data (may be NULL when @n is 0); failure sticks in @buffer. */
void buffer_append(Buffer *buffer, const void *data, size_t n);

/** buffer_append_text() - Appends the bytes of a string, without its NUL. */
void buffer_append_text(Buffer *buffer, const char *text);

/** buffer_append_format() - Appends formatted text, as printf(3). */
void buffer_append_format(Buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** buffer_append_list() - The same with the arguments of a caller, as vprintf(3). */
void buffer_append_list(Buffer *buffer, const char *format, va_list arguments)
        __attribute__((format(printf, 2, 0)));

/**
 * buffer_extend() - Makes room for @n more bytes and counts them as content.
 *
 * Return: where the new bytes start, not initialised; NULL when memory ran out (which also sticks). The
 * pointer is good until the next call that appends.
 */
void *buffer_extend(Buffer *buffer, size_t n);

/** buffer_clear() - Forgets content and failure, keeps the memory for reuse. */
void buffer_clear(Buffer *buffer);

/** buffer_text() - The content as a string ("" while empty); borrowed until the next change. */
const char *buffer_text(const Buffer *buffer);

/**
 * buffer_take() - Hands the bytes over.
 * @ret_n:      where their count goes, without the NUL that follows them; may be NULL
 *
 * Return: the bytes, to be freed with free(), never NULL unless the buffer has failed; the buffer is empty
 * afterwards.
 */
void *buffer_take(Buffer *buffer, size_t *ret_n);
