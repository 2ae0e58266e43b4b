/*
 * Tests of policy/grants.h: what rows say of small policies, and which of them a question leaves.
 */

#include "policy/grants.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/macro.h"
#include "fixture.h"

#define WORLD                                                                                                \
        {"ngo.class", "[Class]\nDescription=d\n"}, {"police.class", "[Class]\nDescription=d\n"},             \
                {"city.class", "[Class]\nDescription=d\nParent=police\n"},                                   \
                {"aid.purpose", "[Purpose]\nDescription=d\n"},                                               \
                {"rescue.purpose", "[Purpose]\nDescription=d\nParent=aid\n"},                                \
                {"g.gallery", "[Gallery]\nDescription=d\nModel=m\nDimension=16\n"},                          \
                {"h.gallery", "[Gallery]\nDescription=d\nModel=m\nDimension=16\n"},                          \
                {"w.organisation", "[Organisation]\nDescription=d\nClass=ngo\n[Peer]\nUser=3\n"},            \
                {"x.organisation", "[Organisation]\nDescription=d\nClass=ngo\n[Peer]\nUser=1\n"},            \
        {                                                                                                    \
                "y.organisation", "[Organisation]\nDescription=d\nClass=city\n[Peer]\nUser=2\n"              \
        }
#define ALLOW(name, keys)                                                                                    \
        {                                                                                                    \
                name ".allow", "[Allow]\nDescription=d\nClass=ngo\n" keys                                    \
        }
#define MORATORIUM(keys)                                                                                     \
        {                                                                                                    \
                "m.moratorium", "[Moratorium]\nDescription=d\n" keys                                         \
        }
#define SEARCH       "Operation=identify\nPurpose=aid\nGallery=any\nSought=missing victim\nMinimumSimilarity=0.5\n"
#define FILES(...)   ((const FixtureFile[]){WORLD, __VA_ARGS__, {}})
#define QUERY(...)   ((const GrantsQuery){__VA_ARGS__})
#define ALWAYS       QUERY(.at = {1, 1})
#define SEARCHES(at) "identify for aid,rescue in g,h seeking victim,missing by photograph,video-frame" at

static void append_list(const char *word, const GrantNames *names, Buffer *text)
{
        buffer_append_text(text, word);
        for (size_t i = 0; i < names->n; i++)
                buffer_append_format(text, "%s%s", i > 0 ? "," : "", names->items[i]);
        if (names->n == 0)
                buffer_append_text(text, "-");
}

static void append_words(const char *word, const Vocabulary *vocabulary, uint32_t mask, Buffer *text)
{
        buffer_append_text(text, word);
        vocabulary_list(vocabulary, mask, ",", text);
}

/* A row as one line, with what its operations look at. */
static void append_grant(const Grant *grant, Buffer *text)
{
        buffer_append_format(text, "%s: ", grant->allow);
        append_list("", &grant->askers, text);
        append_words(" may ", &vocabulary_operations, grant->operations, text);
        append_list(" for ", &grant->purposes, text);
        append_list(" in ", &grant->galleries, text);
        if (grant->operations & OPERATIONS_SEARCH)
                append_words(" seeking ", &vocabulary_roles, grant->roles, text);
        if (grant->operations & OPERATIONS_PROBE)
                append_words(" by ", &vocabulary_probes, grant->probes, text);
        if (grant->on_behalf_of.n > 0)
                append_list(" for the sake of ", &grant->on_behalf_of, text);
        if (grant->recipients.n > 0)
                append_list(" seen by ", &grant->recipients, text);
        if (grant->requirements)
                append_words(" stating ", &vocabulary_requirements, grant->requirements, text);
        buffer_append_text(text, "\n");
}

static void expect_rows(const FixtureFile *files, GrantsQuery query, const char *expected)
{
        _cleanup_(grants_deinit) Grants grants = GRANTS_INIT;
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        Policy *policy = fixture_load(files);

        cr_assert_null(grants_unknown(policy, &query));
        cr_assert_eq(policy_grants(policy, &query, &grants), 0);
        for (size_t i = 0; i < grants.n; i++)
                append_grant(&grants.items[i], &text);
        cr_expect_str_eq(buffer_text(&text), expected);
        policy_unref(policy);
}

Test(grants, askers_whom_no_rule_tells_apart_share_a_row)
{
        expect_rows(FILES(ALLOW("a", SEARCH)), ALWAYS, "a: w,x may " SEARCHES("\n"));
        expect_rows(
                FILES({"s.stand-down", "[StandDown]\nReason=r\nOrganisation=w\nGallery=g\n"},
                      ALLOW("a", SEARCH)),
                ALWAYS,
                "a: w,x may identify for aid,rescue in h seeking victim,missing by photograph,video-frame\n"
                "a: x may identify for aid,rescue in g seeking victim,missing by photograph,video-frame\n");
}

