/*
 * wire/message.h: every codec by the same properties, on messages made at random from a fixed seed, and what
 * each decoder has to refuse by tables.
 */

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "wire/commitment.h"
#include "wire/cursor.h"
#include "wire/leaf.h"
#include "wire/message.h"

static uint64_t dice_state = 0x9e3779b97f4a7c15;

/* xorshift64: the same messages in every run. */
static uint64_t dice(void)
{
        dice_state ^= dice_state << 13;
        dice_state ^= dice_state >> 7;
        dice_state ^= dice_state << 17;
        return dice_state;
}

static bool coin(void)
{
        return dice() >> 40 & 1;
}

static const char *any_text(void)
{
        static const char *const texts[] = {
                "", "a", "missing-children", "2020/118", "gr\xc3\xbc\xc3\x9f", "a b\nc", "\xf0\x9f\x98\x80"};
        return texts[dice() % ARRAY_SIZE(texts)];
}

static const char *any_opt_text(void)
{
        return coin() ? any_text() : NULL;
}

static double any_similarity(void)
{
        static const double values[] = {0, -0.0, 1, -1, 0.123456, 1e-300, -1e300};
        return values[dice() % ARRAY_SIZE(values)];
}

static const char *any_texts[8];

static StringList any_list(void)
{
        for (size_t i = 0; i < ARRAY_SIZE(any_texts); i++)
                any_texts[i] = any_text();
        return (StringList){.n = dice() % (ARRAY_SIZE(any_texts) + 1), .items = any_texts};
}

static void any_bytes(void *data, size_t n)
{
        for (size_t i = 0; i < n; i++)
                ((uint8_t *)data)[i] = (uint8_t)dice();
}

static size_t any_candidates(Candidate candidates[static 5])
{
        for (size_t i = 0; i < 5; i++)
                candidates[i] = (Candidate){.subject = any_text(), .has_similarity = coin()};
        for (size_t i = 0; i < 5; i++)
                if (candidates[i].has_similarity)
                        candidates[i].similarity = any_similarity();
        return dice() % 6;
}

static const char request[] = "00112233445566778899aabbccddeeff";

static void spawn_make(Buffer *buffer)
{
        SpawnMessage m = {
                .child = dice(), .interface = (uint8_t)(dice() % _INTERFACE_MAX), .uid = (uint32_t)dice()};
        spawn_encode(&m, buffer);
}

static void child_gone_make(Buffer *buffer)
{
        ChildGoneMessage m = {.child = dice(), .status = (uint32_t)dice()};
        child_gone_encode(&m, buffer);
}

static void connection_make(Buffer *buffer)
{
        connection_encode(&(ConnectionMessage){.connection = dice()}, buffer);
}

static void credit_make(Buffer *buffer)
{
        credit_encode(&(CreditMessage){.n = (uint32_t)dice()}, buffer);
}

static void refused_make(Buffer *buffer)
{
        refused_encode(&(RefusedMessage){.connection = dice(), .why = (uint8_t)(dice() % _REFUSED_MAX)},
                       buffer);
}

static CallMessage any_call(void)
{
        return (CallMessage){
                .connection = dice(),
                .serial = dice(),
                .operation = any_text(),
                .gallery = any_opt_text(),
                .purpose = any_text(),
                .sought = any_opt_text(),
                .probe_kind = any_opt_text(),
                .on_behalf_of = any_list(),
                .recipients = any_list(),
                .case_reference = any_opt_text(),
                .authorisation = any_opt_text(),
                .operator= any_opt_text(),
                .has_limit = coin(),
                .limit = dice(),
                .has_floor = coin(),
                .floor_millionths = (int32_t)(dice() % 2000001) - 1000000,
                .job = (const uint8_t *)"job bytes",
                .n_job = dice() % 10,
                .request = request,
                .details_of = (uint8_t)(dice() % _DETAILS_OF_MAX),
                .index = dice(),
                .subject = any_text(),
                .days = dice(),
                .reason = any_text(),
                .level = (uint8_t)(coin() ? 0 : DIAG_ERROR + dice() % 5),
        };
}

