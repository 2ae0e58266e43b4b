/*
 * From facts to a question. What loosens is judged at the loosening time, what tightens at the time of the
 * request (matchguard.policy(5)). Pure; allocates nothing.
 */

#include "policy/question.h"

#include <assert.h>
#include <string.h>

/* The last instant but one: nothing that anybody wrote down ends after it. */
static int64_t question_instant(uint64_t usec)
{
        return usec >= TIME_FOREVER ? TIME_FOREVER - 1 : (int64_t)usec;
}

static int64_t question_loosening(const Facts *facts)
{
        if (facts->clock == CLOCK_SYNCHRONISED)
                return question_instant(facts->time_usec);
        if (!facts->has_mark)
                return TIME_NEVER;
        return question_instant(facts->mark_usec < facts->time_usec ? facts->mark_usec : facts->time_usec);
}

/* The word as a bit; "unknown" stands in for one that is absent. */
static uint32_t question_word(const Vocabulary *vocabulary, const char *text)
{
        int place = vocabulary_find(vocabulary, text ? text : "unknown");

        return place < 0 ? 0 : BIT(place);
}

static uint32_t question_given(const Facts *facts)
{
        const char *const texts[_REQUIREMENT_MAX] = {[REQUIREMENT_AUTHORISATION] = facts->authorisation,
                                                     [REQUIREMENT_CASE] = facts->case_reference,
                                                     [REQUIREMENT_OPERATOR] = facts->operator, };
        uint32_t given = 0;

        for (int i = 0; i < _REQUIREMENT_MAX; i++)
                if (texts[i] && texts[i][0])
                        given |= BIT(i);
        return given;
}

void question_init(Question *question, const Policy *policy, const Facts *facts)
{
        *question = (Question){
                .policy = policy,
                .facts = facts,
                .at = {question_instant(facts->time_usec), question_loosening(facts)},
                .operation = facts->operation ? question_word(&vocabulary_operations, facts->operation) : 0,
                .role = question_word(&vocabulary_roles, facts->sought),
                .probe = question_word(&vocabulary_probes, facts->probe),
                .given = question_given(facts),
        };
        question->search = (question->operation & OPERATIONS_SEARCH) != 0;
        question->has_probe = (question->operation & OPERATIONS_PROBE) != 0;
        question->has_gallery = question->operation != BIT(OPERATION_COMPARE);
}

static bool peer_has_user(const PeerRule *rule, const Peer *peer)
{
        for (size_t i = 0; i < rule->n_users; i++)
                if (rule->users[i] == peer->uid)
                        return true;
        return rule->n_users == 0;
}

static bool peer_has_group(const PeerRule *rule, const Peer *peer)
{
        for (size_t i = 0; i < rule->n_groups; i++)
                for (size_t j = 0; j < peer->n_groups; j++)
                        if (rule->groups[i] == peer->groups[j])
                                return true;
        return rule->n_groups == 0;
}

static bool peer_has_unit(const PeerRule *rule, const Peer *peer)
{
        for (size_t i = 0; i < rule->n_units && peer->unit; i++)
                if (strcmp(rule->units[i].text, peer->unit) == 0)
                        return true;
        return rule->n_units == 0;
}

uint32_t peer_unmet(const PeerRule *rule, const Peer *peer)
{
        bool labelled = !rule->label || (peer->label && strcmp(rule->label, peer->label) == 0);

        return (peer_has_user(rule, peer) ? 0 : BIT(PEER_USER)) |
               (peer_has_group(rule, peer) ? 0 : BIT(PEER_GROUP)) |
               (peer_has_unit(rule, peer) ? 0 : BIT(PEER_UNIT)) | (labelled ? 0 : BIT(PEER_SECURITY_LABEL));
}

static bool organisation_matches(const Organisation *organisation, const Peer *peer)
{
        for (size_t i = 0; i < organisation->n_peers; i++)
                if (peer_unmet(&organisation->peers[i], peer) == 0)
                        return true;
        return false;
}

uint32_t span_unmet(Span span, Instant at)
{
        return (span.from <= at.loosening ? 0 : BIT(SPAN_FROM)) |
               (at.time < span.until ? 0 : BIT(SPAN_UNTIL));
}

bool span_is_valid(Span span, Instant at)
{
        return span_unmet(span, at) == 0;
}

bool span_may_be_valid(Span span, Instant at)
{
        return span.from <= at.time && at.loosening < span.until;
}

static void policy_match_keys(const Policy *policy, const Peer *peer, const PeerKey *keys, size_t n,
                              uint64_t *organisations)
{
        for (size_t i = 0; i < n; i++)
                if (!bits_has(organisations, keys[i].organisation) &&
                    organisation_matches(&policy->organisations[keys[i].organisation], peer))
                        bits_add(organisations, keys[i].organisation);
}

