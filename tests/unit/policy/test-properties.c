/*
 * Properties of the decision on small random policies and requests: what can only tighten never loosens.
 */

#include <criterion/criterion.h>
#include <string.h>

#include "base/macro.h"
#include "random-world.h"

static bool permits(const Policy *policy, const Facts *facts)
{
        Decision decision = fixture_decide(policy, facts);
        bool permit = decision.permit;

        decision_deinit(&decision);
        return permit;
}

static unsigned check_party(const World *world, const Policy *policy)
{
        unsigned n = 0;

        for (int i = 0; i < WORLD_REQUESTS; i++) {
                RandomFacts random;
                random_facts(&random);
                if (permits(policy, &random.facts))
                        continue;
                size_t *n_names = roll(2) ? &random.facts.n_on_behalf_of : &random.facts.n_recipients;
                (*n_names)++;
                cr_expect_not(permits(policy, &random.facts));
                n++;
        }
        return n;
}

Test(properties, another_party_never_turns_a_denial_into_a_permit)
{
        each_world(1, check_party);
}

/* Takes one random file away. Return: a policy without it. */
static Policy *without(const World *world, size_t first, size_t n_files)
{
        FixtureFile files[ARRAY_SIZE(world->files)];
        size_t gone = first + roll((unsigned)n_files), n = 0;

        for (size_t i = 0; world->files[i].path; i++)
                if (i != gone)
                        files[n++] = world->files[i];
        files[n] = (FixtureFile){};
        return fixture_load(files);
}

static unsigned check_moratorium(const World *world, const Policy *policy)
{
        Policy *fewer = without(world, WORLD_FIXED + WORLD_ALLOWS, WORLD_MORATORIA);
        unsigned n = 0;

        for (int i = 0; i < WORLD_REQUESTS; i++) {
                RandomFacts random;
                random_facts(&random);
                bool before = permits(fewer, &random.facts), after = permits(policy, &random.facts);
                cr_expect(before || !after);
                n += before != after;
        }
        policy_unref(fewer);
        return n;
}

Test(properties, another_moratorium_never_turns_a_denial_into_a_permit)
{
        each_world(2, check_moratorium);
}

/* The same policy with one allow that nobody can use: who excepts it may go on naming it. */
static Policy *with_dead_allow(const World *world)
{
        FixtureFile files[ARRAY_SIZE(world->files)];
        size_t dead = WORLD_FIXED + roll(WORLD_ALLOWS);

        memcpy(files, world->files, sizeof(files));
        files[dead].text = "[Allow]\nDescription=r\nClass=a\nOperation=remove\nPurpose=p\nGallery=g\n"
                           "Until=1970-01-02\n";
        return fixture_load(files);
}

static unsigned check_allow(const World *world, const Policy *policy)
{
        Policy *fewer = with_dead_allow(world);
        unsigned n = 0;

        for (int i = 0; i < WORLD_REQUESTS; i++) {
                RandomFacts random;
                random_facts(&random);
                bool before = permits(policy, &random.facts), after = permits(fewer, &random.facts);
                cr_expect(before || !after);
                n += before != after;
        }
        policy_unref(fewer);
        return n;
}

Test(properties, taking_an_allow_away_never_turns_a_denial_into_a_permit)
{
        each_world(3, check_allow);
}

static unsigned check_clock(const World *world, const Policy *policy)
{
        unsigned n = 0;

        for (int i = 0; i < WORLD_REQUESTS; i++) {
                RandomFacts random;
                random_facts(&random);
                random.facts.clock = CLOCK_SYNCHRONISED;
                if (permits(policy, &random.facts))
                        continue;
                random.facts.clock = CLOCK_UNSYNCHRONISED;
                cr_expect_not(permits(policy, &random.facts));
                n++;
        }
        return n;
}

Test(properties, a_doubtful_clock_never_turns_a_denial_into_a_permit)
{
        each_world(4, check_clock);
}

static unsigned check_order(const World *world, const Policy *policy)
{
        unsigned n = 0;

        for (int i = 0; i < WORLD_REQUESTS; i++) {
                RandomFacts random;
                random_facts(&random);
                Decision one = fixture_decide(policy, &random.facts);
                for (size_t j = 0; j < random.facts.n_recipients / 2; j++) {
                        const char *other = random.recipients[j];
                        random.recipients[j] = random.recipients[random.facts.n_recipients - 1 - j];
                        random.recipients[random.facts.n_recipients - 1 - j] = other;
                }
                Decision other = fixture_decide(policy, &random.facts);
                cr_expect_eq(one.reason, other.reason);
                cr_expect_eq(one.allow, other.allow);
                cr_expect_eq(one.unmet, other.unmet);
                decision_deinit(&one);
                decision_deinit(&other);
                n++;
        }
        return n;
}

Test(properties, lists_are_sets)
{
        each_world(5, check_order);
}
