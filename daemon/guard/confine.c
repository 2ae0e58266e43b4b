/*
 * Confinement of the guard, on one screen; and of the process that opens two files of /etc for it.
 */

#include "guard/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <systemd/sd-id128.h>

#include "base/macro.h"

#define CONFINE_NAMESPACES                                                                                   \
        (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |        \
         CLONE_NEWNET)

static const SandboxGroup confine_list[] = {
        {"clients: taken, attested, cut off; a pair for each child of the frontend",
         {SANDBOX_CALL(accept4), SANDBOX_CALL(getsockopt), SANDBOX_CALL(shutdown), SANDBOX_CALL(pidfd_open),
          SANDBOX_CALL_IF(socketpair, 0, AF_UNIX)}},
        {"files that Landlock knows: trail, export, policy, /proc",
         {SANDBOX_CALL(openat), SANDBOX_CALL(newfstatat), SANDBOX_CALL(access), SANDBOX_CALL(faccessat),
          SANDBOX_CALL(faccessat2), SANDBOX_CALL(readlink), SANDBOX_CALL(readlinkat),
          SANDBOX_CALL(getdents64), SANDBOX_CALL(pread64), SANDBOX_CALL(pwrite64), SANDBOX_CALL(ftruncate),
          SANDBOX_CALL(fallocate), SANDBOX_CALL(fadvise64), SANDBOX_CALL(flock), SANDBOX_CALL(getcwd)}},
        {"files made, named, removed",
         {SANDBOX_CALL(mkdirat), SANDBOX_CALL(renameat), SANDBOX_CALL(renameat2), SANDBOX_CALL(unlink),
          SANDBOX_CALL(unlinkat), SANDBOX_CALL(fchmod), SANDBOX_CALL(fchown) /* SQLite, as root */,
          SANDBOX_CALL(geteuid)}},
        {"and durable",
         {SANDBOX_CALL(fsync), SANDBOX_CALL(fdatasync), SANDBOX_CALL(sync_file_range), SANDBOX_CALL(syncfs)}},
        {"SQLite's locks",
         {SANDBOX_CALL_IF(fcntl, 1, F_SETLK), SANDBOX_CALL_IF(fcntl, 1, F_GETLK),
          SANDBOX_CALL_IF(fcntl, 1, F_SETFD)}},
        {"keys in locked memory", {SANDBOX_CALL(mlock), SANDBOX_CALL(munlock)}},
        {"threads: trail, export, mirrors, reload",
         {SANDBOX_CALL_BITS(clone, 0, CLONE_VM | CLONE_THREAD | CONFINE_NAMESPACES, CLONE_VM | CLONE_THREAD),
          SANDBOX_CALL(set_robust_list), SANDBOX_CALL(rseq), SANDBOX_CALL(sched_getaffinity),
          SANDBOX_CALL_IF(prctl, 0, PR_SET_NAME), SANDBOX_CALL(eventfd2)}},
        {"the journal, which may be started again: it takes datagrams, and others that one may ask do not",
         {{"socket",
           SCMP_SYS(socket),
           2,
           {SCMP_A0(SCMP_CMP_EQ, AF_UNIX), SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, SOCK_DGRAM)}},
          SANDBOX_CALL(connect),
          SANDBOX_CALL(sendto),
          SANDBOX_CALL_IF(ioctl, 1, SIOCOUTQ)}},
        {"the kernel's audit",
         {{"socket",
           SCMP_SYS(socket),
           2,
           {SCMP_A0(SCMP_CMP_EQ, AF_NETLINK), SCMP_A2(SCMP_CMP_EQ, NETLINK_AUDIT)}},
          SANDBOX_CALL(recvfrom),
          SANDBOX_CALL(capget)}},
        {"whether the clock is synchronised: without CAP_SYS_TIME it can only be read",
         {SANDBOX_CALL(adjtimex), SANDBOX_CALL(clock_adjtime)}},
        {},
};

static const SandboxGroup confine_etc_reader_list[] = {
        {"passwd(5) and group(5)", {SANDBOX_CALL(openat)}},
        {},
};

