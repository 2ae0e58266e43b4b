/*
 * Messages, and what is to be done about each.
 */

#include "frontend/request.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "varlink/idl.h"
#include "varlink/reply.h"

#define WHO "\"method\":\"org.matchguard.Match.WhoAmI\""

static void read_text(Request *request, MessageInterface interface, const char *text)
{
        cr_assert_eq(request_read(interface, text, strlen(text), request), 0, "%s", text);
}

Test(request, what_is_done_follows_from_the_bytes)
{
        static const struct {
                MessageInterface interface;
                const char *text;
                RequestNext next;
                int why; /* -1: nothing was refused */
                const char *reply;
        } rows[] = {
                {INTERFACE_MATCH, "{" WHO "}", REQUEST_CALL, -1, ""},
                {INTERFACE_MATCH, "{" WHO ",\"more\":true}", REQUEST_CALL, -1, ""},
                {INTERFACE_MATCH, "{" WHO ",\"oneway\":true}", REQUEST_SILENCE, REFUSED_ONEWAY, ""},
                {INTERFACE_MATCH, "{" WHO ",\"oneway\":true,\"more\":true}", REQUEST_CLOSE, REFUSED_MALFORMED,
                 ""},
                {INTERFACE_MATCH, "{" WHO, REQUEST_CLOSE, REFUSED_MALFORMED, ""},
                {INTERFACE_MATCH, "", REQUEST_CLOSE, REFUSED_MALFORMED, ""},
                {INTERFACE_MATCH, "{" WHO ",\"upgrade\":true}", REQUEST_REPLY, REFUSED_MALFORMED,
                 "{\"parameters\":{\"method\":\"org.matchguard.Match.WhoAmI\"},"
                 "\"error\":\"org.varlink.service.MethodNotImplemented\"}"},
                {INTERFACE_ADMIN, "{" WHO "}", REQUEST_REPLY, REFUSED_MALFORMED,
                 "{\"parameters\":{\"interface\":\"org.matchguard.Match\"},"
                 "\"error\":\"org.varlink.service.InterfaceNotFound\"}"},
                {INTERFACE_MATCH, "{\"method\":\"a.\"}", REQUEST_REPLY, REFUSED_MALFORMED,
                 "{\"parameters\":{\"interface\":\"a\"},\"error\":\"org.varlink.service."
                 "InterfaceNotFound\"}"},
                {INTERFACE_MATCH, "{\"method\":\"org.matchguard.Match.\"}", REQUEST_REPLY, REFUSED_MALFORMED,
                 "{\"parameters\":{\"method\":\"org.matchguard.Match.\"},\"error\":\"org.varlink.service."
                 "MethodNotFound\"}"},
                {INTERFACE_MATCH, "{\"method\":\"\\\"\"}", REQUEST_REPLY, REFUSED_MALFORMED,
                 "{\"parameters\":{\"method\":\"\\\"\"},\"error\":\"org.varlink.service.MethodNotFound\"}"},
                {INTERFACE_MATCH, "{" WHO ",\"parameters\":{\"a\\/b\":1}}", REQUEST_CLOSE, REFUSED_MALFORMED,
                 ""},
                {INTERFACE_MATCH, "{" WHO ",\"parameters\":{\"a\":1}}", REQUEST_REPLY, REFUSED_MALFORMED,
                 "{\"parameters\":{\"parameter\":\"a\"},\"error\":\"org.varlink.service.InvalidParameter\"}"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(request_deinit) Request request = REQUEST_INIT;
                read_text(&request, rows[i].interface, rows[i].text);
                cr_expect_eq(request.next, rows[i].next, "%s", rows[i].text);
                cr_expect_eq(request.refused, rows[i].why >= 0, "%s", rows[i].text);
                if (rows[i].why >= 0)
                        cr_expect_eq((int)request.why, rows[i].why, "%s", rows[i].text);
                cr_expect_str_eq(buffer_text(&request.reply), rows[i].reply, "%s", rows[i].text);
        }
}

Test(request, every_call_without_parameters_is_known_to_the_guard)
{
        static const struct {
                MessageInterface interface;
                const char *text;
                CallKind kind;
        } rows[] = {
                {INTERFACE_MATCH, "{" WHO "}", CALL_WHO_AM_I},
                {INTERFACE_MATCH, "{\"method\":\"org.matchguard.Match.GetStatus\"}", CALL_GET_STATUS},
                {INTERFACE_ADMIN, "{\"method\":\"org.matchguard.Admin.GetStatus\"}", CALL_GET_STATUS},
                {INTERFACE_ADMIN, "{\"method\":\"org.matchguard.Admin.Reload\",\"parameters\":{}}",
                 CALL_RELOAD},
                {INTERFACE_ADMIN, "{\"method\":\"org.matchguard.Admin.Rebase\"}", CALL_REBASE},
                {INTERFACE_ADMIN, "{\"method\":\"org.matchguard.Admin.SetLogLevel\"}", CALL_LOG_LEVEL},
                {INTERFACE_AUDIT, "{\"method\":\"org.matchguard.Audit.GetCheckpoint\"}", CALL_GET_CHECKPOINT},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(request_deinit) Request request = REQUEST_INIT;
                read_text(&request, rows[i].interface, rows[i].text);
                cr_assert_eq(request.next, REQUEST_CALL);
                cr_expect_eq(request.call.message.kind, rows[i].kind);
        }
}

static JsonRef reply_parameters(const Request *request)
{
        VarlinkReply reply = VARLINK_REPLY_INIT;

        cr_assert_eq(request->next, REQUEST_REPLY);
        cr_assert(!request->refused);
        cr_assert_eq(varlink_reply_read(buffer_text(&request->reply), request->reply.n - 1, &reply), 0);
        cr_assert_null(reply.error);
        struct json_object *parameters = json_object_get(reply.parameters);
        varlink_reply_deinit(&reply);
        return parameters;
}

Test(request, every_socket_says_which_interfaces_it_has)
{
        for (int interface = 0; interface < _INTERFACE_MAX; interface++) {
                _cleanup_(request_deinit) Request request = REQUEST_INIT;
                read_text(&request, interface,
                          "{\"method\":\"org.varlink.service.GetInfo\",\"parameters\":null}");
                _cleanup_(json_freep) JsonRef parameters = reply_parameters(&request);
                struct json_object *list = json_object_object_get(parameters, "interfaces");
                cr_assert_eq(json_object_array_length(list), 2);
                cr_expect_str_eq(json_object_get_string(json_object_array_get_idx(list, 0)),
                                 message_interface_name(interface));
                cr_expect_str_eq(json_object_get_string(json_object_array_get_idx(list, 1)),
                                 "org.varlink.service");
                static const char *const names[] = {"vendor", "product", "version", "url"};
                for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                        cr_expect(json_object_is_type(json_object_object_get(parameters, names[i]),
                                                      json_type_string));
        }
}

Test(request, every_socket_describes_its_own_interface_and_no_other)
{
        for (int socket = 0; socket < _INTERFACE_MAX; socket++) {
                for (int about = 0; about < _INTERFACE_MAX; about++) {
                        _cleanup_(request_deinit) Request request = REQUEST_INIT;
                        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
                        buffer_append_format(&text,
                                             "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
                                             "\"parameters\":{\"interface\":\"%s\"}}",
                                             message_interface_name(about));
                        read_text(&request, socket, buffer_text(&text));
                        cr_assert_eq(request.refused, socket != about);
                        if (socket != about)
                                continue;
                        _cleanup_(json_freep) JsonRef parameters = reply_parameters(&request);
                        cr_expect_str_eq(
                                json_object_get_string(json_object_object_get(parameters, "description")),
                                idl_find(message_interface_name(about)));
                }
        }
}

Test(request, a_log_level_is_called_by_its_name)
{
        static const struct {
                const char *parameters;
                int level; /* -1: no such parameter */
        } rows[] = {{"{}", 0},
                    {"{\"level\":null}", 0},
                    {"{\"level\":\"error\"}", DIAG_ERROR},
                    {"{\"level\":\"debug\"}", DIAG_DEBUG},
                    {"{\"level\":\"loud\"}", -1},
                    {"{\"level\":\"\"}", -1},
                    {"{\"level\":7}", -1}};

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(request_deinit) Request request = REQUEST_INIT;
                char text[256];
                snprintf(text, sizeof(text),
                         "{\"method\":\"org.matchguard.Admin.SetLogLevel\",\"parameters\":%s}",
                         rows[i].parameters);
                read_text(&request, INTERFACE_ADMIN, text);
                if (rows[i].level >= 0) {
                        cr_assert_eq(request.next, REQUEST_CALL, "%s", text);
                        cr_expect_eq((int)request.call.message.level, rows[i].level, "%s", text);
                } else {
                        cr_expect_eq(request.next, REQUEST_REPLY, "%s", text);
                        cr_expect(strstr(buffer_text(&request.reply), "\"parameter\":\"level\""), "%s",
                                  buffer_text(&request.reply));
                }
        }
}
