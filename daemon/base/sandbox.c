/*
 * Privileges, and what every process needs of the kernel. Knows no process of ours by name.
 */

#include "base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/sandbox-layers.h"

const SandboxGroup sandbox_common[] = {
        {"memory: malloc(3), stacks; none that can be executed",
         {SANDBOX_CALL(brk), SANDBOX_CALL(munmap), SANDBOX_CALL(mremap), SANDBOX_CALL(madvise),
          SANDBOX_CALL_BITS(mmap, 2, PROT_EXEC, 0), SANDBOX_CALL_BITS(mprotect, 2, PROT_EXEC, 0),
          SANDBOX_CALL(sysinfo) /* qsort(3) asks how much there is */}},
        {"locks, and one's own name and time",
         {SANDBOX_CALL(futex), SANDBOX_CALL(getpid), SANDBOX_CALL(gettid), SANDBOX_CALL(clock_gettime),
          SANDBOX_CALL(gettimeofday) /* where the vDSO has no clock */, SANDBOX_CALL(clock_nanosleep),
          SANDBOX_CALL(getrandom)}},
        {"what is open: bytes, and letting go",
         {SANDBOX_CALL(read), SANDBOX_CALL(write), SANDBOX_CALL(writev), SANDBOX_CALL(close),
          SANDBOX_CALL(fstat), SANDBOX_CALL_BITS(newfstatat, 3, AT_EMPTY_PATH, AT_EMPTY_PATH),
          SANDBOX_CALL_IF(fcntl, 1, F_GETFL), SANDBOX_CALL_IF(fcntl, 1, F_GETFD),
          SANDBOX_CALL_IF(fcntl, 1, F_DUPFD_CLOEXEC)}},
        {"packets, and sealed memory for those that are large (daemon/wire)",
         {SANDBOX_CALL(sendmsg), SANDBOX_CALL(recvmsg), SANDBOX_CALL(memfd_create), SANDBOX_CALL(fstatfs),
          SANDBOX_CALL_IF(fcntl, 1, F_ADD_SEALS), SANDBOX_CALL_IF(fcntl, 1, F_GET_SEALS)}},
        {"the loop, sd-event(3)",
         {SANDBOX_CALL(epoll_create1), SANDBOX_CALL(epoll_ctl), SANDBOX_CALL(epoll_wait),
          SANDBOX_CALL(epoll_pwait), SANDBOX_CALL(epoll_pwait2), SANDBOX_CALL(poll), SANDBOX_CALL(ppoll),
          SANDBOX_CALL(timerfd_create), SANDBOX_CALL(timerfd_settime), SANDBOX_CALL(signalfd4)}},
        {"signals, without handlers: waits that go on, abort(3); whom that one may reach is below",
         {SANDBOX_CALL(restart_syscall), SANDBOX_CALL(rt_sigprocmask), SANDBOX_CALL(rt_sigaction)}},
        {"the end, of which libraries that give up say why, in colour where that is a terminal",
         {SANDBOX_CALL(exit), SANDBOX_CALL(exit_group), SANDBOX_CALL_IF(ioctl, 1, TCGETS)}},
        {"what libraries try first, and do another way where there is no such thing",
         {SANDBOX_CALL(clone3) /* its flags cannot be seen by a filter */, SANDBOX_CALL(statx),
          SANDBOX_CALL(openat2), SANDBOX_CALL(futex_waitv)},
         .missing = true},
        {},
};

/* Whoever may not take one out of those that could ever be had has none to gain by it: nothing is gained by
 * execve(2) any more. */
static int shed_bounding(uint64_t kept)
{
        for (unsigned i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
                if (!(kept & UINT64_C(1) << i) && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0 && errno != EPERM)
                        return -errno;
        return prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ? -errno : 0;
}

/* Raw calls: libcap would be one more library for two of them. */
static int shed_capabilities(uint64_t kept)
{
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
        bool changed = false;

        if (syscall(SYS_capget, &header, data) < 0)
                return -errno;
        for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
                struct __user_cap_data_struct before = data[i];
                data[i].permitted &= (uint32_t)(kept >> 32 * i);
                data[i].effective = data[i].permitted;
                data[i].inheritable = 0;
                changed = changed || memcmp(&before, &data[i], sizeof(before)) != 0;
        }
        /* Units whose process begins with none forbid the call. */
        return changed && syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

int sandbox_hide(void)
{
        static const struct rlimit none = {};

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
            setrlimit(RLIMIT_CORE, &none) < 0)
                return -errno;
        return 0;
}

int sandbox_shed(uint64_t kept)
{
        int r = shed_bounding(kept);

        if (r == 0)
                r = shed_capabilities(kept);
        /* Last: where capabilities change the kernel may let others look again. */
        return r < 0 ? r : sandbox_hide();
}

int sandbox_enter(const Sandbox *sandbox, SandboxRemarks *ret_remarks)
{
        int r = sandbox_enter_folders(sandbox, ret_remarks);

        return r < 0 ? r : sandbox_enter_calls(sandbox, ret_remarks);
}

int sandbox_enter_folders(const Sandbox *sandbox, SandboxRemarks *ret_remarks)
{
        *ret_remarks = (SandboxRemarks){};
        return landlock_enter(sandbox, ret_remarks);
}

int sandbox_enter_calls(const Sandbox *sandbox, SandboxRemarks *remarks)
{
        return seccomp_enter(sandbox, remarks);
}

void sandbox_remarks_tell(const SandboxRemarks *remarks)
{
        if (remarks->notice)
                diag(DIAG_NOTICE, "%s", remarks->notice);
        if (remarks->warning)
                diag(DIAG_WARNING, "%s", remarks->warning);
}
