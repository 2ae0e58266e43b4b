/* Signs of life, and when there are none. With them the connection that they go by. */

#include <criterion/criterion.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/manager.h"
#include "base/watchdog.h"

typedef struct Played {
        int manager_fd; /* where the manager reads */
        int fd;
        sd_event *event;
        Watchdog watchdog;
        bool goes_on;
        unsigned n_asked;
} Played;

static bool played_goes_on(void *userdata)
{
        Played *played = userdata;

        played->n_asked++;
        return played->goes_on;
}

static void played_init(Played *played, const char *limit_usec)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        char pid[16];

        *played = (Played){.goes_on = true};
        (void)snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/test-watchdog.%d", getpid());
        unlink(address.sun_path); /* of a process that had this number before, and was killed */
        played->manager_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        cr_assert_eq(bind(played->manager_fd, (struct sockaddr *)&address, sizeof(address)), 0, "%m");
        setenv("NOTIFY_SOCKET", address.sun_path, 1);
        (void)snprintf(pid, sizeof(pid), "%d", getpid());
        setenv("WATCHDOG_PID", pid, 1);
        unsetenv("WATCHDOG_USEC");
        if (limit_usec)
                setenv("WATCHDOG_USEC", limit_usec, 1);
        cr_assert_eq(manager_connect(&played->fd), 0);
        unlink(address.sun_path);
        cr_assert_geq(sd_event_new(&played->event), 0);
        played->watchdog = (Watchdog){.fd = played->fd, .goes_on = played_goes_on, .userdata = played};
        cr_assert_eq(watchdog_init(&played->watchdog, played->event), 0);
}

static void played_deinit(Played *played)
{
        watchdog_deinit(&played->watchdog);
        sd_event_unref(played->event);
        fd_close(played->fd);
        fd_close(played->manager_fd);
}

/* The next message, or NULL. */
static const char *played_read(Played *played)
{
        static char text[256];
        ssize_t n = recv(played->manager_fd, text, sizeof(text) - 1, 0);

        if (n < 0)
                return NULL;
        text[n] = '\0';
        return text;
}

Test(watchdog, is_fed_three_times_in_what_is_allowed)
{
        Played played;

        played_init(&played, "300000");
        cr_expect_eq(played.watchdog.usec, 100000);
        for (int i = 0; i < 3; i++) {
                cr_assert_geq(sd_event_run(played.event, 1000000), 1);
                cr_expect_str_eq(played_read(&played), "WATCHDOG=1");
                cr_expect_null(played_read(&played));
        }
        played_deinit(&played);
}

Test(watchdog, is_not_fed_by_a_loop_that_stands_still)
{
        Played played;

        played_init(&played, "30000");
        usleep(50000);
        cr_expect_null(played_read(&played));
        played_deinit(&played);
}

Test(watchdog, is_not_fed_while_the_work_stands_still)
{
        Played played;

        played_init(&played, "30000");
        played.goes_on = false;
        while (played.n_asked < 3)
                cr_assert_geq(sd_event_run(played.event, 1000000), 0);
        cr_expect_null(played_read(&played));
        played.goes_on = true;
        while (played.n_asked < 4)
                cr_assert_geq(sd_event_run(played.event, 1000000), 0);
        cr_expect_str_eq(played_read(&played), "WATCHDOG=1");
        played_deinit(&played);
}

Test(watchdog, is_not_fed_where_nobody_asks_for_it)
{
        Played played;

        played_init(&played, NULL);
        cr_assert_eq(sd_event_run(played.event, 50000), 0);
        cr_expect_eq(played.n_asked, 0);
        played_deinit(&played);
}

Test(manager, that_does_not_read_holds_up_nobody, .timeout = 600)
{
        Played played;
        int r;

        played_init(&played, NULL);
        do
                r = manager_tell(played.fd, "STATUS=x", false);
        while (r == 0);
        cr_expect_eq(r, -EAGAIN);
        cr_expect_str_eq(played_read(&played), "STATUS=x");
        cr_expect_eq(manager_tell(played.fd, "READY=1", true), 0);
        played_deinit(&played);
}

Test(manager, that_is_not_there_is_told_nothing)
{
        int fd = 0;

        unsetenv("NOTIFY_SOCKET");
        cr_assert_eq(manager_connect(&fd), 0);
        cr_expect_eq(fd, -1);
        cr_expect_eq(manager_tell(fd, "READY=1", true), 0);
        setenv("NOTIFY_SOCKET", "/tmp/there-is-no-such-manager", 1);
        cr_expect_eq(manager_connect(&fd), -ENOENT);
        setenv("NOTIFY_SOCKET", "", 1);
        cr_expect_eq(manager_connect(&fd), -EINVAL);
}