static void call_make(Buffer *buffer)
{
        CallMessage m = any_call();
        m.kind = coin() ? CALL_MATCH : (uint8_t)(dice() % _CALL_MAX);
        if (m.kind == CALL_OPEN_DETAILS)
                m.details_of %= DETAILS_OF_SUBJECT;
        call_encode(&m, buffer);
}

static uint8_t any_answer_kind(void)
{
        return coin() ? (uint8_t)(dice() % 12) : (uint8_t)(ANSWER_DENIED + dice() % 14);
}

static size_t any_status(StatusItem status[static 5])
{
        for (size_t i = 0; i < 5; i++) {
                StatusItem *item = &status[i];
                *item = (StatusItem){.key = "policy.digest", .type = (uint8_t)(dice() % 4)};
                if (item->type == STATUS_TEXT)
                        item->text = any_text();
                else if (item->type == STATUS_LIST)
                        item->text = any_opt_text();
                else
                        item->number = item->type == STATUS_BOOL ? coin() : dice();
        }
        return dice() % 6;
}

static size_t any_details(DetailField details[static MESSAGE_DETAILS_MAX])
{
        static const uint8_t salt[COMMITMENT_SALT_SIZE] = {1};

        for (size_t i = 0; i < MESSAGE_DETAILS_MAX; i++) {
                details[i] = (DetailField){.index = dice(), .leaf = any_text(), .proof = any_text()};
                if (!coin())
                        continue;
                details[i].salt = salt;
                details[i].bytes = (const uint8_t *)"{\"case\":\"eA\"}";
                details[i].n_bytes = dice() % 13;
        }
        return dice() % (MESSAGE_DETAILS_MAX + 1);
}

static void answer_make(Buffer *buffer)
{
        DetailField details[MESSAGE_DETAILS_MAX];
        Candidate candidates[5];
        StatusItem status[5];
        AnswerMessage m = {
                .connection = dice(),
                .serial = dice(),
                .kind = any_answer_kind(),
                .receipt = {.present = coin(), request, any_text(), dice(), coin(), dice()},
                .allow = any_opt_text(),
                .matched = coin(),
                .has_similarity = coin(),
                .similarity = any_similarity(),
                .searched = dice(),
                .gallery_epoch = dice(),
                .count = dice(),
                .n_candidates = any_candidates(candidates),
                .candidates = candidates,
                .subjects = any_list(),
                .reason = any_opt_text(),
                .rule = any_opt_text(),
                .notice = any_opt_text(),
                .missing = any_list(),
                .texts = {any_opt_text(), any_opt_text(), any_opt_text(), any_opt_text()},
                .organisation = any_opt_text(),
                .classes = any_list(),
                .uid = (uint32_t)dice(),
                .unit = any_opt_text(),
                .identity = any_opt_text(),
                .has_record = coin(),
                .record = dice(),
                .n_details = any_details(details),
                .details = details,
                .n_status = any_status(status),
                .status = status,
        };
        answer_encode(&m, buffer);
}

static void hello_make(Buffer *buffer)
{
        HelloMessage m = {.version = any_text(),
                          .engine = any_text(),
                          .fallback = any_text(),
                          .origin = any_text(),
                          .size = dice(),
                          .galleries = any_list()};
        any_bytes(m.session, sizeof(m.session));
        any_bytes(m.root.bytes, sizeof(m.root.bytes));
        hello_encode(&m, buffer);
}

static void gallery_make(Buffer *buffer)
{
        gallery_encode(&(GalleryMessage){.name = coin() ? "faces" : "missing-children",
                                         .damaged = coin(),
                                         .epoch = dice(),
                                         .n_templates = dice()},
                       buffer);
}

static void engine_message_make(Buffer *buffer)
{
        engine_message_encode(&(EngineMessage){.engine = any_text(),
                                               .device = any_text(),
                                               .device_memory = dice(),
                                               .device_used = dice(),
                                               .failure = any_text()},
                              buffer);
}

