#pragma once
/*
 * What would have been decided under another policy: each request of a log decided by it as well, with the
 * permits that it would have given counted against its rates; what comes out otherwise is folded into rows.
 * Pure but for the policy that it is given.
 */

#include "policy/policy.h"
#include "tools/log-replay.h"

/* The words that make a row: requests that have all of them in common stand in one. */
typedef enum WhatIfField {
        WHAT_IF_OPERATION,
        WHAT_IF_PURPOSE,
        WHAT_IF_GALLERY,
        WHAT_IF_ORGANISATION, /* as it was, and so on */
        WHAT_IF_VERDICT,
        WHAT_IF_REASON,
        WHAT_IF_RULE,
        WHAT_IF_NEW_ORGANISATION, /* as it would have been */
        WHAT_IF_NEW_VERDICT,
        WHAT_IF_NEW_REASON,
        WHAT_IF_NEW_RULE,
        WHAT_IF_CHANGES, /* of the same verdict and reason: which further keys would be others */
        _WHAT_IF_FIELD_MAX,
} WhatIfField;

typedef struct WhatIfRow {
        const char *fields[_WHAT_IF_FIELD_MAX]; /* "": none; they point into `words` */
        uint64_t count;
        uint64_t first_usec, last_usec; /* log time */
        uint64_t example;               /* index of the first of them */
        char request[33];               /* its id */
        char *words;
        char *key; /* all fields, a line each */
} WhatIfRow;

enum {
        /* Names in requests are the callers' own: a flood of them may not fill the memory. */
        WHAT_IF_ROWS_MAX = 4096,
};

typedef struct WhatIf {
        const Policy *policy; /* borrowed */
        PermitCounts permits; /* that would have been given */
        Decision decision;
        KeyDifferences differences;
        Buffer key, changes;
        WhatIfRow **rows; /* by key, until what_if_sort() */
        size_t n_rows, capacity;
        uint64_t n_decisions, n_same;
        uint64_t n_permitted, n_denied; /* permits that were denials, and the reverse */
        uint64_t n_unfolded;            /* differing, but of more kinds than there are rows */
        uint64_t n_unread;              /* leaves that hold no request that could be decided */
        uint64_t n_groups_unknown;      /* decided without knowing groups that only this policy mentions */
        bool has_groups_of;             /* `groups_of` is the policy that was looked at last for those */
        Digest groups_of;
        bool groups_missing;
} WhatIf;

#define WHAT_IF_INIT(other)                                                                                  \
        ((WhatIf){.policy = (other), .permits = PERMIT_COUNTS_INIT, .differences = KEY_DIFFERENCES_INIT})

void what_if_deinit(WhatIf *what_if);

/** what_if_take() - Decides one request of the log by the other policy. Return: 0 or -ENOMEM. */
int what_if_take(WhatIf *what_if, const ReplayedLeaf *leaf);

/**
 * what_if_sort() - Brings the rows into their order: what would become permitted, what would become denied,
 * what would be another answer of the same verdict; of each the most frequent first. No more can be taken
 * then.
 */
void what_if_sort(WhatIf *what_if);
