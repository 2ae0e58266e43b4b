#pragma once
/*
 * One Varlink message as JSON: RFC 8259 to the letter, and narrower where JSON leaves readers room to differ.
 * The tree is json-c's; what json-c would silently repair is found before it gets the bytes.
 */

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/macro.h"

enum {
        JSON_NESTING_MAX = 16,  /* objects and arrays within each other, the message itself being the first */
        JSON_MEMBERS_MAX = 256, /* members of one object */
        JSON_VALUES_MAX = 1 << 16, /* values in one message: what bounds the memory its tree takes */
};

#define JSON_INTEGER_MAX ((INT64_C(1) << 53) - 1)

/** json_free() - Drops a reference to a value; takes NULL, returns NULL. */
struct json_object *json_free(struct json_object *value);

typedef struct json_object *JsonRef;
DEFINE_CLEANUP(JsonRef, json_free);

enum {
        JSON_E_MALFORMED = 1,
};

/**
 * json_message_read() - Reads one message, without its NUL.
 * @ret_object: the object, to be given to json_free()
 *
 * Malformed is: what is not well-formed UTF-8 or not one JSON object with nothing but white space around it;
 * a member that stands twice in one object, at any depth; a member name with an escape in it (two spellings
 * of one name); an unpaired surrogate; more nesting, members or values than the limits above.
 *
 * Return: 0, JSON_E_MALFORMED, -ENOMEM.
 */
int json_message_read(const char *data, size_t n, struct json_object **ret_object);

/**
 * json_add() - Adds a member to an object.
 * @value:      consumed, also on failure; NULL is a value that there was no memory for
 *
 * Return: whether there was memory, so that an object can be built as a chain of these.
 */
bool json_add(struct json_object *object, const char *name, struct json_object *value);

/** json_add_text() - The same for a string; NULL leaves the member out. */
bool json_add_text(struct json_object *object, const char *name, const char *text);

/** json_message_write() - Appends an object without white space, and the NUL. Return: 0 or -ENOMEM. */
int json_message_write(struct json_object *object, Buffer *buffer);

/**
 * json_number_text() - A number as it was written, so that it can be read as a decimal.
 *
 * Integers come in their shortest form, and those that exceed 64 bits as the nearest that does not.
 * Return: the text, borrowed from @value; NULL when it is no number.
 */
const char *json_number_text(struct json_object *value);

/** json_double_new() - A number with the fewest digits that read back as exactly @value, which must be
 * finite. */
struct json_object *json_double_new(double value);
