/*
 * Loading a policy for a command. Reads files, says faults; decides nothing.
 */

#include "tools/policy-open.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/macro.h"

void policy_open_options(OptionSet *set, PolicyOpen *open)
{
        const Option row = {"policy-dir", OPTION_LIST, &open->dirs, "DIR",
                            "the policy there, not the installed one; repeat it, strongest first"};
        options_add(set, &row, 1);
}

void policy_open_unproved_option(OptionSet *set, PolicyOpen *open)
{
        const Option row = {"unproved", OPTION_FLAG, &open->unproved, NULL,
                            "also a policy that breaks an invariant, which the service does not load"};
        options_add(set, &row, 1);
}

bool policy_dirs_check(const OptionList *dirs)
{
        bool all = true;

        for (size_t i = 0; i < dirs->n; i++) {
                struct stat st;
                int error = stat(dirs->items[i], &st) < 0 ? errno : S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
                if (error != 0)
                        diag(DIAG_ERROR, "--policy-dir %s: %s", dirs->items[i], strerror(error));
                all &= error == 0;
        }
        return all;
}

const char *policy_open_describe(const PolicyOpen *open)
{
        return open->dirs.n > 0 ? open->dirs.items[0] : policy_default_dirs[0];
}

void policy_open_report(const char *where, int ending, const PolicyFaults *faults)
{
        if (ending < 0)
                diag(DIAG_ERROR, "%s: %s", where, strerror(-ending));
        for (size_t i = 0; i < faults->n; i++)
                fprintf(stderr, "%s\n", faults->lines[i]);
}

int policy_open_source(const PolicySource *source, Policy **ret_policy)
{
        _cleanup_(policy_faults_deinit) PolicyFaults faults = {};

        int r = policy_load(ret_policy, source, &faults);
        if (r == 0)
                return EXIT_DONE;
        policy_open_report(source->dirs[0], r, &faults);
        return EXIT_REFUSED;
}

void policy_open_layer(PolicyOpen *open, const char *dir)
{
        memmove(open->dirs.items + 1, open->dirs.items, open->dirs.n * sizeof(open->dirs.items[0]));
        open->dirs.items[0] = dir;
        open->dirs.n++;
        /* As the export's archive has it: names of accounts mean what they meant there. */
        if (snprintf(open->ids, sizeof(open->ids), "%s/.ids", dir) >= (int)sizeof(open->ids) ||
            access(open->ids, F_OK) < 0)
                open->ids[0] = '\0';
}

int policy_open(const PolicyOpen *open, Policy **ret_policy)
{
        bool installed = open->dirs.n == 0;
        const PolicySource source = {
                .dirs = installed ? policy_default_dirs : open->dirs.items,
                .n_dirs = installed ? ARRAY_SIZE(policy_default_dirs) : open->dirs.n,
                .check_owner = installed && open->as_the_service,
                .owner = 0,
                .ids_path = open->ids[0] ? open->ids : NULL,
                .unproved = open->unproved,
        };

        if (!policy_dirs_check(&open->dirs))
                return EXIT_REFUSED;
        return policy_open_source(&source, ret_policy);
}
