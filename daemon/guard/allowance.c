/*
 * Buckets by uid. One is kept for good once made, so that reconnecting fills none; there are at most as many
 * as uids that RequestRate= speaks of. Run by the guard's loop; must not read a clock.
 */

#include "guard/allowance.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"

enum { ALLOWANCE_UNKNOWN_BURST = 100 };

typedef struct Allowance Allowance;
struct Allowance {
        Allowance *next;
        uid_t uid;
        const ConfigRate *rate;
        Bucket bucket;
};

void allowances_init(Allowances *allowances, uint64_t now_usec)
{
        *allowances = (Allowances){};
        bucket_init(&allowances->unknown, 1, CLOCK_USEC_PER_SEC, ALLOWANCE_UNKNOWN_BURST, now_usec);
}

void allowances_deinit(Allowances *allowances)
{
        while (allowances->first) {
                Allowance *allowance = allowances->first;
                allowances->first = allowance->next;
                free(allowance);
        }
}

int allowance_find(Allowances *allowances, const AllowanceUser *user, uint64_t now_usec, Bucket **ret_bucket)
{
        if (!user->known || !user->rate) {
                *ret_bucket = user->known ? NULL : &allowances->unknown;
                return 0;
        }
        for (Allowance *a = allowances->first; a; a = a->next)
                if (a->uid == user->uid && a->rate == user->rate) {
                        *ret_bucket = &a->bucket;
                        return 0;
                }
        Allowance *allowance = calloc(1, sizeof(*allowance));
        if (!allowance)
                return -ENOMEM;
        *allowance = (Allowance){.next = allowances->first, .uid = user->uid, .rate = user->rate};
        bucket_init(&allowance->bucket, user->rate->n, user->rate->period_usec, user->rate->n, now_usec);
        allowances->first = allowance;
        *ret_bucket = &allowance->bucket;
        return 0;
}
