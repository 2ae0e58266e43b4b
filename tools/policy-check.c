/*
 * `matchguard policy check`: loads a policy as the service would and says in words what it found, or every
 * fault.
 */

#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "tools/commands.h"
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

static void print_words(const Policy *policy, const Counts *counts)
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
}

static void print_json(const Policy *policy, const Counts *counts)
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
        printf("%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
}

int run_policy_check(const Command *command, int argc, char **argv)
{
        PolicyOpen open = {.as_the_service = true};
        bool json = false;
        const Option options[] = {
                {"json", OPTION_FLAG, &json, NULL, "say it as one JSON object"},
        };
        OptionSet set = OPTION_SET_INIT;
        OptionLine line = {argc, argv};

        policy_open_options(&set, &open);
        options_add(&set, options, ARRAY_SIZE(options));
        int r = options_parse(&set, command, &line);
        if (r != 0)
                return options_exit(r);
        if (line.argc > 0)
                return command_usage(command, "it takes no argument '%s'", line.argv[0]);
        Policy *policy = NULL;
        r = policy_open(&open, &policy);
        if (r != EXIT_DONE)
                return r;
        const Counts counts = count_texts(policy);
        (json ? print_json : print_words)(policy, &counts);
        policy_unref(policy);
        return EXIT_DONE;
}
