/* matchguard whoami: what the service takes its caller for. */

#include <stdio.h>

#include "base/buffer.h"
#include "base/macro.h"
#include "tools/commands.h"
#include "tools/json.h"
#include "tools/page.h"
#include "tools/service.h"

static void print_whoami(json_object *reply)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        const char *organisation = json_text(reply, "organisation"), *unit = json_text(reply, "unit");
        const char *identity = json_text(reply, "identity");
        json_object *classes = json_list(reply, "classes");
        for (size_t i = 0; classes && i < json_object_array_length(classes); i++)
                buffer_append_format(&text, "%s%s", i > 0 ? ", " : "",
                                     json_object_get_string(json_object_array_get_idx(classes, i)));
        page_field(stdout, "organisation", organisation ? organisation : "none that the policy knows");
        page_field(stdout, "classes", text.n > 0 ? buffer_text(&text) : "none");
        page_field_format(stdout, "user", "%ld", (long)json_number(reply, "uid", -1));
        page_field(stdout, "unit", unit ? unit : "none");
        page_field(stdout, "known by", identity ? identity : "");
}

int run_whoami(const Command *command, int argc, char **argv)
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
        const ServiceCall call = {SERVICE_MATCH, "WhoAmI", NULL, "asking who you are"};
        int status = service_call(&service, &call, &reply);
        if (status == EXIT_DONE && !service.json)
                print_whoami(reply);
        return status;
}
