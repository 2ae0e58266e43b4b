#pragma once
/*
 * The rules of a policy by what they ask: for each operation, purpose, gallery and party the set of rules
 * whose condition it meets, so that a decision meets a few sets instead of trying every rule, and the prover
 * knows at once what a value changes. Built once from the tables of policy/model.h by the predicates of
 * policy/match.h; private to the layer.
 *
 * A party has a place in these tables: organisations first, then classes (index_party()). A request without a
 * gallery has the place behind the last gallery.
 */

#include "policy/bits.h"
#include "policy/vocabulary.h"

struct Build;
struct Policy; /* policy/model.h holds an Index */

/* A row of bits for each value of one condition. */
typedef struct BitTable {
        uint64_t *bits;
        size_t n_words; /* of a row */
} BitTable;

static inline uint64_t *bit_table_row(const BitTable *table, size_t i)
{
        return table->bits + i * table->n_words;
}

/* Rules of one type: which of them a value concerns. */
typedef struct RuleIndex {
        BitTable operations;
        BitTable purposes; /* of prohibitions: that the purpose may be */
        BitTable galleries;
} RuleIndex;

/* An account, and an organisation one of whose [Peer]s names it. */
typedef struct PeerKey {
        uint32_t id;
        uint32_t organisation;
} PeerKey;

typedef struct PeerKeys {
        PeerKey *items; /* by id */
        size_t n;
} PeerKeys;

typedef struct Index {
        PeerKeys users;
        PeerKeys groups; /* of [Peer]s that name no user */
        RuleIndex allows;
        BitTable askers;     /* by organisation: allows that let it ask */
        BitTable on_behalf;  /* by party: allows that it may be named under */
        BitTable recipients; /* likewise */
        RuleIndex moratoria;
        BitTable parties;   /* by party: moratoria whose classes it may be of */
        BitTable unpierced; /* by allow: moratoria that do not except it */
        RuleIndex stand_downs;
        BitTable stopped; /* by organisation: stand-downs that may stop it */
} Index;

/** index_build() - Fills the policy's index; everything else of the policy stands. Return: 0, or -ENOMEM. */
int index_build(struct Build *build);

/** index_party() - The row of a party in tables by party. */
size_t index_party(const struct Policy *policy, bool is_class, size_t place);

/** peer_keys_find() - The first key of that id; @ret_n of them follow each other. */
const PeerKey *peer_keys_find(const PeerKeys *keys, uint32_t id, size_t *ret_n);
