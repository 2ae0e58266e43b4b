/*
 * Every decoder of internal messages on any bytes: the first byte says which. What one accepts, its encoder
 * writes again byte for byte.
 */

#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "wire/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void nothing_deinit(void *message)
{
}

#define RECODE(name, Type, deinit)                                                                           \
        static bool name##_recode(const void *body, size_t n, Buffer *buffer)                                \
        {                                                                                                    \
                Type message = {};                                                                           \
                if (!name##_decode(body, n, &message))                                                       \
                        return false;                                                                        \
                name##_encode(&message, buffer);                                                             \
                deinit(&message);                                                                            \
                return true;                                                                                 \
        }

RECODE(spawn, SpawnMessage, nothing_deinit)
RECODE(child_gone, ChildGoneMessage, nothing_deinit)
RECODE(connection, ConnectionMessage, nothing_deinit)
RECODE(credit, CreditMessage, nothing_deinit)
RECODE(refused, RefusedMessage, nothing_deinit)
RECODE(call, CallMessage, call_deinit)
RECODE(answer, AnswerMessage, answer_deinit)
RECODE(hello, HelloMessage, hello_deinit)
RECODE(checkpoint, CheckpointMessage, nothing_deinit)
RECODE(job_message, JobMessage, nothing_deinit)
RECODE(cancel, CancelMessage, nothing_deinit)
RECODE(result, ResultMessage, result_deinit)
RECODE(gallery, GalleryMessage, nothing_deinit)
RECODE(log_level, LogLevelMessage, nothing_deinit)
RECODE(engine_message, EngineMessage, nothing_deinit)

static bool (*const recoders[])(const void *body, size_t n, Buffer *buffer) = {
        spawn_recode,  child_gone_recode, connection_recode, credit_recode,     refused_recode,
        call_recode,   answer_recode,     hello_recode,      checkpoint_recode, job_message_recode,
        cancel_recode, result_recode,     gallery_recode,    log_level_recode,  engine_message_recode,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;

        if (n == 0 || data[0] >= ARRAY_SIZE(recoders))
                return 0;
        data++;
        n--;
        if (!recoders[data[-1]](data, n, &buffer))
                return 0;
        if (buffer.failed || buffer.n != n || (n > 0 && memcmp(buffer.data, data, n) != 0))
                abort();
        return 0;
}
