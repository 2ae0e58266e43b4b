/*
 * ANSWER: what the guard has a child tell a client. Pure. The guard writes it, frontend children read it. All
 * kinds have all fields, so that there is one order to keep in mind; what a kind does not use costs a zero.
 *
 *   receipt   bool; if it is true: str request, str origin, u64 decision, bool, u64 outcome if that is true
 *   details   u16 count, each: u64 index, str leaf, str proof, bool; 32 bytes of salt and a blob if that is true
 *   status    u16 count, each: str key, u8 type, opt_str text, u64 number
 */

#include <stdlib.h>

#include "base/macro.h"
#include "wire/commitment.h"
#include "wire/message-codec.h"
#include "wire/message.h"

static bool answer_kind_is_known(uint8_t kind)
{
        return kind <= ANSWER_COUNT || (kind >= ANSWER_DENIED && kind <= ANSWER_NO_DETAILS);
}

static void answer_put_receipt(Buffer *buffer, const ReceiptField *receipt)
{
        put_bool(buffer, receipt->present);
        if (!receipt->present)
                return;
        put_str(buffer, receipt->request);
        put_str(buffer, receipt->origin);
        put_u64(buffer, receipt->decision_index);
        put_bool(buffer, receipt->has_outcome);
        if (receipt->has_outcome)
                put_u64(buffer, receipt->outcome_index);
}

static void answer_receipt(Cursor *cursor, ReceiptField *receipt)
{
        receipt->present = cursor_bool(cursor);
        if (!receipt->present)
                return;
        receipt->request = codec_request(cursor);
        receipt->origin = codec_str(cursor);
        receipt->decision_index = cursor_u64(cursor);
        receipt->has_outcome = cursor_bool(cursor);
        if (receipt->has_outcome)
                receipt->outcome_index = cursor_u64(cursor);
}

static void answer_put_details(Buffer *buffer, const AnswerMessage *message)
{
        put_bool(buffer, message->has_record);
        if (message->has_record)
                put_u64(buffer, message->record);
        size_t n = codec_put_count(buffer, message->n_details, MESSAGE_DETAILS_MAX);
        for (size_t i = 0; i < n; i++) {
                const DetailField *detail = &message->details[i];
                put_u64(buffer, detail->index);
                put_str(buffer, detail->leaf);
                put_str(buffer, detail->proof);
                put_bool(buffer, detail->salt != NULL);
                if (!detail->salt)
                        continue;
                buffer_append(buffer, detail->salt, COMMITMENT_SALT_SIZE);
                put_blob(buffer, detail->bytes, detail->n_bytes);
        }
}

static void answer_details(Cursor *cursor, AnswerMessage *message)
{
        message->has_record = cursor_bool(cursor);
        if (message->has_record)
                message->record = cursor_u64(cursor);
        message->n_details =
                codec_array(cursor, MESSAGE_DETAILS_MAX, sizeof(*message->details), &message->details);
        for (size_t i = 0; i < message->n_details; i++) {
                DetailField *detail = &message->details[i];
                detail->index = cursor_u64(cursor);
                detail->leaf = codec_str(cursor);
                detail->proof = codec_str(cursor);
                if (!cursor_bool(cursor))
                        continue;
                detail->salt = cursor_bytes(cursor, COMMITMENT_SALT_SIZE);
                detail->bytes = cursor_blob(cursor, &detail->n_bytes);
        }
}

static void answer_put_status(Buffer *buffer, const StatusItem *status, size_t n)
{
        n = codec_put_count(buffer, n, MESSAGE_STATUS_MAX);
        for (size_t i = 0; i < n; i++) {
                put_str(buffer, status[i].key);
                put_u8(buffer, status[i].type);
                put_opt_str(buffer, status[i].text);
                put_u64(buffer, status[i].number);
        }
}

/* Whether an item holds what its type says, and nothing else. */
static bool answer_status_fits(const StatusItem *item)
{
        switch ((StatusType)item->type) {
        case STATUS_TEXT:
                return item->text && item->number == 0;
        case STATUS_NUMBER:
                return !item->text;
        case STATUS_BOOL:
                return !item->text && item->number <= 1;
        case STATUS_LIST:
                return item->number == 0;
        }
        return false;
}

