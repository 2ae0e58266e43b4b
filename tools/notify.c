/*
 * Notify: the manager's end of sd_notify(3). Used by `matchguard run`; believes only the process that it is
 * told.
 */

#include "tools/notify.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/macro.h"

static bool starts(const char *line, size_t n, const char *prefix, const char **ret_rest)
{
        size_t n_prefix = strlen(prefix);
        if (n < n_prefix || memcmp(line, prefix, n_prefix) != 0)
                return false;
        *ret_rest = line + n_prefix;
        return true;
}

static void parse_line(const char *line, size_t n, Notification *notification)
{
        const char *rest;
        if (n == strlen("READY=1") && memcmp(line, "READY=1", n) == 0) {
                notification->ready = true;
        } else if (starts(line, n, "X_MATCHGUARD_SERVING=", &rest)) {
                notification->says_serving = true;
                notification->serving = rest < line + n && *rest == '1';
        } else if (starts(line, n, "STATUS=", &rest)) {
                size_t n_status = MIN_OF((size_t)(line + n - rest), sizeof(notification->status) - 1);
                memcpy(notification->status, rest, n_status);
                notification->status[n_status] = '\0';
        }
}

void notify_parse(const char *text, size_t n, Notification *ret_notification)
{
        const char *end = text + n;
        *ret_notification = (Notification){};
        while (text < end) {
                const char *newline = memchr(text, '\n', (size_t)(end - text));
                parse_line(text, (size_t)((newline ? newline : end) - text), ret_notification);
                text = newline ? newline + 1 : end;
        }
}

/* Who sent it, by the kernel's word; descriptors that came along are closed. Return: 0 where that is not
 * said. */
static pid_t sender_of(struct msghdr *message)
{
        pid_t pid = 0;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
                if (c->cmsg_level != SOL_SOCKET)
                        continue;
                if (c->cmsg_type == SCM_CREDENTIALS) {
                        struct ucred who;
                        memcpy(&who, CMSG_DATA(c), sizeof(who));
                        pid = who.pid;
                } else if (c->cmsg_type == SCM_RIGHTS) {
                        for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
                                int fd;
                                memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
                                fd_close(fd);
                        }
                }
        }
        return pid;
}

int notify_receive(int fd, pid_t pid, Notification *ret_notification)
{
        char text[NOTIFY_MAX];
        _Alignas(
                struct cmsghdr) char control[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(16 * sizeof(int))];
        struct iovec part = {.iov_base = text, .iov_len = sizeof(text)};
        struct msghdr message = {
                .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
        ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? NOTIFY_E_AGAIN : -errno;
        if (sender_of(&message) != pid || (message.msg_flags & MSG_TRUNC))
                return NOTIFY_E_FOREIGN;
        notify_parse(text, (size_t)n, ret_notification);
        return 0;
}
