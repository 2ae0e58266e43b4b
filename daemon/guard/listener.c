/*
 * Accepting. Owns the listening sockets. Run by the guard's loop. Which socket a connection came in by is
 * known here and nowhere else: it is never anybody's claim.
 */

#include "guard/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/macro.h"
#include "guard/client.h"
#include "guard/guard.h"
#include "guard/timer.h"
#include "trail/event.h"

enum { LISTENER_TURN_MAX = 16 };

#define LISTENER_PAUSE_USEC (CLOCK_USEC_PER_SEC / 4)

typedef enum ListenerPeer {
        LISTENER_CLIENT,
        LISTENER_FRONTEND,
        LISTENER_WORKER,
} ListenerPeer;

typedef struct ListenerKind {
        const char *name;
        int type;
        ListenerPeer peer;
        MessageInterface interface;
        /* Takes a connection over. 0 or -errno: it cannot, and has closed it. */
        int (*accepted)(Guard *guard, const struct ListenerKind *kind, int fd);
} ListenerKind;

static int accepted_client(Guard *guard, const ListenerKind *kind, int fd)
{
        return client_accept(guard, kind->interface, fd);
}

static int accepted_frontend(Guard *guard, const ListenerKind *kind, int fd)
{
        return frontend_accept(guard, fd);
}

static int accepted_worker(Guard *guard, const ListenerKind *kind, int fd)
{
        return worker_accept(guard, fd);
}

static const ListenerKind listener_kinds[LISTENERS_MAX] = {
        {"org.matchguard.Match", SOCK_STREAM, LISTENER_CLIENT, INTERFACE_MATCH, accepted_client},
        {"org.matchguard.Admin", SOCK_STREAM, LISTENER_CLIENT, INTERFACE_ADMIN, accepted_client},
        {"org.matchguard.Audit", SOCK_STREAM, LISTENER_CLIENT, INTERFACE_AUDIT, accepted_client},
        {"frontend", SOCK_SEQPACKET, LISTENER_FRONTEND, 0, accepted_frontend},
        {"worker", SOCK_SEQPACKET, LISTENER_WORKER, 0, accepted_worker},
};

/* ---------------------------------------------------------------------------------------------- accepting */

static int listener_apply(Listener *listener)
{
        bool on = listener->wanted && !timer_is_armed(listener->pause);

        return sd_event_source_set_enabled(listener->source, on ? SD_EVENT_ON : SD_EVENT_OFF);
}

static int listener_on_pause_over(sd_event_source *source, uint64_t usec, void *userdata)
{
        return listener_apply(userdata);
}

/* Waits a little: nothing can be accepted just now, and the socket would only say so again at once. */
static int listener_pause(Listener *listener)
{
        event_tell(EVENT_ACCEPT_PAUSED, EVENT_FIELDS({"socket", listener->kind->name}),
                   "Cannot accept on %s for the moment: %m", listener->kind->name);
        int r = timer_arm(listener->pause, LISTENER_PAUSE_USEC);
        return r < 0 ? r : listener_apply(listener);
}

/* What fails about one connection is the end of that one; the guard serves all others. */
static int listener_take(Listener *listener, int peer_fd)
{
        int r = listener->kind->accepted(listener->guard, listener->kind, peer_fd);

        if (r >= 0 || r == -ENOMEM)
                return r;
        event_tell(EVENT_SOCKETS_FAILED, EVENT_FIELDS({"why", strerror(-r)}),
                   "Cannot serve a connection on %s, so it is turned away: %s", listener->kind->name,
                   strerror(-r));
        return 0;
}

static int listener_on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        Listener *listener = userdata;

        for (unsigned i = 0; i < LISTENER_TURN_MAX; i++) {
                int peer_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
                if (peer_fd >= 0) {
                        int r = listener_take(listener, peer_fd);
                        if (r < 0)
                                return r;
                        continue;
                }
                if (errno == EAGAIN)
                        return 0;
                if (errno != EINTR && errno != ECONNABORTED)
                        return listener_pause(listener);
        }
        return 0;
}

