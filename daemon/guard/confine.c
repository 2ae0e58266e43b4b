/*
 * Confinement of the guard, on one screen; and of the process that opens two files of /etc for it.
 */

#include "guard/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/fd.h"
#include "base/macro.h"
#include "policy/policy.h"

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

/* Takes NULL for a path that there was no memory for. Return: 0 or -ENOMEM. */
static int confine_folder(ConfineFolders *folders, const char *path, SandboxAccess access)
{
        const char *copy = path ? arena_copy(&folders->arena, path, strlen(path)) : NULL;

        if (!copy)
                return -ENOMEM;
        folders->items[folders->n++] = (SandboxFolder){copy, access};
        return 0;
}

/* The folder that something lies in; NULL: no memory. */
static const char *confine_parent(ConfineFolders *folders, const char *path)
{
        char *copy = arena_copy(&folders->arena, path, strlen(path));

        return copy ? dirname(copy) : NULL;
}

/* A policy folder of the system may be made later, so the one above it, which the package makes, is needed; and it may
 * be a link, so it is needed itself. */
static int confine_policy(ConfineFolders *folders, const Options *options)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < options->n_policy_dirs; i++)
                r = confine_folder(folders, options->policy_dirs[i], SANDBOX_READ);
        for (size_t i = 0; r == 0 && options->n_policy_dirs == 0 && i < ARRAY_SIZE(policy_default_dirs);
             i++) {
                r = confine_folder(folders, policy_default_dirs[i], SANDBOX_READ);
                if (r == 0)
                        r = confine_folder(folders, confine_parent(folders, policy_default_dirs[i]),
                                           SANDBOX_READ);
        }
        return r;
}

static bool confine_lies_in(const char *path, const char *folder)
{
        size_t n = strlen(folder);

        return strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* Whether a folder, by its real name, surely holds more than this service's configuration: it is the root, or one in
 * it, as /etc is; or galleries may lie in it. */
static bool confine_is_wide(const char *folder, const char *state_dir)
{
        return !strchr(folder + 1, '/') || confine_lies_in(state_dir, folder) ||
               confine_lies_in(folder, state_dir);
}

/* Where matchguard.conf is a link: the folder that it leads to. */
static int confine_config_link(ConfineFolders *folders, const Options *options)
{
        _cleanup_(freep) char *real = realpath(options->config_path, NULL);
        if (!real)
                return errno == ENOMEM ? -ENOMEM : 0;
        _cleanup_(freep) char *state_dir = realpath(options->state_dir, NULL);
        const char *folder = confine_parent(folders, real);
        if (folder && confine_is_wide(folder, state_dir ? state_dir : options->state_dir))
                return 0;
        return confine_folder(folders, folder, SANDBOX_READ);
}

/* A reload reads matchguard.conf again, which an editor may have replaced. In /etc/matchguard that is no more than is
 * matchguard's own. Elsewhere the folder may be anything, the root or somebody's home: so only the file that is there. */
static int confine_config(ConfineFolders *folders, const Options *options)
{
        const char *folder = confine_parent(folders, options->config_path);
        const char *own = confine_parent(folders, policy_default_dirs[0]);

        int r = confine_folder(folders, options->config_path, SANDBOX_READ_FILE);
        if (r < 0 || !folder || !own)
                return -ENOMEM;
        if (strcmp(folder, own) != 0)
                return 0;
        r = confine_folder(folders, folder, SANDBOX_READ);
        return r < 0 ? r : confine_config_link(folders, options);
}

/* Its own three folders in the state folder, where galleries lie as well: of these it sees the names only. */
static int confine_trail(ConfineFolders *folders, const char *state_dir)
{
        static const char *const own[] = {"trail", "export", "public"};

        int r = confine_folder(folders, state_dir, SANDBOX_LIST);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(own); i++) {
                _cleanup_(buffer_deinit) Buffer path = BUFFER_INIT;
                buffer_append_format(&path, "%s/%s", state_dir, own[i]);
                r = confine_folder(folders, path.failed ? NULL : buffer_text(&path), SANDBOX_WRITE);
        }
        return r;
}

int confine_folders(const Options *options, ConfineFolders *ret_folders)
{
        const char *credentials = getenv("CREDENTIALS_DIRECTORY");

        *ret_folders = (ConfineFolders){.arena = ARENA_INIT};
        /* Callers' units, this boot's id. Landlock hides the memory and the files of other processes. */
        int r = confine_folder(ret_folders, "/proc", SANDBOX_READ);
        if (r == 0 && credentials)
                r = confine_folder(ret_folders, credentials, SANDBOX_READ);
        if (r == 0)
                r = confine_policy(ret_folders, options);
        if (r == 0)
                r = confine_trail(ret_folders, options->state_dir);
        return r < 0 ? r : confine_config(ret_folders, options);
}

void confine_folders_deinit(ConfineFolders *folders)
{
        arena_deinit(&folders->arena);
        *folders = (ConfineFolders){.arena = ARENA_INIT};
}

bool confine_refuses(const char *path)
{
        _cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

        /* Landlock has no say in access(2). */
        return fd < 0 && errno == EACCES && access(path, R_OK) == 0;
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
        _cleanup_(confine_folders_deinit) ConfineFolders folders;

        confine_warm_up();
        int r = confine_folders(options, &folders);
        if (r < 0)
                return r;
        return confine_to(&(Sandbox){.lists = {confine_list},
                                     .folders = folders.items,
                                     .n_folders = folders.n,
                                     .log = options->log_seccomp},
                          audits, ret_remarks);
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
