/*
 * Strict JSON: what RFC 8259 allows is read, what readers could take in two ways is not.
 */

#include "varlink/json.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

static int read_text(const char *text, struct json_object **ret_object)
{
        /* An exact copy, so that a read beyond the end is seen. */
        size_t n = strlen(text);
        _cleanup_(freep) char *copy = malloc(n + 1);

        cr_assert(copy);
        memcpy(copy, text, n);
        return json_message_read(copy, n, ret_object);
}

/* What came out of an accepted text, written again. */
static void expect_same(const char *text, const char *written)
{
        _cleanup_(json_freep) JsonRef object = NULL;
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;

        cr_assert_eq(read_text(text, &object), 0, "%s", text);
        cr_assert_eq(json_message_write(object, &buffer), 0);
        cr_assert_str_eq(buffer_text(&buffer), written);
        cr_assert_eq(buffer.n, strlen(written) + 1, "the NUL belongs to the message");
}

Test(json, what_is_allowed_is_read)
{
        static const struct {
                const char *text, *written;
        } rows[] = {
                {"{}", "{}"},
                {" \t\r\n{ \n} ", "{}"},
                {"{\"a\":[1,-2,0,null,true,false,\"\"]}", "{\"a\":[1,-2,0,null,true,false,\"\"]}"},
                {"{\"a\" : { \"b\" : [ ] , \"c\" : { } } }", "{\"a\":{\"b\":[],\"c\":{}}}"},
                {"{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "{\"a\":\"\\\"\\\\/\\b\\f\\n\\r\\t\"}"},
                {"{\"a\":\"\\u00e9\\uD83D\\udd0D\"}", "{\"a\":\"\u00e9\U0001f50d\"}"},
                {"{\"a\":\"\u00e9\U0001f50d\u2028\"}", "{\"a\":\"\u00e9\U0001f50d\u2028\"}"},
                {"{\"\":1}", "{\"\":1}"},
                /* beside each other, not within: more than the nesting that is allowed */
                {"{\"a\":[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]}",
                 "{\"a\":[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]}"},
                {"{\"a\":0.5,\"b\":1e2,\"c\":1E+2,\"d\":-0.0e-1}",
                 "{\"a\":0.5,\"b\":1e2,\"c\":1E+2,\"d\":-0.0e-1}"},
                {"{\"a\":{\"x\":1},\"b\":{\"x\":1}}", "{\"a\":{\"x\":1},\"b\":{\"x\":1}}"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                expect_same(rows[i].text, rows[i].written);
}

Test(json, what_is_malformed_is_refused)
{
        static const char *const rows[] = {
                "",
                " ",
                "[]",
                "1",
                "\"a\"",
                "null",
                "true",
                "{",
                "}",
                "{]",
                "{\"a\"}",
                "{\"a\":}",
                "{\"a\":1",
                "{\"a\":1,}",
                "{,}",
                "{\"a\":[1,]}",
                "{\"a\":[,1]}",
                "{\"a\":[1 2]}",
                "{\"a\":1 \"b\":2}",
                "{a:1}",
                "{'a':1}",
                "{\"a\":'b'}",
                "{1:2}",
                "{null:1}",
                "{\"a\":1}{}",
                "{\"a\":1}x",
                "x{\"a\":1}",
                "{}\v",
                /* numbers */
                "{\"a\":01}",
                "{\"a\":-}",
                "{\"a\":-01}",
                "{\"a\":+1}",
                "{\"a\":.5}",
                "{\"a\":1.}",
                "{\"a\":1.e1}",
                "{\"a\":1e}",
                "{\"a\":1e+}",
                "{\"a\":0x10}",
                "{\"a\":1_000}",
                "{\"a\":NaN}",
                "{\"a\":nan}",
                "{\"a\":Infinity}",
                "{\"a\":-Infinity}",
                "{\"a\":inf}",
                "{\"a\":--1}",
                "{\"a\":1-}",
                "{\"a\":1e5.5}",
                /* words */
                "{\"a\":True}",
                "{\"a\":NULL}",
                "{\"a\":nul}",
                "{\"a\":truetrue}",
                "{\"a\":undefined}",
                /* strings */
                "{\"a\":\"}",
                "{\"a\":\"\n\"}",
                "{\"a\":\"\t\"}",
                "{\"a\":\"\x01\"}",
                "{\"a\":\"\\\"}",
                "{\"a\":\"\\a\"}",
                "{\"a\":\"\\x41\"}",
                "{\"a\":\"\\u12\"}",
                "{\"a\":\"\\u12g4\"}",
                "{\"a\":\"\\ud800\"}",
                "{\"a\":\"\\ud800x\"}",
                "{\"a\":\"\\ud800\\n\"}",
                "{\"a\":\"\\ud800\\ud800\"}",
                "{\"a\":\"\\ud800\\ue000\"}",
                "{\"a\":\"\\udc00\"}",
                "{\"a\":\"\\U0041\"}",
                "{\"a\":\"\\u+123\"}",
                /* names */
                "{\"a\":1,\"a\":2}",
                "{\"a\":1,\"b\":2,\"a\":1}",
                "{\"x\":{\"a\":1,\"a\":2}}",
                "{\"x\":[{\"a\":1,\"a\":2}]}",
                "{\"\\u0061\":1}",
                "{\"a\\\"\":1}",
                "{\"a\\n\":1}",
                "{\"\n\":1}",
                /* comments */
                "{/**/}",
                "{}//",
                "#\n{}",
                /* UTF-8 */
                "{\"a\":\"\xff\"}",
                "{\"a\":\"\xc0\xaf\"}",
                "{\"a\":\"\xed\xa0\x80\"}",
                "{\"a\":\"\xf4\x90\x80\x80\"}",
                "{\"a\":\"\xe2\x82\"}",
                "\xef\xbb\xbf{}",
                "{}\xc2\xa0",
                "{\"\xff\":1}",
                "{\xe2\x80\xa8}",
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct json_object *object = NULL;
                cr_expect_eq(read_text(rows[i], &object), JSON_E_MALFORMED, "%s", rows[i]);
                cr_expect_null(object);
        }
}

Test(json, a_nul_is_malformed_wherever_it_stands)
{
        static const char text[] = "{\"a\":\"b\"}";

        for (size_t i = 0; i < sizeof(text); i++) {
                char copy[sizeof(text)];
                struct json_object *object = NULL;
                memcpy(copy, text, sizeof(text));
                copy[i] = 0;
                cr_expect_eq(json_message_read(copy, sizeof(text), &object), JSON_E_MALFORMED, "at %zu", i);
        }
}

static void build_nested(Buffer *buffer, unsigned nesting, const char *open, const char *inner,
                         const char *close)
{
        for (unsigned i = 0; i < nesting; i++)
                buffer_append_text(buffer, open);
        buffer_append_text(buffer, inner);
        for (unsigned i = 0; i < nesting; i++)
                buffer_append_text(buffer, close);
}

Test(json, nesting_ends_where_it_says)
{
        static const struct {
                unsigned nesting;
                int result;
        } rows[] = {
                {JSON_NESTING_MAX - 1, 0}, {JSON_NESTING_MAX, JSON_E_MALFORMED}, {100000, JSON_E_MALFORMED}};

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(buffer_deinit) Buffer objects = BUFFER_INIT, arrays = BUFFER_INIT;
                _cleanup_(json_freep) JsonRef first = NULL, second = NULL;
                build_nested(&objects, rows[i].nesting, "{\"a\":", "{}", "}");
                cr_expect_eq(read_text(buffer_text(&objects), &first), rows[i].result);
                buffer_append_text(&arrays, "{\"a\":");
                build_nested(&arrays, rows[i].nesting, "[", "1", "]");
                buffer_append_text(&arrays, "}");
                cr_expect_eq(read_text(buffer_text(&arrays), &second), rows[i].result);
        }
}

static int read_members(unsigned n)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;
        _cleanup_(json_freep) JsonRef object = NULL;

        buffer_append_text(&buffer, "{\"x\":0");
        for (unsigned i = 1; i < n; i++)
                buffer_append_format(&buffer, ",\"%u\":0", i);
        buffer_append_text(&buffer, "}");
        return read_text(buffer_text(&buffer), &object);
}

Test(json, members_of_one_object_end_where_it_says)
{
        cr_expect_eq(read_members(JSON_MEMBERS_MAX), 0);
        cr_expect_eq(read_members(JSON_MEMBERS_MAX + 1), JSON_E_MALFORMED);
}

static int read_values(unsigned n)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;
        _cleanup_(json_freep) JsonRef object = NULL;

        /* The object and the array are values too. */
        buffer_append_text(&buffer, "{\"x\":[0");
        for (unsigned i = 3; i < n; i++)
                buffer_append_text(&buffer, ",0");
        buffer_append_text(&buffer, "]}");
        return read_text(buffer_text(&buffer), &object);
}

