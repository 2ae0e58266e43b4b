/* Tests of policy/decide.h: every step, every reason, and the instants at which something begins or ends. */

#include "policy/decide.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "fixture.h"

#define CLASSES                                                                                              \
        {"state.class", "[Class]\nDescription=s\n"},                                                         \
                {"police.class", "[Class]\nDescription=p\nParent=state\n"},                                  \
                {"riders.class", "[Class]\nDescription=r\nParent=police\n"},                                 \
        {                                                                                                    \
                "ngo.class", "[Class]\nDescription=n\n"                                                      \
        }
#define PURPOSES                                                                                             \
        {"safety.purpose", "[Purpose]\nDescription=s\n"},                                                    \
                {"crime.purpose", "[Purpose]\nDescription=c\nParent=safety\n"},                              \
                {"theft.purpose", "[Purpose]\nDescription=t\nParent=crime\n"},                               \
        {                                                                                                    \
                "missing.purpose", "[Purpose]\nDescription=m\n"                                              \
        }
#define GALLERIES                                                                                            \
        {"faces.gallery", "[Gallery]\nDescription=f\nModel=m\nDimension=16\n"},                              \
        {                                                                                                    \
                "other.gallery", "[Gallery]\nDescription=o\nModel=m\nDimension=16\n"                         \
        }
#define HELPER                                                                                               \
        {                                                                                                    \
                "helper.organisation", "[Organisation]\nDescription=h\nClass=ngo\n[Peer]\nUser=10\n"         \
        }
#define OFFICER                                                                                              \
        {                                                                                                    \
                "officer.organisation", "[Organisation]\nDescription=o\nClass=police\n[Peer]\nUser=20\n"     \
        }
#define FRIEND                                                                                               \
        {                                                                                                    \
                "friend.organisation", "[Organisation]\nDescription=f\nClass=ngo\n"                          \
        }
#define WORLD CLASSES, PURPOSES, GALLERIES, HELPER, OFFICER, FRIEND
#define ANYTHING                                                                                             \
        "Operation=any\nPurpose=any\nGallery=any\nSought=any\nMinimumSimilarity=0.6\nMaximumCandidates=5\n"
#define HELP                                                                                                 \
        {                                                                                                    \
                "help.allow", "[Allow]\nDescription=a\nClass=ngo\n" ANYTHING                                 \
        }

/* The helper's search, which HELP permits: what each test begins with. */
static Facts search(void)
{
        return (Facts){.peer = {.uid = 10},
                       .operation = "identify",
                       .gallery = "faces",
                       .purpose = "missing",
                       .sought = "missing",
                       .probe = "photograph",
                       .time_usec = fixture_usec("2020-07-01"),
                       .clock = CLOCK_SYNCHRONISED};
}

/* What a decision comes to, in a word: "permit ALLOW" or "deny REASON". */
static const char *verdict(const FixtureFile *files, const Facts *facts)
{
        static char text[128];
        Policy *policy = fixture_load(files);
        Decision decision = fixture_decide(policy, facts);

        (void)snprintf(text, sizeof(text), "%s %s", decision.permit ? "permit" : "deny",
                       decision.permit ? decision.allow : reason_name(decision.reason));
        decision_deinit(&decision);
        policy_unref(policy);
        return text;
}

/* The nearest allow and what it wants, words joined by spaces. */
static const char *nearest(const FixtureFile *files, const Facts *facts)
{
        static char text[256];
        Policy *policy = fixture_load(files);
        Decision decision = fixture_decide(policy, facts);
        size_t n = (size_t)snprintf(text, sizeof(text), "%s", decision.nearest ? decision.nearest : "none");

        for (int i = 0; i < _UNMET_MAX; i++)
                if (decision.unmet & (1u << i))
                        n += (size_t)snprintf(text + n, sizeof(text) - n, " %s", unmet_name((Unmet)i));
        decision_deinit(&decision);
        policy_unref(policy);
        return text;
}

#define FILES(...) ((const FixtureFile[]){__VA_ARGS__, {}})

Test(decide, an_empty_policy_denies)
{
        Facts facts = search();

        cr_expect_str_eq(verdict(FILES({}), &facts), "deny unknown-peer");
}

Test(decide, a_clock_that_is_behind_ends_everything)
{
        Facts facts = search();

        facts.clock = CLOCK_BEHIND;
        cr_expect_str_eq(verdict(FILES(WORLD, HELP), &facts), "deny clock-untrusted");
        facts.peer.uid = 11;
        cr_expect_str_eq(verdict(FILES(WORLD, HELP), &facts), "deny clock-untrusted");
}

Test(decide, a_mark_ahead_counts_whatever_is_said_of_the_clock)
{
        Facts facts = search();

        facts.has_mark = true;
        facts.mark_usec = facts.time_usec + 5000000;
        cr_expect_str_eq(verdict(FILES(WORLD, HELP), &facts), "permit help");
        facts.mark_usec++;
        cr_expect_str_eq(verdict(FILES(WORLD, HELP), &facts), "deny clock-untrusted");
}

Test(decide, the_clock_is_behind_by_more_than_five_seconds)
{
        cr_expect_eq(facts_clock(true, 5, true, 5000005), CLOCK_SYNCHRONISED);
        cr_expect_eq(facts_clock(true, 5, true, 5000006), CLOCK_BEHIND);
        cr_expect_eq(facts_clock(false, 5, true, 5000005), CLOCK_UNSYNCHRONISED);
        cr_expect_eq(facts_clock(false, 5, true, 5000006), CLOCK_BEHIND);
        cr_expect_eq(facts_clock(true, 5, false, 5000006), CLOCK_SYNCHRONISED);
        cr_expect_eq(facts_clock(true, UINT64_MAX, true, 1), CLOCK_SYNCHRONISED);
}

