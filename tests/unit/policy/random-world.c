/*
 * Random policies and requests. Rules are few and their values fewer, so that they meet.
 */

#include "random-world.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/macro.h"

enum { WORLD_POLICIES = 300 };

static uint64_t state;

unsigned roll(unsigned n)
{
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (unsigned)(state >> 33) % n;
}

#define PICK(...)                                                                                            \
        ({                                                                                                   \
                const char *picks_[] = {__VA_ARGS__};                                                        \
                picks_[roll(ARRAY_SIZE(picks_))];                                                            \
        })

static const FixtureFile fixed[WORLD_FIXED] = {
        {"a.class", "[Class]\nDescription=a\n"},
        {"b.class", "[Class]\nDescription=b\nParent=a\n"},
        {"c.class", "[Class]\nDescription=c\nParent=b\n"},
        {"d.class", "[Class]\nDescription=d\n"},
        {"p.purpose", "[Purpose]\nDescription=p\n"},
        {"q.purpose", "[Purpose]\nDescription=q\nParent=p\n"},
        {"g.gallery", "[Gallery]\nDescription=g\nModel=m\nDimension=16\n"},
        {"h.gallery", "[Gallery]\nDescription=h\nModel=m\nDimension=16\n"},
        {"w.organisation", "[Organisation]\nDescription=w\nClass=b\nUntil=2020-06-01\n[Peer]\nUser=5\n"},
        {"x.organisation", "[Organisation]\nDescription=x\nClass=c\n[Peer]\nUser=1\nUnit=u.service\n[Peer]"
                           "\nUser=1 4\nUnit=v.service\n"},
        {"y.organisation",
         "[Organisation]\nDescription=y\nClass=d\nFrom=2020-02-01\nUntil=2020-11-01\n[Peer]\nUser=2\n"},
        {"z.organisation", "[Organisation]\nDescription=z\nClass=a d\n[Peer]\nUser=2 3\n"},
};

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
                "MinimumSimilarity=0\nOnBehalfOf=%s\nRecipient=%s\nRequire=%s\nFrom=%s\nUntil=%s\nRate=%s\n",
                PICK("a", "b", "c", "d", "a d"), PICK("identify", "verify compare", "any"),
                PICK("p", "q", "any"), PICK("g", "h", "any"), PICK("missing", "suspect missing", "any"),
                PICK("", "a", "c y", "d z"), PICK("", "b", "x y z", "a d"), PICK("", "", "case"),
                PICK("", "2020-03-01"), PICK("", "2020-10-01"), PICK("", "", "2/h"));
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

static void random_stand_down(Buffer *text)
{
        buffer_append_format(text,
                             "[StandDown]\nReason=r\nOrganisation=%s\nOperation=%s\nPurpose=%s\nGallery=%s\n",
                             PICK("x", "y z", "any"), PICK("verify", "list", "remove"), PICK("p", "q", "any"),
                             PICK("g", "h", "any"));
}

static void world_init(World *world)
{
        static const struct {
                const char *path;
                void (*write)(Buffer *text);
        } rules[WORLD_RULES] = {
                {"a0.allow", random_allow},           {"a1.allow", random_allow},
                {"a2.allow", random_allow},           {"a3.allow", random_allow},
                {"m0.moratorium", random_moratorium}, {"m1.moratorium", random_moratorium},
                {"m2.moratorium", random_moratorium}, {"s0.stand-down", random_stand_down},
                {"s1.stand-down", random_stand_down},
        };

        *world = (World){};
        memcpy(world->files, fixed, sizeof(fixed));
        for (size_t i = 0; i < WORLD_RULES; i++) {
                rules[i].write(&world->texts[i]);
                world->files[WORLD_FIXED + i] =
                        (FixtureFile){.path = rules[i].path, .text = buffer_text(&world->texts[i])};
        }
}

void random_facts(RandomFacts *random)
{
        static const char *const months[] = {"2020-01-01", "2020-02-15", "2020-04-01",
                                             "2020-07-01", "2020-09-01", "2020-12-01"};
        Facts *facts = &random->facts;

        *random = (RandomFacts){};
        *facts = (Facts){.peer = {.uid = 1 + roll(5), .unit = PICK(NULL, "u.service", "v.service")},
                         .operation = PICK("identify", "verify", "compare", "list"),
                         .purpose = PICK("p", "q", "p", "q", roll(4) ? "p" : "none"),
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
                random->on_behalf_of[i] = PICK("a", "b", "c", "d", "x", "y", "z", roll(8) ? "a" : "nobody");
                random->recipients[i] = PICK("a", "b", "c", "d", "x", "y", "z");
        }
}

/* Runs `check` on random worlds; it says how often the property was about something. */
void each_world(uint64_t seed, unsigned (*check)(const World *, const Policy *))
{
        unsigned n = 0;

        state = seed;
        for (int i = 0; i < WORLD_POLICIES; i++) {
                _cleanup_(world_deinit) World world;
                world_init(&world);
                Policy *policy = fixture_load(world.files);
                n += check(&world, policy);
                policy_unref(policy);
        }
        cr_expect_gt(n, 100, "the property was about %u cases only", n);
}
