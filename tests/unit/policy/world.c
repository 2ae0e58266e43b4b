/*
 * Random policies, and every request. Files are made of few words, so that rules meet; what a policy mentions
 * is read off its text.
 */

#include "world.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "policy/vocabulary.h"

static uint64_t world_state;

void world_seed(uint64_t seed)
{
        world_state = seed;
}

unsigned world_roll(unsigned n)
{
        world_state = world_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (unsigned)(world_state >> 33) % n;
}

#define PICK(...)                                                                                            \
        ({                                                                                                   \
                const char *picks_[] = {__VA_ARGS__};                                                        \
                picks_[world_roll(ARRAY_SIZE(picks_))];                                                      \
        })

static Buffer *world_file(World *world, const char *path)
{
        size_t i = 0;

        while (i < world->n_files && strcmp(world->files[i].path, path) != 0)
                i++;
        cr_assert_lt(i, WORLD_FILES_MAX);
        if (i == world->n_files)
                world->files[world->n_files++].path = path;
        buffer_clear(&world->texts[i]);
        return &world->texts[i];
}

/* Texts may have moved while they grew. */
static void world_finish(World *world)
{
        for (size_t i = 0; i < world->n_files; i++)
                world->files[i].text = buffer_text(&world->texts[i]);
        world->files[world->n_files] = (FixtureFile){};
}

/* Two dates are enough for before, between and after; they are the same everywhere, so that bounds meet. */
static void world_span(Buffer *text, unsigned chance)
{
        if (world_roll(chance) != 0)
                return;
        if (world_roll(2))
                buffer_append_format(text, "From=%s\n", PICK("2020-03-01", "2020-09-01"));
        else
                buffer_append_format(text, "Until=%s\n", PICK("2020-03-01", "2020-09-01"));
}

static void world_organisation(World *world, const char *path)
{
        Buffer *text = world_file(world, path);

        buffer_append_format(text, "[Organisation]\nDescription=r\nClass=%s\n", PICK("a", "b", "c", "a c"));
        world_span(text, 4);
        if (world_roll(8) != 0)
                buffer_append_format(text, "[Peer]\n%s\n",
                                     PICK("User=1", "User=2", "User=1 2", "Group=9", "User=1\nUnit=s.service",
                                          "User=2\nGroup=9"));
}

static void world_allow(World *world, const char *path)
{
        Buffer *text = world_file(world, path);

        buffer_append_format(text,
                             "[Allow]\nDescription=r\n%s\nOperation=%s\nPurpose=%s\nGallery=%s\nSought=%s\n"
                             "MinimumSimilarity=%s\nOnBehalfOf=%s\nRecipient=%s\nRequire=%s\nRelease=%s\n",
                             PICK("Class=a", "Class=b", "Class=c", "Class=a c", "Organisation=x",
                                  "Organisation=x\nClass=c"),
                             PICK("identify", "identify compare", "enrol list", "any"), PICK("p", "q", "any"),
                             PICK("g", "any"), PICK("missing", "missing suspect", "any"), PICK("0", "0.5"),
                             PICK("", "", "a", "y", "x", "c"), PICK("", "", "b", "y", "x", "a c"),
                             PICK("", "", "case"), PICK("candidates", "scores"));
        if (world_roll(4) == 0)
                buffer_append_text(text, "Probe=photograph sketch\n");
        if (world_roll(3) == 0)
                buffer_append_format(text, "Rate=%s\n", PICK("1/d", "9/h"));
        world_span(text, 3);
}

static void world_moratorium(World *world, const char *path)
{
        Buffer *text = world_file(world, path);
        bool dated = world_roll(2);

        buffer_append_format(text,
                             "[Moratorium]\nDescription=r\nClass=%s\nOperation=%s\nPurpose=%s\nGallery=%s\n",
                             PICK("a", "b", "c"), PICK("identify", "any", "any"),
                             PICK("p", "q", "any", "any"), PICK("g", "any", "any"));
        buffer_append_format(text, "Except=%s\nFrom=%s\n", PICK("", "", "r0", "r1", "r0 r1"),
                             dated ? "" : PICK("", "", "2020-03-01", "2020-09-01"));
        if (dated)
                buffer_append_format(text, "Until=%s\nOnExpiry=%s\n", PICK("2020-03-01", "2020-09-01"),
                                     PICK("hold", "lapse"));
}

static void world_stand_down(World *world, const char *path)
{
        buffer_append_format(world_file(world, path),
                             "[StandDown]\nReason=r\nOrganisation=%s\nOperation=%s\nPurpose=%s\nGallery=%s\n",
                             PICK("x", "y", "any"), PICK("compare", "identify", "any"), PICK("q", "any"),
                             PICK("g", "any", "any"));
}

