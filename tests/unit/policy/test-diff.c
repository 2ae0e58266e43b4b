/*
 * Tests of policy/diff.h: what is told of a change, word for word, and changes that only few requests show.
 */

#include "policy/diff.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "fixture.h"

#define WORLD                                                                                                \
        {"ngo.class", "[Class]\nDescription=r\n"}, {"police.class", "[Class]\nDescription=r\n"},             \
                {"p.purpose", "[Purpose]\nDescription=r\n"},                                                 \
                {"g.gallery", "[Gallery]\nDescription=r\nModel=m\nDimension=16\n"},                          \
        {                                                                                                    \
                "x.organisation", "[Organisation]\nDescription=r\nClass=ngo\n[Peer]\nUser=1\n"               \
        }
#define ALLOW                                                                                                \
        "[Allow]\nDescription=r\nClass=ngo\nOperation=identify\nPurpose=p\nGallery=g\nSought=missing\n"      \
        "MinimumSimilarity=0.5\n"

#define FILES(...) ((const FixtureFile[]){WORLD, ##__VA_ARGS__, {}})

static void expect_diff(const FixtureFile *old, const FixtureFile *new, bool wider, const char *expected)
{
        _cleanup_(policy_diff_deinit) PolicyDiff diff = POLICY_DIFF_INIT;
        _cleanup_(buffer_deinit) Buffer lines = BUFFER_INIT;
        Policy *policies[2] = {fixture_load(old), fixture_load(new)};

        cr_assert_eq(policy_diff(policies[0], policies[1], &diff), 0);
        for (size_t i = 0; i < diff.n; i++) {
                cr_expect(diff.lines[i].confirmed);
                buffer_append_format(&lines, "%s %s\n", diff_kind_name(diff.lines[i].kind),
                                     diff.lines[i].text);
        }
        cr_expect_str_eq(buffer_text(&lines), expected);
        cr_expect_eq(diff.wider, wider);
        policy_unref(policies[0]);
        policy_unref(policies[1]);
}

#define SAYS "identify for any purpose in any gallery, seeking missing, by photograph, video-frame"

Test(diff, nothing_is_told_where_no_request_shows_it)
{
        expect_diff(FILES({"a.allow", ALLOW}), FILES({"a.allow", ALLOW}), false, "");
        /* Another text, another name, a rule that never does anything, a class without a member. */
        expect_diff(FILES({"a.allow", ALLOW}),
                    FILES({"b.allow", "# A comment\n" ALLOW}, {"dead.allow", ALLOW "Until=1969-01-01\n"},
                          {"none.class", "[Class]\nDescription=r\n"},
                          {"m.moratorium", "[Moratorium]\nDescription=r\nClass=police\n"}),
                    false, "");
}

Test(diff, what_becomes_permitted_and_denied)
{
        expect_diff(FILES(), FILES({"a.allow", ALLOW "Require=case\nFrom=2020-01-01\n"}), true,
                    "permitted x may now " SAYS ", stating case, from 2020-01-01; by allow a, was denied: "
                    "not-allowed\n");
        expect_diff(FILES({"a.allow", ALLOW}),
                    FILES({"a.allow", ALLOW}, {"s.stand-down", "[StandDown]\nReason=r\n"}), false,
                    "denied x may no longer " SAYS "; by allow a, now denied: stood-down\n");
        expect_diff(
                FILES({"a.allow", ALLOW}),
                FILES({"a.allow", ALLOW}, {"m.moratorium", "[Moratorium]\nDescription=r\nClass=ngo\nFrom="
                                                           "2020-01-01\nUntil=2021-01-01\nOnExpiry=lapse\n"}),
                false,
                "denied x may no longer " SAYS ", from 2020-01-01 until 2021-01-01; by allow a, now denied: "
                "moratorium m\n"
                "denied x may no longer " SAYS
                ", from 2021-01-01, while the clock is not synchronised; by allow a, "
                "now denied: moratorium m\n");
}

