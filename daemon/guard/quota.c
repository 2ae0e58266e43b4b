/*
 * Counts by uid and their bounds. Run by the guard's loop; every connection, child and open request is
 * charged here before anything is allocated for it.
 */

#include "guard/quota.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/macro.h"

typedef struct QuotaUid {
        uid_t uid;
        size_t n[_QUOTA_MAX];
} QuotaUid;

static const struct {
        size_t all;
        size_t unknown; /* of all whom the policy does not know, together */
        size_t uid;
} quota_bounds[_QUOTA_MAX] = {
        [QUOTA_CONNECTION] = {QUOTA_CONNECTIONS_MAX, QUOTA_CONNECTIONS_UNKNOWN, QUOTA_CONNECTIONS_UID},
        [QUOTA_CHILD] = {QUOTA_CHILDREN_MAX, QUOTA_CHILDREN_UNKNOWN, SIZE_MAX},
        [QUOTA_REQUEST] = {QUOTA_REQUESTS_MAX, QUOTA_REQUESTS_MAX / 4, QUOTA_REQUESTS_UID},
};

void quota_deinit(Quota *quota)
{
        free(quota->uids);
        *quota = QUOTA_INIT;
}

static QuotaUid *quota_find(Quota *quota, uid_t uid)
{
        for (size_t i = 0; i < quota->n_uids; i++)
                if (quota->uids[i].uid == uid)
                        return &quota->uids[i];
        return NULL;
}

static QuotaUid *quota_get(Quota *quota, uid_t uid)
{
        QuotaUid *found = quota_find(quota, uid);
        if (found)
                return found;
        QuotaUid *uids = reallocarray(quota->uids, quota->n_uids + 1, sizeof(*uids));
        if (!uids)
                return NULL;
        quota->uids = uids;
        uids[quota->n_uids] = (QuotaUid){.uid = uid};
        return &uids[quota->n_uids++];
}

/* Forgets a uid that holds nothing, so that there are never more of them than things. */
static void quota_prune(Quota *quota, QuotaUid *uid)
{
        for (size_t i = 0; i < _QUOTA_MAX; i++)
                if (uid->n[i] > 0)
                        return;
        *uid = quota->uids[--quota->n_uids];
}

void quota_limit_connections(Quota *quota, size_t max)
{
        quota->connections_max = MAX_OF(max, (size_t)1);
}

size_t quota_connections(const Quota *quota)
{
        size_t max = QUOTA_CONNECTIONS_MAX;

        return quota->connections_max > 0 ? MIN_OF(max, quota->connections_max) : max;
}

bool quota_take(Quota *quota, QuotaThing thing, QuotaUser user)
{
        size_t limit = thing == QUOTA_CONNECTION ? quota_connections(quota) : SIZE_MAX;

        if (quota->n_all[thing] >= MIN_OF(quota_bounds[thing].all, limit))
                return false;
        if (!user.known && quota->n_unknown[thing] >= MIN_OF(quota_bounds[thing].unknown, limit / 4))
                return false;
        QuotaUid *uid = quota_get(quota, user.uid);
        if (!uid)
                return false;
        if (uid->n[thing] >= quota_bounds[thing].uid)
                return false;
        uid->n[thing]++;
        quota->n_all[thing]++;
        quota->n_unknown[thing] += !user.known;
        return true;
}

void quota_drop(Quota *quota, QuotaThing thing, QuotaUser user)
{
        QuotaUid *uid = quota_find(quota, user.uid);

        assert(uid && uid->n[thing] > 0);
        uid->n[thing]--;
        quota->n_all[thing]--;
        quota->n_unknown[thing] -= !user.known;
        quota_prune(quota, uid);
}
