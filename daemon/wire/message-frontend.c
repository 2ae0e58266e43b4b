/*
 * Messages between the guard and the frontend, answers aside (message-answer.c). Pure. The guard, the
 * frontend's parent and its children run it. Fields follow each other as the encoders say.
 */

#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "base/text.h"
#include "wire/message-codec.h"
#include "wire/message.h"

void spawn_encode(const SpawnMessage *message, Buffer *buffer)
{
        put_u64(buffer, message->child);
        put_u8(buffer, message->interface);
        put_u32(buffer, message->uid);
}

bool spawn_decode(const void *body, size_t n, SpawnMessage *ret_message)
{
        Cursor cursor = cursor_init(body, n);
        SpawnMessage message = {};

        message.child = cursor_u64(&cursor);
        message.interface = cursor_u8(&cursor);
        message.uid = cursor_u32(&cursor);
        if (!cursor_end(&cursor) || message.interface >= _INTERFACE_MAX)
                return false;
        *ret_message = message;
        return true;
}

void child_gone_encode(const ChildGoneMessage *message, Buffer *buffer)
{
        put_u64(buffer, message->child);
        put_u32(buffer, message->status);
}

bool child_gone_decode(const void *body, size_t n, ChildGoneMessage *ret_message)
{
        Cursor cursor = cursor_init(body, n);
        ChildGoneMessage message = {};

        message.child = cursor_u64(&cursor);
        message.status = cursor_u32(&cursor);
        if (!cursor_end(&cursor))
                return false;
        *ret_message = message;
        return true;
}

void connection_encode(const ConnectionMessage *message, Buffer *buffer)
{
        put_u64(buffer, message->connection);
}

bool connection_decode(const void *body, size_t n, ConnectionMessage *ret_message)
{
        Cursor cursor = cursor_init(body, n);
        ConnectionMessage message = {.connection = cursor_u64(&cursor)};

        if (!cursor_end(&cursor))
                return false;
        *ret_message = message;
        return true;
}

void credit_encode(const CreditMessage *message, Buffer *buffer)
{
        put_u32(buffer, message->n);
}

bool credit_decode(const void *body, size_t n, CreditMessage *ret_message)
{
        Cursor cursor = cursor_init(body, n);
        CreditMessage message = {.n = cursor_u32(&cursor)};

        if (!cursor_end(&cursor))
                return false;
        *ret_message = message;
        return true;
}

void refused_encode(const RefusedMessage *message, Buffer *buffer)
{
        put_u64(buffer, message->connection);
        put_u8(buffer, message->why);
}

bool refused_decode(const void *body, size_t n, RefusedMessage *ret_message)
{
        Cursor cursor = cursor_init(body, n);
        RefusedMessage message = {};

        message.connection = cursor_u64(&cursor);
        message.why = cursor_u8(&cursor);
        if (!cursor_end(&cursor) || message.why >= _REFUSED_MAX)
                return false;
        *ret_message = message;
        return true;
}

/* What only a call of an operation has; the other kinds leave it out. */
static void call_put_match(Buffer *buffer, const CallMessage *message)
{
        put_str(buffer, message->operation);
        put_opt_str(buffer, message->gallery);
        put_str(buffer, message->purpose);
        put_opt_str(buffer, message->sought);
        put_opt_str(buffer, message->probe_kind);
        codec_put_list(buffer, &message->on_behalf_of, MESSAGE_PARTIES_MAX);
        codec_put_list(buffer, &message->recipients, MESSAGE_PARTIES_MAX);
        put_opt_str(buffer, message->case_reference);
        put_opt_str(buffer, message->authorisation);
        put_opt_str(buffer, message->operator);
        put_bool(buffer, message->has_limit);
        if (message->has_limit)
                put_u64(buffer, message->limit);
        put_bool(buffer, message->has_floor);
        if (message->has_floor)
                put_u32(buffer, (uint32_t)message->floor_millionths);
        put_blob(buffer, message->job, message->n_job);
}

static void call_put_details(Buffer *buffer, const CallMessage *message)
{
        put_u8(buffer, message->details_of);
        switch ((DetailsOf)message->details_of) {
        case DETAILS_OF_REQUEST:
                put_str(buffer, message->request);
                break;
        case DETAILS_OF_LEAF:
                put_u64(buffer, message->index);
                break;
        case DETAILS_OF_SUBJECT:
                put_str(buffer, message->subject);
                break;
        case DETAILS_BY_AGE:
                put_u64(buffer, message->days);
                break;
        case _DETAILS_OF_MAX:
        default:
                buffer->failed = true;
        }
}

