/*
 * Names of what messages speak of, and the parts that several of them share. Pure; a decoder allocates only
 * the arrays of its message, each bounded by a limit before it is made. Every process runs it.
 *
 *   list         u16 count, that many str
 *   similarity   bool, then a u64 (the bits of a double) if it is true
 *   candidates   u16 count, each: str subject, similarity
 *   proof        u16 count, each: 32 bytes
 */

#include "wire/message.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/text.h"
#include "wire/message-codec.h"

const char *message_interface_name(MessageInterface interface)
{
        static const char *const names[_INTERFACE_MAX] = {
                [INTERFACE_MATCH] = "org.matchguard.Match",
                [INTERFACE_ADMIN] = "org.matchguard.Admin",
                [INTERFACE_AUDIT] = "org.matchguard.Audit",
        };
        return names[interface];
}

const char *refused_why_name(RefusedWhy why)
{
        static const char *const names[_REFUSED_MAX] = {
                [REFUSED_MALFORMED] = "malformed", [REFUSED_ONEWAY] = "oneway",
                [REFUSED_TOO_LARGE] = "too-large", [REFUSED_CALLER_GONE] = "caller-gone",
                [REFUSED_FRONTEND] = "frontend",
        };
        return names[why];
}

void log_level_encode(const LogLevelMessage *message, Buffer *buffer)
{
        put_u8(buffer, message->level);
}

bool log_level_decode(const void *body, size_t n, LogLevelMessage *ret_message)
{
        Cursor cursor = cursor_init(body, n);
        LogLevelMessage message = {.level = cursor_u8(&cursor)};

        codec_fail_unless(&cursor, diag_level_name(message.level) != NULL);
        if (!cursor_end(&cursor))
                return false;
        *ret_message = message;
        return true;
}

void codec_fail_unless(Cursor *cursor, bool fine)
{
        if (!fine)
                cursor->failed = true;
}

const char *codec_str(Cursor *cursor)
{
        const char *text = cursor_str(cursor);

        codec_fail_unless(cursor, text_is_utf8(text, strlen(text)));
        return text;
}

const char *codec_opt_str(Cursor *cursor)
{
        return cursor_bool(cursor) ? codec_str(cursor) : NULL;
}

const char *codec_request(Cursor *cursor)
{
        uint8_t bytes[MESSAGE_REQUEST_SIZE];
        const char *text = cursor_str(cursor);

        codec_fail_unless(cursor, text_from_hex(text, strlen(text), bytes, sizeof(bytes)));
        return text;
}

bool codec_similarity(Cursor *cursor, double *ret_similarity)
{
        double similarity = 0;

        bool has = cursor_bool(cursor);
        if (has) {
                uint64_t bits = cursor_u64(cursor);
                memcpy(&similarity, &bits, sizeof(similarity));
                codec_fail_unless(cursor, isfinite(similarity));
        }
        *ret_similarity = similarity;
        return has;
}

void codec_put_similarity(Buffer *buffer, bool has, double similarity)
{
        put_bool(buffer, has);
        if (has) {
                uint64_t bits = 0;
                memcpy(&bits, &similarity, sizeof(bits));
                put_u64(buffer, bits);
        }
}

size_t codec_array(Cursor *cursor, size_t max, size_t size, void *ret_items)
{
        size_t n = cursor_u16(cursor);
        void *items = NULL;

        /* No item takes less than a byte, so that what is allocated stays in proportion to what came. */
        if (n > max || n > (size_t)(cursor->end - cursor->p))
                cursor->failed = true;
        if (n > 0 && !cursor->failed) {
                items = calloc(n, size);
                codec_fail_unless(cursor, items != NULL);
        }
        memcpy(ret_items, &items, sizeof(items));
        return items ? n : 0;
}

size_t codec_put_count(Buffer *buffer, size_t n, size_t max)
{
        if (n > max || n > UINT16_MAX) {
                buffer->failed = true;
                return 0;
        }
        put_u16(buffer, (uint16_t)n);
        return n;
}

void codec_list(Cursor *cursor, size_t max, StringList *ret_list)
{
        ret_list->n = codec_array(cursor, max, sizeof(*ret_list->items), &ret_list->items);
        for (size_t i = 0; i < ret_list->n; i++)
                ret_list->items[i] = codec_str(cursor);
}

void codec_put_list(Buffer *buffer, const StringList *list, size_t max)
{
        size_t n = codec_put_count(buffer, list->n, max);
        for (size_t i = 0; i < n; i++)
                put_str(buffer, list->items[i]);
}

void codec_list_deinit(StringList *list)
{
        free(list->items);
        *list = (StringList){};
}

size_t codec_candidates(Cursor *cursor, Candidate **ret_candidates)
{
        size_t n = codec_array(cursor, MESSAGE_CANDIDATES_MAX, sizeof(**ret_candidates), ret_candidates);

        for (size_t i = 0; i < n; i++) {
                Candidate *candidate = &(*ret_candidates)[i];
                candidate->subject = codec_str(cursor);
                candidate->has_similarity = codec_similarity(cursor, &candidate->similarity);
        }
        return n;
}

void codec_put_candidates(Buffer *buffer, const Candidate *candidates, size_t n)
{
        n = codec_put_count(buffer, n, MESSAGE_CANDIDATES_MAX);
        for (size_t i = 0; i < n; i++) {
                put_str(buffer, candidates[i].subject);
                codec_put_similarity(buffer, candidates[i].has_similarity, candidates[i].similarity);
        }
}

size_t codec_proof(Cursor *cursor, Digest ret_proof[static MESSAGE_PROOF_MAX])
{
        size_t n = cursor_u16(cursor);

        codec_fail_unless(cursor, n <= MESSAGE_PROOF_MAX);
        for (size_t i = 0; i < n && !cursor->failed; i++)
                cursor_copy(cursor, ret_proof[i].bytes, DIGEST_SIZE);
        return cursor->failed ? 0 : n;
}

void codec_put_proof(Buffer *buffer, const Digest *proof, size_t n)
{
        n = codec_put_count(buffer, n, MESSAGE_PROOF_MAX);
        for (size_t i = 0; i < n; i++)
                buffer_append(buffer, proof[i].bytes, DIGEST_SIZE);
}
