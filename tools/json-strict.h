#pragma once
/*
 * One JSON object from one line of text, read strictly: json-c's leniencies are off, and what its strict mode
 * still lets pass (duplicate members, NaN, a NUL in a string) is refused here.
 */

#include <json-c/json.h>
#include <stddef.h>

#include "base/macro.h"

static inline void json_object_free(json_object *object)
{
        (void)json_object_put(object); /* whether it was the last reference is of no interest */
}
DEFINE_CLEANUP(json_object *, json_object_free);

enum {
        JSON_E_MALFORMED = 1, /* not one JSON object in UTF-8, or a member stands twice */
};

/**
 * json_strict_parse() - Reads exactly one object; white space around it is allowed.
 * @text:       @n bytes, need not end in NUL
 * @ret_object: a reference; members in the order of the text
 *
 * Numbers with a fraction or an exponent keep their text: json_object_get_string() gives it back byte for byte.
 * Return: 0, JSON_E_MALFORMED, -ENOMEM.
 */
int json_strict_parse(const char *text, size_t n, json_object **ret_object);
