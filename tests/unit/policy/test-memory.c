/*
 * Memory that runs out at each single allocation: loading and deciding say -ENOMEM, hand nothing out and
 * leave nothing behind. The linker puts the allocators below between the library and the C library (--wrap).
 */

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "fixture.h"
#include "policy/diff.h"
#include "policy/explain.h"
#include "policy/grants.h"
#include "policy/lint.h"
#include "policy/prove.h"

void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);

static long n_left = -1; /* allocations until one fails; negative: none does */

static bool fails(void)
{
        if (n_left < 0)
                return false;
        return n_left-- == 0;
}

/* One pointer is the digest's own state: base promises to abort there, so it is left alone. */
void *__wrap_calloc(size_t n, size_t size)
{
        return n * size != sizeof(void *) && fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
        return fails() ? NULL : __real_realloc(p, size);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
        return fails() ? NULL : __real_reallocarray(p, n, size);
}

/* Each `n` until everything went well. Return: how many allocations there were. */
static long each_failure(int (*run)(const Policy *), const Policy *policy, int good)
{
        for (long n = 0;; n++) {
                n_left = n;
                int r = run(policy);
                bool done = n_left >= 0;
                n_left = -1;
                if (done) {
                        cr_expect_eq(r, good);
                        return n;
                }
                cr_expect_eq(r, -ENOMEM, "allocation %ld: %d", n, r);
        }
}

static int compile(const char *allow, const Policy *unused)
{
        const struct {
                const char *path, *text;
        } texts[] = {
                {"a.allow", allow},
                {"a.allow.d/x.conf", "[Allow]\nRate=5/s\n"},
                {"c.class", "[Class]\nDescription=c\n"},
                {"d.class", "[Class]\nDescription=d\nParent=c\n"},
                {"g.gallery", "[Gallery]\nDescription=g\nModel=m\nDimension=16\n"},
                {"m.moratorium", "[Moratorium]\nDescription=m\nClass=c\nPurpose=p\n"},
                {"o.organisation",
                 "[Organisation]\nDescription=o\nClass=c d\n[Peer]\nUser=thorn 5\nGroup=thorn\n"},
                {"p.purpose", "[Purpose]\nDescription=p\n"},
                {"s.stand-down", "[StandDown]\nReason=s\n"},
        };
        static const char accounts[] = "thorn:x:980:980\n";
        SourceFile files[ARRAY_SIZE(texts)];
        _cleanup_(faults_deinit) Faults faults = FAULTS_INIT;
        AccountFile account_file = {"f", accounts, sizeof(accounts) - 1, 0};
        CompileInput input = {.files = files,
                              .n_files = ARRAY_SIZE(texts),
                              .accounts = {.users = account_file, .groups = account_file}};
        Policy *policy = NULL;
        PolicyFaults lines = {};

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                files[i] = (SourceFile){.path = texts[i].path,
                                        .shown = texts[i].path,
                                        .bytes = texts[i].text,
                                        .n = strlen(texts[i].text)};
        int r = policy_compile(&policy, &input, &faults);
        cr_expect_eq(policy != NULL, r == 0);
        if (r == POLICY_E_INVALID) {
                int s = faults_take(&faults, &lines);
                policy_faults_deinit(&lines);
                r = s < 0 ? s : r;
        }
        policy_unref(policy);
        return r;
}

static int compile_good(const Policy *unused)
{
        return compile("[Allow]\nDescription=a\nClass=c\nOperation=any\nPurpose=any\nGallery=g\nSought=any\n"
                       "MinimumSimilarity=0\n",
                       unused);
}

static int compile_bad(const Policy *unused)
{
        return compile("[Allow]\nDescription=a\nClass=x y\nOperation=search\nColour=red\n[Other]\n", unused);
}

Test(memory, a_policy_loads_whole_or_not_at_all)
{
        cr_expect_gt(each_failure(compile_good, NULL, 0), 100);
}

Test(memory, faults_are_all_told_or_none)
{
        cr_expect_gt(each_failure(compile_bad, NULL, POLICY_E_INVALID), 100);
}

