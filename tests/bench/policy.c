/*
 * What a policy costs: loading, proving, deciding, for the shipped policy and for a large one of 1,000
 * organisations, 200 allows, 50 moratoria and 20 invariants. All figures are CPU time of one core.
 *
 * Usage: policy-bench DIR... (the shipped policy, strongest layer first)
 *
 * In the large policy a third of the classes is law enforcement. Allows let everybody ask, these too; what keeps
 * them out are moratoria that follow one another, each for a year and a part of the purposes, so that a proof has
 * to go through all of it. The peer of a decision is the same decision without the index: every rule tried by its
 * own conditions.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/macro.h"
#include "policy/compile.h"
#include "policy/diff.h"
#include "policy/match.h"
#include "policy/prove.h"
#include "policy/question.h"

enum {
        N_CLASSES = 60,
        N_PURPOSES = 40,
        N_GALLERIES = 20,
        N_ORGANISATIONS = 1000,
        N_ALLOWS = 200,
        N_MORATORIA = 50,
        N_INVARIANTS = 20,
        N_FILES = N_CLASSES + N_PURPOSES + N_GALLERIES + N_ORGANISATIONS + N_ALLOWS + N_MORATORIA +
                  N_INVARIANTS + 1,
        N_FACTS = 4096,
        ROUNDS = 5,
};

static uint64_t bench_state = 1;

static unsigned roll(unsigned n)
{
        bench_state = bench_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (unsigned)(bench_state >> 33) % n;
}

static double seconds(clockid_t clock)
{
        struct timespec now;

        (void)clock_gettime(clock, &now); /* both clocks exist */
        return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ----------------------------------------------------------------------------------------- the large policy */

typedef struct BenchFiles {
        SourceFile files[N_FILES];
        Buffer texts[N_FILES];
        char paths[N_FILES][64];
        size_t n;
} BenchFiles;

static Buffer *bench_file(BenchFiles *files, const char *type, unsigned i)
{
        (void)snprintf(files->paths[files->n], sizeof(files->paths[0]), "%c%u.%s", type[0], i, type);
        return &files->texts[files->n++];
}

/* Class 0 is law enforcement; of the others a third is below it. */
static unsigned bench_parent(unsigned i)
{
        return i % 3 == 0 ? (i < 12 ? 0 : 3 * roll(4)) : 1 + roll(2) + (i > 20 ? 3 * roll(5) : 0);
}

static void bench_vocabulary(BenchFiles *files)
{
        for (unsigned i = 0; i < N_CLASSES; i++) {
                Buffer *text = bench_file(files, "class", i);
                buffer_append_text(text, "[Class]\nDescription=A class\n");
                if (i > 2)
                        buffer_append_format(text, "Parent=c%u\n", bench_parent(i));
        }
        for (unsigned i = 0; i < N_PURPOSES; i++) {
                Buffer *text = bench_file(files, "purpose", i);
                buffer_append_text(text, "[Purpose]\nDescription=A purpose\n");
                if (i > 4)
                        buffer_append_format(text, "Parent=p%u\n", roll(5) + (i > 20 ? 5 * roll(3) : 0));
        }
        for (unsigned i = 0; i < N_GALLERIES; i++)
                buffer_append_text(bench_file(files, "gallery", i),
                                   "[Gallery]\nDescription=A gallery\nModel=m\nDimension=128\n");
}

static void bench_organisations(BenchFiles *files)
{
        for (unsigned i = 0; i < N_ORGANISATIONS; i++) {
                Buffer *text = bench_file(files, "organisation", i);
                buffer_append_format(text, "[Organisation]\nDescription=An organisation\nClass=c%u\n",
                                     roll(N_CLASSES));
                if (roll(4) == 0)
                        buffer_append_format(text, "From=20%02u-01-01\n", 15 + roll(10));
                if (roll(4) == 0)
                        buffer_append_format(text, "Until=20%02u-07-01\n", 25 + roll(10));
                buffer_append_format(text, "[Peer]\nUser=%u\nUnit=search-%u.service\n", 10000 + i, i);
        }
}

static void bench_list(Buffer *text, const char *key, char prefix, unsigned n)
{
        buffer_append_format(text, "%s=", key);
        for (unsigned k = 1 + roll(3); k > 0; k--)
                buffer_append_format(text, "%c%u ", prefix, roll(n));
        buffer_append_text(text, "\n");
}

