/*
 * The layers of a build that cannot live under them: sanitizers, coverage and fuzzers open, map and trace what they
 * like at the end of a process. Chosen by meson.build, and said at every start.
 */

#include "base/sandbox-layers.h"

int landlock_enter(const Sandbox *sandbox, SandboxRemarks *remarks)
{
        return 0;
}

int seccomp_enter(const Sandbox *sandbox, SandboxRemarks *remarks)
{
        remarks->warning = "this is a build for tests, with a sanitizer or coverage: it is not confined";
        return 0;
}
