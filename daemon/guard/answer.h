#pragma once
/*
 * Answer: what a child is told about a call. What says anything of a decision or a match takes the receipt of
 * its record, and cannot be made without (promise 2); answer_error() is for calls that were never decided.
 * Pure.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "policy/decide.h"
#include "trail/receipt.h"
#include "wire/message.h"

/* Which call is answered. */
typedef struct AnswerTo {
        uint64_t connection;
        uint64_t serial;
} AnswerTo;

/* The records of a request. */
typedef struct AnswerRecords {
        const char *request; /* 32 hex digits */
        const Receipt *decision;
        const Receipt *outcome; /* NULL for a denial */
} AnswerRecords;

/** answer_denied() - Appends the answer to a request that was denied, which @records->decision records. */
void answer_denied(AnswerTo to, const AnswerRecords *records, const Decision *decision, Buffer *buffer);

/* How a permit ended. */
typedef struct AnswerOutcome {
        const char *operation;
        const char *allow;
        const char *result;          /* as the outcome leaf has it */
        const ResultMessage *answer; /* NULL where the worker never said */
} AnswerOutcome;

/** answer_outcome() - Appends the answer to a request that was permitted, which both records record. */
void answer_outcome(AnswerTo to, const AnswerRecords *records, const AnswerOutcome *outcome, Buffer *buffer);

/** answer_result_kind() - How an outcome's result is told to a caller; of `ok`, by operation. */
AnswerKind answer_result_kind(const char *result, const char *operation);

/** answer_error() - Appends an answer to what was never decided. @reason may be NULL. */
void answer_error(AnswerTo to, AnswerKind kind, const char *reason, Buffer *buffer);
