/*
 * Who can do what against brute force: on small random policies and every request that can be put to them, a request
 * is permitted exactly if a row has it, under the first allow that has one and with the limits that it sets; the rows
 * that a question leaves have exactly what it is about. PROVE_POLICIES in the environment says how often (2,000), of
 * which a fifth has to do here.
 */

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "policy/grants.h"
#include "policy/model.h"
#include "world.h"

/* A policy with its rows, all of them and those of a question, at each instant. */
typedef struct Listed {
        const Policy *policy;
        const WorldRequests *requests;
        GrantsQuery question;
        Grants all[WORLD_VALUES_MAX], asked[WORLD_VALUES_MAX];
        uint64_t n_permits, n_asked;
} Listed;

static bool names_have(const GrantNames *names, const char *name)
{
        for (size_t i = 0; i < names->n; i++)
                if (strcmp(names->items[i], name) == 0)
                        return true;
        return false;
}

static bool names_admit(const GrantNames *names, const char *asker, const char *const *parties, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (strcmp(parties[i], asker) != 0 && !names_have(names, parties[i]))
                        return false;
        return true;
}

static bool has_word(const Vocabulary *vocabulary, uint32_t mask, const char *word)
{
        return mask & BIT(vocabulary_find(vocabulary, word));
}

/* Whether a request of this asker is one of those that a row stands for. */
static bool grant_has(const Grant *grant, const Facts *facts, const char *asker)
{
        return has_word(&vocabulary_operations, grant->operations, facts->operation) &&
               names_have(&grant->purposes, facts->purpose) &&
               (facts->gallery ? names_have(&grant->galleries, facts->gallery) : grant->galleries.n == 0) &&
               names_have(&grant->askers, asker) &&
               (!policy_is_search(facts->operation) ||
                has_word(&vocabulary_roles, grant->roles, facts->sought)) &&
               (!facts->probe || has_word(&vocabulary_probes, grant->probes, facts->probe)) &&
               (facts->case_reference || !(grant->requirements & BIT(REQUIREMENT_CASE))) &&
               names_admit(&grant->on_behalf_of, asker, facts->on_behalf_of, facts->n_on_behalf_of) &&
               names_admit(&grant->recipients, asker, facts->recipients, facts->n_recipients);
}

/* The rows of one allow never have a request twice. Return: the first row that has it, or NULL. */
static const Grant *grants_find(const Grants *grants, const Facts *facts, const char *asker)
{
        const Grant *first = NULL, *last = NULL;

        for (size_t i = 0; i < grants->n; i++) {
                const Grant *grant = &grants->items[i];
                if (!grant_has(grant, facts, asker))
                        continue;
                cr_assert(!last || strcmp(last->allow, grant->allow) < 0, "twice under %s", grant->allow);
                last = grant;
                if (!first)
                        first = grant;
        }
        return first;
}

static bool wants(const char *wanted, const char *value)
{
        return !wanted || (value && strcmp(wanted, value) == 0);
}

/* Whether a question about requests is about this one, which is in a row. */
static bool query_has(const GrantsQuery *query, const Grant *grant, const Facts *facts, const char *asker)
{
        return wants(query->organisation, asker) && wants(query->operation, facts->operation) &&
               wants(query->purpose, facts->purpose) && wants(query->gallery, facts->gallery) &&
               wants(query->sought, policy_is_search(facts->operation) ? facts->sought : NULL) &&
               wants(query->probe, facts->probe) &&
               (!query->on_behalf_of || names_admit(&grant->on_behalf_of, asker, &query->on_behalf_of, 1)) &&
               (!query->recipient || names_admit(&grant->recipients, asker, &query->recipient, 1));
}

static void expect_gives(const Grant *grant, const Decision *decision)
{
        cr_assert_str_eq(grant->allow, decision->allow);
        cr_assert_eq((Release)grant->release, decision->release);
        cr_assert(!decision->has_limit || grant->limit == decision->limit);
        cr_assert(!decision->has_floor || grant->floor_millionths == decision->floor_millionths);
}

