/*
 * `matchguard policy explain`: the whole way to a decision, of facts in a file or of one request in options. Runs
 * the library that the service runs, and asks nothing of the machine but the policy's files and, where no time
 * is given, the clock.
 */

#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "tools/commands.h"
#include "tools/explain-json.h"
#include "tools/explain-text.h"
#include "tools/facts-file.h"
#include "tools/facts-options.h"
#include "tools/json.h"
#include "tools/policy-open.h"

typedef struct Explain {
        PolicyOpen open;
        FactsOptions options;
        const char *facts;
        bool json;
        Policy *policy;
        size_t n_written;
} Explain;

static int print_explanation(void *userdata, const FactsJson *json)
{
        Explain *explain = userdata;
        _cleanup_(explanation_deinit) Explanation explanation = EXPLANATION_INIT;

        int r = policy_explain(explain->policy, &json->facts, &explanation);
        if (r < 0)
                return r;
        if (explain->json) {
                _cleanup_(json_putp) json_object *object =
                        explain_json_new(&explanation, json, explain->policy);
                puts(json_object_to_json_string_ext(object,
                                                    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
                return 0;
        }
        if (explain->n_written++ > 0)
                fputs("\n\n", stdout);
        return explain_text_write(&explanation, stdout);
}

static int explain_options(Explain *explain, const Command *command)
{
        _cleanup_(facts_json_deinit) FactsJson json = FACTS_JSON_INIT;

        int status = facts_options_read(&explain->options, command, &json);
        if (status == EXIT_DONE)
                status = policy_open(&explain->open, &explain->policy);
        if (status != EXIT_DONE)
                return status;
        int r = print_explanation(explain, &json);
        if (r < 0)
                diag(DIAG_ERROR, "%s", strerror(-r));
        return r < 0 ? EXIT_REFUSED : EXIT_DONE;
}

static int explain_file(Explain *explain, const Command *command)
{
        const FactsFile file = {.path = explain->facts,
                                .answers_faults = explain->json,
                                .request = print_explanation,
                                .userdata = explain};

        if (facts_options_given(&explain->options))
                return command_usage(command, "--facts says all of the request: no other option may");
        int status = policy_open(&explain->open, &explain->policy);
        return status == EXIT_DONE ? facts_file_read(&file) : status;
}

int run_policy_explain(const Command *command, int argc, char **argv)
{
        Explain explain = {};
        const Option options[] = {
                {"facts", OPTION_TEXT, &explain.facts, "FILE",
                 "facts, a JSON object a line; - for standard input"},
                {"json", OPTION_FLAG, &explain.json, NULL, "say it as one JSON object a request"},
        };
        OptionSet set = OPTION_SET_INIT;
        OptionLine line = {argc, argv};

        policy_open_options(&set, &explain.open);
        policy_open_unproved_option(&set, &explain.open);
        options_add(&set, options, ARRAY_SIZE(options));
        facts_options(&set, &explain.options);
        int r = options_parse(&set, command, &line);
        if (r != 0)
                return options_exit(r);
        if (line.argc > 0)
                return command_usage(command, "it takes no argument '%s'", line.argv[0]);
        r = (explain.facts ? explain_file : explain_options)(&explain, command);
        policy_unref(explain.policy);
        return r;
}
