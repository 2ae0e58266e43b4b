#pragma once
/*
 * The rules that the leaves of a log keep among themselves (matchguard-trail(7), I1 to I10), checked one
 * leaf after the other. Pure: knows no file, no tree and no signature; whoever runs it knows how a decision is
 * made anew. Memory grows with the requests that are open at one time, not with the log.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/leaf-entry.h"
#include "tools/log-state.h"

typedef struct Rules Rules;

/* One rule broken by one leaf. Strings are borrowed until the handler returns. */
typedef struct RuleFault {
        uint64_t index;   /* where the leaf stands, whatever it says itself */
        const char *rule; /* "form", or "I1" to "I10" */
        const char *text; /* what is wrong, without the leaf and the rule */
} RuleFault;

typedef struct RuleHandlers {
        void (*fault)(const RuleFault *fault, void *userdata);
        /* Whether an earlier leaf is a permit; asked only about a
         * leaf that has been called the wrong thing. */
        bool (*is_permit)(uint64_t index, void *userdata);
        /* A leaf says that a policy was loaded, by the 64 hex digits of its digest; may be NULL. 0 or
         * -ENOMEM. */
        int (*loaded)(uint64_t index, const char *digest, void *userdata);
        /* Makes the decision of a request anew, after the leaves before it; gives what differs, or NULL. May be
         * NULL. 0 or -ENOMEM. */
        int (*remake)(const LogState *state, const LeafEntry *entry, const char **ret_fault, void *userdata);
        void *userdata;
} RuleHandlers;

/* What was seen, for a summary. */
typedef struct RuleCounts {
        uint64_t leaves;
        uint64_t permits;
        uint64_t denials;
        uint64_t outcomes;
        uint64_t starts;
        uint64_t policies;              /* loaded */
        uint64_t open;                  /* permits without an outcome so far */
        uint64_t first_usec, last_usec; /* log time of the first and the last leaf */
} RuleCounts;

/** rules_new() - Begins at leaf 0. Return: 0 or -ENOMEM. */
int rules_new(Rules **ret_rules, const RuleHandlers *handlers);

/** rules_free() - Takes NULL, returns NULL. */
Rules *rules_free(Rules *rules);

/**
 * rules_leaf() - Checks the next leaf; each rule that it breaks is handed to `fault`. Return: 0 or -ENOMEM.
 */
int rules_leaf(Rules *rules, const void *leaf, size_t n);

/** rules_end() - Checks what can be said only when no leaf follows. */
void rules_end(Rules *rules);

/** rules_counts() - What was seen so far. */
RuleCounts rules_counts(const Rules *rules);

/** leaf_is_permit() - Whether the bytes are a `request` leaf that permits: for RuleHandlers.is_permit. */
bool leaf_is_permit(const void *leaf, size_t n);