static void world_invariant(World *world, const char *path)
{
        Buffer *text = world_file(world, path);

        buffer_append_format(text,
                             "[Invariant]\nDescription=r\nNever=permit\nParty=%s\nOperation=%s\nPurpose=%s\n"
                             "Sought=%s\nGallery=%s\n",
                             PICK("a", "b", "c", "x", "y", "any"), PICK("identify", "compare", "any", "any"),
                             PICK("p", "q", "any", "any"), PICK("suspect", "missing", "any", "any"),
                             PICK("g", "any", "any"));
        world_span(text, 2);
}

/* Two organisations that nothing but their names and accounts tells apart. */
static void world_make_alike(World *world)
{
        const char *class = PICK("a", "c");

        buffer_append_format(world_file(world, "x.organisation"),
                             "[Organisation]\nDescription=r\nClass=%s\n[Peer]\nUser=1\n", class);
        buffer_append_format(world_file(world, "y.organisation"),
                             "[Organisation]\nDescription=r\nClass=%s\n[Peer]\nUser=2\n", class);
}

void world_make(World *world, unsigned n_invariants)
{
        static const char *const invariants[] = {"i0.invariant", "i1.invariant"};

        *world = (World){};
        buffer_append_text(world_file(world, "a.class"), "[Class]\nDescription=r\n");
        buffer_append_text(world_file(world, "b.class"), "[Class]\nDescription=r\nParent=a\n");
        buffer_append_text(world_file(world, "c.class"), "[Class]\nDescription=r\n");
        buffer_append_text(world_file(world, "p.purpose"), "[Purpose]\nDescription=r\n");
        buffer_append_text(world_file(world, "q.purpose"), "[Purpose]\nDescription=r\nParent=p\n");
        buffer_append_text(world_file(world, "g.gallery"),
                           "[Gallery]\nDescription=r\nModel=m\nDimension=16\n");
        world_organisation(world, "x.organisation");
        world_organisation(world, "y.organisation");
        if (world_roll(2) == 0)
                world_make_alike(world);
        world_allow(world, "r0.allow");
        world_allow(world, "r1.allow");
        if (world_roll(3) != 0)
                world_moratorium(world, "m0.moratorium");
        if (world_roll(2))
                world_moratorium(world, "m1.moratorium");
        if (world_roll(6) == 0)
                world_stand_down(world, "s.stand-down");
        for (unsigned i = 0; i < n_invariants; i++)
                world_invariant(world, invariants[i]);
        world_finish(world);
}

static void world_drop(World *world, const char *path)
{
        for (size_t i = 0; i < world->n_files; i++) {
                if (strcmp(world->files[i].path, path) != 0)
                        continue;
                Buffer gone = world->texts[i];
                world->n_files--;
                world->files[i] = world->files[world->n_files];
                world->texts[i] = world->texts[world->n_files];
                world->texts[world->n_files] = gone;
                return;
        }
}

static bool world_has_file(const World *world, const char *path)
{
        for (size_t i = 0; world && i < world->n_files; i++)
                if (strcmp(world->files[i].path, path) == 0)
                        return true;
        return false;
}

/* Puts another value where one of these stands in a file's text, both of one length. */
static void world_swap(World *world, const char *path, const char *from, const char *to)
{
        for (size_t i = 0; i < world->n_files; i++) {
                char *found = strcmp(world->files[i].path, path) == 0
                                      ? strstr((char *)world->texts[i].data, from)
                                      : NULL;
                if (found)
                        memcpy(found, to, strlen(to));
        }
}

/* What a permit gives, and nothing else. */
static void world_change_limits(World *world, const char *path)
{
        if (world_roll(2))
                world_swap(world, path, "Similarity=0.5", "Similarity=0.7");
        else if (world_roll(2))
                world_swap(world, path, "Similarity=0.5", "Similarity=0.1");
        else if (world_roll(2))
                world_swap(world, path, "Rate=1/d", "Rate=2/d");
        else
                world_swap(world, path, "Rate=9/h", "Rate=3/h");
}

/* Who may be named, and nothing else. */
static void world_change_named(World *world, const char *path)
{
        static const char *const keys[] = {"OnBehalfOf=", "Recipient="};
        const char *key = keys[world_roll(2)], *to = PICK("x", "y", "z", "c");

        for (size_t i = 0; i < world->n_files; i++) {
                char *found = strcmp(world->files[i].path, path) == 0
                                      ? strstr((char *)world->texts[i].data, key)
                                      : NULL;
                if (found && found[strlen(key)] != '\n' && found[strlen(key) + 1] == '\n' &&
                    (*to != 'z' || world_has_file(world, "z.organisation")))
                        found[strlen(key)] = *to;
        }
}

