/*
 * One datagram a message to $NOTIFY_SOCKET. Owns the connection, what waits, and the watchdog's timer. Run by the
 * guard's loop. Not sd_notify(3), nor sd_event_set_watchdog(3), which waits in it: a manager that is held up would
 * hold up every request.
 */

#include "guard/notifier.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include "base/fd.h"
#include "base/macro.h"
#include "guard/timer.h"
#include "trail/event.h"

/* A path, or an abstract name behind an @. */
static int notifier_connect(const char *name, int *ret_fd)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        size_t n = strlen(name);

        if (n == 0 || n > sizeof(address.sun_path))
                return -EINVAL;
        memcpy(address.sun_path, name, n);
        if (name[0] == '@')
                address.sun_path[0] = '\0';
        socklen_t n_address = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
        _cleanup_(fd_closep) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&address, n_address) < 0)
                return -errno;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* The same call as sd_notify(3) makes, which tests tell from those to netlink. Return: whether there is no room for
 * the moment; a manager that has gone needs no telling. */
static bool notifier_is_full(const Notifier *notifier, const char *text)
{
        struct iovec bytes = {.iov_base = (char *)text, .iov_len = strlen(text)};
        const struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};

        if (sendmsg(notifier->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
                return false;
        if (errno == EAGAIN)
                return true;
        /* One that is there and is not told that all is ready will stop the guard for it. */
        if (errno != ECONNREFUSED && errno != ENOTCONN && errno != EPIPE)
                event_tell(EVENT_SOCKETS_FAILED, EVENT_FIELDS({"why", strerror(errno)}),
                           "Cannot tell the service manager how it stands: %m");
        return false;
}

static void notifier_drop_oldest(Notifier *notifier)
{
        free(notifier->waiting[0]);
        notifier->n_waiting--;
        memmove(notifier->waiting, notifier->waiting + 1, notifier->n_waiting * sizeof(char *));
}

static void notifier_flush(Notifier *notifier)
{
        while (notifier->n_waiting > 0 && !notifier_is_full(notifier, notifier->waiting[0]))
                notifier_drop_oldest(notifier);
}

static int notifier_on_room(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        Notifier *notifier = userdata;

        notifier_flush(notifier);
        return sd_event_source_set_enabled(source, notifier->n_waiting > 0 ? SD_EVENT_ON : SD_EVENT_OFF);
}

int notifier_tell(Notifier *notifier, const char *assignments)
{
        if (notifier->fd < 0 || (notifier->n_waiting == 0 && !notifier_is_full(notifier, assignments)))
                return 0;
        char *copy = strdup(assignments);
        if (!copy)
                return -ENOMEM;
        if (notifier->n_waiting == NOTIFIER_WAITING_MAX)
                notifier_drop_oldest(notifier);
        notifier->waiting[notifier->n_waiting++] = copy;
        return sd_event_source_set_enabled(notifier->room, SD_EVENT_ON);
}

/* A sign of life for which there is no room now need not be told later: the next one is. */
static int notifier_on_watchdog(sd_event_source *source, uint64_t usec, void *userdata)
{
        Notifier *notifier = userdata;

        if (notifier->n_waiting == 0)
                (void)notifier_is_full(notifier, "WATCHDOG=1");
        return timer_arm(source, notifier->watchdog_usec);
}

static int notifier_watch(Notifier *notifier, sd_event *event)
{
        uint64_t limit_usec;

        int r = sd_watchdog_enabled(0, &limit_usec);
        if (r <= 0)
                return r;
        notifier->watchdog_usec = limit_usec / 3;
        r = timer_new(event, &notifier->watchdog, notifier_on_watchdog, notifier);
        return r < 0 ? r : timer_arm(notifier->watchdog, notifier->watchdog_usec);
}

int notifier_init(Notifier *notifier, sd_event *event)
{
        const char *name = getenv("NOTIFY_SOCKET");

        *notifier = (Notifier){.fd = -1};
        if (!name)
                return 0;
        int r = notifier_connect(name, &notifier->fd);
        if (r < 0)
                return r;
        r = sd_event_add_io(event, &notifier->room, notifier->fd, EPOLLOUT, notifier_on_room, notifier);
        if (r >= 0)
                r = sd_event_source_set_exit_on_failure(notifier->room, true);
        if (r >= 0)
                r = sd_event_source_set_enabled(notifier->room, SD_EVENT_OFF);
        return r < 0 ? r : notifier_watch(notifier, event);
}

void notifier_deinit(Notifier *notifier)
{
        if (notifier->fd >= 0)
                notifier_flush(notifier);
        while (notifier->n_waiting > 0)
                notifier_drop_oldest(notifier);
        notifier->room = sd_event_source_disable_unref(notifier->room);
        notifier->watchdog = sd_event_source_disable_unref(notifier->watchdog);
        notifier->fd = fd_close(notifier->fd);
}
