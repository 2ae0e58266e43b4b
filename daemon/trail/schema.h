#pragma once
/*
 * Schema: what the trail's database consists of, word for word, so that one in which any of it differs is told
 * from ours. Data only.
 */

enum {
        SCHEMA_APPLICATION_ID = 0x4d475544,
        SCHEMA_VERSION = 1,
        SCHEMA_OBJECTS = 11,
};

/* A row of sqlite_schema. */
typedef struct SchemaObject {
        const char *type, *name, *table, *sql;
} SchemaObject;

/* In the order of their names. */
extern const SchemaObject schema_objects[SCHEMA_OBJECTS];

/* Makes an empty database ours. */
extern const char schema_sql[];