/* Step 2. */

Test(decide, a_peer_has_to_match_in_every_key_and_may_in_any_entry)
{
        static const struct {
                const char *text;
                uid_t uid;
                gid_t group;
                const char *unit, *label;
                bool known;
        } rows[] = {
                {"[Organisation]\nDescription=h\nClass=ngo\n", 10, 10, NULL, NULL, false},
                {"[Peer]\nUser=9 10\n", 10, 1, NULL, NULL, true},
                {"[Peer]\nUser=9 10\n", 11, 10, NULL, NULL, false},
                {"[Peer]\nGroup=5 7\n", 10, 7, NULL, NULL, true},
                {"[Peer]\nGroup=5 7\n", 7, 6, NULL, NULL, false},
                {"[Peer]\nUser=10\nGroup=7\n", 10, 7, NULL, NULL, true},
                {"[Peer]\nUser=10\nGroup=7\n", 10, 8, NULL, NULL, false},
                {"[Peer]\nUser=10\nGroup=7\n", 11, 7, NULL, NULL, false},
                {"[Peer]\nUser=10\nUnit=a.service b.service\n", 10, 1, "b.service", NULL, true},
                {"[Peer]\nUser=10\nUnit=a.service b.service\n", 10, 1, "c.service", NULL, false},
                {"[Peer]\nUser=10\nUnit=a.service b.service\n", 10, 1, NULL, NULL, false},
                {"[Peer]\nUser=10\nUnit=a.service b.service\n", 11, 1, "a.service", NULL, false},
                {"[Peer]\nUser=10\nSecurityLabel=x:y z\n", 10, 1, NULL, "x:y z", true},
                {"[Peer]\nUser=10\nSecurityLabel=x:y z\n", 10, 1, NULL, "x:y", false},
                {"[Peer]\nUser=10\nSecurityLabel=x:y z\n", 10, 1, NULL, NULL, false},
                {"[Peer]\nUser=9\n[Peer]\nUser=10\n", 10, 1, NULL, NULL, true},
                {"[Peer]\nUser=10\n[Peer]\nGroup=1\n", 10, 1, NULL, NULL, true},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Facts facts = search();
                _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
                gid_t groups[] = {3, rows[i].group};
                facts.peer = (Peer){rows[i].uid, groups, 2, rows[i].unit, rows[i].label};
                if (rows[i].text[1] != 'O')
                        buffer_append_text(&text, "[Organisation]\nDescription=h\nClass=ngo\n");
                buffer_append_text(&text, rows[i].text);
                cr_expect_str_eq(verdict(FILES(CLASSES, PURPOSES, GALLERIES,
                                               {"helper.organisation", buffer_text(&text)}, HELP),
                                         &facts),
                                 rows[i].known ? "permit help" : "deny unknown-peer", "row %zu", i);
        }
}

Test(decide, a_peer_in_a_drop_in_adds_one)
{
        Facts facts = search();
        const FixtureFile *files = FILES(WORLD, HELP, {"helper.organisation.d/p.conf", "[Peer]\nUser=11\n"});

        cr_expect_str_eq(verdict(files, &facts), "permit help");
        facts.peer.uid = 11;
        cr_expect_str_eq(verdict(files, &facts), "permit help");
}

#define TWIN(dates)                                                                                          \
        {                                                                                                    \
                "twin.organisation", "[Organisation]\nDescription=t\nClass=ngo\n" dates "[Peer]\nUser=10\n"  \
        }

Test(decide, two_organisations_that_may_be_valid_are_ambiguous)
{
        Facts facts = search();

        cr_expect_str_eq(verdict(FILES(WORLD, HELP, TWIN("")), &facts), "deny ambiguous-peer");
        cr_expect_str_eq(verdict(FILES(WORLD, HELP, TWIN("Until=2020-07-01T00:00:00.000001Z\n")), &facts),
                         "deny ambiguous-peer");
        cr_expect_str_eq(verdict(FILES(WORLD, HELP, TWIN("From=2020-07-01\n")), &facts),
                         "deny ambiguous-peer");
}

Test(decide, one_that_is_past_or_to_come_for_certain_is_not_in_the_way)
{
        Facts facts = search();

        cr_expect_str_eq(verdict(FILES(WORLD, HELP, TWIN("Until=2020-07-01\n")), &facts), "permit help");
        cr_expect_str_eq(verdict(FILES(WORLD, HELP, TWIN("From=2020-07-01T00:00:00.000001Z\n")), &facts),
                         "permit help");
}

Test(decide, one_that_ended_by_a_doubtful_clock_only_is_still_in_the_way)
{
        Facts facts = search();

        facts.clock = CLOCK_UNSYNCHRONISED;
        cr_expect_str_eq(verdict(FILES(WORLD, HELP, TWIN("Until=2020-01-01\n")), &facts),
                         "deny ambiguous-peer");
        facts.has_mark = true;
        facts.mark_usec = fixture_usec("2020-01-01");
        cr_expect_str_eq(verdict(FILES(WORLD, HELP, TWIN("Until=2020-01-01\n")), &facts), "permit help");
}

