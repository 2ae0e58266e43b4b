/* Notifications: what is read of them, and that only one process is believed. */

#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "tools/notify.h"

static Notification parse(const char *text)
{
        Notification said;
        notify_parse(text, strlen(text), &said);
        return said;
}

Test(notify, lines_are_taken_apart)
{
        Notification said = parse("READY=1\nX_MATCHGUARD_SERVING=1\nSTATUS=all is well\nMAINPID=1\n");
        cr_expect(said.ready);
        cr_expect(said.says_serving);
        cr_expect(said.serving);
        cr_expect_str_eq(said.status, "all is well");
}

Test(notify, the_last_line_needs_no_newline)
{
        cr_expect(parse("STATUS=x\nREADY=1").ready);
        cr_expect_str_eq(parse("STATUS=x").status, "x");
}

Test(notify, what_only_looks_alike_is_nothing)
{
        static const char *const texts[] = {"",         "\n\n",     "READY=0", "READY=11",
                                            "XREADY=1", "READY =1", "ready=1", "READY"};
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                Notification said = parse(texts[i]);
                cr_expect(!said.ready && !said.says_serving && !said.status[0], "%s", texts[i]);
        }
}

Test(notify, serving_can_end)
{
        cr_expect(parse("X_MATCHGUARD_SERVING=0").says_serving);
        cr_expect(!parse("X_MATCHGUARD_SERVING=0").serving);
        cr_expect(!parse("X_MATCHGUARD_SERVING=").serving);
}

static void make_pair(int ret_fds[static 2])
{
        const int on = 1;
        cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, ret_fds), 0);
        cr_assert_eq(setsockopt(ret_fds[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
}

Test(notify, the_one_process_is_heard)
{
        int fds[2];
        Notification said;
        make_pair(fds);
        cr_assert_eq(notify_receive(fds[0], getpid(), &said), NOTIFY_E_AGAIN);
        cr_assert_eq(send(fds[1], "READY=1", 7, 0), 7);
        cr_assert_eq(notify_receive(fds[0], getpid(), &said), 0);
        cr_expect(said.ready);
}

Test(notify, another_process_is_not_heard)
{
        int fds[2];
        Notification said = {};
        make_pair(fds);
        pid_t pid = fork();
        if (pid == 0)
                _exit(send(fds[1], "READY=1", 7, 0) == 7 ? 0 : 1);
        cr_assert_eq(waitpid(pid, NULL, 0), pid);
        cr_expect_eq(notify_receive(fds[0], getpid(), &said), NOTIFY_E_FOREIGN);
        cr_expect(!said.ready);
}

/* The number that the next descriptor would get. */
static int next_fd(void)
{
        int fd = dup(0);
        close(fd);
        return fd;
}

Test(notify, descriptors_that_come_along_are_closed)
{
        int fds[2];
        Notification said;
        _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
        struct iovec part = {.iov_base = "READY=1", .iov_len = 7};
        struct msghdr message = {
                .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
        make_pair(fds);
        struct cmsghdr *c = CMSG_FIRSTHDR(&message);
        *c = (struct cmsghdr){
                .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(c), &fds[1], sizeof(int));
        cr_assert_eq(sendmsg(fds[1], &message, 0), 7);
        int before = next_fd();
        cr_assert_eq(notify_receive(fds[0], getpid(), &said), 0);
        cr_expect_eq(next_fd(), before);
}
