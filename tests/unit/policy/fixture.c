/*
 * Policies in memory, with a passwd(5) and a group(5) of their own.
 */

#include "fixture.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/macro.h"
#include "policy/time.h"

enum { FIXTURE_FILES_MAX = 64 };

static const char fixture_passwd[] = "root:x:0:0:root:/root:/bin/sh\nthorn:x:980:980::/:/bin/false\n";
static const char fixture_group[] = "root:x:0:\nthorn:x:980:\nsearchers:x:990:thorn\n";

int fixture_compile(const FixtureFile *files, Policy **ret_policy, PolicyFaults *ret_faults)
{
        SourceFile sources[FIXTURE_FILES_MAX] = {};
        _cleanup_(faults_deinit) Faults faults = FAULTS_INIT;
        CompileInput input = {.files = sources,
                              .accounts = {.users = {"passwd", fixture_passwd, sizeof(fixture_passwd) - 1, 0},
                                           .groups = {"group", fixture_group, sizeof(fixture_group) - 1, 0}}};

        for (; files[input.n_files].path; input.n_files++) {
                const FixtureFile *file = &files[input.n_files];
                cr_assert(input.n_files < FIXTURE_FILES_MAX);
                sources[input.n_files] = (SourceFile){.layer = file->layer,
                                                      .path = file->path,
                                                      .shown = file->path,
                                                      .masked = !file->text,
                                                      .bytes = file->text ? file->text : "",
                                                      .n = file->text ? strlen(file->text) : 0};
        }
        int r = policy_compile(ret_policy, &input, &faults);
        if (r == POLICY_E_INVALID)
                cr_assert_eq(faults_take(&faults, ret_faults), 0);
        return r;
}

Policy *fixture_load(const FixtureFile *files)
{
        Policy *policy = NULL;
        PolicyFaults faults = {};
        int r = fixture_compile(files, &policy, &faults);

        cr_assert_eq(r, 0, "%s", faults.n > 0 ? faults.lines[0] : "no fault");
        return policy;
}

uint64_t fixture_usec(const char *text)
{
        int64_t usec = -1;

        cr_assert(time_parse(text, strlen(text), &usec) && usec >= 0);
        return (uint64_t)usec;
}

Decision fixture_decide(const Policy *policy, const Facts *facts)
{
        Decision decision = DECISION_INIT;
        const char *wrong = facts_check(facts);

        cr_assert_null(wrong, "%s", wrong);
        cr_assert_eq(policy_decide(policy, facts, &decision), 0);
        return decision;
}
