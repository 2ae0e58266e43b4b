/*
 * Properties of the decision on small random policies and requests: what can only tighten never loosens. The
 * random numbers are a fixed sequence, so that a failure can be run again.
 */

#include <criterion/criterion.h>
#include <string.h>

#include "base/macro.h"
#include "fixture.h"

enum {
        N_POLICIES = 300,
        N_REQUESTS = 150,
        N_FIXED = 11,
        N_ALLOWS = 4,
        N_MORATORIA = 3,
};

static uint64_t state;

static unsigned roll(unsigned n)
{
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (unsigned)(state >> 33) % n;
}

#define PICK(...)                                                                                            \
        ({                                                                                                   \
                const char *picks_[] = {__VA_ARGS__};                                                        \
                picks_[roll(ARRAY_SIZE(picks_))];                                                            \
        })

static const FixtureFile fixed[N_FIXED] = {
        {"a.class", "[Class]\nDescription=a\n"},
        {"b.class", "[Class]\nDescription=b\nParent=a\n"},
        {"c.class", "[Class]\nDescription=c\nParent=b\n"},
        {"d.class", "[Class]\nDescription=d\n"},
        {"p.purpose", "[Purpose]\nDescription=p\n"},
        {"q.purpose", "[Purpose]\nDescription=q\nParent=p\n"},
        {"g.gallery", "[Gallery]\nDescription=g\nModel=m\nDimension=16\n"},
        {"h.gallery", "[Gallery]\nDescription=h\nModel=m\nDimension=16\n"},
        {"x.organisation", "[Organisation]\nDescription=x\nClass=c\n[Peer]\nUser=1\n"},
        {"y.organisation",
         "[Organisation]\nDescription=y\nClass=d\nFrom=2020-02-01\nUntil=2020-11-01\n[Peer]\nUser=2\n"},
        {"z.organisation", "[Organisation]\nDescription=z\nClass=a d\n[Peer]\nUser=2 3\n"},
};

/* A policy: the fixed part, then allows, then moratoria. Texts of the random part are its own. */
typedef struct World {
        FixtureFile files[N_FIXED + N_ALLOWS + N_MORATORIA + 1];
        Buffer texts[N_ALLOWS + N_MORATORIA];
} World;

static void world_deinit(World *world)
{
        for (size_t i = 0; i < ARRAY_SIZE(world->texts); i++)
                buffer_deinit(&world->texts[i]);
}

static void random_allow(Buffer *text)
{
        buffer_append_format(
                text,
                "[Allow]\nDescription=r\nClass=%s\nOperation=%s\nPurpose=%s\nGallery=%s\nSought=%s\n"
                "MinimumSimilarity=0\nOnBehalfOf=%s\nRecipient=%s\nRequire=%s\nFrom=%s\nUntil=%s\n",
                PICK("a", "b", "c", "d", "a d"), PICK("identify", "verify compare", "any"),
                PICK("p", "q", "any"), PICK("g", "h", "any"), PICK("missing", "suspect missing", "any"),
                PICK("", "a", "c y", "d z"), PICK("", "b", "x y z", "a d"), PICK("", "", "case"),
                PICK("", "2020-03-01"), PICK("", "2020-10-01"));
}

static void random_moratorium(Buffer *text)
{
        const char *until = PICK("further-notice", "2020-06-01", "2020-09-01");
        bool dated = until[0] == '2';

        buffer_append_format(
                text,
                "[Moratorium]\nDescription=r\nClass=%s\nOperation=%s\nPurpose=%s\nGallery=%s\nFrom=%s\n"
                "Until=%s\nOnExpiry=%s\nExcept=%s\n",
                PICK("a", "b", "c", "d"), PICK("identify", "any"), PICK("p", "q", "any"), PICK("g", "any"),
                PICK("", "2020-02-15"), until, dated ? PICK("hold", "lapse") : "hold",
                PICK("", "a0", "a0 a1", "a1 a2 a3"));
}