static void log_level_make(Buffer *buffer)
{
        log_level_encode(&(LogLevelMessage){.level = (uint8_t)(DIAG_ERROR + dice() % 5)}, buffer);
}

static void checkpoint_make(Buffer *buffer)
{
        CheckpointMessage m = {.note = any_text(), .old_size = dice(), .n_proof = dice() % 5};
        any_bytes(m.proof, 5 * DIGEST_SIZE);
        checkpoint_encode(&m, buffer);
}

static void job_message_make(Buffer *buffer)
{
        static uint8_t salt[COMMITMENT_SALT_SIZE], bytes[100];
        JobMessage m = {.index = dice(),
                        .tree_size = dice(),
                        .n_path = dice() % 5,
                        .deadline_usec = dice(),
                        .salt = salt,
                        .leaf = bytes,
                        .n_leaf = 1 + dice() % 99,
                        .job = bytes,
                        .n_job = dice() % 100};
        any_bytes(m.path, 5 * DIGEST_SIZE);
        any_bytes(salt, sizeof(salt));
        any_bytes(bytes, sizeof(bytes));
        job_message_encode(&m, buffer);
}

static void cancel_make(Buffer *buffer)
{
        cancel_encode(&(CancelMessage){.index = dice()}, buffer);
}

static void result_make(Buffer *buffer)
{
        Candidate candidates[5];
        ResultMessage m = {
                .index = dice(),
                .result = any_text(),
                .why = any_text(),
                .matched = coin(),
                .has_similarity = coin(),
                .similarity = any_similarity(),
                .searched = dice(),
                .gallery_epoch = dice(),
                .count = dice(),
                .microseconds = dice(),
                .engine = any_text(),
                .n_candidates = any_candidates(candidates),
                .candidates = candidates,
                .subjects = any_list(),
        };
        result_encode(&m, buffer);
}

/* Decodes a message and encodes what came of it. */
#define RECODE(name, Type, deinit)                                                                           \
        static bool name##_recode(const void *body, size_t n, Buffer *buffer)                                \
        {                                                                                                    \
                Type message = {};                                                                           \
                if (!name##_decode(body, n, &message)) {                                                     \
                        const Type untouched = {};                                                           \
                        cr_assert_eq(memcmp(&message, &untouched, sizeof(message)), 0);                      \
                        return false;                                                                        \
                }                                                                                            \
                name##_encode(&message, buffer);                                                             \
                deinit(&message);                                                                            \
                return true;                                                                                 \
        }

static void nothing_deinit(void *message)
{
}

RECODE(spawn, SpawnMessage, nothing_deinit)
RECODE(child_gone, ChildGoneMessage, nothing_deinit)
RECODE(connection, ConnectionMessage, nothing_deinit)
RECODE(credit, CreditMessage, nothing_deinit)
RECODE(refused, RefusedMessage, nothing_deinit)
RECODE(call, CallMessage, call_deinit)
RECODE(answer, AnswerMessage, answer_deinit)
RECODE(hello, HelloMessage, hello_deinit)
RECODE(gallery, GalleryMessage, nothing_deinit)
RECODE(engine_message, EngineMessage, nothing_deinit)
RECODE(log_level, LogLevelMessage, nothing_deinit)
RECODE(checkpoint, CheckpointMessage, nothing_deinit)
RECODE(job_message, JobMessage, nothing_deinit)
RECODE(cancel, CancelMessage, nothing_deinit)
RECODE(result, ResultMessage, result_deinit)

typedef struct Codec {
        const char *name;
        void (*make)(Buffer *buffer);
        bool (*recode)(const void *body, size_t n, Buffer *buffer);
} Codec;

#define CODEC(name)                                                                                          \
        {                                                                                                    \
#name, name##_make, name##_recode                                                            \
        }

static const Codec codecs[] = {
        CODEC(spawn),  CODEC(child_gone), CODEC(connection), CODEC(credit),     CODEC(refused),
        CODEC(call),   CODEC(answer),     CODEC(hello),      CODEC(checkpoint), CODEC(job_message),
        CODEC(cancel), CODEC(result),     CODEC(gallery),    CODEC(log_level),  CODEC(engine_message),
};

