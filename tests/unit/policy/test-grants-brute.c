/*
 * Who can do what against brute force: on small random policies the rows hold exactly the requests that the
 * decision permits, with the limits that it sets; a query leaves those rows that concern it.
 * PROVE_POLICIES in the environment says how often (2,000), of which a tenth has to do here.
 */

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "policy/grants.h"
#include "policy/model.h"
#include "world.h"

typedef struct Brute {
        const Policy *policy;
        const WorldRequests *requests;
        GrantsQuery query;               /* without its instant */
        Grants grants[WORLD_VALUES_MAX]; /* at each instant */
        uint64_t n, n_permitted;
} Brute;

static bool is_among(const char *name, const GrantNames *names)
{
        for (size_t i = 0; i < names->n; i++)
                if (strcmp(names->items[i], name) == 0)
                        return true;
        return false;
}

static bool are_among(const char *const *items, size_t n, const char *asker, const GrantNames *names)
{
        for (size_t i = 0; i < n; i++)
                if (strcmp(items[i], asker) != 0 && !is_among(items[i], names))
                        return false;
        return true;
}

static uint32_t given(const Facts *facts)
{
        return (facts->case_reference ? BIT(REQUIREMENT_CASE) : 0) |
               (facts->authorisation ? BIT(REQUIREMENT_AUTHORISATION) : 0) |
               (facts->operator? BIT(REQUIREMENT_OPERATOR) : 0);
}

static uint32_t word(const Vocabulary *vocabulary, const char *text)
{
        return BIT(vocabulary_find(vocabulary, text ? text : "unknown"));
}

/* Whether a row holds a request of that asker. */
static bool row_holds(const Grant *row, const Facts *facts, const char *asker)
{
        return is_among(asker, &row->askers) &&
               (row->operations & word(&vocabulary_operations, facts->operation)) &&
               is_among(facts->purpose, &row->purposes) &&
               (facts->gallery ? is_among(facts->gallery, &row->galleries) : row->galleries.n == 0) &&
               (!policy_is_search(facts->operation) ||
                (row->roles & word(&vocabulary_roles, facts->sought))) &&
               (!policy_has_probe(facts->operation) ||
                (row->probes & word(&vocabulary_probes, facts->probe))) &&
               are_among(facts->on_behalf_of, facts->n_on_behalf_of, asker, &row->on_behalf_of) &&
               are_among(facts->recipients, facts->n_recipients, asker, &row->recipients) &&
               (row->requirements & ~given(facts)) == 0;
}

static bool is_wanted(const char *wanted, const char *name)
{
        return !wanted || (name && strcmp(wanted, name) == 0);
}

/* Whether the query asks about such a request, parties aside. */
static bool query_wants(const GrantsQuery *query, const Facts *facts, const char *asker)
{
        return is_wanted(query->organisation, asker) && is_wanted(query->operation, facts->operation) &&
               is_wanted(query->purpose, facts->purpose) && is_wanted(query->gallery, facts->gallery) &&
               (!policy_is_search(facts->operation) ||
                is_wanted(query->sought, facts->sought ? facts->sought : "unknown")) &&
               (!policy_has_probe(facts->operation) ||
                is_wanted(query->probe, facts->probe ? facts->probe : "unknown"));
}

/* Whether it names whom the query asks about: then the row has to be among those that are left. */
static bool query_names(const char *wanted, const char *const *items, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (wanted && strcmp(items[i], wanted) == 0)
                        return true;
        return !wanted;
}

static const Grants *grants_at(const Brute *brute, uint64_t time_usec)
{
        size_t i = 0;

        while (brute->requests->times[i] != time_usec)
                cr_assert_lt(++i, brute->requests->n_times);
        return &brute->grants[i];
}

static bool brute_try(const Facts *facts, void *userdata)
{
        Brute *brute = userdata;
        const GrantsQuery *query = &brute->query;
        const Grants *grants = grants_at(brute, facts->time_usec);
        _cleanup_(decision_deinit) Decision decision = DECISION_INIT;
        bool held = false, held_so = false;

        brute->n++;
        cr_assert_eq(policy_decide(brute->policy, facts, &decision), 0);
        brute->n_permitted += decision.permit;
        if (!decision.organisation)
                return false;
        for (size_t i = 0; i < grants->n; i++) {
                const Grant *row = &grants->items[i];
                if (!row_holds(row, facts, decision.organisation))
                        continue;
                held = true;
                held_so |= decision.permit && strcmp(row->allow, decision.allow) == 0 &&
                           row->release == (int)decision.release &&
                           (!decision.has_limit || row->limit == decision.limit) &&
                           (!decision.has_floor || row->floor_millionths == decision.floor_millionths);
        }
        cr_assert(!held || decision.permit, "a row holds what is denied");
        if (decision.permit && query_wants(query, facts, decision.organisation) &&
            query_names(query->on_behalf_of, facts->on_behalf_of, facts->n_on_behalf_of) &&
            query_names(query->recipient, facts->recipients, facts->n_recipients))
                cr_assert(held_so, "no row holds what is permitted");
        return false;
}