Test(decide, an_organisation_is_valid_from_its_beginning_to_before_its_end)
{
        static const struct {
                const char *dates, *time, *mark, *verdict; /* a mark: the clock is not synchronised */
        } rows[] = {
                {"From=2020-07-01\n", "2020-06-30T23:59:59.999999Z", NULL, "deny expired-organisation"},
                {"From=2020-07-01\n", "2020-07-01", NULL, "permit help"},
                {"Until=2020-07-01\n", "2020-06-30T23:59:59.999999Z", NULL, "permit help"},
                {"Until=2020-07-01\n", "2020-07-01", NULL, "deny expired-organisation"},
                {"From=2020-07-01\n", "2020-07-02", "2020-06-30T23:59:59Z", "deny expired-organisation"},
                {"From=2020-07-01\n", "2020-07-02", "2020-07-01", "permit help"},
                {"From=2020-07-01\n", "2020-07-02", "", "deny expired-organisation"},
                {"Until=2020-07-01\n", "2020-07-01", "2020-01-01", "deny expired-organisation"},
                {"", "2020-07-01", "", "permit help"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Facts facts = search();
                _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
                buffer_append_format(&text, "[Organisation]\n%s", rows[i].dates);
                facts.time_usec = fixture_usec(rows[i].time);
                if (rows[i].mark)
                        facts.clock = CLOCK_UNSYNCHRONISED;
                facts.has_mark = rows[i].mark && rows[i].mark[0];
                facts.mark_usec = facts.has_mark ? fixture_usec(rows[i].mark) : 0;
                cr_expect_str_eq(
                        verdict(FILES(WORLD, HELP, {"helper.organisation.d/d.conf", buffer_text(&text)}),
                                &facts),
                        rows[i].verdict, "row %zu", i);
        }
}

Test(decide, whoami_says_what_step_two_finds)
{
        Policy *policy = fixture_load(FILES(WORLD));
        Facts facts = search();
        const char *const *classes = NULL;
        size_t n = 0;

        facts.peer.uid = 20;
        cr_expect_str_eq(policy_whoami(policy, &facts, &classes, &n), "officer");
        cr_assert_eq(n, 2);
        cr_expect_str_eq(classes[0], "police");
        cr_expect_str_eq(classes[1], "state");
        facts.peer.uid = 21;
        cr_expect_null(policy_whoami(policy, &facts, &classes, &n));
        policy_unref(policy);
}

/* Step 3. */

Test(decide, the_first_undeclared_term_is_named)
{
        static const struct {
                const char *purpose, *gallery;
                const char *behalf[2], *recipients[2];
                const char *term;
        } rows[] = {
                {"zz", "yy", {"b", "a"}, {"d", "c"}, "zz"},
                {"missing", "yy", {"b", "a"}, {"d", "c"}, "yy"},
                {"missing", "faces", {"b", "a"}, {"d", "c"}, "a"},
                {"missing", "faces", {"police", "zz"}, {"d", "c"}, "zz"},
                {"missing", "faces", {"police", "helper"}, {"d", "c"}, "c"},
                {"missing", "faces", {"police", "helper"}, {"missing", "friend"}, "missing"},
        };
        Policy *policy = fixture_load(FILES(WORLD, HELP));

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Facts facts = search();
                facts.purpose = rows[i].purpose;
                facts.gallery = rows[i].gallery;
                facts.on_behalf_of = rows[i].behalf;
                facts.recipients = rows[i].recipients;
                facts.n_on_behalf_of = facts.n_recipients = 2;
                Decision decision = fixture_decide(policy, &facts);
                cr_expect_eq(decision.reason, REASON_UNKNOWN_TERM);
                cr_expect_str_eq(decision.term, rows[i].term, "row %zu", i);
                cr_expect_str_eq(decision.organisation, "helper");
                decision_deinit(&decision);
        }
        policy_unref(policy);
}

Test(decide, an_unknown_term_comes_before_a_stand_down)
{
        Facts facts = search();

        facts.purpose = "nothing";
        cr_expect_str_eq(verdict(FILES(WORLD, {"s.stand-down", "[StandDown]\nReason=r\n"}), &facts),
                         "deny unknown-term");
}

/* Step 4. */

Test(decide, a_stand_down_stops_what_all_its_lists_match)
{
        static const struct {
                const char *keys;
                bool stops;
        } rows[] = {
                {"", true},
                {"Organisation=helper\n", true},
                {"Organisation=officer\n", false},
                {"Operation=verify identify\n", true},
                {"Operation=verify\n", false},
                {"Purpose=theft\n", true},
                {"Purpose=crime\n", true},
                {"Purpose=safety\n", true},
                {"Purpose=missing\n", false},
                {"Gallery=faces\n", true},
                {"Gallery=other\n", false},
                {"Organisation=helper\nOperation=identify\nPurpose=safety\nGallery=faces\n", true},
                {"Organisation=helper\nOperation=identify\nPurpose=safety\nGallery=other\n", false},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Facts facts = search();
                _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
                buffer_append_format(&text, "[StandDown]\nReason=r\n%s", rows[i].keys);
                facts.purpose = "theft";
                cr_expect_str_eq(verdict(FILES(WORLD, HELP, {"s.stand-down", buffer_text(&text)}), &facts),
                                 rows[i].stops ? "deny stood-down" : "permit help", "row %zu", i);
        }
}

Test(decide, a_stand_down_of_a_part_stops_the_whole_that_may_mean_it)
{
        Facts facts = search();

        facts.purpose = "safety";
        cr_expect_str_eq(
                verdict(FILES(WORLD, HELP, {"s.stand-down", "[StandDown]\nReason=r\nPurpose=crime\n"}),
                        &facts),
                "deny stood-down");
}

Test(decide, comparing_is_stopped_by_any_gallery_only)
{
        Facts facts = search();

        facts.operation = "compare";
        facts.gallery = NULL;
        cr_expect_str_eq(
                verdict(FILES(WORLD, HELP, {"s.stand-down", "[StandDown]\nReason=r\nGallery=faces other\n"}),
                        &facts),
                "permit help");
        cr_expect_str_eq(verdict(FILES(WORLD, HELP, {"s.stand-down", "[StandDown]\nReason=r\n"}), &facts),
                         "deny stood-down");
}

