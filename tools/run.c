/*
 * matchguard run: guard, frontend and worker in the foreground, under one private directory, without systemd
 * and without root. The promises hold against clients of its sockets, not against other programs of the same
 * user.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/macro.h"
#include "tools/commands.h"
#include "tools/options.h"
#include "tools/policy-open.h"
#include "tools/programs.h"
#include "tools/rundir.h"
#include "tools/supervise.h"

typedef struct RunOptions {
        const char *dir;
        OptionList policy_dirs;
        bool new_log;
        bool log_seccomp;
} RunOptions;

/* Where the policy is looked for when no place is given; and places that were given relative to this one. */
typedef struct PolicyFolders {
        Buffer own;
        Buffer shipped;
        char *absolute[OPTION_LIST_MAX];
} PolicyFolders;

static void policy_folders_deinit(PolicyFolders *folders)
{
        buffer_deinit(&folders->own);
        buffer_deinit(&folders->shipped);
        for (size_t i = 0; i < ARRAY_SIZE(folders->absolute); i++)
                free(folders->absolute[i]);
}

/* The guard tells its folders to tools, which run anywhere. */
static int make_absolute(OptionList *dirs, PolicyFolders *folders)
{
        _cleanup_(freep) char *here = getcwd(NULL, 0);
        int r = here ? 0 : -errno;

        for (size_t i = 0; i < dirs->n && r >= 0; i++) {
                if (dirs->items[i][0] == '/')
                        continue;
                r = asprintf(&folders->absolute[i], "%s/%s", here, dirs->items[i]);
                if (r < 0)
                        folders->absolute[i] = NULL;
                else
                        dirs->items[i] = folders->absolute[i];
        }
        if (r >= 0)
                return EXIT_DONE;
        diag(DIAG_ERROR, "the folder of --policy-dir has no whole name: %s", strerror(errno));
        return EXIT_REFUSED;
}

/* Policy files have to be the caller's own here, so that a shipped policy of somebody else is of no use. */
static bool is_own_folder(const char *path)
{
        struct stat st;
        return stat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

/* Where nothing was given: DIR/policy.d over the shipped policy, as far as they are there. Over that one it
 * is made where it is missing, so that no change of policy goes into what was shipped. */
static int find_policy(RunOptions *options, const RunDir *dir, PolicyFolders *found)
{
        OptionList *dirs = &options->policy_dirs;
        if (!policy_dirs_check(dirs) || make_absolute(dirs, found) != EXIT_DONE)
                return EXIT_REFUSED;
        if (dirs->n == 0) {
                buffer_append_format(&found->own, "%s/policy.d", dir->path);
                programs_policy_dir(&found->shipped);
                if (is_own_folder(buffer_text(&found->shipped)))
                        (void)mkdir(buffer_text(&found->own), 0755); /* It may be there, and need not. */
                if (is_own_folder(buffer_text(&found->own)))
                        dirs->items[dirs->n++] = buffer_text(&found->own);
                if (is_own_folder(buffer_text(&found->shipped)))
                        dirs->items[dirs->n++] = buffer_text(&found->shipped);
        }
        if (dirs->n == 0) {
                diag(DIAG_ERROR,
                     "there is no policy: neither %s nor %s is a folder of this user; make one, or give "
                     "--policy-dir",
                     buffer_text(&found->own), buffer_text(&found->shipped));
                return EXIT_REFUSED;
        }
        for (size_t i = 0; i < dirs->n; i++)
                diag(DIAG_INFO, "policy from %s", dirs->items[i]);
        return EXIT_DONE;
}

static int run_in(RunOptions *options)
{
        _cleanup_(rundir_deinit) RunDir dir = RUN_DIR_INIT;
        _cleanup_(policy_folders_deinit) PolicyFolders folders = {};
        _cleanup_(buffer_deinit) Buffer fault = BUFFER_INIT;
        if (rundir_open(options->dir, &dir, &fault) != 0) {
                diag(DIAG_ERROR, "%s", buffer_text(&fault));
                return EXIT_REFUSED;
        }
        int status = find_policy(options, &dir, &folders);
        if (status != EXIT_DONE)
                return status;
        const SuperviseConfig config = {
                .dir = &dir,
                .policy_dirs = options->policy_dirs.items,
                .n_policy_dirs = options->policy_dirs.n,
                .new_log = options->new_log,
                .log_seccomp = options->log_seccomp,
        };
        return supervise(&config);
}

int run_run(const Command *command, int argc, char **argv)
{
        RunOptions options = {};
        OptionSet set = OPTION_SET_INIT;
        OptionLine line = {argc, argv};
        const Option own[] = {
                {"dir", OPTION_TEXT, &options.dir, "DIR", "everything goes here; made if it is missing"},
                {"policy-dir", OPTION_LIST, &options.policy_dirs, "DIR",
                 "where the policy is, strongest first (default: DIR/policy.d, then the shipped one)"},
                {"new-log", OPTION_FLAG, &options.new_log, NULL,
                 "begin another log; the old export is kept aside"},
                {"log-seccomp", OPTION_FLAG, &options.log_seccomp, NULL,
                 "only log system calls that the three programs are not allowed"},
        };
        options_add(&set, own, ARRAY_SIZE(own));
        int r = options_parse(&set, command, &line);
        if (r != 0)
                return options_exit(r);
        if (line.argc != 0)
                return command_usage(command, "there is no argument '%s'", line.argv[0]);
        if (!options.dir)
                return command_usage(command, "--dir is missing");
        return run_in(&options);
}
