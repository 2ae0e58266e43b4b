/*
 * One datagram a message to $NOTIFY_SOCKET. Owns the connection, what waits, and the watchdog. Run by the guard's loop. Not
 * sd_notify(3), which waits: a manager that is held up would hold up every request.
 */

#include "guard/notifier.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/fd.h"
#include "base/manager.h"
#include "trail/event.h"

/* Return: whether there is no room for the moment; a manager that has gone needs no telling. */
static bool notifier_is_full(const Notifier *notifier, const char *text)
{
        int r = manager_tell(notifier->fd, text, false);

        if (r == -EAGAIN)
                return true;
        /* One that is there and is not told that all is ready will stop the guard for it. */
        if (r < 0 && r != -ECONNREFUSED && r != -ENOTCONN && r != -EPIPE)
                event_tell(EVENT_SOCKETS_FAILED, EVENT_FIELDS({"why", strerror(-r)}),
                           "Cannot tell the service manager how it stands: %s", strerror(-r));
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

int notifier_init(Notifier *notifier, sd_event *event)
{
        *notifier = (Notifier){.fd = -1};
        int r = manager_connect(&notifier->fd);
        if (r < 0 || notifier->fd < 0)
                return r;
        notifier->watchdog.fd = notifier->fd;
        r = sd_event_add_io(event, &notifier->room, notifier->fd, EPOLLOUT, notifier_on_room, notifier);
        if (r >= 0)
                r = sd_event_source_set_exit_on_failure(notifier->room, true);
        if (r >= 0)
                r = sd_event_source_set_enabled(notifier->room, SD_EVENT_OFF);
        return r < 0 ? r : watchdog_init(&notifier->watchdog, event);
}

void notifier_deinit(Notifier *notifier)
{
        if (notifier->fd >= 0)
                notifier_flush(notifier);
        while (notifier->n_waiting > 0)
                notifier_drop_oldest(notifier);
        notifier->room = sd_event_source_disable_unref(notifier->room);
        watchdog_deinit(&notifier->watchdog);
        notifier->fd = fd_close(notifier->fd);
}