Test(decide, the_first_stand_down_speaks_and_moratoria_are_not_looked_at)
{
        Policy *policy =
                fixture_load(FILES(WORLD, {"m.moratorium", "[Moratorium]\nDescription=d\nClass=ngo\n"},
                                   {"b.stand-down", "[StandDown]\nReason=second\n"},
                                   {"a.stand-down", "[StandDown]\nReason=none of it\nOperation=list\n"},
                                   {"aa.stand-down", "[StandDown]\nReason=first\n"}));
        Facts facts = search();
        Decision decision = fixture_decide(policy, &facts);

        cr_expect_eq(decision.reason, REASON_STOOD_DOWN);
        cr_expect_str_eq(decision.notice, "first");
        cr_expect_eq(decision.n_moratoria, 0);
        cr_expect_null(decision_rule(&decision));
        cr_expect_null(decision.nearest);
        decision_deinit(&decision);
        policy_unref(policy);
}

/* Step 5. */

#define NO_POLICE(keys)                                                                                      \
        {                                                                                                    \
                "m.moratorium", "[Moratorium]\nDescription=d\nClass=police\n" keys                           \
        }
#define POLICE_ALLOW                                                                                         \
        {                                                                                                    \
                "raid.allow", "[Allow]\nDescription=a\nClass=police\n" ANYTHING                              \
        }
/* Of "[Moratorium]\nDescription=d\nClass=police\nFrom=2020-01-01\nUntil=2021-01-01\n", and without the last
 * line. */
#define RELEASE(digest)                                                                                      \
        {                                                                                                    \
                "r.release", "[Release]\nMoratorium=m\nReason=r\nDigest=" digest "\n"                        \
        }
#define DATED         "From=2020-01-01\nUntil=2021-01-01\n"
#define DATED_DIGEST  "14c2233733e90182425ca8decc9c6f1dbbc0403e3c718250b0ee5be301c119ed"
#define NOTICE_DIGEST "258a54a7a02726a41ed2c8249a55bade91f7b64a31df4fd6a1244446b5d07fe6"

Test(decide, a_moratorium_stands_from_its_beginning_until_it_has_ended)
{
        static const struct {
                enum { HOLD, HOLD_RELEASED, LAPSE, NOTICE, NOTICE_RELEASED } kind;
                const char *time, *mark; /* a mark: the clock is not synchronised */
                bool covers;
        } rows[] = {
                {HOLD, "2019-12-31T23:59:59.999999Z", NULL, false},
                {HOLD, "2020-01-01", NULL, true},
                {HOLD, "2020-01-01", "", true}, /* what tightens looks at the time as it is */
                {HOLD, "2019-12-31T23:59:59.999999Z", "", false},
                {HOLD, "2021-01-01", NULL, true},
                {HOLD, "2999-01-01", NULL, true},
                {HOLD_RELEASED, "2020-01-01", NULL, true},
                {HOLD_RELEASED, "2020-12-31T23:59:59.999999Z", NULL, true},
                {HOLD_RELEASED, "2021-01-01", NULL, false},
                {HOLD_RELEASED, "2021-01-01", "", true},
                {HOLD_RELEASED, "2021-01-02", "2020-12-31T23:59:59.999999Z", true},
                {HOLD_RELEASED, "2021-01-02", "2021-01-01", false},
                {LAPSE, "2020-12-31T23:59:59.999999Z", NULL, true},
                {LAPSE, "2021-01-01", NULL, false},
                {LAPSE, "2021-01-01", "", true},
                {LAPSE, "2021-01-02", "2020-12-31T23:59:59.999999Z", true},
                {LAPSE, "2021-01-02", "2021-01-01", false},
                {LAPSE, "2021-01-01", "2021-01-01T00:00:05Z", false}, /* the earlier of the two */
                {LAPSE, "2020-12-31T23:59:58Z", "2021-01-01", true},
                {NOTICE, "2019-12-31", NULL, false},
                {NOTICE, "2999-01-01", NULL, true},
                {NOTICE_RELEASED, "2020-01-01", NULL, false},
                {NOTICE_RELEASED, "2020-01-01", "", false},
        };
        const FixtureFile moratoria[] = {
                [HOLD] = NO_POLICE(DATED),
                [HOLD_RELEASED] = NO_POLICE(DATED),
                [LAPSE] = NO_POLICE(DATED "OnExpiry=lapse\n"),
                [NOTICE] = NO_POLICE("From=2020-01-01\n"),
                [NOTICE_RELEASED] = NO_POLICE("From=2020-01-01\n"),
        };
        const FixtureFile releases[] = {
                [HOLD_RELEASED] = RELEASE(DATED_DIGEST),
                [NOTICE_RELEASED] = RELEASE(NOTICE_DIGEST),
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Facts facts = search();
                bool released = rows[i].kind == HOLD_RELEASED || rows[i].kind == NOTICE_RELEASED;
                facts.peer.uid = 20;
                facts.time_usec = fixture_usec(rows[i].time);
                if (rows[i].mark)
                        facts.clock = CLOCK_UNSYNCHRONISED;
                facts.has_mark = rows[i].mark && rows[i].mark[0];
                facts.mark_usec = facts.has_mark ? fixture_usec(rows[i].mark) : 0;
                FixtureFile extra = released ? releases[rows[i].kind] : (FixtureFile){};
                cr_expect_str_eq(verdict(FILES(WORLD, POLICE_ALLOW, moratoria[rows[i].kind], extra), &facts),
                                 rows[i].covers ? "deny moratorium" : "permit raid", "row %zu", i);
        }
}

Test(decide, a_moratorium_without_a_beginning_always_was)
{
        Facts facts = search();

        facts.peer.uid = 20;
        facts.time_usec = 0;
        cr_expect_str_eq(verdict(FILES(WORLD, POLICE_ALLOW, NO_POLICE("")), &facts), "deny moratorium");
        facts.time_usec = UINT64_MAX;
        cr_expect_str_eq(verdict(FILES(WORLD, POLICE_ALLOW, NO_POLICE("")), &facts), "deny moratorium");
}

