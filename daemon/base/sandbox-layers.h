#pragma once
/*
 * The two layers of sandbox_enter().
 */

#include "base/sandbox.h"

/** landlock_enter() - The folders. Return: 0, with a remark where the kernel offers nothing, or -errno. */
int landlock_enter(const Sandbox *sandbox, SandboxRemarks *remarks);

/** seccomp_enter() - The calls. Return: 0, with a remark where they are only logged, or -errno. */
int seccomp_enter(const Sandbox *sandbox, SandboxRemarks *remarks);
