/*
 * Answers, as clients see them.
 */

#include "frontend/answer.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "varlink/reply.h"

#define RECEIPT_JSON                                                                                         \
        "\"receipt\":{\"request\":\"0123456789abcdef0123456789abcdef\",\"origin\":\"o\",\"decisionIndex\":"  \
        "7,"                                                                                                 \
        "\"outcomeIndex\":9}"
#define DENIAL_JSON                                                                                          \
        "\"receipt\":{\"request\":\"0123456789abcdef0123456789abcdef\",\"origin\":\"o\",\"decisionIndex\":"  \
        "7}"

static const ReceiptField receipt = {true, "0123456789abcdef0123456789abcdef", "o", 7, true, 9};
static const ReceiptField denial = {true, "0123456789abcdef0123456789abcdef", "o", 7, false, 0};
static Candidate scored[] = {{"a", true, 0.75}, {"b", true, 0.6}};
static Candidate unscored[] = {{"a", false, 0}};
static const char *names[] = {"a", "b"};

static const uint8_t salt[32] = {1};
static DetailField opened[] = {
        {.index = 4, .leaf = "l", .proof = "p", .salt = salt, .bytes = (const uint8_t *)"{}", .n_bytes = 2},
        {.index = 5, .leaf = "m", .proof = "q"},
};

