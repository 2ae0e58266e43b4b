/*
 * Tests of policy/prove.h and of the search under it: small policies of one invariant, each of which holds or is
 * broken for one reason. test-prove-brute.c says that nothing is missed; here stands what is found.
 */

#include "policy/prove.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"
#include "fixture.h"

#define WORLD                                                                                                \
        {"authority.class", "[Class]\nDescription=d\n"},                                                     \
                {"police.class", "[Class]\nDescription=d\nParent=authority\n"},                              \
                {"special.class", "[Class]\nDescription=d\n"}, {"ngo.class", "[Class]\nDescription=d\n"},    \
                {"aid.purpose", "[Purpose]\nDescription=d\n"},                                               \
                {"rescue.purpose", "[Purpose]\nDescription=d\nParent=aid\n"},                                \
                {"trial.purpose", "[Purpose]\nDescription=d\n"},                                             \
                {"g.gallery", "[Gallery]\nDescription=d\nModel=m\nDimension=16\n"},                          \
                {"h.gallery", "[Gallery]\nDescription=d\nModel=m\nDimension=16\n"},                          \
        {                                                                                                    \
                "y.organisation", "[Organisation]\nDescription=d\nClass=police special\n[Peer]\nUser=2\n"    \
        }
#define ORGANISATION(keys, peer)                                                                             \
        {                                                                                                    \
                "x.organisation", "[Organisation]\nDescription=d\nClass=ngo\n" keys "[Peer]\n" peer "\n"     \
        }
#define X ORGANISATION("", "User=1")
#define ALLOW(name, keys)                                                                                    \
        {                                                                                                    \
                name ".allow", "[Allow]\nDescription=d\nClass=ngo\n" keys                                    \
        }
#define INVARIANT(keys)                                                                                      \
        {                                                                                                    \
                "i.invariant", "[Invariant]\nDescription=d\nNever=permit\n" keys                             \
        }
#define MORATORIUM(name, keys)                                                                               \
        {                                                                                                    \
                name ".moratorium", "[Moratorium]\nDescription=d\n" keys                                     \
        }

#define SEARCH "Operation=identify\nPurpose=rescue\nGallery=g\nSought=missing\nMinimumSimilarity=0\n"
#define ENROL  "Operation=enrol\nPurpose=rescue\nGallery=g\n"

#define FILES(...)  ((const FixtureFile[]){WORLD, X, __VA_ARGS__, {}})
#define OTHERS(...) ((const FixtureFile[]){WORLD, __VA_ARGS__, {}})

/* One row of a policy with one invariant; the policy lives on, since the row borrows from it. */
static ProofRow prove(const FixtureFile *files, Policy **ret_policy, Proof *ret_proof)
{
        *ret_policy = fixture_load(files);
        cr_assert_eq(policy_prove(*ret_policy, ret_proof), 0);
        cr_assert_eq(ret_proof->n, 1);
        cr_expect_eq(ret_proof->n_broken, !ret_proof->rows[0].holds);
        return ret_proof->rows[0];
}

static void expect_holds(const FixtureFile *files)
{
        _cleanup_(proof_deinit) Proof proof = PROOF_INIT;
        Policy *policy = NULL;
        ProofRow row = prove(files, &policy, &proof);

        cr_expect(row.holds, "broken by %s", row.facts);
        cr_expect_null(row.facts);
        cr_expect_null(row.allow);
        policy_unref(policy);
}

/* The example holds `part`, and the decision permits it. */
static void expect_broken(const FixtureFile *files, const char *part)
{
        _cleanup_(proof_deinit) Proof proof = PROOF_INIT;
        Policy *policy = NULL;
        ProofRow row = prove(files, &policy, &proof);

        cr_assert_not(row.holds, "it holds; expected %s", part);
        cr_expect_not_null(strstr(row.facts, part), "no %s in %s", part, row.facts);
        cr_expect(row.confirmed);
        policy_unref(policy);
}

