/*
 * guard/etc-reader.h: two files of /etc, by a process that may open nothing else and ends with its guard.
 */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
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

static void start(void)
{
        cr_assert_eq(etc_reader_start(&reader, false), 0);
}

static void stop(void)
{
        etc_reader_deinit(&reader);
}

TestSuite(etc_reader, .init = start, .fini = stop);

static void is_file(const char *path)
{
        _cleanup_(buffer_deinit) Buffer expected = BUFFER_INIT, found = BUFFER_INIT;
        _cleanup_(fd_closep) int fd = etc_reader_open(path, &reader);

        cr_assert_geq(fd, 0);
        cr_assert_eq(fd_read_file(AT_FDCWD, path, 1 << 24, &expected), 0);
        cr_assert_eq(fd_read_open(fd, 1 << 24, &found), 0);
        cr_assert_gt(found.n, 0);
        cr_assert(found.n == expected.n && memcmp(found.data, expected.data, found.n) == 0);
}

Test(etc_reader, opens_passwd_and_group_as_often_as_it_is_asked)
{
        for (int i = 0; i < 3; i++) {
                is_file("/etc/passwd");
                is_file("/etc/group");
        }
}

Test(etc_reader, opens_nothing_else)
{
        uint8_t beyond = 2, answer;

        cr_assert_eq(etc_reader_open("/etc/shadow", &reader), -EINVAL);
        /* A guard that was taken over asks past the function. */
        cr_assert_eq(write(reader.fd, &beyond, 1), 1);
        cr_assert_eq(read(reader.fd, &answer, 1), 1);
        cr_assert_neq(answer, 0);
        is_file("/etc/passwd");
}

Test(etc_reader, ends_when_the_guard_lets_go)
{
        int status;
        pid_t pid = process();

        etc_reader_deinit(&reader);
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

Test(etc_reader, its_end_is_an_error_and_nothing_worse)
{
        pid_t pid = process();

        cr_assert_eq(kill(pid, SIGKILL), 0);
        cr_assert_eq(waitpid(pid, NULL, 0), pid);
        cr_assert_eq(etc_reader_open("/etc/passwd", &reader), -EPIPE);
}
