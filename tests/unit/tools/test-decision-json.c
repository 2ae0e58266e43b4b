/*
 * Decisions to JSON: the keys, their order, and what is absent.
 */

#include "tools/decision-json.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"
#include "make-export.h"

static MakeExport folder; /* any folder; nothing in it is an export */
static Policy *policy;
static char digest[DIGEST_HEX_SIZE];

static void setup(void)
{
        static const char text[] = "[Class]\nDescription=One\n";
        PolicyFaults faults = {};

        make_export_new(&folder);
        make_export_put(&folder, "one.class", text, strlen(text));
        const char *const dirs[] = {folder.dir};
        const PolicySource source = {.dirs = dirs, .n_dirs = 1};
        cr_assert_eq(policy_load(&policy, &source, &faults), 0);
        digest_hex(policy_digest(policy), digest);
}

static void teardown(void)
{
        policy = policy_unref(policy);
        make_export_remove(&folder);
}

TestSuite(decision_json, .init = setup, .fini = teardown);

/* @expected stands before the digest. */
static void expect(const Decision *decision, const char *expected)
{
        Buffer buffer = BUFFER_INIT;
        char *whole = NULL;

        decision_json_write(decision, policy, &buffer);
        cr_assert_not(buffer.failed);
        cr_assert_geq(asprintf(&whole, "{%s,\"policy\":\"%s\"}\n", expected, digest), 0);
        cr_expect_str_eq(buffer_text(&buffer), whole);
        free(whole);
        buffer_deinit(&buffer);
}

Test(decision_json, a_denial_with_nothing_to_say)
{
        const Decision decision = {.reason = REASON_UNKNOWN_PEER};
        expect(&decision, "\"verdict\":\"deny\",\"reason\":\"unknown-peer\",\"moratoria\":[]");
}

Test(decision_json, a_denial_with_everything)
{
        const char *moratoria[] = {"a", "b"};
        const Decision decision = {
                .reason = REASON_MORATORIUM,
                .organisation = "o",
                .allow = "al",
                .moratoria = moratoria,
                .n_moratoria = 2,
                .notice = "say \"no\"/\xc3\xa9",
                .term = "t",
                .missing = {"authorisation", "case"},
                .n_missing = 2,
                .nearest = "n",
                .unmet = 1u << UNMET_REQUIRE | 1u << UNMET_ORGANISATION,
        };
        expect(&decision,
               "\"verdict\":\"deny\",\"reason\":\"moratorium\",\"allow\":\"al\",\"organisation\":\"o\","
               "\"moratoria\":[\"a\",\"b\"],\"term\":\"t\",\"missing\":[\"authorisation\",\"case\"],"
               "\"notice\":\"say \\\"no\\\"/\xc3\xa9\","
               "\"nearest\":{\"allow\":\"n\",\"unmet\":[\"Organisation\",\"Require\"]}");
}

Test(decision_json, a_nearest_allow_that_lacks_nothing)
{
        const Decision decision = {.reason = REASON_MORATORIUM, .nearest = "n"};
        expect(&decision, "\"verdict\":\"deny\",\"reason\":\"moratorium\",\"moratoria\":[],"
                          "\"nearest\":{\"allow\":\"n\",\"unmet\":[]}");
}

Test(decision_json, limits_are_those_that_the_operation_has)
{
        Decision decision = {.permit = true, .allow = "a", .organisation = "o", .release = RELEASE_SCORES};
        expect(&decision, "\"verdict\":\"permit\",\"allow\":\"a\",\"organisation\":\"o\",\"moratoria\":[],"
                          "\"limits\":{\"release\":\"scores\"}");
        decision.has_limit = true;
        decision.limit = 7;
        expect(&decision, "\"verdict\":\"permit\",\"allow\":\"a\",\"organisation\":\"o\",\"moratoria\":[],"
                          "\"limits\":{\"maximumCandidates\":7,\"release\":\"scores\"}");
        decision.has_floor = true;
        decision.floor_millionths = -1;
        expect(&decision,
               "\"verdict\":\"permit\",\"allow\":\"a\",\"organisation\":\"o\",\"moratoria\":[],"
               "\"limits\":{\"minimumSimilarity\":-0.000001,\"maximumCandidates\":7,\"release\":\"scores\"}");
}
