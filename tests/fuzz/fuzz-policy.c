/*
 * A whole policy from any bytes, in memory. A file begins with a line "@@LAYER PATH", LAYER being a digit, or
 * '-' for a mask in the strongest layer; what follows up to the next such line are its bytes. Loading must
 * end in a policy or in faults. A policy is asked about its own names: it must be able to decide, to show
 * itself and to say what stands; whatever it permits must be among what it says that it permits; an invariant
 * that does not hold must come with a request that the decision permits; and what is decided otherwise without
 * the strongest layer must be a difference of the two.
 */

#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "policy/compile.h"
#include "policy/diff.h"
#include "policy/explain.h"
#include "policy/grants.h"
#include "policy/lint.h"
#include "policy/model.h"
#include "policy/prove.h"

enum { FILES_MAX = 64, PATH_MAX_HERE = 256 };

static const char accounts[] = "root:x:0:0\nthorn:x:980:980\nsearchers:x:990:\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A file of the input, its path copied so that it ends in a NUL. */
typedef struct FuzzFile {
        char path[PATH_MAX_HERE];
} FuzzFile;

static const uint8_t *next_file(const uint8_t *p, const uint8_t *end)
{
        const uint8_t *found = memmem(p, (size_t)(end - p), "\n@@", 3);

        return found ? found + 1 : end;
}

/* Reads the file at `p`, which ends at `stop`. Return: whether it has a path that a directory could hold. */
static bool read_file(const uint8_t *p, const uint8_t *stop, SourceFile *file, FuzzFile *names)
{
        const uint8_t *newline = memchr(p, '\n', (size_t)(stop - p));

        if (!newline || newline - p < 5 || newline - p >= PATH_MAX_HERE ||
            memchr(p, 0, (size_t)(newline - p)))
                return false;
        memcpy(names->path, p + 4, (size_t)(newline - p) - 4);
        *file = (SourceFile){.layer = p[2] == '-' ? 0 : p[2] % 8,
                             .path = names->path,
                             .shown = names->path,
                             .masked = p[2] == '-',
                             .bytes = newline + 1,
                             .n = (size_t)(stop - newline) - 1};
        return true;
}

static void check(bool good)
{
        if (!good)
                abort();
}

/* A name of the policy's own, or one that it does not have. */
static const char *name_of(const Policy *policy, ObjectType type, size_t i)
{
        return i < policy->objects[type].n ? policy->objects[type].items[i].name : "none";
}

/* Whoever may do something is in one of the rows that say who may do what. */
static void check_granted(const Policy *policy, const Facts *facts, const Decision *decision)
{
        _cleanup_(grants_deinit) Grants grants = GRANTS_INIT;
        Question question;

        question_init(&question, policy, facts);
        const GrantsQuery query = {.organisation = decision->organisation,
                                   .operation = facts->operation,
                                   .purpose = facts->purpose,
                                   .gallery = facts->gallery,
                                   .recipient = facts->n_recipients > 0 ? facts->recipients[0] : NULL,
                                   .at = question.at};
        bool found = false;

        check(grants_unknown(policy, &query) == NULL && policy_grants(policy, &query, &grants) == 0);
        for (size_t i = 0; i < grants.n; i++)
                found |= strcmp(grants.items[i].allow, decision->allow) == 0;
        check(found);
}

/* The explanation says what was decided. */
static void check_explained(const Policy *policy, const Facts *facts, const Decision *decision)
{
        _cleanup_(explanation_deinit) Explanation explanation = EXPLANATION_INIT;
        size_t n_covering = 0;

        check(policy_explain(policy, facts, &explanation) == 0);
        for (size_t i = 0; i < explanation.moratoria.n; i++)
                n_covering += explanation.moratoria.items[i].met;
        check(n_covering == decision->n_moratoria && explanation.decision.reason == decision->reason);
}

/* Every warning has a place in a file. */
static void lint(const Policy *policy)
{
        _cleanup_(lint_report_deinit) LintReport report = LINT_REPORT_INIT;

        check(policy_lint(policy, INT64_C(1600000000000000), &report) == 0);
        for (size_t i = 0; i < report.n; i++)
                check(report.items[i].place.file && report.items[i].place.line > 0);
}

/* Decides, and holds the decision against what the policy says of itself. Return: whether it is a permit. */
static bool decide(const Policy *policy, const Facts *facts)
{
        _cleanup_(decision_deinit) Decision decision = DECISION_INIT;

        check(policy_decide(policy, facts, &decision) == 0);
        check(decision.permit == (decision.reason == REASON_NONE) && (!decision.permit || decision.allow));
        check_explained(policy, facts, &decision);
        if (decision.permit)
                check_granted(policy, facts, &decision);
        return decision.permit;
}

/* A policy and one without the files of its strongest layer, which may be the same, or NULL. */
typedef struct Pair {
        const Policy *policy, *weaker;
        PolicyDiff diff; /* from the weaker to the other */
} Pair;

/* What the policy permits and the weaker does not, or the other way round, is a difference of the two. */
static void decide_by_both(const Pair *pair, const Facts *facts)
{
        if (facts_check(facts))
                return;
        bool permit = decide(pair->policy, facts);
        if (!pair->weaker || facts->used || decide(pair->weaker, facts) == permit)
                return;
        check(pair->diff.n > 0 && (!permit || pair->diff.wider));
}

