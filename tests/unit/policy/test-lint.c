/* Tests of policy/lint.h: a table of small policies and what is warned of, and of the comments that accept it. */

#include "policy/lint.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/macro.h"
#include "fixture.h"

#define NOW "2020-07-01"

/* What every policy here has. */
#define COMMON                                                                                               \
        {"government.class", "[Class]\nDescription=c\n"},                                                    \
                {"law-enforcement.class", "[Class]\nDescription=c\nParent=government\n"},                    \
                {"police.class", "[Class]\nDescription=c\nParent=law-enforcement\n"},                        \
                {"ngo.class", "[Class]\nDescription=c\n"}, {"press.class", "[Class]\nDescription=c\n"},      \
                {"p.purpose", "[Purpose]\nDescription=p\n"},                                                 \
                {"g.gallery", "[Gallery]\nDescription=g\nModel=m\nDimension=16\n"},                          \
                {"asker.organisation", "[Organisation]\nDescription=o\nClass=ngo\n[Peer]\nUser=1\n"},        \
                {"paper.organisation", "[Organisation]\nDescription=o\nClass=press\n"},                      \
        {                                                                                                    \
                "town.organisation", "[Organisation]\nDescription=o\nClass=police\n"                         \
        }

#define ALLOW        "[Allow]\nDescription=a\nClass=ngo\nOperation=enrol\nPurpose=p\nGallery=g\n"
#define ORGANISATION "[Organisation]\nDescription=o\nClass=ngo\n"

static Policy *load(const FixtureFile *own)
{
        const FixtureFile common[] = {COMMON};
        FixtureFile files[32] = {};
        size_t n = 0;

        for (; n < ARRAY_SIZE(common); n++)
                files[n] = common[n];
        for (size_t i = 0; own[i].path; i++)
                files[n++] = own[i];
        return fixture_load(files);
}

static void expect_lines(const Policy *policy, const char *now, bool standing, const char *expected)
{
        _cleanup_(lint_report_deinit) LintReport report = LINT_REPORT_INIT;
        _cleanup_(buffer_deinit) Buffer lines = BUFFER_INIT;
        size_t n_standing = 0;

        cr_assert_eq(policy_lint(policy, (int64_t)fixture_usec(now), &report), 0);
        for (size_t i = 0; i < report.n; i++) {
                const LintWarning *warning = &report.items[i];
                n_standing += !warning->because;
                if (standing == !warning->because)
                        buffer_append_format(&lines, "%s:%u:%u: %s [%s]%s%s\n", warning->place.file,
                                             warning->place.line, warning->place.column, warning->text,
                                             warning->lint, warning->because ? " " : "",
                                             warning->because ? warning->because : "");
        }
        cr_expect_str_eq(buffer_text(&lines), expected);
        cr_expect_eq(report.n_standing, n_standing);
}

/* Warnings that stand, and nothing else. */
static void expect_warnings(const FixtureFile *own, const char *expected)
{
        Policy *policy = load(own);

        expect_lines(policy, NOW, true, expected);
        expect_lines(policy, NOW, false, "");
        policy_unref(policy);
}

#define FILES(...) ((const FixtureFile[]){__VA_ARGS__, {}})

Test(lint, results_that_may_reach_law_enforcement)
{
        expect_warnings(
                FILES({"a.allow",
                       ALLOW "Recipient=ngo government town\nRecipient=police\nOnBehalfOf=police\n"}),
                "a.allow:7:15: 'Recipient' lets results go to 'government', which may be of law-enforcement; "
                "expected authorisation in 'Require' [results-to-police]\n"
                "a.allow:7:26: 'Recipient' lets results go to 'town', which may be of law-enforcement; "
                "expected authorisation in 'Require' [results-to-police]\n"
                "a.allow:8:11: 'Recipient' lets results go to 'police', which may be of law-enforcement; "
                "expected authorisation in 'Require' [results-to-police]\n"
                "a.allow:9:12: 'OnBehalfOf' lets results go to 'police', which may be of law-enforcement; "
                "expected authorisation in 'Require' [results-to-police]\n");
        expect_warnings(FILES({"a.allow", ALLOW "Recipient=government\nRequire=authorisation case\n"}), "");
        expect_warnings(FILES({"a.allow", ALLOW "Recipient=ngo press\nOnBehalfOf=ngo\n"}), "");
}

