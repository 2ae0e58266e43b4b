/*
 * Facts from JSON: what each key comes to, and what is no request, by the fact's name. The goldens of
 * tests/component/decide hold the long tables; here stands what cannot be seen from a decision.
 */

#include "tools/facts-json.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

#define MUST                                                                                                 \
        "\"uid\":7,\"operation\":\"identify\",\"gallery\":\"g\",\"purpose\":\"p\",\"on_behalf_of\":[],"      \
        "\"recipients\":[],\"time\":\"2020-07-01T12:00:00Z\""

/* Reads the facts that must be given, and @more. */
static int parse_more(const char *more, FactsJson *json, FactsFault *fault)
{
        char text[4096];
        int n = snprintf(text, sizeof(text), "{%s%s}", MUST, more);

        cr_assert_lt(n, (int)sizeof(text));
        *json = FACTS_JSON_INIT;
        *fault = (FactsFault){};
        return facts_json_parse(text, (size_t)n, json, fault);
}

static void expect_more(const char *more, FactsJson *json)
{
        FactsFault fault;
        int r = parse_more(more, json, &fault);
        cr_assert_eq(r, 0, "%s: %s", more, fault.parameter ? fault.parameter : "malformed");
}

Test(facts_json, what_must_be_given_is_enough_and_the_rest_is_absent)
{
        FactsJson json;
        expect_more("", &json);
        const Facts *facts = &json.facts;

        cr_expect_eq(facts->peer.uid, 7);
        cr_expect_eq(facts->peer.n_groups, 0);
        cr_expect_null(facts->peer.unit);
        cr_expect_null(facts->peer.label);
        cr_expect_str_eq(facts->operation, "identify");
        cr_expect_str_eq(facts->gallery, "g");
        cr_expect_str_eq(facts->purpose, "p");
        cr_expect_null(facts->sought);
        cr_expect_null(facts->probe);
        cr_expect_eq(facts->n_on_behalf_of, 0);
        cr_expect_eq(facts->n_recipients, 0);
        cr_expect_null(facts->case_reference);
        cr_expect_not(facts->has_limit);
        cr_expect_not(facts->has_floor);
        cr_expect_not(facts->has_mark);
        cr_expect_null(facts->used);
        cr_expect_eq(facts->time_usec, UINT64_C(1593604800000000));
        cr_expect_eq(facts->clock, CLOCK_UNSYNCHRONISED);
        facts_json_deinit(&json);
}

Test(facts_json, every_fact_goes_to_its_place)
{
        FactsJson json;
        expect_more(",\"groups\":[5,6],\"unit\":\"a.service\",\"label\":\"l\",\"sought\":\"missing\","
                    "\"probe\":\"sketch\","
                    "\"case\":\"c\",\"authorisation\":\"a\",\"operator\":\"\xc3\xb6\",\"limit\":3,"
                    "\"minimum_similarity\":-0.25,\"clock\":\"synchronised\",\"mark\":\"2020-07-01\","
                    "\"used\":{\"x\":4}",
                    &json);
        const Facts *facts = &json.facts;

        cr_expect_eq(facts->peer.n_groups, 2);
        cr_expect_eq(facts->peer.groups[0], 5);
        cr_expect_eq(facts->peer.groups[1], 6);
        cr_expect_str_eq(facts->peer.unit, "a.service");
        cr_expect_str_eq(facts->peer.label, "l");
        cr_expect_str_eq(facts->sought, "missing");
        cr_expect_str_eq(facts->probe, "sketch");
        cr_expect_str_eq(facts->case_reference, "c");
        cr_expect_str_eq(facts->authorisation, "a");
        cr_expect_str_eq(facts->operator, "\xc3\xb6");
        cr_expect_eq(facts->limit, 3);
        cr_expect_eq(facts->floor_millionths, -250000);
        cr_expect_eq(facts->clock, CLOCK_SYNCHRONISED);
        cr_expect_eq(facts->mark_usec, UINT64_C(1593561600000000));
        cr_expect_eq(facts->used(facts->used_userdata, "x", "o", 1), 4);
        cr_expect_eq(facts->used(facts->used_userdata, "y", "o", 1), 0);
        facts_json_deinit(&json);
}

Test(facts_json, lists_keep_what_was_given)
{
        static const char text[] =
                "{\"recipients\":[\"b\",\"a\",\"b\"],\"on_behalf_of\":[\"z\"],\"uid\":0,\"purpose\":\"p\","
                "\"operation\":\"compare\",\"time\":\"1970-01-01\"}";
        FactsJson json;
        FactsFault fault;

        cr_assert_eq(facts_json_parse(text, strlen(text), &json, &fault), 0);
        cr_expect_eq(json.facts.n_recipients, 3);
        cr_expect_str_eq(json.facts.recipients[1], "a");
        cr_expect_str_eq(json.facts.on_behalf_of[0], "z");
        cr_expect_eq(json.facts.time_usec, 0);
        facts_json_deinit(&json);
}