Test(grants, rows_come_by_allow_and_each_for_itself)
{
        expect_rows(FILES(ALLOW("b", SEARCH), ALLOW("a", SEARCH "Require=case operator\n"),
                          ALLOW("0", "Operation=list\nPurpose=rescue\nGallery=h\n")),
                    ALWAYS,
                    "0: w,x may list for rescue in h\na: w,x may " SEARCHES(
                            " stating case,operator\n") "b: w,x may " SEARCHES("\n"));
}

Test(grants, compare_has_a_row_without_a_gallery)
{
        expect_rows(FILES(ALLOW("a", "Operation=compare list\nPurpose=rescue\nGallery=any\nSought=victim\n"
                                     "MinimumSimilarity=0\n")),
                    ALWAYS,
                    "a: w,x may list for rescue in g,h\n"
                    "a: w,x may compare for rescue in - seeking victim by photograph,video-frame\n");
        expect_rows(FILES(ALLOW("a", "Operation=compare\nPurpose=rescue\nGallery=g h\nSought=victim\n"
                                     "MinimumSimilarity=0\n")),
                    ALWAYS, "");
}

Test(grants, who_may_be_named_is_the_set_that_brings_in_no_moratorium)
{
#define NAMING SEARCH "Recipient=ngo police\nOnBehalfOf=y\n"
        expect_rows(FILES(ALLOW("a", NAMING)), ALWAYS,
                    "a: w,x may " SEARCHES(" for the sake of y seen by city,ngo,police,w,x,y\n"));
        expect_rows(FILES(ALLOW("a", NAMING), MORATORIUM("Class=city\n")), ALWAYS,
                    "a: w,x may " SEARCHES(" seen by ngo,w,x\n"));
        expect_rows(FILES(ALLOW("a", NAMING), MORATORIUM("Class=city\nExcept=a\n")), ALWAYS,
                    "a: w,x may " SEARCHES(" for the sake of y seen by city,ngo,police,w,x,y\n"));
}

Test(grants, names_divide_rows_where_a_moratorium_is_about_a_part)
{
        expect_rows(FILES(ALLOW("a", "Operation=list remove\nPurpose=aid\nGallery=g\nRecipient=y\n"),
                          MORATORIUM("Class=police\nOperation=remove\n")),
                    ALWAYS,
                    "a: w,x may remove for aid,rescue in g\n"
                    "a: w,x may list for aid,rescue in g seen by y\n");
}

Test(grants, what_is_stopped_or_covered_is_in_no_row)
{
        expect_rows(FILES(ALLOW("a", SEARCH), {"s.stand-down", "[StandDown]\nReason=r\n"}), ALWAYS, "");
        expect_rows(FILES(ALLOW("a", SEARCH), MORATORIUM("Class=ngo\nPurpose=rescue\n")), ALWAYS, "");
        expect_rows(FILES(ALLOW("a", SEARCH), MORATORIUM("Class=ngo\nGallery=g\n")), ALWAYS,
                    "a: w,x may identify for aid,rescue in h seeking victim,missing by photograph,"
                    "video-frame\n");
}

Test(grants, rows_are_of_an_instant)
{
        static const FixtureFile files[] = {WORLD,
                                            ALLOW("a", SEARCH "From=1970-01-01T00:00:00.00001Z\n"),
                                            MORATORIUM("Class=ngo\nFrom=1970-01-01T00:00:00.00002Z\n"),
                                            {}};

        expect_rows(files, QUERY(.at = {9, 9}), "");
        expect_rows(files, QUERY(.at = {10, 10}), "a: w,x may " SEARCHES("\n"));
        expect_rows(files, QUERY(.at = {19, 19}), "a: w,x may " SEARCHES("\n"));
        expect_rows(files, QUERY(.at = {20, 20}), "");
        /* An allow begins at the loosening time. */
        expect_rows(files, QUERY(.at = {19, 9}), "");
        expect_rows(files, QUERY(.at = {19, 10}), "a: w,x may " SEARCHES("\n"));
}

Test(grants, only_who_can_ask_then_is_in_a_row)
{
        expect_rows(FILES(ALLOW("a", SEARCH),
                          {"u.organisation", "[Organisation]\nDescription=d\nClass=ngo\nFrom="
                                             "1970-01-02\n[Peer]\nUser=1\n"},
                          {"v.organisation", "[Organisation]\nDescription=d\nClass=ngo\n"}),
                    ALWAYS, "a: w,x may " SEARCHES("\n"));
        expect_rows(FILES(ALLOW("a", SEARCH),
                          {"u.organisation", "[Organisation]\nDescription=d\nClass=ngo\n[Peer]\nUser=1\n"}),
                    ALWAYS, "a: w may " SEARCHES("\n"));
}

