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

/* Keys that rules ask every leaf for, sorted by byte as they stand in one. */
typedef enum LeafKey {
        LEAF_KEY_BOOT,
        LEAF_KEY_BOOTTIME,
        LEAF_KEY_CLOCK,
        LEAF_KEY_EPOCH,
        LEAF_KEY_INDEX,
        LEAF_KEY_KIND,
        LEAF_KEY_OF,
        LEAF_KEY_POLICY,
        LEAF_KEY_TIME,
        LEAF_KEY_V,
        LEAF_KEY_VERDICT,
        LEAF_KEY_WALL,
        _LEAF_KEY_MAX,
} LeafKey;

typedef struct LeafEntry {
        uint64_t at; /* where it stands, whatever it says itself */
        Leaf leaf;
        const LeafField *keys[_LEAF_KEY_MAX]; /* of the leaf; NULL: it has no such key */
        LeafKind kind;
        bool known; /* its kind is one that there is */
        bool permit;
        bool has_of;
        uint64_t of;
} LeafEntry;

/**
 * leaf_entry_read() - Reads the leaf that stands at @at.
 * @ret_entry:  to be given to leaf_entry_deinit() on 0; it points into itself and is not to be copied
 *
 * Return: 0, LEAF_E_* where the bytes are no leaf, or -ENOMEM.
 */
int leaf_entry_read(uint64_t at, const void *leaf, size_t n, LeafEntry *ret_entry);

void leaf_entry_deinit(LeafEntry *entry);

/** leaf_entry_number() - The number under a key. Return: whether there is one. */
bool leaf_entry_number(const LeafEntry *entry, LeafKey key, uint64_t *ret_number);

/** leaf_entry_is() - Whether the text under a key is @text. */
bool leaf_entry_is(const LeafEntry *entry, LeafKey key, const char *text);