int listeners_set(Listeners *listeners, const ListenersWanted *wanted)
{
        const bool by_peer[] = {
                [LISTENER_CLIENT] = wanted->clients,
                [LISTENER_FRONTEND] = wanted->frontend,
                [LISTENER_WORKER] = wanted->worker,
        };

        for (size_t i = 0; i < listeners->n; i++) {
                Listener *listener = &listeners->all[i];
                listener->wanted = by_peer[listener->kind->peer];
                int r = listener_apply(listener);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ------------------------------------------------------------------------------------------------ opening */

static const ListenerKind *listener_find(const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(listener_kinds); i++)
                if (strcmp(listener_kinds[i].name, name) == 0)
                        return &listener_kinds[i];
        return NULL;
}

static int listener_open(Guard *guard, int fd, const char *name)
{
        Listeners *listeners = &guard->listeners;
        const ListenerKind *kind = listener_find(name);

        if (!kind || sd_is_socket(fd, AF_UNIX, kind->type, 1) <= 0) {
                event_tell(EVENT_START_FAILED, EVENT_NO_FIELDS,
                           "The socket \"%s\" is none that I know, or not of its type.", name);
                return -EINVAL;
        }
        for (size_t i = 0; i < listeners->n; i++)
                if (listeners->all[i].kind == kind) {
                        event_tell(EVENT_START_FAILED, EVENT_NO_FIELDS, "The socket \"%s\" was given twice.",
                                   name);
                        return -EINVAL;
                }
        Listener *listener = &listeners->all[listeners->n];
        *listener = (Listener){.guard = guard, .kind = kind, .fd = fd};
        listeners->n++;
        /* Whoever made it may not have: the loop must not wait in
         * accept4(2) for a peer that has gone again. */
        int flags = fcntl(fd, F_GETFL);
        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
                return -errno;
        int r = timer_new(guard->event, &listener->pause, listener_on_pause_over, listener);
        if (r >= 0)
                r = sd_event_add_io(guard->event, &listener->source, fd, EPOLLIN, listener_on_io, listener);
        if (r >= 0)
                r = sd_event_source_set_exit_on_failure(listener->source, true);
        if (r >= 0)
                r = sd_event_source_set_priority(listener->source, GUARD_PRIORITY_LISTENERS);
        return r < 0 ? r : listener_apply(listener);
}

/* The audit multicast, which needs CAP_AUDIT_READ and is opened by PID 1, comes in the same way. */
static bool listeners_take_audit(Guard *guard, int fd, const char *name)
{
        Listeners *listeners = &guard->listeners;

        if (strcmp(name, "kernel-audit") != 0 || listeners->has_audit || !kernel_echo_is_fd(fd))
                return false;
        listeners->has_audit = true;
        listeners->audit_fd = fd;
        return true;
}

int listeners_take_audit_fd(Listeners *listeners)
{
        if (!listeners->has_audit)
                return -1;
        listeners->has_audit = false;
        return TAKE_FD(listeners->audit_fd);
}

static void listeners_free_names(char ***names)
{
        for (char **name = *names; name && *name; name++)
                free(*name);
        free(*names);
}

int listeners_open(Guard *guard)
{
        _cleanup_(listeners_free_names) char **names = NULL;

        int n = sd_listen_fds_with_names(1, &names);
        if (n < 0)
                return n;
        for (int i = 0; i < n; i++) {
                int fd = SD_LISTEN_FDS_START + i;
                if (listeners_take_audit(guard, fd, names[i]))
                        continue;
                int r = listener_open(guard, fd, names[i]);
                if (r < 0)
                        return r;
        }
        if (guard->listeners.n < ARRAY_SIZE(listener_kinds)) {
                event_tell(EVENT_START_FAILED, EVENT_NO_FIELDS,
                           "Only %zu of my %zu sockets were given to me; start me by systemd or by "
                           "`matchguard run`.",
                           guard->listeners.n, ARRAY_SIZE(listener_kinds));
                return -EINVAL;
        }
        return 0;
}

void listeners_deinit(Listeners *listeners)
{
        fd_close(listeners_take_audit_fd(listeners));
        for (size_t i = 0; i < listeners->n; i++) {
                Listener *listener = &listeners->all[i];
                listener->source = sd_event_source_disable_unref(listener->source);
                listener->pause = sd_event_source_disable_unref(listener->pause);
                listener->fd = fd_close(listener->fd);
        }
        listeners->n = 0;
}
