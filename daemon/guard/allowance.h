#pragma once
/*
 * Allowance: how fast requests of a uid may be recorded. Uids that the policy names have none to fear but
 * what RequestRate= sets for them; all others share one of a request a second (burst 100), so that nobody can
 * fill the trail from a socket that anyone may open.
 */

#include "guard/bucket.h"
#include "guard/config.h"

typedef struct Allowances {
        Bucket unknown;
        struct Allowance *first; /* of uids with a rate of their own */
} Allowances;

/** allowances_init() - Everything saved up. */
void allowances_init(Allowances *allowances, uint64_t now_usec);
void allowances_deinit(Allowances *allowances);

/* Whose allowance is asked for. */
typedef struct AllowanceUser {
        uid_t uid;
        bool known;
        const ConfigRate *rate; /* NULL: none is set */
} AllowanceUser;

/**
 * allowance_find() - The bucket that a user's recorded requests are taken from.
 * @ret_bucket: good until allowances_deinit(); NULL: there is no bound
 *
 * Return: 0 or -ENOMEM.
 */
int allowance_find(Allowances *allowances, const AllowanceUser *user, uint64_t now_usec, Bucket **ret_bucket);