Test(decide, a_moratorium_covers_what_all_its_lists_match)
{
        static const struct {
                const char *keys, *purpose;
                bool covers;
        } rows[] = {
                {"Operation=identify\n", "crime", true},
                {"Operation=verify list\n", "crime", false},
                {"Purpose=crime\n", "crime", true},
                {"Purpose=crime\n", "safety", true}, /* who says safety may mean crime */
                {"Purpose=crime\n", "theft", true},  /* and theft is crime */
                {"Purpose=crime\n", "missing", false},
                {"Gallery=faces\n", "crime", true},
                {"Gallery=other\n", "crime", false},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Facts facts = search();
                _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
                buffer_append_format(&text, "[Moratorium]\nDescription=d\nClass=police\n%s", rows[i].keys);
                facts.peer.uid = 20;
                facts.purpose = rows[i].purpose;
                cr_expect_str_eq(
                        verdict(FILES(WORLD, POLICE_ALLOW, {"m.moratorium", buffer_text(&text)}), &facts),
                        rows[i].covers ? "deny moratorium" : "permit raid", "row %zu", i);
        }
}

Test(decide, comparing_is_covered_by_any_gallery_only)
{
        Facts facts = search();

        facts.peer.uid = 20;
        facts.operation = "compare";
        facts.gallery = NULL;
        cr_expect_str_eq(verdict(FILES(WORLD, POLICE_ALLOW, NO_POLICE("Gallery=faces other\n")), &facts),
                         "permit raid");
        cr_expect_str_eq(verdict(FILES(WORLD, POLICE_ALLOW, NO_POLICE("")), &facts), "deny moratorium");
}

Test(decide, a_moratorium_covers_every_party_that_may_be_of_its_class)
{
        static const struct {
                uid_t uid;
                const char *party;
                bool covers;
        } rows[] = {
                {20, NULL, true},                             /* the asker */
                {10, NULL, false},     {10, "officer", true}, /* an organisation of the class */
                {10, "friend", false}, {10, "police", true},  /* the class */
                {10, "riders", true},                         /* a class below it */
                {10, "state", true},                          /* a class above it may mean it */
                {10, "ngo", false},
        };
        const FixtureFile *files =
                FILES(WORLD, NO_POLICE(""),
                      {"all.allow", "[Allow]\nDescription=a\nClass=ngo police\n"
                                    "OnBehalfOf=ngo state\nRecipient=ngo state\n" ANYTHING});

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Facts facts = search();
                facts.peer.uid = rows[i].uid;
                facts.on_behalf_of = facts.recipients = &rows[i].party;
                facts.n_on_behalf_of = rows[i].party != NULL;
                const char *expected = rows[i].covers ? "deny moratorium" : "permit all";
                cr_expect_str_eq(verdict(files, &facts), expected, "row %zu, on behalf of", i);
                facts.n_recipients = facts.n_on_behalf_of;
                facts.n_on_behalf_of = 0;
                cr_expect_str_eq(verdict(files, &facts), expected, "row %zu, recipient", i);
        }
}

Test(decide, an_organisation_counts_as_a_party_whether_valid_or_not)
{
        const char *party = "officer";
        Facts facts = search();

        facts.recipients = &party;
        facts.n_recipients = 1;
        cr_expect_str_eq(
                verdict(FILES(WORLD, NO_POLICE(""),
                              {"officer.organisation.d/e.conf", "[Organisation]\nUntil=2001-01-01\n"}),
                        &facts),
                "deny moratorium");
}

Test(decide, an_exception_has_to_stand_in_every_covering_moratorium)
{
        Facts facts = search();

        facts.peer.uid = 20;
        cr_expect_str_eq(verdict(FILES(WORLD, POLICE_ALLOW, NO_POLICE("Except=raid\n")), &facts),
                         "permit raid");
        cr_expect_str_eq(verdict(FILES(WORLD, POLICE_ALLOW, NO_POLICE("Except=raid\n"),
                                       {"n.moratorium", "[Moratorium]\nDescription=d\nClass=state\n"}),
                                 &facts),
                         "deny moratorium");
        cr_expect_str_eq(
                verdict(FILES(WORLD, POLICE_ALLOW, NO_POLICE("Except=raid\n"),
                              {"n.moratorium", "[Moratorium]\nDescription=d\nClass=state\nExcept=raid\n"}),
                        &facts),
                "permit raid");
}

Test(decide, every_covering_moratorium_is_named_also_on_a_permit)
{
        Policy *policy = fixture_load(
                FILES(WORLD, POLICE_ALLOW,
                      {"z.moratorium", "[Moratorium]\nDescription=d\nClass=state\nExcept=raid\n"},
                      {"b.moratorium", "[Moratorium]\nDescription=d\nNotice=b\nClass=police\nExcept=raid\n"},
                      {"a.moratorium", "[Moratorium]\nDescription=d\nNotice=a\nClass=ngo\n"}));
        Facts facts = search();

        facts.peer.uid = 20;
        Decision decision = fixture_decide(policy, &facts);
        cr_expect(decision.permit);
        cr_assert_eq(decision.n_moratoria, 2);
        cr_expect_str_eq(decision.moratoria[0], "b");
        cr_expect_str_eq(decision.moratoria[1], "z");
        cr_expect_str_eq(decision_rule(&decision), "raid");
        cr_expect_null(decision.notice);
        decision_deinit(&decision);
        policy_unref(policy);
}