static int decide(const Policy *policy)
{
        _cleanup_(decision_deinit) Decision decision = DECISION_INIT;
        Facts facts = {.peer = {.uid = 980},
                       .operation = "list",
                       .gallery = "g",
                       .purpose = "p",
                       .clock = CLOCK_SYNCHRONISED};
        int r = policy_decide(policy, &facts, &decision);

        cr_expect_not(decision.permit);
        cr_expect_eq(decision.n_moratoria, r == 0 ? 2 : 0);
        return r;
}

Test(memory, a_decision_is_made_or_it_is_none)
{
        Policy *policy = fixture_load((FixtureFile[]){
                {"c.class", "[Class]\nDescription=c\n"},
                {"g.gallery", "[Gallery]\nDescription=g\nModel=m\nDimension=16\n"},
                {"m.moratorium", "[Moratorium]\nDescription=m\nClass=c\n"},
                {"n.moratorium", "[Moratorium]\nDescription=n\nClass=c\n"},
                {"o.organisation", "[Organisation]\nDescription=o\nClass=c\n[Peer]\nUser=980\n"},
                {"p.purpose", "[Purpose]\nDescription=p\n"},
                {}});

        cr_expect_eq(each_failure(decide, policy, 0), 1);
        policy_unref(policy);
}

static int explain(const Policy *policy)
{
        _cleanup_(explanation_deinit) Explanation explanation = EXPLANATION_INIT;
        const char *const parties[] = {"o", "c"};
        Facts facts = {.peer = {.uid = 980},
                       .operation = "list",
                       .gallery = "g",
                       .purpose = "p",
                       .recipients = parties,
                       .n_recipients = 2,
                       .clock = CLOCK_SYNCHRONISED};
        int r = policy_explain(policy, &facts, &explanation);

        cr_expect_eq(explanation.summary != NULL, r == 0);
        cr_expect_eq(explanation.decision.permit, r == 0);
        return r;
}

Test(memory, an_explanation_is_whole_or_it_is_none)
{
        Policy *policy = fixture_load((FixtureFile[]){
                {"a.allow", "[Allow]\nDescription=a\nClass=c\nOperation=list\nPurpose=p\nGallery="
                            "g\nRecipient=c\nRate=1/s\n"},
                {"c.class", "[Class]\nDescription=c\n"},
                {"g.gallery", "[Gallery]\nDescription=g\nModel=m\nDimension=16\n"},
                {"m.moratorium", "[Moratorium]\nDescription=m\nClass=c\nExcept=a\n"},
                {"o.organisation", "[Organisation]\nDescription=o\nClass=c\n[Peer]\nUser=980\n"},
                {"p.purpose", "[Purpose]\nDescription=p\n"},
                {"s.stand-down", "[StandDown]\nReason=s\nOperation=enrol\n"},
                {}});

        cr_expect_gt(each_failure(explain, policy, 0), 100);
        policy_unref(policy);
}

static int lint(const Policy *policy)
{
        _cleanup_(lint_report_deinit) LintReport report = LINT_REPORT_INIT;
        int r = policy_lint(policy, 0, &report);

        cr_expect_eq(report.n, r == 0 ? 7 : 0, "%zu", report.n);
        return r;
}

Test(memory, warnings_are_all_told_or_none)
{
        Policy *policy = fixture_load((FixtureFile[]){
                {"a.allow",
                 "# check: accept scores-without-rate because of a test\n# check: accept nothing\n"
                 "[Allow]\nDescription=a\nClass=c\nOperation=enrol\nPurpose=p\nGallery=g\nRecipient=c d\n"
                 "Release=scores\n"},
                {"c.class", "[Class]\nDescription=c\n"},
                {"d.class", "[Class]\nDescription=d\nParent=c\n"},
                {"g.gallery", "[Gallery]\nDescription=g\nModel=m\nDimension=16\n"},
                {"m.moratorium", "[Moratorium]\nDescription=m\nClass=c\nReviewBy=1970-01-01\n"},
                {"p.purpose", "[Purpose]\nDescription=p\n"},
                {}});

        cr_expect_gt(each_failure(lint, policy, 0), 10);
        policy_unref(policy);
}

