/*
 * `matchguard policy decide`: facts in, one JSON object a line; decisions out, one a line. Runs the library
 * that the service runs, and asks nothing of the machine that it runs on but the policy's files.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "tools/commands.h"
#include "tools/decision-json.h"
#include "tools/facts-json.h"
#include "tools/json.h"
#include "tools/policy-open.h"

/* Answers a line that is no request, for programs on stdout and for people on stderr. */
static void print_fault(const FactsFault *fault, size_t line)
{
        _cleanup_(json_putp) json_object *object = json_need(json_object_new_object());
        const char *error = fault->parameter ? "InvalidParameter" : "Malformed";

        json_set_text(object, "error", error);
        if (fault->parameter)
                json_set_text(object, "parameter", fault->parameter);
        printf("%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
                                                                      JSON_C_TO_STRING_NOSLASHESCAPE));
        if (!fault->parameter)
                diag(DIAG_ERROR, "line %zu: expected %s", line, fault->expected);
        else if (!fault->expected)
                diag(DIAG_ERROR, "line %zu: %s: there is no such fact", line, fault->parameter);
        else
                diag(DIAG_ERROR, "line %zu: %s: expected %s", line, fault->parameter, fault->expected);
}

static int print_decision(const Policy *policy, const Facts *facts)
{
        _cleanup_(decision_deinit) Decision decision = DECISION_INIT;
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;

        int r = policy_decide(policy, facts, &decision);
        if (r < 0)
                return r;
        decision_json_write(&decision, policy, &text);
        if (text.failed)
                return -ENOMEM;
        fputs(buffer_text(&text), stdout);
        return 0;
}

/* Return: 0, FACTS_E_*, or -errno. */
static int decide_line(const Policy *policy, const char *text, size_t n, size_t line)
{
        _cleanup_(facts_json_deinit) FactsJson json = FACTS_JSON_INIT;
        _cleanup_(facts_fault_deinit) FactsFault fault = {};

        int r = facts_json_parse(text, n, &json, &fault);
        if (r > 0)
                print_fault(&fault, line);
        return r == 0 ? print_decision(policy, &json.facts) : r;
}

static int decide_file(const Policy *policy, FILE *file)
{
        _cleanup_(freep) char *text = NULL;
        size_t size = 0;
        int status = EXIT_DONE;

        for (size_t line = 1;; line++) {
                ssize_t n = getline(&text, &size, file);
                if (n < 0)
                        break;
                int r = decide_line(policy, text, (size_t)n, line);
                if (r < 0) {
                        diag(DIAG_ERROR, "line %zu: %s", line, strerror(-r));
                        return EXIT_REFUSED;
                }
                if (r > 0)
                        status = EXIT_REFUSED;
                (void)fflush(stdout); /* whoever feeds us through a pipe waits for this line */
        }
        if (ferror(file) || ferror(stdout)) {
                diag(DIAG_ERROR, "the facts cannot be read, or the decisions not written");
                return EXIT_REFUSED;
        }
        return status;
}

static int decide_path(const Policy *policy, const char *path)
{
        if (strcmp(path, "-") == 0)
                return decide_file(policy, stdin);
        FILE *file = fopen(path, "re");
        if (!file) {
                diag(DIAG_ERROR, "%s: %s", path, strerror(errno));
                return EXIT_REFUSED;
        }
        int status = decide_file(policy, file);
        (void)fclose(file); /* it was only read */
        return status;
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
        if (r == EXIT_DONE)
                r = decide_path(policy, facts);
        policy_unref(policy);
        return r;
}
