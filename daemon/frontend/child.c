/*
 * The loop of a child: packets of the guard to connections, calls of connections to the guard. Owns the
 * connections and the credits that the guard gave; must not own a decision.
 *
 * Connections take turns, first come first served. None goes on without a credit, and none while packets to
 * the guard wait to be sent, so that a client cannot make this process grow by sending faster than the guard
 * listens.
 *
 * Told to stop it drains: no connection is read any more, each ends as soon as the call that it has passed on
 * is answered, and the child with the last of them.
 */

#include "frontend/child.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "base/diag.h"
#include "base/fd.h"
#include "base/macro.h"
#include "frontend/confine.h"
#include "frontend/connection.h"
#include "wire/channel.h"

enum {
        CHILD_CONNECTIONS_MAX = 4096, /* far more than the guard lets one user have */
        CHILD_BUCKETS = 256,
};

#define CHILD_CHECK_USEC (UINT64_C(10) * 1000 * 1000) /* between looks for connections that do not move */
#define CHILD_DRAIN_USEC (UINT64_C(250) * 1000)       /* between them while it drains */
#define CHILD_RETRY_USEC (UINT64_C(2) * 1000)         /* until the channel is tried again when it was full */

typedef struct Child Child;

/* A connection and its place in the child's lists. */
typedef struct Client {
        LIST_ENTRY(Client) bucket;
        TAILQ_ENTRY(Client) queue;
        bool queued;
        uint64_t id;
        Child *child;
        Connection *connection;
} Client;

struct Child {
        MessageInterface interface;
        bool draining;
        uint32_t n_credits;
        size_t n_clients;
        sd_event *event;
        sd_event_source *pump;  /* on while somebody waits who may go */
        sd_event_source *retry; /* armed while the channel is full */
        sd_event_source *check;
        sd_event_source *stop;
        Channel *channel;
        LIST_HEAD(ClientBucket, Client) clients[CHILD_BUCKETS];
        TAILQ_HEAD(ClientQueue, Client) waiting;
};

static bool child_may_go(const Child *child)
{
        return child->n_credits > 0 && channel_is_idle(child->channel);
}