Test(prove, a_broken_invariant_is_told_with_all_that_somebody_needs_to_see_it)
{
        _cleanup_(proof_deinit) Proof proof = PROOF_INIT;
        Policy *policy = NULL;
        ProofRow row =
                prove(FILES(ALLOW("a", SEARCH), INVARIANT("# A comment.\nParty=ngo\n")), &policy, &proof);

        cr_expect_str_eq(row.invariant, "i");
        cr_expect_str_eq(row.description, "d");
        cr_expect_str_eq(row.place.file, "i.invariant");
        cr_expect_eq(row.place.line, 1);
        cr_expect_str_eq(row.allow, "a");
        cr_expect_str_eq(row.allow_place.file, "a.allow");
        cr_expect_eq(row.allow_place.line, 1);
        cr_expect_str_eq(row.facts,
                         "{\"uid\":1,\"groups\":[],\"operation\":\"identify\",\"gallery\":\"g\",\"purpose\":"
                         "\"rescue\",\"sought\":\"missing\",\"on_behalf_of\":[],\"recipients\":[],\"probe\":"
                         "\"photograph\",\"time\":\"1970-01-01\",\"clock\":\"synchronised\"}");
        cr_expect(row.confirmed);
        policy_unref(policy);
}

Test(prove, rows_come_by_name_and_each_for_itself)
{
        _cleanup_(proof_deinit) Proof proof = PROOF_INIT;
        Policy *policy = fixture_load(
                FILES(ALLOW("a", SEARCH), {"j.invariant", "[Invariant]\nDescription=d\nNever=permit\n"},
                      INVARIANT("Party=police\n"),
                      {"h.invariant", "[Invariant]\nDescription=d\nNever=permit\nParty=x\n"}));

        cr_assert_eq(policy_prove(policy, &proof), 0);
        cr_assert_eq(proof.n, 3);
        cr_expect_eq(proof.n_broken, 2);
        for (size_t i = 0; i < proof.n; i++) {
                cr_expect_eq(proof.rows[i].invariant[0], "hij"[i]);
                cr_expect_eq(proof.rows[i].holds, i == 1);
        }
        policy_unref(policy);
}

Test(prove, without_an_invariant_there_is_nothing_to_prove)
{
        _cleanup_(proof_deinit) Proof proof = PROOF_INIT;
        Policy *policy = fixture_load(FILES(ALLOW("a", SEARCH)));

        cr_assert_eq(policy_prove(policy, &proof), 0);
        cr_expect_eq(proof.n, 0);
        cr_expect_eq(proof.n_broken, 0);
        policy_unref(policy);
}

/* ----------------------------------------------------------------------------------------------- parties */

#define NOBODY "\"on_behalf_of\":[],\"recipients\":[]"

Test(prove, whoever_asks_is_a_party)
{
        expect_broken(FILES(ALLOW("a", SEARCH), INVARIANT("Party=x\n")), NOBODY);
        expect_broken(FILES(ALLOW("a", SEARCH), INVARIANT("Party=ngo\n")), NOBODY);
        expect_holds(FILES(ALLOW("a", SEARCH), INVARIANT("Party=y police authority special\n")));
}

Test(prove, a_recipient_is_a_party)
{
        expect_broken(FILES(ALLOW("a", SEARCH "Recipient=y\n"), INVARIANT("Party=police\n")),
                      "\"on_behalf_of\":[],\"recipients\":[\"y\"]");
        expect_holds(FILES(ALLOW("a", SEARCH "Recipient=ngo\n"), INVARIANT("Party=police\n")));
}

Test(prove, whoever_it_is_asked_for_is_a_party)
{
        expect_broken(FILES(ALLOW("a", SEARCH "OnBehalfOf=y\n"), INVARIANT("Party=police\n")),
                      "\"on_behalf_of\":[\"y\"],\"recipients\":[]");
        expect_holds(FILES(ALLOW("a", SEARCH "OnBehalfOf=ngo\n"), INVARIANT("Party=police\n")));
}

/* The moratorium keeps y itself out, so that the class alone is left to be named. */
Test(prove, who_names_a_class_may_mean_any_organisation_of_it)
{
        expect_broken(FILES(ALLOW("a", SEARCH "Recipient=police\n"), MORATORIUM("m", "Class=special\n"),
                            INVARIANT("Party=y\n")),
                      "\"recipients\":[\"police\"]");
        expect_holds(FILES(ALLOW("a", SEARCH "Recipient=police\n"), MORATORIUM("m", "Class=police\n"),
                           INVARIANT("Party=y\n")));
}