Test(json, values_of_one_message_end_where_it_says)
{
        cr_expect_eq(read_values(JSON_VALUES_MAX), 0);
        cr_expect_eq(read_values(JSON_VALUES_MAX + 1), JSON_E_MALFORMED);
}

Test(json, numbers_keep_the_text_that_they_came_as)
{
        static const char *const rows[] = {
                "0", "-7", "9007199254740993", "0.1", "0.30000000000000000001", "1e999", "-0.0"};

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(json_freep) JsonRef object = NULL;
                char text[64];
                (void)snprintf(text, sizeof(text), "{\"a\":%s}", rows[i]);
                cr_assert_eq(read_text(text, &object), 0, "%s", text);
                cr_expect_str_eq(json_number_text(json_object_object_get(object, "a")), rows[i]);
        }
}

Test(json, what_is_no_number_has_no_text)
{
        _cleanup_(json_freep) JsonRef object = NULL;

        cr_assert_eq(read_text("{\"a\":\"1\",\"b\":true,\"c\":null,\"d\":[],\"e\":{}}", &object), 0);
        json_object_object_foreach(object, name, value)
        {
                cr_expect_null(json_number_text(value), "%s", name);
        }
}

Test(json, doubles_read_back_as_what_they_were)
{
        static const double fixed[] = {
                0, 1, -1, 0.6, 0.1 + 0.2, 1.0 / 3, -0.7071067811865476, 5e-324, 0x1.fffffffffffffp-1};
        uint64_t state = 1;

        for (size_t i = 0; i < 20000; i++) {
                double value = i < ARRAY_SIZE(fixed) ? fixed[i] : 0;
                if (i >= ARRAY_SIZE(fixed)) {
                        state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
                        value = (double)(state >> 11) / 0x1p53 * 2 - 1;
                }
                _cleanup_(json_freep) JsonRef number = json_double_new(value);
                const char *text = json_number_text(number);
                cr_assert_eq(strtod(text, NULL), value, "%s", text);
                cr_assert_leq(strlen(text), 24);
        }
        _cleanup_(json_freep) JsonRef short_one = json_double_new(0.6);
        cr_expect_str_eq(json_number_text(short_one), "0.6");
}

Test(json, adding_leaves_out_what_is_absent)
{
        _cleanup_(json_freep) JsonRef object = json_object_new_object();

        cr_expect(json_add_text(object, "a", "x"));
        cr_expect(json_add_text(object, "b", NULL));
        cr_expect_str_eq(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN), "{\"a\":\"x\"}");
        cr_expect(!json_add(object, "c", NULL), "a value that there was no memory for");
        cr_expect(!json_add(NULL, "c", json_object_new_int(1)), "nor an object that there was none for");
}
