/*
 * The growing buffer. Capacity doubles, and one byte beyond the content is always a NUL.
 */

#include "base/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

void freep(void *p)
{
        free(*(void **)p);
}

void buffer_deinit(Buffer *buffer)
{
        free(buffer->data);
        *buffer = BUFFER_INIT;
}

static bool buffer_reserve(Buffer *buffer, size_t n)
{
        size_t need = 0;

        if (buffer->failed)
                return false;
        if (__builtin_add_overflow(buffer->n, n, &need) || __builtin_add_overflow(need, 1, &need)) {
                buffer->failed = true;
                return false;
        }
        if (need <= buffer->capacity)
                return true;

        size_t capacity = buffer->capacity ? buffer->capacity : 64;
        while (capacity < need) {
                if (__builtin_mul_overflow(capacity, 2, &capacity)) {
                        buffer->failed = true;
                        return false;
                }
        }
        uint8_t *data = realloc(buffer->data, capacity);
        if (!data) {
                buffer->failed = true;
                return false;
        }
        buffer->data = data;
        buffer->capacity = capacity;
        return true;
}

void *buffer_extend(Buffer *buffer, size_t n)
{
        if (!buffer_reserve(buffer, n))
                return NULL;
        uint8_t *start = buffer->data + buffer->n;
        buffer->n += n;
        buffer->data[buffer->n] = 0;
        return start;
}

void buffer_append(Buffer *buffer, const void *data, size_t n)
{
        void *start = buffer_extend(buffer, n);
        if (start && n > 0)
                memcpy(start, data, n);
}

void buffer_append_text(Buffer *buffer, const char *text)
{
        buffer_append(buffer, text, strlen(text));
}

void buffer_append_list(Buffer *buffer, const char *format, va_list arguments)
{
        va_list again;

        va_copy(again, arguments);
        int n = vsnprintf(NULL, 0, format, arguments);
        if (n < 0) {
                buffer->failed = true;
        } else if (buffer_reserve(buffer, (size_t)n)) {
                (void)vsnprintf((char *)buffer->data + buffer->n, (size_t)n + 1, format, again);
                buffer->n += (size_t)n;
        }
        va_end(again);
}

void buffer_append_format(Buffer *buffer, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        buffer_append_list(buffer, format, arguments);
        va_end(arguments);
}

void buffer_clear(Buffer *buffer)
{
        buffer->n = 0;
        buffer->failed = false;
        if (buffer->data)
                buffer->data[0] = 0;
}

const char *buffer_text(const Buffer *buffer)
{
        return buffer->data ? (const char *)buffer->data : "";
}

void *buffer_take(Buffer *buffer, size_t *ret_n)
{
        if (!buffer_reserve(buffer, 0))
                return NULL;
        void *data = TAKE_PTR(buffer->data);
        ((uint8_t *)data)[buffer->n] = 0;
        if (ret_n)
                *ret_n = buffer->n;
        *buffer = BUFFER_INIT;
        return data;
}
