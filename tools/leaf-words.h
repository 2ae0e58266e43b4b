#pragma once
/* Leaves in words, for people: a line of a table, or a whole record as labelled lines. */

#include "base/buffer.h"
#include "wire/leaf.h"

/** leaf_words_who() - Appends whom a leaf is about: the organisation and the user, or nothing. */
void leaf_words_who(const Leaf *leaf, Buffer *buffer);

/** leaf_words_kind() - The kinds of leaves that have words, one after the other. Return: NULL behind the
 * last. */
const char *leaf_words_kind(size_t i);

/** leaf_words_what() - Appends what happened, in a few words: for a request what was asked. */
void leaf_words_what(const Leaf *leaf, Buffer *buffer);

/** leaf_words_why() - Appends the reason of a denial and the rule of a request; nothing for other leaves. */
void leaf_words_why(const Leaf *leaf, Buffer *buffer);

/** leaf_words_result() - Appends what an outcome says came of it, in a few words. */
void leaf_words_result(const Leaf *outcome, Buffer *buffer);

/** leaf_words_time() - Appends the leaf's log time, RFC 3339, UTC. */
void leaf_words_time(const Leaf *leaf, Buffer *buffer);

/* One labelled line of a record. */
typedef struct LeafLine {
        const char *label;
        void (*words)(const Leaf *leaf, Buffer *buffer); /* appends nothing where there is nothing to say */
} LeafLine;

/* The lines of a request and of an outcome, in their order, each ended by one without a label. */
extern const LeafLine leaf_request_lines[];
extern const LeafLine leaf_outcome_lines[];