static void expect_asked(const Listed *listed, size_t instant, const Facts *facts, const char *asker)
{
        const Grants *all = &listed->all[instant], *asked = &listed->asked[instant];
        bool found = grants_find(asked, facts, asker) != NULL, expected = false;

        for (size_t i = 0; i < all->n; i++)
                expected |= grant_has(&all->items[i], facts, asker) &&
                            query_has(&listed->question, &all->items[i], facts, asker);
        cr_assert_eq(found, expected, "%s %s by %s", facts->operation, facts->purpose, asker);
}

static bool check_request(const Facts *facts, void *userdata)
{
        Listed *listed = userdata;
        Decision decision = fixture_decide(listed->policy, facts);
        const char *asker = decision.organisation ? decision.organisation : "";
        size_t instant = 0;

        while (listed->requests->times[instant] != facts->time_usec)
                instant++;
        const Grant *grant = grants_find(&listed->all[instant], facts, asker);
        cr_assert_eq(grant != NULL, decision.permit, "%s %s by %s", facts->operation, facts->purpose, asker);
        if (grant) {
                expect_gives(grant, &decision);
                listed->n_permits++;
        }
        expect_asked(listed, instant, facts, asker);
        decision_deinit(&decision);
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

static void listed_query(Listed *listed)
{
        const Policy *policy = listed->policy;

        listed->question = (GrantsQuery){
                .organisation = any_object(policy, OBJECT_ORGANISATION),
                .operation = any_of(vocabulary_operations.words, vocabulary_operations.n),
                .purpose = any_object(policy, OBJECT_PURPOSE),
                .gallery = any_object(policy, OBJECT_GALLERY),
                .sought = any_of(vocabulary_roles.words, vocabulary_roles.n),
                .probe = any_of(vocabulary_probes.words, vocabulary_probes.n),
                .on_behalf_of = any_object(policy, world_roll(2) ? OBJECT_CLASS : OBJECT_ORGANISATION),
                .recipient = any_object(policy, world_roll(2) ? OBJECT_CLASS : OBJECT_ORGANISATION),
        };
        cr_assert_null(grants_unknown(policy, &listed->question));
}

static void list_world(Listed *listed)
{
        const WorldRequests *requests = listed->requests;

        for (size_t i = 0; i < requests->n_times; i++) {
                const int64_t time = (int64_t)requests->times[i];
                const GrantsQuery all = {.at = {time, time}};
                listed->question.at = all.at;
                cr_assert_eq(policy_grants(listed->policy, &all, &listed->all[i]), 0);
                cr_assert_eq(policy_grants(listed->policy, &listed->question, &listed->asked[i]), 0);
                listed->n_asked += listed->asked[i].n;
        }
}

static void unlist_world(Listed *listed)
{
        for (size_t i = 0; i < listed->requests->n_times; i++) {
                grants_deinit(&listed->all[i]);
                grants_deinit(&listed->asked[i]);
        }
}

Test(grants, the_rows_hold_exactly_what_is_permitted)
{
        const char *text = getenv("PROVE_POLICIES");
        int n_policies = (text ? atoi(text) : 2000) / 5;
        uint64_t n_permits = 0, n_asked = 0;

        world_seed(31);
        for (int i = 0; i < n_policies; i++) {
                World world;
                WorldRequests requests;
                world_make(&world, 0);
                Policy *policy = fixture_load(world.files);
                world_requests(&world, NULL, &requests);
                /* Two names for some: it takes five times as long. */
                requests.most_named = i % 10 == 0 ? 2 : 1;
                Listed listed = {.policy = policy, .requests = &requests};
                listed_query(&listed);
                list_world(&listed);
                (void)world_each(&requests, check_request, &listed); /* nobody stops it */
                n_permits += listed.n_permits;
                n_asked += listed.n_asked;
                unlist_world(&listed);
                policy_unref(policy);
                world_deinit(&world);
        }
        printf("%d policies: %llu permits, %llu rows for questions\n", n_policies,
               (unsigned long long)n_permits, (unsigned long long)n_asked);
        cr_assert_gt(n_permits, 100 * (uint64_t)n_policies);
        cr_assert_gt(n_asked, (uint64_t)n_policies / 5);
}
