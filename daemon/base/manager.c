/*
 * One datagram a message to $NOTIFY_SOCKET. Whoever calls owns the connection, from any thread.
 */

#include "base/manager.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"
#include "base/macro.h"

int manager_connect(int *ret_fd)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        const char *name = getenv("NOTIFY_SOCKET");

        if (!name) {
                *ret_fd = -1;
                return 0;
        }
        size_t n = strlen(name);
        if (n == 0 || n > sizeof(address.sun_path))
                return -EINVAL;
        /* A path, or an abstract name behind an @. */
        memcpy(address.sun_path, name, n);
        if (name[0] == '@')
                address.sun_path[0] = '\0';
        socklen_t n_address = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
        _cleanup_(fd_closep) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&address, n_address) < 0)
                return -errno;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* The same call as sd_notify(3) makes, which tests tell from those to netlink. */
int manager_tell(int fd, const char *assignments, bool wait)
{
        struct iovec bytes = {.iov_base = (char *)assignments, .iov_len = strlen(assignments)};
        const struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};

        if (fd >= 0 && sendmsg(fd, &message, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT)) < 0)
                return -errno;
        return 0;
}
