/*
 * The process and the guard's end of it. Owns the socket pair. A question is two bytes; an answer as well, with the
 * descriptor where the first of them is 0:
 *
 *      question        number of the file, 0 or 1      number of the question
 *      answer          errno of open(2), or 0          number of the question that is answered
 *
 * A late answer must never be taken for that of the other file: names would then be looked up in the wrong one. So
 * whatever goes wrong between the two is the last that they say: the socket is shut down, which both see, and which
 * nothing undoes.
 */

#include "guard/etc-reader.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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

enum { ETC_READER_FD = STDERR_FILENO + 1, ETC_READER_SECONDS = 2 };

static const char *const etc_reader_files[] = {"/etc/passwd", "/etc/group"};

/* A question or an answer, with room for a descriptor. */
typedef struct EtcMessage {
        struct {
                uint8_t what; /* which file, or which error */
                uint8_t question;
        } said;
        struct iovec bytes;
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int))];
        } control;
} EtcMessage;

/* CMSG_SPACE() would leave room for two. */
static struct msghdr etc_message(EtcMessage *message)
{
        message->bytes = (struct iovec){&message->said, sizeof(message->said)};
        return (struct msghdr){.msg_iov = &message->bytes,
                               .msg_iovlen = 1,
                               .msg_control = message->control.space,
                               .msg_controllen = CMSG_LEN(sizeof(int))};
}

/* --------------------------------------------------------------------------------------------- the process */

static int etc_reader_answer(int fd, EtcMessage *message)
{
        struct msghdr header = etc_message(message);
        _cleanup_(fd_closep) int file_fd = -1;

        errno = EINVAL;
        if (message->said.what < ARRAY_SIZE(etc_reader_files))
                file_fd = open(etc_reader_files[message->said.what], O_RDONLY | O_CLOEXEC | O_NOCTTY);
        message->said.what = file_fd < 0 ? (uint8_t)errno : 0;
        if (file_fd < 0) {
                header.msg_control = NULL;
                header.msg_controllen = 0;
        } else {
                message->control.header = (struct cmsghdr){
                        .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
                memcpy(CMSG_DATA(&message->control.header), &file_fd, sizeof(file_fd));
        }
        return sendmsg(fd, &header, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Until the guard has gone. */
static int etc_reader_serve(int fd)
{
        for (;;) {
                EtcMessage message = {};
                ssize_t n = read(fd, &message.said, sizeof(message.said));
                if (n < 0 && errno == EINTR)
                        continue;
                int r = n < 0 ? -errno : n == 0 ? -EPIPE : etc_reader_answer(fd, &message);
                if (r < 0)
                        return r;
        }
}

static void etc_reader_become(int fd, pid_t guard, bool log_seccomp)
{
        /* It may be that number already, where the guard was started with less than three descriptors. */
        int r = dup2(fd, ETC_READER_FD) < 0 || close_range(ETC_READER_FD + 1, ~0U, 0) < 0 ||
                                prctl(PR_SET_NAME, "mg-etc-reader", 0, 0, 0) < 0 ||
                                prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0
                        ? -errno
                        : 0;
        /* A guard that had ended before is told by no signal. */
        if (r == 0 && getppid() != guard)
                r = -ESRCH;
        if (r == 0)
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
        /* A confined guard may not wait for it. */
        if (signal(SIGCHLD, SIG_IGN) == SIG_ERR)
                return -errno;
        pid_t pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                own_fd = fd_close(own_fd); /* Held here, too, it would never be seen to end. */
                etc_reader_become(other_fd, self, log_seccomp);
        }
        reader->fd = TAKE_FD(own_fd);
        return 0;
}

void etc_reader_deinit(EtcReader *reader)
{
        reader->fd = fd_close(reader->fd);
}

void etc_reader_shut(EtcReader *reader)
{
        if (reader->fd >= 0)
                (void)shutdown(reader->fd, SHUT_RDWR); /* It fails only where it is shut already. */
}

bool etc_reader_is_gone(const EtcReader *reader)
{
        struct pollfd waiting = {.fd = reader->fd};

        return poll(&waiting, 1, 0) > 0;
}

/* The descriptor that came with an answer, or -1. Where there were more the kernel has closed these. */
static int etc_reader_descriptor(struct msghdr *header)
{
        const struct cmsghdr *control = CMSG_FIRSTHDR(header);
        int fd = -1;

        if (control && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS &&
            control->cmsg_len == CMSG_LEN(sizeof(fd)))
                memcpy(&fd, CMSG_DATA(control), sizeof(fd));
        return fd;
}

/*
 * @ret_answer: a descriptor, the caller's; or -errno
 * Return: 0; or -errno, after which nothing must be asked.
 */
static int etc_reader_receive(const EtcReader *reader, uint8_t question, int *ret_answer)
{
        EtcMessage message = {};
        struct msghdr header = etc_message(&message);
        ssize_t n;

        do
                n = recvmsg(reader->fd, &header, MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return errno == EAGAIN ? -ETIMEDOUT : -errno;
        _cleanup_(fd_closep) int fd = etc_reader_descriptor(&header);
        bool cut = header.msg_flags & MSG_CTRUNC;
        if (n == 0)
                return -EPIPE;
        if (n != sizeof(message.said) || (header.msg_flags & MSG_TRUNC) || message.said.question != question)
                return -EPROTO;
        /* One that came, but that this process has no number for, is no fault of the other's. */
        if (message.said.what == 0 && fd < 0 && cut)
                message.said.what = EMFILE;
        else if (cut || (message.said.what == 0) != (fd >= 0))
                return -EPROTO;
        *ret_answer = fd < 0 ? -message.said.what : TAKE_FD(fd);
        return 0;
}

static int etc_reader_ask(EtcReader *reader, uint8_t file, int *ret_answer)
{
        EtcMessage message = {.said = {.what = file, .question = reader->question++}};

        if (send(reader->fd, &message.said, sizeof(message.said), MSG_NOSIGNAL) < 0)
                return -errno;
        return etc_reader_receive(reader, message.said.question, ret_answer);
}

int etc_reader_open(const char *path, void *userdata)
{
        EtcReader *reader = userdata;
        uint8_t file = 0;
        int answer = -EINVAL; /* of another path */

        while (file < ARRAY_SIZE(etc_reader_files) && strcmp(path, etc_reader_files[file]) != 0)
                file++;
        if (file == ARRAY_SIZE(etc_reader_files))
                return answer;
        int r = etc_reader_ask(reader, file, &answer);
        if (r < 0) {
                etc_reader_shut(reader);
                return r;
        }
        return answer;
}