static bool call_is_of_details(const CallMessage *message)
{
        return message->kind == CALL_OPEN_DETAILS || message->kind == CALL_COUNT_DETAILS ||
               message->kind == CALL_ERASE;
}

void call_encode(const CallMessage *message, Buffer *buffer)
{
        put_u64(buffer, message->connection);
        put_u64(buffer, message->serial);
        put_u8(buffer, message->kind);
        if (message->kind == CALL_MATCH)
                call_put_match(buffer, message);
        else if (message->kind == CALL_GET_RECEIPT)
                put_str(buffer, message->request);
        else if (call_is_of_details(message))
                call_put_details(buffer, message);
        if (message->kind == CALL_OPEN_DETAILS)
                put_str(buffer, message->reason);
        if (message->kind == CALL_LOG_LEVEL)
                put_u8(buffer, message->level);
}

/* Text that a person wrote, and that policy never looks into. */
static const char *call_free_text(Cursor *cursor)
{
        const char *text = codec_opt_str(cursor);

        codec_fail_unless(cursor, !text || strlen(text) <= MESSAGE_TEXT_MAX);
        return text;
}

static void call_match(Cursor *cursor, CallMessage *message)
{
        message->operation = codec_str(cursor);
        message->gallery = codec_opt_str(cursor);
        message->purpose = codec_str(cursor);
        message->sought = codec_opt_str(cursor);
        message->probe_kind = codec_opt_str(cursor);
        codec_list(cursor, MESSAGE_PARTIES_MAX, &message->on_behalf_of);
        codec_list(cursor, MESSAGE_PARTIES_MAX, &message->recipients);
        message->case_reference = call_free_text(cursor);
        message->authorisation = call_free_text(cursor);
        message->operator= call_free_text(cursor);
        message->has_limit = cursor_bool(cursor);
        if (message->has_limit)
                message->limit = cursor_u64(cursor);
        message->has_floor = cursor_bool(cursor);
        if (message->has_floor)
                message->floor_millionths = (int32_t)cursor_u32(cursor);
        codec_fail_unless(cursor, message->floor_millionths >= -TEXT_SIMILARITY_ONE &&
                                          message->floor_millionths <= TEXT_SIMILARITY_ONE);
        message->job = cursor_blob(cursor, &message->n_job);
}

static void call_details(Cursor *cursor, CallMessage *message)
{
        message->details_of = cursor_u8(cursor);
        switch ((DetailsOf)message->details_of) {
        case DETAILS_OF_REQUEST:
                message->request = codec_request(cursor);
                break;
        case DETAILS_OF_LEAF:
                message->index = cursor_u64(cursor);
                break;
        case DETAILS_OF_SUBJECT:
                message->subject = codec_str(cursor);
                break;
        case DETAILS_BY_AGE:
                message->days = cursor_u64(cursor);
                break;
        case _DETAILS_OF_MAX:
        default:
                cursor->failed = true;
        }
}

/* One thing is opened at a time, for a reason. */
static void call_open(Cursor *cursor, CallMessage *message)
{
        codec_fail_unless(cursor, message->details_of == DETAILS_OF_REQUEST ||
                                          message->details_of == DETAILS_OF_LEAF);
        message->reason = codec_str(cursor);
        codec_fail_unless(cursor, strlen(message->reason) <= MESSAGE_TEXT_MAX);
}

static void call_level(Cursor *cursor, CallMessage *message)
{
        message->level = cursor_u8(cursor);
        codec_fail_unless(cursor, message->level == 0 || diag_level_name(message->level));
}

bool call_decode(const void *body, size_t n, CallMessage *ret_message)
{
        Cursor cursor = cursor_init(body, n);
        _cleanup_(call_deinit) CallMessage message = {};

        message.connection = cursor_u64(&cursor);
        message.serial = cursor_u64(&cursor);
        message.kind = cursor_u8(&cursor);
        if (message.kind >= _CALL_MAX)
                return false;
        if (message.kind == CALL_MATCH)
                call_match(&cursor, &message);
        else if (message.kind == CALL_GET_RECEIPT)
                message.request = codec_request(&cursor);
        else if (call_is_of_details(&message))
                call_details(&cursor, &message);
        if (message.kind == CALL_OPEN_DETAILS)
                call_open(&cursor, &message);
        if (message.kind == CALL_LOG_LEVEL)
                call_level(&cursor, &message);
        if (!cursor_end(&cursor))
                return false;
        *ret_message = message;
        message = (CallMessage){};
        return true;
}

void call_deinit(CallMessage *message)
{
        codec_list_deinit(&message->on_behalf_of);
        codec_list_deinit(&message->recipients);
}
