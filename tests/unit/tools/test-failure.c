/* Errors in words: the refusal with its rule, notice and place
 * in the log; and everything else that can come. */

#include <criterion/criterion.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "tools/failure.h"

static const char *print(const char *error, const char *parameters)
{
        static char page[4096];
        memset(page, 0, sizeof(page));
        FILE *out = fmemopen(page, sizeof(page) - 1, "w");
        json_object *object = json_tokener_parse(parameters);
        cr_assert_not_null(object);
        failure_print(out, "searching the gallery missing", error, object);
        json_object_put(object);
        fclose(out);
        return page;
}

#define RECEIPT                                                                                              \
        "\"receipt\":{\"request\":\"00112233445566778899aabbccddeeff\",\"origin\":\"log.example\","          \
        "\"decisionIndex\":7}"

Test(failure, a_refusal_says_all_that_came)
{
        cr_expect_str_eq(print("org.matchguard.Match.Denied",
                               "{\"reason\":\"moratorium\",\"rule\":\"police-use\",\"notice\":\"Suspended.\","
                               "\"missing\":[]," RECEIPT "}"),
                         "Refused: searching the gallery missing.\n"
                         "  reason        moratorium: a moratorium covers it, and nothing excepts it\n"
                         "  rule          police-use\n"
                         "  notice        Suspended.\n"
                         "  request       00112233445566778899aabbccddeeff\n"
                         "  recorded      leaf 7 of the log log.example\n");
}

Test(failure, that_there_is_nothing_to_rebase_says_why)
{
        cr_expect_str_eq(print("org.matchguard.Admin.NothingToRebase", "{\"reason\":\"there is no mark\"}"),
                         "Nothing was done, because nothing has to be: searching the gallery missing.\n"
                         "  reason        there is no mark\n");
}

Test(failure, what_is_missing_is_named)
{
        const char *page = print("org.matchguard.Match.Denied",
                                 "{\"reason\":\"missing-requirement\",\"rule\":null,\"notice\":null,"
                                 "\"missing\":[\"authorisation\",\"case\"]," RECEIPT "}");
        cr_expect(strstr(page, "  missing       authorisation, case\n"), "%s", page);
        cr_expect(!strstr(page, "rule"), "%s", page);
}

Test(failure, every_reason_has_words)
{
        static const char *const reasons[] = {
                "clock-untrusted", "unknown-peer", "ambiguous-peer", "expired-organisation", "unknown-term",
                "stood-down",      "rate-limited", "moratorium",     "missing-requirement",  "not-allowed"};
        for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
                char parameters[128], wanted[64];
                snprintf(parameters, sizeof(parameters), "{\"reason\":\"%s\",\"missing\":[]}", reasons[i]);
                snprintf(wanted, sizeof(wanted), "  reason        %s: ", reasons[i]);
                const char *page = print("org.matchguard.Match.Denied", parameters);
                cr_expect(strstr(page, wanted), "%s", page);
        }
}

Test(failure, every_error_of_the_interfaces_has_a_headline)
{
        static const char *const errors[] = {
                "org.matchguard.Match.Denied",
                "org.matchguard.Match.TrailUnavailable",
                "org.matchguard.Match.WorkerUnavailable",
                "org.matchguard.Match.Overloaded",
                "org.matchguard.Match.Failed",
                "org.matchguard.Match.NoSuchSubject",
                "org.matchguard.Match.ModelMismatch",
                "org.matchguard.Match.BadTemplate",
                "org.matchguard.Match.NoSuchRequest",
                "org.matchguard.Audit.NoSuchRequest",
                "org.matchguard.Admin.PolicyRejected",
                "org.varlink.service.InvalidParameter",
                "org.varlink.service.PermissionDenied",
                "org.varlink.service.MethodNotFound",
                "org.varlink.service.InterfaceNotFound",
                "org.varlink.service.MethodNotImplemented",
        };
        for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
                cr_expect(!strstr(print(errors[i], "{}"), errors[i]), "%s", errors[i]);
}

