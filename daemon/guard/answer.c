/*
 * Answers to match requests. Owns nothing. Run by the guard's loop. Who calls has checked the result against
 * the leaf before it was recorded (result.c); here nothing is added to it.
 */

#include "guard/answer.h"

#include <assert.h>
#include <string.h>

#include "base/macro.h"

typedef struct AnswerName {
        const char *name;
        AnswerKind kind;
} AnswerName;

static AnswerKind answer_look_up(const AnswerName *names, size_t n, const char *name)
{
        for (size_t i = 0; i < n; i++)
                if (strcmp(names[i].name, name) == 0)
                        return names[i].kind;
        return ANSWER_FAILED;
}

AnswerKind answer_result_kind(const char *result, const char *operation)
{
        static const AnswerName replies[] = {
                {"identify", ANSWER_IDENTIFY}, {"identify-stored", ANSWER_IDENTIFY},
                {"verify", ANSWER_VERIFY},     {"compare", ANSWER_COMPARE},
                {"enrol", ANSWER_ENROL},       {"remove", ANSWER_REMOVE},
                {"list", ANSWER_LIST},
        };
        static const AnswerName errors[] = {
                {"no-subject", ANSWER_NO_SUCH_SUBJECT},     {"model-mismatch", ANSWER_MODEL_MISMATCH},
                {"bad-template", ANSWER_BAD_TEMPLATE},      {"overloaded", ANSWER_OVERLOADED},
                {"worker-gone", ANSWER_WORKER_UNAVAILABLE},
        };
        if (strcmp(result, "ok") == 0)
                return answer_look_up(replies, ARRAY_SIZE(replies), operation);
        return answer_look_up(errors, ARRAY_SIZE(errors), result);
}

static AnswerMessage answer_begin(AnswerTo to, AnswerKind kind)
{
        return (AnswerMessage){.connection = to.connection, .serial = to.serial, .kind = (uint8_t)kind};
}

static ReceiptField answer_receipt(const AnswerRecords *records)
{
        ReceiptField field = {
                .present = true,
                .request = records->request,
                .origin = receipt_origin(records->decision),
                .decision_index = receipt_index(records->decision),
        };
        if (records->outcome) {
                field.has_outcome = true;
                field.outcome_index = receipt_index(records->outcome);
        }
        return field;
}

void answer_denied(AnswerTo to, const AnswerRecords *records, const Decision *decision, Buffer *buffer)
{
        AnswerMessage message = answer_begin(to, ANSWER_DENIED);
        const char *missing[ARRAY_SIZE(decision->missing)];

        assert(records->decision && !decision->permit);
        for (size_t i = 0; i < decision->n_missing; i++)
                missing[i] = decision->missing[i];
        message.receipt = answer_receipt(records);
        message.reason = reason_name(decision->reason);
        message.rule = decision_rule(decision);
        message.notice = decision->notice;
        message.missing = (StringList){.n = decision->n_missing, .items = missing};
        answer_encode(&message, buffer);
}

/* What the worker found: the fields that the kind does not have are not encoded. */
static void answer_take_result(const ResultMessage *answer, AnswerMessage *message)
{
        message->matched = answer->matched;
        message->has_similarity = answer->has_similarity;
        message->similarity = answer->similarity;
        message->searched = answer->searched;
        message->gallery_epoch = answer->gallery_epoch;
        message->count = answer->count;
        message->n_candidates = answer->n_candidates;
        message->candidates = answer->candidates;
        message->subjects = answer->subjects;
}

/* What there is to say of a permit that did not end well; NULL where its kind says everything. */
static const char *answer_reason(AnswerKind kind, const AnswerOutcome *outcome)
{
        if (kind == ANSWER_FAILED)
                return outcome->result;
        if (kind == ANSWER_WORKER_UNAVAILABLE)
                return "no worker took the request to its end; a change may have happened all the same";
        if (kind == ANSWER_MODEL_MISMATCH || kind == ANSWER_BAD_TEMPLATE)
                return outcome->answer ? outcome->answer->why : NULL;
        return NULL;
}

void answer_outcome(AnswerTo to, const AnswerRecords *records, const AnswerOutcome *outcome, Buffer *buffer)
{
        AnswerKind kind = answer_result_kind(outcome->result, outcome->operation);
        AnswerMessage message = answer_begin(to, kind);

        assert(records->decision && records->outcome);
        message.receipt = answer_receipt(records);
        if (strcmp(outcome->result, "ok") == 0) {
                message.allow = outcome->allow;
                answer_take_result(outcome->answer, &message);
        } else {
                message.reason = answer_reason(kind, outcome);
        }
        answer_encode(&message, buffer);
}

void answer_error(AnswerTo to, AnswerKind kind, const char *reason, Buffer *buffer)
{
        AnswerMessage message = answer_begin(to, kind);

        assert(kind == ANSWER_TRAIL_UNAVAILABLE || kind == ANSWER_OVERLOADED ||
               kind == ANSWER_INVALID_PARAMETER || kind == ANSWER_PERMISSION_DENIED ||
               kind == ANSWER_NO_SUCH_REQUEST || kind == ANSWER_POLICY_REJECTED ||
               kind == ANSWER_NOTHING_TO_REBASE || kind == ANSWER_NO_DETAILS);
        message.reason = reason;
        answer_encode(&message, buffer);
}
