/*
 * Confinement of the frontend, on one screen: a list for the parent, a shorter one for its children.
 */

#include "frontend/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "wire/packet.h"

/* Where a child's descriptors are: the first after the standard ones, so that all above them can go. */
enum { CONFINE_CHANNEL_FD = STDERR_FILENO + 1, CONFINE_STOP_FD, CONFINE_FDS_END };

#define CONFINE_NO_FORK                                                                                      \
        (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_THREAD | CLONE_PARENT | CLONE_PTRACE | CLONE_VFORK |      \
         CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |        \
         CLONE_NEWNET)

/* A child opens, connects, makes and signals nothing. */
static const SandboxGroup confine_child_list[] = {
        {"clients' bytes, on the connections that the guard hands over",
         {SANDBOX_CALL(sendto), SANDBOX_CALL(recvfrom)}},
        {"the loop looks in files for the id of the boot, where there is one, and does without it",
         {SANDBOX_CALL(openat)},
         .missing = true},
        {},
};

static const SandboxGroup confine_parent_list[] = {
        {"a child for each user that asks, and its end",
         {SANDBOX_CALL_BITS(clone, 0, CONFINE_NO_FORK, 0), SANDBOX_CALL(set_robust_list),
          SANDBOX_CALL(waitid), SANDBOX_CALL(pidfd_open)}},
        {"what a child does before its own list holds: see confine_child()",
         {SANDBOX_CALL(getppid), SANDBOX_CALL_IF(prctl, 0, PR_SET_PDEATHSIG),
          SANDBOX_CALL_IF(prctl, 0, PR_SET_NAME), SANDBOX_CALL(dup3), SANDBOX_CALL(close_range),
          SANDBOX_CALL_IF(prlimit64, 0, 0) /* its own */}},
        {"giving up more: base/sandbox.c",
         {SANDBOX_CALL_IF(prctl, 0, PR_SET_NO_NEW_PRIVS), SANDBOX_CALL(landlock_create_ruleset),
          SANDBOX_CALL(landlock_restrict_self), SANDBOX_CALL(seccomp)}},
        {},
};

static const struct {
        int resource;
        rlim_t limit;
} confine_limits[] = {
        {RLIMIT_NPROC, 0},
        /* Not 0: a memfd, in which a large packet travels, counts as a file. */
        {RLIMIT_FSIZE, PACKET_BODY_MAX},
};

/* --log-seccomp, for the children. */
static bool confine_log;

/* What the loop's library spreads its timers by; it keeps what it found. */
static void confine_warm_up(void)
{
        sd_id128_t id;

        if (sd_id128_get_boot(&id) < 0)
                (void)sd_id128_get_machine(&id); /* Without either timers are less spread out. */
}

/* Neither the parent nor its children read or print anything there. */
static int confine_stdio(void)
{
        _cleanup_(fd_closep) int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (null_fd < 0 || dup2(null_fd, STDIN_FILENO) < 0 || dup2(null_fd, STDOUT_FILENO) < 0)
                return -errno;
        if (null_fd <= STDERR_FILENO)
                null_fd = -1; /* it was closed before, and stays */
        return 0;
}

int confine_parent(bool log, SandboxRemarks *ret_remarks)
{
        const Sandbox sandbox = {
                .lists = {confine_child_list, confine_parent_list}, .forks = true, .log = log};

        confine_log = log;
        confine_warm_up();
        int r = confine_stdio();
        if (r == 0)
                r = sandbox_shed(0);
        return r == 0 ? sandbox_enter(&sandbox, ret_remarks) : r;
}

/* Leaves nothing open but a child's own, stderr, and the null device where programs expect stdin and stdout.
 * Either may stand where the other goes to: so first both out of the way. */
static int confine_fds(ChildFds *fds)
{
        int channel_fd = fcntl(fds->channel, F_DUPFD_CLOEXEC, CONFINE_FDS_END);
        int stop_fd = fcntl(fds->stop, F_DUPFD_CLOEXEC, CONFINE_FDS_END);

        if (channel_fd < 0 || stop_fd < 0 || dup3(channel_fd, CONFINE_CHANNEL_FD, O_CLOEXEC) < 0 ||
            dup3(stop_fd, CONFINE_STOP_FD, O_CLOEXEC) < 0 || close_range(CONFINE_FDS_END, ~0U, 0) < 0)
                return -errno;
        *fds = (ChildFds){CONFINE_CHANNEL_FD, CONFINE_STOP_FD};
        return 0;
}

static int confine_signals(void)
{
        sigset_t none;

        for (int i = 1; i < NSIG; i++)
                /* Two of them, and those of the library, cannot be changed. */
                (void)signal(i, i == SIGTERM || i == SIGINT ? SIG_IGN : SIG_DFL);
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

int confine_child(ChildFds *fds, const SpawnMessage *spawn, pid_t parent)
{
        char name[16]; /* as much as the kernel keeps */
        static const char *const interfaces[_INTERFACE_MAX] = {"match", "admin", "audit"};
        const Sandbox sandbox = {.lists = {confine_child_list}, .log = confine_log};
        SandboxRemarks remarks; /* The parent has said them. */

        (void)snprintf(name, sizeof(name), "mg-%s-%u", interfaces[spawn->interface],
                       spawn->uid); /* may be cut */
        if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || prctl(PR_SET_NAME, name, 0, 0, 0) < 0)
                return -errno;
        /* A parent that went before it was asked for sends no signal any more. */
        if (getppid() != parent)
                return -ESRCH;
        int r = confine_signals();
        if (r == 0)
                r = confine_fds(fds);
        if (r == 0)
                r = confine_resources();
        return r == 0 ? sandbox_enter(&sandbox, &remarks) : r;
}
