#pragma once
/*
 * Who can do what: everything that a policy permits at an instant, as rows. A row is an allow and sets of
 * askers, operations, purposes and galleries, and stands for every combination of them, with any of the
 * roles and probe kinds, with any of the parties named, and with at least the requirements given. A permitted
 * request is in some row, and everything in a row is permitted, rates aside.
 */

#include "policy/faults.h"
#include "policy/policy.h"
#include "policy/question.h"

/* What is asked about; NULL is anything. A role is about searches, a kind of probe about what a probe comes with. */
typedef struct GrantsQuery {
        const char *organisation; /* who asks */
        const char *operation;
        const char *purpose;
        const char *gallery;
        const char *sought;
        const char *probe;
        const char *on_behalf_of; /* somebody who must be possible there */
        const char *recipient;    /* likewise */
        Instant at;
} GrantsQuery;

/* Names in byte order, borrowed from the policy; the array is the grant's. */
typedef struct GrantNames {
        const char **items;
        size_t n;
} GrantNames;

typedef struct Grant {
        const char *allow;
        Place place; /* of the allow */
        GrantNames askers;
        uint32_t operations;
        GrantNames purposes;
        GrantNames galleries; /* none: `compare`, which has no gallery */
        uint32_t roles;       /* looked at where something is searched */
        uint32_t probes;      /* looked at where a probe comes */
        GrantNames on_behalf_of;
        GrantNames recipients;
        uint32_t requirements;
        int32_t floor_millionths;
        uint32_t limit;
        int release;      /* Release of policy/decide.h */
        const char *rate; /* as the file has it; NULL: none */
} Grant;

typedef struct Grants {
        Grant *items; /* by allow */
        size_t n;
} Grants;

#define GRANTS_INIT ((Grants){})

void grants_deinit(Grants *grants);

/** grants_unknown() - The first name or word of a query that the policy does not know, or NULL. */
const char *grants_unknown(const Policy *policy, const GrantsQuery *query);

/**
 * policy_grants() - Lists what is permitted.
 * @query:      of which grants_unknown() knows everything
 * @ret_grants: to be given to grants_deinit(); borrows from the policy
 *
 * Return: 0, or -ENOMEM.
 */
int policy_grants(const Policy *policy, const GrantsQuery *query, Grants *ret_grants);
