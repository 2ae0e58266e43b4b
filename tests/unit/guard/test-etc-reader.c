/*
 * guard/etc-reader.h: two files of /etc, by a process that may open nothing else and ends with its guard.
 */

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "guard/etc-reader.h"

static EtcReader reader = ETC_READER_INIT;

/* The process, which is the only child of this one. */
static pid_t process(void)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        char path[64];
        int pid = 0;

        (void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", gettid());
        cr_assert_eq(fd_read_file(AT_FDCWD, path, 4096, &text), 0);
        cr_assert_eq(sscanf(buffer_text(&text), "%d", &pid), 1);
        return pid;
}

/* The process has as long for an answer: how fast this machine is, is not what is asked here. */
static void allow(const struct timeval *limit)
{
        cr_assert_eq(setsockopt(reader.fd, SOL_SOCKET, SO_RCVTIMEO, limit, sizeof(*limit)), 0);
}

static void start(void)
{
        cr_assert_eq(etc_reader_start(&reader, false), 0);
        allow(&(struct timeval){.tv_sec = 60});
}

static void stop(void)
{
        etc_reader_deinit(&reader);
}

TestSuite(etc_reader, .init = start, .fini = stop);

/* Without waiting for it: that is the kernel's. */
static bool ends(pid_t pid)
{
        for (int i = 0; i < 6000; i++) {
                if (kill(pid, 0) < 0 && errno == ESRCH)
                        return true;
                usleep(10 * 1000);
        }
        return false;
}

/* Whether the file that is opened is that one. */
static bool opens(const char *path)
{
        _cleanup_(buffer_deinit) Buffer expected = BUFFER_INIT, found = BUFFER_INIT;
        _cleanup_(fd_closep) int fd = etc_reader_open(path, &reader);

        return fd >= 0 && fd_read_file(AT_FDCWD, path, 1 << 24, &expected) == 0 &&
               fd_read_open(fd, 1 << 24, &found) == 0 && found.n > 0 && found.n == expected.n &&
               memcmp(found.data, expected.data, found.n) == 0;
}

Test(etc_reader, opens_passwd_and_group_as_often_as_it_is_asked)
{
        for (int i = 0; i < 3; i++) {
                cr_assert(opens("/etc/passwd"));
                cr_assert(opens("/etc/group"));
        }
}

Test(etc_reader, opens_nothing_else)
{
        const uint8_t beyond[] = {2, 0};
        uint8_t answer[3];

        cr_assert_eq(etc_reader_open("/etc/shadow", &reader), -EINVAL);
        /* A guard that was taken over asks past the function. */
        cr_assert_eq(write(reader.fd, beyond, sizeof(beyond)), sizeof(beyond));
        cr_assert_eq(read(reader.fd, answer, sizeof(answer)), 2);
        cr_assert_eq(answer[0], EINVAL);
        cr_assert(opens("/etc/passwd"));
}

/* More often than a question has numbers. */
Test(etc_reader, stays_in_step)
{
        for (int i = 0; i < 300; i++) {
                _cleanup_(fd_closep) int fd = etc_reader_open(i % 2 ? "/etc/passwd" : "/etc/group", &reader);
                cr_assert_geq(fd, 0);
        }
        cr_assert(opens("/etc/passwd"));
}

Test(etc_reader, ends_when_the_guard_lets_go)
{
        pid_t pid = process();

        etc_reader_deinit(&reader);
        cr_assert(ends(pid));
}

Test(etc_reader, its_end_is_an_error_and_leaves_no_zombie)
{
        pid_t pid = process();

        cr_assert(!etc_reader_is_gone(&reader));
        cr_assert_eq(kill(pid, SIGKILL), 0);
        cr_assert(ends(pid));
        cr_assert(etc_reader_is_gone(&reader));
        cr_assert_eq(etc_reader_open("/etc/passwd", &reader), -EPIPE);
}

Test(etc_reader, is_asked_never_again_after_it_was_late)
{
        pid_t pid = process();

        allow(&(struct timeval){.tv_usec = 100 * 1000});
        cr_assert_eq(kill(pid, SIGSTOP), 0);
        cr_assert_eq(etc_reader_open("/etc/passwd", &reader), -ETIMEDOUT);
        cr_assert(etc_reader_is_gone(&reader));
        cr_assert_eq(kill(pid, SIGCONT), 0);
        cr_assert_eq(etc_reader_open("/etc/group", &reader), -EPIPE);
        cr_assert(ends(pid));
}

static void *open_passwd(void *result)
{
        *(int *)result = etc_reader_open("/etc/passwd", &reader);
        return NULL;
}

Test(etc_reader, a_stop_waits_for_no_answer)
{
        pthread_t thread;
        int result = 0;
        pid_t pid = process();

        cr_assert_eq(kill(pid, SIGSTOP), 0);
        cr_assert_eq(pthread_create(&thread, NULL, open_passwd, &result), 0);
        usleep(100 * 1000);
        etc_reader_shut(&reader);
        /* Stopped before it has asked for a signal at this one's end, it would stand for ever and hold its output. */
        cr_assert_eq(kill(pid, SIGCONT), 0);
        cr_assert_eq(pthread_join(thread, NULL), 0);
        cr_assert_eq(result, -EPIPE);
}

