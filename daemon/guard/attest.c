/*
 * Attestation from a socket. Owns what it found; must not read from the socket nor ask a name service. Runs
 * in the guard, which needs to see all processes (ProtectProc=default).
 *
 * With SO_PEERPIDFD the kernel keeps the process that connected, dead or alive, and its number is taken from
 * the pidfd. Without it the pidfd is opened by number at once, and must then be a process of the same user
 * that was there before the connection was accepted: a number that was given anew in between can only be one
 * of the same user's, which is why such an identity is called "uid". Whoever cannot be followed so, for the
 * number is nobody's that we see or another user's, counts as gone: nobody could say when it is.
 *
 * PIDFD_GET_INFO (Linux 6.13) tells a cgroup too, but as the number of a folder that we could not open. It is
 * not asked: /proc, read while the pidfd lives, tells the same of the same process.
 */

#include "guard/attest.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/fd.h"
#include "base/macro.h"
#include "base/text.h"
#include "guard/unit.h"

/* Newer than the headers of the oldest system that this is built on. */
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

/* The longest is the status of a process in ATTEST_GROUPS_MAX groups, each of up to eleven bytes. */
enum { ATTEST_FILE_MAX = 1024 * 1024 };

/* What the kernel says for "nobody logged in" in loginuid and sessionid. */
static const uint64_t attest_unset = UINT32_MAX;

/* What fails for want of room says nothing about the peer: it must become no "none", and so no denial. */
static bool attest_is_shortage(int error)
{
        return error == EMFILE || error == ENFILE || error == ENOMEM;
}

const char *attest_identity_name(AttestIdentity identity)
{
        return identity == ATTEST_PIDFD ? "pidfd" : "uid";
}

void attestation_deinit(Attestation *attestation)
{
        free(attestation->groups);
        free(attestation->unit);
        free(attestation->label);
        (void)fd_close(attestation->pidfd); /* Always -1; the attestation goes. */
        *attestation = ATTESTATION_INIT;
}

static bool pidfd_is_alive(int pidfd)
{
        struct pollfd p = {.fd = pidfd, .events = POLLIN};

        /* poll(2) says nothing of a descriptor that is none: nobody lives there. */
        return pidfd >= 0 && poll(&p, 1, 0) == 0;
}

bool attestation_alive(const Attestation *attestation)
{
        return pidfd_is_alive(attestation->pidfd);
}

int attest_peer_uid(int fd, uid_t *ret_uid)
{
        struct ucred credentials;
        socklen_t n = sizeof(credentials);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &n) < 0)
                return -errno;
        *ret_uid = credentials.uid;
        return 0;
}

/* ---------------------------------------------------------------------------------------- from the socket */

static int attest_compare_groups(const void *a, const void *b)
{
        gid_t x = *(const gid_t *)a;
        gid_t y = *(const gid_t *)b;

        return x < y ? -1 : x > y;
}

static void attest_sort_groups(Attestation *attestation)
{
        size_t n = 0;

        qsort(attestation->groups, attestation->n_groups, sizeof(gid_t), attest_compare_groups);
        for (size_t i = 0; i < attestation->n_groups; i++)
                if (n == 0 || attestation->groups[i] != attestation->groups[n - 1])
                        attestation->groups[n++] = attestation->groups[i];
        attestation->n_groups = n;
}

/* The supplementary groups as they were at connect(2), and @primary. */
static int attest_groups(int fd, gid_t primary, Attestation *attestation)
{
        socklen_t n = 32 * sizeof(gid_t);

        for (;;) {
                gid_t *groups = realloc(attestation->groups, n + sizeof(gid_t));
                if (!groups)
                        return -ENOMEM;
                attestation->groups = groups;
                if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &n) == 0)
                        break;
                /* Where the kernel has no groups to tell, there are none but the primary one. */
                if (errno != ERANGE) {
                        n = 0;
                        break;
                }
                if (n > ATTEST_GROUPS_MAX * sizeof(gid_t))
                        return -ERANGE;
        }
        attestation->n_groups = n / sizeof(gid_t);
        attestation->groups[attestation->n_groups++] = primary;
        attest_sort_groups(attestation);
        return 0;
}

/* Whether a text can stand in a leaf. */
static bool attest_is_plain(const char *text)
{
        for (; *text; text++)
                if (*text < 0x20 || *text > 0x7e || *text == '"' || *text == '\\')
                        return false;
        return true;
}

