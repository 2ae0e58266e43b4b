/*
 * The top level of calls.
 */

#include "varlink/call.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"

static int read_text(const char *text, VarlinkCall *ret_call)
{
        return varlink_call_read(text, strlen(text), ret_call);
}

Test(call, a_plain_call_is_read)
{
        _cleanup_(varlink_call_deinit) VarlinkCall call = VARLINK_CALL_INIT;

        cr_assert_eq(read_text("{\"method\":\"a.B.C\",\"parameters\":{\"x\":1}}", &call), 0);
        cr_expect_str_eq(call.method, "a.B.C");
        cr_expect_not_null(json_object_object_get(call.parameters, "x"));
        cr_expect(!call.oneway && !call.more && !call.upgrade);
}

Test(call, absent_and_null_parameters_are_the_same)
{
        static const char *const rows[] = {"{\"method\":\"m\"}", "{\"method\":\"m\",\"parameters\":null}"};

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(varlink_call_deinit) VarlinkCall call = VARLINK_CALL_INIT;
                cr_assert_eq(read_text(rows[i], &call), 0);
                cr_expect_null(call.parameters);
        }
}

Test(call, flags_are_read_and_may_be_false_or_null)
{
        static const struct {
                const char *text;
                bool oneway, more, upgrade;
        } rows[] = {
                {"{\"method\":\"m\",\"oneway\":true}", true, false, false},
                {"{\"method\":\"m\",\"more\":true,\"oneway\":false}", false, true, false},
                {"{\"upgrade\":true,\"method\":\"m\"}", false, false, true},
                {"{\"method\":\"m\",\"oneway\":null,\"more\":null,\"upgrade\":null}", false, false, false},
                {"{\"method\":\"m\",\"oneway\":true,\"upgrade\":true}", true, false, true},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(varlink_call_deinit) VarlinkCall call = VARLINK_CALL_INIT;
                cr_assert_eq(read_text(rows[i].text, &call), 0, "%s", rows[i].text);
                cr_expect_eq(call.oneway, rows[i].oneway);
                cr_expect_eq(call.more, rows[i].more);
                cr_expect_eq(call.upgrade, rows[i].upgrade);
        }
}

Test(call, extensions_are_ignored)
{
        _cleanup_(varlink_call_deinit) VarlinkCall call = VARLINK_CALL_INIT;

        cr_assert_eq(read_text("{\"com.example.x\":[1],\"method\":\"m\",\".\":null}", &call), 0);
        cr_expect_str_eq(call.method, "m");
}

Test(call, malformed_calls_are_told)
{
        static const char *const rows[] = {
                "{}",
                "{\"parameters\":{}}",
                "{\"method\":null}",
                "{\"method\":1}",
                "{\"method\":\"\"}",
                "{\"method\":[\"m\"]}",
                "{\"method\":\"m\\u0000n\"}",
                "{\"method\":\"m\",\"extra\":1}",
                "{\"method\":\"m\",\"Method\":\"n\"}",
                "{\"method\":\"m\",\"parameters\":[]}",
                "{\"method\":\"m\",\"parameters\":\"{}\"}",
                "{\"method\":\"m\",\"parameters\":false}",
                "{\"method\":\"m\",\"oneway\":1}",
                "{\"method\":\"m\",\"more\":\"true\"}",
                "{\"method\":\"m\",\"upgrade\":{}}",
                "{\"method\":\"m\",\"oneway\":true,\"more\":true}",
                "{\"method\":\"m\"",
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                VarlinkCall call = VARLINK_CALL_INIT;
                cr_expect_eq(read_text(rows[i], &call), VARLINK_CALL_E_MALFORMED, "%s", rows[i]);
                cr_expect_null(call.root, "untouched on failure");
        }
}

Test(call, a_method_has_its_longest_name)
{
        char text[VARLINK_METHOD_MAX + 32];

        for (int n = VARLINK_METHOD_MAX; n <= VARLINK_METHOD_MAX + 1; n++) {
                _cleanup_(varlink_call_deinit) VarlinkCall call = VARLINK_CALL_INIT;
                (void)snprintf(text, sizeof(text), "{\"method\":\"%0*d\"}", n, 1);
                cr_expect_eq(read_text(text, &call), n == VARLINK_METHOD_MAX ? 0 : VARLINK_CALL_E_MALFORMED);
        }
}
