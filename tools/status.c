/*
 * matchguard status: the whole status from the Admin socket where the caller may open it, else what anybody
 * may know from the Match socket. What is in it is the service's to choose; here it is laid out.
 */

#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/macro.h"
#include "tools/commands.h"
#include "tools/json.h"
#include "tools/page.h"
#include "tools/service.h"

/* "galleryEpoch" as "gallery epoch". */
static void append_words(Buffer *words, const char *key)
{
        for (; *key; key++) {
                if (*key >= 'A' && *key <= 'Z')
                        buffer_append_format(words, " %c", *key - 'A' + 'a');
                else
                        buffer_append(words, key, 1);
        }
}

static void append_value(Buffer *text, json_object *value)
{
        if (json_object_is_type(value, json_type_boolean))
                buffer_append_text(text, json_object_get_boolean(value) ? "yes" : "no");
        else
                buffer_append_text(text, value ? json_object_get_string(value) : "none");
}

/* Words behind each other, sentences under each other. */
static void append_list(Buffer *text, json_object *list)
{
        size_t n = json_object_array_length(list);
        for (size_t i = 0; i < n; i++) {
                json_object *item = json_object_array_get_idx(list, i);
                if (i > 0)
                        buffer_append_text(text, strchr(json_object_get_string(item), ' ') ? "\n" : ", ");
                append_value(text, item);
        }
        if (n == 0)
                buffer_append_text(text, "none");
}

static void print_member(const char *key, json_object *value)
{
        _cleanup_(buffer_deinit) Buffer label = BUFFER_INIT, text = BUFFER_INIT;
        append_words(&label, key);
        if (json_object_is_type(value, json_type_array))
                append_list(&text, value);
        else
                append_value(&text, value);
        page_field(stdout, buffer_text(&label), buffer_text(&text));
}

/* What nests comes last, each under a heading, so that nothing seems to belong to what stands above it. */
static void print_object(json_object *object)
{
        json_object_object_foreach(object, key, value)
        {
                if (!json_object_is_type(value, json_type_object))
                        print_member(key, value);
        }
        json_object_object_foreach(object, heading, nested)
        {
                _cleanup_(buffer_deinit) Buffer label = BUFFER_INIT;
                if (!json_object_is_type(nested, json_type_object))
                        continue;
                append_words(&label, heading);
                printf("%s\n", buffer_text(&label));
                print_object(nested);
        }
}

/* Whether the full status is simply not for this caller. Where there is no service at all, the other socket
 * will say that as well. */
static bool is_closed_to_us(const ServiceReply *reply)
{
        if (reply->error)
                return strcmp(reply->error, "org.varlink.service.PermissionDenied") == 0;
        return reply->ending == CLIENT_E_UNREACHABLE;
}

static int print_status(const Service *service, json_object *reply)
{
        json_object *status = NULL;
        if (service->json)
                json_print(reply);
        else if (json_object_object_get_ex(reply, "status", &status))
                print_object(status);
        return EXIT_DONE;
}

int run_status(const Command *command, int argc, char **argv)
{
        _cleanup_(service_deinit) Service service = SERVICE_INIT;
        _cleanup_(service_reply_deinit) ServiceReply reply = SERVICE_REPLY_INIT;
        OptionSet set = OPTION_SET_INIT;
        OptionLine line = {argc, argv};
        service_options(&set, &service);
        int r = options_parse(&set, command, &line);
        if (r != 0)
                return options_exit(r);
        if (line.argc != 0)
                return command_usage(command, "there is no argument '%s'", line.argv[0]);
        ServiceCall call = {SERVICE_ADMIN, "GetStatus", NULL, "asking for the status"};
        service_try(&service, &call, &reply);
        if (is_closed_to_us(&reply)) {
                service_reply_deinit(&reply);
                call.interface = SERVICE_MATCH;
                service_try(&service, &call, &reply);
        }
        int status = service_report(&service, &call, &reply);
        return status != EXIT_DONE ? status : print_status(&service, reply.parameters);
}