/* Rules that meet, so that the search, the rows and the lines each have more than one of everything. */
#define PROVABLE(allow)                                                                                      \
        ((const FixtureFile[]){                                                                              \
                {"a.allow", "[Allow]\nDescription=a\nClass=c\nOperation=any\nPurpose=p\nGallery=any\n"       \
                            "Sought=missing\nMinimumSimilarity=0\n" allow},                                  \
                {"b.allow", "[Allow]\nDescription=b\nOrganisation=o\nOperation=list\nPurpose=any\n"          \
                            "Gallery=g\nRecipient=d\n"},                                                     \
                {"c.class", "[Class]\nDescription=c\n"},                                                     \
                {"d.class", "[Class]\nDescription=d\nParent=c\n"},                                           \
                {"g.gallery", "[Gallery]\nDescription=g\nModel=m\nDimension=16\n"},                          \
                {"h.invariant", "[Invariant]\nDescription=h\nNever=permit\nSought=suspect\n"                 \
                                "Operation=identify\n"},                                                     \
                {"i.invariant", "[Invariant]\nDescription=i\nNever=permit\nParty=d\n"},                      \
                {"m.moratorium", "[Moratorium]\nDescription=m\nClass=d\nUntil=2020-01-01\nOnExpiry=lapse\n"  \
                                 "Gallery=g\nExcept=b\n"},                                                   \
                {"o.organisation", "[Organisation]\nDescription=o\nClass=c\n[Peer]\nUser=980 981\n"          \
                                   "Group=7\n[Peer]\nUser=5\n"},                                             \
                {"p.purpose", "[Purpose]\nDescription=p\n"},                                                 \
                {"q.organisation", "[Organisation]\nDescription=q\nClass=c d\n[Peer]\nUser=982\n"},          \
                {"q.purpose", "[Purpose]\nDescription=q\nParent=p\n"},                                       \
                {}})

static int prove(const Policy *policy)
{
        _cleanup_(proof_deinit) Proof proof = PROOF_INIT;
        int r = policy_prove(policy, &proof);

        cr_expect_eq(proof.n, r == 0 ? 2 : 0);
        cr_expect_eq(proof.n_broken, r == 0 ? 1 : 0);
        cr_expect(r < 0 || (proof.rows[0].holds && proof.rows[1].confirmed));
        return r;
}

Test(memory, a_proof_is_whole_or_it_is_none)
{
        Policy *policy = fixture_load(PROVABLE("Recipient=c\n"));

        cr_expect_gt(each_failure(prove, policy, 0), 10);
        policy_unref(policy);
}

static int list_grants(const Policy *policy)
{
        _cleanup_(grants_deinit) Grants grants = GRANTS_INIT;
        int r = policy_grants(policy, &(GrantsQuery){.recipient = "d"}, &grants);

        cr_expect_eq(grants.n > 1, r == 0);
        cr_expect_eq(grants.items != NULL, r == 0);
        return r;
}

Test(memory, what_is_permitted_is_all_listed_or_not_at_all)
{
        Policy *policy = fixture_load(PROVABLE("Recipient=c\nRate=5/h\n"));

        cr_expect_gt(each_failure(list_grants, policy, 0), 15);
        policy_unref(policy);
}

static Policy *diff_new;

static int diff(const Policy *policy)
{
        _cleanup_(policy_diff_deinit) PolicyDiff diff = POLICY_DIFF_INIT;
        int r = policy_diff(policy, diff_new, &diff);

        cr_expect_eq(diff.n > 1, r == 0);
        cr_expect_eq(diff.lines != NULL, r == 0);
        cr_expect_eq(diff.wider, r == 0);
        return r;
}

Test(memory, a_comparison_is_whole_or_it_is_none)
{
        Policy *policy = fixture_load(PROVABLE("Recipient=q o\nOnBehalfOf=o\n"));

        diff_new = fixture_load(PROVABLE("OnBehalfOf=q\nRequire=case\nRecipient=c\nRate=5/h\n"));
        cr_expect_gt(each_failure(diff, policy, 0), 50);
        policy_unref(policy);
        policy_unref(diff_new);
}
