/*
 * Memory that runs out at each single allocation: loading and deciding say -ENOMEM, hand nothing out and
 * leave nothing behind. The linker puts the allocators below between the library and the C library (--wrap).
 */

#include <criterion/criterion.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macro.h"
#include "fixture.h"
#include "policy/diff.h"
#include "policy/explain.h"
#include "policy/grants.h"
#include "policy/lint.h"
#include "policy/prove.h"
#include "policy/upcoming.h"

void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);

char *__real_strdup(const char *text);
int __real_vasprintf(char **ret_text, const char *format, va_list arguments);
char *__wrap_strdup(const char *text);
int __wrap_vasprintf(char **ret_text, const char *format, va_list arguments);
int __wrap_asprintf(char **ret_text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What the two are where the compiler fortifies them. */
int __wrap___vasprintf_chk(char **ret_text, int flag, const char *format, va_list arguments);
int __wrap___asprintf_chk(char **ret_text, int flag, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

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

char *__wrap_strdup(const char *text)
{
        return fails() ? NULL : __real_strdup(text);
}

int __wrap_vasprintf(char **ret_text, const char *format, va_list arguments)
{
        return fails() ? -1 : __real_vasprintf(ret_text, format, arguments);
}

int __wrap___vasprintf_chk(char **ret_text, int flag, const char *format, va_list arguments)
{
        return __wrap_vasprintf(ret_text, format, arguments);
}

int __wrap_asprintf(char **ret_text, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        int n = __wrap_vasprintf(ret_text, format, arguments);
        va_end(arguments);
        return n;
}

int __wrap___asprintf_chk(char **ret_text, int flag, const char *format, ...)
{
        va_list arguments;

        va_start(arguments, format);
        int n = __wrap_vasprintf(ret_text, format, arguments);
        va_end(arguments);
        return n;
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

static void put(const char *path, const char *text)
{
        FILE *file = fopen(path, "we");

        cr_assert_not_null(file, "%s", path);
        cr_assert_geq(fputs(text, file), 0);
        cr_assert_eq(fclose(file), 0);
}

/* A directory of its own to be loaded from, gone with the test. */
static void put_directory(void)
{
        static char root[] = "/tmp/test-memory-XXXXXX";

        cr_assert(mkdtemp(root) && chdir(root) == 0);
        cr_assert(mkdir("lib", 0755) == 0 && mkdir("lib/c.class.d", 0755) == 0);
        put("passwd", "thorn:x:980:980\n");
        put("lib/c.class", "[Class]\nDescription=c\n");
        put("lib/c.class.d/x.conf", "[Class]\nDescription=d\n");
        put("lib/g.gallery", "[Gallery]\nDescription=g\nModel=m\nDimension=16\n");
        put("lib/o.organisation", "[Organisation]\nDescription=o\nClass=c\n[Peer]\nUser=thorn\n");
        put("lib/p.purpose", "[Purpose]\nDescription=p\n");
        put("lib/i.invariant", "[Invariant]\nDescription=i\nNever=permit\nOperation=remove\nParty=o\n");
        cr_assert_eq(symlink("/dev/null", "lib/d.class"), 0);
}

static void remove_directory(void)
{
        char root[64], command[96];

        cr_assert_not_null(getcwd(root, sizeof(root)));
        (void)snprintf(command, sizeof(command), "rm -r %s", root);
        cr_assert_eq(system(command), 0);
}

/* What is under lib of the working directory. */
static int load(const Policy *unused)
{
        static const char *const dirs[] = {"etc", "lib"};
        const PolicySource source = {
                .dirs = dirs, .n_dirs = 2, .passwd_path = "passwd", .group_path = "passwd"};
        PolicyFaults faults = {};
        Policy *policy = NULL;

        int r = policy_load(&policy, &source, &faults);
        cr_expect_eq(policy != NULL, r == 0);
        cr_expect_eq(faults.n > 0, r == POLICY_E_INVALID);
        policy_faults_deinit(&faults);
        policy_unref(policy);
        return r;
}

Test(memory, a_directory_is_loaded_and_proved_whole_or_not_at_all)
{
        put_directory();
        cr_expect_gt(each_failure(load, NULL, 0), 150);
        remove_directory();
}

Test(memory, an_invariant_that_does_not_hold_is_told_or_nothing_is)
{
        put_directory();
        put("lib/a.allow", "[Allow]\nDescription=a\nClass=c\nOperation=remove\nPurpose=p\nGallery=g\n");
        cr_expect_gt(each_failure(load, NULL, POLICY_E_INVALID), 150);
        remove_directory();
}

Test(memory, faults_in_a_directory_are_all_told_or_none)
{
        put_directory();
        put("lib/x.what", "");
        put("lib/c.class.d/x.conf", "[Class]\nDescription=\nParent=d\n");
        cr_assert_eq(mkdir("lib/orphen.class.d", 0755), 0);
        put("lib/orphen.class.d/x.conf", "");
        put("lib/orphan.class", "[Class]\nDescription=r\nParent=orphan\n");
        put("lib/w.class", "[Class]\nDescription=r\nParent=d\nparent=x\n[class]\n");
        cr_expect_gt(each_failure(load, NULL, POLICY_E_INVALID), 150);
        remove_directory();
}

Test(memory, a_fault_that_is_lost_is_a_failure)
{
        _cleanup_(faults_deinit) Faults faults = FAULTS_INIT;
        PolicyFaults lines = {};

        n_left = 0;
        faults_add(&faults, (Place){"f"}, "fault");
        n_left = -1;
        cr_expect(faults_any(&faults));
        cr_expect_eq(faults_take(&faults, &lines), -ENOMEM);
}

/* More faults than are told, taken when the last allocation of all fails. */
Test(memory, faults_are_not_counted_wrongly)
{
        enum { MANY = 1000000 };
        int results[2];

        n_left = MANY;
        for (int i = 0; i < 2; i++) {
                _cleanup_(faults_deinit) Faults faults = FAULTS_INIT;
                PolicyFaults lines = {};
                for (unsigned j = 0; j < FAULTS_MAX + 1; j++)
                        faults_add(&faults, (Place){"f"}, "fault %u", j);
                results[i] = faults_take(&faults, &lines);
                policy_faults_deinit(&lines);
                n_left = MANY - n_left - 1;
        }
        n_left = -1;
        cr_expect_eq(results[0], 0);
        cr_expect_eq(results[1], -ENOMEM);
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

static int look_ahead(const Policy *policy)
{
        Facts now = {.time_usec = fixture_usec("2020-06-30"), .clock = CLOCK_SYNCHRONISED};
        UpcomingList list = UPCOMING_LIST_INIT;
        int r = policy_upcoming(policy, &now, &list);

        cr_expect_eq(list.n, r == 0 ? 2 : 0);
        upcoming_list_deinit(&list);
        return r;
}

Test(memory, dates_that_come_near_are_all_told_or_none)
{
        Policy *policy = fixture_load((FixtureFile[]){
                {"c.class", "[Class]\nDescription=c\n"},
                {"m.moratorium",
                 "[Moratorium]\nDescription=m\nClass=c\nUntil=2020-07-01\nReviewBy=2020-07-02\n"},
                {}});

        cr_expect_gt(each_failure(look_ahead, policy, 0), 2);
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

static int grants(const Policy *policy)
{
        _cleanup_(grants_deinit) Grants rows = GRANTS_INIT;
        const GrantsQuery query = {.at = {INT64_C(1600000000000000), INT64_C(1600000000000000)}};
        int r = policy_grants(policy, &query, &rows);

        cr_expect_eq(rows.n > 0, r == 0);
        return r;
}

/* What a policy permits is compared with what one without its moratoria, or with other galleries, does. */
static int diff_all(const Policy *policy, const Policy *other)
{
        _cleanup_(policy_diff_deinit) PolicyDiff diff = POLICY_DIFF_INIT;
        int r = policy_diff(policy, other, &diff);

        cr_expect_eq(diff.n > 0, r == 0);
        return r;
}

static Policy *other;

static int diff(const Policy *policy)
{
        int r = diff_all(policy, other);

        return r < 0 ? r : diff_all(other, policy);
}

#define ROUNDS                                                                                               \
        {"c.class", "[Class]\nDescription=c\n"}, {"d.class", "[Class]\nDescription=d\nParent=c\n"},          \
                {"g.gallery", "[Gallery]\nDescription=g\nModel=m\nDimension=16\n"},                          \
                {"h.gallery", "[Gallery]\nDescription=h\nModel=m\nDimension=16\n"},                          \
                {"o.organisation", "[Organisation]\nDescription=o\nClass=c\n[Peer]\nUser=980\n"},            \
                {"p.purpose", "[Purpose]\nDescription=p\n"},                                                 \
        {                                                                                                    \
                "q.organisation",                                                                            \
                        "[Organisation]\nDescription=q\nClass=d\n[Peer]\nGroup=7\nUnit=q.service\n"          \
        }
#define ALLOW                                                                                                \
        "[Allow]\nDescription=a\nClass=c\nOperation=any\nPurpose=any\nGallery=any\nSought=any\n"             \
        "MinimumSimilarity=0\nRecipient=c d\n"

Test(memory, what_is_permitted_and_what_differs_is_told_whole_or_not_at_all)
{
        Policy *policy = fixture_load((FixtureFile[]){
                ROUNDS,
                {"a.allow", ALLOW "From=2020-01-01\n"},
                {"b.allow", ALLOW "Require=case operator\nRate=5/h\nRelease=scores\n"},
                {"m.moratorium", "[Moratorium]\nDescription=m\nClass=d\nGallery=h\nExcept=b\n"},
                {"s.stand-down", "[StandDown]\nReason=s\nOperation=enrol\n"},
                {}});

        other = fixture_load((FixtureFile[]){ROUNDS, {"a.allow", ALLOW "MaximumCandidates=3\n"}, {}});
        cr_expect_gt(each_failure(grants, policy, 0), 20);
        cr_expect_gt(each_failure(diff, policy, 0), 100);
        policy_unref(policy);
        policy_unref(other);
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

/* Rules that meet, so that search and lines each have more than one of everything. */
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

static int diff_names(const Policy *policy)
{
        _cleanup_(policy_diff_deinit) PolicyDiff diff = POLICY_DIFF_INIT;
        int r = policy_diff(policy, other, &diff);

        cr_expect_eq(diff.n > 1, r == 0);
        cr_expect_eq(diff.lines != NULL, r == 0);
        cr_expect_eq(diff.wider, r == 0);
        return r;
}

/* Lines that are about whoever is named: their names are gathered apart. */
Test(memory, who_is_named_is_told_or_nothing_is)
{
        Policy *policy = fixture_load(PROVABLE("Recipient=q o\nOnBehalfOf=o\n"));

        other = fixture_load(PROVABLE("OnBehalfOf=q\nRequire=case\nRecipient=c\nRate=5/h\n"));
        cr_expect_gt(each_failure(diff_names, policy, 0), 50);
        policy_unref(policy);
        policy_unref(other);
}
