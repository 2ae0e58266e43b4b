/* Answers, as the child will read them. */

#include <criterion/criterion.h>
#include <string.h>

#include "guard/answer.h"
/* Only the trail makes receipts; a test of what is made from them has to play it. */
#include "trail/receipt-make.h"

static const AnswerTo to = {.connection = 4, .serial = 9};

static Receipt *receipt_at(uint64_t index)
{
        ReceiptFacts facts = {.origin = "origin.example",
                              .index = index,
                              .tree_size = index + 1,
                              .leaf = (const uint8_t *)"{}",
                              .n_leaf = 2};

        Receipt *receipt = receipt_new(&facts);
        cr_assert_not_null(receipt);
        return receipt;
}

static AnswerMessage decode(const Buffer *buffer)
{
        AnswerMessage message = {};

        cr_assert(answer_decode(buffer->data, buffer->n, &message));
        cr_expect_eq(message.connection, 4);
        cr_expect_eq(message.serial, 9);
        return message;
}

static const char id[] = "00112233445566778899aabbccddeeff";

Test(answer, a_denial_says_why_and_where_it_is_recorded)
{
        const char *moratoria[] = {"police-use"};
        Decision decision = {.reason = REASON_MORATORIUM,
                             .moratoria = moratoria,
                             .n_moratoria = 1,
                             .notice = "Suspended."};
        AnswerRecords records = {.request = id, .decision = receipt_at(7)};
        Buffer buffer = BUFFER_INIT;

        answer_denied(to, &records, &decision, &buffer);
        AnswerMessage message = decode(&buffer);
        cr_expect_eq(message.kind, ANSWER_DENIED);
        cr_expect_str_eq(message.reason, "moratorium");
        cr_expect_str_eq(message.rule, "police-use");
        cr_expect_str_eq(message.notice, "Suspended.");
        cr_expect(message.receipt.present);
        cr_expect_str_eq(message.receipt.request, id);
        cr_expect_str_eq(message.receipt.origin, "origin.example");
        cr_expect_eq(message.receipt.decision_index, 7);
        cr_expect_not(message.receipt.has_outcome);
        answer_deinit(&message);
        buffer_deinit(&buffer);
        receipt_free((Receipt *)records.decision);
}

Test(answer, what_is_missing_is_listed)
{
        Decision decision = {
                .reason = REASON_MISSING_REQUIREMENT, .missing = {"authorisation", "case"}, .n_missing = 2};
        AnswerRecords records = {.request = id, .decision = receipt_at(7)};
        Buffer buffer = BUFFER_INIT;

        answer_denied(to, &records, &decision, &buffer);
        AnswerMessage message = decode(&buffer);
        cr_assert_eq(message.missing.n, 2);
        cr_expect_str_eq(message.missing.items[0], "authorisation");
        cr_expect_null(message.rule);
        answer_deinit(&message);
        buffer_deinit(&buffer);
        receipt_free((Receipt *)records.decision);
}

Test(answer, a_match_names_both_records)
{
        Candidate candidates[] = {{"child-1", true, 0.75}};
        ResultMessage result = {.result = "ok",
                                .why = "",
                                .engine = "cpu",
                                .matched = true,
                                .searched = 10,
                                .gallery_epoch = 3,
                                .n_candidates = 1,
                                .candidates = candidates};
        AnswerOutcome outcome = {
                .operation = "identify", .allow = "rescue", .result = "ok", .answer = &result};
        AnswerRecords records = {.request = id, .decision = receipt_at(7), .outcome = receipt_at(9)};
        Buffer buffer = BUFFER_INIT;

        answer_outcome(to, &records, &outcome, &buffer);
        AnswerMessage message = decode(&buffer);
        cr_expect_eq(message.kind, ANSWER_IDENTIFY);
        cr_expect_str_eq(message.allow, "rescue");
        cr_expect(message.matched);
        cr_assert_eq(message.n_candidates, 1);
        cr_expect_str_eq(message.candidates[0].subject, "child-1");
        cr_expect_eq(message.receipt.decision_index, 7);
        cr_expect(message.receipt.has_outcome);
        cr_expect_eq(message.receipt.outcome_index, 9);
        answer_deinit(&message);
        buffer_deinit(&buffer);
        receipt_free((Receipt *)records.decision);
        receipt_free((Receipt *)records.outcome);
}