Test(prove, a_broader_class_may_mean_the_one_that_is_forbidden)
{
        expect_broken(FILES(ALLOW("a", SEARCH "Recipient=authority\n"), MORATORIUM("m", "Class=special\n"),
                            INVARIANT("Party=police\n")),
                      "\"recipients\":[\"authority\"]");
}

Test(prove, a_narrower_class_is_part_of_the_one_that_is_forbidden)
{
        expect_broken(FILES(ALLOW("a", SEARCH "OnBehalfOf=police\n"), MORATORIUM("m", "Class=special\n"),
                            INVARIANT("Party=authority\n")),
                      "\"on_behalf_of\":[\"police\"]");
}

/* The moratorium excepts b alone, whose recipients are all that may be told. */
Test(prove, a_party_under_a_moratorium_is_found_only_where_it_is_excepted)
{
        expect_holds(FILES(ALLOW("a", SEARCH "Recipient=police\n"), ALLOW("b", SEARCH "Recipient=ngo\n"),
                           MORATORIUM("m", "Class=police\nExcept=b\n"), INVARIANT("Party=police\n")));
        expect_broken(FILES(ALLOW("a", SEARCH "Recipient=police\n"), ALLOW("b", ENROL "Recipient=police\n"),
                            MORATORIUM("m", "Class=police\nExcept=b\n"), INVARIANT("Party=police\n")),
                      "\"operation\":\"enrol\"");
}

/* ------------------------------------------------------------------------------- purpose, gallery and role */

Test(prove, a_broader_purpose_may_be_the_one_that_is_forbidden)
{
#define AID "Operation=identify\nPurpose=aid\nGallery=g\nSought=missing\nMinimumSimilarity=0\n"
        expect_broken(FILES(ALLOW("a", AID), INVARIANT("Purpose=rescue\n")), "\"purpose\":\"aid\"");
        expect_broken(FILES(ALLOW("a", SEARCH), INVARIANT("Purpose=aid\n")), "\"purpose\":\"rescue\"");
        expect_holds(FILES(ALLOW("a", AID), INVARIANT("Purpose=trial\n")));
}

/* Of the two purposes that are allowed the moratorium stands against one. */
Test(prove, the_purpose_that_nothing_stands_against_is_found)
{
        expect_broken(FILES(ALLOW("a", "Operation=enrol\nPurpose=rescue trial\nGallery=g\n"),
                            MORATORIUM("m", "Class=ngo\nPurpose=aid\n"), INVARIANT("")),
                      "\"purpose\":\"trial\"");
        expect_holds(FILES(ALLOW("a", "Operation=enrol\nPurpose=aid rescue\nGallery=g\n"),
                           MORATORIUM("m", "Class=ngo\nPurpose=rescue\n"), INVARIANT("")));
}

Test(prove, compare_is_in_any_gallery_and_in_none_that_is_named)
{
#define COMPARE(gallery)                                                                                     \
        "Operation=compare\nPurpose=rescue\nGallery=" gallery "\nSought=missing\nMinimumSimilarity=0\n"
        expect_broken(FILES(ALLOW("a", COMPARE("any")), INVARIANT("")),
                      "\"operation\":\"compare\",\"purpose\"");
        expect_holds(FILES(ALLOW("a", COMPARE("any")), INVARIANT("Gallery=g h\n")));
        expect_holds(FILES(ALLOW("a", COMPARE("g h")), INVARIANT("")));
        expect_holds(FILES(ALLOW("a", COMPARE("any")), MORATORIUM("m", "Class=ngo\nGallery=any\n"),
                           INVARIANT("")));
        expect_broken(
                FILES(ALLOW("a", COMPARE("any")), MORATORIUM("m", "Class=ngo\nGallery=g h\n"), INVARIANT("")),
                "\"operation\":\"compare\"");
}

Test(prove, a_gallery_is_looked_at_where_the_invariant_names_it)
{
        expect_holds(FILES(ALLOW("a", SEARCH), INVARIANT("Gallery=h\n")));
        expect_broken(
                FILES(ALLOW("a", "Operation=enrol\nPurpose=rescue\nGallery=any\n"), INVARIANT("Gallery=h\n")),
                "\"gallery\":\"h\"");
}

