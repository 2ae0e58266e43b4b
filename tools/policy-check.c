/*
 * `matchguard policy check`: loads a policy as the service would and says in words what it found, or every
 * fault; and warns of what a sound policy says that may not be meant.
 */

#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "policy/lint.h"
#include "tools/commands.h"
#include "tools/instant.h"
#include "tools/json.h"
#include "tools/policy-open.h"

static const struct {
        const char *suffix, *one, *many;
} types[] = {
        {".organisation", "organisation", "organisations"},
        {".class", "class", "classes"},
        {".purpose", "purpose", "purposes"},
        {".gallery", "gallery", "galleries"},
        {".moratorium", "moratorium", "moratoria"},
        {".release", "release", "releases"},
        {".allow", "allow", "allows"},
        {".stand-down", "stand-down", "stand-downs"},
        {".invariant", "invariant", "invariants"},
};

typedef struct Counts {
        size_t files, drop_ins;
        size_t types[ARRAY_SIZE(types)];
} Counts;

static Counts count_texts(const Policy *policy)
{
        Counts counts = {};
        size_t n = 0;
        const PolicyText *texts = policy_texts(policy, &n);

        for (size_t i = 0; i < n; i++) {
                const char *suffix = strrchr(texts[i].path, '.');
                if (strchr(texts[i].path, '/')) {
                        counts.drop_ins++;
                        continue;
                }
                for (size_t t = 0; t < ARRAY_SIZE(types); t++)
                        if (strcmp(suffix, types[t].suffix) == 0) {
                                counts.types[t]++;
                                counts.files++;
                        }
        }
        return counts;
}

/* Warnings that stand, each where it stands. */
static void print_warnings(const LintReport *lints)
{
        for (size_t i = 0; i < lints->n; i++) {
                const LintWarning *warning = &lints->items[i];
                if (!warning->because)
                        printf("%s:%u:%u: warning: %s [%s]\n", warning->place.file, warning->place.line,
                               warning->place.column, warning->text, warning->lint);
        }
        if (lints->n > lints->n_standing)
                printf("%zu further warning%s accepted by comments.\n", lints->n - lints->n_standing,
                       lints->n - lints->n_standing == 1 ? " is" : "s are");
}

static void print_words(const Policy *policy, const Counts *counts, const LintReport *lints)
{
        char digest[DIGEST_HEX_SIZE];
        const char *separator = ": ";

        digest_hex(policy_digest(policy), digest);
        printf("The policy is sound. It is made of %zu file%s and %zu drop-in%s", counts->files,
               counts->files == 1 ? "" : "s", counts->drop_ins, counts->drop_ins == 1 ? "" : "s");
        for (size_t t = 0; t < ARRAY_SIZE(types); t++)
                if (counts->types[t] > 0) {
                        printf("%s%zu %s", separator, counts->types[t],
                               counts->types[t] == 1 ? types[t].one : types[t].many);
                        separator = ", ";
                }
        printf(".\nIts digest is %s.\n", digest);
        print_warnings(lints);
}

static json_object *new_warning(const LintWarning *warning)
{
        json_object *object = json_need(json_object_new_object());

        json_set_text(object, "lint", warning->lint);
        json_set_text(object, "file", warning->place.file);
        json_set(object, "line", json_object_new_int64(warning->place.line));
        json_set(object, "column", json_object_new_int64(warning->place.column));
        json_set_text(object, "text", warning->text);
        json_set_text(object, "because", warning->because);
        return object;
}

/* Those that are accepted, or those that stand. */
static json_object *new_warnings(const LintReport *lints, bool accepted)
{
        json_object *list = json_need(json_object_new_array());

        for (size_t i = 0; i < lints->n; i++)
                if (accepted == (lints->items[i].because != NULL))
                        json_object_array_add(list, new_warning(&lints->items[i]));
        return list;
}

static void print_json(const Policy *policy, const Counts *counts, const LintReport *lints)
{
        char digest[DIGEST_HEX_SIZE];
        _cleanup_(json_putp) json_object *object = json_need(json_object_new_object());

        digest_hex(policy_digest(policy), digest);
        json_set_text(object, "digest", digest);
        json_set(object, "files", json_object_new_uint64(counts->files));
        json_set(object, "dropIns", json_object_new_uint64(counts->drop_ins));
        json_object *objects = json_need(json_object_new_object());
        for (size_t t = 0; t < ARRAY_SIZE(types); t++)
                json_set(objects, types[t].suffix + 1, json_object_new_uint64(counts->types[t]));
        json_set(object, "objects", objects);
        json_set(object, "warnings", new_warnings(lints, false));
        json_set(object, "accepted", new_warnings(lints, true));
        printf("%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
                                                                      JSON_C_TO_STRING_NOSLASHESCAPE));
}

typedef struct Check {
        PolicyOpen open;
        bool json;
        bool strict;
        const char *at;
} Check;

static int check_policy(const Check *check, int64_t now_usec)
{
        _cleanup_(lint_report_deinit) LintReport lints = LINT_REPORT_INIT;
        Policy *policy = NULL;

        int status = policy_open(&check->open, &policy);
        if (status != EXIT_DONE)
                return status;
        int r = policy_lint(policy, now_usec, &lints);
        const Counts counts = count_texts(policy);
        if (r < 0)
                diag(DIAG_ERROR, "%s: %s", policy_open_describe(&check->open), strerror(-r));
        else if (check->json)
                print_json(policy, &counts, &lints);
        else
                print_words(policy, &counts, &lints);
        policy_unref(policy);
        return r < 0 || (check->strict && lints.n_standing > 0) ? EXIT_REFUSED : EXIT_DONE;
}

int run_policy_check(const Command *command, int argc, char **argv)
{
        Check check = {.open.as_the_service = true};
        int64_t now_usec = 0;
        const Option options[] = {
                {"json", OPTION_FLAG, &check.json, NULL, "say it as one JSON object"},
                {"strict", OPTION_FLAG, &check.strict, NULL, "fail where a warning stands"},
                {"at", OPTION_TEXT, &check.at, "TIME",
                 "warn of what is due or over at this time (default: now)"},
        };
        OptionSet set = OPTION_SET_INIT;
        OptionLine line = {argc, argv};

        policy_open_options(&set, &check.open);
        options_add(&set, options, ARRAY_SIZE(options));
        int r = options_parse(&set, command, &line);
        if (r != 0)
                return options_exit(r);
        if (line.argc > 0)
                return command_usage(command, "it takes no argument '%s'", line.argv[0]);
        int status = instant_read(command, check.at, &now_usec);
        return status == EXIT_DONE ? check_policy(&check, now_usec) : status;
}
