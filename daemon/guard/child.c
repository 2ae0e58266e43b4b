/*
 * One frontend child. Owns its channel and its clients. Run by the guard's loop.
 *
 * Invariants
 *   1. n_credits + n_calls <= most, but for a moment after `most` has shrunk
 *   2. every call in `calls` spent one credit, and each credit its token, where there is a bucket
 *   3. a child that has ended has no channel, no client and no call
 */

#include "guard/child.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/macro.h"
#include "guard/guard.h"
#include "guard/inquiry.h"
#include "trail/event.h"

/* ------------------------------------------------------------------------------------------------ credits */

static void child_give_back(Child *child, uint32_t n)
{
        for (uint32_t i = 0; child->bucket && i < n; i++)
                bucket_give_back(child->bucket);
}

int child_grant(Child *child)
{
        /* Half are kept back until half are spent: a message for each would cost as much as the answer. */
        if (!child->channel || child->n_credits > child->most / 2)
                return 0;
        uint32_t n = 0;
        uint64_t now_usec = child->bucket ? clock_boottime() : 0;
        while (child->n_credits + n + child->n_calls < child->most) {
                if (child->bucket && !bucket_take(child->bucket, now_usec))
                        break;
                n++;
        }
        if (n == 0)
                return child->bucket && child->n_calls == 0 ? frontend_wait_for_tokens(child->guard) : 0;

        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;
        credit_encode(&(CreditMessage){.n = n}, &body);
        child->n_credits += n;
        return channel_send(child->channel, MESSAGE_CREDIT, &body, NULL, 0);
}

void child_spend(Child *child)
{
        child->n_credits--;
        child->n_calls++;
}

int child_regain(Child *child, bool recorded)
{
        child->n_calls--;
        if (!recorded)
                child_give_back(child, 1);
        return child_grant(child);
}

/* ----------------------------------------------------------------------------------------------- messages */

static void child_breach(Child *child, const char *what)
{
        const char *interface = message_interface_name(child->interface);

        event_tell(EVENT_CHILD_BREACH,
                   EVENT_FIELDS({"uid", .number = child->user.uid}, {"interface", interface}, {"why", what}),
                   "The frontend child for uid %u on %s broke the rules and is ended: %s", child->user.uid,
                   interface, what);
        guard_refuse(child->guard, child->user, REFUSED_FRONTEND);
        child_end(child);
}

static Client *child_find(Child *child, uint64_t id)
{
        Client *client;

        TAILQ_FOREACH (client, &child->clients, link)
                if (client->id == id)
                        return client;
        return NULL;
}

/* What each interface may call, and who handles it. */
static const struct {
        bool on[_INTERFACE_MAX];
        int (*begin)(Client *client, Packet *packet, CallMessage *message);
} child_calls[_CALL_MAX] = {
        [CALL_MATCH] = {{[INTERFACE_MATCH] = true}, request_begin},
        [CALL_GET_RECEIPT] = {{[INTERFACE_MATCH] = true, [INTERFACE_AUDIT] = true}, inquiry_receipt},
        [CALL_WHO_AM_I] = {{[INTERFACE_MATCH] = true}, inquiry_who_am_i},
        [CALL_GET_STATUS] = {{[INTERFACE_MATCH] = true, [INTERFACE_ADMIN] = true}, inquiry_status},
        [CALL_RELOAD] = {{[INTERFACE_ADMIN] = true}, inquiry_reload},
        [CALL_REBASE] = {{[INTERFACE_ADMIN] = true}, inquiry_rebase},
        [CALL_LOG_LEVEL] = {{[INTERFACE_ADMIN] = true}, inquiry_log_level},
        [CALL_GET_CHECKPOINT] = {{[INTERFACE_AUDIT] = true}, inquiry_checkpoint},
        [CALL_OPEN_DETAILS] = {{[INTERFACE_AUDIT] = true}, disclose_begin},
        [CALL_COUNT_DETAILS] = {{[INTERFACE_ADMIN] = true}, inquiry_count_details},
        [CALL_ERASE] = {{[INTERFACE_ADMIN] = true}, inquiry_erase},
};