Test(diff, what_a_permit_gives)
{
        expect_diff(FILES({"a.allow", ALLOW "Rate=3/h\n"}),
                    FILES({"a.allow", ALLOW "Release=scores\nMaximumCandidates=50\nRate=9/h\n"}), true,
                    "more x gets more from " SAYS
                    "; scores, was candidates; at most 50, was 10; 9/h, was 3/h; by allow "
                    "a\n");
        expect_diff(FILES({"a.allow", ALLOW}), FILES({"a.allow", ALLOW "Rate=3/h\n"}), false,
                    "less x gets less from " SAYS "; 3/h, was without limit; by allow a\n");
        expect_diff(FILES({"a.allow", ALLOW "Rate=3/h\n"}), FILES({"a.allow", ALLOW "Rate=24/d\n"}), true,
                    "other x gets something else from " SAYS "; 24/d, was 3/h; by allow a\n");
}

Test(diff, who_may_be_named)
{
        expect_diff(FILES({"a.allow", ALLOW}), FILES({"a.allow", ALLOW "Recipient=police\nOnBehalfOf=ngo\n"}),
                    true,
                    "permitted x may now " SAYS
                    ", on behalf of ngo or seen by police; by allow a, was denied: "
                    "not-allowed\n");
}

/* Each of the two is admitted by one allow, both by none any more. */
Test(diff, names_that_matter_only_together)
{
        expect_diff(FILES({"a.allow", ALLOW "Recipient=police ngo\n"}),
                    FILES({"a.allow", ALLOW "Recipient=police\n"}, {"b.allow", ALLOW "Recipient=ngo\n"}),
                    false,
                    "denied x may no longer " SAYS
                    ", seen by ngo and police; by allow a, now denied: not-allowed\n");
}

/* By a synchronised clock two halves are as good as the whole. By one that nobody vouches for the second has
 * not begun when the first has ended. */
Test(diff, what_only_an_unsynchronised_clock_shows)
{
        expect_diff(FILES({"a.allow", ALLOW}),
                    FILES({"a.allow", ALLOW "Until=2020-01-01\n"}, {"b.allow", ALLOW "From=2020-01-01\n"}),
                    false,
                    "denied x may no longer " SAYS
                    ", from 2020-01-01, while the clock is not synchronised; by allow "
                    "a, now denied: not-allowed\n");
}

/* The moratorium that was lifted had lapsed, but not for a clock that nobody vouches for: that is yet to come. */
Test(diff, what_has_passed_by_a_synchronised_clock_only_has_not_passed)
{
        _cleanup_(policy_diff_deinit) PolicyDiff diff = POLICY_DIFF_INIT;
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        Policy *old = fixture_load(FILES({"a.allow", ALLOW},
                                         {"m.moratorium", "[Moratorium]\nDescription=r\nClass=ngo\nUntil="
                                                          "2021-01-01\nOnExpiry=lapse\n"})),
               *new = fixture_load(FILES({"a.allow", ALLOW}));

        cr_assert_eq(policy_diff(old, new, &diff), 0);
        policy_diff_write(&diff, (int64_t)fixture_usec("2026-01-01"), &text);
        cr_expect_eq(strncmp(buffer_text(&text),
                             "+ x may now " SAYS ", from 2021-01-01, while the clock is not synchronised; by",
                             strlen("+ x may now " SAYS ", from 2021-01-01, while")),
                     0, "%s", buffer_text(&text));
        policy_unref(old);
        policy_unref(new);
}

/* Until 2021 or after, nothing is otherwise for a clock that nobody vouches for: the moratorium holds. */
Test(diff, a_bound_that_changes_nothing_ends_no_line)
{
        static const FixtureFile m = {"m.moratorium",
                                      "[Moratorium]\nDescription=r\nClass=police\nUntil=2021-01-01\n"};

        expect_diff(FILES({"a.allow", ALLOW "Recipient=police\n"}, m),
                    FILES({"a.allow", ALLOW "Recipient=police\nUntil=2020-01-01\n"},
                          {"b.allow", ALLOW "Recipient=police\nFrom=2020-01-01\n"}, m),
                    false,
                    "denied x may no longer " SAYS
                    ", from 2020-01-01, while the clock is not synchronised; by allow "
                    "a, now denied: not-allowed\n");
}

