/*
 * Tests of policy/explain.h: the explanation leads to the decision, and says what it rests on.
 */

#include "policy/explain.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "world.h"

enum { N_POLICIES = 160, N_REQUESTS = 200 };

static uint64_t used(void *userdata, const char *allow, const char *organisation, uint64_t window_usec)
{
        return *(const uint64_t *)userdata;
}

/* The verdict by the explanation alone, without the decision in it. */
typedef struct Verdict {
        Reason reason;
        const char *allow;
        const char *term;
} Verdict;

static Verdict verdict_of_caller(const Explanation *e)
{
        size_t n_matching = 0, n_may_be = 0, n_valid = 0;

        for (size_t i = 0; i < e->n_organisations; i++) {
                const ExplainedOrganisation *organisation = &e->organisations[i];
                if (!organisation->matches)
                        continue;
                n_matching++;
                n_may_be += organisation->may_be_valid;
                n_valid += organisation->validity.met;
        }
        if (n_matching == 0)
                return (Verdict){REASON_UNKNOWN_PEER};
        if (n_may_be > 1)
                return (Verdict){REASON_AMBIGUOUS_PEER};
        return (Verdict){n_valid == 0 ? REASON_EXPIRED_ORGANISATION : REASON_NONE};
}

/* The first in byte order of the first kind of fact of which one is not declared. */
static const char *first_undeclared(const Explanation *e)
{
        const ExplainedCondition *first = NULL;

        for (size_t i = 0; i < e->n_terms; i++)
                if (!e->terms[i].met && (!first || (strcmp(first->name, e->terms[i].name) == 0 &&
                                                    strcmp(e->terms[i].asked, first->asked) < 0)))
                        first = &e->terms[i];
        return first ? first->asked : NULL;
}

static size_t count_met(const ExplainedRules *rules)
{
        size_t n = 0;

        for (size_t i = 0; i < rules->n; i++)
                n += rules->items[i].met;
        return n;
}

static size_t count_unmet(const ExplainedRule *rule)
{
        size_t n = 0;

        for (size_t i = 0; i < rule->n_conditions; i++)
                n += !rule->conditions[i].met;
        return n;
}

/* Of the allow that is taken; UINT64_MAX where it has none. */
static uint64_t rate_of(const Explanation *e)
{
        uint64_t rate = UINT64_MAX;

        for (size_t i = 0; i < e->n_limits; i++)
                if (strcmp(e->limits[i].name, "Rate") == 0)
                        rate = strtoull(e->limits[i].rule, NULL, 10);
        return rate;
}

static Verdict verdict_of_rules(const Explanation *e, uint64_t n_used)
{
        if (count_met(&e->stand_downs) > 0)
                return (Verdict){REASON_STOOD_DOWN};
        for (size_t i = 0; i < e->n_allows; i++)
                if (e->allows[i].viable)
                        return (Verdict){n_used >= rate_of(e) ? REASON_RATE_LIMITED : REASON_NONE,
                                         e->allows[i].fit.name};
        if (count_met(&e->moratoria) > 0)
                return (Verdict){REASON_MORATORIUM};
        for (size_t i = 0; i < e->n_allows; i++)
                if (count_unmet(&e->allows[i].fit) == 1 && !e->allows[i].fit.conditions[UNMET_REQUIRE].met)
                        return (Verdict){REASON_MISSING_REQUIREMENT};
        return (Verdict){REASON_NOT_ALLOWED};
}

static Verdict verdict_of(const Explanation *e, uint64_t n_used)
{
        if (strcmp(e->clock, "behind") == 0)
                return (Verdict){REASON_CLOCK_UNTRUSTED};
        Verdict verdict = verdict_of_caller(e);
        if (verdict.reason != REASON_NONE)
                return verdict;
        const char *term = first_undeclared(e);
        return term ? (Verdict){REASON_UNKNOWN_TERM, NULL, term} : verdict_of_rules(e, n_used);
}