static void attest_label(int fd, Attestation *attestation)
{
        char label[ATTEST_LABEL_MAX + 2] = {};
        socklen_t n = sizeof(label) - 1;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERSEC, label, &n) < 0 || n >= sizeof(label))
                return;
        label[n] = '\0';
        if (*label && strlen(label) <= ATTEST_LABEL_MAX && attest_is_plain(label))
                attestation->label = strdup(label);
}

/* Return: 0, ATTEST_E_GONE, or -errno. */
static int attest_open_pidfd(int fd, bool by_number, pid_t pid, Attestation *attestation)
{
        socklen_t n = sizeof(attestation->pidfd);

        if (!by_number && getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &attestation->pidfd, &n) == 0) {
                attestation->identity = ATTEST_PIDFD;
                return pidfd_is_alive(attestation->pidfd) ? 0 : ATTEST_E_GONE;
        }
        attestation->pidfd = -1;
        if (!by_number && attest_is_shortage(errno))
                return -errno;
        /* Kernels that have the option but keep no dead process say EINVAL, ESRCH or ENODATA. */
        if (!by_number && errno != ENOPROTOOPT)
                return ATTEST_E_GONE;

        attestation->identity = ATTEST_UID;
        if (pid <= 0)
                return ATTEST_E_GONE;
        attestation->pidfd = pidfd_open(pid, 0);
        if (attestation->pidfd >= 0)
                return pidfd_is_alive(attestation->pidfd) ? 0 : ATTEST_E_GONE;
        return errno == ESRCH ? ATTEST_E_GONE : -errno;
}

/* --------------------------------------------------------------------------------------------- from /proc */

/* The files of /proc/PID that are read; the last two only of a process that was found by its number. */
typedef enum AttestFile {
        ATTEST_CGROUP,
        ATTEST_LOGINUID,
        ATTEST_SESSION,
        ATTEST_STATUS,
        ATTEST_STAT,
        _ATTEST_FILE_MAX,
} AttestFile;

/* What /proc says of one process: texts, NULL where one cannot be read. */
typedef struct AttestProc {
        char *texts[_ATTEST_FILE_MAX];
} AttestProc;

static void attest_proc_deinit(AttestProc *proc)
{
        for (size_t i = 0; i < ARRAY_SIZE(proc->texts); i++)
                free(proc->texts[i]);
}

/* A file of /proc as text; NULL where it cannot be read. Return: 0 or -errno: for want of room. */
static int attest_read(int dir_fd, const char *name, char **ret_text)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;

        int r = fd_read_file(dir_fd, name, ATTEST_FILE_MAX, &buffer);
        if (attest_is_shortage(-r))
                return r;
        buffer_append(&buffer, "", 1);
        if (buffer.failed)
                return -ENOMEM;
        *ret_text = r < 0 ? NULL : buffer_take(&buffer, NULL);
        return 0;
}

/* A number below 2^32 - 1, as loginuid and sessionid are written. */
static bool attest_id(const char *text, uint32_t *ret_id)
{
        uint64_t value;

        if (!text || !text_to_u64(text, strcspn(text, "\n"), &value) || value >= attest_unset)
                return false;
        *ret_id = (uint32_t)value;
        return true;
}

/* The number behind @key at the start of a line. */
static bool attest_line_number(const char *text, const char *key, unsigned which, uint64_t *ret_value)
{
        for (const char *line = text; line; line = strchr(line, '\n'), line += line ? 1 : 0) {
                if (strncmp(line, key, strlen(key)) != 0)
                        continue;
                const char *p = line + strlen(key);
                for (unsigned i = 0;; i++) {
                        p += strspn(p, "\t ");
                        size_t n = strcspn(p, "\t \n");
                        if (i == which)
                                return text_to_u64(p, n, ret_value);
                        p += n;
                }
        }
        return false;
}

/* The process's number as our own /proc has it; 0 where it is not seen there. Return: 0 or -errno. */
static int attest_pid_of(int pidfd, pid_t *ret_pid)
{
        _cleanup_(freep) char *text = NULL;
        char path[64];
        uint64_t pid;

        snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
        int r = attest_read(AT_FDCWD, path, &text);
        if (r < 0)
                return r;
        bool seen = text && attest_line_number(text, "Pid:", 0, &pid) && pid <= INT32_MAX;
        *ret_pid = seen ? (pid_t)pid : 0;
        return 0;
}

