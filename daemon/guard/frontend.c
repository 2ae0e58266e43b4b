/*
 * The frontend's parent and its children. Owns the channel and every Child. Run by the guard's loop.
 */

#include "guard/frontend.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/macro.h"
#include "guard/guard.h"
#include "guard/timer.h"
#include "trail/event.h"

/* A child without clients is kept for a little: the next client of the same uid is often near. */
#define FRONTEND_LINGER_USEC (10 * CLOCK_USEC_PER_SEC)

uid_t frontend_account(const Guard *guard, const char *name)
{
        uid_t uid;

        if (guard->options->private)
                return geteuid();
        return config_account(name, &uid) == 0 ? uid : FRONTEND_NO_ACCOUNT;
}

bool frontend_peer_is(int fd, uid_t account)
{
        uid_t uid;

        return account != FRONTEND_NO_ACCOUNT && attest_peer_uid(fd, &uid) == 0 && uid == account;
}

/* --------------------------------------------------------------------------------------------- the parent */

/* Ends the parent and everything that hangs on it. */
static void frontend_end(Frontend *frontend)
{
        frontend->channel = channel_free(frontend->channel);
        frontend->stopping = false;
        while (!TAILQ_EMPTY(&frontend->children)) {
                Child *child = TAILQ_FIRST(&frontend->children);
                TAILQ_REMOVE(&frontend->children, child, link);
                child_free(child);
        }
}

static Child *frontend_find_id(const Frontend *frontend, uint64_t id)
{
        Child *child;

        TAILQ_FOREACH (child, &frontend->children, link)
                if (child->id == id)
                        return child;
        return NULL;
}

static int frontend_breach(Frontend *frontend)
{
        event_tell(EVENT_FRONTEND_BREACH, EVENT_NO_FIELDS,
                   "The frontend sent what it must not, or does not read; it is ended.");
        guard_refuse(frontend->guard, (QuotaUser){}, REFUSED_FRONTEND);
        frontend_end(frontend);
        guard_peers_changed(frontend->guard);
        return 0;
}

/* Who connects from now on waits for the next one. */
static int frontend_on_stopping(Frontend *frontend)
{
        frontend->stopping = true;
        event_tell(EVENT_FRONTEND_STOPS, EVENT_NO_FIELDS, "The frontend stops, as it was told.");
        guard_peers_changed(frontend->guard);
        return 0;
}

static int frontend_on_packet(Channel *channel, Packet *packet, void *userdata)
{
        Frontend *frontend = userdata;
        ChildGoneMessage message;

        if (packet->type == MESSAGE_STOPPING && packet->n_fds == 0 && packet->n_body == 0 &&
            !frontend->stopping)
                return frontend_on_stopping(frontend);
        if (packet->type != MESSAGE_CHILD_GONE || packet->n_fds > 0 ||
            !child_gone_decode(packet->body, packet->n_body, &message))
                return frontend_breach(frontend);
        Child *child = frontend_find_id(frontend, message.child);
        if (!child)
                return 0;
        TAILQ_REMOVE(&frontend->children, child, link);
        child_free(child);
        return 0;
}

static int frontend_on_closed(Channel *channel, int reason, void *userdata)
{
        Frontend *frontend = userdata;

        if (reason == PACKET_E_MALFORMED || reason == -ENOBUFS)
                return frontend_breach(frontend);
        if (reason < 0)
                event_tell(EVENT_FRONTEND_GONE, EVENT_FIELDS({"error", strerror(-reason)}),
                           "The frontend's socket fails: %s", strerror(-reason));
        else if (!frontend->stopping)
                event_tell(EVENT_FRONTEND_GONE, EVENT_NO_FIELDS, "The frontend has gone.");
        frontend_end(frontend);
        guard_peers_changed(frontend->guard);
        return 0;
}

int frontend_accept(Guard *guard, int fd)
{
        static const ChannelHandlers handlers = {.packet = frontend_on_packet, .closed = frontend_on_closed};
        _cleanup_(fd_closep) int own_fd = fd;
        Frontend *frontend = &guard->frontend;

        /* A child that has been taken over runs as the same account: it must not come in as the parent. */
        if (frontend->channel || !frontend_peer_is(own_fd, guard->frontend_uid)) {
                event_tell(EVENT_PEER_TURNED_AWAY, EVENT_FIELDS({"socket", "frontend"}),
                           "Turned away a connection on the frontend's socket: %s.",
                           frontend->channel ? "a frontend is there" : "it is of another account");
                return 0;
        }
        int r = channel_new(&frontend->channel, guard->event, TAKE_FD(own_fd), &handlers, frontend);
        if (r < 0)
                return r;
        event_tell(EVENT_FRONTEND_THERE, EVENT_NO_FIELDS, "The frontend is there.");
        guard_peers_changed(guard);
        return log_level_greet(frontend->channel);
}

/* ------------------------------------------------------------------------------------------- the children */

static Child *frontend_find(const Frontend *frontend, MessageInterface interface, uid_t uid)
{
        Child *child;

        TAILQ_FOREACH (child, &frontend->children, link)
                if (child->channel && child->interface == interface && child->user.uid == uid)
                        return child;
        return NULL;
}

