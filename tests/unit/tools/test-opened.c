/*
 * What the service opened, held against the leaf: what is what it commits to, and what is not.
 */

#include "tools/opened.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "base/text.h"
#include "tools/json.h"
#include "wire/commitment.h"

#define DETAIL "{\"case\":\"w6Q\",\"probe\":\"00ff\",\"session\":4,\"subjects\":\"YQ Yg\"}"

static const uint8_t salt[COMMITMENT_SALT_SIZE] = {1, 2, 3};

/* An entry of a reply whose leaf commits to DETAIL. */
static json_object *entry_of(const char *detail)
{
        json_object *entry = json_need(json_object_new_object());
        char commitment[COMMITMENT_TEXT_SIZE], text[COMMITMENT_TEXT_SIZE], leaf[256];

        commitment_of(COMMITMENT_DETAIL, salt, DETAIL, strlen(DETAIL), commitment);
        (void)snprintf(leaf, sizeof(leaf), "{\"detail\":\"%s\",\"index\":7,\"kind\":\"request\"}",
                       commitment);
        text_base64url(salt, sizeof(salt), text);
        json_set(entry, "index", json_need(json_object_new_int64(7)));
        json_set_text(entry, "leaf", leaf);
        json_set_text(entry, "proof", "p");
        json_set(entry, "erased", json_need(json_object_new_boolean(detail == NULL)));
        json_set_text(entry, "salt", detail ? text : NULL);
        json_set_text(entry, "detail", detail);
        return entry;
}

Test(opened, what_a_leaf_commits_to_is_read_and_decoded)
{
        static const char *const said[] = {"\"\u00e4\"", "\"00ff\"", "4", "[\"a\",\"b\"]"};
        _cleanup_(json_putp) json_object *entry = entry_of(DETAIL);
        _cleanup_(opened_deinit) Opened opened = OPENED_INIT;

        cr_assert_eq(opened_read(entry, &opened), 0);
        cr_assert(opened.index == 7 && !opened.erased);
        cr_assert_eq(opened.members.n_fields, ARRAY_SIZE(said));
        for (size_t i = 0; i < ARRAY_SIZE(said); i++) {
                _cleanup_(json_putp) json_object *value = opened_value(&opened.members.fields[i]);
                cr_expect_str_eq(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN), said[i]);
        }
}

Test(opened, what_is_no_base64url_of_text_comes_as_it_stands)
{
        static const char *const odd[] = {"A", "gA", "AA", "x y"};

        for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
                const LeafField field = {.key = "case", .text = odd[i]};
                _cleanup_(json_putp) json_object *value = opened_value(&field);
                cr_expect_str_eq(json_object_get_string(value), odd[i]);
        }
}

Test(opened, an_erased_one_has_no_members)
{
        _cleanup_(json_putp) json_object *entry = entry_of(NULL);
        _cleanup_(opened_deinit) Opened opened = OPENED_INIT;

        cr_assert_eq(opened_read(entry, &opened), 0);
        cr_assert(opened.erased && opened.members.n_fields == 0);
}

Test(opened, any_other_byte_is_seen)
{
        char other[] = DETAIL;

        for (size_t i = 0; i < strlen(other); i++) {
                _cleanup_(opened_deinit) Opened opened = OPENED_INIT;
                other[i] ^= 1;
                _cleanup_(json_putp) json_object *entry = entry_of(other);
                other[i] ^= 1;
                cr_expect_eq(opened_read(entry, &opened), OPENED_E_COMMITMENT, "byte %zu", i);
        }
}

Test(opened, what_is_no_entry_is_refused)
{
        static const struct {
                const char *member, *json;
        } rows[] = {
                {"leaf", NULL},
                {"proof", NULL},
                {"salt", NULL},
                {"detail", NULL},
                {"index", "8"},
                {"index", NULL},
                {"leaf", "\"{\""},
                {"salt", "\"AQID\""},
                {"detail", "5"},
                {"leaf", "\"{\\\"index\\\":7,\\\"kind\\\":\\\"request\\\"}\""}, /* commits to nothing */
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(json_putp) json_object *entry = entry_of(DETAIL);
                _cleanup_(opened_deinit) Opened opened = OPENED_INIT;
                json_object_object_del(entry, rows[i].member);
                if (rows[i].json)
                        json_set(entry, rows[i].member, json_need(json_tokener_parse(rows[i].json)));
                cr_expect_eq(opened_read(entry, &opened), OPENED_E_MALFORMED, "row %zu", i);
        }
}

Test(opened, a_decision_and_its_outcome_belong_together)
{
        static const struct {
                const char *first, *second;
                bool belong;
        } rows[] = {
                {"{\"index\":7,\"kind\":\"request\"}", "{\"index\":8,\"kind\":\"outcome\",\"of\":7}", true},
                {"{\"index\":7,\"kind\":\"request\"}", "{\"index\":8,\"kind\":\"outcome\",\"of\":6}", false},
                {"{\"index\":7,\"kind\":\"request\"}", "{\"index\":8,\"kind\":\"erase\",\"of\":7}", false},
                {"{\"index\":7,\"kind\":\"policy\"}", "{\"index\":8,\"kind\":\"outcome\",\"of\":7}", false},
                {"{\"index\":7,\"kind\":\"request\"}", "{\"index\":8,\"kind\":\"outcome\"}", false},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(opened_deinit) Opened first = OPENED_INIT, second = OPENED_INIT;
                first.index = 7;
                cr_assert_eq(leaf_parse(rows[i].first, strlen(rows[i].first), LEAF_MAX, &first.parsed), 0);
                cr_assert_eq(leaf_parse(rows[i].second, strlen(rows[i].second), LEAF_MAX, &second.parsed), 0);
                cr_expect_eq(opened_belong(&first, &second), rows[i].belong, "row %zu", i);
        }
}
