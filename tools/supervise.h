#pragma once
/* Keeps guard, frontend and worker of one `matchguard run` going, until it is told to stop or cannot. */

#include <stdbool.h>
#include <stddef.h>

#include "tools/rundir.h"

typedef struct SuperviseConfig {
        RunDir *dir; /* borrowed */
        const char *const *policy_dirs;
        size_t n_policy_dirs;
        bool new_log;
        bool log_seccomp; /* for all three */
} SuperviseConfig;

/**
 * supervise() - Starts everything and returns when all of it has ended.
 *
 * Writes a line `ready` to stdout when requests are served for the first time. SIGTERM and SIGINT stop, a
 * second one at once; SIGHUP is passed on to the guard.
 *
 * Return: EXIT_DONE after a clean stop; EXIT_REFUSED when something ended that should not have, which has
 * been said.
 */
int supervise(const SuperviseConfig *config);
