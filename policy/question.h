#pragma once
/*
 * Facts as places in the tables of one policy: what the conditions of rules are held against.
 */

#include "policy/model.h"

typedef struct Parties {
        Party items[FACTS_LIST_MAX];
        size_t n;
} Parties;

/* An instant, as far as it is known: what tightens is judged at one, what loosens at the other. */
typedef struct Instant {
        int64_t time;
        int64_t loosening; /* not after `time`; TIME_NEVER: it has never come */
} Instant;

typedef struct Question {
        const Policy *policy;
        const Facts *facts;
        Instant at;
        uint32_t operation; /* one bit */
        bool search;
        bool has_probe;
        uint32_t role;  /* one bit */
        uint32_t probe; /* one bit */
        uint32_t given; /* which requirements are */
        size_t asker;   /* after question_identify() */
        /* after question_resolve() */
        bool has_gallery;
        size_t gallery;
        size_t purpose;
        Parties on_behalf_of;
        Parties recipients;
} Question;

/* The conditions of a [Peer]. */
typedef enum PeerUnmet {
        PEER_USER,
        PEER_GROUP,
        PEER_UNIT,
        PEER_SECURITY_LABEL,
        _PEER_UNMET_MAX,
} PeerUnmet;

/** peer_unmet() - Step 2, for one [Peer]. Return: BIT(PeerUnmet) for each key given that does not hold; 0: it
 * matches. */
uint32_t peer_unmet(const PeerRule *rule, const Peer *peer);

/** question_init() - Times and words of closed vocabularies, from facts that facts_check() has accepted. */
void question_init(Question *question, const Policy *policy, const Facts *facts);

/**
 * question_identify() - Who asks: step 2 of matchguard.policy(5).
 *
 * Return: REASON_NONE, or why nobody can be said to.
 */
Reason question_identify(Question *question);

/**
 * question_resolve() - Finds what the names stand for: step 3.
 *
 * Return: NULL, or the first name that the policy does not declare; borrowed from the facts.
 */
const char *question_resolve(Question *question);

/* The conditions of a permission's time. */
typedef enum SpanUnmet {
        SPAN_FROM,  /* it has begun at the loosening time */
        SPAN_UNTIL, /* it has not ended at the time */
        _SPAN_UNMET_MAX,
} SpanUnmet;

/** span_unmet() - Which are not met. Return: BIT(SpanUnmet) for each. */
uint32_t span_unmet(Span span, Instant at);

/** span_is_valid() - Whether none is. */
bool span_is_valid(Span span, Instant at);

/** span_may_be_valid() - Whether it cannot be ruled out, given what the clock is worth, that one holds. */
bool span_may_be_valid(Span span, Instant at);

/** policy_match_peer() - The organisations of which a [Peer] matches; @ret_organisations has room for all. */
void policy_match_peer(const Policy *policy, const Peer *peer, uint64_t *ret_organisations);

/**
 * policy_asker() - Which of the organisations that a caller matches it is at an instant.
 *
 * Return: REASON_NONE, or why nobody can be said to.
 */
Reason policy_asker(const Policy *policy, const uint64_t *organisations, Instant at, size_t *ret_asker);

/** rule_index_operation(), rule_index_purpose(), rule_index_gallery() - The rules that what is asked concerns, by
 * one condition; borrowed. */
const uint64_t *rule_index_operation(const RuleIndex *index, const Question *question);
const uint64_t *rule_index_purpose(const RuleIndex *index, const Question *question);
const uint64_t *rule_index_gallery(const RuleIndex *index, const Question *question);

/** parties_keep_admitting() - Drops the allows that do not admit each of @parties, the asker aside. */
void parties_keep_admitting(const Question *question, const Parties *parties, const BitTable *table,
                            uint64_t *allows);
