#pragma once
/*
 * A leaf: one canonical JSON object (keys sorted by byte, no white space; values only strings of bytes
 * 0x20-0x7E without `"` and `\`, and integers from 0 to 2^53-1 in shortest decimal; no key twice; neither a
 * key nor a string is empty; at least one key; at most LEAF_MAX bytes). The same form serves for details,
 * which may be larger.
 *
 * Knows the form, not which keys a kind of leaf has: who makes a leaf sets them, who believes one asks for
 * them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"

enum {
        LEAF_MAX = 16384,
        LEAF_FIELDS_MAX = 64,
        DETAIL_MAX = 1024 * 1024,
};

#define LEAF_NUMBER_MAX ((UINT64_C(1) << 53) - 1)

typedef struct LeafField {
        const char *key;
        const char *text; /* NULL: a number */
        uint64_t number;
} LeafField;

typedef struct Leaf {
        size_t n_fields;
        LeafField fields[LEAF_FIELDS_MAX]; /* sorted by key */
        char *strings; /* of a leaf that was read: what keys and texts point into; else NULL */
        bool failed;   /* a field that no leaf can hold was set: leaf_encode() will refuse */
} Leaf;

#define LEAF_INIT ((Leaf){})

/** leaf_deinit() - Frees what a read leaf owns; safe on LEAF_INIT and twice. */
void leaf_deinit(Leaf *leaf);

/**
 * leaf_set_text() - Sets a string.
 * @key:        borrowed until the leaf is encoded
 * @text:       borrowed likewise; NULL and "" leave the key out
 *
 * A text with a byte that no leaf can hold, a key that stands already, and one field too many fail the leaf.
 */
void leaf_set_text(Leaf *leaf, const char *key, const char *text);

/** leaf_set_number() - Sets an integer; one above 2^53-1 fails the leaf. */
void leaf_set_number(Leaf *leaf, const char *key, uint64_t number);

enum {
        LEAF_E_INVALID = 1, /* a field that no leaf can hold, or none; bytes that are no canonical leaf */
        LEAF_E_TOO_LONG = 2,
};

/**
 * leaf_encode() - Appends the canonical bytes.
 * @max:        LEAF_MAX, or DETAIL_MAX for a detail
 *
 * A leaf in which nothing was set is LEAF_E_INVALID: who has nothing to say makes no leaf, and no detail.
 * Return: 0, LEAF_E_INVALID, LEAF_E_TOO_LONG, -ENOMEM.
 */
int leaf_encode(const Leaf *leaf, size_t max, Buffer *buffer);

/**
 * leaf_parse() - Reads canonical bytes, and nothing else: encoding the result gives the same bytes again.
 * @max:        as above
 * @ret_leaf:   to be given to leaf_deinit(); owns its strings. Empty after LEAF_E_INVALID
 *
 * Return: 0, LEAF_E_INVALID, LEAF_E_TOO_LONG, -ENOMEM.
 */
int leaf_parse(const void *data, size_t n, size_t max, Leaf *ret_leaf);

/**
 * leaf_key_order() - As strcmp(3), for keys, which are not empty. Whoever reads a whole log compares some
 * hundred keys a leaf; the first two letters tell most of them apart without a call.
 */
static inline int leaf_key_order(const char *a, const char *b)
{
        int order = ((uint8_t)a[0] << 8 | (uint8_t)a[1]) - ((uint8_t)b[0] << 8 | (uint8_t)b[1]);
        return order != 0 ? order : strcmp(a, b);
}

/** leaf_text() - The string under @key, or NULL where there is none (or a number). */
const char *leaf_text(const Leaf *leaf, const char *key);

/** leaf_number() - The integer under @key. Return: whether there is one. */
bool leaf_number(const Leaf *leaf, const char *key, uint64_t *ret_number);

/** leaf_is() - Whether the string under @key is @text. */
bool leaf_is(const Leaf *leaf, const char *key, const char *text);
