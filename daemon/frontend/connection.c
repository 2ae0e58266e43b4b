/*
 * The life of a connection. Owns the client's socket and what was read from it and not taken yet; runs in the
 * children of the frontend.
 *
 * States: a connection LISTENs; when it has something it goes on at once, or QUEUEs until its owner gives it
 * a turn. A turn takes messages until one needs an ANSWER of the guard, or its reply does not fit into the
 * socket and has to be WRITten later. From there it listens again, or takes up what has come in the meantime.
 * One that drains does neither: it ends.
 *
 * Invariants:
 *   1. nothing is read or taken in CALLING and WRITING
 *   2. there is a reply in `output` only in WRITING
 *   3. `closed` is called once; after it nothing here is touched any more
 */

#include "frontend/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/macro.h"
#include "frontend/answer.h"
#include "frontend/request.h"
#include "varlink/frame.h"

enum {
        CONNECTION_READ_SIZE = 64 * 1024,
        CONNECTION_TURN_MAX = 16, /* messages taken or reads done before others have their turn */
        CONNECTION_FDS_MAX = 253, /* most that the kernel passes with one message */
};

typedef enum ConnectionState {
        CONNECTION_LISTENING,
        CONNECTION_QUEUED,
        CONNECTION_CALLING,
        CONNECTION_WRITING,
        CONNECTION_ENDED,
        _CONNECTION_STATE_MAX,
} ConnectionState;

struct Connection {
        int fd;
        uint64_t id;
        uint64_t serial; /* of the last call */
        MessageInterface interface;
        ConnectionState state;
        bool finished; /* the client has sent its last byte */
        bool draining; /* nothing is taken any more */
        FrameReader input;
        Buffer output;
        size_t n_written; /* of `output` */
        uint64_t moved_usec;
        sd_event *event;
        sd_event_source *io;
        const ConnectionHandlers *handlers;
        void *userdata;
};

/* What an inner step says: negative errors aside, whether the turn goes on. */
enum { STEP_ON = 0, STEP_STOP = 1 };

/* From which states each may be entered, as bits. */
static const unsigned connection_moves[_CONNECTION_STATE_MAX] = {
        [CONNECTION_LISTENING] = 1 << CONNECTION_LISTENING | 1 << CONNECTION_QUEUED |
                                 1 << CONNECTION_CALLING | 1 << CONNECTION_WRITING,
        [CONNECTION_QUEUED] = 1 << CONNECTION_LISTENING | 1 << CONNECTION_QUEUED,
        [CONNECTION_CALLING] = 1 << CONNECTION_LISTENING,
        [CONNECTION_WRITING] = 1 << CONNECTION_LISTENING,
        [CONNECTION_ENDED] = 1 << CONNECTION_LISTENING | 1 << CONNECTION_QUEUED | 1 << CONNECTION_CALLING |
                             1 << CONNECTION_WRITING,
};

/*
 * The only setter. Input stays watched while a call is out, since most clients send nothing then, and
 * changing what is watched costs a system call each way; if something does come, connection_on_io() stops
 * watching. A queued connection is not watched at all: a hang-up would be reported again and again.
 */
static int connection_set_state(Connection *connection, ConnectionState state)
{
        if (!(connection_moves[state] & 1u << connection->state))
                return -ENOTRECOVERABLE;
        connection->state = state;
        bool off = state == CONNECTION_QUEUED || state == CONNECTION_ENDED;
        int r = sd_event_source_set_enabled(connection->io, off ? SD_EVENT_OFF : SD_EVENT_ON);
        if (r >= 0 && state == CONNECTION_LISTENING)
                r = sd_event_source_set_io_events(connection->io, EPOLLIN);
        if (r >= 0 && state == CONNECTION_WRITING)
                r = sd_event_source_set_io_events(connection->io, EPOLLOUT);
        return r < 0 ? r : 0;
}

static void connection_moved(Connection *connection)
{
        /* Cannot fail on a loop of ours with this clock. */
        (void)sd_event_now(connection->event, CLOCK_MONOTONIC, &connection->moved_usec);
}

/* The last thing that is done with a connection. Return: STEP_STOP or -errno. */
static int connection_end(Connection *connection)
{
        int r = connection_set_state(connection, CONNECTION_ENDED);
        if (r == 0)
                r = connection->handlers->closed(connection->userdata);
        return r < 0 ? r : STEP_STOP;
}

static int connection_refuse_and_end(Connection *connection, RefusedWhy why)
{
        int r = connection->handlers->refused(why, connection->userdata);
        return r < 0 ? r : connection_end(connection);
}

