#pragma once
/*
 * Small helpers over json-c: building objects that cannot fail half way, and reading replies whose members
 * may be absent. The tool holds nothing that could be lost, so where memory runs out it says so and ends.
 */

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

/** For _cleanup_() on a json_object. */
void json_putp(json_object **object);

/** json_need() - @object, which is not NULL: else the tool ends, for only memory can have run out. */
json_object *json_need(json_object *object);

/** json_set() - Sets a member of @object, consuming @value. */
void json_set(json_object *object, const char *key, json_object *value);

/** json_set_text() - Sets a string, unless @text is NULL. */
void json_set_text(json_object *object, const char *key, const char *text);

/** json_text() - A member's string, borrowed; NULL where there is none or it is no string. */
const char *json_text(json_object *object, const char *key);

/** json_number() - A member's number; @otherwise where there is none or it is no integer. */
int64_t json_number(json_object *object, const char *key, int64_t otherwise);

/** json_is_true() - Whether a member is there and true. */
bool json_is_true(json_object *object, const char *key);

/** json_list() - A member that is an array, borrowed; NULL otherwise. */
json_object *json_list(json_object *object, const char *key);

/** json_print() - Writes an object to stdout, indented, with a newline. */
void json_print(json_object *object);
