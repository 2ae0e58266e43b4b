/*
 * Proving. Each invariant is put to each allow as a search; what is found is put to the decision before
 * anybody is told.
 */

#include "policy/prove.h"

#include <errno.h>
#include <stdlib.h>

#include "base/macro.h"
#include "policy/match.h"
#include "policy/search.h"

/* The sets that an invariant wants, over the tables of its policy. */
typedef struct ProofWanted {
        Wanted wanted;
        uint64_t purposes[BITS_WORDS_MAX];
        uint64_t galleries[BITS_WORDS_MAX + 1];
        uint64_t parties[2 * BITS_WORDS_MAX];
} ProofWanted;

void proof_deinit(Proof *proof)
{
        for (size_t i = 0; i < proof->n; i++)
                free(proof->rows[i].facts);
        free(proof->rows);
        *proof = PROOF_INIT;
}

static void proof_want(const Policy *policy, const Invariant *invariant, ProofWanted *ret_want)
{
        const size_t n_galleries = policy->objects[OBJECT_GALLERY].n;
        const size_t n_organisations = policy->objects[OBJECT_ORGANISATION].n;

        *ret_want = (ProofWanted){.wanted = {.operations = invariant->operations,
                                             .roles = invariant->roles,
                                             .purposes = ret_want->purposes,
                                             .galleries = ret_want->galleries,
                                             .any_party = invariant->any_party,
                                             .parties = ret_want->parties,
                                             .span = invariant->span}};
        for (size_t i = 0; i < policy->purposes.n; i++)
                if (set_may_have_purpose(&invariant->purposes, policy, i))
                        bits_add(ret_want->purposes, i);
        for (size_t i = 0; i <= n_galleries; i++)
                if (invariant->galleries.any || (i < n_galleries && bits_has(invariant->galleries.bits, i)))
                        bits_add(ret_want->galleries, i);
        for (size_t i = 0; i < n_organisations; i++)
                if (invariant_names(invariant, policy, (Party){false, i}))
                        bits_add(ret_want->parties, index_party(policy, false, i));
        for (size_t i = 0; i < policy->classes.n; i++)
                if (invariant_names(invariant, policy, (Party){true, i}))
                        bits_add(ret_want->parties, index_party(policy, true, i));
}

/* Whether the decision permits the example, and it is what the invariant forbids. Return: 0, or -ENOMEM. */
static int proof_confirm(const Policy *policy, const Invariant *invariant, const Example *example,
                         bool *ret_confirmed)
{
        _cleanup_(decision_deinit) Decision decision = DECISION_INIT;
        Question question;
        Facts facts;

        example_facts(example, &facts);
        if (facts_check(&facts))
                return 0;
        int r = policy_decide(policy, &facts, &decision);
        if (r < 0)
                return r;
        question_init(&question, policy, &facts);
        *ret_confirmed = decision.permit && question_identify(&question) == REASON_NONE &&
                         !question_resolve(&question) && invariant_matches(invariant, &question);
        return 0;
}

static int proof_break(const Policy *policy, const Invariant *invariant, const Example *example,
                       ProofRow *row)
{
        _cleanup_(buffer_deinit) Buffer facts = BUFFER_INIT;

        row->holds = false;
        example_write(example, &facts);
        if (facts.failed)
                return -ENOMEM;
        row->facts = buffer_take(&facts, NULL);
        return proof_confirm(policy, invariant, example, &row->confirmed);
}

static int proof_invariant(Search *search, const Policy *policy, size_t i, ProofRow *row)
{
        const Invariant *invariant = &policy->invariants[i];
        ProofWanted want;
        Example example;

        *row = (ProofRow){.invariant = invariant->name,
                          .description = invariant->description,
                          .place = policy->objects[OBJECT_INVARIANT].items[i].main.place,
                          .holds = true};
        proof_want(policy, invariant, &want);
        for (size_t allow = 0; allow < policy->objects[OBJECT_ALLOW].n; allow++) {
                if (search_allow(search, allow, &want.wanted, &example) == SEARCH_E_NONE)
                        continue;
                row->allow = policy->allows[allow].name;
                row->allow_place = policy->objects[OBJECT_ALLOW].items[allow].main.place;
                return proof_break(policy, invariant, &example, row);
        }
        return 0;
}

DEFINE_CLEANUP(Search *, search_free);

int policy_prove(const Policy *policy, Proof *ret_proof)
{
        _cleanup_(search_freep) Search *search = NULL;
        _cleanup_(proof_deinit) Proof proof = PROOF_INIT;
        const size_t n = policy->objects[OBJECT_INVARIANT].n;

        int r = search_new(&search, policy);
        if (r < 0)
                return r;
        proof.rows = calloc(n + 1, sizeof(ProofRow));
        if (!proof.rows)
                return -ENOMEM;
        while (proof.n < n) {
                ProofRow *row = &proof.rows[proof.n];
                r = proof_invariant(search, policy, proof.n++, row);
                if (r < 0)
                        return r;
                proof.n_broken += !row->holds;
        }
        *ret_proof = proof;
        proof = PROOF_INIT;
        return 0;
}

void proof_faults(const Proof *proof, Faults *faults)
{
        for (size_t i = 0; i < proof->n; i++) {
                const ProofRow *row = &proof->rows[i];
                if (row->holds)
                        continue;
                if (row->confirmed)
                        faults_add(faults, row->place,
                                   "invariant '%s' does not hold: '%s' at %s:%u permits %s; expected no such "
                                   "request to be permitted: narrow that allow",
                                   row->invariant, row->allow, row->allow_place.file, row->allow_place.line,
                                   row->facts);
                else
                        faults_add(
                                faults, row->place,
                                "invariant '%s' cannot be proved: the decision does not confirm %s; expected "
                                "proof and decision to agree: report this",
                                row->invariant, row->facts);
        }
}
