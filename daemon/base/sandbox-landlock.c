/*
 * Landlock, by its raw calls and with definitions of its own: the headers of Debian 12 end at its second version.
 * See landlock(7).
 */

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/sandbox-layers.h"

enum {
        LANDLOCK_VERSION_LEAST = 2, /* the first one forbids every rename from folder to folder */
        LANDLOCK_CREATE_VERSION = 1,
        LANDLOCK_RULE_BENEATH = 1,
};

/* Rights over files, in the order in which versions brought them. */
enum {
        LANDLOCK_EXECUTE = 1 << 0,
        LANDLOCK_WRITE_FILE = 1 << 1,
        LANDLOCK_READ_FILE = 1 << 2,
        LANDLOCK_READ_DIR = 1 << 3,
        LANDLOCK_REMOVE_DIR = 1 << 4,
        LANDLOCK_REMOVE_FILE = 1 << 5,
        LANDLOCK_MAKE_DIR = 1 << 7,
        LANDLOCK_MAKE_REG = 1 << 8,
        LANDLOCK_ALL_1 = (1 << 13) - 1,
        LANDLOCK_REFER = 1 << 13,     /* 2 */
        LANDLOCK_TRUNCATE = 1 << 14,  /* 3 */
        LANDLOCK_IOCTL_DEV = 1 << 15, /* 5 */

        LANDLOCK_READ = LANDLOCK_READ_FILE | LANDLOCK_READ_DIR,
        LANDLOCK_DEVICE = LANDLOCK_READ | LANDLOCK_WRITE_FILE | LANDLOCK_IOCTL_DEV,
        LANDLOCK_OF_FILES = LANDLOCK_EXECUTE | LANDLOCK_READ_FILE | LANDLOCK_WRITE_FILE | LANDLOCK_TRUNCATE |
                            LANDLOCK_IOCTL_DEV, /* that a rule about what is no folder may have */
        LANDLOCK_WRITE = LANDLOCK_READ | LANDLOCK_WRITE_FILE | LANDLOCK_REMOVE_DIR | LANDLOCK_REMOVE_FILE |
                         LANDLOCK_MAKE_DIR | LANDLOCK_MAKE_REG | LANDLOCK_REFER | LANDLOCK_TRUNCATE,
};

enum {
        LANDLOCK_TCP = 1 << 0 | 1 << 1,    /* bind, connect: 4 */
        LANDLOCK_SCOPES = 1 << 0 | 1 << 1, /* abstract sockets, signals: 6 */
};

/* What is refused unless a rule allows it. Kernels take a longer one, where what they do not know is 0. */
typedef struct LandlockRuleset {
        uint64_t files;
        uint64_t tcp;
        uint64_t scopes;
} LandlockRuleset;

typedef struct LandlockBeneath {
        uint64_t allowed;
        int32_t folder_fd;
} __attribute__((packed)) LandlockBeneath;

static LandlockRuleset landlock_ruleset(long version)
{
        LandlockRuleset ruleset = {.files = LANDLOCK_ALL_1 | LANDLOCK_REFER};

        if (version >= 3)
                ruleset.files |= LANDLOCK_TRUNCATE;
        if (version >= 4)
                ruleset.tcp = LANDLOCK_TCP;
        if (version >= 5)
                ruleset.files |= LANDLOCK_IOCTL_DEV;
        if (version >= 6)
                ruleset.scopes = LANDLOCK_SCOPES;
        return ruleset;
}

static const uint64_t landlock_rights[] = {
        [SANDBOX_LIST] = LANDLOCK_READ_DIR,
        [SANDBOX_READ] = LANDLOCK_READ,
        [SANDBOX_WRITE] = LANDLOCK_WRITE,
        [SANDBOX_READ_FILE] = LANDLOCK_READ_FILE,
        [SANDBOX_REWRITE] = LANDLOCK_READ | LANDLOCK_WRITE_FILE | LANDLOCK_TRUNCATE,
        [SANDBOX_EXECUTE] = LANDLOCK_READ | LANDLOCK_EXECUTE,
        [SANDBOX_DEVICE] = LANDLOCK_DEVICE,
};

/* Whether it is what the rule was made for. The right to read a folder as a file would be one to every file in it. */
static bool landlock_fits(SandboxAccess access, mode_t mode)
{
        if (access == SANDBOX_READ_FILE)
                return S_ISREG(mode);
        return S_ISDIR(mode) || (access == SANDBOX_DEVICE && S_ISCHR(mode));
}

static int landlock_allow(int ruleset_fd, const LandlockRuleset *ruleset, const SandboxFolder *folder)
{
        _cleanup_(fd_closep) int fd = open(folder->path, O_PATH | O_CLOEXEC);
        struct stat st;

        if (fd < 0)
                /* What it cannot reach today it does not get tomorrow. */
                return errno == ENOENT || errno == ENOTDIR || errno == EACCES ? 0 : -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!landlock_fits(folder->access, st.st_mode))
                return 0;
        const uint64_t meaning = S_ISDIR(st.st_mode) ? ruleset->files : ruleset->files & LANDLOCK_OF_FILES;
        const LandlockBeneath beneath = {
                .allowed = landlock_rights[folder->access] & meaning,
                .folder_fd = fd,
        };
        return syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_BENEATH, &beneath, 0) < 0 ? -errno
                                                                                                  : 0;
}

int landlock_enter(const Sandbox *sandbox, SandboxRemarks *remarks)
{
        long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_VERSION);
        if (version < LANDLOCK_VERSION_LEAST) {
                remarks->notice =
                        "this kernel has no Landlock (5.19 and later have it, where the list lsm= of its "
                        "command line names it): files are protected by their owners only";
                return 0;
        }
        const LandlockRuleset ruleset = landlock_ruleset(version);
        _cleanup_(fd_closep) int fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, sizeof(ruleset), 0);
        if (fd < 0)
                return -errno;
        for (size_t i = 0; i < sandbox->n_folders; i++) {
                int r = landlock_allow(fd, &ruleset, &sandbox->folders[i]);
                if (r < 0)
                        return r;
        }
        return syscall(SYS_landlock_restrict_self, fd, 0) < 0 ? -errno : 0;
}
