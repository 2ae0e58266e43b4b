/* The schema. Each object is spelled once, and used to make it and to compare it. */

#include "trail/schema.h"

#define SCHEMA_CKPT "CREATE TABLE ckpt (epoch INTEGER PRIMARY KEY, note BLOB NOT NULL) STRICT"
#define SCHEMA_CKPT_REMAINS                                                                                  \
        "CREATE TRIGGER ckpt_remains BEFORE DELETE ON ckpt "                                                 \
        "BEGIN SELECT RAISE(ABORT, 'an epoch has ended'); END"
#define SCHEMA_CKPT_STAYS                                                                                    \
        "CREATE TRIGGER ckpt_stays BEFORE UPDATE ON ckpt "                                                   \
        "BEGIN SELECT RAISE(ABORT, 'an epoch has ended'); END"
#define SCHEMA_DETAIL                                                                                        \
        "CREATE TABLE detail (i INTEGER PRIMARY KEY, salt BLOB NOT NULL, b BLOB NOT NULL) STRICT"
#define SCHEMA_HEAD                                                                                          \
        "CREATE TABLE head (id INTEGER PRIMARY KEY CHECK (id = 0), size INTEGER NOT NULL, "                  \
        "time INTEGER NOT NULL, mark INTEGER, policy BLOB, epoch INTEGER NOT NULL, "                         \
        "epoch_first INTEGER NOT NULL, epoch_time INTEGER NOT NULL, origin TEXT NOT NULL, "                  \
        "epoch0 TEXT NOT NULL, note TEXT NOT NULL, details INTEGER NOT NULL) STRICT"
#define SCHEMA_LEAF "CREATE TABLE leaf (i INTEGER PRIMARY KEY CHECK (i >= 0), b BLOB NOT NULL) STRICT"
#define SCHEMA_LEAF_REMAINS                                                                                  \
        "CREATE TRIGGER leaf_remains BEFORE DELETE ON leaf "                                                 \
        "BEGIN SELECT RAISE(ABORT, 'a leaf never goes'); END"
#define SCHEMA_LEAF_STAYS                                                                                    \
        "CREATE TRIGGER leaf_stays BEFORE UPDATE ON leaf "                                                   \
        "BEGIN SELECT RAISE(ABORT, 'a leaf never changes'); END"
#define SCHEMA_OPEN       "CREATE TABLE open_req (i INTEGER PRIMARY KEY) STRICT"
#define SCHEMA_OUTCOME_OF "CREATE TABLE outcome_of (i INTEGER PRIMARY KEY, outcome INTEGER NOT NULL) STRICT"
#define SCHEMA_TILE       "CREATE TABLE tile (k INTEGER PRIMARY KEY, h BLOB NOT NULL) STRICT"

const SchemaObject schema_objects[SCHEMA_OBJECTS] = {
        {"table", "ckpt", "ckpt", SCHEMA_CKPT},
        {"trigger", "ckpt_remains", "ckpt", SCHEMA_CKPT_REMAINS},
        {"trigger", "ckpt_stays", "ckpt", SCHEMA_CKPT_STAYS},
        {"table", "detail", "detail", SCHEMA_DETAIL},
        {"table", "head", "head", SCHEMA_HEAD},
        {"table", "leaf", "leaf", SCHEMA_LEAF},
        {"trigger", "leaf_remains", "leaf", SCHEMA_LEAF_REMAINS},
        {"trigger", "leaf_stays", "leaf", SCHEMA_LEAF_STAYS},
        {"table", "open_req", "open_req", SCHEMA_OPEN},
        {"table", "outcome_of", "outcome_of", SCHEMA_OUTCOME_OF},
        {"table", "tile", "tile", SCHEMA_TILE},
};

_Static_assert(SCHEMA_APPLICATION_ID == 1296520516 && SCHEMA_VERSION == 1, "SQL has them in decimal");

const char schema_sql[] =
        "BEGIN IMMEDIATE;"
        "PRAGMA application_id = 1296520516;"
        "PRAGMA user_version = 1;" SCHEMA_LEAF ";" SCHEMA_LEAF_STAYS ";" SCHEMA_LEAF_REMAINS ";" SCHEMA_TILE
        ";" SCHEMA_HEAD ";" SCHEMA_OPEN ";" SCHEMA_DETAIL ";" SCHEMA_OUTCOME_OF ";" SCHEMA_CKPT
        ";" SCHEMA_CKPT_STAYS ";" SCHEMA_CKPT_REMAINS ";"
        "COMMIT;";
