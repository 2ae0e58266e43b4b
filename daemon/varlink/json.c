/*
 * Strict JSON. json-c keeps the last of duplicate members, replaces what is no text, and lets control
 * characters pass; so every message is scanned here first, by a recursive descent along RFC 8259 whose depth
 * is bounded. The scan accepts or refuses and keeps nothing.
 */

#include "varlink/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

typedef struct Scan {
        const char *p;
        const char *end;
        unsigned nesting;
        unsigned n_values;
} Scan;

typedef struct ScanName {
        const char *text;
        size_t n;
} ScanName;

struct json_object *json_free(struct json_object *value)
{
        json_object_put(value);
        return NULL;
}

static void scan_space(Scan *scan)
{
        while (scan->p < scan->end && strchr(" \t\n\r", *scan->p))
                scan->p++;
}

/* Takes one byte if it is `c`. */
static bool scan_char(Scan *scan, char c)
{
        if (scan->p >= scan->end || *scan->p != c)
                return false;
        scan->p++;
        return true;
}

static bool scan_literal(Scan *scan, const char *word)
{
        size_t n = strlen(word);

        if ((size_t)(scan->end - scan->p) < n || memcmp(scan->p, word, n) != 0)
                return false;
        scan->p += n;
        return true;
}

static bool scan_digits(Scan *scan)
{
        const char *start = scan->p;

        while (scan->p < scan->end && *scan->p >= '0' && *scan->p <= '9')
                scan->p++;
        return scan->p > start;
}

static bool scan_number(Scan *scan)
{
        (void)scan_char(scan, '-'); /* may be there or not */
        if (!scan_char(scan, '0') && !scan_digits(scan))
                return false;
        if (scan_char(scan, '.') && !scan_digits(scan))
                return false;
        if (!scan_char(scan, 'e') && !scan_char(scan, 'E'))
                return true;
        if (!scan_char(scan, '+'))
                (void)scan_char(scan, '-'); /* likewise */
        return scan_digits(scan);
}

static bool scan_hex4(Scan *scan, unsigned *ret_unit)
{
        unsigned unit = 0;

        if (scan->end - scan->p < 4)
                return false;
        for (int i = 0; i < 4; i++) {
                const char *digits = "0123456789abcdefABCDEF";
                char c = *scan->p++;
                const char *at = c ? strchr(digits, c) : NULL;
                if (!at)
                        return false;
                unsigned value = (unsigned)(at - digits);
                unit = unit << 4 | (value > 15 ? value - 6 : value);
        }
        *ret_unit = unit;
        return true;
}

/* The part of an escape after `\u`; a high surrogate must be followed by a low one. */
static bool scan_unicode_escape(Scan *scan)
{
        unsigned unit = 0;

        if (!scan_hex4(scan, &unit) || (unit >= 0xdc00 && unit <= 0xdfff))
                return false;
        if (unit < 0xd800 || unit > 0xdbff)
                return true;
        return scan_literal(scan, "\\u") && scan_hex4(scan, &unit) && unit >= 0xdc00 && unit <= 0xdfff;
}

static bool scan_string(Scan *scan, bool escapes)
{
        if (!scan_char(scan, '"'))
                return false;
        while (scan->p < scan->end) {
                unsigned char c = (unsigned char)*scan->p++;
                if (c == '"')
                        return true;
                if (c < 0x20 || (c == '\\' && (!escapes || scan->p == scan->end)))
                        return false;
                if (c != '\\')
                        continue;
                char kind = *scan->p++;
                if (kind == 'u' ? !scan_unicode_escape(scan) : !kind || !strchr("\"\\/bfnrt", kind))
                        return false;
        }
        return false;
}

static bool scan_value(Scan *scan);

/* Takes a member's name if none of the `n` before it is the same. */
static bool scan_name(Scan *scan, ScanName names[static JSON_MEMBERS_MAX], size_t n)
{
        const char *start = scan->p;

        if (n == JSON_MEMBERS_MAX || !scan_string(scan, false))
                return false;
        names[n] = (ScanName){start, (size_t)(scan->p - start)};
        for (size_t i = 0; i < n; i++)
                if (names[i].n == names[n].n && memcmp(names[i].text, start, names[n].n) == 0)
                        return false;
        return true;
}

