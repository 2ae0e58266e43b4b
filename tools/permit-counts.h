#pragma once
/*
 * How many permits each organisation was given under each rule, by wall time: `used` of matchguard.policy(5)
 * as a reader of a log counts it. Exact whatever the clocks did: nothing is forgotten by its age. Of each pair
 * the PERMIT_COUNTS_KEPT with the latest walls are kept, and no rate is higher, so that a pair takes 16 MB at
 * most however long the log is. Pure.
 */

#include <stddef.h>
#include <stdint.h>

#include "policy/policy.h"

enum { PERMIT_COUNTS_KEPT = POLICY_RATE_MAX };

typedef struct PermitCounts {
        struct PermitPair *pairs; /* one an organisation and rule */
        size_t n, capacity;
        size_t *slots; /* by hash: a place in `pairs` and one, or 0 */
        size_t n_slots;
        size_t kept; /* of a pair; tests make do with less */
} PermitCounts;

#define PERMIT_COUNTS_INIT ((PermitCounts){.kept = PERMIT_COUNTS_KEPT})

void permit_counts_deinit(PermitCounts *counts);

/* Whose permits, under which rule. */
typedef struct PermitOf {
        const char *organisation;
        const char *rule;
} PermitOf;

/** permit_counts_add() - Counts one; names are copied. Return: 0 or -ENOMEM. */
int permit_counts_add(PermitCounts *counts, PermitOf of, uint64_t wall_usec);

/** permit_counts_above() - How many have a wall time above @after_usec: exactly, or as many as are kept. */
uint64_t permit_counts_above(const PermitCounts *counts, PermitOf of, uint64_t after_usec);