/* Ends the child that has been without clients the longest, to make room. */
static void frontend_end_idlest(Frontend *frontend)
{
        Child *idlest = NULL;
        Child *child;

        TAILQ_FOREACH (child, &frontend->children, link)
                if (child->channel && child->n_clients == 0 &&
                    (!idlest || child->idle_usec < idlest->idle_usec))
                        idlest = child;
        if (idlest)
                child_end(idlest);
}

bool frontend_is_crowded(const Guard *guard)
{
        return guard->quota.n_all[QUOTA_CHILD] > QUOTA_CHILDREN_MAX / 2 ||
               guard->quota.n_unknown[QUOTA_CHILD] > QUOTA_CHILDREN_UNKNOWN / 2;
}

static int frontend_send_spawn(Frontend *frontend, const Child *child, int fd)
{
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;
        SpawnMessage message = {
                .child = child->id, .interface = (uint8_t)child->interface, .uid = child->user.uid};

        spawn_encode(&message, &body);
        return channel_send(frontend->channel, MESSAGE_SPAWN, &body, &fd, 1);
}

static int frontend_spawn(Guard *guard, const Child *like, Child **ret_child)
{
        Frontend *frontend = &guard->frontend;
        int pair[2];

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
                event_tell(EVENT_SOCKETS_FAILED, EVENT_FIELDS({"why", strerror(errno)}),
                           "Cannot make a frontend child for uid %u: %m", like->user.uid);
                return FRONTEND_E_NONE;
        }
        _cleanup_(fd_closep) int their_fd = pair[1];
        Child *child;
        int r = child_new(&child, guard, pair[0], like);
        if (r < 0) {
                event_tell(EVENT_SOCKETS_FAILED, EVENT_FIELDS({"why", strerror(-r)}),
                           "Cannot make a frontend child for uid %u: %s", like->user.uid, strerror(-r));
                return r == -ENOMEM ? r : FRONTEND_E_NONE;
        }
        r = frontend_send_spawn(frontend, child, their_fd);
        if (r < 0) {
                child_free(child);
                return r;
        }
        TAILQ_INSERT_TAIL(&frontend->children, child, link);
        *ret_child = child;
        return 0;
}

int frontend_child(Guard *guard, MessageInterface interface, QuotaUser user, Child **ret_child)
{
        Frontend *frontend = &guard->frontend;

        if (!frontend->channel)
                return FRONTEND_E_NONE;
        Child *child = frontend_find(frontend, interface, user.uid);
        if (child) {
                *ret_child = child;
                return 0;
        }
        if (!quota_take(&guard->quota, QUOTA_CHILD, user)) {
                /* The room is there once its process has gone: the next one finds it. */
                frontend_end_idlest(frontend);
                guard_overloaded(guard);
                return FRONTEND_E_NONE;
        }
        Child like = {.id = frontend->next_child++, .interface = interface, .user = user};
        int r = frontend_spawn(guard, &like, ret_child);
        if (r > 0)
                quota_drop(&guard->quota, QUOTA_CHILD, user);
        return r;
}

static int frontend_on_sweep(sd_event_source *source, uint64_t usec, void *userdata)
{
        Frontend *frontend = userdata;
        uint64_t now_usec = clock_boottime();
        Child *child;

        TAILQ_FOREACH (child, &frontend->children, link)
                if (child->channel && child->n_clients == 0 &&
                    child->idle_usec + FRONTEND_LINGER_USEC <= now_usec)
                        child_end(child);
        return timer_arm(source, FRONTEND_LINGER_USEC / 2);
}

/* --------------------------------------------------------------------------------------------- the tokens */

static int frontend_on_tokens(sd_event_source *source, uint64_t usec, void *userdata)
{
        Frontend *frontend = userdata;

        for (Child *child = TAILQ_FIRST(&frontend->children); child; child = TAILQ_NEXT(child, link)) {
                int r = child_grant(child);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* How long until some child that waits may have its token. */
static uint64_t frontend_next_token(const Frontend *frontend, uint64_t now_usec)
{
        uint64_t least = CLOCK_USEC_PER_SEC;
        Child *child;

        TAILQ_FOREACH (child, &frontend->children, link)
                if (child->channel && child->bucket && child->n_credits == 0)
                        least = MIN_OF(least, bucket_next_usec(child->bucket, now_usec));
        return MAX_OF(least, UINT64_C(1000));
}

int frontend_wait_for_tokens(Guard *guard)
{
        Frontend *frontend = &guard->frontend;
        if (timer_is_armed(frontend->tokens))
                return 0;
        return timer_arm(frontend->tokens, frontend_next_token(frontend, clock_boottime()));
}

/* ----------------------------------------------------------------------------------------- life and death */

int frontend_init(Frontend *frontend, Guard *guard)
{
        *frontend = (Frontend){.guard = guard, .next_child = 1, .next_connection = 1};
        TAILQ_INIT(&frontend->children);
        int r = timer_new(guard->event, &frontend->sweep, frontend_on_sweep, frontend);
        if (r == 0)
                r = timer_new(guard->event, &frontend->tokens, frontend_on_tokens, frontend);
        return r < 0 ? r : timer_arm(frontend->sweep, FRONTEND_LINGER_USEC / 2);
}

void frontend_deinit(Frontend *frontend)
{
        if (!frontend->guard)
                return;
        frontend_end(frontend);
        frontend->sweep = sd_event_source_disable_unref(frontend->sweep);
        frontend->tokens = sd_event_source_disable_unref(frontend->tokens);
}
