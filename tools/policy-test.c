/*
 * `matchguard policy test`: holds the decisions of a policy against what *.test files expect, with the reason
 * why for each. Runs the library that the service runs.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "policy/explain.h"
#include "tools/commands.h"
#include "tools/decision-json.h"
#include "tools/json.h"
#include "tools/page.h"
#include "tools/policy-open.h"
#include "tools/test-places.h"
#include "tools/test-rows.h"

typedef struct Run {
        Policy *policy;
        json_object *results; /* of rows, with --json; else NULL, and they are printed as they come */
        size_t n_passed;
        size_t n_failed;
} Run;

static bool is_number(json_object *value)
{
        return json_object_is_type(value, json_type_int) || json_object_is_type(value, json_type_double);
}

/* Equal as JSON, but that 1 and 1.0 are one number. */
static bool is_same(json_object *a, json_object *b)
{
        if (is_number(a) && is_number(b))
                return json_object_get_double(a) == json_object_get_double(b);
        if (!json_object_is_type(a, json_type_object) || !json_object_is_type(b, json_type_object))
                return json_object_equal(a, b) != 0;
        if (json_object_object_length(a) != json_object_object_length(b))
                return false;
        json_object_object_foreach(a, key, value)
        {
                json_object *other = NULL;
                if (!json_object_object_get_ex(b, key, &other) || !is_same(value, other))
                        return false;
        }
        return true;
}

/* The keys of which something else was expected. */
static json_object *wrong_keys(json_object *expect, json_object *decision)
{
        json_object *wrong = json_need(json_object_new_array());

        json_object_object_foreach(expect, key, expected)
        {
                json_object *came = NULL;
                if (!json_object_object_get_ex(decision, key, &came) || !is_same(expected, came))
                        json_object_array_add(wrong, json_need(json_object_new_string(key)));
        }
        return wrong;
}

