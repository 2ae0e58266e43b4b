/* matchguard remove: removes a subject from a gallery. */

#include <stdio.h>

#include "base/macro.h"
#include "tools/commands.h"
#include "tools/json.h"
#include "tools/match.h"
#include "tools/page.h"

static int remove_subject(Match *m, const char *subject)
{
        _cleanup_(json_putp) json_object *reply = NULL;
        _cleanup_(json_putp) json_object *parameters = match_parameters(m, MATCH_GALLERY);
        char what[192], number[PAGE_NUMBER_SIZE];
        json_set_text(parameters, "subject", subject);
        snprintf(what, sizeof(what), "removing %s from the gallery %s", subject, m->gallery);
        const ServiceCall call = {SERVICE_MATCH, "Remove", parameters, what};
        int status = service_call(&m->service, &call, &reply);
        if (status != EXIT_DONE || m->service.json)
                return status;
        uint64_t removed = (uint64_t)json_number(reply, "removed", 0);
        printf("Removed %s template%s of %s.\n", page_number(removed, number), removed == 1 ? "" : "s",
               subject);
        match_print_rule(reply);
        return EXIT_DONE;
}

int run_remove(const Command *command, int argc, char **argv)
{
        _cleanup_(match_deinit) Match m = MATCH_INIT;
        OptionSet set = OPTION_SET_INIT;
        OptionLine line = {argc, argv};
        match_options(&set, &m, MATCH_GALLERY);
        int r = options_parse(&set, command, &line);
        if (r != 0)
                return options_exit(r);
        if (line.argc != 1)
                return command_usage(command, "one subject is wanted");
        int status = match_check(&m, command, MATCH_GALLERY);
        return status != EXIT_DONE ? status : remove_subject(&m, line.argv[0]);
}
