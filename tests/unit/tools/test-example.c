/*
 * Tests of policy/example.h: an example written as JSON is read back as the facts that it stands for, by what reads
 * the facts of `policy decide`.
 */

#include "policy/example.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/macro.h"
#include "tools/facts-json.h"

#define EXAMPLE(...) ((const Example){.gallery = "g", .purpose = "p", ##__VA_ARGS__})

static void expect_text(const char *what, const char *found, const char *wanted)
{
        cr_expect(found == wanted || (found && wanted && strcmp(found, wanted) == 0), "%s: %s, not %s", what,
                  found ? found : "none", wanted ? wanted : "none");
}

static void expect_names(const char *const *found, size_t n, const char *const *wanted, size_t n_wanted)
{
        cr_assert_eq(n, n_wanted);
        for (size_t i = 0; i < n; i++)
                cr_expect_str_eq(found[i], wanted[i]);
}

static void expect_peer(const Peer *found, const Peer *wanted)
{
        cr_expect_eq(found->uid, wanted->uid);
        cr_assert_eq(found->n_groups, wanted->n_groups);
        for (size_t i = 0; i < wanted->n_groups; i++)
                cr_expect_eq(found->groups[i], wanted->groups[i]);
        expect_text("unit", found->unit, wanted->unit);
        expect_text("label", found->label, wanted->label);
}

static void expect_facts(const Facts *found, const Facts *wanted)
{
        expect_peer(&found->peer, &wanted->peer);
        expect_text("operation", found->operation, wanted->operation);
        expect_text("gallery", found->gallery, wanted->gallery);
        expect_text("purpose", found->purpose, wanted->purpose);
        expect_text("sought", found->sought, wanted->sought);
        expect_text("probe", found->probe, wanted->probe);
        expect_text("case", found->case_reference, wanted->case_reference);
        expect_text("authorisation", found->authorisation, wanted->authorisation);
        expect_text("operator", found->operator, wanted->operator);
        expect_names(found->on_behalf_of, found->n_on_behalf_of, wanted->on_behalf_of,
                     wanted->n_on_behalf_of);
        expect_names(found->recipients, found->n_recipients, wanted->recipients, wanted->n_recipients);
        cr_expect_not(found->has_limit || found->has_floor || found->used);
        cr_expect_eq(found->time_usec, wanted->time_usec);
        cr_expect_eq(found->clock, wanted->clock);
        cr_expect_eq(found->has_mark, wanted->has_mark);
        cr_expect_eq(found->mark_usec, wanted->mark_usec);
}

/* Written, read, and the same. */
static void expect_round(const Example *example)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        _cleanup_(facts_json_deinit) FactsJson json = FACTS_JSON_INIT;
        _cleanup_(facts_fault_deinit) FactsFault fault = {};
        Facts wanted;

        example_facts(example, &wanted);
        cr_expect_null(facts_check(&wanted), "%s", facts_check(&wanted));
        example_write(example, &text);
        cr_assert_not(text.failed);
        cr_expect_null(strchr(buffer_text(&text), '\n'));
        int r = facts_json_parse(buffer_text(&text), text.n, &json, &fault);
        cr_assert_eq(r, 0, "%s: %s", fault.parameter ? fault.parameter : "malformed", buffer_text(&text));
        expect_facts(&json.facts, &wanted);
}

Test(example, every_operation_is_read_back)
{
        for (Operation i = 0; i < _OPERATION_MAX; i++) {
                Example example = EXAMPLE(.caller = {.uid = 7}, .operation = i);
                if (i == OPERATION_COMPARE)
                        example.gallery = NULL;
                expect_round(&example);
        }
}

Test(example, every_role_and_probe_is_read_back)
{
        for (size_t i = 0; i < vocabulary_roles.n; i++)
                expect_round(&EXAMPLE(.role = (int)i));
        for (size_t i = 0; i < vocabulary_probes.n; i++)
                expect_round(&EXAMPLE(.probe = (int)i));
}

Test(example, a_probe_is_stated_only_where_one_comes)
{
        Facts facts;

        example_facts(&EXAMPLE(.operation = OPERATION_LIST), &facts);
        cr_expect_null(facts.probe);
        example_facts(&EXAMPLE(.operation = OPERATION_ENROL, .probe = 2), &facts);
        cr_expect_str_eq(facts.probe, "sketch");
}

