/*
 * Messages between the guard and the worker. Pure. Those two run it; the guard believes nothing of a RESULT
 * but its form, the worker nothing of a JOB but what the proof in it shows.
 */

#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/text.h"
#include "wire/commitment.h"
#include "wire/leaf.h"
#include "wire/message-codec.h"
#include "wire/message.h"

void hello_encode(const HelloMessage *message, Buffer *buffer)
{
        buffer_append(buffer, message->session, MESSAGE_SESSION_SIZE);
        put_str(buffer, message->version);
        put_str(buffer, message->engine);
        put_str(buffer, message->fallback);
        put_str(buffer, message->origin);
        put_u64(buffer, message->size);
        buffer_append(buffer, message->root.bytes, DIGEST_SIZE);
        codec_put_list(buffer, &message->galleries, MESSAGE_NAMES_MAX);
}

bool hello_decode(const void *body, size_t n, HelloMessage *ret_message)
{
        Cursor cursor = cursor_init(body, n);
        _cleanup_(hello_deinit) HelloMessage message = {};

        cursor_copy(&cursor, message.session, MESSAGE_SESSION_SIZE);
        message.version = codec_str(&cursor);
        message.engine = codec_str(&cursor);
        message.fallback = codec_str(&cursor);
        message.origin = codec_str(&cursor);
        message.size = cursor_u64(&cursor);
        cursor_copy(&cursor, message.root.bytes, DIGEST_SIZE);
        codec_list(&cursor, MESSAGE_NAMES_MAX, &message.galleries);
        if (!cursor_end(&cursor))
                return false;
        *ret_message = message;
        message = (HelloMessage){};
        return true;
}

void hello_deinit(HelloMessage *message)
{
        codec_list_deinit(&message->galleries);
}

void gallery_encode(const GalleryMessage *message, Buffer *buffer)
{
        put_str(buffer, message->name);
        put_bool(buffer, message->damaged);
        put_u64(buffer, message->epoch);
        put_u64(buffer, message->n_templates);
}

bool gallery_decode(const void *body, size_t n, GalleryMessage *ret_message)
{
        Cursor cursor = cursor_init(body, n);
        GalleryMessage message = {};

        message.name = codec_str(&cursor);
        message.damaged = cursor_bool(&cursor);
        message.epoch = cursor_u64(&cursor);
        message.n_templates = cursor_u64(&cursor);
        codec_fail_unless(&cursor, text_is_name(message.name, strlen(message.name)));
        if (!cursor_end(&cursor))
                return false;
        *ret_message = message;
        return true;
}

void engine_message_encode(const EngineMessage *message, Buffer *buffer)
{
        put_str(buffer, message->engine);
        put_str(buffer, message->device);
        put_u64(buffer, message->device_memory);
        put_u64(buffer, message->device_used);
        put_str(buffer, message->failure);
}

bool engine_message_decode(const void *body, size_t n, EngineMessage *ret_message)
{
        Cursor cursor = cursor_init(body, n);
        EngineMessage message = {};

        message.engine = codec_str(&cursor);
        message.device = codec_str(&cursor);
        message.device_memory = cursor_u64(&cursor);
        message.device_used = cursor_u64(&cursor);
        message.failure = codec_str(&cursor);
        if (!cursor_end(&cursor))
                return false;
        *ret_message = message;
        return true;
}

void checkpoint_encode(const CheckpointMessage *message, Buffer *buffer)
{
        put_str(buffer, message->note);
        put_u64(buffer, message->old_size);
        codec_put_proof(buffer, message->proof, message->n_proof);
}

bool checkpoint_decode(const void *body, size_t n, CheckpointMessage *ret_message)
{
        Cursor cursor = cursor_init(body, n);
        CheckpointMessage message = {};

        message.note = codec_str(&cursor);
        message.old_size = cursor_u64(&cursor);
        message.n_proof = codec_proof(&cursor, message.proof);
        if (!cursor_end(&cursor))
                return false;
        *ret_message = message;
        return true;
}

void job_message_encode(const JobMessage *message, Buffer *buffer)
{
        put_u64(buffer, message->index);
        put_u64(buffer, message->tree_size);
        codec_put_proof(buffer, message->path, message->n_path);
        put_u64(buffer, message->deadline_usec);
        buffer_append(buffer, message->salt, COMMITMENT_SALT_SIZE);
        put_blob(buffer, message->leaf, message->n_leaf);
        put_blob(buffer, message->job, message->n_job);
}

bool job_message_decode(const void *body, size_t n, JobMessage *ret_message)
{
        Cursor cursor = cursor_init(body, n);
        JobMessage message = {};

        message.index = cursor_u64(&cursor);
        message.tree_size = cursor_u64(&cursor);
        message.n_path = codec_proof(&cursor, message.path);
        message.deadline_usec = cursor_u64(&cursor);
        message.salt = cursor_bytes(&cursor, COMMITMENT_SALT_SIZE);
        message.leaf = cursor_blob(&cursor, &message.n_leaf);
        message.job = cursor_blob(&cursor, &message.n_job);
        if (!cursor_end(&cursor) || message.n_leaf == 0 || message.n_leaf > LEAF_MAX)
                return false;
        *ret_message = message;
        return true;
}

void cancel_encode(const CancelMessage *message, Buffer *buffer)
{
        put_u64(buffer, message->index);
}

bool cancel_decode(const void *body, size_t n, CancelMessage *ret_message)
{
        Cursor cursor = cursor_init(body, n);
        CancelMessage message = {.index = cursor_u64(&cursor)};

        if (!cursor_end(&cursor))
                return false;
        *ret_message = message;
        return true;
}

void result_encode(const ResultMessage *message, Buffer *buffer)
{
        put_u64(buffer, message->index);
        put_str(buffer, message->result);
        put_str(buffer, message->why);
        put_bool(buffer, message->matched);
        codec_put_similarity(buffer, message->has_similarity, message->similarity);
        put_u64(buffer, message->searched);
        put_u64(buffer, message->gallery_epoch);
        put_u64(buffer, message->count);
        put_u64(buffer, message->microseconds);
        put_str(buffer, message->engine);
        codec_put_candidates(buffer, message->candidates, message->n_candidates);
        codec_put_list(buffer, &message->subjects, MESSAGE_CANDIDATES_MAX);
}

bool result_decode(const void *body, size_t n, ResultMessage *ret_message)
{
        Cursor cursor = cursor_init(body, n);
        _cleanup_(result_deinit) ResultMessage message = {};

        message.index = cursor_u64(&cursor);
        message.result = codec_str(&cursor);
        message.why = codec_str(&cursor);
        message.matched = cursor_bool(&cursor);
        message.has_similarity = codec_similarity(&cursor, &message.similarity);
        message.searched = cursor_u64(&cursor);
        message.gallery_epoch = cursor_u64(&cursor);
        message.count = cursor_u64(&cursor);
        message.microseconds = cursor_u64(&cursor);
        message.engine = codec_str(&cursor);
        message.n_candidates = codec_candidates(&cursor, &message.candidates);
        codec_list(&cursor, MESSAGE_CANDIDATES_MAX, &message.subjects);
        if (!cursor_end(&cursor))
                return false;
        *ret_message = message;
        message = (ResultMessage){};
        return true;
}

void result_deinit(ResultMessage *message)
{
        free(message->candidates);
        message->candidates = NULL;
        message->n_candidates = 0;
        codec_list_deinit(&message->subjects);
}