static bool accepts(const Codec *codec, const void *body, size_t n)
{
        _cleanup_(buffer_deinit) Buffer again = BUFFER_INIT;
        /* Memory of exactly that size, so that a byte read beyond it is noticed. */
        _cleanup_(freep) uint8_t *exact = malloc(n + (n == 0));

        if (n > 0)
                memcpy(exact, body, n);
        if (!codec->recode(exact, n, &again))
                return false;
        cr_assert_eq(again.n, n, "%s: another length", codec->name);
        cr_assert(n == 0 || memcmp(again.data, body, n) == 0, "%s: two texts for one message", codec->name);
        return true;
}

Test(message, what_was_encoded_decodes_and_encodes_to_the_same_bytes)
{
        for (size_t i = 0; i < ARRAY_SIZE(codecs); i++) {
                for (int round = 0; round < 500; round++) {
                        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;
                        codecs[i].make(&buffer);
                        cr_assert_not(buffer.failed);
                        cr_assert(accepts(&codecs[i], buffer.data, buffer.n), "%s", codecs[i].name);
                }
        }
}

Test(message, cut_short_anywhere_does_not_decode)
{
        for (size_t i = 0; i < ARRAY_SIZE(codecs); i++) {
                for (int round = 0; round < 20; round++) {
                        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;
                        codecs[i].make(&buffer);
                        for (size_t n = 0; n < buffer.n; n++)
                                cr_assert_not(accepts(&codecs[i], buffer.data, n), "%s of %zu bytes",
                                              codecs[i].name, n);
                }
        }
}

Test(message, with_a_byte_left_over_does_not_decode)
{
        for (size_t i = 0; i < ARRAY_SIZE(codecs); i++) {
                for (int round = 0; round < 100; round++) {
                        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;
                        codecs[i].make(&buffer);
                        put_u8(&buffer, (uint8_t)(round % 2));
                        cr_assert_not(accepts(&codecs[i], buffer.data, buffer.n), "%s", codecs[i].name);
                }
        }
}

/* accepts() fails the test where changed bytes are read as a message that is written differently. */
Test(message, changed_bytes_are_refused_or_another_message)
{
        unsigned n_refused = 0;

        for (size_t i = 0; i < ARRAY_SIZE(codecs); i++) {
                for (int round = 0; round < 2000; round++) {
                        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;
                        codecs[i].make(&buffer);
                        for (uint64_t n = 1 + dice() % 3; n > 0; n--)
                                buffer.data[dice() % buffer.n] =
                                        coin() ? (uint8_t)dice() : (uint8_t)(dice() % 3);
                        n_refused += !accepts(&codecs[i], buffer.data, buffer.n);
                }
        }
        cr_assert_gt(n_refused, 1000);
}

Test(message, a_call_comes_through_with_every_field)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;
        const char *parties[] = {"police", "ngo"};
        CallMessage call = {.connection = 3,
                            .serial = 4,
                            .operation = "identify",
                            .gallery = "missing",
                            .purpose = "p",
                            .sought = "victim",
                            .probe_kind = "photograph",
                            .on_behalf_of = {2, parties},
                            .recipients = {1, parties + 1},
                            .case_reference = "c",
                            .authorisation = "a",
                            .operator= "o",
                            .has_limit = true,
                            .limit = 5,
                            .has_floor = true,
                            .floor_millionths = -600000,
                            .job = (const uint8_t *)"job",
                            .n_job = 3};
        CallMessage m = {};

        call_encode(&call, &buffer);
        cr_assert(call_decode(buffer.data, buffer.n, &m));
        cr_assert(m.connection == 3 && m.serial == 4 && m.kind == CALL_MATCH);
        cr_assert_str_eq(m.operation, "identify");
        cr_assert_str_eq(m.gallery, "missing");
        cr_assert_str_eq(m.purpose, "p");
        cr_assert_str_eq(m.sought, "victim");
        cr_assert_str_eq(m.probe_kind, "photograph");
        cr_assert(m.on_behalf_of.n == 2 && strcmp(m.on_behalf_of.items[1], "ngo") == 0);
        cr_assert(m.recipients.n == 1 && strcmp(m.recipients.items[0], "ngo") == 0);
        cr_assert_str_eq(m.case_reference, "c");
        cr_assert_str_eq(m.authorisation, "a");
        cr_assert_str_eq(m.operator, "o");
        cr_assert(m.has_limit && m.limit == 5 && m.has_floor && m.floor_millionths == -600000);
        cr_assert(m.n_job == 3 && memcmp(m.job, "job", 3) == 0);
        call_deinit(&m);
        call_deinit(&m);
}