/* A call of a caller who has gone is no request any more. */
static int child_drop_call(Client *client, const CallMessage *message)
{
        Call call = {};

        guard_refuse(client->guard, client->user, REFUSED_CALLER_GONE);
        call_begin(&call, client, message->serial);
        return call_end(&call, NULL);
}

/* What needs the trail while there is none; requests see that for themselves, and count it. */
static bool child_must_wait(const Child *child, const CallMessage *message)
{
        static const bool needs_trail[_CALL_MAX] = {
                [CALL_GET_RECEIPT] = true,    [CALL_RELOAD] = true,       [CALL_REBASE] = true,
                [CALL_GET_CHECKPOINT] = true, [CALL_OPEN_DETAILS] = true, [CALL_COUNT_DETAILS] = true,
                [CALL_ERASE] = true};

        return child->guard->standby.active && needs_trail[message->kind];
}

static int child_turn_away(Client *client, const CallMessage *message)
{
        _cleanup_(buffer_deinit) Buffer answer = BUFFER_INIT;
        Call call = {};

        call_begin(&call, client, message->serial);
        answer_error(call.to, ANSWER_TRAIL_UNAVAILABLE, client->guard->recorder.why, &answer);
        int r = call_end(&call, &answer);
        return r < 0 ? r : 0;
}

static int child_on_call(Child *child, Packet *packet)
{
        _cleanup_(call_deinit) CallMessage message = {};

        if (!call_decode(packet->body, packet->n_body, &message)) {
                child_breach(child, "a call that cannot be read");
                return 0;
        }
        Client *client = child_find(child, message.connection);
        if (!client) {
                child_breach(child, "a call on a connection that is not its own");
                return 0;
        }
        if (child->n_credits == 0) {
                child_breach(child, "more calls than credits");
                return 0;
        }
        if (!child_calls[message.kind].on[child->interface]) {
                child_breach(child, "a call that its interface does not have");
                return 0;
        }
        if (message.serial != client->last_serial + 1) {
                child_breach(child, "a call out of its turn");
                return 0;
        }
        client->last_serial = message.serial;
        if (!client_alive(client))
                return child_drop_call(client, &message);
        if (child_must_wait(child, &message))
                return child_turn_away(client, &message);
        return child_calls[message.kind].begin(client, packet, &message);
}

static int child_on_refused(Child *child, Packet *packet)
{
        RefusedMessage message;

        Client *client = refused_decode(packet->body, packet->n_body, &message)
                                 ? child_find(child, message.connection)
                                 : NULL;
        if (!client || message.why == REFUSED_FRONTEND)
                child_breach(child, "a refusal that is not its to tell");
        else
                guard_refuse(child->guard, client->user, message.why);
        return 0;
}

static int child_on_closed(Child *child, Packet *packet)
{
        ConnectionMessage message;

        Client *client = connection_decode(packet->body, packet->n_body, &message)
                                 ? child_find(child, message.connection)
                                 : NULL;
        if (!client)
                child_breach(child, "the end of a connection that is not its own");
        else
                client_free(client);
        /* Where room is short it is not kept for the next client of its uid. */
        if (child->channel && child->n_clients == 0 && frontend_is_crowded(child->guard))
                child_end(child);
        return 0;
}

static int child_on_packet(Channel *channel, Packet *packet, void *userdata)
{
        static const struct {
                MessageType type;
                int (*handle)(Child *child, Packet *packet);
        } types[] = {
                {MESSAGE_CALL, child_on_call},
                {MESSAGE_REFUSED, child_on_refused},
                {MESSAGE_CLOSED, child_on_closed},
        };
        Child *child = userdata;

        for (size_t i = 0; packet->n_fds == 0 && i < ARRAY_SIZE(types); i++)
                if (types[i].type == packet->type)
                        return types[i].handle(child, packet);
        child_breach(child, "a message that children do not send");
        return 0;
}