static void bench_allows(BenchFiles *files)
{
        static const char *const operations[] = {"identify verify", "identify-stored verify",
                                                 "enrol remove list", "identify compare", "any"};

        for (unsigned i = 0; i < N_ALLOWS; i++) {
                Buffer *text = bench_file(files, "allow", i);
                buffer_append_format(text,
                                     "[Allow]\nDescription=An allow\nOperation=%s\nMinimumSimilarity=0.5\n",
                                     operations[roll(ARRAY_SIZE(operations))]);
                bench_list(text, "Class", 'c', N_CLASSES);
                bench_list(text, "Purpose", 'p', N_PURPOSES);
                if (roll(3) == 0)
                        buffer_append_text(text, "Gallery=any\n");
                else
                        bench_list(text, "Gallery", 'g', N_GALLERIES);
                buffer_append_text(text, roll(2) ? "Sought=victim missing\n" : "Sought=any\n");
                if (roll(3) == 0)
                        bench_list(text, "Recipient", 'c', N_CLASSES);
                if (roll(5) == 0)
                        bench_list(text, "OnBehalfOf", 'c', N_CLASSES);
                if (roll(3) == 0)
                        buffer_append_format(text, "From=20%02u-01-01\n", 15 + roll(10));
                if (roll(5) == 0)
                        buffer_append_text(text, "Require=case\nRate=100/d\n");
        }
}

/* Ten years, and for each year five moratoria: one for everything, four for more than they need to. */
static void bench_moratoria(BenchFiles *files)
{
        for (unsigned i = 0; i < N_MORATORIA; i++) {
                unsigned year = 20 + i / 5;
                Buffer *text = bench_file(files, "moratorium", i);
                buffer_append_format(
                        text, "[Moratorium]\nDescription=A moratorium\nFrom=20%02u-01-01\nOnExpiry=lapse\n",
                        year);
                if (i % 5 == 0) {
                        buffer_append_format(text, "Class=c0\nUntil=20%02u-01-01\n", year + 1);
                        continue;
                }
                buffer_append_format(text, "Until=20%02u-06-01\nClass=c%u\n", year + 2,
                                     3 * roll(N_CLASSES / 3));
                bench_list(text, "Purpose", 'p', N_PURPOSES);
        }
}

static void bench_invariants(BenchFiles *files)
{
        for (unsigned i = 0; i < N_INVARIANTS; i++) {
                Buffer *text = bench_file(files, "invariant", i);
                buffer_append_format(text,
                                     "[Invariant]\nDescription=An "
                                     "invariant\nNever=permit\nFrom=2020-01-01\nUntil=20%02u-01-01\n",
                                     21 + i / 2);
                buffer_append_format(text, "Party=c%u\n", i % 2 ? 0 : 3 * roll(N_CLASSES / 3));
                if (i % 4 == 3)
                        bench_list(text, "Purpose", 'p', N_PURPOSES);
        }
}

/* What a reload may have changed. */
typedef enum BenchChange {
        CHANGE_NOTHING,
        CHANGE_ORGANISATION, /* another one of a class that may ask */
        CHANGE_ALLOW,        /* one gives more */
        CHANGE_MORATORIUM,   /* one is gone */
        CHANGE_CLASS,        /* one has another parent */
        _CHANGE_MAX,
} BenchChange;

static const char *const change_names[_CHANGE_MAX] = {"nothing", "an organisation more", "an allow's floor",
                                                      "a moratorium less", "a class's parent"};

static void bench_change(BenchFiles *files, BenchChange change)
{
        const size_t n_first = N_CLASSES + N_PURPOSES + N_GALLERIES, allow = n_first + N_ORGANISATIONS + 7;
        const size_t moratorium = n_first + N_ORGANISATIONS + N_ALLOWS + 10;

        if (change == CHANGE_ORGANISATION)
                buffer_append_text(
                        bench_file(files, "organisation", N_ORGANISATIONS),
                        "[Organisation]\nDescription=An organisation\nClass=c7\n[Peer]\nUser=20000\n");
        if (change == CHANGE_ALLOW)
                memcpy(strstr((char *)files->texts[allow].data, "MinimumSimilarity=0.5"),
                       "MinimumSimilarity=0.4", 21);
        if (change == CHANGE_MORATORIUM)
                memcpy(strstr((char *)files->texts[moratorium].data, "Class=c0"), "Class=c2", 8);
        if (change == CHANGE_CLASS)
                buffer_append_text(&files->texts[1], "Parent=c2\n");
}