/* One of a kind, or nothing: half of all queries ask about little. */
static const char *any_of(const char *const *items, size_t n)
{
        return n > 0 && world_roll(8) == 0 ? items[world_roll((unsigned)n)] : NULL;
}

static const char *any_object(const Policy *policy, ObjectType type)
{
        const ObjectTable *table = &policy->objects[type];

        return table->n > 0 && world_roll(8) == 0 ? table->items[world_roll((unsigned)table->n)].name : NULL;
}

static void brute_query(Brute *brute)
{
        const Policy *policy = brute->policy;

        brute->query = (GrantsQuery){
                .organisation = any_object(policy, OBJECT_ORGANISATION),
                .operation = any_of(vocabulary_operations.words, vocabulary_operations.n),
                .purpose = any_object(policy, OBJECT_PURPOSE),
                .gallery = any_object(policy, OBJECT_GALLERY),
                .sought = any_of(vocabulary_roles.words, vocabulary_roles.n),
                .probe = any_of(vocabulary_probes.words, vocabulary_probes.n),
                .on_behalf_of = any_object(policy, world_roll(2) ? OBJECT_CLASS : OBJECT_ORGANISATION),
                .recipient = any_object(policy, world_roll(2) ? OBJECT_CLASS : OBJECT_ORGANISATION),
        };
        cr_assert_null(grants_unknown(policy, &brute->query));
}

static void brute_policy(Brute *brute)
{
        const WorldRequests *requests = brute->requests;

        for (size_t i = 0; i < requests->n_times; i++) {
                GrantsQuery query = brute->query;
                query.at = (Instant){(int64_t)requests->times[i], (int64_t)requests->times[i]};
                cr_assert_eq(policy_grants(brute->policy, &query, &brute->grants[i]), 0);
        }
        (void)world_each(requests, brute_try, brute); /* nobody stops it */
        for (size_t i = 0; i < requests->n_times; i++)
                grants_deinit(&brute->grants[i]);
}

Test(grants, the_rows_hold_exactly_what_is_permitted)
{
        const char *text = getenv("PROVE_POLICIES");
        int n_policies = (text ? atoi(text) : 2000) / 10;
        uint64_t n = 0, n_permitted = 0;

        world_seed(11);
        for (int i = 0; i < n_policies; i++) {
                World world;
                WorldRequests requests;
                world_make(&world, 0);
                Policy *policy = fixture_load(world.files);
                world_requests(&world, NULL, &requests);
                Brute brute = {.policy = policy, .requests = &requests};
                if (i % 2 == 1)
                        brute_query(&brute);
                brute_policy(&brute);
                n += brute.n;
                n_permitted += brute.n_permitted;
                policy_unref(policy);
                world_deinit(&world);
        }
        printf("%d policies, %llu requests, %llu permitted\n", n_policies, (unsigned long long)n,
               (unsigned long long)n_permitted);
        cr_assert_gt(n_permitted, n / 1000);
}

Test(grants, what_the_policy_does_not_know_is_told)
{
        Policy *policy = fixture_load(
                (FixtureFile[]){{"c.class", "[Class]\nDescription=c\n"},
                                {"p.purpose", "[Purpose]\nDescription=p\n"},
                                {"g.gallery", "[Gallery]\nDescription=g\nModel=m\nDimension=16\n"},
                                {"o.organisation", "[Organisation]\nDescription=o\nClass=c\n"},
                                {}});
        const GrantsQuery good = {.organisation = "o",
                                  .operation = "verify",
                                  .purpose = "p",
                                  .gallery = "g",
                                  .sought = "missing",
                                  .probe = "sketch",
                                  .on_behalf_of = "c",
                                  .recipient = "o"};
        GrantsQuery bad[8];

        cr_expect_null(grants_unknown(policy, &good));
        cr_expect_null(grants_unknown(policy, &(GrantsQuery){}));
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                bad[i] = good;
        bad[0].organisation = "0";
        bad[1].operation = "1";
        bad[2].purpose = "2";
        bad[3].gallery = "3";
        bad[4].sought = "4";
        bad[5].probe = "5";
        bad[6].on_behalf_of = "6";
        bad[7].recipient = "7";
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                cr_expect_eq(grants_unknown(policy, &bad[i])[0], '0' + (int)i);
        policy_unref(policy);
}