/* Changes a good call, and says whether it is still one. */
static bool call_survives(void (*change)(CallMessage *call))
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;
        CallMessage call = {.operation = "list", .purpose = "p", .has_floor = true}, m = {};

        change(&call);
        call_encode(&call, &buffer);
        bool fine = !buffer.failed && call_decode(buffer.data, buffer.n, &m);
        call_deinit(&m);
        return fine;
}

static const char *seventeen[MESSAGE_PARTIES_MAX + 1];
static char long_text[MESSAGE_TEXT_MAX + 2];

static void call_keep(CallMessage *call)
{
}

static void call_most(CallMessage *call)
{
        memset(long_text, 'x', MESSAGE_TEXT_MAX);
        for (size_t i = 0; i < ARRAY_SIZE(seventeen); i++)
                seventeen[i] = "p";
        call->on_behalf_of = call->recipients = (StringList){MESSAGE_PARTIES_MAX, seventeen};
        call->case_reference = call->authorisation = call->operator= long_text;
        call->floor_millionths = 1000000;
}

static void call_kind(CallMessage *call)
{
        call->kind = _CALL_MAX;
}

static void call_behalf(CallMessage *call)
{
        call_most(call);
        call->on_behalf_of.n++;
}

static void call_recipients(CallMessage *call)
{
        call_most(call);
        call->recipients.n++;
}

static const char *too_long(void)
{
        memset(long_text, 'x', MESSAGE_TEXT_MAX + 1);
        return long_text;
}

static void call_case(CallMessage *call)
{
        call->case_reference = too_long();
}

static void call_authorisation(CallMessage *call)
{
        call->authorisation = too_long();
}

static void call_operator(CallMessage *call)
{
        call->operator= too_long();
}

static void call_utf8(CallMessage *call)
{
        call->operator= "\xed\xa0\x80";
}

static void call_name_utf8(CallMessage *call)
{
        call->gallery = "\xff";
}

static void call_floor_high(CallMessage *call)
{
        call->floor_millionths = 1000001;
}

static void call_floor_low(CallMessage *call)
{
        call->floor_millionths = -1000001;
}

static void call_request(CallMessage *call)
{
        call->kind = CALL_GET_RECEIPT;
        call->request = request;
}

static void call_request_short(CallMessage *call)
{
        call_request(call);
        call->request = request + 1;
}

static void call_request_upper(CallMessage *call)
{
        call_request(call);
        call->request = "00112233445566778899AABBCCDDEEFF";
}

static void call_request_empty(CallMessage *call)
{
        call_request(call);
        call->request = "";
}

static void call_open(CallMessage *call)
{
        call->kind = CALL_OPEN_DETAILS;
        call->details_of = DETAILS_OF_LEAF;
        memset(long_text, 'x', MESSAGE_TEXT_MAX);
        long_text[MESSAGE_TEXT_MAX] = 0;
        call->reason = long_text;
}

static void call_open_a_subject(CallMessage *call)
{
        call_open(call);
        call->details_of = DETAILS_OF_SUBJECT;
        call->subject = "s";
}

static void call_open_by_age(CallMessage *call)
{
        call_open(call);
        call->details_of = DETAILS_BY_AGE;
}

static void call_open_long_reason(CallMessage *call)
{
        call_open(call);
        call->reason = too_long();
}

