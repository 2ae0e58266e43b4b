#pragma once
/*
 * A leaf of a log at its place, with what every rule needs of it. Knows which kinds there are, and no rule.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/leaf.h"

typedef enum LeafKind {
        LEAF_OTHER, /* one of those that no rule looks at, or of an unknown kind */
        LEAF_START,
        LEAF_POLICY,
        LEAF_REQUEST,
        LEAF_OUTCOME,
        LEAF_JUMP,
        LEAF_EPOCH,
        LEAF_STOP,
} LeafKind;

typedef struct LeafEntry {
        uint64_t at; /* where it stands, whatever it says itself */
        Leaf leaf;
        LeafKind kind;
        bool known; /* its kind is one that there is */
        bool permit;
        bool has_of;
        uint64_t of;
} LeafEntry;

/**
 * leaf_entry_read() - Reads the leaf that stands at @at.
 * @ret_entry:  to be given to leaf_entry_deinit() on 0
 *
 * Return: 0, LEAF_E_* where the bytes are no leaf, or -ENOMEM.
 */
int leaf_entry_read(uint64_t at, const void *leaf, size_t n, LeafEntry *ret_entry);

void leaf_entry_deinit(LeafEntry *entry);
