/*
 * `matchguard policy show`: the whole policy, for people every object with the file that it comes from.
 */

#include <stdio.h>

#include "base/diag.h"
#include "base/macro.h"
#include "tools/commands.h"
#include "tools/json.h"
#include "tools/policy-open.h"

static int print_words(const Policy *policy)
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

/* The texts as they stand in the files: what the digest is made of. */
static int print_json(const Policy *policy)
{
        char digest[DIGEST_HEX_SIZE];
        _cleanup_(json_putp) json_object *object = json_need(json_object_new_object());
        json_object *files = json_need(json_object_new_array());
        size_t n = 0;
        const PolicyText *texts = policy_texts(policy, &n);

        digest_hex(policy_digest(policy), digest);
        json_set_text(object, "digest", digest);
        json_set(object, "files", files);
        for (size_t i = 0; i < n; i++) {
                json_object *file = json_need(json_object_new_object());
                json_set_text(file, "path", texts[i].path);
                json_set(
                        file, "text",
                        json_need(json_object_new_string_len((const char *)texts[i].bytes, (int)texts[i].n)));
                json_object_array_add(files, file);
        }
        printf("%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
                                                                      JSON_C_TO_STRING_NOSLASHESCAPE));
        return EXIT_DONE;
}

int run_policy_show(const Command *command, int argc, char **argv)
{
        PolicyOpen open = POLICY_OPEN_INIT;
        bool json = false;
        const Option options[] = {
                {"json", OPTION_FLAG, &json, NULL,
                 "the digest and the files that take effect, as one JSON object"},
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
        if (r == EXIT_DONE)
                r = (json ? print_json : print_words)(policy);
        policy_unref(policy);
        return r;
}