Test(answer, what_a_worker_found_is_not_told_when_the_record_says_otherwise)
{
        Candidate candidates[] = {{"child-1", true, 0.75}};
        ResultMessage result = {.result = "ok",
                                .why = "",
                                .engine = "cpu",
                                .matched = true,
                                .n_candidates = 1,
                                .candidates = candidates};
        AnswerOutcome outcome = {
                .operation = "identify", .allow = "rescue", .result = "caller-gone", .answer = &result};
        AnswerRecords records = {.request = id, .decision = receipt_at(7), .outcome = receipt_at(9)};
        Buffer buffer = BUFFER_INIT;

        answer_outcome(to, &records, &outcome, &buffer);
        AnswerMessage message = decode(&buffer);
        cr_expect_eq(message.kind, ANSWER_FAILED);
        cr_expect_eq(message.n_candidates, 0);
        cr_expect_not(message.matched);
        cr_expect_null(message.allow);
        answer_deinit(&message);
        buffer_deinit(&buffer);
        receipt_free((Receipt *)records.decision);
        receipt_free((Receipt *)records.outcome);
}

Test(answer, each_result_has_its_answer)
{
        static const struct {
                const char *result, *operation;
                AnswerKind kind;
        } cases[] = {
                {"ok", "identify", ANSWER_IDENTIFY},
                {"ok", "identify-stored", ANSWER_IDENTIFY},
                {"ok", "verify", ANSWER_VERIFY},
                {"ok", "compare", ANSWER_COMPARE},
                {"ok", "enrol", ANSWER_ENROL},
                {"ok", "remove", ANSWER_REMOVE},
                {"ok", "list", ANSWER_LIST},
                {"no-subject", "verify", ANSWER_NO_SUCH_SUBJECT},
                {"model-mismatch", "identify", ANSWER_MODEL_MISMATCH},
                {"bad-template", "identify", ANSWER_BAD_TEMPLATE},
                {"overloaded", "identify", ANSWER_OVERLOADED},
                {"worker-gone", "identify", ANSWER_WORKER_UNAVAILABLE},
                {"timeout", "identify", ANSWER_FAILED},
                {"gallery-full", "enrol", ANSWER_FAILED},
                {"gallery-damaged", "identify", ANSWER_FAILED},
                {"worker-refused", "identify", ANSWER_FAILED},
                {"caller-gone", "identify", ANSWER_FAILED},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
                cr_expect_eq(answer_result_kind(cases[i].result, cases[i].operation), cases[i].kind,
                             "%s of %s", cases[i].result, cases[i].operation);
}

Test(answer, the_worker_s_words_reach_the_caller_only_where_the_leaf_has_the_same)
{
        static const struct {
                const char *result;
                bool told;
        } cases[] = {{"model-mismatch", true}, {"bad-template", true}, {"no-subject", false},
                     {"overloaded", false},    {"timeout", false},     {"worker-refused", false}};

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                ResultMessage result = {.result = cases[i].result, .why = "what it said", .engine = "cpu"};
                AnswerOutcome outcome = {
                        .operation = "identify", .result = cases[i].result, .answer = &result};
                AnswerRecords records = {.request = id, .decision = receipt_at(7), .outcome = receipt_at(9)};
                Buffer buffer = BUFFER_INIT;

                answer_outcome(to, &records, &outcome, &buffer);
                AnswerMessage message = decode(&buffer);
                cr_expect_eq(message.reason && strcmp(message.reason, "what it said") == 0, cases[i].told,
                             "%s", cases[i].result);
                answer_deinit(&message);
                buffer_deinit(&buffer);
                receipt_free((Receipt *)records.decision);
                receipt_free((Receipt *)records.outcome);
        }
}

Test(answer, failures_say_the_word_of_the_record)
{
        AnswerOutcome outcome = {.operation = "identify", .result = "timeout"};
        AnswerRecords records = {.request = id, .decision = receipt_at(7), .outcome = receipt_at(9)};
        Buffer buffer = BUFFER_INIT;

        answer_outcome(to, &records, &outcome, &buffer);
        AnswerMessage message = decode(&buffer);
        cr_expect_str_eq(message.reason, "timeout");
        answer_deinit(&message);
        buffer_deinit(&buffer);
        receipt_free((Receipt *)records.decision);
        receipt_free((Receipt *)records.outcome);
}