static void expect_moratoria(const Explanation *e, const Decision *decision)
{
        size_t n = 0;

        cr_assert_eq(count_met(&e->moratoria), decision->n_moratoria);
        for (size_t i = 0; i < e->moratoria.n; i++)
                if (e->moratoria.items[i].met)
                        cr_expect_str_eq(e->moratoria.items[i].name, decision->moratoria[n++]);
}

static void expect_nearest(const Explanation *e, const Decision *decision)
{
        for (size_t i = 0; i < e->n_allows; i++) {
                uint32_t unmet = 0;
                for (size_t k = 0; k < e->allows[i].fit.n_conditions; k++) {
                        cr_expect_str_eq(e->allows[i].fit.conditions[k].name, unmet_name((Unmet)k));
                        unmet |= e->allows[i].fit.conditions[k].met ? 0 : 1U << k;
                }
                if (decision->nearest && strcmp(decision->nearest, e->allows[i].fit.name) == 0)
                        cr_expect_eq(unmet, decision->unmet);
        }
}

/* What is tried on one policy. */
typedef struct Try {
        const Policy *policy;
        unsigned one_of; /* so many requests is explained */
        unsigned n_reasons[_REASON_MAX];
} Try;

static void expect_explained(const Policy *policy, const Facts *facts, uint64_t n_used, Reason *ret_reason)
{
        _cleanup_(explanation_deinit) Explanation explanation = EXPLANATION_INIT;
        Decision decision = fixture_decide(policy, facts);

        cr_assert_eq(policy_explain(policy, facts, &explanation), 0);
        Verdict verdict = verdict_of(&explanation, n_used);
        cr_expect_eq(verdict.reason, decision.reason, "%s, and decided was %s", reason_name(verdict.reason),
                     reason_name(decision.reason));
        cr_expect_eq(verdict.allow, decision.allow);
        cr_expect_eq(verdict.term, decision.term);
        cr_expect_eq(explanation.decision.reason, decision.reason);
        cr_expect_eq(explanation.decision.allow, decision.allow);
        expect_moratoria(&explanation, &decision);
        expect_nearest(&explanation, &decision);
        *ret_reason = decision.reason;
        decision_deinit(&decision);
}

static bool try_request(const Facts *request, void *userdata)
{
        Try *try = userdata;
        Facts facts = *request;
        uint64_t n_used = world_roll(12);
        Reason reason = REASON_NONE;

        if (world_roll(try->one_of) != 0)
                return false;
        facts.used = used;
        facts.used_userdata = &n_used;
        if (world_roll(20) == 0) {
                facts.has_mark = true;
                facts.mark_usec = facts.time_usec + UINT64_C(5000001);
        }
        expect_explained(try->policy, &facts, n_used, &reason);
        try->n_reasons[reason]++;
        return false;
}

Test(explain, the_conditions_lead_to_the_decision)
{
        Try try = {};

        world_seed(6);
        for (int i = 0; i < N_POLICIES; i++) {
                World world;
                WorldRequests requests;
                world_make(&world, 0);
                Policy *policy = fixture_load(world.files);
                world_requests(&world, NULL, &requests);
                requests.every_clock = true;
                requests.most_named = i % 4 == 0 ? 2 : 1; /* it takes ten times as long */
                requests.purposes[requests.n_purposes++] = "nothing";
                requests.parties[requests.n_parties++] = "nobody";
                try.policy = policy;
                try.one_of = (unsigned)(world_count(&requests) / N_REQUESTS) + 1;
                (void)world_each(&requests, try_request, &try); /* nobody stops it */
                policy_unref(policy);
                world_deinit(&world);
        }
        for (Reason reason = 0; reason < _REASON_MAX; reason++)
                cr_expect_gt(try.n_reasons[reason], 20, "%s came %u times", reason_name(reason),
                             try.n_reasons[reason]);
}
