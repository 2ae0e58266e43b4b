/*
 * Tests of policy/caller.h: the atoms of a [Peer], and that somebody is found exactly if there can be anybody.
 */

#include "policy/caller.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/macro.h"
#include "world.h"

#define FILES(...) ((const FixtureFile[]){{"ngo.class", "[Class]\nDescription=d\n"}, __VA_ARGS__, {}})
#define ORGANISATION(name, keys)                                                                             \
        {                                                                                                    \
                name ".organisation", "[Organisation]\nDescription=d\nClass=ngo\n" keys                      \
        }

Test(caller, the_free_uid_is_the_last_below_nobody_that_is_named_nowhere)
{
        Policy *policy = fixture_load(FILES(ORGANISATION("x", "[Peer]\nUser=1\n")));

        cr_expect_eq(caller_free_uid(policy), 65534);
        policy_unref(policy);
        policy = fixture_load(FILES(ORGANISATION("x", "[Peer]\nUser=65534 65532\n[Peer]\nGroup=65531\n"),
                                    ORGANISATION("y", "[Peer]\nUser=65533 7\n")));
        cr_expect_eq(caller_free_uid(policy), 65531);
        policy_unref(policy);
}

typedef struct Atoms {
        Buffer text;
        int stop_after;
} Atoms;

static bool note_atom(const Caller *caller, void *userdata)
{
        Atoms *atoms = userdata;

        buffer_append_format(&atoms->text, "%u", caller->uid);
        for (size_t i = 0; i < caller->n_groups; i++)
                buffer_append_format(&atoms->text, " group %u", caller->groups[i]);
        if (caller->unit)
                buffer_append_format(&atoms->text, " %s", caller->unit);
        if (caller->label)
                buffer_append_format(&atoms->text, " as %s", caller->label);
        buffer_append_text(&atoms->text, "; ");
        return --atoms->stop_after == 0;
}

static void expect_atoms(const char *peer, int stop_after, bool stops, const char *expected)
{
        char text[256] = "[Organisation]\nDescription=d\nClass=ngo\n[Peer]\n";
        Atoms atoms = {.stop_after = stop_after};

        strcat(text, peer);
        Policy *policy = fixture_load(FILES({"x.organisation", text}));
        cr_expect_eq(caller_each_atom(&policy->organisations[0].peers[0], caller_free_uid(policy), note_atom,
                                      &atoms),
                     stops);
        cr_expect_str_eq(buffer_text(&atoms.text), expected, "%s: %s", peer, buffer_text(&atoms.text));
        buffer_deinit(&atoms.text);
        policy_unref(policy);
}

Test(caller, an_atom_is_one_of_each_that_is_asked_for)
{
        expect_atoms("User=1 2\n", 0, false, "1; 2; ");
        expect_atoms("Group=8 9\nSecurityLabel=l\n", 0, false, "65534 group 8 as l; 65534 group 9 as l; ");
        expect_atoms("User=1 2\nGroup=8 9\nUnit=s.service t.service\n", 0, false,
                     "1 group 8 s.service; 1 group 8 t.service; 1 group 9 s.service; 1 group 9 t.service; "
                     "2 group 8 s.service; 2 group 8 t.service; 2 group 9 s.service; 2 group 9 t.service; ");
}

Test(caller, whoever_is_called_for_an_atom_may_stop)
{
        expect_atoms("User=1 2\nUnit=s.service t.service\n", 3, true,
                     "1 s.service; 1 t.service; 2 s.service; ");
}

static bool find(const FixtureFile *files, Instant at, Caller *ret_caller)
{
        Policy *policy = fixture_load(files);
        size_t x = (size_t)policy_find(policy, OBJECT_ORGANISATION, "x");
        bool found = caller_find(policy, x, at, ret_caller);

        policy_unref(policy);
        return found;
}

Test(caller, somebody_is_found_who_is_nobody_else)
{
        Caller caller = {};

        cr_assert(find(FILES(ORGANISATION("x", "[Peer]\nUser=1 2 3\n"), ORGANISATION("y", "[Peer]\nUser=1\n"),
                             ORGANISATION("z", "[Peer]\nUser=2\n")),
                       (Instant){1, 1}, &caller));
        cr_expect_eq(caller.uid, 3);
        cr_assert(find(FILES(ORGANISATION("x", "[Peer]\nUser=1\n[Peer]\nUser=5\nGroup=9\n"),
                             ORGANISATION("y", "[Peer]\nUser=1\n")),
                       (Instant){1, 1}, &caller));
        cr_expect(caller.uid == 5 && caller.n_groups == 1 && caller.groups[0] == 9);
}

