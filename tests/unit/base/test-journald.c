/*
 * base/journald: what an entry looks like on the wire, and that nobody waits for a journald that does not read.
 */

#include <criterion/criterion.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/journald.h"
#include "base/macro.h"

/* What is far more than was asked for, even on a machine that has hardly time for this; and less than for ever. */
static const double far_too_long = 60;

/* A journald that reads when it is told to. */
typedef struct Played {
        char path[64];
        int fd;
} Played;

static void played_listen(Played *played)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        memcpy(address.sun_path, played->path, strlen(played->path));
        unlink(played->path); /* of a process that had this number before, and was killed */
        played->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        cr_assert_geq(played->fd, 0);
        cr_assert_eq(bind(played->fd, (struct sockaddr *)&address, sizeof(address)), 0, "%m");
}

static Played played_new(void)
{
        Played played;

        snprintf(played.path, sizeof(played.path), "/tmp/test-journald.%d", getpid());
        played_listen(&played);
        return played;
}

static void played_end(Played *played)
{
        close(played->fd);
        unlink(played->path);
}

static double seconds(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Fills the socket. Return: what the last one ended with. */
static int flood(const Played *played, int *fd)
{
        int r = 0;

        for (size_t i = 0; i < 100000 && r == 0; i++)
                r = journald_send(fd, played->path, "A=b\n", 4, 0);
        return r;
}

TestSuite(journald, .timeout = 600);

Test(journald, a_value_of_one_line_stands_behind_its_key)
{
        _cleanup_(buffer_deinit) Buffer entry = BUFFER_INIT;

        journald_field_text(&entry, "MESSAGE", "a=b c");
        cr_expect_str_eq(buffer_text(&entry), "MESSAGE=a=b c\n");
}

Test(journald, a_value_of_several_lines_comes_with_its_length)
{
        _cleanup_(buffer_deinit) Buffer entry = BUFFER_INIT;

        journald_field_text(&entry, "NOTE", "a\nMESSAGE=forged");
        cr_expect_eq(entry.n, 5 + 8 + 16 + 1);
        cr_expect_arr_eq(entry.data, "NOTE\n\x10\0\0\0\0\0\0\0a\nMESSAGE=forged\n", entry.n);
}

Test(journald, an_entry_arrives_as_one_datagram)
{
        Played played = played_new();
        char bytes[64];
        int fd = -1;

        cr_expect_eq(journald_send(&fd, played.path, "MESSAGE=x\n", 10, 0), 0);
        cr_expect_eq(recv(played.fd, bytes, sizeof(bytes), 0), 10);
        cr_expect_arr_eq(bytes, "MESSAGE=x\n", 10);
        fd_close(fd);
        played_end(&played);
}

Test(journald, where_it_does_not_read_nobody_waits_longer_than_was_said)
{
        Played played = played_new();
        int fd = -1;

        cr_assert_eq(flood(&played, &fd), JOURNALD_E_BUSY);
        double before = seconds();
        cr_expect_eq(journald_send(&fd, played.path, "A=b\n", 4, 200), JOURNALD_E_BUSY);
        double waited = seconds() - before;
        cr_expect(waited >= 0.15 && waited < far_too_long, "%f s", waited);
        fd_close(fd);
        played_end(&played);
}

Test(journald, it_goes_on_where_there_is_room_again)
{
        Played played = played_new();
        char bytes[64];
        int fd = -1;

        cr_assert_eq(flood(&played, &fd), JOURNALD_E_BUSY);
        cr_assert_eq(recv(played.fd, bytes, sizeof(bytes), 0), 4);
        cr_expect_eq(journald_send(&fd, played.path, "A=b\n", 4, -1), 0);
        fd_close(fd);
        played_end(&played);
}

Test(journald, one_that_was_restarted_is_found_again)
{
        Played played = played_new();
        char bytes[64];
        int fd = -1;

        cr_assert_eq(journald_send(&fd, played.path, "A=b\n", 4, 0), 0);
        played_end(&played);
        cr_expect_lt(journald_send(&fd, played.path, "A=c\n", 4, 0), 0);
        played_listen(&played);
        cr_expect_eq(journald_send(&fd, played.path, "A=d\n", 4, 0), 0);
        cr_expect_eq(recv(played.fd, bytes, sizeof(bytes), 0), 4);
        cr_expect_arr_eq(bytes, "A=d\n", 4);
        fd_close(fd);
        played_end(&played);
}

Test(journald, where_there_is_none_the_errno_says_so)
{
        int fd = -1;

        cr_expect_eq(journald_send(&fd, "/nonexistent/socket", "A=b\n", 4, -1), -ENOENT);
        cr_expect_eq(fd, -1);
}

/* Reads two datagrams, the second after a while. */
static void *read_slowly(void *userdata)
{
        const Played *played = userdata;
        char bytes[64];

        for (int i = 0; i < 2; i++) {
                usleep(100000);
                cr_assert_geq(recv(played->fd, bytes, sizeof(bytes), 0), 0);
        }
        return NULL;
}

Test(journald, who_settles_waits_until_it_has_come_to_the_last_one)
{
        Played played = played_new();
        pthread_t thread;
        int fd = -1;

        cr_assert_eq(journald_send(&fd, played.path, "A=b\n", 4, 0), 0);
        double before = seconds();
        cr_assert_eq(pthread_create(&thread, NULL, read_slowly, &played), 0);
        journald_settle(fd, 600000);
        double waited = seconds() - before;
        pthread_join(thread, NULL);
        cr_expect(waited >= 0.15 && waited < far_too_long, "%f s", waited);
        fd_close(fd);
        played_end(&played);
}

Test(journald, who_settles_does_not_wait_for_ever)
{
        Played played = played_new();
        int fd = -1;

        cr_assert_eq(journald_send(&fd, played.path, "A=b\n", 4, 0), 0);
        double before = seconds();
        journald_settle(fd, 100);
        cr_expect_lt(seconds() - before, far_too_long);
        fd_close(fd);
        played_end(&played);
}
