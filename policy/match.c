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

bool stand_down_matches(const StandDown *stand_down, const Question *question)
{
        return (stand_down->organisations.any || bits_has(stand_down->organisations.bits, question->asker)) &&
               (stand_down->operations & question->operation) != 0 &&
               set_may_have_purpose(&stand_down->purposes, question->policy, question->purpose) &&
               set_has_gallery(&stand_down->galleries, question);
}

bool moratorium_in_force(const Moratorium *moratorium, Instant at)
{
        bool dated = moratorium->span.until != TIME_FOREVER;
        bool past = dated && at.loosening >= moratorium->span.until;

        if (at.time < moratorium->span.from)
                return false;
        if (moratorium->expiry == EXPIRY_LAPSE)
                return !past;
        return !moratorium->released || (dated && !past);
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

bool moratorium_covers(const Moratorium *moratorium, const Question *question)
{
        return moratorium_in_force(moratorium, question->at) &&
               (moratorium->operations & question->operation) != 0 &&
               set_may_have_purpose(&moratorium->purposes, question->policy, question->purpose) &&
               set_has_gallery(&moratorium->galleries, question) &&
               bits_meet(moratorium->classes, question->may_be, question->policy->classes.n_words);
}

bool party_may_be_of(const Policy *policy, Party party, const uint64_t *classes)
{
        const size_t n_words = policy->classes.n_words;

        if (!party.is_class)
                return bits_meet(classes, policy->organisations[party.place].classes, n_words);
        return bits_meet(classes, policy->classes.items[party.place].ancestors, n_words) ||
               bits_meet(classes, policy->classes.items[party.place].descendants, n_words);
}

bool party_set_has(const PartySet *set, const Policy *policy, Party party)
{
        const uint64_t *classes = party.is_class ? policy->classes.items[party.place].ancestors
                                                 : policy->organisations[party.place].classes;

        return (!party.is_class && bits_has(set->organisations, party.place)) ||
               bits_meet(set->classes, classes, policy->classes.n_words);
}

/* Every name but the asker's own. */
static bool party_set_has_all(const PartySet *set, const Question *question, const Parties *parties)
{
        for (size_t i = 0; i < parties->n; i++) {
                Party party = parties->items[i];
                if (!party.is_class && party.place == question->asker)
                        continue;
                if (!party_set_has(set, question->policy, party))
                        return false;
        }
        return true;
}

static uint32_t unmet_bits(const bool *met, uint32_t conditions)
{
        uint32_t unmet = 0;

        for (int i = 0; i < _UNMET_MAX; i++)
                if ((conditions & BIT(i)) && !met[i])
                        unmet |= BIT(i);
        return unmet;
}

uint32_t allow_unmet_statement(const Allow *allow, const Question *question)
{
        const bool met[_UNMET_MAX] = {
                [UNMET_SOUGHT] = !question->search || (allow->roles & question->role) != 0,
                [UNMET_PROBE] = !question->has_probe || (allow->probes & question->probe) != 0,
                [UNMET_FROM] = allow->span.from <= question->at.loosening,
                [UNMET_UNTIL] = question->at.time < allow->span.until,
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
                        party_set_has_all(&allow->on_behalf_of, question, &question->on_behalf_of),
                [UNMET_RECIPIENT] = party_set_has_all(&allow->recipients, question, &question->recipients),
        };

        return unmet_bits(met, ~ALLOW_STATEMENT) | allow_unmet_statement(allow, question);
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
