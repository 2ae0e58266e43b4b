/* What the service manager is told, and that nobody waits for it. */

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "guard/notifier.h"

typedef struct Played {
        int fd; /* the manager's */
        sd_event *event;
        Notifier notifier;
} Played;

static void played_init(Played *played, bool abstract)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        char name[64];

        int n = snprintf(name, sizeof(name), "%stest-notifier.%d", abstract ? "@" : "/tmp/", getpid());
        memcpy(address.sun_path, name, (size_t)n);
        if (abstract)
                address.sun_path[0] = '\0';
        else
                unlink(name); /* of a process that had this number before, and was killed */
        played->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        cr_assert_eq(bind(played->fd, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n)),
                     0, "%m");
        setenv("NOTIFY_SOCKET", name, 1);
        cr_assert_geq(sd_event_new(&played->event), 0);
        cr_assert_eq(notifier_init(&played->notifier, played->event), 0);
        if (!abstract)
                unlink(name);
}

static void played_deinit(Played *played)
{
        notifier_deinit(&played->notifier);
        sd_event_unref(played->event);
        fd_close(played->fd);
}

/* The next message, or NULL. */
static const char *played_read(Played *played)
{
        static char text[256];
        ssize_t n = recv(played->fd, text, sizeof(text) - 1, 0);

        if (n < 0)
                return NULL;
        text[n] = '\0';
        return text;
}

Test(notifier, a_message_arrives)
{
        Played played;

        played_init(&played, false);
        cr_expect_eq(notifier_tell(&played.notifier, "READY=1\nSTATUS=x"), 0);
        cr_expect_str_eq(played_read(&played), "READY=1\nSTATUS=x");
        played_deinit(&played);
}

Test(notifier, an_abstract_name_is_one_too)
{
        Played played;

        played_init(&played, true);
        cr_expect_eq(notifier_tell(&played.notifier, "READY=1"), 0);
        cr_expect_str_eq(played_read(&played), "READY=1");
        played_deinit(&played);
}

Test(notifier, without_a_manager_nothing_is_told)
{
        Notifier notifier;
        sd_event *event;

        unsetenv("NOTIFY_SOCKET");
        cr_assert_geq(sd_event_new(&event), 0);
        cr_assert_eq(notifier_init(&notifier, event), 0);
        cr_expect_eq(notifier_tell(&notifier, "READY=1"), 0);
        notifier_deinit(&notifier);
        sd_event_unref(event);
}

Test(notifier, a_manager_that_does_not_read_hears_in_order_what_came_last, .timeout = 600)
{
        Played played;
        char text[32];
        const char *said;
        int last = -1;

        played_init(&played, false);
        /* With sd_notify(3) this would never end. */
        for (int i = 0; i < 5000; i++) {
                snprintf(text, sizeof(text), "STATUS=%d", i);
                cr_assert_eq(notifier_tell(&played.notifier, text), 0);
        }
        /* One has been read, and there is room; what waits comes first all the same. */
        cr_assert_str_eq(played_read(&played), "STATUS=0");
        cr_assert_eq(notifier_tell(&played.notifier, "STATUS=5000"), 0);
        for (int i = 0; i < 200; i++) {
                cr_assert_geq(sd_event_run(played.event, 0), 0);
                while ((said = played_read(&played))) {
                        int number = atoi(said + strlen("STATUS="));
                        cr_expect_gt(number, last);
                        last = number;
                }
        }
        cr_expect_eq(last, 5000);
        played_deinit(&played);
}

Test(notifier, the_watchdog_is_fed_by_the_loop)
{
        Played played;
        char pid[16];

        snprintf(pid, sizeof(pid), "%d", getpid());
        setenv("WATCHDOG_USEC", "30000", 1);
        setenv("WATCHDOG_PID", pid, 1);
        played_init(&played, false);
        usleep(20000);
        cr_expect_null(played_read(&played));
        for (int i = 0; i < 2; i++) {
                cr_assert_geq(sd_event_run(played.event, 1000000), 0);
                cr_expect_str_eq(played_read(&played), "WATCHDOG=1");
        }
        played_deinit(&played);
}
