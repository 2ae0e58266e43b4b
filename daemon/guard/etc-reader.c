/*
 * The process and the guard's end of it. A question is one byte, the number of a file; an answer is the errno of
 * open(2) in one byte, with the descriptor where that is 0. Owns the socket pair.
 */

#include "guard/etc-reader.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "guard/confine.h"

enum { ETC_READER_FD = STDERR_FILENO + 1, ETC_READER_SECONDS = 10 };

static const char *const etc_reader_files[] = {"/etc/passwd", "/etc/group"};

/* A message of one byte, with room for a descriptor. */
typedef struct EtcMessage {
        uint8_t byte;
        struct iovec bytes;
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int))];
        } control;
} EtcMessage;

static struct msghdr etc_message(EtcMessage *message)
{
        message->bytes = (struct iovec){&message->byte, 1};
        return (struct msghdr){.msg_iov = &message->bytes,
                               .msg_iovlen = 1,
                               .msg_control = message->control.space,
                               .msg_controllen = sizeof(message->control.space)};
}

/* --------------------------------------------------------------------------------------------- the process */

static int etc_reader_answer(int fd, uint8_t number)
{
        EtcMessage message = {};
        struct msghdr header = etc_message(&message);
        _cleanup_(fd_closep) int file_fd = -1;

        if (number < ARRAY_SIZE(etc_reader_files))
                file_fd = open(etc_reader_files[number], O_RDONLY | O_CLOEXEC | O_NOCTTY);
        message.byte = file_fd < 0 ? (uint8_t)errno : 0;
        if (file_fd < 0) {
                header.msg_control = NULL;
                header.msg_controllen = 0;
        } else {
                message.control.header = (struct cmsghdr){
                        .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
                memcpy(CMSG_DATA(&message.control.header), &file_fd, sizeof(file_fd));
        }
        return sendmsg(fd, &header, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Until the guard has gone. */
static int etc_reader_serve(int fd)
{
        for (;;) {
                uint8_t number;
                ssize_t n = read(fd, &number, 1);
                if (n < 0 && errno == EINTR)
                        continue;
                int r = n < 0 ? -errno : n == 0 ? -EPIPE : etc_reader_answer(fd, number);
                if (r < 0)
                        return r;
        }
}

static void etc_reader_become(int fd, pid_t guard, bool log_seccomp)
{
        int r = dup3(fd, ETC_READER_FD, O_CLOEXEC) < 0 || close_range(ETC_READER_FD + 1, ~0U, 0) < 0 ||
                                prctl(PR_SET_NAME, "mg-etc-reader", 0, 0, 0) < 0 ||
                                prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0
                        ? -errno
                        : 0;
        if (r == 0 && getppid() == guard)
                r = confine_etc_reader(log_seccomp);
        if (r == 0)
                (void)etc_reader_serve(ETC_READER_FD); /* The end of the guard is the end. */
        _exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* ----------------------------------------------------------------------------------------------- the guard */

int etc_reader_start(EtcReader *reader, bool log_seccomp)
{
        const struct timeval limit = {.tv_sec = ETC_READER_SECONDS};
        pid_t self = getpid();
        int pair[2];

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        _cleanup_(fd_closep) int own_fd = pair[0], other_fd = pair[1];
        /* One that stands still holds up a reload, not for ever. */
        if (setsockopt(own_fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
                return -errno;
        pid_t pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                etc_reader_become(other_fd, self, log_seccomp);
        reader->fd = TAKE_FD(own_fd);
        return 0;
}

void etc_reader_deinit(EtcReader *reader)
{
        reader->fd = fd_close(reader->fd);
}

static int etc_reader_take(struct msghdr *header, const EtcMessage *message)
{
        const struct cmsghdr *control = CMSG_FIRSTHDR(header);
        int fd;

        if (message->byte != 0)
                return -message->byte;
        if (!control || control->cmsg_type != SCM_RIGHTS || control->cmsg_len != CMSG_LEN(sizeof(int)))
                return -EPROTO;
        memcpy(&fd, CMSG_DATA(control), sizeof(fd));
        return fd;
}

int etc_reader_open(const char *path, void *userdata)
{
        EtcReader *reader = userdata;
        EtcMessage message = {};
        struct msghdr header = etc_message(&message);
        ssize_t n;

        while (message.byte < ARRAY_SIZE(etc_reader_files) &&
               strcmp(path, etc_reader_files[message.byte]) != 0)
                message.byte++;
        if (message.byte == ARRAY_SIZE(etc_reader_files))
                return -EINVAL;
        if (send(reader->fd, &message.byte, 1, MSG_NOSIGNAL) < 0)
                return -errno;
        do
                n = recvmsg(reader->fd, &header, MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        return n == 0 ? -EPIPE : etc_reader_take(&header, &message);
}
