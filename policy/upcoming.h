#pragma once
/*
 * What the dates of a policy bring soon, or have brought: the end of a moratorium, an allow, an organisation,
 * and the day by which a moratorium is to be reviewed. For warnings: no decision looks at it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/faults.h"
#include "policy/policy.h"

typedef enum UpcomingKind {
        UPCOMING_MORATORIUM_END,
        UPCOMING_MORATORIUM_REVIEW,
        UPCOMING_ALLOW_END,
        UPCOMING_ORGANISATION_END,
        _UPCOMING_MAX,
} UpcomingKind;

typedef struct Upcoming {
        UpcomingKind kind;
        const char *name;  /* of the object; borrowed from the policy */
        Place place;       /* of the date; borrowed from the policy */
        int64_t instant;   /* microseconds since 1970 */
        int64_t days_left; /* begun days count: within the last 24 hours 1; 0 and less once it has passed */
        char *text;        /* a sentence without its full stop, with the place */
} Upcoming;

typedef struct UpcomingList {
        Upcoming *items; /* by instant, then by kind and name */
        size_t n;
} UpcomingList;

#define UPCOMING_LIST_INIT ((UpcomingList){})

void upcoming_list_deinit(UpcomingList *list);

/**
 * policy_upcoming() - All that lies at most UPCOMING_DAYS ahead, or has passed and still matters.
 * @now:        time, clock and mark; nothing else of it is looked at
 * @ret_list:   to be given to upcoming_list_deinit()
 *
 * What has ended matters for UPCOMING_DAYS more. A moratorium that stands although its date has passed, and a
 * review that is overdue while the moratorium has not ended, matter for as long as that is so. Days are
 * counted by the wall clock, whatever it is worth. Return: 0 or -ENOMEM.
 */
enum { UPCOMING_DAYS = 30 };
int policy_upcoming(const Policy *policy, const struct Facts *now, UpcomingList *ret_list);

/* So many days before, warnings are given anew: 30, 7, 1, and when it has passed. */
enum { UPCOMING_STAGES = 4 };

/**
 * upcoming_stage() - How far it has come: 0 for 30 days or fewer, to UPCOMING_STAGES - 1 once it has passed.
 */
unsigned upcoming_stage(const Upcoming *upcoming);