Test(facts_json, facts_may_be_moved)
{
        FactsJson first, second;
        expect_more(",\"groups\":[5],\"used\":{\"x\":4}", &first);
        second = first;
        memset(&first, 0x5a, sizeof(first));
        cr_expect_eq(second.facts.peer.groups[0], 5);
        cr_expect_eq(second.facts.used(second.facts.used_userdata, "x", "o", 1), 4);
        facts_json_deinit(&second);
}

Test(facts_json, statements_that_are_empty_are_none)
{
        FactsJson json;
        expect_more(",\"case\":\"\",\"authorisation\":\"\",\"operator\":\"\"", &json);
        cr_expect_null(json.facts.case_reference);
        cr_expect_null(json.facts.authorisation);
        cr_expect_null(json.facts.operator);
        facts_json_deinit(&json);
}

Test(facts_json, units_and_labels_that_no_record_could_hold_are_none)
{
        static const char *const bad[] = {"", "a\\\"b", "a\\\\b", "a\\nb", "\xc3\xa4", "\x7f"};
        char more[700], label[600];
        FactsJson json;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                snprintf(more, sizeof(more), ",\"unit\":\"%s\",\"label\":\"%s\"", bad[i], bad[i]);
                expect_more(more, &json);
                cr_expect_null(json.facts.peer.unit, "%s", bad[i]);
                cr_expect_null(json.facts.peer.label, "%s", bad[i]);
                facts_json_deinit(&json);
        }
        for (size_t n = 512; n <= 513; n++) {
                memset(label, 'x', n);
                label[n] = 0;
                snprintf(more, sizeof(more), ",\"label\":\"%s\"", label);
                expect_more(more, &json);
                cr_expect_eq(json.facts.peer.label != NULL, n == 512);
                facts_json_deinit(&json);
        }
}

Test(facts_json, a_mark_that_lies_ahead_makes_the_clock_behind_whatever_is_said)
{
        static const struct {
                const char *more;
                FactsClock clock;
        } cases[] = {
                {",\"clock\":\"synchronised\",\"mark\":\"2020-07-01T12:00:05Z\"", CLOCK_SYNCHRONISED},
                {",\"clock\":\"synchronised\",\"mark\":\"2020-07-01T12:00:05.000001Z\"", CLOCK_BEHIND},
                {",\"clock\":\"unsynchronised\",\"mark\":\"2020-07-01T12:00:06Z\"", CLOCK_BEHIND},
                {",\"mark\":\"2020-07-01T12:00:06Z\"", CLOCK_BEHIND},
                {",\"clock\":\"behind\"", CLOCK_BEHIND},
                {",\"clock\":\"behind\",\"mark\":\"2020-06-01\"", CLOCK_BEHIND},
        };
        FactsJson json;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                expect_more(cases[i].more, &json);
                cr_expect_eq(json.facts.clock, cases[i].clock, "%s", cases[i].more);
                facts_json_deinit(&json);
        }
}

Test(facts_json, a_fault_names_the_fact_and_says_what_was_expected)
{
        FactsJson json;
        FactsFault fault;

        cr_assert_eq(parse_more(",\"limit\":0", &json, &fault), FACTS_E_INVALID);
        cr_expect_str_eq(fault.parameter, "limit");
        cr_expect_str_eq(fault.expected, "a whole number, at least 1");
        facts_fault_deinit(&fault);
        cr_assert_eq(parse_more(",\"colour\":0", &json, &fault), FACTS_E_INVALID);
        cr_expect_str_eq(fault.parameter, "colour");
        cr_expect_null(fault.expected);
        facts_fault_deinit(&fault);
        cr_assert_eq(parse_more(",", &json, &fault), FACTS_E_MALFORMED);
        cr_expect_null(fault.parameter);
        facts_fault_deinit(&fault);
}

Test(facts_json, bytes_that_are_no_text_are_malformed)
{
        static const struct {
                const char *text;
                size_t n;
        } cases[] = {{"", 0},
                     {"\n", 1},
                     {"{\"uid\":1}\0", 10},
                     {"{\"u\xff\":1}", 8},
                     {"{\"case\":\"\\u0000\"}", 17}};
        FactsJson json;
        FactsFault fault;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                int r = facts_json_parse(cases[i].text, cases[i].n, &json, &fault);
                cr_expect_gt(r, 0, "case %zu", i);
                facts_fault_deinit(&fault);
        }
}
