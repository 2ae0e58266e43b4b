#pragma once
/*
 * Small policies for tests, from text: a file a line of the array, in one layer. Ends the test where a policy
 * that is meant to load does not.
 */

#include "policy/compile.h"
#include "policy/decide.h"

typedef struct FixtureFile {
        const char *path; /* NULL ends the array */
        const char *text; /* NULL: a link to /dev/null */
        size_t layer;
} FixtureFile;

/** fixture_compile() - Return: what policy_compile() says; faults are those of a failure. */
int fixture_compile(const FixtureFile *files, Policy **ret_policy, PolicyFaults *ret_faults);

/** fixture_load() - Files that must compile. */
Policy *fixture_load(const FixtureFile *files);

/** fixture_usec() - An instant that must be well-formed and not before 1970. */
uint64_t fixture_usec(const char *text);

/** fixture_decide() - Decides facts that facts_check() must accept. */
Decision fixture_decide(const Policy *policy, const Facts *facts);