static bool scan_object(Scan *scan)
{
        ScanName names[JSON_MEMBERS_MAX];

        if (!scan_char(scan, '{'))
                return false;
        scan_space(scan);
        if (scan_char(scan, '}'))
                return true;
        for (size_t n = 0;; n++) {
                scan_space(scan);
                if (!scan_name(scan, names, n))
                        return false;
                scan_space(scan);
                if (!scan_char(scan, ':') || !scan_value(scan))
                        return false;
                if (scan_char(scan, '}'))
                        return true;
                if (!scan_char(scan, ','))
                        return false;
        }
}

static bool scan_array(Scan *scan)
{
        if (!scan_char(scan, '['))
                return false;
        scan_space(scan);
        if (scan_char(scan, ']'))
                return true;
        for (;;) {
                if (!scan_value(scan))
                        return false;
                if (scan_char(scan, ']'))
                        return true;
                if (!scan_char(scan, ','))
                        return false;
        }
}

static bool scan_nested(Scan *scan, bool (*scan_inner)(Scan *))
{
        if (++scan->nesting > JSON_NESTING_MAX || !scan_inner(scan))
                return false;
        scan->nesting--;
        return true;
}

static bool scan_bare_value(Scan *scan)
{
        if (scan->p >= scan->end || ++scan->n_values > JSON_VALUES_MAX)
                return false;
        switch (*scan->p) {
        case '{':
                return scan_nested(scan, scan_object);
        case '[':
                return scan_nested(scan, scan_array);
        case '"':
                return scan_string(scan, true);
        case 't':
                return scan_literal(scan, "true");
        case 'f':
                return scan_literal(scan, "false");
        case 'n':
                return scan_literal(scan, "null");
        default:
                return scan_number(scan);
        }
}

/* A value and the white space on both sides of it. */
static bool scan_value(Scan *scan)
{
        scan_space(scan);
        if (!scan_bare_value(scan))
                return false;
        scan_space(scan);
        return true;
}

static bool scan_message(const char *data, size_t n)
{
        Scan scan = {.p = data, .end = data + n};

        /* A NUL would end the text for strchr(3) above, and no message has one. */
        if (memchr(data, 0, n) || !text_is_utf8(data, n))
                return false;
        scan_space(&scan);
        return scan.p < scan.end && *scan.p == '{' && scan_value(&scan) && scan.p == scan.end;
}

typedef struct json_tokener *JsonTokener;
DEFINE_CLEANUP(JsonTokener, json_tokener_free);

int json_message_read(const char *data, size_t n, struct json_object **ret_object)
{
        _cleanup_(json_tokener_freep) JsonTokener tokener = NULL;
        _cleanup_(json_freep) JsonRef object = NULL;

        if (n == 0 || n > INT32_MAX || !scan_message(data, n))
                return JSON_E_MALFORMED;
        tokener = json_tokener_new_ex(JSON_NESTING_MAX + 1);
        if (!tokener)
                return -ENOMEM;
        /* Not in its strict mode, nor to look at UTF-8: all that was seen above, and either way json-c 0.18 refuses
         * whatever is not ASCII. */
        object = json_tokener_parse_ex(tokener, data, (int)n);
        /* json-c has the last word where it is the stricter of the two. */
        if (!object || json_tokener_get_error(tokener) != json_tokener_success)
                return JSON_E_MALFORMED;
        *ret_object = TAKE_PTR(object);
        return 0;
}

bool json_add(struct json_object *object, const char *name, struct json_object *value)
{
        if (object && value && json_object_object_add(object, name, value) == 0)
                return true;
        json_free(value);
        return false;
}

bool json_add_text(struct json_object *object, const char *name, const char *text)
{
        return !text || json_add(object, name, json_object_new_string(text));
}

int json_message_write(struct json_object *object, Buffer *buffer)
{
        size_t n = 0;
        const char *text =
                object ? json_object_to_json_string_length(
                                 object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &n)
                       : NULL;

        if (!text)
                return -ENOMEM;
        buffer_append(buffer, text, n + 1);
        return buffer->failed ? -ENOMEM : 0;
}

const char *json_number_text(struct json_object *value)
{
        if (!json_object_is_type(value, json_type_int) && !json_object_is_type(value, json_type_double))
                return NULL;
        return json_object_get_string(value);
}

struct json_object *json_double_new(double value)
{
        char text[32];

        for (int digits = 15; digits <= 17; digits++) {
                (void)snprintf(text, sizeof(text), "%.*g", digits, value); /* 17 digits always fit */
                if (strtod(text, NULL) == value)
                        break;
        }
        return json_object_new_double_s(value, text);
}