Test(prove, a_role_is_looked_at_by_the_allow_only_where_something_is_searched)
{
        expect_holds(FILES(ALLOW("a", SEARCH), INVARIANT("Sought=suspect\n")));
        expect_broken(FILES(ALLOW("a", ENROL), INVARIANT("Sought=suspect\n")), "\"sought\":\"suspect\"");
        expect_broken(FILES(ALLOW("a", SEARCH), INVARIANT("Sought=suspect missing\n")),
                      "\"sought\":\"missing\"");
        expect_holds(FILES(ALLOW("a", ENROL), INVARIANT("Operation=identify\nSought=suspect\n")));
}

Test(prove, all_that_an_allow_requires_is_given)
{
        expect_broken(FILES(ALLOW("a", SEARCH "Require=operator case\nProbe=sketch\n"), INVARIANT("")),
                      "\"probe\":\"sketch\",\"case\":\"a case\",\"operator\":\"an operator\",\"time\"");
        expect_broken(FILES(ALLOW("a", SEARCH "Require=authorisation\n"), INVARIANT("")),
                      "\"authorisation\":\"an authorisation\",\"time\"");
}

Test(prove, a_rate_does_not_make_it_hold)
{
        expect_broken(FILES(ALLOW("a", SEARCH "Rate=1/d\n"), INVARIANT("")), "\"uid\":1");
}

/* --------------------------------------------------------------------------------------------- stand-downs */

#define STAND_DOWN(keys)                                                                                     \
        {                                                                                                    \
                "s.stand-down", "[StandDown]\nReason=r\n" keys                                               \
        }

Test(prove, what_is_stood_down_breaks_nothing)
{
        expect_holds(FILES(ALLOW("a", SEARCH), STAND_DOWN(""), INVARIANT("")));
        expect_holds(FILES(ALLOW("a", SEARCH), STAND_DOWN("Organisation=x\nPurpose=aid\n"), INVARIANT("")));
        expect_broken(FILES(ALLOW("a", SEARCH), STAND_DOWN("Organisation=y\n"), INVARIANT("")), "\"uid\":1");
        expect_broken(FILES(ALLOW("a", SEARCH), STAND_DOWN("Gallery=h\n"), INVARIANT("")), "\"uid\":1");
}

/* Two stand-downs that each stop a part leave the request that neither stops. */
Test(prove, what_two_stand_downs_leave_is_found)
{
        static const char allow[] =
                "[Allow]\nDescription=d\nClass=ngo\nOperation=enrol list\nPurpose=rescue\n"
                "Gallery=g h\n";

        expect_broken(FILES({"a.allow", allow}, STAND_DOWN("Operation=enrol\n"),
                            {"t.stand-down", "[StandDown]\nReason=r\nGallery=g\n"}, INVARIANT("")),
                      "\"operation\":\"list\",\"gallery\":\"h\"");
}

/* --------------------------------------------------------------------------------------------------- times */

#define TIME(usec) "2020-01-01T00:00:00.00000" usec "Z"

Test(prove, an_invariant_is_about_its_own_time_only)
{
        expect_holds(FILES(ALLOW("a", SEARCH "Until=" TIME("1") "\n"), INVARIANT("From=" TIME("1") "\n")));
        expect_broken(FILES(ALLOW("a", SEARCH "Until=" TIME("2") "\n"), INVARIANT("From=" TIME("1") "\n")),
                      "\"time\":\"" TIME("1") "\"");
        expect_holds(FILES(ALLOW("a", SEARCH "From=" TIME("1") "\n"), INVARIANT("Until=" TIME("1") "\n")));
        expect_broken(FILES(ALLOW("a", SEARCH "From=" TIME("1") "\n"), INVARIANT("Until=" TIME("2") "\n")),
                      "\"time\":\"" TIME("1") "\"");
}

Test(prove, an_organisation_counts_while_it_is_valid)
{
        expect_broken(OTHERS(ORGANISATION("From=" TIME("3") "\n", "User=1"), ALLOW("a", SEARCH),
                             INVARIANT("Until=" TIME("4") "\n")),
                      "\"time\":\"" TIME("3") "\"");
        expect_holds(OTHERS(ORGANISATION("From=" TIME("3") "\n", "User=1"), ALLOW("a", SEARCH),
                            INVARIANT("Until=" TIME("3") "\n")));
        expect_holds(OTHERS(ORGANISATION("Until=" TIME("3") "\n", "User=1"),
                            ALLOW("a", SEARCH "From=" TIME("3") "\n"), INVARIANT("")));
        expect_broken(OTHERS(ORGANISATION("Until=" TIME("3") "\n", "User=1"),
                             ALLOW("a", SEARCH "From=" TIME("2") "\n"), INVARIANT("")),
                      "\"time\":\"" TIME("2") "\"");
}

