/*
 * Service: finds the socket, makes calls, keeps the connection between them. What is said of failures stands
 * in tools/failure.c.
 */

#include "tools/service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/macro.h"
#include "tools/failure.h"
#include "tools/json.h"

#define DEFAULT_SOCKETS "/run/matchguard"

void service_options(OptionSet *set, Service *service)
{
        const Option rows[] = {
                {"dir", OPTION_TEXT, &service->dir, "DIR", "the folder of a 'matchguard run'"},
                {"socket", OPTION_TEXT, &service->socket, "DIR",
                 "the folder of the sockets (default: " DEFAULT_SOCKETS ")"},
                {"json", OPTION_FLAG, &service->json, NULL, "print the reply as JSON"},
        };
        options_add(set, rows, ARRAY_SIZE(rows));
}

void service_deinit(Service *service)
{
        service->client = client_free(service->client);
}

void service_reply_deinit(ServiceReply *reply)
{
        free(reply->error);
        json_object_put(reply->parameters);
        *reply = SERVICE_REPLY_INIT;
}

static void socket_path(const Service *service, const char *interface, Buffer *path)
{
        if (service->socket)
                buffer_append_format(path, "%s/%s", service->socket, interface);
        else if (service->dir)
                buffer_append_format(path, "%s/run/%s", service->dir, interface);
        else
                buffer_append_format(path, "%s/%s", DEFAULT_SOCKETS, interface);
}

static int connect_to(Service *service, const char *interface)
{
        if (service->client && strcmp(service->interface, interface) == 0)
                return 0;
        _cleanup_(buffer_deinit) Buffer path = BUFFER_INIT;
        socket_path(service, interface, &path);
        service->client = client_free(service->client);
        service->interface = interface;
        unsigned timeout_msec = service->timeout_msec > 0 ? service->timeout_msec : CLIENT_TIMEOUT_MSEC;
        return client_connect(buffer_text(&path), timeout_msec, &service->client);
}

/* Without the escape that json-c gives every slash: base64 is full of them. */
static const char *parameters_text(const ServiceCall *call)
{
        const int flags = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;
        return call->parameters ? json_object_to_json_string_ext(call->parameters, flags) : NULL;
}

void service_try(Service *service, const ServiceCall *call, ServiceReply *ret_reply)
{
        ServiceReply reply = SERVICE_REPLY_INIT;
        _cleanup_(client_reply_deinit) ClientReply text = CLIENT_REPLY_INIT;
        _cleanup_(buffer_deinit) Buffer method = BUFFER_INIT;
        buffer_append_format(&method, "%s.%s", call->interface, call->method);
        reply.ending = connect_to(service, call->interface);
        reply.connect_errno = reply.ending == CLIENT_E_UNREACHABLE ? errno : 0;
        if (reply.ending == 0)
                reply.ending =
                        client_call(service->client, buffer_text(&method), parameters_text(call), &text);
        if (reply.ending != 0 && reply.ending != CLIENT_E_TOO_LARGE)
                service->client = client_free(service->client);
        if (reply.ending == 0) {
                reply.error = TAKE_PTR(text.error);
                reply.parameters = json_need(json_tokener_parse(text.parameters));
        }
        *ret_reply = reply;
}

/* Whose an interface is that is not everybody's. */
static const struct {
        const char *interface, *owner;
} owners[] = {
        {SERVICE_ADMIN, "root"},
        {SERVICE_AUDIT, "root and members of the group matchguard-audit"},
};

/* What to do about a socket that does not answer. */
static void hint_unreachable(const Service *service, const ServiceCall *call, int error)
{
        if (error == EACCES) {
                for (size_t i = 0; i < ARRAY_SIZE(owners); i++)
                        if (strcmp(owners[i].interface, call->interface) == 0)
                                fprintf(stderr, "%s is open to %s only.\n", call->interface, owners[i].owner);
                return;
        }
        if (error != ENOENT && error != ECONNREFUSED)
                return;
        if (service->socket || service->dir)
                fprintf(stderr, "Is '%s' the right folder, and the service running there?\n",
                        service->socket ? service->socket : service->dir);
        else
                fputs("Is it running ('systemctl status matchguard.socket matchguard.service')? One that "
                      "'matchguard run' started wants --dir DIR.\n",
                      stderr);
}

/* The service could not be spoken to: for people only, there is no reply that JSON could show. */
static int report_ending(const Service *service, const ServiceCall *call, const ServiceReply *reply)
{
        _cleanup_(buffer_deinit) Buffer path = BUFFER_INIT;
        socket_path(service, call->interface, &path);
        fprintf(stderr, "matchguard: %s", client_error_text(reply->ending));
        if (reply->ending == CLIENT_E_UNREACHABLE)
                fprintf(stderr, " at %s: %s", buffer_text(&path), strerror(reply->connect_errno));
        fputs(".\n", stderr);
        hint_unreachable(service, call, reply->connect_errno);
        if (reply->ending == CLIENT_E_CLOSED || reply->ending == CLIENT_E_TIMEOUT)
                fputs("Whether the call had an effect is not known; the trail says it.\n", stderr);
        return reply->ending == CLIENT_E_TOO_LARGE ? EXIT_USAGE : EXIT_UNREACHABLE;
}

static void report_json(const ServiceReply *reply)
{
        _cleanup_(json_putp) json_object *object = json_need(json_object_new_object());
        json_set_text(object, "error", reply->error);
        json_set(object, "parameters", json_object_get(reply->parameters));
        json_print(object);
}

int service_report(const Service *service, const ServiceCall *call, const ServiceReply *reply)
{
        if (reply->ending != 0)
                return report_ending(service, call, reply);
        if (!reply->error)
                return EXIT_DONE;
        if (service->json)
                report_json(reply);
        else
                failure_print(stderr, call->what, reply->error, reply->parameters);
        return EXIT_REFUSED;
}

int service_call(Service *service, const ServiceCall *call, json_object **ret_parameters)
{
        _cleanup_(service_reply_deinit) ServiceReply reply = SERVICE_REPLY_INIT;
        service_try(service, call, &reply);
        int status = service_report(service, call, &reply);
        if (status != EXIT_DONE)
                return status;
        if (service->json)
                json_print(reply.parameters);
        *ret_parameters = TAKE_PTR(reply.parameters);
        return EXIT_DONE;
}
