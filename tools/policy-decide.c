/*
 * `matchguard policy decide`: facts in, one JSON object a line; decisions out, one a line. Runs the library
 * that the service runs, and asks nothing of the machine that it runs on but the policy's files.
 */

#include <errno.h>
#include <stdio.h>

#include "base/macro.h"
#include "tools/commands.h"
#include "tools/decision-json.h"
#include "tools/facts-file.h"
#include "tools/policy-open.h"

static int print_decision(void *policy, const FactsJson *json)
{
        _cleanup_(decision_deinit) Decision decision = DECISION_INIT;
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;

        int r = policy_decide(policy, &json->facts, &decision);
        if (r < 0)
                return r;
        decision_json_write(&decision, policy, &text);
        if (text.failed)
                return -ENOMEM;
        fputs(buffer_text(&text), stdout);
        return 0;
}

int run_policy_decide(const Command *command, int argc, char **argv)
{
        PolicyOpen open = POLICY_OPEN_INIT;
        const char *facts = NULL;
        const Option options[] = {
                {"facts", OPTION_TEXT, &facts, "FILE", "facts, a JSON object a line; - for standard input"},
        };
        OptionSet set = OPTION_SET_INIT;
        OptionLine line = {argc, argv};

        policy_open_options(&set, &open);
        policy_open_unproved_option(&set, &open);
        options_add(&set, options, ARRAY_SIZE(options));
        int r = options_parse(&set, command, &line);
        if (r != 0)
                return options_exit(r);
        if (line.argc > 0)
                return command_usage(command, "it takes no argument '%s'", line.argv[0]);
        if (!facts)
                return command_usage(command, "--facts is missing");
        Policy *policy = NULL;
        r = policy_open(&open, &policy);
        if (r != EXIT_DONE)
                return r;
        const FactsFile file = {
                .path = facts, .answers_faults = true, .request = print_decision, .userdata = policy};
        r = facts_file_read(&file);
        policy_unref(policy);
        return r;
}