static void answer_status(Cursor *cursor, AnswerMessage *message)
{
        message->n_status =
                codec_array(cursor, MESSAGE_STATUS_MAX, sizeof(*message->status), &message->status);
        for (size_t i = 0; i < message->n_status; i++) {
                StatusItem *item = &message->status[i];
                item->key = codec_str(cursor);
                item->type = cursor_u8(cursor);
                item->text = codec_opt_str(cursor);
                item->number = cursor_u64(cursor);
                codec_fail_unless(cursor, *item->key != 0 && answer_status_fits(item));
        }
}

void answer_encode(const AnswerMessage *message, Buffer *buffer)
{
        put_u64(buffer, message->connection);
        put_u64(buffer, message->serial);
        put_u8(buffer, message->kind);
        answer_put_receipt(buffer, &message->receipt);

        put_opt_str(buffer, message->allow);
        put_bool(buffer, message->matched);
        codec_put_similarity(buffer, message->has_similarity, message->similarity);
        put_u64(buffer, message->searched);
        put_u64(buffer, message->gallery_epoch);
        put_u64(buffer, message->count);
        codec_put_candidates(buffer, message->candidates, message->n_candidates);
        codec_put_list(buffer, &message->subjects, MESSAGE_CANDIDATES_MAX);

        put_opt_str(buffer, message->reason);
        put_opt_str(buffer, message->rule);
        put_opt_str(buffer, message->notice);
        codec_put_list(buffer, &message->missing, MESSAGE_NAMES_MAX);

        for (size_t i = 0; i < ARRAY_SIZE(message->texts); i++)
                put_opt_str(buffer, message->texts[i]);

        answer_put_details(buffer, message);

        put_opt_str(buffer, message->organisation);
        codec_put_list(buffer, &message->classes, MESSAGE_NAMES_MAX);
        put_u32(buffer, message->uid);
        put_opt_str(buffer, message->unit);
        put_opt_str(buffer, message->identity);

        answer_put_status(buffer, message->status, message->n_status);
}

static void answer_fields(Cursor *cursor, AnswerMessage *message)
{
        message->connection = cursor_u64(cursor);
        message->serial = cursor_u64(cursor);
        message->kind = cursor_u8(cursor);
        codec_fail_unless(cursor, answer_kind_is_known(message->kind));
        answer_receipt(cursor, &message->receipt);

        message->allow = codec_opt_str(cursor);
        message->matched = cursor_bool(cursor);
        message->has_similarity = codec_similarity(cursor, &message->similarity);
        message->searched = cursor_u64(cursor);
        message->gallery_epoch = cursor_u64(cursor);
        message->count = cursor_u64(cursor);
        message->n_candidates = codec_candidates(cursor, &message->candidates);
        codec_list(cursor, MESSAGE_CANDIDATES_MAX, &message->subjects);

        message->reason = codec_opt_str(cursor);
        message->rule = codec_opt_str(cursor);
        message->notice = codec_opt_str(cursor);
        codec_list(cursor, MESSAGE_NAMES_MAX, &message->missing);

        for (size_t i = 0; i < ARRAY_SIZE(message->texts); i++)
                message->texts[i] = codec_opt_str(cursor);

        answer_details(cursor, message);

        message->organisation = codec_opt_str(cursor);
        codec_list(cursor, MESSAGE_NAMES_MAX, &message->classes);
        message->uid = cursor_u32(cursor);
        message->unit = codec_opt_str(cursor);
        message->identity = codec_opt_str(cursor);

        answer_status(cursor, message);
}

bool answer_decode(const void *body, size_t n, AnswerMessage *ret_message)
{
        Cursor cursor = cursor_init(body, n);
        _cleanup_(answer_deinit) AnswerMessage message = {};

        answer_fields(&cursor, &message);
        if (!cursor_end(&cursor))
                return false;
        *ret_message = message;
        message = (AnswerMessage){};
        return true;
}

void answer_deinit(AnswerMessage *message)
{
        free(message->candidates);
        message->candidates = NULL;
        message->n_candidates = 0;
        free(message->details);
        message->details = NULL;
        message->n_details = 0;
        free(message->status);
        message->status = NULL;
        message->n_status = 0;
        codec_list_deinit(&message->subjects);
        codec_list_deinit(&message->missing);
        codec_list_deinit(&message->classes);
}
