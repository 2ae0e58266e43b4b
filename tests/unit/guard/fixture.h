#pragma once
/* What several tests of the guard share: a policy from files, and a draft to read back. */

#include "guard/draft.h"
#include "policy/policy.h"

typedef struct FixtureFile {
        const char *name;
        const char *text;
} FixtureFile;

/** fixture_policy() - The policy of a few files, of which the last has no name; fails the test where it has
 * faults. */
Policy *fixture_policy(const FixtureFile *files);

/** fixture_text() - What a draft would write, for free(); "" where no leaf can hold it. */
char *fixture_text(Draft *draft);

/** fixture_detail() - The detail of a draft that was finished or not, for free(). */
char *fixture_detail(const Draft *draft);
