/*
 * `matchguard policy diff OLD NEW`: every request that one policy answers otherwise than the other, in lines
 * with an example each.
 */

#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "policy/diff.h"
#include "tools/commands.h"
#include "tools/diff-words.h"
#include "tools/json.h"
#include "tools/policy-open.h"

static int print_words(const PolicyDiff *diff)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;

        diff_write(diff, &text);
        if (text.failed) {
                diag(DIAG_ERROR, "there is not enough memory to show the difference");
                return EXIT_REFUSED;
        }
        fputs(buffer_text(&text), stdout);
        return EXIT_DONE;
}

static int print_json(const PolicyDiff *diff)
{
        _cleanup_(json_putp) json_object *object = json_need(json_object_new_object());

        diff_json(diff, object);
        json_print(object);
        return EXIT_DONE;
}

static int diff_policies(Policy *policies[static 2], bool json)
{
        _cleanup_(policy_diff_deinit) PolicyDiff diff = POLICY_DIFF_INIT;

        int r = policy_diff(policies[0], policies[1], &diff);
        if (r < 0) {
                diag(DIAG_ERROR, "cannot compare: %s", strerror(-r));
                return EXIT_REFUSED;
        }
        return (json ? print_json : print_words)(&diff);
}

int run_policy_diff(const Command *command, int argc, char **argv)
{
        PolicyOpen opens[2] = {};
        bool json = false, unproved = false;
        Policy *policies[2] = {};
        const Option options[] = {
                {"policy-dir", OPTION_LIST, &opens[0].dirs, "DIR",
                 "a weaker layer under both, such as the shipped policy; repeat it, strongest first"},
                {"unproved", OPTION_FLAG, &unproved, NULL, "also policies that break an invariant"},
                {"json", OPTION_FLAG, &json, NULL, "say it as one JSON object"},
        };
        OptionSet set = OPTION_SET_INIT;
        OptionLine line = {argc, argv};

        options_add(&set, options, ARRAY_SIZE(options));
        int r = options_parse(&set, command, &line);
        if (r != 0)
                return options_exit(r);
        if (line.argc != 2)
                return command_usage(command, "it takes two folders, OLD and NEW");
        if (opens[0].dirs.n >= OPTION_LIST_MAX)
                return command_usage(command, "--policy-dir stands too often");
        opens[1] = opens[0];
        int status = EXIT_DONE;
        for (int side = 0; side < 2 && status == EXIT_DONE; side++) {
                policy_open_layer(&opens[side], line.argv[side]);
                opens[side].unproved = unproved;
                status = policy_open(&opens[side], &policies[side]);
        }
        if (status == EXIT_DONE)
                status = diff_policies(policies, json);
        for (int side = 0; side < 2; side++)
                policy_unref(policies[side]);
        return status;
}