/* Return: 0, also where there is no such process, or -errno. */
static int attest_read_proc(pid_t pid, bool by_number, AttestProc *ret_proc)
{
        static const char *const names[_ATTEST_FILE_MAX] = {"cgroup", "loginuid", "sessionid", "status",
                                                            "stat"};
        size_t n = by_number ? _ATTEST_FILE_MAX : ATTEST_STATUS;
        char path[64];

        snprintf(path, sizeof(path), "/proc/%d", pid);
        _cleanup_(fd_closep) int dir_fd = open(path, O_DIRECTORY | O_PATH | O_CLOEXEC);
        if (dir_fd < 0)
                return attest_is_shortage(errno) ? -errno : 0;
        for (size_t i = 0; i < n; i++) {
                int r = attest_read(dir_fd, names[i], &ret_proc->texts[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* When the process began, in µs of boot time: field 22 of stat(5), counted behind the command's bracket. */
static bool attest_started(const char *stat, uint64_t *ret_usec)
{
        const char *p = stat ? strrchr(stat, ')') : NULL;

        for (unsigned field = 2; p && field < 22; field++) {
                p = strchr(p, ' ');
                p = p ? p + 1 : NULL;
        }
        uint64_t ticks;
        if (!p || !text_to_u64(p, strcspn(p, " \n"), &ticks))
                return false;
        *ret_usec = ticks * (1000000 / (uint64_t)sysconf(_SC_CLK_TCK));
        return true;
}

/* Whether a process that was found by its number can be the one that connected. */
static bool attest_is_plausible(const AttestProc *proc, uid_t uid, uint64_t accepted_usec)
{
        uint64_t effective_uid;
        uint64_t started_usec;

        return attest_line_number(proc->texts[ATTEST_STATUS], "Uid:", 1, &effective_uid) &&
               effective_uid == uid && attest_started(proc->texts[ATTEST_STAT], &started_usec) &&
               started_usec <= accepted_usec;
}

static uint64_t attest_boottime(void)
{
        struct timespec now = {};

        (void)clock_gettime(CLOCK_BOOTTIME,
                            &now); /* Cannot fail on Linux; zero would mean "not plausible". */
        return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Everything that is decoration unless the process lives before and after. */
static int attest_process(uint64_t accepted_usec, Attestation *attestation)
{
        bool by_number = attestation->identity == ATTEST_UID;
        _cleanup_(attest_proc_deinit) AttestProc proc = {};
        pid_t pid = 0;

        int r = attest_pid_of(attestation->pidfd, &pid);
        if (r == 0 && pid > 0)
                r = attest_read_proc(pid, by_number, &proc);
        if (r < 0)
                return r;
        if (!pidfd_is_alive(attestation->pidfd))
                return ATTEST_E_GONE;
        if (by_number && !attest_is_plausible(&proc, attestation->uid, accepted_usec))
                return ATTEST_E_GONE;
        attestation->unit = proc.texts[ATTEST_CGROUP] ? unit_of_cgroup(proc.texts[ATTEST_CGROUP]) : NULL;
        attestation->has_loginuid = attest_id(proc.texts[ATTEST_LOGINUID], &attestation->loginuid);
        attestation->has_session = attest_id(proc.texts[ATTEST_SESSION], &attestation->session);
        return 0;
}

int attest(int fd, bool by_number, Attestation *ret_attestation)
{
        uint64_t accepted_usec = attest_boottime();
        _cleanup_(attestation_deinit) Attestation attestation = ATTESTATION_INIT;
        struct ucred credentials;
        socklen_t n = sizeof(credentials);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &n) < 0)
                return -errno;
        attestation.uid = credentials.uid;
        attestation.pid = credentials.pid;
        int r = attest_groups(fd, credentials.gid, &attestation);
        if (r < 0)
                return r;
        r = attest_open_pidfd(fd, by_number, credentials.pid, &attestation);
        if (r == 0) {
                attest_label(fd, &attestation);
                r = attest_process(accepted_usec, &attestation);
        }
        if (r < 0)
                return r;
        *ret_attestation = attestation;
        attestation = ATTESTATION_INIT;
        return r;
}
