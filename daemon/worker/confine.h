#pragma once
/*
 * What this process gives up.
 */

#include "base/sandbox.h"

/**
 * confine_early() - No privileges, no tracing by others of the same user, no core files (they would hold
 * templates), and files that nobody else can read. Return: 0 or -errno.
 */
int confine_early(void);

/**
 * confine() - From now on it reaches the folder of galleries, what is open, and nothing else.
 * @galleries:  NULL: it reaches no folder
 * @log:        --log-seccomp
 * @ret_remarks: what an operator has to be told
 *
 * Return: 0 or -errno.
 */
int confine(const char *galleries, bool log, SandboxRemarks *ret_remarks);