Test(lint, results_that_may_reach_whom_a_moratorium_covers)
{
        expect_warnings(
                FILES({"a.allow", ALLOW "Recipient=press ngo\nRequire=case\n"},
                      {"m.moratorium", "[Moratorium]\nDescription=m\nClass=press\n"}),
                "a.allow:7:11: 'Recipient' lets results go to 'press', which may be of press; expected "
                "authorisation in 'Require' [results-to-police]\n");
}

Test(lint, scores_without_a_rate)
{
        expect_warnings(
                FILES({"a.allow", ALLOW "Release=scores\n"}),
                "a.allow:7:9: 'scores' in 'Release' without 'Rate': enough scores give a template away; "
                "expected a rate [scores-without-rate]\n");
        expect_warnings(FILES({"a.allow", ALLOW "Release=scores\nRate=3/h\n"}, {"b.allow", ALLOW}), "");
}

Test(lint, units_of_root_and_of_shared_accounts)
{
        expect_warnings(
                FILES({"a.organisation", ORGANISATION "[Peer]\nUser=thorn root\nUnit=a.service\n"},
                      {"b.organisation", ORGANISATION "[Peer]\nUser=5\n[Peer]\nUser=980\n"},
                      {"c.organisation", ORGANISATION "[Peer]\nUser=5\n[Peer]\nUser=6 6\nUnit=c.service\n"}),
                "a.organisation:5:6: 'Unit' with the user 'thorn', who is also organisation 'b'; expected an "
                "account "
                "for each [shared-account]\n"
                "a.organisation:5:12: 'Unit' with the user root, who may run anything in any unit; expected "
                "an "
                "account of its own [unit-of-root]\n");
        expect_warnings(FILES({"a.organisation", ORGANISATION "[Peer]\nUser=root\n"},
                              {"b.organisation", ORGANISATION "[Peer]\nGroup=searchers\nUnit=b.service\n"}),
                        "");
}

Test(lint, units_that_nobody_is_ever_in)
{
        expect_warnings(FILES({"a.organisation",
                               ORGANISATION "[Peer]\nUser=thorn\nUnit=a.service user@1.service\nUnit=a.scope "
                                            "users@1.service\n[Peer]\nUser=5\nUnit=b.socket\n"}),
                        "a.organisation:6:16: 'user@1.service' in 'Unit', from which nobody is ever known to "
                        "ask; expected a service of the system, and no user's manager "
                        "[unit-without-callers]\n"
                        "a.organisation:7:6: 'a.scope' in 'Unit', from which nobody is ever known to ask; "
                        "expected a service of the system, and no user's manager [unit-without-callers]\n"
                        "a.organisation:10:6: 'b.socket' in 'Unit', from which nobody is ever known to ask; "
                        "expected a service of the system, and no user's manager "
                        "[unit-without-callers]\n");
}

Test(lint, accounts_that_are_everybody_without_a_number)
{
        expect_warnings(FILES({"a.organisation",
                               ORGANISATION "[Peer]\nUser=thorn\nUser=65534\n[Peer]\nGroup=7 65534\n"},
                              {"b.organisation", ORGANISATION "[Peer]\nUser=65533\nGroup=65535\n"}),
                        "a.organisation:6:6: '65534' in 'User', as whom the kernel shows everybody who has "
                        "no number here; "
                        "expected an account of its own [account-of-nobody]\n"
                        "a.organisation:8:9: '65534' in 'Group', as whom the kernel shows everybody who has "
                        "no number "
                        "here; expected an account of its own [account-of-nobody]\n");
}

#define MORATORIUM "[Moratorium]\nDescription=m\nClass=press\n"