static int bench_compile(BenchChange change, Policy **ret_policy)
{
        static BenchFiles files;
        _cleanup_(faults_deinit) Faults faults = FAULTS_INIT;
        AccountFile none = {"accounts", "", 0, 0};
        CompileInput input = {.files = files.files, .accounts = {.users = none, .groups = none}};
        PolicyFaults lines = {};

        for (size_t i = 0; i < N_FILES; i++)
                buffer_clear(&files.texts[i]);
        files.n = 0;
        bench_state = 1;
        bench_vocabulary(&files);
        bench_organisations(&files);
        bench_allows(&files);
        bench_moratoria(&files);
        bench_invariants(&files);
        bench_change(&files, change);
        for (; input.n_files < files.n; input.n_files++)
                files.files[input.n_files] = (SourceFile){.path = files.paths[input.n_files],
                                                          .shown = files.paths[input.n_files],
                                                          .bytes = files.texts[input.n_files].data,
                                                          .n = files.texts[input.n_files].n};
        int r = policy_compile(ret_policy, &input, &faults);
        if (r == POLICY_E_INVALID && faults_take(&faults, &lines) == 0)
                fprintf(stderr, "the large policy does not load: %s\n", lines.lines[0]);
        return r;
}

/* ------------------------------------------------------------------------------------------------ decisions */

typedef struct BenchFacts {
        Facts facts;
        const char *recipient;
        char unit[32], purpose[32], gallery[32], party[32];
} BenchFacts;

static BenchFacts bench_facts[N_FACTS];

static void bench_large_facts(BenchFacts *one)
{
        static const char *const operations[] = {"identify", "verify", "enrol", "list", "compare"};
        unsigned organisation = roll(N_ORGANISATIONS);

        (void)snprintf(one->unit, sizeof(one->unit), "search-%u.service", organisation);
        (void)snprintf(one->purpose, sizeof(one->purpose), "p%u", roll(N_PURPOSES));
        (void)snprintf(one->gallery, sizeof(one->gallery), "g%u", roll(N_GALLERIES));
        (void)snprintf(one->party, sizeof(one->party), "c%u", roll(N_CLASSES));
        one->recipient = one->party;
        one->facts = (Facts){.peer = {.uid = 10000 + organisation, .unit = one->unit},
                             .operation = operations[roll(ARRAY_SIZE(operations))],
                             .purpose = one->purpose,
                             .sought = "missing",
                             .probe = "photograph",
                             .case_reference = "1",
                             .recipients = &one->recipient,
                             .n_recipients = roll(4) == 0,
                             .time_usec = UINT64_C(1600000000000000) + roll(1000000) * UINT64_C(100000000),
                             .clock = CLOCK_SYNCHRONISED};
        one->facts.gallery = strcmp(one->facts.operation, "compare") == 0 ? NULL : one->gallery;
}

/* As an application of the shipped policy asks, with the police among those who see it now and then. */
static void bench_shipped_facts(BenchFacts *one)
{
        one->recipient = "police";
        one->facts = (Facts){.peer = {.uid = 980, .unit = "thorn-search.service"},
                             .operation = roll(2) ? "identify" : "verify",
                             .gallery = "missing-children",
                             .purpose = roll(4) ? "missing-child-reunion" : "criminal-investigation",
                             .sought = "missing",
                             .probe = "photograph",
                             .recipients = &one->recipient,
                             .n_recipients = roll(3) == 0,
                             .time_usec = UINT64_C(1600000000000000),
                             .clock = CLOCK_SYNCHRONISED};
}

/* The same verdict without the index: every rule is tried. */
static bool bench_scan(const Policy *policy, const Facts *facts)
{
        Question question;
        bool covered[4096] = {}, any = false;
        size_t n_moratoria = policy->objects[OBJECT_MORATORIUM].n;

        question_init(&question, policy, facts);
        if (question_identify(&question) != REASON_NONE || question_resolve(&question))
                return false;
        for (size_t i = 0; i < policy->objects[OBJECT_STAND_DOWN].n; i++)
                if (stand_down_unmet(&policy->stand_downs[i], &question) == 0)
                        return false;
        for (size_t i = 0; i < n_moratoria; i++)
                any |= covered[i] = moratorium_unmet(&policy->moratoria[i], &question) == 0;
        for (size_t i = 0; i < policy->objects[OBJECT_ALLOW].n; i++) {
                bool pierces = true;
                if (allow_unmet(&policy->allows[i], &question) != 0)
                        continue;
                for (size_t k = 0; k < n_moratoria && any; k++)
                        pierces &= !covered[k] || bits_has(policy->moratoria[k].except, i);
                if (pierces)
                        return true;
        }
        return false;
}

static double bench_decide(const Policy *policy, size_t *ret_permits)
{
        double best = 1e9;

        for (int round = 0; round < ROUNDS; round++) {
                double begin = seconds(CLOCK_PROCESS_CPUTIME_ID);
                *ret_permits = 0;
                for (size_t i = 0; i < N_FACTS; i++) {
                        Decision decision = DECISION_INIT;
                        if (policy_decide(policy, &bench_facts[i].facts, &decision) < 0)
                                exit(1);
                        *ret_permits += decision.permit;
                        decision_deinit(&decision);
                }
                best = MIN_OF(best, seconds(CLOCK_PROCESS_CPUTIME_ID) - begin);
        }
        return best / N_FACTS;
}

