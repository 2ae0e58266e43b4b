#pragma once
/*
 * The parameters of a method as a table: which members there are, of what type, and where in a struct of the
 * caller's each value goes. Reading an object along its table is all the checking that parameters get, so
 * that no method can forget a part of it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "varlink/json.h"

enum { SCHEMA_TEXTS_MAX = 16 };

typedef enum SchemaType {
        SCHEMA_TEXT,       /* a string without NUL -> const char *, NULL when absent */
        SCHEMA_COUNT,      /* an integer from 1 to 2^53-1 -> SchemaCount */
        SCHEMA_SIMILARITY, /* any number in [-1, 1] -> SchemaSimilarity, rounded up to six places */
        SCHEMA_TEXTS,      /* a list of at most SCHEMA_TEXTS_MAX strings without NUL -> SchemaTexts */
        SCHEMA_LIST,       /* a list of anything -> struct json_object *, NULL when absent */
        SCHEMA_OBJECT,     /* an object -> the fields of `inner`, from `offset` on; always required */
} SchemaType;

typedef struct SchemaCount {
        bool present;
        uint64_t value;
} SchemaCount;

typedef struct SchemaSimilarity {
        bool present;
        int32_t millionths;
} SchemaSimilarity;

typedef struct SchemaTexts {
        size_t n;
        const char *items[SCHEMA_TEXTS_MAX];
} SchemaTexts;

typedef struct Schema Schema;

typedef struct SchemaField {
        const char *name;
        SchemaType type;
        bool required; /* neither absent nor null */
        size_t offset;
        bool (*check)(const char *text,
                      size_t n); /* of SCHEMA_TEXT and of each of SCHEMA_TEXTS; may be NULL */
        const Schema *inner;
} SchemaField;

struct Schema {
        size_t n_fields;
        const SchemaField *fields;
};

/**
 * schema_read() - Reads an object along its table.
 * @object:     the object; NULL is one without members
 * @target:     the struct that the offsets count in, all zero before; strings and lists in it are borrowed
 *              from @object. Worthless unless NULL is returned
 *
 * Return: NULL when all is well; else the name of the member that is at fault, borrowed from @schema or
 * @object. A member that the table does not have comes first, in the order sent, then those that are missing
 * or bad in the order of the table. Within an object the name is the inner member's, within a list of strings
 * the list's.
 */
const char *schema_read(const Schema *schema, struct json_object *object, void *target);
