#pragma once
/* Where the service's programs lie: beside this tool, in the build tree or where they were installed. */

#include "base/buffer.h"

typedef enum Program {
        PROGRAM_GUARD,
        PROGRAM_FRONTEND,
        PROGRAM_WORKER,
        _PROGRAM_MAX,
} Program;

/** program_name() - "matchguardd", "matchguard-frontend", "matchguard-worker". */
const char *program_name(Program program);

enum {
        PROGRAMS_E_MISSING = 1, /* @fault says which was looked for, and where */
};

/**
 * programs_find() - Finds one of them: in $MATCHGUARD_LIBEXEC where that is set; else in the build tree that
 * this program lies in; else in ../libexec/matchguard from it; else where this build is installed.
 * @path:       where its path is appended
 */
int programs_find(Program program, Buffer *path, Buffer *fault);

/**
 * programs_policy_dir() - The shipped policy: in the source tree for a program in its build tree, else where
 * this build installs it.
 * @path:       where it is appended
 */
void programs_policy_dir(Buffer *path);