#define LAPSES "OnExpiry=lapse\n"

Test(prove, a_gap_of_a_microsecond_between_two_moratoria_is_found)
{
        expect_broken(FILES(ALLOW("a", SEARCH), MORATORIUM("m", "Class=ngo\nUntil=" TIME("1") "\n" LAPSES),
                            MORATORIUM("n", "Class=ngo\nFrom=" TIME("2") "\n"), INVARIANT("")),
                      "\"time\":\"" TIME("1") "\"");
        expect_holds(FILES(ALLOW("a", SEARCH), MORATORIUM("m", "Class=ngo\nUntil=" TIME("1") "\n" LAPSES),
                           MORATORIUM("n", "Class=ngo\nFrom=" TIME("1") "\n"), INVARIANT("")));
}

/* In the order of names the third begins the chain and the first ends it. */
Test(prove, a_chain_of_moratoria_in_any_order_holds_until_its_end)
{
        expect_broken(FILES(ALLOW("a", SEARCH),
                            MORATORIUM("k", "Class=ngo\nFrom=" TIME("2") "\nUntil=" TIME("4") "\n" LAPSES),
                            MORATORIUM("m", "Class=ngo\nFrom=" TIME("1") "\nUntil=" TIME("2") "\n" LAPSES),
                            MORATORIUM("n", "Class=ngo\nUntil=" TIME("1") "\n" LAPSES), INVARIANT("")),
                      "\"time\":\"" TIME("4") "\"");
}

/* Each alone leaves a party to be named; together with the asker's own they leave none at any time. */
Test(prove, moratoria_of_different_classes_close_each_others_gaps)
{
        expect_holds(FILES(ALLOW("a", SEARCH "Recipient=y\n"),
                           MORATORIUM("m", "Class=police\nUntil=" TIME("5") "\n" LAPSES),
                           MORATORIUM("n", "Class=ngo\nFrom=" TIME("5") "\n"), INVARIANT("Party=y\n")));
        expect_broken(FILES(ALLOW("a", SEARCH "Recipient=y\n"),
                            MORATORIUM("m", "Class=police\nUntil=" TIME("5") "\n" LAPSES),
                            MORATORIUM("n", "Class=ngo\nFrom=" TIME("6") "\n"), INVARIANT("Party=y\n")),
                      "\"time\":\"" TIME("5") "\"");
}

Test(prove, a_moratorium_that_holds_outlives_its_date_until_it_is_released)
{
        /* The digest of this moratorium's text. */
        static const FixtureFile release = {
                "r.release", "[Release]\nMoratorium=m\nReason=r\nDigest="
                             "7dad48520180f23f58f91fa448dcc585d760ddd81c04c909b159d1f7ac42038d\n"};

        expect_holds(FILES(ALLOW("a", SEARCH), MORATORIUM("m", "Class=ngo\nUntil=" TIME("7") "\n"),
                           INVARIANT("")));
        expect_broken(FILES(ALLOW("a", SEARCH), MORATORIUM("m", "Class=ngo\nUntil=" TIME("7") "\n"), release,
                            INVARIANT("")),
                      "\"time\":\"" TIME("7") "\"");
}

Test(prove, an_invariant_goes_with_the_moratorium_of_its_While)
{
#define WITH_M(allow, moratorium)                                                                            \
        FILES(ALLOW("a", allow), MORATORIUM("m", "Class=police\n" moratorium), INVARIANT("While=m\n"))
        expect_holds(WITH_M(SEARCH "Until=" TIME("1") "\n", "From=" TIME("1") "\n"));
        expect_broken(WITH_M(SEARCH "Until=" TIME("2") "\n", "From=" TIME("1") "\n"),
                      "\"time\":\"" TIME("1") "\"");
        expect_holds(WITH_M(SEARCH "From=" TIME("8") "\n", "Until=" TIME("8") "\n" LAPSES));
        expect_broken(WITH_M(SEARCH "From=" TIME("8") "\n", "Until=" TIME("8") "\n"),
                      "\"time\":\"" TIME("8") "\"");
}