Test(lint, reviews_that_are_overdue)
{
        expect_warnings(
                FILES({"a.moratorium", MORATORIUM "ReviewBy=2020-07-01\n"},
                      {"b.moratorium", MORATORIUM "ReviewBy=2020-07-02\n"},
                      {"c.moratorium", MORATORIUM "ReviewBy=2020-01-01\nUntil=2020-06-01\nOnExpiry=lapse\n"},
                      {"d.moratorium", MORATORIUM "ReviewBy=2020-01-01\nUntil=2020-06-01\n"}),
                "a.moratorium:4:10: 'ReviewBy' has passed; expected a review, and the time of the next "
                "[review-overdue]\n"
                "c.moratorium:1:1: it covers nobody any more: it has ended, by a synchronised clock "
                "[covers-nobody]\n"
                "d.moratorium:4:10: 'ReviewBy' has passed; expected a review, and the time of the next "
                "[review-overdue]\n");
}

Test(lint, organisations_that_expire)
{
        expect_warnings(
                FILES({"a.organisation", ORGANISATION "Until=2020-07-01\n"},
                      {"b.organisation", ORGANISATION "Until=2020-07-31\n"},
                      {"c.organisation", ORGANISATION "Until=2020-07-31T00:00:01Z\n"},
                      {"d.organisation", ORGANISATION "Until=2020-07-01T00:00:01Z\n"}),
                "a.organisation:4:7: 'Until' has passed: nobody asks as 'a' any more; expected a later time, "
                "or no such file [about-to-expire]\n"
                "b.organisation:4:7: 'Until' comes within 30 days; expected a later time where 'b' goes on "
                "asking [about-to-expire]\n"
                "d.organisation:4:7: 'Until' comes within 30 days; expected a later time where 'd' goes on "
                "asking [about-to-expire]\n");
}

/* One warning of each lint, each accepted, here in the file and there in a drop-in. */
Test(lint, each_is_accepted_by_a_comment)
{
        Policy *policy = load(FILES(
                {"a.allow", "# check: accept results-to-police because the court told us to\n" ALLOW
                            "Recipient=police government\nRelease=scores\n"},
                {"a.allow.d/x.conf",
                 " ;check:  accept  scores-without-rate  because  they are coarse \n[Allow]\n"},
                {"a.organisation", ORGANISATION "# check: accept about-to-expire because it is to end\n"
                                                "Until=2020-07-02\n[Peer]\nUser=root 7\nUnit=a.service\n"
                                                "# check: accept unit-of-root because it is a test machine\n"
                                                "# check: accept shared-account because b never asks\n"},
                {"b.organisation", ORGANISATION "[Peer]\nUser=7\n"},
                {"m.moratorium",
                 MORATORIUM "ReviewBy=2020-01-01\n# check: accept review-overdue because it was done"}));

        expect_lines(policy, NOW, true, "");
        expect_lines(
                policy, NOW, false,
                "a.allow:8:11: 'Recipient' lets results go to 'police', which may be of law-enforcement; "
                "expected "
                "authorisation in 'Require' [results-to-police] the court told us to\n"
                "a.allow:8:18: 'Recipient' lets results go to 'government', which may be of law-enforcement; "
                "expected authorisation in 'Require' [results-to-police] the court told us to\n"
                "a.allow:9:9: 'scores' in 'Release' without 'Rate': enough scores give a template away; "
                "expected "
                "a rate [scores-without-rate] they are coarse\n"
                "a.organisation:5:7: 'Until' comes within 30 days; expected a later time where 'a' goes on "
                "asking "
                "[about-to-expire] it is to end\n"
                "a.organisation:7:6: 'Unit' with the user root, who may run anything in any unit; expected "
                "an "
                "account of its own [unit-of-root] it is a test machine\n"
                "a.organisation:7:11: 'Unit' with the user '7', who is also organisation 'b'; expected an "
                "account "
                "for each [shared-account] b never asks\n"
                "m.moratorium:4:10: 'ReviewBy' has passed; expected a review, and the time of the next "
                "[review-overdue] it was done\n");
        policy_unref(policy);
}

