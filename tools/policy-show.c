/*
 * `matchguard policy show`: the whole policy for people, every object with the file that it comes from.
 */

#include <stdio.h>

#include "base/diag.h"
#include "base/macro.h"
#include "tools/commands.h"
#include "tools/policy-open.h"

static int print_policy(const Policy *policy)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;

        policy_show(policy, &text);
        if (text.failed) {
                diag(DIAG_ERROR, "there is not enough memory to show the policy");
                return EXIT_REFUSED;
        }
        fputs(buffer_text(&text), stdout);
        return EXIT_DONE;
}

int run_policy_show(const Command *command, int argc, char **argv)
{
        PolicyOpen open = POLICY_OPEN_INIT;
        OptionSet set = OPTION_SET_INIT;
        OptionLine line = {argc, argv};

        policy_open_options(&set, &open);
        int r = options_parse(&set, command, &line);
        if (r != 0)
                return options_exit(r);
        if (line.argc > 0)
                return command_usage(command, "it takes no argument '%s'", line.argv[0]);
        Policy *policy = NULL;
        r = policy_open(&open, &policy);
        if (r == EXIT_DONE)
                r = print_policy(policy);
        policy_unref(policy);
        return r;
}
