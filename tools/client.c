/*
 * Client: one connection to the service. Used by the tool; must not print, and must not know what a method
 * means.
 *
 * On the wire a message is one JSON object and a NUL. A call is {"method": ..., "parameters": {...}}, a reply
 * {"parameters": {...}} with an "error" beside it where the call failed. There is never more than one call
 * under way, so bytes behind the NUL of a reply are a fault of the other side.
 */

#include "tools/client.h"

#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/fd.h"
#include "base/macro.h"
#include "varlink/reply.h"

enum { READ_SIZE = 64 * 1024 };

struct Client {
        int fd;
        unsigned timeout_msec;
};

/* The texts in the order of the endings. */
static const char *const error_texts[] = {
        [CLIENT_E_UNREACHABLE] = "the service cannot be reached",
        [CLIENT_E_CLOSED] = "the service ended the connection before it replied",
        [CLIENT_E_TIMEOUT] = "the service gave no reply in time",
        [CLIENT_E_MALFORMED] = "what came back is no Varlink reply",
        [CLIENT_E_TOO_LARGE] = "the call is larger than 1 MiB",
};

const char *client_error_text(int ending)
{
        if (ending < 0)
                return strerror(-ending);
        return ending > 0 && ending < (int)ARRAY_SIZE(error_texts) ? error_texts[ending] : "";
}

static uint64_t now_msec(void)
{
        struct timespec t;
        (void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail for this clock */
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* connect(2) may wait while the backlog is full, for as long as SO_SNDTIMEO says. */
static int connect_within(int fd, const struct sockaddr_un *address, unsigned timeout_msec)
{
        struct timeval t = {.tv_sec = timeout_msec / 1000, .tv_usec = (timeout_msec % 1000) * 1000};
        if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)) < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
                return CLIENT_E_UNREACHABLE;
        return 0;
}

int client_connect(const char *path, unsigned timeout_msec, Client **ret_client)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        if (strlen(path) >= sizeof(address.sun_path)) {
                errno = ENAMETOOLONG;
                return CLIENT_E_UNREACHABLE;
        }
        memcpy(address.sun_path, path, strlen(path));

        _cleanup_(fd_closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        int r = connect_within(fd, &address, timeout_msec);
        if (r != 0)
                return r;
        Client *client = malloc(sizeof(*client));
        if (!client)
                return -ENOMEM;
        *client = (Client){.fd = TAKE_FD(fd), .timeout_msec = timeout_msec};
        *ret_client = client;
        return 0;
}

Client *client_free(Client *client)
{
        if (!client)
                return NULL;
        fd_close(client->fd);
        free(client);
        return NULL;
}

void client_reply_deinit(ClientReply *reply)
{
        free(reply->error);
        free(reply->parameters);
        *reply = CLIENT_REPLY_INIT;
}

static void json_putp(json_object **object)
{
        json_object_put(*object);
}

static int write_call(const char *method, const char *parameters, Buffer *buffer)
{
        _cleanup_(json_putp) json_object *name = json_object_new_string(method);
        if (!name)
                return -ENOMEM;
        buffer_append_text(buffer, "{\"method\":");
        buffer_append_text(buffer, json_object_to_json_string_ext(name, JSON_C_TO_STRING_PLAIN));
        if (parameters) {
                buffer_append_text(buffer, ",\"parameters\":");
                buffer_append_text(buffer, parameters);
        }
        buffer_append(buffer, "}", 2); /* with the NUL that ends a message */
        if (buffer->failed)
                return -ENOMEM;
        return buffer->n > CLIENT_CALL_MAX ? CLIENT_E_TOO_LARGE : 0;
}

static int wait_for(int fd, short events, uint64_t deadline_msec)
{
        for (;;) {
                uint64_t now = now_msec();
                if (now >= deadline_msec)
                        return CLIENT_E_TIMEOUT;
                struct pollfd p = {.fd = fd, .events = events};
                int n = poll(&p, 1, (int)(deadline_msec - now));
                if (n > 0)
                        return 0;
                if (n < 0 && errno != EINTR)
                        return -errno;
        }
}

/* A service that refuses a call while it is still being sent answers and closes: so a broken pipe is not yet
 * the end, the reply may wait to be read. */
static int send_call(int fd, const Buffer *call, uint64_t deadline_msec)
{
        for (size_t done = 0; done < call->n;) {
                int r = wait_for(fd, POLLOUT, deadline_msec);
                if (r != 0)
                        return r;
                ssize_t n = send(fd, call->data + done, call->n - done, MSG_DONTWAIT | MSG_NOSIGNAL);
                if (n >= 0)
                        done += (size_t)n;
                else if (errno == EPIPE || errno == ECONNRESET)
                        return 0;
                else if (errno != EAGAIN && errno != EINTR)
                        return -errno;
        }
        return 0;
}

/* One read; 0 also when there was nothing after all. */
static int read_some(int fd, Buffer *reply)
{
        uint8_t chunk[READ_SIZE];
        ssize_t n = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT);
        if (n == 0 || (n < 0 && errno == ECONNRESET))
                return CLIENT_E_CLOSED;
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        if (reply->n + (size_t)n > CLIENT_REPLY_MAX)
                return CLIENT_E_MALFORMED;
        buffer_append(reply, chunk, (size_t)n);
        return reply->failed ? -ENOMEM : 0;
}

/* Reads until a NUL has come; parse_reply() sees to it that it is the last byte. */
static int receive_reply(int fd, Buffer *reply, uint64_t deadline_msec)
{
        for (;;) {
                int r = wait_for(fd, POLLIN, deadline_msec);
                if (r != 0)
                        return r;
                size_t before = reply->n;
                r = read_some(fd, reply);
                if (r != 0)
                        return r;
                if (reply->n == before)
                        continue;
                if (memchr(reply->data + before, 0, reply->n - before))
                        return 0;
        }
}

static int parse_reply(const Buffer *text, ClientReply *ret_reply)
{
        _cleanup_(varlink_reply_deinit) VarlinkReply read = VARLINK_REPLY_INIT;
        /* One call is under way, so nothing may stand behind the NUL. */
        if (memchr(text->data, 0, text->n) != text->data + text->n - 1)
                return CLIENT_E_MALFORMED;
        int r = varlink_reply_read((const char *)text->data, text->n - 1, &read);
        if (r != 0)
                return r < 0 ? r : CLIENT_E_MALFORMED;
        const int flags = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;
        ClientReply reply = {
                .error = read.error ? strdup(read.error) : NULL,
                .parameters = strdup(read.parameters ? json_object_to_json_string_ext(read.parameters, flags)
                                                     : "{}"),
        };
        if ((read.error && !reply.error) || !reply.parameters) {
                client_reply_deinit(&reply);
                return -ENOMEM;
        }
        *ret_reply = reply;
        return 0;
}

int client_call(Client *client, const char *method, const char *parameters, ClientReply *ret_reply)
{
        _cleanup_(buffer_deinit) Buffer call = BUFFER_INIT, reply = BUFFER_INIT;
        int r = write_call(method, parameters, &call);
        if (r != 0)
                return r;
        uint64_t deadline_msec = now_msec() + client->timeout_msec;
        r = send_call(client->fd, &call, deadline_msec);
        if (r != 0)
                return r;
        r = receive_reply(client->fd, &reply, deadline_msec);
        if (r != 0)
                return r;
        return parse_reply(&reply, ret_reply);
}