static const struct {
        MessageInterface interface;
        AnswerMessage answer;
        const char *reply;
} rows[] = {
        {INTERFACE_MATCH,
         {.kind = ANSWER_IDENTIFY,
          .candidates = scored,
          .n_candidates = 2,
          .matched = true,
          .searched = 10,
          .gallery_epoch = 3,
          .allow = "x",
          .receipt = receipt},
         "{\"parameters\":{\"candidates\":[{\"rank\":1,\"subject\":\"a\",\"similarity\":0.75},"
         "{\"rank\":2,\"subject\":\"b\",\"similarity\":0.6}],\"matched\":true,\"searched\":10,"
         "\"galleryEpoch\":3,"
         "\"allow\":\"x\"," RECEIPT_JSON "}}"},
        {INTERFACE_MATCH,
         {.kind = ANSWER_IDENTIFY, .candidates = unscored, .n_candidates = 1, .matched = true, .allow = "x"},
         "{\"parameters\":{\"candidates\":[{\"rank\":1,\"subject\":\"a\"}],\"matched\":true,\"searched\":0,"
         "\"galleryEpoch\":0,\"allow\":\"x\"}}"},
        {INTERFACE_MATCH,
         {.kind = ANSWER_IDENTIFY, .allow = "x", .receipt = receipt},
         "{\"parameters\":{\"candidates\":[],\"matched\":false,\"searched\":0,\"galleryEpoch\":0,\"allow\":"
         "\"x\"," RECEIPT_JSON "}}"},
        {INTERFACE_MATCH,
         {.kind = ANSWER_VERIFY,
          .matched = true,
          .has_similarity = true,
          .similarity = -1,
          .gallery_epoch = 1,
          .allow = "x",
          .receipt = receipt},
         "{\"parameters\":{\"matched\":true,\"similarity\":-1,\"galleryEpoch\":1,\"allow\":"
         "\"x\"," RECEIPT_JSON "}}"},
        {INTERFACE_MATCH,
         {.kind = ANSWER_COMPARE, .gallery_epoch = 1, .allow = "x", .receipt = receipt},
         "{\"parameters\":{\"matched\":false,\"allow\":\"x\"," RECEIPT_JSON "}}"},
        {INTERFACE_MATCH,
         {.kind = ANSWER_ENROL, .count = 2, .gallery_epoch = 1, .allow = "x", .receipt = receipt},
         "{\"parameters\":{\"stored\":2,\"galleryEpoch\":1,\"allow\":\"x\"," RECEIPT_JSON "}}"},
        {INTERFACE_MATCH,
         {.kind = ANSWER_REMOVE, .count = 2, .gallery_epoch = 1, .allow = "x", .receipt = receipt},
         "{\"parameters\":{\"removed\":2,\"galleryEpoch\":1,\"allow\":\"x\"," RECEIPT_JSON "}}"},
        {INTERFACE_MATCH,
         {.kind = ANSWER_LIST, .subjects = {2, names}, .gallery_epoch = 1, .allow = "x", .receipt = receipt},
         "{\"parameters\":{\"subjects\":[\"a\",\"b\"],\"galleryEpoch\":1,\"allow\":\"x\"," RECEIPT_JSON "}}"},
        {INTERFACE_AUDIT,
         {.kind = ANSWER_RECEIPT, .texts = {"{\"a\":1}", "p\nq\n"}},
         "{\"parameters\":{\"decision\":\"{\\\"a\\\":1}\",\"decisionProof\":\"p\\nq\\n\"}}"},
        {INTERFACE_MATCH,
         {.kind = ANSWER_RECEIPT, .texts = {"d", "e", "f", "g"}},
         "{\"parameters\":{\"decision\":\"d\",\"decisionProof\":\"e\",\"outcome\":\"f\",\"outcomeProof\":"
         "\"g\"}}"},
        {INTERFACE_MATCH,
         {.kind = ANSWER_WHO_AM_I,
          .organisation = "x",
          .classes = {2, names},
          .uid = 4294967295,
          .unit = "u.service",
          .identity = "pidfd"},
         "{\"parameters\":{\"organisation\":\"x\",\"classes\":[\"a\",\"b\"],\"uid\":4294967295,\"unit\":\"u."
         "service\","
         "\"identity\":\"pidfd\"}}"},
        {INTERFACE_MATCH,
         {.kind = ANSWER_WHO_AM_I, .identity = "uid"},
         "{\"parameters\":{\"classes\":[],\"uid\":0,\"identity\":\"uid\"}}"},
        {INTERFACE_AUDIT,
         {.kind = ANSWER_CHECKPOINT, .texts = {"o\n1\nAA==\n\n\u2014 o x\n"}},
         "{\"parameters\":{\"checkpoint\":\"o\\n1\\nAA==\\n\\n\u2014 o x\\n\"}}"},
        {INTERFACE_MATCH,
         {.kind = ANSWER_DENIED,
          .reason = "moratorium",
          .rule = "police-use",
          .notice = "No.",
          .receipt = denial},
         "{\"parameters\":{\"reason\":\"moratorium\",\"rule\":\"police-use\",\"notice\":\"No.\",\"missing\":["
         "]," DENIAL_JSON "},\"error\":\"org.matchguard.Match.Denied\"}"},
        {INTERFACE_MATCH,
         {.kind = ANSWER_DENIED, .reason = "missing-requirement", .missing = {2, names}, .receipt = denial},
         "{\"parameters\":{\"reason\":\"missing-requirement\",\"missing\":[\"a\",\"b\"]," DENIAL_JSON
         "},\"error\":\"org.matchguard.Match.Denied\"}"},
        {INTERFACE_MATCH,
         {.kind = ANSWER_TRAIL_UNAVAILABLE, .reason = "full"},
         "{\"parameters\":{\"reason\":\"full\"},\"error\":\"org.matchguard.Match.TrailUnavailable\"}"},
        {INTERFACE_ADMIN,
         {.kind = ANSWER_TRAIL_UNAVAILABLE, .reason = "full"},
         "{\"parameters\":{\"reason\":\"full\"},\"error\":\"org.matchguard.Admin.TrailUnavailable\"}"},
        {INTERFACE_MATCH,
         {.kind = ANSWER_WORKER_UNAVAILABLE, .reason = "gone", .receipt = receipt},
         "{\"parameters\":{\"reason\":\"gone\"," RECEIPT_JSON
         "},\"error\":\"org.matchguard.Match.WorkerUnavailable\"}"},
        {INTERFACE_MATCH,
         {.kind = ANSWER_OVERLOADED},
         "{\"parameters\":{},\"error\":\"org.matchguard.Match.Overloaded\"}"},
        {INTERFACE_MATCH,
         {.kind = ANSWER_OVERLOADED, .receipt = receipt},
         "{\"parameters\":{" RECEIPT_JSON "},\"error\":\"org.matchguard.Match.Overloaded\"}"},
        {INTERFACE_MATCH,
         {.kind = ANSWER_FAILED, .reason = "gallery-full", .receipt = receipt},
         "{\"parameters\":{\"result\":\"gallery-full\"," RECEIPT_JSON
         "},\"error\":\"org.matchguard.Match.Failed\"}"},
        {INTERFACE_MATCH,
         {.kind = ANSWER_NO_SUCH_SUBJECT, .receipt = receipt},
         "{\"parameters\":{" RECEIPT_JSON "},\"error\":\"org.matchguard.Match.NoSuchSubject\"}"},
        {INTERFACE_MATCH,
         {.kind = ANSWER_MODEL_MISMATCH, .reason = "m", .receipt = receipt},
         "{\"parameters\":{\"expected\":\"m\"," RECEIPT_JSON
         "},\"error\":\"org.matchguard.Match.ModelMismatch\"}"},
        {INTERFACE_MATCH,
         {.kind = ANSWER_BAD_TEMPLATE, .reason = "zero", .receipt = receipt},
         "{\"parameters\":{\"reason\":\"zero\"," RECEIPT_JSON
         "},\"error\":\"org.matchguard.Match.BadTemplate\"}"},
        {INTERFACE_MATCH,
         {.kind = ANSWER_INVALID_PARAMETER, .reason = "purpose"},
         "{\"parameters\":{\"parameter\":\"purpose\"},\"error\":\"org.varlink.service.InvalidParameter\"}"},
        {INTERFACE_ADMIN,
         {.kind = ANSWER_PERMISSION_DENIED},
         "{\"parameters\":{},\"error\":\"org.varlink.service.PermissionDenied\"}"},
        {INTERFACE_AUDIT,
         {.kind = ANSWER_NO_SUCH_REQUEST},
         "{\"parameters\":{},\"error\":\"org.matchguard.Audit.NoSuchRequest\"}"},
        {INTERFACE_ADMIN,
         {.kind = ANSWER_POLICY_REJECTED, .reason = "a:1:1: x\n\nb:2:2: y"},
         "{\"parameters\":{\"faults\":[\"a:1:1: x\",\"b:2:2: "
         "y\"]},\"error\":\"org.matchguard.Admin.PolicyRejected\"}"},
        {INTERFACE_ADMIN,
         {.kind = ANSWER_NOTHING_TO_REBASE, .reason = "there is no mark"},
         "{\"parameters\":{\"reason\":\"there is no "
         "mark\"},\"error\":\"org.matchguard.Admin.NothingToRebase\"}"},
        {INTERFACE_AUDIT,
         {.kind = ANSWER_DETAILS, .has_record = true, .record = 9, .n_details = 2, .details = opened},
         "{\"parameters\":{\"recorded\":9,\"details\":[{\"index\":4,\"leaf\":\"l\",\"proof\":\"p\","
         "\"erased\":false,"
         "\"salt\":\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"detail\":\"{}\"},"
         "{\"index\":5,\"leaf\":\"m\",\"proof\":\"q\",\"erased\":true}]}}"},
        {INTERFACE_ADMIN,
         {.kind = ANSWER_COUNT, .count = 3, .has_record = true, .record = 9},
         "{\"parameters\":{\"count\":3,\"recorded\":9}}"},
        {INTERFACE_ADMIN, {.kind = ANSWER_COUNT}, "{\"parameters\":{\"count\":0}}"},
        {INTERFACE_AUDIT,
         {.kind = ANSWER_NO_DETAILS},
         "{\"parameters\":{},\"error\":\"org.matchguard.Audit.NoDetails\"}"},
};

