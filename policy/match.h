#pragma once
/*
 * Whether one rule concerns a question: stand-downs, moratoria, allows, each by its conditions in
 * matchguard.policy(5), one bit for each that is not met. Prohibitions look at what may be, permissions at
 * what was said.
 */

#include "policy/question.h"

/** set_has_purpose() - Whether a list holds the purpose at that place, or one above it. */
bool set_has_purpose(const Set *set, const Policy *policy, size_t purpose);

/** set_may_have_purpose() - Likewise, or one below it: who states a broad purpose may mean any of its parts.
 */
bool set_may_have_purpose(const Set *set, const Policy *policy, size_t purpose);

/** party_may_be_of() - Whether somebody may be of one of these classes; @classes is a set over classes. */
bool party_may_be_of(const Policy *policy, Party party, const uint64_t *classes);

/** party_set_has() - Whether a list holds somebody by name, or by one of the classes. */
bool party_set_has(const PartySet *set, const Policy *policy, Party party);

/** party_set_admits() - Likewise, the asker always: whoever asks may see what comes of it. */
bool party_set_admits(const PartySet *set, const Question *question, Party party);

/* The conditions of a stand-down. */
typedef enum StandDownUnmet {
        STAND_DOWN_ORGANISATION,
        STAND_DOWN_OPERATION,
        STAND_DOWN_PURPOSE,
        STAND_DOWN_GALLERY,
        _STAND_DOWN_UNMET_MAX,
} StandDownUnmet;

/** stand_down_unmet() - Step 4, for one. Return: BIT(StandDownUnmet) for each not met; 0: it matches. */
uint32_t stand_down_unmet(const StandDown *stand_down, const Question *question);

/** moratorium_in_force() - Whether it has begun and not ended. */
bool moratorium_in_force(const Moratorium *moratorium, Instant at);

/** moratorium_span() - The instants at which it is in force by a synchronised clock. */
Span moratorium_span(const Moratorium *moratorium);

/* The conditions of a moratorium. */
typedef enum MoratoriumUnmet {
        MORATORIUM_FROM,  /* it has begun */
        MORATORIUM_UNTIL, /* it has not ended */
        MORATORIUM_CLASS,
        MORATORIUM_OPERATION,
        MORATORIUM_PURPOSE,
        MORATORIUM_GALLERY,
        _MORATORIUM_UNMET_MAX,
} MoratoriumUnmet;

/** moratorium_unmet() - Step 5, for one. Return: BIT(MoratoriumUnmet) for each not met; 0: it covers. */
uint32_t moratorium_unmet(const Moratorium *moratorium, const Question *question);

/** allow_unmet() - Step 6, for one. Return: BIT(Unmet) for each condition that is not met; 0: it fits. */
uint32_t allow_unmet(const Allow *allow, const Question *question);

/* The conditions of an allow that the index does not know: what was stated, and when. */
#define ALLOW_STATEMENT                                                                                      \
        (BIT(UNMET_SOUGHT) | BIT(UNMET_PROBE) | BIT(UNMET_FROM) | BIT(UNMET_UNTIL) | BIT(UNMET_REQUIRE))

/** allow_unmet_statement() - Those of them that are not met. */
uint32_t allow_unmet_statement(const Allow *allow, const Question *question);

/**
 * invariant_names() - Whether a party may be one that an invariant names: an organisation by itself or by its
 * classes, a class by its kin, and, since who names a class may mean any of its members, by an organisation
 * of that class.
 */
bool invariant_names(const Invariant *invariant, const Policy *policy, Party party);

/** invariant_matches() - Whether a request is of the kind that must never be permitted. The asker is known. */
bool invariant_matches(const Invariant *invariant, const Question *question);