Test(decide, a_denial_carries_the_notice_of_the_first_moratorium_alone)
{
        Policy *policy =
                fixture_load(FILES(WORLD, POLICE_ALLOW,
                                   {"b.moratorium", "[Moratorium]\nDescription=d\nNotice=b\nClass=police\n"},
                                   {"a.moratorium", "[Moratorium]\nDescription=d\nClass=police\n"}));
        Facts facts = search();

        facts.peer.uid = 20;
        Decision decision = fixture_decide(policy, &facts);
        cr_expect_eq(decision.reason, REASON_MORATORIUM);
        cr_expect_eq(decision.n_moratoria, 2);
        cr_expect_null(decision.notice);
        cr_expect_null(decision.allow);
        cr_expect_str_eq(decision_rule(&decision), "a");
        cr_expect_str_eq(decision.nearest, "raid");
        cr_expect_eq(decision.unmet, 0);
        decision_deinit(&decision);
        policy_unref(policy);
}

/* Step 6, told by what the nearest allow wants. */

#define NARROW                                                                                               \
        {                                                                                                    \
                "help.allow", "[Allow]\nDescription=a\nOrganisation=helper\nOperation=identify verify "      \
                              "enrol\nPurpose=crime\n"                                                       \
                              "Gallery=faces\nSought=missing "                                               \
                              "victim\nMinimumSimilarity=0.6\nOnBehalfOf=friend state\n"                     \
                              "Recipient=police\nProbe=photograph sketch\nRequire=case "                     \
                              "operator\nFrom=2020-01-01\n"                                                  \
                              "Until=2021-01-01\n"                                                           \
        }

typedef struct Change {
        size_t offset; /* of a string in Facts */
        const char *text;
} Change;

#define CHANGE(field, text)                                                                                  \
        {                                                                                                    \
                offsetof(Facts, field), text                                                                 \
        }

static Facts narrow_search(void)
{
        Facts facts = search();

        facts.purpose = "crime";
        facts.case_reference = "1";
        facts.operator= "somebody";
        return facts;
}

Test(decide, each_condition_of_an_allow_counts)
{
        static const struct {
                Change change;
                const char *unmet;
        } rows[] = {
                {CHANGE(operation, "verify"), NULL},
                {CHANGE(operation, "remove"), "help Operation"},
                {CHANGE(purpose, "theft"), NULL},
                {CHANGE(purpose, "safety"), "help Purpose"},
                {CHANGE(purpose, "missing"), "help Purpose"},
                {CHANGE(gallery, "other"), "help Gallery"},
                {CHANGE(sought, "victim"), NULL},
                {CHANGE(sought, "suspect"), "help Sought"},
                {CHANGE(sought, NULL), "help Sought"},
                {CHANGE(probe, "sketch"), NULL},
                {CHANGE(probe, "edited"), "help Probe"},
                {CHANGE(probe, NULL), "help Probe"},
                {CHANGE(case_reference, NULL), "help Require"},
                {CHANGE(case_reference, ""), "help Require"},
                {CHANGE(authorisation, NULL), NULL},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Facts facts = narrow_search();
                memcpy((uint8_t *)&facts + rows[i].change.offset, &rows[i].change.text, sizeof(const void *));
                if (rows[i].unmet)
                        cr_expect_str_eq(nearest(FILES(WORLD, NARROW), &facts), rows[i].unmet, "row %zu", i);
                else
                        cr_expect_str_eq(verdict(FILES(WORLD, NARROW), &facts), "permit help", "row %zu", i);
        }
}

Test(decide, who_asks_counts_by_name_and_by_class)
{
        Facts facts = narrow_search();

        facts.peer.uid = 20;
        cr_expect_str_eq(nearest(FILES(WORLD, NARROW), &facts), "help Organisation");
        cr_expect_str_eq(
                verdict(FILES(WORLD, {"a.allow", "[Allow]\nDescription=a\nClass=state\n" ANYTHING}), &facts),
                "permit a");
        cr_expect_str_eq(
                verdict(FILES(WORLD, {"a.allow", "[Allow]\nDescription=a\nClass=riders ngo\n" ANYTHING}),
                        &facts),
                "deny not-allowed");
        cr_expect_str_eq(
                verdict(FILES(WORLD, {"a.allow",
                                      "[Allow]\nDescription=a\nClass=ngo\nOrganisation=officer\n" ANYTHING}),
                        &facts),
                "permit a");
}

Test(decide, parties_count_by_their_names_and_classes_and_not_by_what_they_may_be)
{
        static const struct {
                const char *party;
                bool as_behalf, as_recipient;
        } rows[] = {
                {"helper", true, true}, /* the asker itself */
                {"friend", true, false}, {"officer", true, true}, {"police", true, true},
                {"riders", true, true},  {"state", true, false}, /* it may be the police, and that is not
                                                                    enough */
                {"ngo", false, false},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Facts facts = narrow_search();
                facts.on_behalf_of = facts.recipients = &rows[i].party;
                facts.n_on_behalf_of = 1;
                cr_expect_str_eq(nearest(FILES(WORLD, NARROW), &facts),
                                 rows[i].as_behalf ? "none" : "help OnBehalfOf", "row %zu", i);
                facts.n_on_behalf_of = 0;
                facts.n_recipients = 1;
                cr_expect_str_eq(nearest(FILES(WORLD, NARROW), &facts),
                                 rows[i].as_recipient ? "none" : "help Recipient", "row %zu", i);
        }
}

Test(decide, no_class_passes_for_the_asker)
{
        static const char *const parties[] = {"ngo", "police", "riders", "state"};

        for (size_t i = 0; i < ARRAY_SIZE(parties); i++) {
                Facts facts = search();
                facts.recipients = &parties[i];
                facts.n_recipients = 1;
                cr_expect_str_eq(nearest(FILES(WORLD, HELP), &facts), "help Recipient", "%s", parties[i]);
        }
}