/* Arms what will give the next turn, if anybody waits for one. */
static int child_arm(Child *child)
{
        bool wanted = !TAILQ_EMPTY(&child->waiting) && child->n_credits > 0;
        bool full = !channel_is_idle(child->channel);
        int r = sd_event_source_set_enabled(child->pump, wanted && !full ? SD_EVENT_ON : SD_EVENT_OFF);

        if (r >= 0 && wanted && full)
                r = sd_event_source_set_time_relative(child->retry, CHILD_RETRY_USEC);
        if (r >= 0)
                r = sd_event_source_set_enabled(child->retry,
                                                wanted && full ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
        return r < 0 ? r : 0;
}

static void client_dequeue(Client *client)
{
        if (client->queued)
                TAILQ_REMOVE(&client->child->waiting, client, queue);
        client->queued = false;
}

static Client *client_free(Client *client)
{
        if (!client)
                return NULL;
        client_dequeue(client);
        LIST_REMOVE(client, bucket);
        client->child->n_clients--;
        client->connection = connection_free(client->connection);
        free(client);
        return NULL;
}

static int child_send_connection(Child *child, MessageType type, uint64_t id)
{
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;

        connection_encode(&(ConnectionMessage){id}, &body);
        return channel_send(child->channel, type, &body, NULL, 0);
}

/* Return: 0 or -errno. */
static int child_end_if_drained(Child *child)
{
        int r = child->draining && child->n_clients == 0 ? sd_event_exit(child->event, 0) : 0;

        return r < 0 ? r : 0;
}

/* ------------------------------------------------------------------------------- what connections tell us */

static bool client_may_go(void *userdata)
{
        const Client *client = userdata;

        return TAILQ_EMPTY(&client->child->waiting) && child_may_go(client->child);
}

static int client_on_wait(void *userdata)
{
        Client *client = userdata;

        TAILQ_INSERT_TAIL(&client->child->waiting, client, queue);
        client->queued = true;
        return child_arm(client->child);
}

static int client_on_call(const CallMessage *message, void *userdata)
{
        Client *client = userdata;
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;

        diag(DIAG_DEBUG, "connection %ju, call %ju: to be decided, %zu bytes", (uintmax_t)client->id,
             (uintmax_t)message->serial, message->n_job);
        call_encode(message, &body);
        client->child->n_credits--;
        return channel_send(client->child->channel, MESSAGE_CALL, &body, NULL, 0);
}

static int client_on_refused(RefusedWhy why, void *userdata)
{
        Client *client = userdata;
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;

        refused_encode(&(RefusedMessage){client->id, (uint8_t)why}, &body);
        return channel_send(client->child->channel, MESSAGE_REFUSED, &body, NULL, 0);
}

static int client_on_closed(void *userdata)
{
        Client *client = userdata;
        Child *child = client->child;
        uint64_t id = client->id;

        client_free(client);
        int r = child_send_connection(child, MESSAGE_CLOSED, id);
        return r < 0 ? r : child_end_if_drained(child);
}

static const ConnectionHandlers client_handlers = {
        .may_go = client_may_go,
        .wait = client_on_wait,
        .call = client_on_call,
        .refused = client_on_refused,
        .closed = client_on_closed,
};

/* -------------------------------------------------------------------------------- what the guard tells us */

static Client *child_find(Child *child, uint64_t id)
{
        Client *client = NULL;

        LIST_FOREACH (client, &child->clients[id % CHILD_BUCKETS], bucket)
                if (client->id == id)
                        return client;
        return NULL;
}

static int child_add_client(Child *child, uint64_t id, int fd)
{
        Client *client = calloc(1, sizeof(*client));
        if (!client) {
                (void)fd_close(fd); /* always -1 */
                return -ENOMEM;
        }
        client->id = id;
        client->child = child;
        LIST_INSERT_HEAD(&child->clients[id % CHILD_BUCKETS], client, bucket);
        child->n_clients++;
        int r = connection_new(&client->connection, &(ConnectionStart){.event = child->event,
                                                                       .fd = fd,
                                                                       .id = id,
                                                                       .interface = child->interface,
                                                                       .handlers = &client_handlers,
                                                                       .userdata = client});
        if (r < 0)
                client_free(client);
        return r;
}

static int child_on_connect(Child *child, Packet *packet)
{
        ConnectionMessage message = {};

        if (packet->n_fds != 1 || !connection_decode(packet->body, packet->n_body, &message) ||
            child_find(child, message.connection))
                return -EPROTO;
        diag(DIAG_DEBUG, "connection %ju: there", (uintmax_t)message.connection);
        /* The descriptor that is not taken is closed with the packet. */
        if (child->draining || child->n_clients == CHILD_CONNECTIONS_MAX)
                return child_send_connection(child, MESSAGE_CLOSED, message.connection);
        return child_add_client(child, message.connection, TAKE_FD(packet->fds[0]));
}

static int child_on_credit(Child *child, Packet *packet)
{
        CreditMessage message = {};

        if (!credit_decode(packet->body, packet->n_body, &message) ||
            __builtin_add_overflow(child->n_credits, message.n, &child->n_credits))
                return -EPROTO;
        return child_arm(child);
}

static int child_on_answer(Child *child, Packet *packet)
{
        _cleanup_(answer_deinit) AnswerMessage message = {};

        if (!answer_decode(packet->body, packet->n_body, &message))
                return -EPROTO;
        diag(DIAG_DEBUG, "connection %ju, call %ju: answered", (uintmax_t)message.connection,
             (uintmax_t)message.serial);
        /* The client may have gone while the guard was at it: then nobody is there to hear. */
        Client *client = child_find(child, message.connection);
        return client ? connection_answer(client->connection, &message) : 0;
}

static int child_on_hang_up(Child *child, Packet *packet)
{
        ConnectionMessage message = {};

        if (!connection_decode(packet->body, packet->n_body, &message))
                return -EPROTO;
        /* Its end and the guard's word may have crossed. */
        Client *client = child_find(child, message.connection);
        return client ? connection_hang_up(client->connection) : 0;
}

static int child_on_log_level(Child *child, Packet *packet)
{
        LogLevelMessage message = {};

        if (packet->n_fds > 0 || !log_level_decode(packet->body, packet->n_body, &message))
                return -EPROTO;
        diag_set_level((DiagLevel)message.level);
        return 0;
}

static const struct {
        MessageType type;
        int (*handle)(Child *child, Packet *packet);
} child_packets[] = {
        {MESSAGE_CONNECT, child_on_connect},     {MESSAGE_CREDIT, child_on_credit},
        {MESSAGE_ANSWER, child_on_answer},       {MESSAGE_HANG_UP, child_on_hang_up},
        {MESSAGE_LOG_LEVEL, child_on_log_level},
};

static int child_on_packet(Channel *channel, Packet *packet, void *userdata)
{
        for (size_t i = 0; i < ARRAY_SIZE(child_packets); i++)
                if (child_packets[i].type == packet->type)
                        return child_packets[i].handle(userdata, packet);
        return -EPROTO;
}

static int child_on_closed(Channel *channel, int reason, void *userdata)
{
        Child *child = userdata;

        if (reason == PACKET_E_CLOSED)
                return sd_event_exit(child->event, 0);
        return reason < 0 ? reason : -EPROTO;
}

static const ChannelHandlers child_handlers = {child_on_packet, child_on_closed};

/* ----------------------------------------------------------------------------------------------- the loop */

/* Gives the first who waits its turn. */
static int child_on_pump(sd_event_source *source, void *userdata)
{
        Child *child = userdata;
        Client *client = TAILQ_FIRST(&child->waiting);
        int r = 0;

        if (client && child_may_go(child)) {
                client_dequeue(client);
                r = connection_turn(client->connection);
        }
        return r < 0 ? r : child_arm(child);
}

static int child_on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
        return child_arm(userdata);
}

