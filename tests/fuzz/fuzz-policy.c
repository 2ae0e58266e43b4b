/*
 * A whole policy from any bytes, in memory. A file begins with a line "@@LAYER PATH", LAYER being a digit, or
 * '-' for a mask in the strongest layer; what follows up to the next such line are its bytes. Loading must
 * end in a policy or in faults, and a policy must be able to decide, to show itself and to say what stands.
 */

#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "policy/compile.h"
#include "policy/decide.h"
#include "policy/explain.h"
#include "policy/lint.h"

enum { FILES_MAX = 64, PATH_MAX_HERE = 256 };

static const char accounts[] = "root:x:0:0\nthorn:x:980:980\n";

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

/* The explanation says what was decided. */
static void explain(const Policy *policy, const Facts *facts, const Decision *decision)
{
        _cleanup_(explanation_deinit) Explanation explanation = EXPLANATION_INIT;
        size_t n_covering = 0;

        if (policy_explain(policy, facts, &explanation) < 0)
                abort();
        for (size_t i = 0; i < explanation.moratoria.n; i++)
                n_covering += explanation.moratoria.items[i].met;
        if (n_covering != decision->n_moratoria || explanation.decision.reason != decision->reason)
                abort();
}

/* Every warning has a place in a file. */
static void lint(const Policy *policy)
{
        _cleanup_(lint_report_deinit) LintReport report = LINT_REPORT_INIT;

        if (policy_lint(policy, INT64_C(1600000000000000), &report) < 0)
                abort();
        for (size_t i = 0; i < report.n; i++)
                if (!report.items[i].place.file || report.items[i].place.line == 0)
                        abort();
}

static void use(Policy *policy)
{
        static const char *const operations[] = {"identify", "compare", "list"};
        const char *party = "c";
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;

        for (size_t i = 0; i < ARRAY_SIZE(operations); i++) {
                _cleanup_(decision_deinit) Decision decision = DECISION_INIT;
                Facts facts = {.peer = {.uid = 980},
                               .operation = operations[i],
                               .gallery = i == 1 ? NULL : "g",
                               .purpose = "p",
                               .recipients = &party,
                               .n_recipients = i % 2,
                               .time_usec = UINT64_C(1600000000000000),
                               .clock = CLOCK_SYNCHRONISED};
                if (policy_decide(policy, &facts, &decision) < 0 || (decision.permit && !decision.allow))
                        abort();
                explain(policy, &facts, &decision);
                policy_standing(policy, &facts, &text);
        }
        lint(policy);
        (void)policy_show(policy, NULL, &text); /* of all objects: there is no other answer */
        (void)policy_show_files(policy, NULL, &text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
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
                if (read_file(p, stop, &files[input.n_files], &names[input.n_files]))
                        input.n_files++;
                p = stop;
        }
        int r = policy_compile(&policy, &input, &faults);
        if (r < 0 || (r == POLICY_E_INVALID) != faults_any(&faults))
                abort();
        if (r == 0)
                use(policy);
        policy_unref(policy);
        if (faults_take(&faults, &lines) < 0)
                abort();
        policy_faults_deinit(&lines);
        return 0;
}