static int child_on_closed_channel(Channel *channel, int reason, void *userdata)
{
        Child *child = userdata;

        if (reason == PACKET_E_MALFORMED) {
                child_breach(child, "what is no packet");
        } else if (reason == -ENOBUFS) {
                child_breach(child, "it does not read what it is sent");
        } else {
                if (reason < 0)
                        event_tell(EVENT_SOCKETS_FAILED, EVENT_FIELDS({"why", strerror(-reason)}),
                                   "The socket of the frontend child for uid %u on %s fails: %s",
                                   child->user.uid, message_interface_name(child->interface),
                                   strerror(-reason));
                child_end(child);
        }
        return 0;
}

/* ----------------------------------------------------------------------------------------- life and death */

int child_new(Child **ret_child, Guard *guard, int fd, const Child *like)
{
        static const ChannelHandlers handlers = {.packet = child_on_packet,
                                                 .closed = child_on_closed_channel};

        Child *child = calloc(1, sizeof(*child));
        if (!child)
                return -ENOMEM;
        *child = *like;
        child->guard = guard;
        TAILQ_INIT(&child->clients);
        TAILQ_INIT(&child->calls);
        int r = channel_new(&child->channel, guard->event, fd, &handlers, child);
        if (r < 0) {
                free(child);
                return r;
        }
        *ret_child = child;
        return 0;
}

void child_end(Child *child)
{
        child->channel = channel_free(child->channel);
        while (!TAILQ_EMPTY(&child->calls))
                call_lose_child(TAILQ_FIRST(&child->calls));
        while (!TAILQ_EMPTY(&child->clients))
                client_free(TAILQ_FIRST(&child->clients));
        child_give_back(child, child->n_credits);
        child->n_credits = 0;
        child->n_calls = 0;
}

Child *child_free(Child *child)
{
        if (!child)
                return NULL;
        child_end(child);
        quota_drop(&child->guard->quota, QUOTA_CHILD, child->user);
        free(child);
        return NULL;
}

/* ------------------------------------------------------------------------------------------------
 * connections */

/* The bounds of a child follow its newest connection: the policy may know a uid by a group of some of its
 * processes only, and another policy may have come into force. */
static int child_set_bounds(Child *child, const Client *client)
{
        Guard *guard = child->guard;
        AllowanceUser user = {.uid = client->user.uid,
                              .known = client->user.known,
                              .rate = config_rate(&guard->config, &client->attestation)};
        Bucket *bucket = NULL;

        child->most = client->user.known ? CHILD_CREDITS_KNOWN : CHILD_CREDITS_UNKNOWN;
        if (child->interface == INTERFACE_MATCH) {
                int r = allowance_find(&guard->allowances, &user, clock_boottime(), &bucket);
                if (r < 0)
                        return r;
        }
        if (bucket != child->bucket) {
                child_give_back(child, child->n_credits);
                child->bucket = bucket;
        }
        return child_grant(child);
}

int child_add(Child *child, Client *client)
{
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;

        connection_encode(&(ConnectionMessage){.connection = client->id}, &body);
        int r = channel_send(child->channel, MESSAGE_CONNECT, &body, &client->fd, 1);
        if (r < 0)
                return r;
        client->child = child;
        TAILQ_INSERT_TAIL(&child->clients, client, link);
        child->n_clients++;
        return child_set_bounds(child, client);
}

void child_remove(Child *child, Client *client)
{
        TAILQ_REMOVE(&child->clients, client, link);
        client->child = NULL;
        if (--child->n_clients == 0)
                child->idle_usec = clock_boottime();
}

void child_hang_up(Child *child, const Client *client)
{
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;

        connection_encode(&(ConnectionMessage){.connection = client->id}, &body);
        if (child->channel)
                /* A child that cannot be told sees the end of the connection itself. */
                (void)channel_send(child->channel, MESSAGE_HANG_UP, &body, NULL, 0);
}

int child_answer(Child *child, Buffer *answer)
{
        return channel_send(child->channel, MESSAGE_ANSWER, answer, NULL, 0);
}