static void world_init(World *world)
{
        static const char *const paths[] = {"a0.allow",      "a1.allow",      "a2.allow",     "a3.allow",
                                            "m0.moratorium", "m1.moratorium", "m2.moratorium"};

        *world = (World){};
        memcpy(world->files, fixed, sizeof(fixed));
        for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
                if (i < N_ALLOWS)
                        random_allow(&world->texts[i]);
                else
                        random_moratorium(&world->texts[i]);
                world->files[N_FIXED + i] =
                        (FixtureFile){.path = paths[i], .text = buffer_text(&world->texts[i])};
        }
}

typedef struct RandomFacts {
        Facts facts;
        const char *on_behalf_of[4];
        const char *recipients[4];
} RandomFacts;

static void random_facts(RandomFacts *random)
{
        static const char *const months[] = {"2020-01-01", "2020-02-15", "2020-04-01",
                                             "2020-07-01", "2020-09-01", "2020-12-01"};
        Facts *facts = &random->facts;

        *random = (RandomFacts){};
        *facts = (Facts){.peer = {.uid = 1 + roll(3)},
                         .operation = PICK("identify", "verify", "compare", "list"),
                         .purpose = PICK("p", "q"),
                         .sought = PICK("missing", "suspect", "victim"),
                         .probe = "photograph",
                         .case_reference = PICK("1", ""),
                         .on_behalf_of = random->on_behalf_of,
                         .n_on_behalf_of = roll(3),
                         .recipients = random->recipients,
                         .n_recipients = roll(3),
                         .time_usec = fixture_usec(months[roll(ARRAY_SIZE(months))]),
                         .has_mark = roll(2),
                         .mark_usec = fixture_usec(months[roll(ARRAY_SIZE(months))])};
        facts->clock = facts_clock(roll(2), facts->time_usec, facts->has_mark, facts->mark_usec);
        if (strcmp(facts->operation, "compare") != 0)
                facts->gallery = PICK("g", "h");
        for (size_t i = 0; i < 4; i++) {
                random->on_behalf_of[i] = PICK("a", "b", "c", "d", "x", "y", "z");
                random->recipients[i] = PICK("a", "b", "c", "d", "x", "y", "z");
        }
}

static bool permits(const Policy *policy, const Facts *facts)
{
        Decision decision = fixture_decide(policy, facts);
        bool permit = decision.permit;

        decision_deinit(&decision);
        return permit;
}

/* Runs `check` on random worlds; it says how often the property was about something. */
static void each_world(uint64_t seed, unsigned (*check)(const World *, const Policy *))
{
        unsigned n = 0;

        state = seed;
        for (int i = 0; i < N_POLICIES; i++) {
                _cleanup_(world_deinit) World world;
                world_init(&world);
                Policy *policy = fixture_load(world.files);
                n += check(&world, policy);
                policy_unref(policy);
        }
        cr_expect_gt(n, 100, "the property was about %u cases only", n);
}

static unsigned check_party(const World *world, const Policy *policy)
{
        unsigned n = 0;

        for (int i = 0; i < N_REQUESTS; i++) {
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
        Policy *fewer = without(world, N_FIXED + N_ALLOWS, N_MORATORIA);
        unsigned n = 0;

        for (int i = 0; i < N_REQUESTS; i++) {
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
        size_t dead = N_FIXED + roll(N_ALLOWS);

        memcpy(files, world->files, sizeof(files));
        files[dead].text = "[Allow]\nDescription=r\nClass=a\nOperation=remove\nPurpose=p\nGallery=g\n"
                           "Until=1970-01-02\n";
        return fixture_load(files);
}

static unsigned check_allow(const World *world, const Policy *policy)
{
        Policy *fewer = with_dead_allow(world);
        unsigned n = 0;

        for (int i = 0; i < N_REQUESTS; i++) {
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

        for (int i = 0; i < N_REQUESTS; i++) {
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

        for (int i = 0; i < N_REQUESTS; i++) {
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
