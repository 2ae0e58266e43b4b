#pragma once
/*
 * Facts in, decision out (matchguard.policy(5)). Pure: no clock, no file, no lock; bounded; never
 * fails. Deny is the starting value.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/policy.h"

typedef enum FactsClock {
        CLOCK_UNSYNCHRONISED, /* also when nothing is said */
        CLOCK_SYNCHRONISED,
        CLOCK_BEHIND,
} FactsClock;

/** facts_clock_name() - "unsynchronised", "synchronised", "behind". */
const char *facts_clock_name(FactsClock clock);

/** facts_clock() - `clock` from what the kernel says, the time and the mark (0: none), in microseconds since
 * 1970. */
FactsClock facts_clock(bool kernel_synchronised, uint64_t time_usec, bool has_mark, uint64_t mark_usec);

enum { FACTS_LIST_MAX = 16 };

/* All that a decision may look at. Strings are borrowed; NULL is absent. Lists may be in any order and hold
 * duplicates; they are sets. */
typedef struct Facts {
        Peer peer;

        const char *operation;
        const char *gallery;
        const char *purpose;
        const char *sought;
        const char *probe;
        const char *const *on_behalf_of;
        size_t n_on_behalf_of;
        const char *const *recipients;
        size_t n_recipients;
        const char *case_reference;
        const char *authorisation;
        const char *operator;
        bool has_limit;
        uint64_t limit;
        bool has_floor;
        int32_t floor_millionths;

        uint64_t time_usec;
        FactsClock clock;
        bool has_mark;
        uint64_t mark_usec;
        /* Permits already given under an allow to an organisation, with wall > time - window; NULL: none. */
        uint64_t (*used)(void *userdata, const char *allow, const char *organisation, uint64_t window_usec);
        void *used_userdata;
} Facts;

/**
 * facts_check() - Whether facts are a request at all ("Limits on what can be asked", name grammars,
 * vocabularies).
 *
 * Return: NULL, or the name of the first fact that is not (as matchguard.policy(5) spells it in facts).
 */
const char *facts_check(const Facts *facts);

typedef enum Reason {
        REASON_NONE, /* a permit */
        REASON_CLOCK_UNTRUSTED,
        REASON_UNKNOWN_PEER,
        REASON_AMBIGUOUS_PEER,
        REASON_EXPIRED_ORGANISATION,
        REASON_UNKNOWN_TERM,
        REASON_STOOD_DOWN,
        REASON_RATE_LIMITED,
        REASON_MORATORIUM,
        REASON_MISSING_REQUIREMENT,
        REASON_NOT_ALLOWED,
        _REASON_MAX,
} Reason;

/** reason_name() - "clock-untrusted" and so on; "" for REASON_NONE. */
const char *reason_name(Reason reason);

typedef enum Release {
        RELEASE_DECISION,
        RELEASE_CANDIDATES,
        RELEASE_SCORES,
} Release;

/** release_name() - "decision", "candidates", "scores". */
const char *release_name(Release release);

/* Which conditions of the nearest allow are unmet, in the order of matchguard.policy(5). */
typedef enum Unmet {
        UNMET_ORGANISATION,
        UNMET_OPERATION,
        UNMET_PURPOSE,
        UNMET_GALLERY,
        UNMET_SOUGHT,
        UNMET_PROBE,
        UNMET_ON_BEHALF_OF,
        UNMET_RECIPIENT,
        UNMET_FROM,
        UNMET_UNTIL,
        UNMET_REQUIRE,
        _UNMET_MAX,
} Unmet;

/** unmet_name() - "Organisation" and so on. */
const char *unmet_name(Unmet unmet);

/* Strings point into the policy (or, `term`, into the facts) and live as long. */
typedef struct Decision {
        bool permit;
        Reason reason;
        const char *organisation; /* NULL where none was identified */
        const char *allow;        /* the allow that permits, or whose rate is used up; else NULL */
        const char **moratoria;   /* every covering one, in byte order; the decision's own array */
        size_t n_moratoria;
        const char *notice;     /* NULL where there is none */
        const char *term;       /* of unknown-term */
        const char *missing[3]; /* of missing-requirement: some of authorisation, case, operator */
        size_t n_missing;
        const char *nearest; /* the nearest allow, or NULL */
        uint32_t unmet;      /* bit (1 << Unmet) for each condition of it that is not met */

        /* of a permit */
        Release release;
        bool has_limit; /* search operations and list */
        uint32_t limit;
        bool has_floor; /* search operations */
        int32_t floor_millionths;
} Decision;

#define DECISION_INIT ((Decision){})

void decision_deinit(Decision *decision);

/**
 * policy_decide() - Decides.
 * @policy:     in force
 * @facts:      that facts_check() has accepted
 * @ret_decision: to be given to decision_deinit()
 *
 * Return: 0, or -ENOMEM (which is no verdict: the machinery failed).
 */
int policy_decide(const Policy *policy, const Facts *facts, Decision *ret_decision);

/** decision_rule() - What stands under `rule` in the leaf: the allow, or the first moratorium; NULL for
 * neither. */
const char *decision_rule(const Decision *decision);