/* Whether something came that was never looked at. */
static bool connection_has_unread(const Connection *connection)
{
        uint8_t byte;

        return !frame_reader_is_empty(&connection->input) ||
               recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

int connection_hang_up(Connection *connection)
{
        int r = connection_has_unread(connection) ? connection_refuse_and_end(connection, REFUSED_CALLER_GONE)
                                                  : connection_end(connection);
        return r < 0 ? r : 0;
}

/* Sends what it can of `output`. Return: STEP_ON when all is sent and it may go on; STEP_STOP; -errno. */
static int connection_flush(Connection *connection)
{
        Buffer *output = &connection->output;

        while (connection->n_written < output->n) {
                ssize_t n = send(connection->fd, output->data + connection->n_written,
                                 output->n - connection->n_written, MSG_DONTWAIT | MSG_NOSIGNAL);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN) {
                        int r = connection->state == CONNECTION_WRITING
                                        ? 0
                                        : connection_set_state(connection, CONNECTION_WRITING);
                        return r < 0 ? r : STEP_STOP;
                }
                if (n < 0)
                        return connection_end(connection);
                connection->n_written += (size_t)n;
                /* Whoever reads a byte now and then holds up no stop. */
                if (!connection->draining)
                        connection_moved(connection);
        }
        buffer_deinit(output);
        connection->n_written = 0;
        return connection->draining ? connection_end(connection) : STEP_ON;
}

/* Takes over the bytes of `reply` and sends them. Return: as above. */
static int connection_write(Connection *connection, Buffer *reply)
{
        connection->output = *reply;
        *reply = BUFFER_INIT;
        connection_moved(connection);
        return connection_flush(connection);
}

static int connection_call(Connection *connection, CallMessage *message)
{
        message->connection = connection->id;
        message->serial = ++connection->serial;
        int r = connection_set_state(connection, CONNECTION_CALLING);
        if (r == 0)
                r = connection->handlers->call(message, connection->userdata);
        return r < 0 ? r : STEP_STOP;
}

/* Does what one message asks for. */
static int connection_take(Connection *connection, const char *data, size_t n)
{
        _cleanup_(request_deinit) Request request = REQUEST_INIT;
        int r = request_read(connection->interface, data, n, &request);
        if (r == 0 && request.refused)
                r = connection->handlers->refused(request.why, connection->userdata);
        if (r < 0)
                return r;
        switch (request.next) {
        case REQUEST_CALL:
                return connection_call(connection, &request.call.message);
        case REQUEST_REPLY:
                return connection_write(connection, &request.reply);
        case REQUEST_SILENCE:
                return STEP_ON;
        case REQUEST_CLOSE:
        default:
                return connection_end(connection);
        }
}

/* Closes descriptors that came along. Return: whether there were any, or the kernel had to drop some. */
static bool connection_drop_fds(struct msghdr *message)
{
        bool any = message->msg_flags & MSG_CTRUNC;

        for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                        continue;
                any = true;
                for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
                        int fd = -1;
                        memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
                        (void)fd_close(fd); /* always -1 */
                }
        }
        return any;
}

static int connection_read_failed(Connection *connection, int error)
{
        if (error == EINTR)
                return STEP_ON;
        if (error != EAGAIN)
                return connection_end(connection);
        frame_reader_shrink(&connection->input);
        int r = connection_set_state(connection, CONNECTION_LISTENING);
        return r < 0 ? r : STEP_STOP;
}