Test(decide, one_party_too_many_is_too_many)
{
        const char *parties[] = {"officer", "helper", "officer", "ngo"};
        Facts facts = narrow_search();

        facts.recipients = parties;
        facts.n_recipients = 3;
        cr_expect_str_eq(verdict(FILES(WORLD, NARROW), &facts), "permit help");
        facts.n_recipients = 4;
        cr_expect_str_eq(nearest(FILES(WORLD, NARROW), &facts), "help Recipient");
}

Test(decide, an_allow_is_valid_from_its_beginning_to_before_its_end)
{
        static const struct {
                const char *time, *mark, *unmet;
        } rows[] = {
                {"2019-12-31T23:59:59.999999Z", NULL, "help From"},
                {"2020-01-01", NULL, "none"},
                {"2020-12-31T23:59:59.999999Z", NULL, "none"},
                {"2021-01-01", NULL, "help Until"},
                {"2020-07-01", "", "help From"},
                {"2020-07-01", "2019-12-31", "help From"},
                {"2020-07-01", "2020-01-01", "none"},
                {"2021-01-01", "2020-02-01", "help Until"},
                {"2021-01-01", "", "help From Until"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Facts facts = narrow_search();
                facts.time_usec = fixture_usec(rows[i].time);
                if (rows[i].mark)
                        facts.clock = CLOCK_UNSYNCHRONISED;
                facts.has_mark = rows[i].mark && rows[i].mark[0];
                facts.mark_usec = facts.has_mark ? fixture_usec(rows[i].mark) : 0;
                cr_expect_str_eq(nearest(FILES(WORLD, NARROW), &facts), rows[i].unmet, "row %zu", i);
        }
}

Test(decide, role_and_probe_are_looked_at_only_where_they_matter)
{
        Facts facts = narrow_search();

        facts.operation = "enrol";
        facts.sought = "suspect";
        cr_expect_str_eq(verdict(FILES(WORLD, NARROW), &facts), "permit help");
        facts.probe = "edited";
        cr_expect_str_eq(nearest(FILES(WORLD, NARROW), &facts), "help Probe");
        facts.operation = "identify-stored";
        facts.sought = "missing";
        cr_expect_str_eq(nearest(FILES(WORLD, NARROW), &facts), "help Operation");
}

Test(decide, comparing_wants_an_allow_for_any_gallery)
{
        Facts facts = search();

        facts.operation = "compare";
        facts.gallery = NULL;
        cr_expect_str_eq(verdict(FILES(WORLD, HELP), &facts), "permit help");
        cr_expect_str_eq(
                nearest(FILES(WORLD, {"a.allow", "[Allow]\nDescription=a\nClass=ngo\nOperation=compare\n"
                                                 "Purpose=any\nGallery=faces other\nSought=any\n"
                                                 "MinimumSimilarity=0\n"}),
                        &facts),
                "a Gallery");
}

/* Step 7. */

Test(decide, the_first_viable_allow_by_name_is_taken)
{
        Facts facts = search();
        const FixtureFile *files =
                FILES(WORLD, HELP, {"b.allow", "[Allow]\nDescription=a\nClass=ngo\n" ANYTHING},
                      {"a.allow", "[Allow]\nDescription=a\nClass=ngo\nRequire=case\n" ANYTHING});

        cr_expect_str_eq(verdict(files, &facts), "permit b");
        facts.case_reference = "1";
        cr_expect_str_eq(verdict(files, &facts), "permit a");
}

typedef struct Used {
        uint64_t count;
        const char *organisation;
        uint64_t window_usec;
} Used;

static uint64_t used(void *userdata, const char *allow, const char *organisation, uint64_t window_usec)
{
        Used *asked = userdata;

        asked->organisation = organisation;
        asked->window_usec = window_usec;
        return strcmp(allow, "a") == 0 ? asked->count : 0;
}

Test(decide, a_rate_that_is_used_up_denies_though_another_allow_would_do)
{
        Policy *policy = fixture_load(
                FILES(WORLD, HELP, {"a.allow", "[Allow]\nDescription=a\nClass=ngo\nRate=3/min\n" ANYTHING}));
        Used asked = {.count = 2};
        Facts facts = search();

        facts.used = used;
        facts.used_userdata = &asked;
        Decision decision = fixture_decide(policy, &facts);
        cr_expect(decision.permit);
        cr_expect_str_eq(asked.organisation, "helper");
        cr_expect_eq(asked.window_usec, 60000000);
        decision_deinit(&decision);

        asked.count = 3;
        decision = fixture_decide(policy, &facts);
        cr_expect_not(decision.permit);
        cr_expect_eq(decision.reason, REASON_RATE_LIMITED);
        cr_expect_str_eq(decision.allow, "a");
        cr_expect_str_eq(decision_rule(&decision), "a");
        cr_expect_null(decision.nearest);
        decision_deinit(&decision);

        facts.used = NULL;
        decision = fixture_decide(policy, &facts);
        cr_expect(decision.permit);
        decision_deinit(&decision);
        policy_unref(policy);
}

Test(decide, what_runs_is_the_stricter_of_asked_and_allowed)
{
        static const struct {
                const char *operation, *keys;
                uint64_t asked_limit; /* 0: none */
                int32_t asked_floor;  /* 9: none */
                int64_t limit, floor; /* -9: not there */
        } rows[] = {
                {"identify", "", 0, 9, 5, 600000},
                {"identify", "", 3, 9, 3, 600000},
                {"identify", "", 5, 9, 5, 600000},
                {"identify", "", UINT64_MAX, 9, 5, 600000},
                {"identify", "", 0, -1000000, 5, 600000},
                {"identify", "", 0, 600000, 5, 600000},
                {"identify", "", 0, 600001, 5, 650000},
                {"identify", "", 0, 650000, 5, 650000},
                {"identify", "", 0, 999999, 5, 1000000},
                {"identify", "", 0, 1000000, 5, 1000000},
                {"identify", "Release=decision\nOperation=\nOperation=identify\n", 0, 700001, 5, 750000},
                {"identify", "Release=scores\n", 0, 600001, 5, 600001},
                {"identify", "Release=scores\n", 0, 123, 5, 600000},
                {"identify", "MinimumSimilarity=-1\n", 0, -999999, 5, -950000},
                {"identify", "MinimumSimilarity=-1\n", 0, -950000, 5, -950000},
                {"identify", "MinimumSimilarity=-1\n", 0, -49999, 5, 0},
                {"identify", "MinimumSimilarity=-1\n", 0, 9, 5, -1000000},
                {"identify", "MinimumSimilarity=-0.123456\n", 0, -900000, 5, -123456},
                {"identify-stored", "", 2, 9, 2, 600000},
                {"verify", "", 0, 9, 5, 600000},
                {"list", "", 4, 900000, 4, -9},
                {"list", "", 0, 9, 5, -9},
                {"list", "MaximumCandidates=\n", 0, 9, 10, -9},
                {"enrol", "", 1, 900000, -9, -9},
                {"remove", "", 1, 900000, -9, -9},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
                buffer_append_format(&text, "[Allow]\n%s", rows[i].keys);
                Policy *policy =
                        fixture_load(FILES(WORLD, HELP, {"help.allow.d/x.conf", buffer_text(&text)}));
                Facts facts = search();
                facts.operation = rows[i].operation;
                facts.has_limit = rows[i].asked_limit > 0;
                facts.limit = rows[i].asked_limit;
                facts.has_floor = rows[i].asked_floor != 9;
                facts.floor_millionths = rows[i].asked_floor;
                Decision decision = fixture_decide(policy, &facts);
                cr_expect(decision.permit, "row %zu", i);
                cr_expect_eq(decision.has_limit ? (int64_t)decision.limit : -9, rows[i].limit, "row %zu", i);
                cr_expect_eq(decision.has_floor ? (int64_t)decision.floor_millionths : -9, rows[i].floor,
                             "row %zu: %d", i, decision.floor_millionths);
                decision_deinit(&decision);
                policy_unref(policy);
        }
}

/* Step 9, and the nearest allow. */

Test(decide, what_is_missing_is_named_for_the_first_allow_that_fits_in_all_else)
{
        Policy *policy = fixture_load(
                FILES(WORLD, {"a.allow", "[Allow]\nDescription=a\nClass=police\nRequire=case\n" ANYTHING},
                      {"c.allow",
                       "[Allow]\nDescription=a\nClass=ngo\nRequire=operator authorisation case\n" ANYTHING},
                      {"d.allow", "[Allow]\nDescription=a\nClass=ngo\nRequire=operator\n" ANYTHING}));
        Facts facts = search();

        facts.case_reference = "1";
        Decision decision = fixture_decide(policy, &facts);
        cr_expect_eq(decision.reason, REASON_MISSING_REQUIREMENT);
        cr_assert_eq(decision.n_missing, 2);
        cr_expect_str_eq(decision.missing[0], "authorisation");
        cr_expect_str_eq(decision.missing[1], "operator");
        cr_expect_str_eq(decision.nearest, "a"); /* one condition unmet there as well, and the earlier name */
        cr_expect_eq(decision.unmet, 1u << UNMET_ORGANISATION);
        cr_expect_null(decision.allow);
        decision_deinit(&decision);
        policy_unref(policy);
}

Test(decide, a_moratorium_comes_before_what_is_missing)
{
        Facts facts = search();

        facts.peer.uid = 20;
        cr_expect_str_eq(
                verdict(FILES(WORLD, NO_POLICE("Except=a\n"),
                              {"a.allow", "[Allow]\nDescription=a\nClass=police\nRequire=case\n" ANYTHING}),
                        &facts),
                "deny moratorium");
}

Test(decide, the_nearest_allow_has_the_fewest_conditions_unmet)
{
        Facts facts = narrow_search();

        facts.gallery = "other";
        facts.sought = "suspect";
        cr_expect_str_eq(nearest(FILES(WORLD, NARROW), &facts), "help Gallery Sought");
        cr_expect_str_eq(
                nearest(FILES(WORLD, NARROW, {"z.allow", "[Allow]\nDescription=a\nClass=police\n" ANYTHING}),
                        &facts),
                "z Organisation");
        cr_expect_str_eq(
                nearest(FILES(WORLD, NARROW, {"z.allow", "[Allow]\nDescription=a\nClass=police\n" ANYTHING},
                              {"y.allow", "[Allow]\nDescription=a\nClass=police\n" ANYTHING}),
                        &facts),
                "y Organisation");
        cr_expect_str_eq(nearest(FILES(WORLD), &facts), "none");
}

Test(decide, unmet_conditions_keep_their_order)
{
        Facts facts = search();
        const char *party = "ngo";

        facts.peer.uid = 20;
        facts.operation = "remove";
        facts.gallery = "other";
        facts.on_behalf_of = facts.recipients = &party;
        facts.n_on_behalf_of = facts.n_recipients = 1;
        facts.clock = CLOCK_UNSYNCHRONISED;
        facts.time_usec = fixture_usec("2022-01-01");
        cr_expect_str_eq(
                nearest(FILES(WORLD, NARROW), &facts),
                "help Organisation Operation Purpose Gallery OnBehalfOf Recipient From Until Require");
}

Test(decide, a_denial_of_an_early_step_explains_nothing)
{
        Facts facts = search();

        facts.peer.uid = 11;
        cr_expect_str_eq(nearest(FILES(WORLD, HELP), &facts), "none");
}
