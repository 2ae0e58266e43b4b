/*
 * Launch: between fork(2) and execve(2). Run by `matchguard run`, which has one thread, so that the child may
 * use what it likes of the C library.
 */

#include "tools/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"

enum { FIRST_FD = 3, FDS_MAX = 16, STATUS_NOT_EXECUTED = 127 };

/* Ours, or of a manager above us: not for a program that has another manager now. */
static const char *const forgotten[] = {
        "LISTEN_FDS",
        "LISTEN_PID",
        "LISTEN_FDNAMES",
        "NOTIFY_SOCKET",
        "WATCHDOG_USEC",
        "WATCHDOG_PID",
        "CREDENTIALS_DIRECTORY",
        "STATE_DIRECTORY",
        "RUNTIME_DIRECTORY",
        "CONFIGURATION_DIRECTORY",
        "JOURNAL_STREAM",
        "INVOCATION_ID",
};

static int set_environment(const Launch *l)
{
        char pid[16], n_fds[16];
        for (size_t i = 0; i < ARRAY_SIZE(forgotten); i++)
                if (unsetenv(forgotten[i]) < 0)
                        return -errno;
        if (l->notify && setenv("NOTIFY_SOCKET", l->notify, 1) < 0)
                return -errno;
        if (l->n_fds == 0)
                return 0;
        snprintf(pid, sizeof(pid), "%d", (int)getpid());
        snprintf(n_fds, sizeof(n_fds), "%zu", l->n_fds);
        if (setenv("LISTEN_PID", pid, 1) < 0 || setenv("LISTEN_FDS", n_fds, 1) < 0 ||
            setenv("LISTEN_FDNAMES", l->fd_names, 1) < 0)
                return -errno;
        return 0;
}

/* The sockets may already stand at the numbers they go to, in another order: so first all out of the way. */
static int place_fds(const Launch *l)
{
        int aside[FDS_MAX];
        for (size_t i = 0; i < l->n_fds; i++) {
                aside[i] = fcntl(l->fds[i], F_DUPFD_CLOEXEC, FIRST_FD + FDS_MAX);
                if (aside[i] < 0)
                        return -errno;
        }
        for (size_t i = 0; i < l->n_fds; i++)
                if (dup2(aside[i], FIRST_FD + (int)i) < 0)
                        return -errno;
        /* Whatever whoever started us had left open is not for a daemon. */
        return close_range(FIRST_FD + (unsigned)l->n_fds, ~0U, CLOSE_RANGE_CLOEXEC) < 0 ? -errno : 0;
}

static int place_stdio(void)
{
        _cleanup_(fd_closep) int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
                return -errno;
        return 0;
}

/* A process group of its own: the terminal's ^C is for the manager, which stops the others in their order. */
static int clean_process(pid_t parent)
{
        sigset_t none;
        sigemptyset(&none);
        if (setpgid(0, 0) < 0 || sigprocmask(SIG_SETMASK, &none, NULL) < 0 ||
            prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
                return -errno;
        return getppid() == parent ? 0 : -ESRCH;
}

static void become(const Launch *l, pid_t parent)
{
        int r = clean_process(parent);
        if (r == 0)
                r = place_stdio();
        if (r == 0)
                r = place_fds(l);
        if (r == 0)
                r = set_environment(l);
        if (r == 0) {
                execv(l->path, l->argv);
                r = -errno;
        }
        dprintf(STDERR_FILENO, "matchguard: cannot start %s: %s\n", l->path, strerror(-r));
        _exit(STATUS_NOT_EXECUTED);
}

int launch(const Launch *l, pid_t *ret_pid)
{
        pid_t parent = getpid();
        if (l->n_fds > FDS_MAX)
                return -E2BIG;
        pid_t pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                become(l, parent);
        *ret_pid = pid;
        return 0;
}