/* Names that only one of the two policies declares: whatever is about them is another question to the other. */
Test(diff, what_only_one_policy_declares)
{
        static const FixtureFile h = {"h.gallery", "[Gallery]\nDescription=r\nModel=m\nDimension=16\n"},
                                 q = {"q.purpose", "[Purpose]\nDescription=r\nParent=p\n"},
                                 city = {"city.class", "[Class]\nDescription=r\nParent=police\n"};
        static const char any[] = "[Allow]\nDescription=r\nClass=ngo\nOperation=list compare\nPurpose=any\n"
                                  "Gallery=any\nSought=any\nMinimumSimilarity=0\nRecipient=police\n";
        const FixtureFile allow = {"a.allow", any};

        expect_diff(
                FILES(allow), FILES(allow, h), true,
                "permitted x may now list for any purpose in h; by allow a, was denied: unknown-term 'h'\n");
        expect_diff(FILES(allow, h), FILES(allow), false,
                    "denied x may no longer list for any purpose in h; by allow a, now denied: unknown-term "
                    "'h'\n");
        expect_diff(FILES({"a.allow", ALLOW}, q), FILES({"a.allow", ALLOW}), false,
                    "denied x may no longer identify for q in any gallery, seeking missing, by photograph, "
                    "video-frame; by allow a, now denied: unknown-term 'q'\n");
        expect_diff(FILES(allow), FILES(allow, city), true,
                    "permitted x may now compare for any purpose, by photograph, video-frame, seen by city; "
                    "by allow "
                    "a, was denied: unknown-term 'city'\n"
                    "permitted x may now list for any purpose in any gallery, seen by city; by allow a, was "
                    "denied: "
                    "unknown-term 'city'\n");
}

/* One name, an organisation before and a class after: who asks is nobody now, who is named may be everybody. */
Test(diff, an_organisation_that_becomes_a_class)
{
        static const FixtureFile class = {"y.class", "[Class]\nDescription=r\nParent=police\n"};
        static const FixtureFile organisation = {"y.organisation",
                                                 "[Organisation]\nDescription=r\nClass=police\n"};
        const FixtureFile allow = {"a.allow", ALLOW "Recipient=police\n"};
        const FixtureFile moratorium = {"m.moratorium", "[Moratorium]\nDescription=r\nClass=y\n"};

        expect_diff(FILES(allow, organisation), FILES(allow, class), false, "");
        expect_diff(FILES(allow, organisation), FILES(allow, class, moratorium), false,
                    "denied x may no longer " SAYS
                    ", seen by police, y; by allow a, now denied: moratorium m\n");
}

/* Whoever is of both groups was one organisation, and is two now. */
Test(diff, callers_who_become_somebody_else)
{
        expect_diff(
                FILES({"a.allow", ALLOW},
                      {"y.organisation", "[Organisation]\nDescription=r\nClass=ngo\n[Peer]\nGroup=7\n"}),
                FILES({"a.allow", ALLOW},
                      {"y.organisation", "[Organisation]\nDescription=r\nClass=ngo\n[Peer]\nGroup=7\n"},
                      {"z.organisation", "[Organisation]\nDescription=r\nClass=police\n[Peer]\nGroup=8\n"}),
                false, "denied x, y may no longer " SAYS "; by allow a, now denied: ambiguous-peer\n");
}

