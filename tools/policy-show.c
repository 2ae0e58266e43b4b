/*
 * `matchguard policy show`: a policy or one object of it, for people with the file that it comes from, or the files
 * themselves.
 */

#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "tools/commands.h"
#include "tools/json.h"
#include "tools/policy-open.h"

typedef struct Show {
        PolicyOpen open;
        bool json;
        bool cat;
        const char *object; /* "NAME.TYPE"; NULL: all */
} Show;

/* Return: whether there is what was asked for. */
static bool print_words(const Show *show, const Policy *policy)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;

        bool found = (show->cat ? policy_show_files : policy_show)(policy, show->object, &text);
        if (text.failed)
                (void)json_need(NULL);
        if (found)
                fputs(buffer_text(&text), stdout);
        return found;
}

/* The texts as they stand in the files: what the digest is made of. */
static bool print_json(const Show *show, const Policy *policy)
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
                if (show->object && !policy_path_is_of(texts[i].path, show->object))
                        continue;
                json_object *file = json_need(json_object_new_object());
                json_set_text(file, "path", texts[i].path);
                json_set(
                        file, "text",
                        json_need(json_object_new_string_len((const char *)texts[i].bytes, (int)texts[i].n)));
                json_object_array_add(files, file);
        }
        if (show->object && json_object_array_length(files) == 0)
                return false;
        printf("%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
                                                                      JSON_C_TO_STRING_NOSLASHESCAPE));
        return true;
}

static int show_policy(const Show *show)
{
        Policy *policy = NULL;

        int status = policy_open(&show->open, &policy);
        if (status != EXIT_DONE)
                return status;
        bool found = (show->json ? print_json : print_words)(show, policy);
        if (!found)
                diag(DIAG_ERROR,
                     "the policy has no object %s; expected NAME.TYPE, as in police-use.moratorium",
                     show->object);
        policy_unref(policy);
        return found ? EXIT_DONE : EXIT_REFUSED;
}

int run_policy_show(const Command *command, int argc, char **argv)
{
        Show show = {};
        const Option options[] = {
                {"json", OPTION_FLAG, &show.json, NULL,
                 "the digest and the files that take effect, as one JSON object"},
                {"cat", OPTION_FLAG, &show.cat, NULL,
                 "the files as they stand, and which of them take no effect"},
        };
        OptionSet set = OPTION_SET_INIT;
        OptionLine line = {argc, argv};

        policy_open_options(&set, &show.open);
        policy_open_unproved_option(&set, &show.open);
        options_add(&set, options, ARRAY_SIZE(options));
        int r = options_parse(&set, command, &line);
        if (r != 0)
                return options_exit(r);
        if (line.argc > 1)
                return command_usage(command, "it takes one object, not also '%s'", line.argv[1]);
        if (show.json && show.cat)
                return command_usage(command,
                                     "--json and --cat are two ways to show it: expected one of them");
        show.object = line.argc > 0 ? line.argv[0] : NULL;
        return show_policy(&show);
}
