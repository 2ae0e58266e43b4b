/* matchguard verify: compares a probe with one subject of a gallery. */

#include <stdio.h>

#include "base/macro.h"
#include "tools/commands.h"
#include "tools/json.h"
#include "tools/match.h"

enum { WANTS = MATCH_GALLERY | MATCH_TEMPLATE | MATCH_FLOOR };

static int verify(Match *m, const char *subject, const char *probe_path)
{
        _cleanup_(json_putp) json_object *reply = NULL;
        _cleanup_(json_putp) json_object *parameters = match_parameters(m, WANTS);
        json_object *probe = NULL;
        char what[192];
        int status = match_load(m, probe_path, &probe);
        if (status != EXIT_DONE)
                return status;
        json_set(parameters, "probe", probe);
        json_set_text(parameters, "subject", subject);
        snprintf(what, sizeof(what), "comparing with %s of the gallery %s", subject, m->gallery);
        const ServiceCall call = {SERVICE_MATCH, "Verify", parameters, what};
        status = service_call(&m->service, &call, &reply);
        if (status == EXIT_DONE && !m->service.json)
                match_print_verdict(reply);
        return status;
}

int run_verify(const Command *command, int argc, char **argv)
{
        _cleanup_(match_deinit) Match m = MATCH_INIT;
        OptionSet set = OPTION_SET_INIT;
        OptionLine line = {argc, argv};
        match_options(&set, &m, WANTS);
        int r = options_parse(&set, command, &line);
        if (r != 0)
                return options_exit(r);
        if (line.argc != 2)
                return command_usage(command, "a subject and a probe are wanted");
        int status = match_check(&m, command, WANTS);
        return status != EXIT_DONE ? status : verify(&m, line.argv[0], line.argv[1]);
}
