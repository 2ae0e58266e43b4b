#pragma once
/*
 * What a change of policy changes: every request that one policy answers otherwise than the other, folded
 * into lines with an example each.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "policy/policy.h"

typedef enum DiffKind {
        DIFF_PERMITTED, /* was denied, becomes permitted */
        DIFF_DENIED,    /* was permitted, becomes denied */
        DIFF_MORE,      /* permitted by both, and gives more */
        DIFF_LESS,      /* permitted by both, and gives less */
        DIFF_OTHER,     /* permitted by both, and gives more of one thing and less of another */
        _DIFF_MAX,
} DiffKind;

typedef struct DiffLine {
        DiffKind kind;
        char *text;  /* in words, without the kind, one line */
        char *facts; /* an example: facts as matchguard.policy(5) has them in JSON, one line */
        int64_t until; /* the first instant from which on it never happens any more; TIME_FOREVER: there is none */
        bool confirmed; /* the decision tells the policies apart by it; anything else is a fault of this program */
} DiffLine;

typedef struct PolicyDiff {
        DiffLine *lines; /* by kind, then in the order of rules */
        size_t n;
        bool wider; /* some request gets what it did not get before */
} PolicyDiff;

#define POLICY_DIFF_INIT ((PolicyDiff){})

void policy_diff_deinit(PolicyDiff *diff);

/**
 * policy_diff() - Compares two policies over every request that there can be, rates unused.
 * @ret_diff:   to be given to policy_diff_deinit(); no lines exactly if no request tells the two apart by
 *              verdict, by limits or by the rate that it is under
 *
 * Return: 0, or -ENOMEM.
 */
int policy_diff(const Policy *old, const Policy *new, PolicyDiff *ret_diff);

/**
 * policy_wider() - Whether some request gets what it did not get before, as policy_diff() would say, but without
 * waiting for more than the first; a policy that adds prohibitions alone is told apart at once.
 *
 * Return: 0, or -ENOMEM.
 */
int policy_wider(const Policy *old, const Policy *new, bool *ret_wider);

/** diff_kind_is_wider() - Whether such a difference gives more of something. */
bool diff_kind_is_wider(DiffKind kind);

/** diff_kind_sign() - '+' for what becomes possible, '-' for what ends, '~' for both. */
char diff_kind_sign(DiffKind kind);

/** diff_kind_name() - "permitted", "denied", "more", "less", "other". */
const char *diff_kind_name(DiffKind kind);

/**
 * policy_diff_write() - Appends the lines for people, "+ ..." and "- ..." with examples; or that there is
 * none.
 * @now:        microseconds since 1970; what lies wholly before comes last, under a heading
 */
void policy_diff_write(const PolicyDiff *diff, int64_t now, Buffer *buffer);
