/*
 * The proof against brute force: on small random policies its answer is the same as trying every request.
 * PROVE_POLICIES in the environment says on how many (2,000).
 */

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "policy/match.h"
#include "policy/prove.h"
#include "world.h"

typedef struct Brute {
        const Policy *policy;
        bool broken[2]; /* invariants */
        uint64_t n;
} Brute;

static bool brute_try(const Facts *facts, void *userdata)
{
        Brute *brute = userdata;
        Decision decision = DECISION_INIT;
        Question question;

        brute->n++;
        cr_assert_eq(policy_decide(brute->policy, facts, &decision), 0);
        bool permit = decision.permit;
        decision_deinit(&decision);
        if (!permit)
                return false;
        question_init(&question, brute->policy, facts);
        cr_assert_eq(question_identify(&question), REASON_NONE);
        cr_assert_null(question_resolve(&question));
        for (size_t i = 0; i < 2; i++)
                brute->broken[i] |= invariant_matches(&brute->policy->invariants[i], &question);
        return brute->broken[0] && brute->broken[1];
}

Test(prove, the_proof_agrees_with_trying_every_request)
{
        const char *text = getenv("PROVE_POLICIES");
        int n_policies = text ? atoi(text) : 2000;
        size_t n_broken = 0, n_holding = 0;
        uint64_t n = 0;

        world_seed(7);
        for (int i = 0; i < n_policies; i++) {
                World world;
                WorldRequests requests;
                Proof proof = PROOF_INIT;
                world_make(&world, 2);
                Policy *policy = fixture_load(world.files);
                Brute brute = {.policy = policy};
                world_requests(&world, NULL, &requests);
                /* Every set of names for some: it takes twenty times as long. */
                if (i % 50 == 0)
                        requests.most_named = 2 * WORLD_VALUES_MAX;
                (void)world_each(&requests, brute_try, &brute);
                cr_assert_eq(policy_prove(policy, &proof), 0);
                for (size_t k = 0; k < proof.n; k++) {
                        cr_assert_eq(proof.rows[k].holds, !brute.broken[k],
                                     "policy %d, %s: the proof says %s", i, proof.rows[k].invariant,
                                     proof.rows[k].holds ? "it holds" : proof.rows[k].facts);
                        cr_assert(proof.rows[k].holds || proof.rows[k].confirmed);
                        n_broken += brute.broken[k];
                        n_holding += !brute.broken[k];
                }
                n += brute.n;
                proof_deinit(&proof);
                policy_unref(policy);
                world_deinit(&world);
        }
        printf("%d policies, %llu requests: %zu invariants broken, %zu hold\n", n_policies,
               (unsigned long long)n, n_broken, n_holding);
        cr_assert_gt(n_broken, (size_t)n_policies / 5);
        cr_assert_gt(n_holding, (size_t)n_policies / 5);
}