Test(failure, a_parameter_that_is_wrong_is_told_with_what_it_may_be)
{
        static const struct {
                const char *parameter, *wanted;
        } rows[] = {
                {"sought", "one of victim, missing"}, {"kind", "one of photograph, video-frame"},
                {"gallery", "a-z, 0-9 and -"},        {"caseReference", "512 bytes"},
                {"recipients", "at most 16 names"},   {"request", "32 hexadecimal digits"},
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char parameters[96];
                snprintf(parameters, sizeof(parameters), "{\"parameter\":\"%s\"}", rows[i].parameter);
                const char *page = print("org.varlink.service.InvalidParameter", parameters);
                cr_expect(strstr(page, rows[i].parameter) && strstr(page, rows[i].wanted), "%s", page);
        }
        cr_expect(!strstr(print("org.varlink.service.InvalidParameter", "{\"parameter\":\"foo\"}"),
                          "expected"));
}

Test(failure, an_auditor_is_not_told_that_it_is_his_own_request)
{
        cr_expect(strstr(print("org.matchguard.Audit.NoSuchRequest", "{}"), "There is no such request"));
        cr_expect(strstr(print("org.matchguard.Match.NoSuchRequest", "{}"), "You have made no such request"));
}

Test(failure, an_error_of_tomorrow_is_shown_as_it_came)
{
        const char *page = print("org.matchguard.Match.Unheard", "{\"why\":\"x\"}");
        cr_expect(strstr(page, "org.matchguard.Match.Unheard"), "%s", page);
        cr_expect(strstr(page, "\"why\": \"x\""), "%s", page);
}

Test(failure, each_fault_of_a_policy_has_its_line)
{
        const char *page =
                print("org.matchguard.Admin.PolicyRejected", "{\"faults\":[\"a.allow:1:1: x\",\"b\"]}");
        cr_expect(strstr(page, "  fault         a.allow:1:1: x\n  fault         b\n"), "%s", page);
}

Test(failure, a_machinery_error_is_not_called_a_refusal)
{
        static const char *const errors[] = {"TrailUnavailable", "WorkerUnavailable", "Overloaded", "Failed"};
        for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
                char error[96];
                snprintf(error, sizeof(error), "org.matchguard.Match.%s", errors[i]);
                cr_expect(!strstr(print(error, "{}"), "Refused"), "%s", errors[i]);
        }
}

Test(failure, an_outcome_is_shown_beside_its_decision)
{
        const char *page =
                print("org.matchguard.Match.Failed",
                      "{\"result\":\"gallery-full\",\"receipt\":{\"request\":\"00\",\"origin\":\"o\","
                      "\"decisionIndex\":7,\"outcomeIndex\":9}}");
        cr_expect(strstr(page, "leaf 7, and its outcome leaf 9, of the log o"), "%s", page);
        cr_expect(strstr(page, "gallery-full"), "%s", page);
}

Test(failure, a_change_may_have_happened_only_where_the_worker_had_it)
{
        static const struct {
                const char *error, *parameters;
                bool open;
        } rows[] = {
                {"org.matchguard.Match.Denied", "{\"reason\":\"not-allowed\"}", false},
                {"org.matchguard.Match.Failed", "{\"result\":\"gallery-full\"}", false},
                {"org.matchguard.Match.Failed", "{\"result\":\"timeout\"}", true},
                {"org.matchguard.Match.Failed", "{\"result\":\"unknown\"}", true},
                {"org.matchguard.Match.WorkerUnavailable", "{\"reason\":\"worker-gone\"}", true},
                {"org.matchguard.Match.TrailUnavailable", "{\"reason\":\"x\"}", false},
                {"org.matchguard.Match.BadTemplate", "{\"reason\":\"x\"}", false},
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                json_object *object = json_tokener_parse(rows[i].parameters);
                cr_expect_eq(failure_is_open(rows[i].error, object), rows[i].open, "%s", rows[i].parameters);
                json_object_put(object);
        }
}
