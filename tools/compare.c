/* matchguard compare: compares two templates, without any gallery. */

#include "base/macro.h"
#include "tools/commands.h"
#include "tools/json.h"
#include "tools/match.h"

enum { WANTS = MATCH_TEMPLATE | MATCH_FLOOR };

static int compare(Match *m, const char *probe_path, const char *reference_path)
{
        _cleanup_(json_putp) json_object *reply = NULL;
        _cleanup_(json_putp) json_object *parameters = match_parameters(m, WANTS);
        _cleanup_(json_putp) json_object *probe = NULL;
        json_object *reference = NULL;
        int status = match_load(m, probe_path, &probe);
        if (status == EXIT_DONE)
                status = match_load(m, reference_path, &reference);
        if (status != EXIT_DONE)
                return status;
        json_set(parameters, "probe", TAKE_PTR(probe));
        json_set(parameters, "reference", reference);
        const ServiceCall call = {SERVICE_MATCH, "Compare", parameters, "comparing two templates"};
        status = service_call(&m->service, &call, &reply);
        if (status == EXIT_DONE && !m->service.json)
                match_print_verdict(reply);
        return status;
}

int run_compare(const Command *command, int argc, char **argv)
{
        _cleanup_(match_deinit) Match m = MATCH_INIT;
        OptionSet set = OPTION_SET_INIT;
        OptionLine line = {argc, argv};
        match_options(&set, &m, WANTS);
        int r = options_parse(&set, command, &line);
        if (r != 0)
                return options_exit(r);
        if (line.argc != 2)
                return command_usage(command, "a probe and a reference are wanted");
        int status = match_check(&m, command, WANTS);
        return status != EXIT_DONE ? status : compare(&m, line.argv[0], line.argv[1]);
}