Test(example, every_set_of_requirements_is_given)
{
        for (uint32_t given = 0; given < BIT(_REQUIREMENT_MAX); given++) {
                const Example example = EXAMPLE(.given = given);
                Facts facts;
                example_facts(&example, &facts);
                cr_expect_eq(facts.authorisation != NULL, (given & BIT(REQUIREMENT_AUTHORISATION)) != 0);
                cr_expect_eq(facts.case_reference != NULL, (given & BIT(REQUIREMENT_CASE)) != 0);
                cr_expect_eq(facts.operator!= NULL, (given & BIT(REQUIREMENT_OPERATOR)) != 0);
                expect_round(&example);
        }
}

/* What a policy file can name and the kernel can say: SecurityLabel= takes printable ASCII but quote and backslash. */
Test(example, a_caller_is_read_back_whatever_it_is_called)
{
        char label[96] = "", unit[256] = "";

        for (char c = 0x20, *p = label; c <= 0x7e; c++)
                if (c != '"' && c != '\\')
                        *p++ = c;
        memset(unit, 'u', sizeof(unit) - 1);
        memcpy(unit + sizeof(unit) - sizeof(".service"), ".service", sizeof(".service"));
        expect_round(&EXAMPLE(.caller = {.uid = UINT32_MAX - 1,
                                         .groups = {0, 1, UINT32_MAX - 1, 5},
                                         .n_groups = EXAMPLE_GROUPS_MAX,
                                         .unit = unit,
                                         .label = label}));
        expect_round(&EXAMPLE(.caller = {.unit = "a@b:c_d.-x.service"}));
        expect_round(&EXAMPLE(.caller = {.label = "unconfined"}));
}

Test(example, as_many_names_as_a_list_holds_are_read_back)
{
        char names[FACTS_LIST_MAX][64] = {}; /* none can be longer */
        Example example = EXAMPLE(.n_recipients = FACTS_LIST_MAX, .n_on_behalf_of = FACTS_LIST_MAX);

        for (size_t i = 0; i < FACTS_LIST_MAX; i++) {
                memset(names[i], (int)('a' + i), sizeof(names[i]) - 1);
                example.recipients[i] = names[i];
                example.on_behalf_of[FACTS_LIST_MAX - 1 - i] = names[i];
        }
        expect_round(&example);
}

Test(example, an_instant_is_read_back_to_the_microsecond)
{
        static const int64_t times[] = {0,
                                        1,
                                        999999,
                                        INT64_C(86400000000),
                                        INT64_C(1593604800000000),
                                        INT64_C(1593604800000001),
                                        TIME_MOST};

        for (size_t i = 0; i < ARRAY_SIZE(times); i++)
                expect_round(&EXAMPLE(.at = {times[i], times[i]}));
}

Test(example, a_clock_is_synchronised_exactly_if_both_times_are_one)
{
        const Example synchronised = EXAMPLE(.at = {9, 9}), marked = EXAMPLE(.at = {9, 0}),
                      unmarked = EXAMPLE(.at = {9, TIME_NEVER});
        Facts facts;

        example_facts(&synchronised, &facts);
        cr_expect(facts.clock == CLOCK_SYNCHRONISED && !facts.has_mark);
        expect_round(&synchronised);
        example_facts(&marked, &facts);
        cr_expect(facts.clock == CLOCK_UNSYNCHRONISED && facts.has_mark && facts.mark_usec == 0);
        expect_round(&marked);
        example_facts(&unmarked, &facts);
        cr_expect(facts.clock == CLOCK_UNSYNCHRONISED && !facts.has_mark);
        expect_round(&unmarked);
}

Test(example, it_is_one_object_in_the_order_of_the_facts)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;

        example_write(&EXAMPLE(.caller = {.uid = 7,
                                          .groups = {5, 6},
                                          .n_groups = 2,
                                          .unit = "s.service",
                                          .label = "l"},
                               .role = 1, .probe = 1, .given = 7, .on_behalf_of = {"a"}, .n_on_behalf_of = 1,
                               .recipients = {"b", "c"}, .n_recipients = 2, .at = {1, 0}),
                      &text);
        cr_expect_str_eq(
                buffer_text(&text),
                "{\"uid\":7,\"groups\":[5,6],\"unit\":\"s.service\",\"label\":\"l\",\"operation\":"
                "\"identify\","
                "\"gallery\":\"g\",\"purpose\":\"p\",\"sought\":\"missing\",\"on_behalf_of\":[\"a\"],"
                "\"recipients\":[\"b\",\"c\"],\"probe\":\"video-frame\",\"case\":\"a "
                "case\",\"authorisation\":"
                "\"an authorisation\",\"operator\":\"an operator\",\"time\":\"1970-01-01T00:00:00.000001Z\","
                "\"clock\":\"unsynchronised\",\"mark\":\"1970-01-01\"}");
}
