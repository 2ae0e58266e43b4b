/*
 * Page: how the tool lays out what people read. Knows nothing of what it writes.
 */

#include "tools/page.h"

#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "base/macro.h"

enum { PAGE_WIDTH = 78, PAGE_INDENT = 16 };

/* Bytes that a UTF-8 character continues with take no column. */
static bool is_continuation(char c)
{
        return ((unsigned char)c & 0xc0) == 0x80;
}

/* C0 and DEL, and the C1 controls, which UTF-8 spells 0xc2 0x80 to 0xc2 0x9f. */
static size_t control_length(const char *text)
{
        unsigned char c = (unsigned char)text[0], next = c ? (unsigned char)text[1] : 0;
        if (c < 0x20 || c == 0x7f)
                return 1;
        return c == 0xc2 && next >= 0x80 && next <= 0x9f ? 2 : 0;
}

static void put_word(FILE *out, const char *word, size_t n)
{
        for (size_t i = 0; i < n;) {
                size_t skip = control_length(word + i);
                fputc(skip ? '?' : word[i], out);
                i += skip ? skip : 1;
        }
}

static size_t count_columns(const char *word, size_t n)
{
        size_t columns = 0;
        for (size_t i = 0; i < n; i++)
                columns += !is_continuation(word[i]);
        return columns;
}

/* Writes words from where the line is, which is column @indent, and goes on under that. */
static void put_wrapped(FILE *out, size_t indent, const char *text)
{
        size_t column = indent;
        bool first = true;
        while (*text) {
                if (*text == '\n' || *text == ' ') {
                        if (*text == '\n' && text[1])
                                column = PAGE_WIDTH;
                        text++;
                        continue;
                }
                size_t n = strcspn(text, " \n"), columns = count_columns(text, n);
                if (!first && column + 1 + columns > PAGE_WIDTH) {
                        fprintf(out, "\n%*s", (int)indent, "");
                        column = indent;
                } else if (!first) {
                        fputc(' ', out);
                        column++;
                }
                put_word(out, text, n);
                column += columns;
                first = false;
                text += n;
        }
        fputc('\n', out);
}

void page_text(FILE *out, const char *text)
{
        put_wrapped(out, 0, text);
}

void page_field(FILE *out, const char *label, const char *text)
{
        fprintf(out, "  %-*s", PAGE_INDENT - 2, label);
        if (strlen(label) > PAGE_INDENT - 3)
                fprintf(out, "\n%*s", PAGE_INDENT, "");
        put_wrapped(out, PAGE_INDENT, text);
}

void page_field_format(FILE *out, const char *label, const char *format, ...)
{
        char text[1024];
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        page_field(out, label, text);
}

const char *page_number(uint64_t value, char ret_text[static PAGE_NUMBER_SIZE])
{
        char digits[PAGE_NUMBER_SIZE];
        int n = snprintf(digits, sizeof(digits), "%lu", (unsigned long)value), at = 0;
        for (int i = 0; i < n; i++) {
                if (i > 0 && (n - i) % 3 == 0)
                        ret_text[at++] = ',';
                ret_text[at++] = digits[i];
        }
        ret_text[at] = '\0';
        return ret_text;
}

typedef struct PageSize {
        double number;
        const char *unit;
        int n_digits; /* behind the point */
} PageSize;

static PageSize size_of(uint64_t bytes)
{
        static const char *const units[] = {"bytes", "KiB", "MiB", "GiB"};
        PageSize size = {(double)bytes, units[0], 0};

        for (size_t i = 1; i < ARRAY_SIZE(units) && size.number >= 1024; i++)
                size = (PageSize){size.number / 1024, units[i], 0};
        /* 9.96 would come out as 10.0. */
        size.n_digits = size.unit != units[0] && size.number < 9.95;
        return size;
}

const char *page_share(uint64_t part, uint64_t whole, char ret_text[static PAGE_SHARE_SIZE])
{
        PageSize a = size_of(part), b = size_of(whole);
        bool same = strcmp(a.unit, b.unit) == 0;

        snprintf(ret_text, PAGE_SHARE_SIZE, "%.*f%s%s of %.*f %s", a.n_digits, a.number, same ? "" : " ",
                 same ? "" : a.unit, b.n_digits, b.number, b.unit);
        return ret_text;
}