static void call_erase(CallMessage *call)
{
        call->kind = CALL_ERASE;
        call->details_of = DETAILS_OF_SUBJECT;
        call->subject = "s";
}

static void call_erase_what(CallMessage *call)
{
        call_erase(call);
        call->details_of = _DETAILS_OF_MAX;
}

static void call_erase_short_request(CallMessage *call)
{
        call_erase(call);
        call->details_of = DETAILS_OF_REQUEST;
        call->request = request + 1;
}

static void call_erase_utf8(CallMessage *call)
{
        call_erase(call);
        call->subject = "\xff";
}

Test(message, a_call_beyond_its_limits_does_not_decode)
{
        static const struct {
                void (*change)(CallMessage *call);
                bool fine;
        } rows[] = {
                {call_keep, true},
                {call_most, true},
                {call_request, true},
                {call_kind, false},
                {call_behalf, false},
                {call_recipients, false},
                {call_case, false},
                {call_authorisation, false},
                {call_operator, false},
                {call_utf8, false},
                {call_name_utf8, false},
                {call_floor_high, false},
                {call_floor_low, false},
                {call_request_short, false},
                {call_request_upper, false},
                {call_request_empty, false},
                {call_open, true},
                {call_erase, true},
                {call_open_a_subject, false},
                {call_open_by_age, false},
                {call_open_long_reason, false},
                {call_erase_what, false},
                {call_erase_short_request, false},
                {call_erase_utf8, false},
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                cr_expect_eq(call_survives(rows[i].change), rows[i].fine, "number %zu", i);
}

Test(message, enums_of_short_messages_are_known_values)
{
        for (unsigned value = 0; value < 256; value++) {
                _cleanup_(buffer_deinit) Buffer spawn = BUFFER_INIT, refused = BUFFER_INIT;
                SpawnMessage s = {};
                RefusedMessage r = {};
                spawn_encode(&(SpawnMessage){.interface = (uint8_t)value}, &spawn);
                cr_assert_eq(spawn_decode(spawn.data, spawn.n, &s), value < _INTERFACE_MAX);
                refused_encode(&(RefusedMessage){.why = (uint8_t)value}, &refused);
                cr_assert_eq(refused_decode(refused.data, refused.n, &r), value < _REFUSED_MAX);
        }
}

static bool answer_survives(const AnswerMessage *answer)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;
        AnswerMessage m = {};

        answer_encode(answer, &buffer);
        bool fine = !buffer.failed && answer_decode(buffer.data, buffer.n, &m);
        answer_deinit(&m);
        return fine;
}

Test(message, an_answer_is_of_a_known_kind)
{
        for (unsigned kind = 0; kind < 256; kind++) {
                bool known = kind <= ANSWER_COUNT || (kind >= ANSWER_DENIED && kind <= ANSWER_NO_DETAILS);
                cr_assert_eq(answer_survives(&(AnswerMessage){.kind = (uint8_t)kind}), known, "kind %u",
                             kind);
        }
}

Test(message, a_similarity_is_finite)
{
        static const double bad[] = {NAN, -NAN, INFINITY, -INFINITY};

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;
                Candidate candidate = {.subject = "s", .has_similarity = true, .similarity = bad[i]};
                ResultMessage result = {.has_similarity = true, .similarity = bad[i]}, m = {};
                cr_assert_not(
                        answer_survives(&(AnswerMessage){.has_similarity = true, .similarity = bad[i]}));
                cr_assert_not(answer_survives(&(AnswerMessage){.n_candidates = 1, .candidates = &candidate}));
                result_encode(&result, &buffer);
                cr_assert_not(result_decode(buffer.data, buffer.n, &m));
                buffer_clear(&buffer);
                result = (ResultMessage){.n_candidates = 1, .candidates = &candidate};
                result_encode(&result, &buffer);
                cr_assert_not(result_decode(buffer.data, buffer.n, &m));
        }
}

