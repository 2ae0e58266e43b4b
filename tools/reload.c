/* matchguard reload: has the service load its policy anew, whole or not at all. */

#include <stdio.h>

#include "base/macro.h"
#include "tools/commands.h"
#include "tools/json.h"
#include "tools/page.h"
#include "tools/service.h"

static void print_reloaded(json_object *reply)
{
        json_object *status = NULL;
        if (!json_object_object_get_ex(reply, "status", &status))
                status = reply;
        const char *policy = json_text(status, "policy");
        puts("The policy has been loaded and is in force.");
        if (policy)
                page_field(stdout, "policy", policy);
}

int run_reload(const Command *command, int argc, char **argv)
{
        _cleanup_(service_deinit) Service service = SERVICE_INIT;
        _cleanup_(json_putp) json_object *reply = NULL;
        OptionSet set = OPTION_SET_INIT;
        OptionLine line = {argc, argv};
        service_options(&set, &service);
        int r = options_parse(&set, command, &line);
        if (r != 0)
                return options_exit(r);
        if (line.argc != 0)
                return command_usage(command, "there is no argument '%s'", line.argv[0]);
        const ServiceCall call = {SERVICE_ADMIN, "Reload", NULL, "loading the policy anew"};
        int status = service_call(&service, &call, &reply);
        if (status == EXIT_DONE && !service.json)
                print_reloaded(reply);
        return status;
}
