/* matchguard identify: searches a gallery, by a probe or by a subject that is stored in it. */

#include <stdio.h>

#include "base/macro.h"
#include "tools/commands.h"
#include "tools/json.h"
#include "tools/match.h"

static int identify(Match *m, const char *stored, const char *probe_path)
{
        _cleanup_(json_putp) json_object *reply = NULL;
        _cleanup_(json_putp) json_object *parameters =
                match_parameters(m, MATCH_GALLERY | MATCH_LIMIT | MATCH_FLOOR);
        char what[128];
        json_object *probe = NULL;
        int status = stored ? EXIT_DONE : match_load(m, probe_path, &probe);
        if (status != EXIT_DONE)
                return status;
        if (probe)
                json_set(parameters, "probe", probe);
        json_set_text(parameters, "subject", stored);
        snprintf(what, sizeof(what), "searching the gallery %s", m->gallery);
        const ServiceCall call = {SERVICE_MATCH, stored ? "IdentifyStored" : "Identify", parameters, what};
        status = service_call(&m->service, &call, &reply);
        if (status == EXIT_DONE && !m->service.json)
                match_print_found(reply);
        return status;
}

int run_identify(const Command *command, int argc, char **argv)
{
        _cleanup_(match_deinit) Match m = MATCH_INIT;
        const char *stored = NULL;
        OptionSet set = OPTION_SET_INIT;
        OptionLine line = {argc, argv};
        const Option own = {"stored", OPTION_TEXT, &stored, "SUBJECT",
                            "search by what is stored of this subject"};
        options_add(&set, &own, 1);
        match_options(&set, &m, MATCH_GALLERY | MATCH_TEMPLATE | MATCH_LIMIT | MATCH_FLOOR);
        int r = options_parse(&set, command, &line);
        if (r != 0)
                return options_exit(r);
        if (line.argc != (stored ? 0 : 1))
                return command_usage(command, "one probe is wanted, or --stored and no probe");
        int status = match_check(&m, command, MATCH_GALLERY | (stored ? 0 : MATCH_TEMPLATE));
        if (status != EXIT_DONE)
                return status;
        return identify(&m, stored, stored ? NULL : line.argv[0]);
}