Test(grants, a_row_says_what_a_permit_gives)
{
        _cleanup_(grants_deinit) Grants grants = GRANTS_INIT;
        Policy *policy = fixture_load(
                FILES(ALLOW("a", "# First\n" SEARCH "Release=scores\nMaximumCandidates=7\nRate=9/h\n"),
                      ALLOW("b", SEARCH)));
        const GrantsQuery query = ALWAYS;

        cr_assert_eq(policy_grants(policy, &query, &grants), 0);
        cr_assert_eq(grants.n, 2);
        cr_expect_str_eq(grants.items[0].place.file, "a.allow");
        cr_expect_eq(grants.items[0].place.line, 1);
        cr_expect_eq(grants.items[0].floor_millionths, 500000);
        cr_expect_eq(grants.items[0].limit, 7);
        cr_expect_eq(grants.items[0].release, RELEASE_SCORES);
        cr_expect_str_eq(grants.items[0].rate, "9/h");
        cr_expect_eq(grants.items[1].limit, 10);
        cr_expect_eq(grants.items[1].release, RELEASE_CANDIDATES);
        cr_expect_null(grants.items[1].rate);
        policy_unref(policy);
}

/* ----------------------------------------------------------------------------------------------- questions */

static const FixtureFile questions[] = {
        WORLD,
        ALLOW("a", SEARCH "Recipient=y\n"),
        ALLOW("b", "Operation=enrol list\nPurpose=rescue\nGallery=g\nProbe=sketch\nOnBehalfOf=police\n"),
        {}};

#define ENROLS "enrol,list for rescue in g by sketch for the sake of city,police,y\n"

Test(grants, a_question_leaves_the_rows_that_it_is_about)
{
        expect_rows(questions, ALWAYS, "a: w,x may " SEARCHES(" seen by y\n") "b: w,x may " ENROLS);
        expect_rows(questions, QUERY(.organisation = "w", .operation = "list"),
                    "b: w may list for rescue in g for the sake of city,police,y\n");
        expect_rows(questions, QUERY(.organisation = "y"), "");
        expect_rows(questions, QUERY(.purpose = "aid", .gallery = "h"),
                    "a: w,x may identify for aid in h seeking victim,missing by photograph,video-frame seen "
                    "by y\n");
        expect_rows(questions, QUERY(.operation = "compare"), "");
}

Test(grants, a_question_about_a_role_or_a_probe_is_about_operations_that_have_one)
{
        expect_rows(
                questions, QUERY(.sought = "victim"),
                "a: w,x may identify for aid,rescue in g,h seeking victim by photograph,video-frame seen by "
                "y\n");
        expect_rows(questions, QUERY(.sought = "suspect"), "");
        expect_rows(questions, QUERY(.probe = "sketch"),
                    "b: w,x may enrol for rescue in g by sketch for the sake of city,police,y\n");
        expect_rows(
                questions, QUERY(.probe = "photograph"),
                "a: w,x may identify for aid,rescue in g,h seeking victim,missing by photograph seen by y\n");
}

Test(grants, a_question_about_a_name_is_about_whom_it_is_possible_for)
{
        expect_rows(questions, QUERY(.recipient = "y"), "a: w,x may " SEARCHES(" seen by y\n"));
        expect_rows(questions, QUERY(.recipient = "city"), "");
        expect_rows(questions, QUERY(.on_behalf_of = "city"), "b: w,x may " ENROLS);
        /* Whoever asks may name itself. */
        expect_rows(questions, QUERY(.on_behalf_of = "x"),
                    "a: x may " SEARCHES(" seen by y\n") "b: x may " ENROLS);
        expect_rows(questions, QUERY(.on_behalf_of = "x", .recipient = "w"), "");
}

Test(grants, a_question_about_a_gallery_is_not_about_compare)
{
        const FixtureFile allow = ALLOW("a", "Operation=compare\nPurpose=rescue\nGallery=any\nSought=victim\n"
                                             "MinimumSimilarity=0\n");

        expect_rows(FILES(allow), QUERY(.gallery = "g"), "");
        expect_rows(FILES(allow), QUERY(.purpose = "rescue"),
                    "a: w,x may compare for rescue in - seeking victim by photograph,video-frame\n");
}

Test(grants, the_first_name_that_the_policy_does_not_know_is_told)
{
        static const struct {
                GrantsQuery query;
                const char *unknown;
        } rows[] = {
                {{.organisation = "police"}, "police"},
                {{.organisation = "x"}, NULL},
                {{.operation = "search"}, "search"},
                {{.operation = "any"}, "any"},
                {{.purpose = "x"}, "x"},
                {{.gallery = "i"}, "i"},
                {{.sought = "sketch"}, "sketch"},
                {{.sought = "unknown"}, NULL},
                {{.probe = "victim"}, "victim"},
                {{.on_behalf_of = "rescue"}, "rescue"},
                {{.on_behalf_of = "police"}, NULL},
                {{.recipient = "y"}, NULL},
                {{.recipient = ""}, ""},
                {{.purpose = "none", .gallery = "nowhere"}, "none"},
        };
        Policy *policy = fixture_load(questions);

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const char *unknown = grants_unknown(policy, &rows[i].query);
                if (rows[i].unknown)
                        cr_expect(unknown && strcmp(unknown, rows[i].unknown) == 0, "row %zu: %s", i,
                                  unknown);
                else
                        cr_expect_null(unknown, "row %zu: %s", i, unknown);
        }
        policy_unref(policy);
}
