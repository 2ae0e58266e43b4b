/*
 * matchguard log-level: what the service tells the journal, until it is started again or this is taken back.
 */

#include <stdio.h>

#include "base/diag.h"
#include "base/macro.h"
#include "tools/commands.h"
#include "tools/json.h"
#include "tools/service.h"
#include "tools/status-facts.h"

static void print_level(json_object *reply)
{
        json_object *log = status_object(status_object(reply, "status"), "log");
        const char *level = log ? json_text(log, "level") : NULL,
                   *configured = log ? json_text(log, "configured") : NULL;

        if (level && configured)
                printf("%s (matchguard.conf: %s)\n", level, configured);
}

static int call(Service *service, const ServiceCall *what)
{
        _cleanup_(json_putp) json_object *reply = NULL;

        int status = service_call(service, what, &reply);
        if (status == EXIT_DONE && !service->json)
                print_level(reply);
        return status;
}

int run_log_level(const Command *command, int argc, char **argv)
{
        _cleanup_(service_deinit) Service service = SERVICE_INIT;
        _cleanup_(json_putp) json_object *parameters = json_need(json_object_new_object());
        OptionSet set = OPTION_SET_INIT;
        OptionLine line = {argc, argv};
        bool take_back = false;
        DiagLevel level;
        const Option rows[] = {{"default", OPTION_FLAG, &take_back, NULL, "as matchguard.conf says"}};

        options_add(&set, rows, ARRAY_SIZE(rows));
        service_options(&set, &service);
        int r = options_parse(&set, command, &line);
        if (r != 0)
                return options_exit(r);
        if (line.argc > 1 || (line.argc == 1 && take_back))
                return command_usage(command, "it takes one level, or --default");
        if (line.argc == 1 && !diag_level_find(line.argv[0], &level))
                return command_usage(command,
                                     "there is no level '%s'; expected error, warning, notice, info or debug",
                                     line.argv[0]);
        const ServiceCall ask = {SERVICE_ADMIN, "GetStatus", NULL, "asking for the log level"};
        const ServiceCall change = {SERVICE_ADMIN, "SetLogLevel", parameters, "setting the log level"};
        if (line.argc == 1)
                json_set_text(parameters, "level", line.argv[0]);
        return call(&service, line.argc == 1 || take_back ? &change : &ask);
}
