/*
 * One datagram an entry. Whoever calls owns the connection, from any thread, one at a time. A connected socket,
 * so that poll(2) knows whether there is room at the other end.
 */

#include "base/journald.h"

#include <endian.h>
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"
#include "base/macro.h"

void journald_field(Buffer *entry, const char *key, const void *value, size_t n)
{
        buffer_append_text(entry, key);
        if (memchr(value, '\n', n)) {
                uint64_t length = htole64(n);
                buffer_append_text(entry, "\n");
                buffer_append(entry, &length, sizeof(length));
        } else {
                buffer_append_text(entry, "=");
        }
        buffer_append(entry, value, n);
        buffer_append_text(entry, "\n");
}

void journald_field_text(Buffer *entry, const char *key, const char *value)
{
        journald_field(entry, key, value, strlen(value));
}

static int journald_connect(const char *path, int *ret_fd)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        _cleanup_(fd_closep) int fd = -1;

        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, strlen(path));
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
                return -errno;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* Return: 0, or -errno; -EAGAIN where there is no room. */
static int journald_try(int fd, const void *entry, size_t n)
{
        ssize_t sent;

        do
                sent = send(fd, entry, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        while (sent < 0 && errno == EINTR);
        return sent < 0 ? -errno : 0;
}

/* A socket whose other end was closed stays closed: a journald that was restarted has another one. */
static bool journald_was_restarted(int r)
{
        return r == -ECONNREFUSED || r == -ENOTCONN || r == -ECONNRESET;
}

/* On the connection at hand, or on a new one. Return: as journald_try(). */
static int journald_try_anew(int *fd, const char *path, const void *entry, size_t n)
{
        int r = *fd < 0 ? -ENOTCONN : journald_try(*fd, entry, n);
        if (!journald_was_restarted(r))
                return r;
        *fd = fd_close(*fd);
        r = journald_connect(path, fd);
        return r < 0 ? r : journald_try(*fd, entry, n);
}

int journald_send(int *fd, const char *path, const void *entry, size_t n, int wait_ms)
{
        /* Who waits for ever tries as often as it takes; others once more. */
        for (bool last = wait_ms == 0;; last = wait_ms >= 0) {
                int r = journald_try_anew(fd, path, entry, n);
                if (r != -EAGAIN)
                        return r;
                if (last)
                        return JOURNALD_E_BUSY;
                struct pollfd room = {.fd = *fd, .events = POLLOUT};
                /* Woken, interrupted or out of time: whether there is room is seen by trying. */
                (void)poll(&room, 1, wait_ms);
        }
}

/* journald takes one datagram after the other, and none before it is done with the one before. So when an empty
 * one, which means nothing to it, has been taken, the others have been dealt with. */
void journald_settle(int fd, int wait_ms)
{
        int n_waiting = 1;

        if (fd < 0 || send(fd, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
                return;
        for (; n_waiting > 0 && wait_ms > 0; wait_ms--) {
                if (ioctl(fd, SIOCOUTQ, &n_waiting) < 0)
                        return;
                if (n_waiting > 0)
                        (void)poll(NULL, 0, 1);
        }
}