Test(diff, it_is_written_with_examples)
{
        _cleanup_(policy_diff_deinit) PolicyDiff diff = POLICY_DIFF_INIT;
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        Policy *old = fixture_load(FILES()), *new = fixture_load(FILES({"a.allow", ALLOW}));

        cr_assert_eq(policy_diff(old, new, &diff), 0);
        policy_diff_write(&diff, 0, &text);
        cr_expect_str_eq(
                buffer_text(&text),
                "+ x may now " SAYS "; by allow a, was denied: not-allowed\n"
                "    {\"uid\":1,\"groups\":[],\"operation\":\"identify\",\"gallery\":\"g\",\"purpose\":\"p\","
                "\"sought\":\"missing\",\"on_behalf_of\":[],\"recipients\":[],\"probe\":\"photograph\","
                "\"time\":\"1970-01-01\",\"clock\":\"synchronised\"}\n");
        policy_diff_deinit(&diff);
        buffer_clear(&text);
        policy_diff_write(&diff, 0, &text);
        cr_expect_str_eq(buffer_text(&text), "No request is answered otherwise.\n");
        policy_unref(old);
        policy_unref(new);
}

Test(diff, what_has_passed_comes_last)
{
        _cleanup_(policy_diff_deinit) PolicyDiff diff = POLICY_DIFF_INIT;
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        Policy *old = fixture_load(FILES()),
               *new = fixture_load(FILES({"a.allow", ALLOW "Until=2020-01-01\n"}));

        cr_assert_eq(policy_diff(old, new, &diff), 0);
        policy_diff_write(&diff, (int64_t)fixture_usec("2019-12-31"), &text);
        cr_expect_eq(strncmp(buffer_text(&text), "+ x may now", 11), 0);
        buffer_clear(&text);
        policy_diff_write(&diff, (int64_t)fixture_usec("2020-01-01"), &text);
        cr_expect_eq(strncmp(buffer_text(&text),
                             "No request is answered otherwise.\n"
                             "For times that have passed, and so for no request to come:\n+ x may now",
                             104),
                     0, "%s", buffer_text(&text));
        policy_unref(old);
        policy_unref(new);
}

/* Two who are alike but for their names: each may name itself anyway, and the other only where it is admitted. */
Test(diff, organisations_that_are_alike_and_named)
{
        static const FixtureFile y = {"y.organisation",
                                      "[Organisation]\nDescription=r\nClass=ngo\n[Peer]\nUser=2\n"};

        expect_diff(FILES(y, {"a.allow", ALLOW}), FILES(y, {"a.allow", ALLOW "OnBehalfOf=x\n"}), true,
                    "permitted y may now " SAYS ", on behalf of x; by allow a, was denied: not-allowed\n");
        expect_diff(FILES(y, {"a.allow", ALLOW}), FILES(y, {"a.allow", ALLOW "Recipient=ngo\n"}), true,
                    "permitted x may now " SAYS ", seen by ngo, y; by allow a, was denied: not-allowed\n"
                    "permitted y may now " SAYS ", seen by ngo, x; by allow a, was denied: not-allowed\n");
}

/* A prohibition that gives somebody more: the allow that it excepts comes first now. */
Test(diff, a_moratorium_that_leaves_the_more_generous_allow)
{
        static const FixtureFile a = {"a.allow", ALLOW}, b = {"b.allow", ALLOW "Release=scores\n"};
        Policy *policies[2] = {fixture_load(FILES(a, b)),
                               fixture_load(FILES(a, b,
                                                  {"m.moratorium", "[Moratorium]\nDescription=r\nClass=ngo\n"
                                                                   "Except=b\n"}))};
        bool wider = false;

        cr_assert_eq(policy_wider(policies[0], policies[1], &wider), 0);
        cr_expect(wider);
        policy_unref(policies[0]);
        policy_unref(policies[1]);
        expect_diff(FILES(a, b),
                    FILES(a, b, {"m.moratorium", "[Moratorium]\nDescription=r\nClass=ngo\nExcept=b\n"}), true,
                    "more x gets more from " SAYS "; scores, was candidates; by allow b, was a\n");
}