/* Reads once. */
static int connection_fill(Connection *connection)
{
        uint8_t data[CONNECTION_READ_SIZE];
        union {
                struct cmsghdr header;
                uint8_t bytes[CMSG_SPACE(CONNECTION_FDS_MAX * sizeof(int))];
        } control;
        struct iovec part = {.iov_base = data, .iov_len = sizeof(data)};
        struct msghdr message = {.msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = &control,
                                 .msg_controllen = sizeof(control)};
        ssize_t n = recvmsg(connection->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

        if (n < 0)
                return connection_read_failed(connection, errno);
        if (connection_drop_fds(&message))
                return connection_refuse_and_end(connection, REFUSED_MALFORMED);
        connection->finished = n == 0;
        connection_moved(connection);
        return frame_reader_add(&connection->input, data, (size_t)n);
}

/* Takes one message if there is one, else reads. Return: STEP_ON, STEP_STOP or -errno. */
static int connection_step(Connection *connection)
{
        const char *message = NULL;
        size_t n = 0;
        int r = frame_reader_next(&connection->input, &message, &n);

        if (r == FRAME_E_TOO_LARGE)
                return connection_refuse_and_end(connection, REFUSED_TOO_LARGE);
        if (r != FRAME_E_AGAIN)
                return connection_take(connection, message, n);
        if (!connection->finished)
                return connection_fill(connection);
        /* The client said it would send no more: half a message will never be a whole one. */
        if (!frame_reader_is_empty(&connection->input))
                return connection_refuse_and_end(connection, REFUSED_MALFORMED);
        return connection_end(connection);
}

static int connection_queue(Connection *connection)
{
        int r = connection_set_state(connection, CONNECTION_QUEUED);
        return r < 0 ? r : connection->handlers->wait(connection->userdata);
}

int connection_turn(Connection *connection)
{
        int r = connection_set_state(connection, CONNECTION_LISTENING);

        for (unsigned i = 0; r == STEP_ON && i < CONNECTION_TURN_MAX; i++) {
                r = connection_step(connection);
                if (r == STEP_ON && !connection->handlers->may_go(connection->userdata))
                        break;
        }
        if (r == STEP_ON)
                return connection_queue(connection);
        return r < 0 ? r : 0;
}

/* Goes on now, or when its turn comes. */
static int connection_go_on(Connection *connection)
{
        if (connection->handlers->may_go(connection->userdata))
                return connection_turn(connection);
        return connection_queue(connection);
}

/* While a call is out only a hang-up is of interest; what else came has to wait. */
static int connection_on_io_while_calling(Connection *connection, uint32_t events)
{
        if (events & (EPOLLHUP | EPOLLERR))
                return connection_hang_up(connection);
        int r = sd_event_source_set_io_events(connection->io, 0);
        return r < 0 ? r : 0;
}

static int connection_on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        Connection *connection = userdata;
        int r = STEP_ON;

        if (connection->state == CONNECTION_CALLING)
                return connection_on_io_while_calling(connection, events);
        if (connection->state == CONNECTION_WRITING) {
                r = connection_flush(connection);
                if (r != STEP_ON)
                        return r < 0 ? r : 0;
                r = connection_set_state(connection, CONNECTION_LISTENING);
                if (r < 0)
                        return r;
        }
        return connection_go_on(connection);
}

int connection_answer(Connection *connection, const AnswerMessage *answer)
{
        _cleanup_(buffer_deinit) Buffer reply = BUFFER_INIT;

        if (connection->state != CONNECTION_CALLING || answer->serial != connection->serial)
                return -EPROTO;
        int r = answer_write(connection->interface, answer, &reply);
        if (r == ANSWER_E_UNKNOWN)
                return -EPROTO;
        if (r == 0)
                r = connection_set_state(connection, CONNECTION_LISTENING);
        if (r == 0)
                r = connection_write(connection, &reply);
        if (r != STEP_ON)
                return r < 0 ? r : 0;
        return frame_reader_is_empty(&connection->input) ? 0 : connection_go_on(connection);
}

int connection_drain(Connection *connection, uint64_t now_usec)
{
        connection->draining = true;
        connection->moved_usec = now_usec;
        if (connection->state == CONNECTION_CALLING || connection->state == CONNECTION_WRITING)
                return 0;
        int r = connection_end(connection);
        return r < 0 ? r : 0;
}

int connection_check(Connection *connection, uint64_t now_usec)
{
        uint64_t patience_usec = connection->draining ? CONNECTION_DRAIN_USEC : CONNECTION_STALL_USEC;
        bool pending =
                connection->state == CONNECTION_WRITING ||
                (connection->state == CONNECTION_LISTENING && !frame_reader_is_empty(&connection->input));

        if (!pending || now_usec < connection->moved_usec ||
            now_usec - connection->moved_usec < patience_usec)
                return 0;
        int r = connection->state == CONNECTION_LISTENING
                        ? connection_refuse_and_end(connection, REFUSED_MALFORMED)
                        : connection_end(connection);
        return r < 0 ? r : 0;
}

Connection *connection_free(Connection *connection)
{
        if (!connection)
                return NULL;
        connection->io = sd_event_source_disable_unref(connection->io);
        connection->event = sd_event_unref(connection->event);
        connection->fd = fd_close(connection->fd);
        frame_reader_deinit(&connection->input);
        buffer_deinit(&connection->output);
        free(connection);
        return NULL;
}

DEFINE_CLEANUP(Connection *, connection_free);

int connection_new(Connection **ret_connection, const ConnectionStart *start)
{
        _cleanup_(connection_freep) Connection *connection = calloc(1, sizeof(*connection));
        if (!connection) {
                (void)fd_close(start->fd); /* always -1 */
                return -ENOMEM;
        }
        connection->fd = start->fd;
        connection->id = start->id;
        connection->interface = start->interface;
        connection->event = sd_event_ref(start->event);
        connection->handlers = start->handlers;
        connection->userdata = start->userdata;
        connection_moved(connection);
        int r = sd_event_add_io(start->event, &connection->io, connection->fd, EPOLLIN, connection_on_io,
                                connection);
        if (r >= 0)
                r = sd_event_source_set_exit_on_failure(connection->io, true);
        if (r < 0)
                return r;
        *ret_connection = TAKE_PTR(connection);
        return 0;
}
