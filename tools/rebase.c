/*
 * matchguard rebase: has the service believe this machine's clock again, although a record of the trail
 * contradicts it. Asks first, because nothing but a person can know which of the two is wrong.
 */

#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "tools/ask.h"
#include "tools/commands.h"
#include "tools/json.h"
#include "tools/page.h"
#include "tools/service.h"

/* The status itself, in a reply that holds one. */
static json_object *status_of(json_object *reply)
{
        json_object *status = NULL;
        return json_object_object_get_ex(reply, "status", &status) ? status : reply;
}

static void say_question(json_object *status)
{
        const char *mark = json_text(status, "mark"), *time = json_text(status, "time");

        fprintf(stderr,
                "The newest record that was made with a synchronised clock is of %s.\n"
                "This machine's clock says                               %s.\n\n"
                "While the clock is behind that record every request is denied. If the clock is\n"
                "what is wrong, set it right and leave this. If the record is, because the clock\n"
                "had run ahead, the trail can go on from what the clock says now; who decided so\n"
                "will stand in it.\n\n",
                mark ? mark : "an unknown time", time ? time : "an unknown time");
}

/* Return: EXIT_DONE to go on. Where the clock is not behind, the service will say so; there is nothing to
 * ask. */
static int confirm(Service *service)
{
        _cleanup_(service_reply_deinit) ServiceReply reply = SERVICE_REPLY_INIT;
        const ServiceCall call = {SERVICE_ADMIN, "GetStatus", NULL, "asking for the status"};
        service_try(service, &call, &reply);
        int status = service_report(service, &call, &reply);
        if (status != EXIT_DONE)
                return status;
        json_object *fields = status_of(reply.parameters);
        const char *clock = json_text(fields, "clock");
        if (!clock || strcmp(clock, "behind") != 0)
                return EXIT_DONE;
        say_question(fields);
        if (ask_yes("Go on from what the clock says now?"))
                return EXIT_DONE;
        fputs("Nothing was done.\n", stderr);
        return EXIT_REFUSED;
}

static void print_rebased(json_object *status)
{
        const char *mark = json_text(status, "mark"), *clock = json_text(status, "clock");

        puts("The clock is believed again; the trail says who decided so.");
        if (mark)
                page_field(stdout, "mark", mark);
        if (clock)
                page_field(stdout, "clock", clock);
}

int run_rebase(const Command *command, int argc, char **argv)
{
        _cleanup_(service_deinit) Service service = SERVICE_INIT;
        _cleanup_(json_putp) json_object *reply = NULL;
        OptionSet set = OPTION_SET_INIT;
        OptionLine line = {argc, argv};
        bool yes = false;
        const Option rows[] = {{"yes", OPTION_FLAG, &yes, NULL, "do not ask"}};
        options_add(&set, rows, ARRAY_SIZE(rows));
        service_options(&set, &service);
        int r = options_parse(&set, command, &line);
        if (r != 0)
                return options_exit(r);
        if (line.argc != 0)
                return command_usage(command, "there is no argument '%s'", line.argv[0]);
        if (!yes && !ask_is_possible())
                return command_usage(command, "there is no terminal to ask at; --yes says that it is meant");
        int status = yes ? EXIT_DONE : confirm(&service);
        if (status != EXIT_DONE)
                return status;
        const ServiceCall call = {SERVICE_ADMIN, "Rebase", NULL, "believing the clock again"};
        status = service_call(&service, &call, &reply);
        if (status == EXIT_DONE && !service.json)
                print_rebased(status_of(reply));
        return status;
}
