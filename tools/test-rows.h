#pragma once
/*
 * A *.test file: what a policy is expected to decide, a JSON object a line.
 *
 *   {"name": ..., "facts": {...}, "expect": {...}}
 *
 * `facts` are those of matchguard.policy(5), `expect` any of the keys of a decision, at least one.
 */

#include <json-c/json.h>

#include "base/buffer.h"
#include "tools/facts-json.h"

typedef struct TestRow {
        const char *file;
        size_t line;
        const char *name;
        FactsJson facts;
        json_object *expect;
} TestRow;

typedef struct TestRows {
        const char *path;
        /* Borrows the row for the call. Return: 0, or -errno, which ends the reading. */
        int (*row)(void *userdata, const TestRow *row);
        void *userdata;
        Buffer *faults; /* gets a line "file:line: what is wrong; expected ..." for each row that is none */
} TestRows;

/**
 * test_rows_read() - Reads a file to its end; rows that are faulty are told, and the rest goes on.
 *
 * Return: 0, or -errno; a file that cannot be read is a fault.
 */
int test_rows_read(TestRows *rows);