Test(message, a_status_item_holds_what_its_type_says)
{
        static const struct {
                StatusItem item;
                bool fine;
        } rows[] = {
                {{"k", STATUS_TEXT, "t", 0}, true},
                {{"k", STATUS_TEXT, NULL, 0}, false},
                {{"k", STATUS_TEXT, "t", 1}, false},
                {{"k", STATUS_NUMBER, NULL, UINT64_MAX}, true},
                {{"k", STATUS_NUMBER, "t", 1}, false},
                {{"k", STATUS_BOOL, NULL, 1}, true},
                {{"k", STATUS_BOOL, NULL, 2}, false},
                {{"k", STATUS_BOOL, "t", 1}, false},
                {{"k", STATUS_LIST, NULL, 0}, true},
                {{"k", STATUS_LIST, "t", 0}, true},
                {{"k", STATUS_LIST, "t", 1}, false},
                {{"", STATUS_LIST, "t", 0}, false},
                {{"k", 4, NULL, 0}, false},
                {{"k", 255, NULL, 0}, false},
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                StatusItem item = rows[i].item;
                cr_expect_eq(answer_survives(&(AnswerMessage){.n_status = 1, .status = &item}), rows[i].fine,
                             "number %zu", i);
        }
}

/* Writes @n_zero bytes of zero, a count, and @n_items items of @size zero bytes. */
static void put_counted(Buffer *buffer, size_t n_zero, uint16_t count, size_t size)
{
        memset(buffer_extend(buffer, n_zero), 0, n_zero);
        put_u16(buffer, count);
        memset(buffer_extend(buffer, count * size), 0, count * size);
}

Test(message, a_hello_names_so_many_galleries_and_no_more)
{
        for (uint16_t n = MESSAGE_NAMES_MAX; n <= MESSAGE_NAMES_MAX + 1; n++) {
                _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;
                HelloMessage m = {};
                put_counted(&buffer, MESSAGE_SESSION_SIZE + 4 * 3 + 8 + DIGEST_SIZE, n, 3);
                cr_assert_eq(hello_decode(buffer.data, buffer.n, &m), n == MESSAGE_NAMES_MAX);
                hello_deinit(&m);
        }
}

Test(message, a_proof_has_so_many_hashes_and_no_more)
{
        for (uint16_t n = MESSAGE_PROOF_MAX; n <= MESSAGE_PROOF_MAX + 1; n++) {
                _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;
                CheckpointMessage m = {};
                put_counted(&buffer, 3 + 8, n, DIGEST_SIZE);
                cr_assert_eq(checkpoint_decode(buffer.data, buffer.n, &m), n == MESSAGE_PROOF_MAX);
        }
}

Test(message, a_result_has_so_many_candidates_and_no_more)
{
        for (uint16_t n = MESSAGE_CANDIDATES_MAX; n <= MESSAGE_CANDIDATES_MAX + 1; n++) {
                _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;
                ResultMessage m = {};
                put_counted(&buffer, 8 + 3 + 3 + 1 + 1 + 4 * 8 + 3, n, 4);
                put_u16(&buffer, 0);
                cr_assert_eq(result_decode(buffer.data, buffer.n, &m), n == MESSAGE_CANDIDATES_MAX);
                result_deinit(&m);
        }
}

