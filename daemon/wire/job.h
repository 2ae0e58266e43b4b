#pragma once
/*
 * Job bytes: the part of a request that policy does not look at. A frontend child writes them, the guard
 * checks their form and commits to them in the leaf, the worker gets exactly these bytes.
 *
 *   u8    1, the version
 *   u32   number of entries, then for each:
 *     str   subject ("" where the operation has none)
 *     str   model ("" where there is no template)
 *     blob  template: little-endian float32, one after the other (empty where there is none)
 *
 *   identify         one entry: model, template
 *   identify-stored  one entry: subject
 *   verify           one entry: subject, model, template
 *   compare          two entries: model, template each (probe, then reference)
 *   enrol            one or more entries: subject, model, template each
 *   remove           one entry: subject
 *   list             one entry: the subject to begin after, or "" to begin at the start
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "wire/cursor.h"

enum {
        JOB_DIMENSION_MAX = 4096,
        JOB_ENTRIES_MAX = 16384,
};

typedef struct JobEntry {
        const char *subject;
        const char *model;
        const uint8_t *vector; /* n_vector bytes, not aligned; NULL where there is none */
        size_t n_vector;
} JobEntry;

typedef struct JobReader {
        Cursor cursor;
        uint32_t n_left;
} JobReader;

/** job_begin() - Writes version and count; exactly @n_entries job_put() must follow. */
void job_begin(Buffer *buffer, uint32_t n_entries);

/** job_put() - Writes one entry. */
void job_put(Buffer *buffer, const JobEntry *entry);

/**
 * job_check() - Whether bytes are a job of this operation: entries as listed above, names within their
 * grammars, vectors of 1 to JOB_DIMENSION_MAX whole floats, no byte left over. No float is looked at.
 */
bool job_check(const char *operation, const void *data, size_t n);

/** job_read() - Begins to read job bytes that job_check() has accepted. */
JobReader job_read(const void *data, size_t n);

/** job_next() - The next entry, in place. Return: false when there is none left. */
bool job_next(JobReader *reader, JobEntry *ret_entry);
