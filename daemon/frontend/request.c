/*
 * From bytes to what is to be done. Pure. Answers org.varlink.service itself: that says nothing of policy,
 * subjects or the caller, so the guard need not hear of it. Runs in the children of the frontend.
 */

#include "frontend/request.h"

#include <errno.h>
#include <string.h>

#include "base/macro.h"
#include "varlink/idl.h"
#include "varlink/reply.h"

#define REQUEST_SERVICE "org.varlink.service"

void request_deinit(Request *request)
{
        buffer_deinit(&request->reply);
        match_call_deinit(&request->call);
        varlink_call_deinit(&request->varlink);
        *request = REQUEST_INIT;
}

/* Answers a call that is at fault, and has it counted. */
static int request_fault(Request *request, const char *error, const char *parameter, const char *text)
{
        request->next = REQUEST_REPLY;
        request->refused = true;
        request->why = REFUSED_MALFORMED;
        return varlink_error_write_text(error, parameter, text, &request->reply);
}

static int request_get_info(Request *request, MessageInterface interface)
{
        _cleanup_(json_freep) JsonRef parameters = json_object_new_object();
        struct json_object *interfaces = json_object_new_array();
        struct json_object *names[] = {json_object_new_string(message_interface_name(interface)),
                                       json_object_new_string(REQUEST_SERVICE)};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                if (interfaces && names[i] && json_object_array_add(interfaces, names[i]) == 0)
                        continue;
                json_free(names[i]);
                interfaces = json_free(interfaces);
        }
        if (!json_add(parameters, "interfaces", interfaces) ||
            !json_add_text(parameters, "vendor", "matchguard") ||
            !json_add_text(parameters, "product", "matchguard") ||
            !json_add_text(parameters, "version", MATCHGUARD_VERSION) ||
            !json_add_text(parameters, "url", "man:matchguard(1)"))
                return -ENOMEM;
        request->next = REQUEST_REPLY;
        return varlink_reply_write(parameters, &request->reply);
}

static int request_get_interface_description(Request *request, MessageInterface interface)
{
        const char *wanted = request->call.arguments.interface;
        bool served = strcmp(wanted, REQUEST_SERVICE) == 0 ||
                      strcmp(wanted, message_interface_name(interface)) == 0;

        if (!served)
                return request_fault(request, VARLINK_INTERFACE_NOT_FOUND, "interface", wanted);
        _cleanup_(json_freep) JsonRef parameters = json_object_new_object();
        if (!json_add_text(parameters, "description", idl_find(wanted)))
                return -ENOMEM;
        request->next = REQUEST_REPLY;
        return varlink_reply_write(parameters, &request->reply);
}

static const SchemaField request_description_fields[] = {
        {"interface", SCHEMA_TEXT, true, offsetof(Arguments, interface)},
};

/* The methods of org.varlink.service, which every connection has. */
static const struct {
        const char *name;
        Schema parameters;
        int (*answer)(Request *request, MessageInterface interface);
} request_services[] = {
        {"GetInfo", {}, request_get_info},
        {"GetInterfaceDescription",
         {ARRAY_SIZE(request_description_fields), request_description_fields},
         request_get_interface_description},
};

static int request_read_service(Request *request, MessageInterface interface, const char *name)
{
        const VarlinkCall *varlink = &request->varlink;
        size_t i = 0;

        while (i < ARRAY_SIZE(request_services) && strcmp(request_services[i].name, name) != 0)
                i++;
        if (i == ARRAY_SIZE(request_services))
                return request_fault(request, VARLINK_METHOD_NOT_FOUND, "method", varlink->method);
        if (varlink->upgrade)
                return request_fault(request, VARLINK_METHOD_NOT_IMPLEMENTED, "method", varlink->method);
        const char *bad =
                schema_read(&request_services[i].parameters, varlink->parameters, &request->call.arguments);
        if (bad)
                return request_fault(request, VARLINK_INVALID_PARAMETER, "parameter", bad);
        return request_services[i].answer(request, interface);
}

static int request_read_method(Request *request, MessageInterface interface, const char *name)
{
        const VarlinkCall *varlink = &request->varlink;

        request->call.method = method_find(interface, name);
        if (!request->call.method)
                return request_fault(request, VARLINK_METHOD_NOT_FOUND, "method", varlink->method);
        if (varlink->upgrade)
                return request_fault(request, VARLINK_METHOD_NOT_IMPLEMENTED, "method", varlink->method);
        int r = match_call_read(&request->call, varlink->parameters);
        if (r == MATCH_E_INVALID)
                return request_fault(request, VARLINK_INVALID_PARAMETER, "parameter",
                                     request->call.parameter);
        if (r == 0)
                request->next = REQUEST_CALL;
        return r;
}

/* The name of the method in `called` if that is in this interface, else NULL. */
static const char *request_method_in(const char *called, const char *interface)
{
        const char *dot = strrchr(called, '.');

        if (!dot || strlen(interface) != (size_t)(dot - called) ||
            strncmp(called, interface, (size_t)(dot - called)) != 0)
                return NULL;
        return dot + 1;
}

static int request_unknown_interface(Request *request)
{
        char interface[VARLINK_METHOD_MAX + 1] = "";
        const char *dot = strrchr(request->varlink.method, '.');

        if (!dot)
                return request_fault(request, VARLINK_METHOD_NOT_FOUND, "method", request->varlink.method);
        memcpy(interface, request->varlink.method, (size_t)(dot - request->varlink.method));
        return request_fault(request, VARLINK_INTERFACE_NOT_FOUND, "interface", interface);
}

int request_read(MessageInterface interface, const char *data, size_t n, Request *request)
{
        const char *name = NULL;
        int r = varlink_call_read(data, n, &request->varlink);

        if (r < 0)
                return r;
        if (r > 0 || request->varlink.oneway) {
                request->next = r > 0 ? REQUEST_CLOSE : REQUEST_SILENCE;
                request->refused = true;
                request->why = r > 0 ? REFUSED_MALFORMED : REFUSED_ONEWAY;
                return 0;
        }
        name = request_method_in(request->varlink.method, REQUEST_SERVICE);
        if (name)
                return request_read_service(request, interface, name);
        name = request_method_in(request->varlink.method, message_interface_name(interface));
        if (name)
                return request_read_method(request, interface, name);
        return request_unknown_interface(request);
}