/* Takes a step with every connection, each of which may end by it. */
static int child_each(Child *child, int (*step)(Connection *connection, uint64_t now_usec))
{
        uint64_t now_usec = 0;
        int r = sd_event_now(child->event, CLOCK_MONOTONIC, &now_usec);

        for (size_t i = 0; i < CHILD_BUCKETS && r >= 0; i++) {
                Client *client = LIST_FIRST(&child->clients[i]);
                while (client && r >= 0) {
                        Client *next = LIST_NEXT(client, bucket);
                        r = step(client->connection, now_usec);
                        client = next;
                }
        }
        return r < 0 ? r : 0;
}

static int child_arm_check(Child *child)
{
        uint64_t usec = child->draining ? CHILD_DRAIN_USEC : CHILD_CHECK_USEC;
        int r = sd_event_source_set_time_relative(child->check, usec);

        return r < 0 ? r : sd_event_source_set_enabled(child->check, SD_EVENT_ONESHOT);
}

static int child_on_check(sd_event_source *source, uint64_t usec, void *userdata)
{
        int r = child_each(userdata, connection_check);

        return r < 0 ? r : child_arm_check(userdata);
}

/* The parent has closed its end of the pipe. */
static int child_on_stop(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        Child *child = userdata;
        int r = sd_event_source_set_enabled(source, SD_EVENT_OFF);

        child->draining = true;
        if (r >= 0)
                r = child_each(child, connection_drain);
        if (r >= 0)
                r = child_arm_check(child);
        return r < 0 ? r : child_end_if_drained(child);
}

static void child_deinit(Child *child)
{
        for (size_t i = 0; i < CHILD_BUCKETS; i++)
                while (!LIST_EMPTY(&child->clients[i]))
                        client_free(LIST_FIRST(&child->clients[i]));
        child->channel = channel_free(child->channel);
        child->pump = sd_event_source_disable_unref(child->pump);
        child->retry = sd_event_source_disable_unref(child->retry);
        child->check = sd_event_source_disable_unref(child->check);
        child->stop = sd_event_source_disable_unref(child->stop);
        child->event = sd_event_unref(child->event);
}

/* Without this a handler that fails would only be switched off, and its clients wait for ever. */
static int child_set_fatal(Child *child)
{
        sd_event_source *const sources[] = {child->pump, child->retry, child->check, child->stop};
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(sources) && r >= 0; i++)
                r = sd_event_source_set_exit_on_failure(sources[i], true);
        return r;
}

static int child_init(Child *child, ChildFds fds)
{
        int r = sd_event_new(&child->event);
        if (r < 0) {
                (void)fd_close(fds.channel); /* always -1 */
                return r;
        }
        r = channel_new(&child->channel, child->event, fds.channel, &child_handlers, child);
        /* Its end is reported, whatever is asked for. */
        if (r >= 0)
                r = sd_event_add_io(child->event, &child->stop, fds.stop, 0, child_on_stop, child);
        if (r >= 0)
                r = sd_event_add_defer(child->event, &child->pump, child_on_pump, child);
        if (r >= 0)
                r = sd_event_source_set_enabled(child->pump, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time_relative(child->event, &child->retry, CLOCK_MONOTONIC, CHILD_RETRY_USEC,
                                               0, child_on_retry, child);
        if (r >= 0)
                r = sd_event_source_set_enabled(child->retry, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time_relative(child->event, &child->check, CLOCK_MONOTONIC, CHILD_CHECK_USEC,
                                               0, child_on_check, child);
        return r < 0 ? r : child_set_fatal(child);
}

int child_serve(ChildFds fds, MessageInterface interface)
{
        _cleanup_(child_deinit) Child child = {.interface = interface};

        TAILQ_INIT(&child.waiting);
        int r = child_init(&child, fds);
        return r < 0 ? r : sd_event_loop(child.event);
}

int child_run(ChildFds fds, const SpawnMessage *spawn, pid_t parent)
{
        int r = confine_child(&fds, spawn, parent);
        if (r >= 0)
                r = child_serve(fds, spawn->interface);
        if (r < 0)
                diag(DIAG_ERROR, "child for uid %u ends: %s", spawn->uid, strerror(-r));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