/* Each operation with the first names of the policy, by whoever an organisation may be. */
static void decide_all(const Pair *pair, Facts *facts)
{
        const Policy *policy = pair->policy;
        const char *party = NULL;

        for (size_t i = 0; i < _OPERATION_MAX * 8; i++) {
                facts->operation = vocabulary_operations.words[i / 8];
                facts->gallery = i / 8 == OPERATION_COMPARE ? NULL : name_of(policy, OBJECT_GALLERY, i & 1);
                facts->purpose = name_of(policy, OBJECT_PURPOSE, i >> 1 & 1);
                party = name_of(policy, i >> 1 & 1 ? OBJECT_CLASS : OBJECT_ORGANISATION, i & 1);
                facts->recipients = &party;
                facts->n_recipients = i >> 2 & 1;
                decide_by_both(pair, facts);
        }
}

static uint64_t used_once(void *userdata, const char *allow, const char *organisation, uint64_t window_usec)
{
        check(allow[0] && organisation[0] && window_usec > 0);
        return 1;
}

/* One of sixteen ways to ask: most facts are there or not by a bit of `i`. */
static Facts facts_of(size_t i)
{
        static const gid_t groups[] = {980, 990};
        static const uint64_t times[] = {UINT64_C(1590000000000000), UINT64_C(1610000000000000)};
        const bool one = i & 1, two = i & 2, four = i & 4, eight = i & 8;
        Facts facts = {.peer = {.uid = 980,
                                .groups = groups,
                                .n_groups = one ? ARRAY_SIZE(groups) : 0,
                                .unit = two ? "search.service" : NULL,
                                .label = one ? "unconfined" : NULL},
                       .sought = four ? "missing" : "suspect",
                       .probe = one ? "photograph" : NULL,
                       .case_reference = "1",
                       .authorisation = two ? "2" : NULL,
                       .operator= one ? "3" : "",
                       .has_limit = four,
                       .limit = 3,
                       .has_floor = two,
                       .floor_millionths = 123456,
                       .used = one ? used_once : NULL,
                       .time_usec = times[two],
                       .has_mark = four,
                       .mark_usec = times[one]};

        facts.clock = facts_clock(eight, facts.time_usec, facts.has_mark, facts.mark_usec);
        return facts;
}

static void use(const Policy *policy, const Policy *weaker)
{
        _cleanup_(proof_deinit) Proof proof = PROOF_INIT;
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        Pair pair = {policy, weaker, POLICY_DIFF_INIT};
        bool wider = false;

        check(policy_diff(policy, policy, &pair.diff) == 0 && pair.diff.n == 0 && !pair.diff.wider);
        policy_diff_deinit(&pair.diff);
        if (weaker)
                check(policy_diff(weaker, policy, &pair.diff) == 0 &&
                      policy_wider(weaker, policy, &wider) == 0 && wider == pair.diff.wider);
        for (size_t i = 0; i < 16; i++) {
                Facts facts = facts_of(i);
                decide_all(&pair, &facts);
                policy_standing(policy, &facts, &text);
        }
        policy_diff_write(&pair.diff, INT64_C(1600000000000000), &text);
        policy_diff_deinit(&pair.diff);
        lint(policy);
        (void)policy_show(policy, NULL, &text); /* of all objects: there is no other answer */
        (void)policy_show_files(policy, NULL, &text);
        check(!text.failed && policy_prove(policy, &proof) == 0);
        for (size_t i = 0; i < proof.n; i++)
                check(proof.rows[i].holds || proof.rows[i].confirmed);
}

/* The policy of the files of a layer and of all that are weaker. Return: NULL where it does not load. */
static Policy *load(const uint8_t *data, size_t n, size_t layer)
{
        static SourceFile files[FILES_MAX];
        static FuzzFile names[FILES_MAX];
        _cleanup_(faults_deinit) Faults faults = FAULTS_INIT;
        AccountFile file = {"accounts", accounts, sizeof(accounts) - 1, 0};
        CompileInput input = {.files = files, .accounts = {.users = file, .groups = file}};
        PolicyFaults lines = {};
        Policy *policy = NULL;

        memset(names, 0, sizeof(names));
        for (const uint8_t *p = data, *end = data + n; p < end && input.n_files < FILES_MAX;) {
                const uint8_t *stop = next_file(p, end);
                if (read_file(p, stop, &files[input.n_files], &names[input.n_files]) &&
                    files[input.n_files].layer >= layer)
                        input.n_files++;
                p = stop;
        }
        int r = policy_compile(&policy, &input, &faults);
        check(r == (faults_any(&faults) ? POLICY_E_INVALID : 0));
        check(faults_take(&faults, &lines) == 0);
        policy_faults_deinit(&lines);
        return policy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        Policy *policy = load(data, n, 0), *weaker = policy ? load(data, n, 1) : NULL;

        if (policy)
                use(policy, weaker);
        policy_unref(weaker);
        policy_unref(policy);
        return 0;
}
