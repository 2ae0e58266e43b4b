/*
 * The conditions of rules. Pure; each answers for one rule and one question.
 */

#include "policy/match.h"

/* `compare` comes without a gallery: only `any` covers it. */
static bool set_has_gallery(const Set *set, const Question *question)
{
        return set->any || (question->has_gallery && bits_has(set->bits, question->gallery));
}

bool set_has_purpose(const Set *set, const Policy *policy, size_t purpose)
{
        const Terms *purposes = &policy->purposes;

        return set->any || bits_meet(set->bits, purposes->items[purpose].ancestors, purposes->n_words);
}

bool set_may_have_purpose(const Set *set, const Policy *policy, size_t purpose)
{
        const Terms *purposes = &policy->purposes;

        return set_has_purpose(set, policy, purpose) ||
               bits_meet(set->bits, purposes->items[purpose].descendants, purposes->n_words);
}

/* BIT(i) for each of @conditions that is not met. */
static uint32_t unmet_bits(const bool *met, uint32_t conditions)
{
        uint32_t unmet = 0;

        for (uint32_t rest = conditions; rest != 0; rest &= rest - 1) {
                int i = __builtin_ctz(rest);
                if (!met[i])
                        unmet |= BIT(i);
        }
        return unmet;
}

uint32_t stand_down_unmet(const StandDown *stand_down, const Question *question)
{
        const Set *organisations = &stand_down->organisations;
        const bool met[_STAND_DOWN_UNMET_MAX] = {
                [STAND_DOWN_ORGANISATION] =
                        organisations->any || bits_has(organisations->bits, question->asker),
                [STAND_DOWN_OPERATION] = (stand_down->operations & question->operation) != 0,
                [STAND_DOWN_PURPOSE] =
                        set_may_have_purpose(&stand_down->purposes, question->policy, question->purpose),
                [STAND_DOWN_GALLERY] = set_has_gallery(&stand_down->galleries, question),
        };

        return unmet_bits(met, BIT(_STAND_DOWN_UNMET_MAX) - 1);
}

static bool moratorium_has_begun(const Moratorium *moratorium, Instant at)
{
        return at.time >= moratorium->span.from;
}

static bool moratorium_has_ended(const Moratorium *moratorium, Instant at)
{
        bool dated = moratorium->span.until != TIME_FOREVER;
        bool past = dated && at.loosening >= moratorium->span.until;

        if (moratorium->expiry == EXPIRY_LAPSE)
                return past;
        return moratorium->released && (!dated || past);
}

bool moratorium_in_force(const Moratorium *moratorium, Instant at)
{
        return moratorium_has_begun(moratorium, at) && !moratorium_has_ended(moratorium, at);
}

Span moratorium_span(const Moratorium *moratorium)
{
        Span span = moratorium->span;

        if (moratorium->expiry == EXPIRY_HOLD && !moratorium->released)
                span.until = TIME_FOREVER;
        else if (span.until == TIME_FOREVER) /* released, and nothing to wait for */
                span.until = span.from;
        return span;
}

bool party_may_be_of(const Policy *policy, Party party, const uint64_t *classes)
{
        const size_t n_words = policy->classes.n_words;

        if (!party.is_class)
                return bits_meet(classes, policy->organisations[party.place].classes, n_words);
        return bits_meet(classes, policy->classes.items[party.place].ancestors, n_words) ||
               bits_meet(classes, policy->classes.items[party.place].descendants, n_words);
}

/* Whether the asker or anybody named may be of a class that it covers. */
static bool moratorium_has_party(const Moratorium *moratorium, const Question *question)
{
        const Policy *policy = question->policy;

        if (party_may_be_of(policy, (Party){false, question->asker}, moratorium->classes))
                return true;
        for (size_t i = 0; i < question->on_behalf_of.n; i++)
                if (party_may_be_of(policy, question->on_behalf_of.items[i], moratorium->classes))
                        return true;
        for (size_t i = 0; i < question->recipients.n; i++)
                if (party_may_be_of(policy, question->recipients.items[i], moratorium->classes))
                        return true;
        return false;
}