Test(prove, the_first_instant_that_facts_can_be_about_is_that_of_1970)
{
        expect_holds(FILES(ALLOW("a", SEARCH "Until=1970-01-01\n"), INVARIANT("")));
        expect_holds(FILES(ALLOW("a", SEARCH), INVARIANT("From=1960-01-01\nUntil=1970-01-01\n")));
        expect_broken(FILES(ALLOW("a", SEARCH "From=1969-12-31T23:59:59.999999Z\nUntil="
                                              "1970-01-01T00:00:00.000001Z\n"),
                            INVARIANT("From=1960-01-01\n")),
                      "\"time\":\"1970-01-01\"");
}

Test(prove, the_last_year_counts_to_its_end)
{
        expect_broken(FILES(ALLOW("a", SEARCH "From=9999-12-31T23:59:59.999999Z\n"), INVARIANT("")),
                      "\"time\":\"9999-12-31T23:59:59.999999Z\"");
}

Test(prove, bounds_that_leave_no_time_break_nothing)
{
        expect_holds(FILES(ALLOW("a", SEARCH "From=2021-01-01\n"), INVARIANT("Until=2020-01-01\n")));
        expect_holds(OTHERS(ORGANISATION("Until=2020-01-01\n", "User=1"), ALLOW("a", SEARCH),
                            INVARIANT("From=2020-01-01\n")));
}

/* ------------------------------------------------------------------------------------------------- callers */

#define OTHER(keys, peer)                                                                                    \
        {                                                                                                    \
                "z.organisation", "[Organisation]\nDescription=d\nClass=special\n" keys "[Peer]\n" peer "\n" \
        }

Test(prove, an_organisation_that_nobody_can_be_breaks_nothing)
{
        expect_holds(OTHERS({"x.organisation", "[Organisation]\nDescription=d\nClass=ngo\n"},
                            ALLOW("a", SEARCH), INVARIANT("")));
}

Test(prove, whoever_always_wears_two_hats_breaks_nothing)
{
        expect_holds(FILES(OTHER("", "User=1"), ALLOW("a", SEARCH), INVARIANT("")));
        expect_holds(OTHERS(ORGANISATION("", "User=1\nUnit=s.service"), OTHER("", "User=1"),
                            ALLOW("a", SEARCH), INVARIANT("")));
}

Test(prove, the_hat_that_comes_alone_is_found)
{
        expect_broken(OTHERS(ORGANISATION("", "User=1"), OTHER("", "User=1\nUnit=s.service"),
                             ALLOW("a", SEARCH), INVARIANT("")),
                      "{\"uid\":1,\"groups\":[],\"operation\"");
        expect_broken(
                OTHERS(ORGANISATION("", "User=1 3"), OTHER("", "User=1"), ALLOW("a", SEARCH), INVARIANT("")),
                "\"uid\":3");
        expect_broken(OTHERS(ORGANISATION("", "User=1\n[Peer]\nGroup=7\nUnit=s.service"), OTHER("", "User=1"),
                             ALLOW("a", SEARCH), INVARIANT("")),
                      "\"uid\":65534,\"groups\":[7],\"unit\":\"s.service\",\"operation\"");
}

Test(prove, a_caller_is_found_who_is_the_same_until_the_other_ends)
{
        expect_broken(OTHERS(X, OTHER("Until=" TIME("5") "\n", "User=1"), ALLOW("a", SEARCH), INVARIANT("")),
                      "\"time\":\"" TIME("5") "\"");
        expect_broken(OTHERS(X, OTHER("From=" TIME("5") "\n", "User=1"),
                             ALLOW("a", SEARCH "From=" TIME("4") "\n"), INVARIANT("")),
                      "\"time\":\"" TIME("4") "\"");
        expect_holds(OTHERS(X, OTHER("From=" TIME("4") "\n", "User=1"),
                            ALLOW("a", SEARCH "From=" TIME("4") "\n"), INVARIANT("")));
        expect_holds(OTHERS(X, OTHER("Until=" TIME("5") "\n", "User=1"),
                            ALLOW("a", SEARCH "Until=" TIME("5") "\n"), INVARIANT("")));
}