void policy_match_peer(const Policy *policy, const Peer *peer, uint64_t *ret_organisations)
{
        size_t n = 0;

        memset(ret_organisations, 0, bits_words(policy->objects[OBJECT_ORGANISATION].n) * sizeof(uint64_t));
        const PeerKey *keys = peer_keys_find(&policy->index.users, peer->uid, &n);
        policy_match_keys(policy, peer, keys, n, ret_organisations);
        for (size_t i = 0; i < peer->n_groups; i++) {
                keys = peer_keys_find(&policy->index.groups, peer->groups[i], &n);
                policy_match_keys(policy, peer, keys, n, ret_organisations);
        }
}

Reason policy_asker(const Policy *policy, const uint64_t *organisations, Instant at, size_t *ret_asker)
{
        const size_t n_words = bits_words(policy->objects[OBJECT_ORGANISATION].n);
        size_t n_matching = 0, n_may_be = 0, n_valid = 0;

        for (size_t i = 0; (i = bits_next(organisations, n_words, i)) != BITS_NONE; i++) {
                Span span = policy->organisations[i].span;
                n_matching++;
                n_may_be += span_may_be_valid(span, at);
                if (span_is_valid(span, at)) {
                        n_valid++;
                        *ret_asker = i;
                }
        }
        if (n_matching == 0)
                return REASON_UNKNOWN_PEER;
        if (n_may_be > 1)
                return REASON_AMBIGUOUS_PEER;
        return n_valid == 0 ? REASON_EXPIRED_ORGANISATION : REASON_NONE;
}

Reason question_identify(Question *question)
{
        uint64_t organisations[BITS_WORDS_MAX];

        policy_match_peer(question->policy, &question->facts->peer, organisations);
        return policy_asker(question->policy, organisations, question->at, &question->asker);
}

/* Names of a list as parties. Return: NULL, or the first undeclared one in byte order. */
static const char *question_resolve_parties(Question *question, const char *const *names, size_t n,
                                            Parties *parties)
{
        const char *unknown = NULL;

        assert(n <= FACTS_LIST_MAX);
        for (size_t i = 0; i < n; i++) {
                int organisation = policy_find(question->policy, OBJECT_ORGANISATION, names[i]);
                int class = organisation < 0 ? policy_find(question->policy, OBJECT_CLASS, names[i]) : -1;
                if (organisation >= 0 || class >= 0)
                        parties->items[parties->n++] =
                                (Party){class >= 0, (size_t)(class >= 0 ? class : organisation)};
                else if (!unknown || strcmp(names[i], unknown) < 0)
                        unknown = names[i];
        }
        return unknown;
}

const char *question_resolve(Question *question)
{
        const Facts *facts = question->facts;
        const char *unknown = NULL;

        int purpose = policy_find(question->policy, OBJECT_PURPOSE, facts->purpose);
        if (purpose < 0)
                return facts->purpose;
        question->purpose = (size_t)purpose;
        if (question->has_gallery) {
                int gallery = policy_find(question->policy, OBJECT_GALLERY, facts->gallery);
                if (gallery < 0)
                        return facts->gallery;
                question->gallery = (size_t)gallery;
        }
        unknown = question_resolve_parties(question, facts->on_behalf_of, facts->n_on_behalf_of,
                                           &question->on_behalf_of);
        if (!unknown)
                unknown = question_resolve_parties(question, facts->recipients, facts->n_recipients,
                                                   &question->recipients);
        return unknown;
}

const uint64_t *rule_index_operation(const RuleIndex *index, const Question *question)
{
        return bit_table_row(&index->operations, (size_t)__builtin_ctz(question->operation));
}

const uint64_t *rule_index_purpose(const RuleIndex *index, const Question *question)
{
        return bit_table_row(&index->purposes, question->purpose);
}

const uint64_t *rule_index_gallery(const RuleIndex *index, const Question *question)
{
        size_t none = question->policy->objects[OBJECT_GALLERY].n;

        return bit_table_row(&index->galleries, question->has_gallery ? question->gallery : none);
}

void parties_keep_admitting(const Question *question, const Parties *parties, const BitTable *table,
                            uint64_t *allows)
{
        for (size_t i = 0; i < parties->n; i++) {
                Party party = parties->items[i];
                size_t row = index_party(question->policy, party.is_class, party.place);
                if (party.is_class || party.place != question->asker)
                        bits_keep(allows, bit_table_row(table, row), table->n_words);
        }
}