#define FORM "expected 'check: accept LINT because REASON' [accept]\n"

Test(lint, a_comment_that_accepts_nothing_is_warned_of)
{
        expect_warnings(
                FILES({"a.allow",
                       "# check: accept scores-without-rate because of nothing\n" ALLOW
                       "Recipient=press\n# check: accept nonsense because I say so\n"
                       "# check: accept scores-without-rate\n# check: accept scores-without-rate because \n"
                       "# check: accept scores-without-rate for no reason\n  # check:\n#check: ignore it\n"
                       "# check: accept\n# check:accept scores-without-rate because it sticks\n"
                       "# a check: is mentioned\n# checked\n"}),
                "a.allow:1:1: comment that accepts 'scores-without-rate', of which there is no warning here; "
                "expected "
                "it to be taken out [accept]\n"
                "a.allow:9:1: comment that accepts 'nonsense', which is no lint; " FORM
                "a.allow:10:1: comment that accepts 'scores-without-rate' without a reason; " FORM
                "a.allow:11:1: comment that accepts 'scores-without-rate' without a reason; " FORM
                "a.allow:12:1: comment that accepts 'scores-without-rate' without a reason; " FORM
                "a.allow:13:3: comment that checks nothing; " FORM
                "a.allow:14:1: comment that checks nothing; " FORM
                "a.allow:15:1: comment that checks nothing; " FORM
                "a.allow:16:1: comment that checks nothing; " FORM);
}

Test(lint, a_comment_counts_for_its_own_object_where_it_takes_effect)
{
        expect_warnings(
                FILES({"a.allow", ALLOW "Release=scores\n"},
                      {"b.allow", "# check: accept scores-without-rate because of a\n" ALLOW},
                      {"a.allow", "# check: accept scores-without-rate because it is weaker\n" ALLOW, 1},
                      {"a.allow.d/x.conf", NULL},
                      {"a.allow.d/x.conf", "# check: accept scores-without-rate because it is masked\n", 1}),
                "a.allow:7:9: 'scores' in 'Release' without 'Rate': enough scores give a template away; "
                "expected a rate [scores-without-rate]\n"
                "b.allow:1:1: comment that accepts 'scores-without-rate', of which there is no warning here; "
                "expected it to be taken out [accept]\n");
}

#define SEARCHES "Operation=identify\nPurpose=p\nGallery=g\nSought=any\nMinimumSimilarity=0\n"

Test(lint, allows_under_which_nobody_is_ever_permitted)
{
        expect_warnings(
                FILES({"a.allow", ALLOW "Until=2020-07-01\n"},
                      {"b.allow",
                       "[Allow]\nDescription=a\nClass=police\nOperation=enrol\nPurpose=p\nGallery=g\n"},
                      {"c.allow", "[Allow]\nDescription=a\nOrganisation=late\nOperation=enrol\nPurpose="
                                  "p\nGallery=g\nFrom=2020-10-01\n"},
                      {"d.allow", ALLOW "From=2030-01-01\n"},
                      {"e.allow", "[Allow]\nDescription=a\nOrganisation=banned\n" SEARCHES},
                      {"late.organisation", ORGANISATION "Until=2020-09-01\n[Peer]\nUser=2\n"},
                      {"banned.organisation",
                       "[Organisation]\nDescription=o\nClass=ngo press\n[Peer]\nUser=3\n"},
                      {"m.moratorium", "[Moratorium]\nDescription=m\nClass=press\nOperation=identify\n"},
                      {"s.stand-down", "[StandDown]\nReason=for now\n"}),
                "a.allow:1:1: nobody is ever permitted anything under it: its 'Until' has passed "
                "[dead-allow]\n"
                "b.allow:1:1: nobody is ever permitted anything under it: no organisation that it lets ask "
                "has a "
                "[Peer] [dead-allow]\n"
                "c.allow:1:1: nobody is ever permitted anything under it: whoever it lets ask is not valid, "
                "or a "
                "moratorium covers whatever fits it [dead-allow]\n"
                "e.allow:1:1: nobody is ever permitted anything under it: whoever it lets ask is not valid, "
                "or a "
                "moratorium covers whatever fits it [dead-allow]\n");
}

