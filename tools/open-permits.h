#pragma once
/*
 * The permits of a log that have no outcome yet. Memory grows with those that are open at one time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct OpenPermits {
        struct OpenPermit *items; /* ascending; those that were closed go in a sweep */
        size_t n, n_closed, capacity;
} OpenPermits;

#define OPEN_PERMITS_INIT ((OpenPermits){})

void open_permits_deinit(OpenPermits *permits);

/** open_permits_add() - Adds one whose index is above all others. Return: 0 or -ENOMEM. */
int open_permits_add(OpenPermits *permits, uint64_t index);

/** open_permits_has() - Whether that permit is open. */
bool open_permits_has(const OpenPermits *permits, uint64_t index);

/** open_permits_close() - Its outcome has come; a permit that is not open is left alone. */
void open_permits_close(OpenPermits *permits, uint64_t index);

/** open_permits_count() - How many there are. */
size_t open_permits_count(const OpenPermits *permits);

/**
 * open_permits_next() - The first open permit with an index of at least @from.
 *
 * Return: whether there is one.
 */
bool open_permits_next(const OpenPermits *permits, uint64_t from, uint64_t *ret_index);
