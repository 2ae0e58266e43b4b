/*
 * Strict JSON on top of json-c. Pure. Used by the tool for facts.
 */

#include "tools/json-strict.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/text.h"

enum { JSON_DEPTH_MAX = 8 };

DEFINE_CLEANUP(json_tokener *, json_tokener_free);

/* How many members the text writes, at any depth: colons outside strings. Only for text that json-c has accepted. */
static size_t text_count_members(const char *text, size_t n)
{
        size_t n_members = 0;
        bool in_string = false;

        for (size_t i = 0; i < n; i++) {
                if (in_string && text[i] == '\\')
                        i++;
                else if (text[i] == '"')
                        in_string = !in_string;
                else if (text[i] == ':' && !in_string)
                        n_members++;
        }
        return n_members;
}

static bool string_has_nul(json_object *value)
{
        return strlen(json_object_get_string(value)) != (size_t)json_object_get_string_len(value);
}

/* Counts the members that were kept, and refuses what json-c lets pass. The depth is bounded by the tokener. */
static bool value_count_members(json_object *value, size_t *n_members)
{
        switch (json_object_get_type(value)) {
        case json_type_object:
                json_object_object_foreach(value, key, member)
                {
                        (void)key;
                        (*n_members)++;
                        if (!value_count_members(member, n_members))
                                return false;
                }
                return true;
        case json_type_array:
                for (size_t i = 0; i < json_object_array_length(value); i++)
                        if (!value_count_members(json_object_array_get_idx(value, i), n_members))
                                return false;
                return true;
        case json_type_double:
                return isfinite(json_object_get_double(value));
        case json_type_string:
                return !string_has_nul(value);
        case json_type_null:
        case json_type_boolean:
        case json_type_int:
        default:
                return true;
        }
}

static bool text_is_blank(const char *text, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (!memchr(" \t\r\n", text[i], 4))
                        return false;
        return true;
}

int json_strict_parse(const char *text, size_t n, json_object **ret_object)
{
        /* A NUL would end the text for json-c and not for whoever reads it after us. */
        if (n == 0 || n > INT_MAX || !text_is_utf8(text, n) || memchr(text, 0, n))
                return JSON_E_MALFORMED;
        _cleanup_(json_tokener_freep) json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
        if (!tokener)
                return -ENOMEM;
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
        _cleanup_(json_object_freep) json_object *object = json_tokener_parse_ex(tokener, text, (int)n);
        if (!object || json_tokener_get_error(tokener) != json_tokener_success)
                return JSON_E_MALFORMED;
        size_t end = json_tokener_get_parse_end(tokener);
        if (!json_object_is_type(object, json_type_object) || !text_is_blank(text + end, n - end))
                return JSON_E_MALFORMED;
        /* json-c keeps the last of two members of one name, so a duplicate shows as one member fewer. */
        size_t n_kept = 0;
        if (!value_count_members(object, &n_kept) || n_kept != text_count_members(text, end))
                return JSON_E_MALFORMED;
        *ret_object = TAKE_PTR(object);
        return 0;
}