/* One allow as two halves, of which the second begins where the first ends: the same by a synchronised
 * clock. */
static void world_split(World *world)
{
        for (size_t i = 0; i < world->n_files; i++) {
                if (strcmp(world->files[i].path, "r0.allow") != 0)
                        continue;
                if (strstr(buffer_text(&world->texts[i]), "From=") ||
                    strstr(buffer_text(&world->texts[i]), "Until="))
                        return;
                Buffer *second = world_file(world, "r2.allow");
                buffer_append(second, world->texts[i].data, world->texts[i].n);
                buffer_append_text(second, "From=2020-03-01\n");
                buffer_append_text(&world->texts[i], "Until=2020-03-01\n");
                return;
        }
}

/* One change; those that rename or regroup nothing are part of it, so that there is nothing to tell. */
static void world_change_one(World *world)
{
        static void (*const makers[])(World *, const char *) = {world_allow, world_moratorium,
                                                                world_organisation, world_stand_down};
        static const char *const paths[][3] = {{"r0.allow", "r1.allow", "r2.allow"},
                                               {"m0.moratorium", "m1.moratorium", "m2.moratorium"},
                                               {"x.organisation", "y.organisation", "z.organisation"},
                                               {"s.stand-down", "s.stand-down", "t.stand-down"}};
        unsigned type = world_roll(ARRAY_SIZE(makers));

        switch (world_roll(10)) {
        case 0:
                world_drop(world, PICK("m0.moratorium", "m1.moratorium", "s.stand-down"));
                break;
        case 1:
                buffer_append_text(world_file(world, "c.class"),
                                   PICK("[Class]\nDescription=r\nParent=a\n", "[Class]\nDescription=s\n"));
                break;
        case 2:
                world_change_limits(world, PICK("r0.allow", "r1.allow"));
                break;
        case 3:
                world_split(world);
                break;
        case 4:
        case 5:
                world_change_named(world, PICK("r0.allow", "r1.allow"));
                break;
        default:
                makers[type](world, paths[type][world_roll(3)]);
        }
}

void world_change(const World *world, World *ret_changed)
{
        *ret_changed = (World){};
        for (size_t i = 0; i < world->n_files; i++)
                buffer_append_text(world_file(ret_changed, world->files[i].path), world->files[i].text);
        for (unsigned n = 1 + world_roll(2); n > 0; n--)
                world_change_one(ret_changed);
        world_finish(ret_changed);
}

void world_deinit(World *world)
{
        for (size_t i = 0; i < WORLD_FILES_MAX; i++)
                buffer_deinit(&world->texts[i]);
}

/* ------------------------------------------------------------------------------------------ every request */

static bool world_mentions(const World *world, const char *word)
{
        for (size_t i = 0; world && i < world->n_files; i++)
                if (strstr(world->files[i].text, word))
                        return true;
        return false;
}

void world_requests(const World *world, const World *other, WorldRequests *ret_requests)
{
        static const struct {
                const char *path, *name;
        } parties[] = {{"a.class", "a"},        {"b.class", "b"},        {"c.class", "c"},
                       {"x.organisation", "x"}, {"y.organisation", "y"}, {"z.organisation", "z"}};
        WorldRequests *all = ret_requests;

#define MENTIONS(word) (world_mentions(world, word) || world_mentions(other, word))
        *all = (WorldRequests){.n_purposes = 2,
                               .purposes = {"p", "q"},
                               .n_galleries = 1,
                               .galleries = {"g"},
                               .n_roles = 3,
                               .roles = {"missing", "suspect", "victim"},
                               .n_probes = 1,
                               .probes = {"photograph"},
                               .most_named = 2};
        for (size_t i = 0; i < ARRAY_SIZE(parties); i++)
                if (world_has_file(world, parties[i].path) || world_has_file(other, parties[i].path))
                        all->parties[all->n_parties++] = parties[i].name;
        if (MENTIONS("sketch")) {
                all->probes[all->n_probes++] = "sketch";
                all->probes[all->n_probes++] = "video-frame"; /* which is taken by default only */
        }
        all->asks_case = MENTIONS("Require=case");
        all->has_units = MENTIONS("Unit=");
        all->has_groups = MENTIONS("Group=");
        all->times[all->n_times++] = fixture_usec("2020-01-01");
        if (MENTIONS("2020-03-01"))
                all->times[all->n_times++] = fixture_usec("2020-03-01");
        if (MENTIONS("2020-09-01"))
                all->times[all->n_times++] = fixture_usec("2020-09-01");
#undef MENTIONS
}