Test(caller, nobody_is_found_where_everybody_is_somebody_else_too)
{
        Caller caller = {.uid = 77};

        cr_expect_not(find(
                FILES(ORGANISATION("x", "[Peer]\nUser=1\nGroup=9\n"), ORGANISATION("y", "[Peer]\nUser=1\n")),
                (Instant){1, 1}, &caller));
        cr_expect_not(find(FILES(ORGANISATION("x", "")), (Instant){1, 1}, &caller));
        cr_expect_eq(caller.uid, 77, "it was written to");
}

Test(caller, an_organisation_is_found_by_what_its_bounds_are_at_the_instant)
{
#define DAY INT64_C(86400000000)
        const FixtureFile x = ORGANISATION("x", "From=1970-01-02\nUntil=1970-01-04\n[Peer]\nUser=1\n");
        const FixtureFile y = ORGANISATION("y", "Until=1970-01-03\n[Peer]\nUser=1\n");
        static const struct {
                Instant at;
                bool alone, beside;
        } rows[] = {
                {{DAY - 1, DAY - 1}, false, false},
                {{DAY, DAY}, true, false},
                {{2 * DAY - 1, 2 * DAY - 1}, true, false},
                {{2 * DAY, 2 * DAY}, true, true},
                {{3 * DAY - 1, 3 * DAY - 1}, true, true},
                {{3 * DAY, 3 * DAY}, false, false},
                /* It begins at the loosening time, and so does the other's end. */
                {{2 * DAY, DAY - 1}, false, false},
                {{2 * DAY, DAY}, true, false},
                {{3 * DAY - 1, 2 * DAY}, true, true},
                {{3 * DAY - 1, TIME_NEVER}, false, false},
        };
        Caller caller;

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                cr_expect_eq(find(FILES(x), rows[i].at, &caller), rows[i].alone, "row %zu alone", i);
                cr_expect_eq(find(FILES(x, y), rows[i].at, &caller), rows[i].beside, "row %zu", i);
        }
}

/* Of all callers that small policies tell apart, whether one is taken for the organisation. */
static bool somebody_is(const Policy *policy, size_t organisation, Instant at)
{
        static const gid_t group = 9;
        static const uid_t uids[] = {1, 2, 3, 65534};

        for (size_t i = 0; i < ARRAY_SIZE(uids) * 4; i++) {
                uint64_t organisations[BITS_WORDS_MAX];
                const Peer peer = {.uid = uids[i / 4],
                                   .groups = &group,
                                   .n_groups = i & 1,
                                   .unit = i & 2 ? "s.service" : NULL};
                size_t asker = SIZE_MAX;
                policy_match_peer(policy, &peer, organisations);
                if (policy_asker(policy, organisations, at, &asker) == REASON_NONE && asker == organisation)
                        return true;
        }
        return false;
}

Test(caller, somebody_is_found_exactly_if_there_can_be_anybody)
{
        const int64_t times[] = {TIME_NEVER, (int64_t)fixture_usec("2020-01-01"),
                                 (int64_t)fixture_usec("2020-03-01"), (int64_t)fixture_usec("2020-09-01")};
        size_t n[2] = {};

        world_seed(43);
        for (int i = 0; i < 1000; i++) {
                World world;
                world_make(&world, 0);
                Policy *policy = fixture_load(world.files);
                for (size_t k = 0; k < 2 * 16; k++) {
                        const Instant at = {times[k / 4 % 4], times[k % 4]};
                        Caller caller;
                        if (at.time < 0 || at.loosening > at.time)
                                continue;
                        bool expected = somebody_is(policy, k / 16, at);
                        cr_assert_eq(caller_find(policy, k / 16, at, &caller), expected, "policy %d", i);
                        n[expected]++;
                }
                policy_unref(policy);
                world_deinit(&world);
        }
        cr_expect(n[0] > 1000 && n[1] > 1000, "%zu times nobody, %zu times somebody", n[0], n[1]);
}