Test(message, encoders_fail_the_buffer_beyond_a_limit)
{
        static const char *names[MESSAGE_NAMES_MAX + 1];
        static Candidate candidates[MESSAGE_CANDIDATES_MAX + 1];
        static StatusItem status[MESSAGE_STATUS_MAX + 1];
        CheckpointMessage checkpoint = {.n_proof = MESSAGE_PROOF_MAX};
        Buffer buffer = BUFFER_INIT;

        for (size_t i = 0; i < ARRAY_SIZE(status); i++)
                status[i] = (StatusItem){.key = "k", .type = STATUS_LIST};
        cr_assert(answer_survives(&(AnswerMessage){.subjects = {MESSAGE_CANDIDATES_MAX, names},
                                                   .missing = {MESSAGE_NAMES_MAX, names},
                                                   .classes = {MESSAGE_NAMES_MAX, names},
                                                   .n_candidates = MESSAGE_CANDIDATES_MAX,
                                                   .candidates = candidates,
                                                   .n_status = MESSAGE_STATUS_MAX,
                                                   .status = status}));
        cr_assert_not(answer_survives(&(AnswerMessage){.subjects = {MESSAGE_CANDIDATES_MAX + 1, names}}));
        cr_assert_not(answer_survives(&(AnswerMessage){.missing = {MESSAGE_NAMES_MAX + 1, names}}));
        cr_assert_not(answer_survives(&(AnswerMessage){.classes = {MESSAGE_NAMES_MAX + 1, names}}));
        cr_assert_not(answer_survives(
                &(AnswerMessage){.n_candidates = MESSAGE_CANDIDATES_MAX + 1, .candidates = candidates}));
        cr_assert_not(
                answer_survives(&(AnswerMessage){.n_status = MESSAGE_STATUS_MAX + 1, .status = status}));
        checkpoint_encode(&checkpoint, &buffer);
        cr_assert_not(buffer.failed);
        checkpoint.n_proof++;
        checkpoint_encode(&checkpoint, &buffer);
        cr_assert(buffer.failed);
        buffer_deinit(&buffer);
}

Test(message, a_job_holds_a_leaf_and_not_more_than_one_can_be)
{
        static const size_t sizes[] = {0, 1, LEAF_MAX, LEAF_MAX + 1};
        static uint8_t bytes[LEAF_MAX + 1];

        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
                _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;
                JobMessage job = {.salt = bytes, .leaf = bytes, .n_leaf = sizes[i]}, m = {};
                job_message_encode(&job, &buffer);
                cr_assert_eq(job_message_decode(buffer.data, buffer.n, &m), i == 1 || i == 2);
        }
}

Test(message, names_are_those_of_the_interfaces_and_of_the_trail)
{
        cr_assert_str_eq(message_interface_name(INTERFACE_MATCH), "org.matchguard.Match");
        cr_assert_str_eq(message_interface_name(INTERFACE_ADMIN), "org.matchguard.Admin");
        cr_assert_str_eq(message_interface_name(INTERFACE_AUDIT), "org.matchguard.Audit");
        cr_assert_str_eq(refused_why_name(REFUSED_MALFORMED), "malformed");
        cr_assert_str_eq(refused_why_name(REFUSED_ONEWAY), "oneway");
        cr_assert_str_eq(refused_why_name(REFUSED_TOO_LARGE), "too-large");
        cr_assert_str_eq(refused_why_name(REFUSED_CALLER_GONE), "caller-gone");
        cr_assert_str_eq(refused_why_name(REFUSED_FRONTEND), "frontend");
}

Test(message, a_level_is_one_that_there_is)
{
        for (unsigned level = 0; level < 256; level++) {
                _cleanup_(buffer_deinit) Buffer message = BUFFER_INIT, call = BUFFER_INIT;
                LogLevelMessage ret_level;
                _cleanup_(call_deinit) CallMessage ret_call = {};
                bool is_one = level >= DIAG_ERROR && level <= DIAG_DEBUG;

                log_level_encode(&(LogLevelMessage){.level = (uint8_t)level}, &message);
                cr_expect_eq(log_level_decode(message.data, message.n, &ret_level), is_one, "%u", level);
                call_encode(&(CallMessage){.kind = CALL_LOG_LEVEL, .level = (uint8_t)level}, &call);
                cr_expect_eq(call_decode(call.data, call.n, &ret_call), is_one || level == 0, "%u", level);
        }
}

Test(message, a_gallery_has_a_name_that_is_one)
{
        static const struct {
                const char *name;
                bool good;
        } cases[] = {{"faces", true}, {"", false}, {"Faces", false}, {"a.b", false}, {"-a", false}};

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;
                GalleryMessage ret_message;

                gallery_encode(&(GalleryMessage){.name = cases[i].name}, &buffer);
                cr_expect_eq(gallery_decode(buffer.data, buffer.n, &ret_message), cases[i].good, "%s",
                             cases[i].name);
        }
}
