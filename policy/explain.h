#pragma once
/*
 * The whole way to a decision, for people: every rule that was held against the facts, with each of its
 * conditions, what was asked, what the rule says, and where that stands. Decides nothing: the decision in it
 * is policy_decide()'s, and the conditions are those of the predicates from which that is built.
 */

#include "policy/arena.h"
#include "policy/decide.h"
#include "policy/faults.h"

/* One condition of a rule, or one name that was stated. Texts are never NULL. */
typedef struct ExplainedCondition {
        const char *
                name; /* the key, as files spell it; of a name that was stated, the fact; of an exception, the
                             moratorium */
        bool met;
        const char *asked; /* what the facts say of it, in words */
        const char *rule;  /* what the rule says of it, in words */
        Place place;       /* of the key's value; without a file where nobody wrote it */
} ExplainedCondition;

typedef struct ExplainedRule {
        const char *name; /* "" for a [Peer] */
        Place place;      /* its file; of a [Peer], its section */
        bool met;         /* all its conditions are: it matches, covers, fits, is valid */
        ExplainedCondition *conditions;
        size_t n_conditions;
} ExplainedRule;

typedef struct ExplainedRules {
        ExplainedRule *items; /* in byte order of their names */
        size_t n;
} ExplainedRules;

/* An organisation that a caller is, or nearly is. */
typedef struct ExplainedOrganisation {
        ExplainedRule validity; /* its From= and Until=; met: it is valid */
        bool may_be_valid;      /* given what the clock is worth */
        bool matches;           /* one of its [Peer]s does */
        ExplainedRules peers;   /* those that match, or of which some key but not every holds */
} ExplainedOrganisation;

typedef struct ExplainedAllow {
        ExplainedRule fit;
        ExplainedCondition
                *exceptions; /* one for each covering moratorium: met where it excepts this allow */
        size_t n_exceptions;
        bool viable; /* it fits, and all of them do */
} ExplainedAllow;

/* What a permit is bounded by. */
typedef struct ExplainedLimit {
        const char *name;  /* the key */
        const char *asked; /* "" where nothing can be */
        const char *rule;
        const char *result;
        Place place; /* as of a condition */
} ExplainedLimit;

enum {
        EXPLAIN_CLOCK = 1,
        EXPLAIN_CALLER,
        EXPLAIN_TERMS,
        EXPLAIN_STAND_DOWNS,
        EXPLAIN_MORATORIA,
        EXPLAIN_ALLOWS,
        EXPLAIN_VIABLE,
        EXPLAIN_MORATORIUM,
        EXPLAIN_NOT_ALLOWED,
};

/* Strings are its own, the policy's, or the facts'. What belongs to steps that were not reached is empty. */
typedef struct Explanation {
        Arena arena;
        Decision decision;
        const char *summary; /* the verdict and why, in one sentence */
        unsigned step;       /* which of the nine of matchguard.policy(5) ended it */

        const char *time;
        const char *clock;
        const char *mark;      /* "" where there is none */
        const char *loosening; /* in words: the time at which what loosens is judged */

        const char *caller;
        size_t n_peers; /* [Peer]s in the whole policy */
        ExplainedOrganisation *organisations;
        size_t n_organisations;
        ExplainedCondition *terms; /* met: declared */
        size_t n_terms;
        ExplainedRules stand_downs;
        ExplainedRules moratoria;
        ExplainedAllow *allows;
        size_t n_allows;
        ExplainedLimit *limits; /* of the allow that was taken */
        size_t n_limits;
} Explanation;

#define EXPLANATION_INIT ((Explanation){})

/** explanation_deinit() - Frees all; safe on EXPLANATION_INIT and twice. */
void explanation_deinit(Explanation *explanation);

/**
 * policy_explain() - Decides, and says how.
 * @policy:     borrowed for as long as the explanation
 * @facts:      that facts_check() has accepted; borrowed likewise
 * @ret_explanation: to be given to explanation_deinit()
 *
 * Return: 0, or -ENOMEM.
 */
int policy_explain(const Policy *policy, const Facts *facts, Explanation *ret_explanation);
