/*
 * A whole message of a client, as far as the guard would hear of it. The first byte is the interface. What is
 * accepted must be a message that the guard can decode, with a job of its operation; what is answered must be
 * a reply that a client can read.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "frontend/request.h"
#include "varlink/reply.h"
#include "wire/job.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void expect_call(const CallMessage *message)
{
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;
        _cleanup_(call_deinit) CallMessage heard = {};

        call_encode(message, &body);
        if (body.failed || !call_decode(body.data, body.n, &heard) || heard.kind != message->kind)
                abort();
        if (heard.kind == CALL_MATCH && !job_check(heard.operation, heard.job, heard.n_job))
                abort();
        if (heard.has_limit && (heard.limit < 1 || heard.limit > JSON_INTEGER_MAX))
                abort();
}

static void expect_reply(const Buffer *bytes)
{
        _cleanup_(varlink_reply_deinit) VarlinkReply reply = VARLINK_REPLY_INIT;

        if (bytes->n == 0 || strlen(buffer_text(bytes)) + 1 != bytes->n ||
            varlink_reply_read(buffer_text(bytes), bytes->n - 1, &reply) != 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        _cleanup_(request_deinit) Request request = REQUEST_INIT;

        if (n == 0 || request_read(data[0] % _INTERFACE_MAX, (const char *)data + 1, n - 1, &request) < 0)
                return 0;
        switch (request.next) {
        case REQUEST_CALL:
                expect_call(&request.call.message);
                break;
        case REQUEST_REPLY:
                expect_reply(&request.reply);
                break;
        case REQUEST_SILENCE:
        case REQUEST_CLOSE:
        default:
                if (!request.refused || request.reply.n > 0)
                        abort();
        }
        return 0;
}