static double bench_decide_by_scan(const Policy *policy, size_t *ret_permits)
{
        double best = 1e9;

        for (int round = 0; round < ROUNDS; round++) {
                double begin = seconds(CLOCK_PROCESS_CPUTIME_ID);
                *ret_permits = 0;
                for (size_t i = 0; i < N_FACTS; i++)
                        *ret_permits += bench_scan(policy, &bench_facts[i].facts);
                best = MIN_OF(best, seconds(CLOCK_PROCESS_CPUTIME_ID) - begin);
        }
        return best / N_FACTS;
}

static double bench_prove(const Policy *policy, size_t *ret_broken)
{
        double best = 1e9;

        for (int round = 0; round < ROUNDS; round++) {
                Proof proof = PROOF_INIT;
                double begin = seconds(CLOCK_PROCESS_CPUTIME_ID);
                if (policy_prove(policy, &proof) < 0)
                        exit(1);
                best = MIN_OF(best, seconds(CLOCK_PROCESS_CPUTIME_ID) - begin);
                *ret_broken = proof.n_broken;
                proof_deinit(&proof);
        }
        return best;
}

static void bench_report(const char *name, const Policy *policy, double load)
{
        struct rusage usage;
        size_t permits = 0, scanned = 0, broken = 0;
        double decide = bench_decide(policy, &permits), scan = bench_decide_by_scan(policy, &scanned);
        double prove = bench_prove(policy, &broken);

        (void)getrusage(RUSAGE_SELF, &usage); /* it cannot fail with this argument */
        printf("%-8s loaded in %.1f ms; %zu invariants proved in %.2f ms, %zu broken; peak memory %ld MiB\n",
               name, load * 1e3, policy->objects[OBJECT_INVARIANT].n, prove * 1e3, broken,
               usage.ru_maxrss / 1024);
        printf("%-8s a decision %.3f us, the bare verdict by trying every rule %.3f us: %.2f of it; %.0f %% "
               "permits, %s\n",
               "", decide * 1e6, scan * 1e6, decide / scan, 100.0 * (double)permits / N_FACTS,
               permits == scanned ? "the same by both" : "NOT THE SAME BY BOTH");
        if (permits != scanned)
                exit(1);
}

/* What a reload costs beside loading: the comparison with what is in force. */
static void bench_diff(const Policy *policy)
{
        for (BenchChange change = 0; change < _CHANGE_MAX; change++) {
                PolicyDiff diff = POLICY_DIFF_INIT;
                Policy *changed = NULL;
                if (bench_compile(change, &changed) != 0)
                        exit(1);
                double begin = seconds(CLOCK_PROCESS_CPUTIME_ID);
                if (policy_diff(policy, changed, &diff) < 0)
                        exit(1);
                printf("%-8s compared in %.0f ms where %s differs: %zu lines%s\n", "",
                       (seconds(CLOCK_PROCESS_CPUTIME_ID) - begin) * 1e3, change_names[change], diff.n,
                       diff.wider ? ", wider" : "");
                bool wider = false;
                begin = seconds(CLOCK_PROCESS_CPUTIME_ID);
                if (policy_wider(policy, changed, &wider) < 0)
                        exit(1);
                printf("%-8s whether it is wider, as a reload asks: %.0f ms\n", "",
                       (seconds(CLOCK_PROCESS_CPUTIME_ID) - begin) * 1e3);
                policy_diff_deinit(&diff);
                policy_unref(changed);
        }
}

int main(int argc, char **argv)
{
        PolicySource source = {.dirs = (const char *const *)argv + 1, .n_dirs = (size_t)argc - 1};
        PolicyFaults faults = {};
        Policy *policy = NULL;

        double begin = seconds(CLOCK_PROCESS_CPUTIME_ID);
        if (policy_load(&policy, &source, &faults) != 0)
                return 1;
        double load = seconds(CLOCK_PROCESS_CPUTIME_ID) - begin;
        for (size_t i = 0; i < N_FACTS; i++)
                bench_shipped_facts(&bench_facts[i]);
        bench_report("shipped", policy, load);
        policy = policy_unref(policy);

        begin = seconds(CLOCK_PROCESS_CPUTIME_ID);
        if (bench_compile(CHANGE_NOTHING, &policy) != 0)
                return 1;
        load = seconds(CLOCK_PROCESS_CPUTIME_ID) - begin;
        for (size_t i = 0; i < N_FACTS; i++)
                bench_large_facts(&bench_facts[i]);
        bench_report("large", policy, load);
        bench_diff(policy);
        policy_unref(policy);
        return 0;
}
