/* The end of the guard when storage fails, and who hears of it before. */

#include <criterion/criterion.h>
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "trail/event.h"
#include "trail/fatal.h"
#include "trail/trail.h"

static void tell(void *userdata)
{
        const int *fd = userdata;

        cr_assert_eq(write(*fd, "x", 1), 1);
}

/* A process that ends so, with a teller or without. Return: how often it was called. */
static ssize_t end(int error, bool with_teller)
{
        char told[8];
        int fds[2], status;

        cr_assert_eq(pipe(fds), 0);
        pid_t pid = fork();
        if (pid == 0) {
                event_init("test");
                fatal_set_teller(tell, &fds[1]);
                if (!with_teller)
                        fatal_set_teller(NULL, NULL);
                fatal_storage("a look-up", "/nowhere", -error);
        }
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == TRAIL_EXIT_STORAGE, "%x", (unsigned)status);
        close(fds[1]);
        ssize_t n = read(fds[0], told, sizeof(told));
        close(fds[0]);
        return n;
}

Test(fatal, damage_is_told_once)
{
        cr_expect_eq(end(EBADMSG, true), 1);
}

Test(fatal, a_disk_that_fails_is_no_damage)
{
        cr_expect_eq(end(EIO, true), 0);
        cr_expect_eq(end(EROFS, true), 0);
}

Test(fatal, without_anybody_to_tell_it_ends_as_well)
{
        cr_expect_eq(end(EBADMSG, false), 0);
}
