/*
 * The command line. Run once, at the start of matchguardd.
 */

#include "guard/options.h"

#include <stdio.h>
#include <string.h>

#include "base/macro.h"

typedef struct OptionsEntry {
        const char *name;
        const char *argument; /* NULL: takes none */
        const char *help;
        int (*set)(Options *options, const char *value);
} OptionsEntry;

static int set_state(Options *options, const char *value)
{
        options->state_dir = value;
        return 0;
}

static int set_policy_dir(Options *options, const char *value)
{
        if (options->n_policy_dirs == OPTIONS_POLICY_DIRS_MAX) {
                fprintf(stderr, "matchguardd: at most %d policy folders\n", OPTIONS_POLICY_DIRS_MAX);
                return OPTIONS_E_USAGE;
        }
        options->policy_dirs[options->n_policy_dirs++] = value;
        return 0;
}

static int set_config(Options *options, const char *value)
{
        options->config_path = value;
        return 0;
}

static int set_private(Options *options, const char *value)
{
        options->private = true;
        return 0;
}

static int set_new_log(Options *options, const char *value)
{
        options->new_log = true;
        return 0;
}

static int set_log_seccomp(Options *options, const char *value)
{
        options->log_seccomp = true;
        return 0;
}

static int show_version(Options *options, const char *value)
{
        printf("matchguardd %s\n", MATCHGUARD_VERSION);
        return OPTIONS_E_DONE;
}

static int show_help(Options *options, const char *value);

static const OptionsEntry options_table[] = {
        {"--state", "DIR", "where trail, export and the log's public key are kept", set_state},
        {"--policy-dir", "DIR", "where policy is read from; repeatable, strongest first", set_policy_dir},
        {"--config", "FILE", "instead of /etc/matchguard/matchguard.conf", set_config},
        {"--private", NULL, "policy files and internal peers are one's own (under `matchguard run`)",
         set_private},
        {"--new-log", NULL, "begin another log, and put the old one aside", set_new_log},
        {"--log-seccomp", NULL, "only log system calls that are not allowed", set_log_seccomp},
        {"--version", NULL, "print the version", show_version},
        {"--help", NULL, "print this", show_help},
};

static int show_help(Options *options, const char *value)
{
        printf("matchguardd [OPTION]...\n\nDecides and records every face match. Its sockets come from "
               "systemd or "
               "`matchguard run`.\n\n");
        for (size_t i = 0; i < ARRAY_SIZE(options_table); i++) {
                const OptionsEntry *entry = &options_table[i];
                printf("  %-13s %-5s %s\n", entry->name, entry->argument ? entry->argument : "", entry->help);
        }
        return OPTIONS_E_DONE;
}

/* The entry of `--name` or `--name=value`. */
static const OptionsEntry *options_find(const char *argument)
{
        size_t n = strcspn(argument, "=");

        for (size_t i = 0; i < ARRAY_SIZE(options_table); i++)
                if (strlen(options_table[i].name) == n && strncmp(options_table[i].name, argument, n) == 0)
                        return &options_table[i];
        return NULL;
}

int options_parse(int argc, char **argv, Options *ret_options)
{
        Options options = {
                .state_dir = "/var/lib/matchguard",
                .config_path = "/etc/matchguard/matchguard.conf",
        };

        for (int i = 1; i < argc; i++) {
                const OptionsEntry *entry = options_find(argv[i]);
                const char *value = strchr(argv[i], '=');
                if (entry && entry->argument && !value && i + 1 < argc)
                        value = argv[++i];
                else if (value)
                        value++;
                if (!entry || !entry->argument != !value) {
                        fprintf(stderr, "matchguardd: cannot understand \"%s\"; see --help\n", argv[i]);
                        return OPTIONS_E_USAGE;
                }
                int r = entry->set(&options, value);
                if (r != 0)
                        return r;
        }
        *ret_options = options;
        return 0;
}