Test(etc_reader, a_guard_without_descriptors_left_may_ask_again)
{
        struct rlimit limit, none = {};

        cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
        none.rlim_max = limit.rlim_max;
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
        int r = etc_reader_open("/etc/passwd", &reader);
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        cr_assert_eq(r, -EMFILE);
        cr_assert(opens("/etc/group"));
}

/* ------------------------------------------------------------------------------------------------ wrong answers */

static size_t n_open(void)
{
        DIR *dir = opendir("/proc/self/fd");
        size_t n = 0;

        cr_assert_not_null(dir);
        while (readdir(dir))
                n++;
        closedir(dir);
        return n;
}

/* Says something with descriptors, as whoever has taken the process over could. */
static void say(int to_fd, const uint8_t *bytes, size_t n, size_t n_fds)
{
        struct iovec vector = {(void *)bytes, n};
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(2 * sizeof(int))];
        } control = {};
        struct msghdr header = {.msg_iov = &vector, .msg_iovlen = 1};
        const int fds[] = {STDERR_FILENO, STDERR_FILENO};

        if (n_fds > 0) {
                control.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(n_fds * sizeof(int)),
                                                  .cmsg_level = SOL_SOCKET,
                                                  .cmsg_type = SCM_RIGHTS};
                memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
                header.msg_control = control.space;
                header.msg_controllen = control.header.cmsg_len;
        }
        cr_assert_eq(sendmsg(to_fd, &header, 0), n);
}

Test(etc_reader, an_answer_that_is_none_is_the_last_and_keeps_nothing_open)
{
        static const struct {
                const char *name;
                uint8_t bytes[3];
                size_t n, n_fds;
        } answers[] = {
                {"of another question", {0, 6}, 2, 1},
                {"an error of another", {ENOENT, 8}, 2, 0},
                {"without its number", {0}, 1, 1},
                {"longer", {0, 7, 0}, 3, 1},
                {"without a descriptor", {0, 7}, 2, 0},
                {"with two", {0, 7}, 2, 2},
                {"an error with one", {ENOENT, 7}, 2, 1},
                {"an error with two", {ENOENT, 7}, 2, 2},
                {"empty", {0}, 0, 1},
        };

        for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
                int pair[2];
                cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
                EtcReader played = {.fd = pair[0], .question = 7};
                say(pair[1], answers[i].bytes, answers[i].n, answers[i].n_fds);
                size_t before = n_open();
                int r = etc_reader_open("/etc/passwd", &played);
                cr_expect_lt(r, 0, "%s: %d", answers[i].name, r);
                cr_expect_eq(n_open(), before, "%s: descriptors", answers[i].name);
                cr_assert(etc_reader_is_gone(&played), "%s", answers[i].name);
                cr_expect_eq(etc_reader_open("/etc/group", &played), -EPIPE, "%s", answers[i].name);
                etc_reader_deinit(&played);
                fd_close(pair[1]);
        }
}

Test(etc_reader, an_error_of_open_is_told_and_the_next_is_asked)
{
        int pair[2];

        cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        EtcReader played = {.fd = pair[0], .question = 255};
        say(pair[1], (const uint8_t[]){ENOENT, 255}, 2, 0);
        say(pair[1], (const uint8_t[]){0, 0}, 2, 1);
        cr_assert_eq(etc_reader_open("/etc/passwd", &played), -ENOENT);
        _cleanup_(fd_closep) int fd = etc_reader_open("/etc/group", &played);
        cr_assert_geq(fd, 0);
        etc_reader_deinit(&played);
        fd_close(pair[1]);
}

/* --------------------------------------------------------------------------------------------------- odd starts */

/* Runs it in a process of its own. Return: its exit status, 0 for true. */
static int apart(bool (*test)(void))
{
        int status = -1;

        /* The one of the suite has had the kernel take children away. */
        cr_assert_neq(signal(SIGCHLD, SIG_DFL), SIG_ERR);
        pid_t pid = fork();
        if (pid == 0) {
                etc_reader_deinit(&reader);
                _exit(test() ? 0 : 1);
        }
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        return status;
}

/* The pair is 0 and 3: the number that the process is to have it at. */
static bool starts_without_stdin(void)
{
        close(STDIN_FILENO);
        close_range(STDERR_FILENO + 1, ~0U, 0);
        if (etc_reader_start(&reader, false) < 0 || reader.fd != STDIN_FILENO)
                return false;
        bool found = opens("/etc/passwd") && opens("/etc/group");
        pid_t pid = process();
        etc_reader_deinit(&reader);
        return found && ends(pid);
}

Test(etc_reader, starts_without_stdin)
{
        cr_assert_eq(apart(starts_without_stdin), 0);
}

/* In a pid namespace of its own it finds no parent, as where that has ended before. */
static bool serves_nobody_without_a_guard(void)
{
        if (unshare(CLONE_NEWPID) < 0 || etc_reader_start(&reader, false) < 0)
                return false;
        return etc_reader_open("/etc/passwd", &reader) < 0 && etc_reader_is_gone(&reader);
}

Test(etc_reader, serves_nobody_when_its_guard_is_not_its_parent)
{
        if (getuid() != 0)
                cr_skip_test("needs root");
        cr_assert_eq(apart(serves_nobody_without_a_guard), 0);
}