typedef struct WorldWalk {
        const WorldRequests *all;
        bool (*each)(const Facts *facts, void *userdata);
        void *userdata;
        Facts facts;
        const char *on_behalf_of[WORLD_VALUES_MAX];
        const char *recipients[WORLD_VALUES_MAX];
        uint64_t n;
} WorldWalk;

static bool walk_clocks(WorldWalk *walk)
{
        const WorldRequests *all = walk->all;
        Facts *facts = &walk->facts;

        for (size_t t = 0; t < all->n_times; t++) {
                facts->time_usec = all->times[t];
                facts->clock = CLOCK_SYNCHRONISED;
                facts->has_mark = false;
                walk->n++;
                if (walk->each && walk->each(facts, walk->userdata))
                        return true;
                for (size_t m = 0; m <= t && all->every_clock; m++) {
                        facts->clock = CLOCK_UNSYNCHRONISED;
                        facts->has_mark =
                                m < t; /* at t itself it is as if synchronised: none at all instead */
                        facts->mark_usec = all->times[m];
                        walk->n++;
                        if (walk->each && walk->each(facts, walk->userdata))
                                return true;
                }
        }
        return false;
}

static size_t walk_names(const WorldWalk *walk, unsigned set, const char **names)
{
        size_t n = 0;

        for (size_t i = 0; i < walk->all->n_parties; i++)
                if (set & BIT(i))
                        names[n++] = walk->all->parties[i];
        return n;
}

static bool walk_parties(WorldWalk *walk)
{
        const unsigned n_sets = BIT(walk->all->n_parties);

        for (unsigned behalf = 0; behalf < n_sets; behalf++)
                for (unsigned recipients = 0; recipients < n_sets; recipients++) {
                        if (__builtin_popcount(behalf) + __builtin_popcount(recipients) >
                            walk->all->most_named)
                                continue;
                        walk->facts.n_on_behalf_of = walk_names(walk, behalf, walk->on_behalf_of);
                        walk->facts.n_recipients = walk_names(walk, recipients, walk->recipients);
                        if (walk_clocks(walk))
                                return true;
                }
        return false;
}

static bool walk_statements(WorldWalk *walk)
{
        const WorldRequests *all = walk->all;
        Facts *facts = &walk->facts;

        for (size_t r = 0; r < all->n_roles; r++)
                for (size_t k = 0; k < all->n_probes; k++)
                        for (int given = 0; given <= all->asks_case; given++) {
                                if (k > 0 && !policy_has_probe(facts->operation))
                                        continue;
                                facts->sought = all->roles[r];
                                facts->probe = policy_has_probe(facts->operation) ? all->probes[k] : NULL;
                                facts->case_reference = given ? "1" : NULL;
                                if (walk_parties(walk))
                                        return true;
                        }
        return false;
}

static bool walk_subjects(WorldWalk *walk)
{
        const WorldRequests *all = walk->all;

        for (size_t o = 0; o < vocabulary_operations.n; o++)
                for (size_t p = 0; p < all->n_purposes; p++)
                        for (size_t g = 0; g < all->n_galleries; g++) {
                                bool compare = o == OPERATION_COMPARE;
                                if (compare && g > 0)
                                        continue;
                                walk->facts.operation = vocabulary_operations.words[o];
                                walk->facts.purpose = all->purposes[p];
                                walk->facts.gallery = compare ? NULL : all->galleries[g];
                                if (walk_statements(walk))
                                        return true;
                        }
        return false;
}

static bool walk_callers(WorldWalk *walk)
{
        static const gid_t group = 9;

        for (uid_t uid = 1; uid <= 3; uid++)
                for (size_t n_groups = 0; n_groups <= walk->all->has_groups; n_groups++)
                        for (int unit = 0; unit <= walk->all->has_units; unit++) {
                                walk->facts.peer = (Peer){.uid = uid,
                                                          .groups = &group,
                                                          .n_groups = n_groups,
                                                          .unit = unit ? "s.service" : NULL};
                                if (walk_subjects(walk))
                                        return true;
                        }
        return false;
}

static bool walk_begin(WorldWalk *walk)
{
        walk->facts.on_behalf_of = walk->on_behalf_of;
        walk->facts.recipients = walk->recipients;
        return walk_callers(walk);
}

uint64_t world_count(const WorldRequests *requests)
{
        WorldWalk walk = {.all = requests};

        (void)walk_begin(&walk); /* nobody stops it */
        return walk.n;
}

bool world_each(const WorldRequests *requests, bool (*each)(const Facts *facts, void *userdata),
                void *userdata)
{
        WorldWalk walk = {.all = requests, .each = each, .userdata = userdata};

        return walk_begin(&walk);
}
