/*
 * Properties of names, on small random policies and every request that can be put to them with one party or two:
 * saying something broader never turns a denial into a permit, and what things are called never changes a verdict.
 * Rates are unused.
 */

#include <criterion/criterion.h>
#include <string.h>

#include "base/macro.h"
#include "world.h"

enum { N_WORLDS = 60 };

static bool permits(const Policy *policy, const Facts *facts)
{
        Decision decision = fixture_decide(policy, facts);
        bool permit = decision.permit;

        decision_deinit(&decision);
        return permit;
}

typedef struct Naming {
        const Policy *policy;
        const Policy *renamed;
        size_t n; /* cases that the property was about */
} Naming;

static void each_world(uint64_t seed, bool (*each)(const Facts *facts, void *userdata))
{
        Naming naming = {};

        world_seed(seed);
        for (int i = 0; i < N_WORLDS; i++) {
                World world;
                WorldRequests requests;
                world_make(&world, 0);
                Policy *policy = fixture_load(world.files);
                naming.policy = policy;
                world_requests(&world, NULL, &requests);
                requests.most_named = 1;
                (void)world_each(&requests, each, &naming);
                policy_unref(policy);
                world_deinit(&world);
        }
        cr_expect_gt(naming.n, 1000, "the property was about %zu cases only", naming.n);
}

/* The class that world_make() gives as parent. */
static const char *broader_class(const char *name)
{
        return strcmp(name, "b") == 0 ? "a" : NULL;
}

static bool check_broader_class(const Facts *facts, void *userdata)
{
        const char *name = facts->n_on_behalf_of > 0 ? facts->on_behalf_of[0]
                           : facts->n_recipients > 0 ? facts->recipients[0]
                                                     : "";
        const char *broader = broader_class(name);
        Naming *naming = userdata;
        Facts other = *facts;

        if (!broader || permits(naming->policy, facts))
                return false;
        if (facts->n_on_behalf_of > 0)
                other.on_behalf_of = &broader;
        else
                other.recipients = &broader;
        cr_expect_not(permits(naming->policy, &other));
        naming->n++;
        return false;
}

Test(naming, a_broader_class_never_turns_a_denial_into_a_permit)
{
        each_world(21, check_broader_class);
}

static bool check_broader_purpose(const Facts *facts, void *userdata)
{
        Naming *naming = userdata;
        Facts other = *facts;

        if (strcmp(facts->purpose, "q") != 0 || permits(naming->policy, facts))
                return false;
        other.purpose = "p";
        cr_expect_not(permits(naming->policy, &other), "%s", facts->operation);
        naming->n++;
        return false;
}

/* Stand-downs are part of it: one for a purpose stops the broader one that may mean it. */
Test(naming, a_broader_purpose_never_turns_a_denial_into_a_permit)
{
        each_world(22, check_broader_purpose);
}

/* ------------------------------------------------------------------------------------------------- renaming */

static const struct {
        const char *from, *to;
} new_names[] = {
        {"a", "n1"}, {"b", "zz"}, {"c", "0c"},  {"x", "y"},   {"y", "x"},  {"z", "b"},  {"p", "q"},
        {"q", "p0"}, {"g", "aa"}, {"r0", "r9"}, {"r1", "a0"}, {"m0", "z"}, {"m1", "m"}, {"s", "t"},
};

static const char *new_name(const char *name, size_t n)
{
        for (size_t i = 0; i < ARRAY_SIZE(new_names); i++)
                if (strlen(new_names[i].from) == n && memcmp(new_names[i].from, name, n) == 0)
                        return new_names[i].to;
        return NULL;
}

static bool key_holds_names(const char *line)
{
        static const char *const keys[] = {"Class=",   "Parent=",     "Organisation=", "Purpose=",
                                           "Gallery=", "OnBehalfOf=", "Recipient=",    "Except="};

        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                if (strncmp(line, keys[i], strlen(keys[i])) == 0)
                        return true;
        return false;
}

static void rename_line(const char *line, size_t n, Buffer *text)
{
        size_t at = key_holds_names(line) ? (size_t)(strchr(line, '=') - line) + 1 : n;

        buffer_append(text, line, at);
        while (at < n) {
                size_t length = strcspn(line + at, " \n");
                const char *name = length > 0 ? new_name(line + at, length) : NULL;
                if (name)
                        buffer_append_text(text, name);
                else
                        buffer_append(text, line + at, length);
                at += length;
                if (at < n)
                        buffer_append(text, line + at++, 1);
        }
}

static void rename_text(const char *from, Buffer *text)
{
        while (*from) {
                size_t n = strcspn(from, "\n");
                n += from[n] == '\n';
                rename_line(from, n, text);
                from += n;
        }
}

/* The same policy with other names, in another order. */
static Policy *renamed(const World *world)
{
        FixtureFile files[WORLD_FILES_MAX + 1] = {};
        Buffer texts[WORLD_FILES_MAX] = {}, paths[WORLD_FILES_MAX] = {};

        for (size_t i = 0; i < world->n_files; i++) {
                const char *path = world->files[i].path, *dot = strchr(path, '.');
                buffer_append_format(&paths[i], "%s%s", new_name(path, (size_t)(dot - path)), dot);
                rename_text(world->files[i].text, &texts[i]);
                files[i] = (FixtureFile){.path = buffer_text(&paths[i]), .text = buffer_text(&texts[i])};
        }
        Policy *policy = fixture_load(files);
        for (size_t i = 0; i < world->n_files; i++) {
                buffer_deinit(&paths[i]);
                buffer_deinit(&texts[i]);
        }
        return policy;
}

static bool check_renamed(const Facts *facts, void *userdata)
{
        const char *on_behalf_of[4], *recipients[4];
        Naming *naming = userdata;
        Facts other = *facts;

        other.purpose = new_name(facts->purpose, strlen(facts->purpose));
        other.gallery = facts->gallery ? new_name(facts->gallery, strlen(facts->gallery)) : NULL;
        for (size_t i = 0; i < facts->n_on_behalf_of; i++)
                on_behalf_of[i] = new_name(facts->on_behalf_of[i], strlen(facts->on_behalf_of[i]));
        for (size_t i = 0; i < facts->n_recipients; i++)
                recipients[i] = new_name(facts->recipients[i], strlen(facts->recipients[i]));
        other.on_behalf_of = on_behalf_of;
        other.recipients = recipients;
        bool before = permits(naming->policy, facts), after = permits(naming->renamed, &other);
        cr_assert_eq(before, after);
        naming->n += before;
        return false;
}

Test(naming, renaming_never_changes_a_verdict)
{
        Naming naming = {};

        world_seed(23);
        for (int i = 0; i < N_WORLDS; i++) {
                World world;
                WorldRequests requests;
                world_make(&world, 0);
                Policy *policy = fixture_load(world.files), *other = renamed(&world);
                naming.policy = policy;
                naming.renamed = other;
                world_requests(&world, NULL, &requests);
                (void)world_each(&requests, check_renamed, &naming);
                policy_unref(policy);
                policy_unref(other);
                world_deinit(&world);
        }
        cr_expect_gt(naming.n, 1000, "only %zu permits", naming.n);
}