/* What one key was, in JSON. */
static void print_value(const char *label, const char *key, json_object *object)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        json_object *value = NULL;

        buffer_append_format(&text, "%s ", key);
        if (json_object_object_get_ex(object, key, &value))
                buffer_append_text(&text,
                                   json_object_to_json_string_ext(
                                           value, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
        else
                buffer_append_text(&text, "nothing");
        if (text.failed)
                (void)json_need(NULL);
        page_field(stdout, label, buffer_text(&text));
}

static void print_result(const TestRow *row, json_object *result)
{
        _cleanup_(buffer_deinit) Buffer head = BUFFER_INIT;
        json_object *wrong = json_list(result, "wrong"), *decision = NULL;
        size_t n = json_object_array_length(wrong);

        buffer_append_format(&head, "%s: %s (%s:%zu)", n == 0 ? "pass" : "fail", row->name, row->file,
                             row->line);
        if (head.failed || !json_object_object_get_ex(result, "decision", &decision))
                (void)json_need(NULL);
        page_text(stdout, buffer_text(&head));
        for (size_t i = 0; i < n; i++) {
                const char *key = json_object_get_string(json_object_array_get_idx(wrong, i));
                print_value("expected", key, row->expect);
                print_value("came", key, decision);
        }
        page_field(stdout, "why", json_text(result, "why"));
}

static int run_row(void *userdata, const TestRow *row)
{
        Run *run = userdata;
        _cleanup_(explanation_deinit) Explanation explanation = EXPLANATION_INIT;
        _cleanup_(json_putp) json_object *result = json_need(json_object_new_object());

        int r = policy_explain(run->policy, &row->facts.facts, &explanation);
        if (r < 0)
                return r;
        json_object *decision = decision_json_new(&explanation.decision, run->policy);
        json_object *wrong = wrong_keys(row->expect, decision);
        bool passed = json_object_array_length(wrong) == 0;
        json_set_text(result, "file", row->file);
        json_set(result, "line", json_object_new_uint64(row->line));
        json_set_text(result, "name", row->name);
        json_set(result, "passed", json_object_new_boolean(passed));
        json_set(result, "wrong", wrong);
        json_set(result, "expect", json_object_get(row->expect));
        json_set(result, "decision", decision);
        json_set_text(result, "why", explanation.summary);
        run->n_passed += passed;
        run->n_failed += !passed;
        if (run->results)
                json_object_array_add(run->results, json_object_get(result));
        else
                print_result(row, result);
        return 0;
}

static void print_json(const Run *run, const Buffer *faults)
{
        _cleanup_(json_putp) json_object *object = json_need(json_object_new_object());
        json_object *lines = json_need(json_object_new_array());

        for (const char *line = buffer_text(faults); *line;) {
                size_t n = strcspn(line, "\n");
                json_object_array_add(lines, json_need(json_object_new_string_len(line, (int)n)));
                line += n + 1;
        }
        json_set(object, "rows", json_object_get(run->results));
        json_set(object, "faults", lines);
        json_set(object, "passed", json_object_new_uint64(run->n_passed));
        json_set(object, "failed", json_object_new_uint64(run->n_failed));
        printf("%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
                                                                      JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* Says what it came to. Return: the exit status. */
static int report(const Run *run, const Buffer *faults)
{
        if (run->results)
                print_json(run, faults);
        else
                printf("%zu passed, %zu failed\n", run->n_passed, run->n_failed);
        fputs(buffer_text(faults), stderr);
        if (run->n_passed + run->n_failed == 0)
                diag(DIAG_ERROR, "no test was run; expected *.test files with rows");
        return faults->n > 0 || run->n_failed > 0 || run->n_passed == 0 ? EXIT_REFUSED : EXIT_DONE;
}

static int run_places(Run *run, const TestPlaces *places)
{
        _cleanup_(buffer_deinit) Buffer faults = BUFFER_INIT;

        for (size_t i = 0; i < places->n; i++) {
                TestRows rows = {
                        .path = places->paths[i], .row = run_row, .userdata = run, .faults = &faults};
                int r = test_rows_read(&rows);
                if (r == 0 && faults.failed)
                        r = -ENOMEM;
                if (r < 0) {
                        diag(DIAG_ERROR, "%s: %s", rows.path, strerror(-r));
                        return EXIT_REFUSED;
                }
        }
        return report(run, &faults);
}

/* What was named, or what stands with the policy. */
static int find_places(const PolicyOpen *open, const OptionLine *line, TestPlaces *places)
{
        bool installed = open->dirs.n == 0;
        int r = 0;

        for (int i = 0; i < line->argc; i++) {
                r = test_places_add(places, line->argv[i]);
                if (r < 0) {
                        diag(DIAG_ERROR, "%s: %s; expected a file of tests or a folder of them",
                             line->argv[i], strerror(-r));
                        return EXIT_REFUSED;
                }
        }
        if (line->argc == 0)
                r = test_places_add_layers(places, installed ? policy_default_dirs : open->dirs.items,
                                           installed ? ARRAY_SIZE(policy_default_dirs) : open->dirs.n);
        if (r < 0)
                diag(DIAG_ERROR, "%s: %s", policy_open_describe(open), strerror(-r));
        return r < 0 ? EXIT_REFUSED : EXIT_DONE;
}

int run_policy_test(const Command *command, int argc, char **argv)
{
        _cleanup_(test_places_deinit) TestPlaces places = TEST_PLACES_INIT;
        PolicyOpen open = POLICY_OPEN_INIT;
        bool json = false;
        const Option options[] = {
                {"json", OPTION_FLAG, &json, NULL, "say it as one JSON object"},
        };
        OptionSet set = OPTION_SET_INIT;
        OptionLine line = {argc, argv};
        Run run = {};

        policy_open_options(&set, &open);
        options_add(&set, options, ARRAY_SIZE(options));
        int r = options_parse(&set, command, &line);
        if (r != 0)
                return options_exit(r);
        r = policy_open(&open, &run.policy);
        if (r == EXIT_DONE)
                r = find_places(&open, &line, &places);
        if (r == EXIT_DONE) {
                run.results = json ? json_need(json_object_new_array()) : NULL;
                r = run_places(&run, &places);
        }
        json_object_put(run.results);
        policy_unref(run.policy);
        return r;
}
