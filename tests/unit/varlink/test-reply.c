/*
 * Replies and errors.
 */

#include "varlink/reply.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/macro.h"

static int read_text(const char *text, VarlinkReply *ret_reply)
{
        return varlink_reply_read(text, strlen(text), ret_reply);
}

Test(reply, parameters_are_always_sent)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;

        cr_assert_eq(varlink_reply_write(NULL, &buffer), 0);
        cr_expect_str_eq(buffer_text(&buffer), "{\"parameters\":{}}");
        cr_expect_eq(buffer.n, 18, "with its NUL");
}

Test(reply, an_error_carries_its_name_and_parameter)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;
        _cleanup_(varlink_reply_deinit) VarlinkReply reply = VARLINK_REPLY_INIT;

        cr_assert_eq(varlink_error_write_text("a.B", "parameter", "x\"y", &buffer), 0);
        cr_assert_eq(varlink_reply_read(buffer_text(&buffer), buffer.n - 1, &reply), 0);
        cr_expect_str_eq(reply.error, "a.B");
        cr_expect_str_eq(json_object_get_string(json_object_object_get(reply.parameters, "parameter")),
                         "x\"y");
}

Test(reply, an_error_may_have_no_parameter)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;
        _cleanup_(varlink_reply_deinit) VarlinkReply reply = VARLINK_REPLY_INIT;

        cr_assert_eq(varlink_error_write(VARLINK_PERMISSION_DENIED, NULL, &buffer), 0);
        cr_assert_eq(varlink_reply_read(buffer_text(&buffer), buffer.n - 1, &reply), 0);
        cr_expect_str_eq(reply.error, "org.varlink.service.PermissionDenied");
        cr_expect_eq(json_object_object_length(reply.parameters), 0);
}

Test(reply, what_others_send_is_read)
{
        static const char *const rows[] = {"{}", "{\"parameters\":null}",
                                           "{\"parameters\":{},\"continues\":false}",
                                           "{\"error\":null,\"x.y\":1}"};

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(varlink_reply_deinit) VarlinkReply reply = VARLINK_REPLY_INIT;
                cr_expect_eq(read_text(rows[i], &reply), 0, "%s", rows[i]);
                cr_expect_null(reply.error);
        }
}

Test(reply, malformed_replies_are_told)
{
        static const char *const rows[] = {"[]",
                                           "{\"parameters\":[]}",
                                           "{\"error\":1}",
                                           "{\"continues\":true}",
                                           "{\"continues\":1}",
                                           "{\"result\":{}}",
                                           "{\"error\":\"a\",\"error\":\"b\"}"};

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                VarlinkReply reply = VARLINK_REPLY_INIT;
                cr_expect_eq(read_text(rows[i], &reply), VARLINK_REPLY_E_MALFORMED, "%s", rows[i]);
                cr_expect_null(reply.root, "untouched on failure");
        }
}
