#pragma once
/*
 * Quota: how much one uid may hold of what there is of the guard. Known uids (those that the policy names)
 * have their own share; all others together have a quarter, so that nobody whom the policy does not know can
 * keep those out whom it does. Pure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum {
        QUOTA_CONNECTIONS_MAX = 1024,
        QUOTA_CONNECTIONS_UNKNOWN = QUOTA_CONNECTIONS_MAX / 4,
        QUOTA_CONNECTIONS_UID = 64,
        QUOTA_CHILDREN_MAX = 64,
        QUOTA_CHILDREN_UNKNOWN = QUOTA_CHILDREN_MAX / 4,
        QUOTA_REQUESTS_MAX = 1024,
        QUOTA_REQUESTS_UID = 64,
        QUOTA_JOB_BYTES_MAX = 64 * 1024 * 1024, /* of requests that are not answered yet */
};

typedef enum QuotaThing {
        QUOTA_CONNECTION,
        QUOTA_CHILD,
        QUOTA_REQUEST,
        _QUOTA_MAX,
} QuotaThing;

/* Whom something is charged to. */
typedef struct QuotaUser {
        uid_t uid;
        bool known;
} QuotaUser;

typedef struct Quota {
        size_t connections_max; /* 0: QUOTA_CONNECTIONS_MAX */
        size_t n_all[_QUOTA_MAX];
        size_t n_unknown[_QUOTA_MAX];
        struct QuotaUid *uids;
        size_t n_uids;
} Quota;

#define QUOTA_INIT ((Quota){})

void quota_deinit(Quota *quota);

/** quota_limit_connections() - Grants no more connections than there are descriptors for. */
void quota_limit_connections(Quota *quota, size_t max);

/** quota_connections() - How many connections there may be. */
size_t quota_connections(const Quota *quota);

/** quota_take() - Charges one thing to a user. Return: whether it was within every bound; else nothing
 * changes. */
bool quota_take(Quota *quota, QuotaThing thing, QuotaUser user);

/** quota_drop() - Takes one charge back; @user must be as it was when charged. */
void quota_drop(Quota *quota, QuotaThing thing, QuotaUser user);