uint32_t moratorium_unmet(const Moratorium *moratorium, const Question *question)
{
        const bool met[_MORATORIUM_UNMET_MAX] = {
                [MORATORIUM_FROM] = moratorium_has_begun(moratorium, question->at),
                [MORATORIUM_UNTIL] = !moratorium_has_ended(moratorium, question->at),
                [MORATORIUM_CLASS] = moratorium_has_party(moratorium, question),
                [MORATORIUM_OPERATION] = (moratorium->operations & question->operation) != 0,
                [MORATORIUM_PURPOSE] =
                        set_may_have_purpose(&moratorium->purposes, question->policy, question->purpose),
                [MORATORIUM_GALLERY] = set_has_gallery(&moratorium->galleries, question),
        };

        return unmet_bits(met, BIT(_MORATORIUM_UNMET_MAX) - 1);
}

bool party_set_has(const PartySet *set, const Policy *policy, Party party)
{
        const uint64_t *classes = party.is_class ? policy->classes.items[party.place].ancestors
                                                 : policy->organisations[party.place].classes;

        return (!party.is_class && bits_has(set->organisations, party.place)) ||
               bits_meet(set->classes, classes, policy->classes.n_words);
}

bool party_set_admits(const PartySet *set, const Question *question, Party party)
{
        return (!party.is_class && party.place == question->asker) ||
               party_set_has(set, question->policy, party);
}

static bool party_set_admits_all(const PartySet *set, const Question *question, const Parties *parties)
{
        for (size_t i = 0; i < parties->n; i++)
                if (!party_set_admits(set, question, parties->items[i]))
                        return false;
        return true;
}

uint32_t allow_unmet_statement(const Allow *allow, const Question *question)
{
        const uint32_t span = span_unmet(allow->span, question->at);
        const bool met[_UNMET_MAX] = {
                [UNMET_SOUGHT] = !question->search || (allow->roles & question->role) != 0,
                [UNMET_PROBE] = !question->has_probe || (allow->probes & question->probe) != 0,
                [UNMET_FROM] = !(span & BIT(SPAN_FROM)),
                [UNMET_UNTIL] = !(span & BIT(SPAN_UNTIL)),
                [UNMET_REQUIRE] = (allow->requirements & ~question->given) == 0,
        };

        return unmet_bits(met, ALLOW_STATEMENT);
}

uint32_t allow_unmet(const Allow *allow, const Question *question)
{
        const bool met[_UNMET_MAX] = {
                [UNMET_ORGANISATION] =
                        party_set_has(&allow->askers, question->policy, (Party){false, question->asker}),
                [UNMET_OPERATION] = (allow->operations & question->operation) != 0,
                [UNMET_PURPOSE] = set_has_purpose(&allow->purposes, question->policy, question->purpose),
                [UNMET_GALLERY] = set_has_gallery(&allow->galleries, question),
                [UNMET_ON_BEHALF_OF] =
                        party_set_admits_all(&allow->on_behalf_of, question, &question->on_behalf_of),
                [UNMET_RECIPIENT] = party_set_admits_all(&allow->recipients, question, &question->recipients),
        };

        return unmet_bits(met, (BIT(_UNMET_MAX) - 1) & ~ALLOW_STATEMENT) |
               allow_unmet_statement(allow, question);
}

bool invariant_names(const Invariant *invariant, const Policy *policy, Party party)
{
        const size_t n_words = bits_words(policy->objects[OBJECT_ORGANISATION].n);
        const uint64_t *named = invariant->parties.organisations;

        if (invariant->any_party || party_may_be_of(policy, party, invariant->parties.classes))
                return true;
        if (!party.is_class)
                return bits_has(named, party.place);
        for (size_t i = 0; (i = bits_next(named, n_words, i)) != BITS_NONE; i++)
                if (bits_has(policy->organisations[i].classes, party.place))
                        return true;
        return false;
}

static bool invariant_names_one_of(const Invariant *invariant, const Question *question,
                                   const Parties *parties)
{
        for (size_t i = 0; i < parties->n; i++)
                if (invariant_names(invariant, question->policy, parties->items[i]))
                        return true;
        return false;
}

bool invariant_matches(const Invariant *invariant, const Question *question)
{
        const Party asker = {false, question->asker};

        return question->at.time >= invariant->span.from && question->at.time < invariant->span.until &&
               (invariant->operations & question->operation) != 0 &&
               (invariant->roles & question->role) != 0 &&
               set_may_have_purpose(&invariant->purposes, question->policy, question->purpose) &&
               set_has_gallery(&invariant->galleries, question) &&
               (invariant_names(invariant, question->policy, asker) ||
                invariant_names_one_of(invariant, question, &question->on_behalf_of) ||
                invariant_names_one_of(invariant, question, &question->recipients));
}