Test(answer, every_kind_has_its_form)
{
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;
                cr_assert_eq(answer_write(rows[i].interface, &rows[i].answer, &buffer), 0);
                cr_expect_str_eq(buffer_text(&buffer), rows[i].reply);
                cr_expect_eq(buffer.n, strlen(rows[i].reply) + 1);
        }
}

Test(answer, every_kind_is_among_those)
{
        for (unsigned kind = 0; kind < 256; kind++) {
                bool known = kind == ANSWER_STATUS;
                for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                        known |= rows[i].answer.kind == kind;
                _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;
                AnswerMessage answer = {.kind = (uint8_t)kind};
                cr_expect_eq(answer_write(INTERFACE_MATCH, &answer, &buffer), known ? 0 : ANSWER_E_UNKNOWN,
                             "%u", kind);
        }
}

Test(answer, status_keys_nest_and_lists_gather)
{
        StatusItem items[] = {
                {"trail.size", STATUS_NUMBER, NULL, 5},
                {"trail.origin", STATUS_TEXT, "o", 0},
                {"ready", STATUS_BOOL, NULL, 1},
                {"policy.moratoria", STATUS_LIST, "a", 0},
                {"worker.gallery.faces.epoch", STATUS_NUMBER, NULL, 2},
                {"policy.moratoria", STATUS_LIST, "b", 0},
                {"none", STATUS_LIST, NULL, 0},
        };
        AnswerMessage answer = {.kind = ANSWER_STATUS, .status = items, .n_status = ARRAY_SIZE(items)};
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;

        cr_assert_eq(answer_write(INTERFACE_ADMIN, &answer, &buffer), 0);
        cr_expect_str_eq(
                buffer_text(&buffer),
                "{\"parameters\":{\"status\":{\"trail\":{\"size\":5,\"origin\":\"o\"},\"ready\":true,"
                "\"policy\":{\"moratoria\":[\"a\",\"b\"]},\"worker\":{\"gallery\":{\"faces\":{\"epoch\":2}}},"
                "\"none\":[]}}}");
}

Test(answer, similarities_read_back_as_what_they_were)
{
        uint64_t state = 7;

        for (int i = 0; i < 2000; i++) {
                state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
                AnswerMessage answer = {.kind = ANSWER_COMPARE, .has_similarity = true};
                answer.similarity = (double)(state >> 11) / 0x1p53 * 2 - 1;
                _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;
                cr_assert_eq(answer_write(INTERFACE_MATCH, &answer, &buffer), 0);
                const char *at = strstr(buffer_text(&buffer), "\"similarity\":");
                cr_assert_not_null(at);
                cr_expect_eq(strtod(at + strlen("\"similarity\":"), NULL), answer.similarity);
        }
}

Test(answer, what_is_not_finite_is_not_shown)
{
        AnswerMessage answer = {.kind = ANSWER_COMPARE, .has_similarity = true, .similarity = NAN};
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;

        cr_assert_eq(answer_write(INTERFACE_MATCH, &answer, &buffer), 0);
        cr_expect_str_eq(buffer_text(&buffer), "{\"parameters\":{\"matched\":false}}");
}