/* The other hat is off from 3 until 6, the moratorium until 5. */
Test(prove, gaps_of_callers_and_of_moratoria_are_found_together)
{
        static const FixtureFile third = {
                "w.organisation",
                "[Organisation]\nDescription=d\nClass=special\nUntil=" TIME("3") "\n[Peer]\nUser=1\n"};

        expect_broken(OTHERS(X, third, OTHER("From=" TIME("6") "\n", "User=1"),
                             MORATORIUM("m", "Class=ngo\nUntil=" TIME("5") "\n" LAPSES), ALLOW("a", SEARCH),
                             INVARIANT("")),
                      "\"time\":\"" TIME("5") "\"");
        expect_holds(OTHERS(X, third, OTHER("From=" TIME("6") "\n", "User=1"),
                            MORATORIUM("m", "Class=ngo\nUntil=" TIME("6") "\n" LAPSES), ALLOW("a", SEARCH),
                            INVARIANT("")));
}

Test(prove, a_label_and_a_group_are_given_where_they_are_asked_for)
{
        expect_broken(OTHERS(ORGANISATION("", "Group=8\nSecurityLabel=system_u:r:x"), ALLOW("a", SEARCH),
                             INVARIANT("")),
                      "{\"uid\":65534,\"groups\":[8],\"label\":\"system_u:r:x\",\"operation\"");
}

/* Of one sort with x, which is never itself; the second is looked at nevertheless. */
Test(prove, an_asker_like_one_that_cannot_be_is_tried)
{
        expect_broken(OTHERS({"w.organisation", "[Organisation]\nDescription=d\nClass=ngo\nUntil=1960-01-01\n"
                                                "[Peer]\nUser=5\n"},
                             X, ALLOW("a", SEARCH), INVARIANT("")),
                      "\"uid\":1");
}

/* So is one that is forbidden itself, where another is not. */
Test(prove, an_asker_like_one_that_is_not_forbidden_is_tried)
{
        expect_broken(FILES({"w.organisation", "[Organisation]\nDescription=d\nClass=ngo\n[Peer]\nUser=5\n"},
                            ALLOW("a", SEARCH), INVARIANT("Party=x\n")),
                      "\"uid\":1");
}

/* ------------------------------------------------------------------------------------------------- loading */

static char folder[] = "/tmp/test-prove-XXXXXX";

static void put_folder(void)
{
        static const FixtureFile files[] = {WORLD, X, ALLOW("a", SEARCH), INVARIANT("Party=ngo\n"), {}};

        cr_assert(mkdtemp(folder) && chdir(folder) == 0);
        for (size_t i = 0; files[i].path; i++) {
                FILE *file = fopen(files[i].path, "we");
                cr_assert_not_null(file);
                cr_assert_geq(fputs(files[i].text, file), 0);
                cr_assert_eq(fclose(file), 0);
        }
}

static void remove_folder(void)
{
        char command[64];

        (void)snprintf(command, sizeof(command), "rm -r %s", folder);
        cr_assert_eq(system(command), 0);
}

Test(prove, a_policy_that_breaks_its_own_invariant_does_not_load, .init = put_folder, .fini = remove_folder)
{
        static const char *const dirs[] = {"."};
        PolicySource source = {.dirs = dirs, .n_dirs = 1};
        PolicyFaults faults = {};
        Policy *policy = NULL;

        cr_assert_eq(policy_load(&policy, &source, &faults), POLICY_E_INVALID);
        cr_expect_null(policy);
        cr_assert_eq(faults.n, 1);
        cr_expect_str_eq(
                faults.lines[0],
                "./i.invariant:1:1: invariant 'i' does not hold: 'a' at ./a.allow:1 permits {\"uid\":1,"
                "\"groups\":[],\"operation\":\"identify\",\"gallery\":\"g\",\"purpose\":\"rescue\","
                "\"sought\":"
                "\"missing\",\"on_behalf_of\":[],\"recipients\":[],\"probe\":\"photograph\",\"time\":"
                "\"1970-01-01\",\"clock\":\"synchronised\"}; expected no such request to be permitted: "
                "narrow "
                "that allow");
        policy_faults_deinit(&faults);
        source.unproved = true;
        cr_assert_eq(policy_load(&policy, &source, &faults), 0);
        cr_expect_eq(faults.n, 0);
        policy_unref(policy);
}
