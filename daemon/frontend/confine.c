/*
 * Confinement of the frontend, on one screen. System call filters are the unit's.
 */

#include "frontend/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "wire/packet.h"

/* Where a child's channel is: the first descriptor after the standard ones, so that all above it can go. */
enum { CONFINE_CHANNEL_FD = STDERR_FILENO + 1 };

static const struct {
        int resource;
        rlim_t limit;
} confine_limits[] = {
        {RLIMIT_CORE, 0},
        {RLIMIT_NPROC, 0},
        /* Not 0: a memfd, in which a large packet travels, counts as a file. */
        {RLIMIT_FSIZE, PACKET_BODY_MAX},
};

int confine_parent(void)
{
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                return -errno;
        return 0;
}

/* Leaves nothing open but the channel, stderr, and the null device where programs expect stdin and stdout. */
static int confine_fds(int *fd)
{
        _cleanup_(fd_closep) int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 || dup2(null_fd, STDOUT_FILENO) < 0)
                return -errno;
        if (*fd != CONFINE_CHANNEL_FD) {
                if (dup3(*fd, CONFINE_CHANNEL_FD, O_CLOEXEC) < 0)
                        return -errno;
                if (null_fd == CONFINE_CHANNEL_FD)
                        null_fd = -1;
                *fd = CONFINE_CHANNEL_FD;
        }
        if (close_range(CONFINE_CHANNEL_FD + 1, ~0U, 0) < 0)
                return -errno;
        null_fd = -1; /* it went with the rest */
        return 0;
}

static int confine_signals(void)
{
        sigset_t none;

        for (int i = 1; i < NSIG; i++)
                (void)signal(i, SIG_DFL); /* two of them, and those of the library, cannot be changed */
        if (sigemptyset(&none) < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0)
                return -errno;
        return 0;
}

static int confine_resources(void)
{
        for (size_t i = 0; i < ARRAY_SIZE(confine_limits); i++) {
                struct rlimit limit = {confine_limits[i].limit, confine_limits[i].limit};
                if (setrlimit((__rlimit_resource_t)confine_limits[i].resource, &limit) < 0)
                        return -errno;
        }
        return 0;
}

int confine_child(int *fd, const SpawnMessage *spawn, pid_t parent)
{
        char name[16]; /* as much as the kernel keeps */
        static const char *const interfaces[_INTERFACE_MAX] = {"match", "admin", "audit"};

        (void)snprintf(name, sizeof(name), "mg-%s-%u", interfaces[spawn->interface],
                       spawn->uid); /* may be cut */
        if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || prctl(PR_SET_NAME, name, 0, 0, 0) < 0)
                return -errno;
        /* A parent that went before it was asked for sends no signal any more. */
        if (getppid() != parent)
                return -ESRCH;
        int r = confine_signals();
        if (r == 0)
                r = confine_fds(fd);
        if (r == 0)
                r = confine_resources();
        return r == 0 ? confine_parent() : r;
}
