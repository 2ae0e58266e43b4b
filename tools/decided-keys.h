#pragma once
/*
 * The keys of a `request` leaf that follow from the others: what a decision makes of facts, policy and earlier
 * leaves (matchguard-trail(7), I9). Pure.
 */

#include "base/buffer.h"
#include "policy/decide.h"
#include "tools/request-leaf.h"

/* A decision made anew. All borrowed. */
typedef struct Remade {
        const Policy *policy;
        const char *digest; /* of the policy, 64 hex digits */
        const Facts *facts; /* that were decided upon: with the mark and the clock of the earlier leaves */
        const Decision *decision;
} Remade;

/* What stands under a key, or would have to. */
typedef struct KeyValue {
        bool has;
        const char *text; /* NULL: a number */
        uint64_t number;
} KeyValue;

typedef struct KeyDifference {
        RequestKey key;
        KeyValue said;
        KeyValue remade;
} KeyDifference;

typedef struct KeyDifferences {
        size_t n;
        KeyDifference items[_REQUEST_KEY_MAX];
        Buffer moratoria; /* what a value may point into */
} KeyDifferences;

#define KEY_DIFFERENCES_INIT ((KeyDifferences){.moratoria = BUFFER_INIT})

void key_differences_deinit(KeyDifferences *differences);

/**
 * decided_keys_compare() - Holds a leaf against its decision made anew, key by key.
 * @ret_differences: KEY_DIFFERENCES_INIT, or one used before; borrows from the other arguments
 *
 * Return: 0 or -ENOMEM.
 */
int decided_keys_compare(const RequestLeaf *request, const Remade *remade, KeyDifferences *ret_differences);

/** key_differences_words() - Appends each difference: the key, what it says, what is recomputed. */
void key_differences_words(const KeyDifferences *differences, Buffer *words);
