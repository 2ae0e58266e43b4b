/* matchguard list: the subjects of a gallery, one a line on stdout; what is said of them goes to stderr. */

#include <stdio.h>

#include "base/macro.h"
#include "tools/commands.h"
#include "tools/json.h"
#include "tools/match.h"
#include "tools/page.h"

static int list(Match *m, const char *after)
{
        _cleanup_(json_putp) json_object *reply = NULL;
        _cleanup_(json_putp) json_object *parameters = match_parameters(m, MATCH_GALLERY | MATCH_LIMIT);
        char what[128];
        json_set_text(parameters, "after", after);
        snprintf(what, sizeof(what), "listing the gallery %s", m->gallery);
        const ServiceCall call = {SERVICE_MATCH, "List", parameters, what};
        int status = service_call(&m->service, &call, &reply);
        if (status != EXIT_DONE || m->service.json)
                return status;
        json_object *subjects = json_list(reply, "subjects");
        size_t n = subjects ? json_object_array_length(subjects) : 0;
        const char *last = NULL;
        for (size_t i = 0; i < n; i++) {
                last = json_object_get_string(json_object_array_get_idx(subjects, i));
                puts(last);
        }
        if (last)
                fprintf(stderr, "%zu subject%s; for those that follow: --after %s\n", n, n == 1 ? "" : "s",
                        last);
        else
                fputs("No subjects.\n", stderr);
        return EXIT_DONE;
}

int run_list(const Command *command, int argc, char **argv)
{
        _cleanup_(match_deinit) Match m = MATCH_INIT;
        const char *after = NULL;
        OptionSet set = OPTION_SET_INIT;
        OptionLine line = {argc, argv};
        const Option own = {"after", OPTION_TEXT, &after, "SUBJECT", "begin behind this subject"};
        options_add(&set, &own, 1);
        match_options(&set, &m, MATCH_GALLERY | MATCH_LIMIT);
        int r = options_parse(&set, command, &line);
        if (r != 0)
                return options_exit(r);
        if (line.argc != 0)
                return command_usage(command, "there is no argument '%s'", line.argv[0]);
        int status = match_check(&m, command, MATCH_GALLERY);
        return status != EXIT_DONE ? status : list(&m, after);
}
