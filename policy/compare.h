#pragma once
/*
 * Every request that one of two policies answers otherwise than the other, as rows of sets. For policy/diff.c,
 * which puts them into words.
 */

#include "policy/diff.h"
#include "policy/fold.h"
#include "policy/pair.h"

/* Dimensions of a row. */
enum {
        COMPARE_ASKERS,     /* over the pair's parties */
        COMPARE_OPERATIONS, /* over operations */
        COMPARE_PURPOSES,   /* over the pair's purposes */
        COMPARE_GALLERIES,  /* over the pair's galleries */
        COMPARE_ROLES,      /* over vocabulary_roles */
        COMPARE_PROBES,     /* over vocabulary_probes */
        COMPARE_GIVEN,      /* over the sets of requirements, as masks */
        COMPARE_TIMES,      /* over the comparison's instants: from each until the next */
        COMPARE_NAMED,      /* over parties on behalf of, then over recipients: any one of these is named */
        _COMPARE_MAX,
};

#define COMPARE_DENIED SIZE_MAX

/* Whether it matters who is named. */
typedef enum CompareNames {
        COMPARE_NAMES_ANY,      /* whoever is, as far as the allow admits them; also nobody */
        COMPARE_NAMES_ONE,      /* any of those in COMPARE_NAMED */
        COMPARE_NAMES_TOGETHER, /* those of the example, together */
} CompareNames;

/* What rows of one kind have in common; rows refer to it by their key. */
typedef struct CompareKey {
        DiffKind kind;
        size_t rules[2];   /* the allow that permits, or COMPARE_DENIED */
        bool synchronised; /* else only while the clock is not */
        CompareNames names;
        size_t example; /* with COMPARE_NAMES_TOGETHER: the row's own, so that no other becomes one with it */
} CompareKey;

typedef struct Compare {
        const Pair *pair;
        int64_t *instants; /* at which something begins or ends in either policy, ascending; first 0 */
        size_t n_instants;
        Fold fold;
        CompareKey *keys;
        size_t n_keys;
        Example *examples; /* by the payload of rows */
        size_t n_examples, examples_capacity;
        bool only_wider; /* nothing is told: the first request that gets more ends it */
} Compare;

enum {
        COMPARE_E_WIDER = 1, /* some request gets what it did not get */
};

/** compare_init() - Finds every difference, folded. @pair is borrowed. Return: 0, or -ENOMEM. */
int compare_init(Compare *compare, const Pair *pair);

/** compare_deinit() - Safe on a comparison all zero, and twice. */
void compare_deinit(Compare *compare);

/** compare_wider() - Looks for a request that gets more. Return: 0, COMPARE_E_WIDER, or -ENOMEM. */
int compare_wider(const Pair *pair);
