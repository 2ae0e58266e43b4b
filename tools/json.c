/*
 * Json: what the tool's commands need of json-c, in a word each.
 */

#include "tools/json.h"

#include <stdio.h>
#include <stdlib.h>

#include "tools/command.h"

void json_putp(json_object **object)
{
        json_object_put(*object);
}

json_object *json_need(json_object *object)
{
        if (object)
                return object;
        fputs("matchguard: out of memory\n", stderr);
        exit(EXIT_REFUSED);
}

void json_set(json_object *object, const char *key, json_object *value)
{
        if (json_object_object_add(object, key, json_need(value)) < 0)
                (void)json_need(NULL);
}

void json_set_text(json_object *object, const char *key, const char *text)
{
        if (text)
                json_set(object, key, json_object_new_string(text));
}

static json_object *member(json_object *object, const char *key, json_type type)
{
        json_object *value = NULL;
        if (!json_object_object_get_ex(object, key, &value) || !json_object_is_type(value, type))
                return NULL;
        return value;
}

const char *json_text(json_object *object, const char *key)
{
        json_object *value = member(object, key, json_type_string);
        return value ? json_object_get_string(value) : NULL;
}

int64_t json_number(json_object *object, const char *key, int64_t otherwise)
{
        json_object *value = member(object, key, json_type_int);
        return value ? json_object_get_int64(value) : otherwise;
}

bool json_is_true(json_object *object, const char *key)
{
        return json_object_get_boolean(member(object, key, json_type_boolean));
}

json_object *json_list(json_object *object, const char *key)
{
        return member(object, key, json_type_array);
}

void json_print(json_object *object)
{
        puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
                                                            JSON_C_TO_STRING_NOSLASHESCAPE));
}
