#pragma once
/*
 * Options: the command line of matchguardd, through one table.
 */

#include <stdbool.h>
#include <stddef.h>

enum { OPTIONS_POLICY_DIRS_MAX = 16 };

typedef struct Options {
        const char *state_dir;
        const char *policy_dirs[OPTIONS_POLICY_DIRS_MAX]; /* strongest first; none: the system's */
        size_t n_policy_dirs;
        const char *config_path;
        bool private; /* policy files and internal peers are the caller's own, not root's and the service's
                         accounts */
        bool new_log;
        bool log_seccomp;
} Options;

enum {
        OPTIONS_E_DONE = 1,  /* help or the version was printed: exit with success */
        OPTIONS_E_USAGE = 2, /* said on stderr what is wrong: exit with 2 */
};

/** options_parse() - Reads the command line; strings point into @argv. Return: 0 or OPTIONS_E_*. */
int options_parse(int argc, char **argv, Options *ret_options);