Test(lint, moratoria_that_cover_nobody)
{
        expect_warnings(
                FILES({"a.moratorium", "[Moratorium]\nDescription=m\nClass=police\n"},
                      {"b.moratorium", "[Moratorium]\nDescription=m\nClass=none\n"},
                      {"c.moratorium",
                       "[Moratorium]\nDescription=m\nClass=police\nUntil=2020-07-01\nOnExpiry=lapse\n"},
                      {"d.moratorium",
                       "[Moratorium]\nDescription=m\nClass=police\nOperation=compare\nGallery=g\n"},
                      {"none.class", "[Class]\nDescription=c\n"}),
                "b.moratorium:3:7: it covers nobody whom the policy knows by name: no organisation is of a "
                "class in "
                "'Class' [covers-nobody]\n"
                "c.moratorium:1:1: it covers nobody any more: it has ended, by a synchronised clock "
                "[covers-nobody]\n"
                "d.moratorium:1:1: it covers nothing: compare has no gallery that 'Gallery' could hold "
                "[covers-nobody]\n");
}

Test(lint, exceptions_that_pierce_nothing)
{
        expect_warnings(
                FILES({"a.allow", ALLOW "Recipient=police\nRequire=authorisation\n"}, {"b.allow", ALLOW},
                      {"c.allow", ALLOW "Recipient=police\nRequire=authorisation\nFrom=2021-01-01\n"},
                      {"m.moratorium",
                       "[Moratorium]\nDescription=m\nClass=police\nUntil=2021-01-01\nOnExpiry=lapse\n"
                       "Except=a b c\n"},
                      {"n.moratorium",
                       "[Moratorium]\nDescription=m\nClass=police\nOperation=list\nExcept=a\n"}),
                "m.moratorium:6:10: the exception for 'b' pierces nothing: nothing that this covers is ever "
                "permitted under it [exception-without-effect]\n"
                "m.moratorium:6:12: the exception for 'c' pierces nothing: nothing that this covers is ever "
                "permitted under it [exception-without-effect]\n"
                "n.moratorium:5:8: the exception for 'a' pierces nothing: nothing that this covers is ever "
                "permitted under it [exception-without-effect]\n");
}

/* Nobody speaks for the three organisations until a site says who does. */
#define SHIPPED_DEAD                                                                                         \
        SHIPPED_POLICY "/ngo-rescue.allow:3:1: nobody is ever permitted anything under it: no organisation " \
                       "that it "                                                                            \
                       "lets ask has a [Peer] [dead-allow]\n"

static void expect_shipped(const char *now, const char *expected)
{
        static const char *const dirs[] = {SHIPPED_POLICY};
        const PolicySource source = {.dirs = dirs, .n_dirs = 1};
        Policy *policy = NULL;
        PolicyFaults faults = {};

        cr_assert_eq(policy_load(&policy, &source, &faults), 0);
        expect_lines(policy, now, true, expected);
        expect_lines(policy, now, false,
                     SHIPPED_POLICY
                     "/police-use.moratorium:8:7: it covers nobody whom the policy knows by name: no "
                     "organisation is of a class in 'Class' [covers-nobody] a site declares the "
                     "departments that it knows; all others are named by class\n");
        policy_unref(policy);
}

Test(lint, the_shipped_policy_wants_its_review)
{
        expect_shipped("2020-07-01", SHIPPED_DEAD);
        expect_shipped(
                "2021-05-10", SHIPPED_DEAD SHIPPED_POLICY
                "/police-use.moratorium:12:10: 'ReviewBy' has passed; expected a review, and the time of the "
                "next [review-overdue]\n");
}
