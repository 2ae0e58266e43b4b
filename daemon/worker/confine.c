/*
 * Confinement of the worker, on one screen.
 */

#include "worker/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <systemd/sd-id128.h>

#define CONFINE_NAMESPACES                                                                                   \
        (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |        \
         CLONE_NEWNET)

/* It opens galleries, which Landlock knows, and speaks to the guard, to whom it is connected already. */
static const SandboxGroup confine_list[] = {
        {"galleries: found, opened, read, written",
         {SANDBOX_CALL(openat), SANDBOX_CALL(newfstatat), SANDBOX_CALL(pread64), SANDBOX_CALL(pwrite64),
          SANDBOX_CALL(ftruncate), SANDBOX_CALL(fallocate), SANDBOX_CALL(fchmod)}},
        {"made durable, and put in the place of older ones",
         {SANDBOX_CALL(fdatasync), SANDBOX_CALL(fsync), SANDBOX_CALL(renameat), SANDBOX_CALL(renameat2),
          SANDBOX_CALL(unlinkat)}},
        {"a page of a gallery that cannot be had: zeros are mapped over it, and its reader goes on",
         {SANDBOX_CALL(rt_sigreturn)}},
        {"the threads that search, and those that run jobs",
         {SANDBOX_CALL_BITS(clone, 0, CLONE_VM | CLONE_THREAD | CONFINE_NAMESPACES, CLONE_VM | CLONE_THREAD),
          SANDBOX_CALL(set_robust_list), SANDBOX_CALL(rseq), SANDBOX_CALL(sched_getaffinity),
          SANDBOX_CALL_IF(prctl, 0, PR_SET_NAME), SANDBOX_CALL(eventfd2)}},
        {},
};

/* What the loop's library spreads its timers by; it keeps what it found. */
static void confine_warm_up(void)
{
        sd_id128_t id;

        if (sd_id128_get_boot(&id) < 0)
                (void)sd_id128_get_machine(&id); /* Without either timers are less spread out. */
}

int confine_early(void)
{
        umask(0077);
        /* Both come back as errors of the call, which are handled where they arise. */
        if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
                return -errno;
        return sandbox_shed(0);
}

int confine(const char *galleries, bool log, SandboxRemarks *ret_remarks)
{
        const SandboxFolder folder = {galleries, SANDBOX_WRITE};
        const Sandbox sandbox = {
                .lists = {confine_list}, .folders = &folder, .n_folders = galleries ? 1 : 0, .log = log};

        confine_warm_up();
        return sandbox_enter(&sandbox, ret_remarks);
}
