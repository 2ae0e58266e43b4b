/*
 * `matchguard audit erase`: erases details for good. Says how many there are and asks first, because nobody can
 * bring them back.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "base/text.h"
#include "tools/ask.h"
#include "tools/commands.h"
#include "tools/json.h"
#include "tools/page.h"
#include "tools/service.h"

enum { ERASE_REQUEST_SIZE = 32 };

typedef struct Call {
        Service service;
        const char *request, *subject, *older_than;
        uint64_t days;
        bool yes;
} Call;

/* For people. The subject is theirs to know: it goes to their own terminal, and into the call, only. */
static void say_whose(const Call *call, Buffer *text)
{
        if (call->request)
                buffer_append_format(text, "of %s", call->request);
        else if (call->subject)
                buffer_append_format(text, "of requests that name the subject %s", call->subject);
        else
                buffer_append_format(text, "older than %" PRIu64 " days", call->days);
}

static json_object *parameters_of(const Call *call)
{
        json_object *parameters = json_need(json_object_new_object());
        uint64_t index;

        if (call->request && strlen(call->request) < ERASE_REQUEST_SIZE &&
            text_to_u64(call->request, strlen(call->request), &index))
                json_set(parameters, "index", json_need(json_object_new_int64((int64_t)index)));
        else
                json_set_text(parameters, "request", call->request);
        json_set_text(parameters, "subject", call->subject);
        if (call->older_than)
                json_set(parameters, "olderThanDays", json_need(json_object_new_int64((int64_t)call->days)));
        return parameters;
}

/* Return: EXIT_DONE to go on. */
static int confirm(Call *call, json_object *parameters)
{
        _cleanup_(service_reply_deinit) ServiceReply reply = SERVICE_REPLY_INIT;
        const ServiceCall count = {SERVICE_ADMIN, "CountDetails", parameters, "counting details"};
        _cleanup_(buffer_deinit) Buffer whose = BUFFER_INIT;
        char number[PAGE_NUMBER_SIZE];

        service_try(&call->service, &count, &reply);
        int status = service_report(&call->service, &count, &reply);
        if (status != EXIT_DONE)
                return status;
        int64_t n = json_number(reply.parameters, "count", 0);
        if (n == 0)
                return EXIT_DONE; /* The service will say so; there is nothing to ask. */
        say_whose(call, &whose);
        fprintf(stderr,
                "%s details are held %s. Erased, they cannot be brought back:\n"
                "nobody will be able to say what those records commit to. The records stay.\n\n",
                page_number((uint64_t)n, number), buffer_text(&whose));
        if (ask_yes("Erase them?"))
                return EXIT_DONE;
        fputs("Nothing was done.\n", stderr);
        return EXIT_REFUSED;
}

static void print_erased(json_object *reply)
{
        char number[PAGE_NUMBER_SIZE];
        int64_t n = json_number(reply, "count", 0);

        if (n == 0)
                puts("There was nothing to erase.");
        else
                printf("%s details were erased, and no file of the trail holds them any more. Leaf %" PRId64
                       " records it.\n",
                       page_number((uint64_t)n, number), json_number(reply, "recorded", -1));
}

static int erase(Call *call)
{
        _cleanup_(json_putp) json_object *parameters = parameters_of(call), *reply = NULL;
        const ServiceCall erasing = {SERVICE_ADMIN, "Erase", parameters, "erasing details"};

        int status = call->yes ? EXIT_DONE : confirm(call, parameters);
        if (status == EXIT_DONE)
                status = service_call(&call->service, &erasing, &reply);
        if (status == EXIT_DONE && !call->service.json)
                print_erased(reply);
        return status;
}

/* Return: EXIT_DONE or EXIT_USAGE. */
static int read_call(const Command *command, Call *call, const OptionLine *line)
{
        int n = (call->request != NULL) + (call->subject != NULL) + (call->older_than != NULL);

        if (line->argc > 0)
                return command_usage(command, "there is no argument '%s'", line->argv[0]);
        if (n != 1)
                return command_usage(command, "it wants one of --request, --subject and --older-than");
        if (call->older_than && !text_to_days(call->older_than, &call->days))
                return command_usage(
                        command,
                        "'%s' is no age: a number and d, w (7 days) or mon (30 days), at most %d days",
                        call->older_than, TEXT_DAYS_MAX);
        if (!call->yes && !ask_is_possible())
                return command_usage(command, "there is no terminal to ask at; --yes says that it is meant");
        return EXIT_DONE;
}

int run_audit_erase(const Command *command, int argc, char **argv)
{
        Call call = {.service = SERVICE_INIT};
        const Option options[] = {
                {"request", OPTION_TEXT, &call.request, "ID",
                 "the details of one request, or of the leaf of an index"},
                {"subject", OPTION_TEXT, &call.subject, "SUBJECT",
                 "of every request that asked for it or found it"},
                {"older-than", OPTION_TEXT, &call.older_than, "SPAN", "of leaves that old: 90d, 12w, 6mon"},
                {"yes", OPTION_FLAG, &call.yes, NULL, "do not ask"},
        };
        OptionSet set = OPTION_SET_INIT;
        OptionLine line = {argc, argv};

        options_add(&set, options, ARRAY_SIZE(options));
        service_options(&set, &call.service);
        int r = options_parse(&set, command, &line);
        if (r != 0)
                return options_exit(r);
        r = read_call(command, &call, &line);
        if (r == EXIT_DONE)
                r = erase(&call);
        service_deinit(&call.service);
        return r;
}
