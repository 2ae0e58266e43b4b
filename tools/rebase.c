/*
 * matchguard rebase: has the service believe this machine's clock again, although a record of the trail
 * contradicts it. Asks first, because nothing but a person can know which of the two is wrong.
 */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"
#include "tools/commands.h"
#include "tools/json.h"
#include "tools/page.h"
#include "tools/service.h"

enum { ANSWER_SIZE = 16 };

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
                "While the clock is behind that record every request is denied. If the clock is what is "
                "wrong,\n"
                "set it right and leave this. If the record is, because the clock had run ahead, the trail "
                "can\n"
                "go on from what the clock says now; who decided so will stand in it.\n\n",
                mark ? mark : "an unknown time", time ? time : "an unknown time");
}

/* Whether a person at the terminal says yes; anything else is no. */
static bool ask(void)
{
        char answer[ANSWER_SIZE] = "";

        fputs("Go on from what the clock says now? [y/N] ", stderr);
        if (!fgets(answer, sizeof(answer), stdin))
                return false;
        answer[strcspn(answer, "\n")] = '\0';
        return strcmp(answer, "y") == 0 || strcmp(answer, "yes") == 0;
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
        if (ask())
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
        if (!yes && !isatty(STDIN_FILENO))
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