enum { CONFINE_FOLDERS_MAX = OPTIONS_POLICY_DIRS_MAX + 9 };

typedef struct ConfineFolders {
        SandboxFolder items[CONFINE_FOLDERS_MAX];
        size_t n;
} ConfineFolders;

static void confine_folder(ConfineFolders *folders, const char *path, SandboxAccess access)
{
        folders->items[folders->n++] = (SandboxFolder){path, access};
}

/* A policy folder is a drop-in that may come later, but its parent is made by the package. */
static void confine_policy(ConfineFolders *folders, const Options *options)
{
        static const char *const installed[] = {"/etc/matchguard", "/run/matchguard", "/usr/lib/matchguard"};

        for (size_t i = 0; i < options->n_policy_dirs; i++)
                confine_folder(folders, options->policy_dirs[i], SANDBOX_READ);
        for (size_t i = 0; options->n_policy_dirs == 0 && i < ARRAY_SIZE(installed); i++)
                confine_folder(folders, installed[i], SANDBOX_READ);
}

/* A reload reads matchguard.conf again, which an editor may have replaced: so its folder. Return: 0 or -errno. */
static int confine_config(ConfineFolders *folders, const char *path, char **ret_folder)
{
        const char *slash = strrchr(path, '/');

        if (slash)
                *ret_folder = strndup(path, (size_t)MAX_OF(slash - path, (ptrdiff_t)1));
        else
                *ret_folder = strdup(".");
        if (!*ret_folder)
                return -ENOMEM;
        confine_folder(folders, *ret_folder, SANDBOX_READ);
        return 0;
}

/* Its own three folders in the state folder, where galleries lie as well: of these it sees the names only. */
static int confine_trail(ConfineFolders *folders, const char *state_dir, char **ret_paths)
{
        static const char *const own[] = {"trail", "export", "public"};

        confine_folder(folders, state_dir, SANDBOX_LIST);
        for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
                if (asprintf(&ret_paths[i], "%s/%s", state_dir, own[i]) < 0) {
                        ret_paths[i] = NULL;
                        return -ENOMEM;
                }
                confine_folder(folders, ret_paths[i], SANDBOX_WRITE);
        }
        return 0;
}

/* What the loop's library spreads its timers by; it keeps what it found. */
static void confine_warm_up(void)
{
        sd_id128_t id;

        if (sd_id128_get_boot(&id) < 0)
                (void)sd_id128_get_machine(&id); /* Without either timers are less spread out. */
}

static int confine_to(const Sandbox *sandbox, bool audits, SandboxRemarks *ret_remarks)
{
        int r = sandbox_shed(audits ? UINT64_C(1) << CAP_AUDIT_WRITE : 0);

        return r == 0 ? sandbox_enter(sandbox, ret_remarks) : r;
}

int confine(const Options *options, bool audits, SandboxRemarks *ret_remarks)
{
        const char *credentials = getenv("CREDENTIALS_DIRECTORY");
        ConfineFolders folders = {};
        char *paths[4] = {};

        confine_warm_up();
        /* Callers' units, this boot's id. Landlock hides the memory and the files of other processes. */
        confine_folder(&folders, "/proc", SANDBOX_READ);
        if (credentials)
                confine_folder(&folders, credentials, SANDBOX_READ);
        confine_policy(&folders, options);
        int r = confine_trail(&folders, options->state_dir, paths);
        if (r == 0)
                r = confine_config(&folders, options->config_path, &paths[3]);
        if (r == 0)
                r = confine_to(&(Sandbox){.lists = {confine_list},
                                          .folders = folders.items,
                                          .n_folders = folders.n,
                                          .log = options->log_seccomp},
                               audits, ret_remarks);
        for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
                free(paths[i]);
        return r;
}

int confine_etc_reader(bool log_seccomp)
{
        static const SandboxFolder etc = {"/etc", SANDBOX_READ};
        SandboxRemarks remarks; /* The guard says the same ones. */

        return confine_to(&(Sandbox){.lists = {confine_etc_reader_list},
                                     .folders = &etc,
                                     .n_folders = 1,
                                     .log = log_seccomp},
                          false, &remarks);
}
