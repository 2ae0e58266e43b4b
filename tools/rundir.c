/*
 * RunDir: makes the private directory of `matchguard run`. Changes nothing in a directory that is not the
 * caller's own, and no permissions of one that holds anything which is not a run's.
 */

#include "tools/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/fd.h"
#include "base/macro.h"

enum { BACKLOG = 512 };

static const struct {
        const char *path; /* below the directory */
        int type;
        mode_t mode;
} sockets[_RUN_SOCKET_MAX] = {
        [RUN_SOCKET_MATCH] = {"run/org.matchguard.Match", SOCK_STREAM, 0666},
        [RUN_SOCKET_ADMIN] = {"run/org.matchguard.Admin", SOCK_STREAM, 0600},
        [RUN_SOCKET_AUDIT] = {"run/org.matchguard.Audit", SOCK_STREAM, 0660},
        [RUN_SOCKET_FRONTEND] = {"run/internal/frontend", SOCK_SEQPACKET, 0600},
        [RUN_SOCKET_WORKER] = {"run/internal/worker", SOCK_SEQPACKET, 0600},
};

#define NOTIFY_PATH "run/internal/notify"

static const struct {
        const char *path;
        mode_t mode;
} folders[] = {
        {"run", 0755},
        {"run/internal", 0700},
        {"state", 0700},
        {"state/galleries", 0700},
};

static int fault_at(Buffer *fault, const char *path, const char *what)
{
        buffer_append_format(fault, "%s: %s", path, what);
        return RUNDIR_E_FAULT;
}

void rundir_deinit(RunDir *dir)
{
        for (size_t i = 0; i < ARRAY_SIZE(dir->socket_fds); i++)
                dir->socket_fds[i] = fd_close(dir->socket_fds[i]);
        dir->notify_fd = fd_close(dir->notify_fd);
        dir->lock_fd = fd_close(dir->lock_fd);
        free(dir->path);
        dir->path = NULL;
}

/* Whether a directory holds nothing but what a run makes or is given. */
static bool is_ours(int dir_fd)
{
        static const char *const known[] = {".", "..", "lock", "run", "state", "policy.d", "matchguard.conf"};
        int copy_fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *entries = copy_fd < 0 ? NULL : fdopendir(copy_fd);
        bool ours = entries != NULL;
        for (struct dirent *e; ours && (e = readdir(entries));) {
                bool found = false;
                for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                        found = found || strcmp(e->d_name, known[i]) == 0;
                ours = found;
        }
        if (entries)
                closedir(entries);
        else
                fd_close(copy_fd);
        return ours;
}

/* Opens the directory for others to pass through, or says that they cannot. */
static int open_the_way(int dir_fd, const char *path, mode_t mode, Buffer *fault)
{
        if (mode & S_IXOTH)
                return 0;
        if (!is_ours(dir_fd)) {
                diag(DIAG_WARNING, "%s is closed to other users, and stays so because it holds other things",
                     path);
                return 0;
        }
        return fchmod(dir_fd, 0711) < 0 ? fault_at(fault, path, strerror(errno)) : 0;
}

static int open_directory(const char *path, int *ret_fd, Buffer *fault)
{
        struct stat st;
        if (mkdir(path, 0711) < 0 && errno != EEXIST)
                return fault_at(fault, path, strerror(errno));
        _cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return fault_at(fault, path, strerror(errno));
        if (st.st_uid != geteuid())
                return fault_at(fault, path, "it belongs to another user");
        if (st.st_mode & (S_IWGRP | S_IWOTH))
                return fault_at(fault, path, "group or others may write there");
        int r = open_the_way(fd, path, st.st_mode, fault);
        if (r == 0)
                *ret_fd = TAKE_FD(fd);
        return r;
}

static int take_lock(int dir_fd, const char *path, int *ret_lock_fd, Buffer *fault)
{
        _cleanup_(fd_closep) int fd = openat(dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return fault_at(fault, path, strerror(errno));
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return fault_at(fault, path,
                                errno == EWOULDBLOCK ? "another 'matchguard run' uses it" : strerror(errno));
        *ret_lock_fd = TAKE_FD(fd);
        return 0;
}

static int make_folder(int dir_fd, const char *path, mode_t mode, Buffer *fault)
{
        if (mkdirat(dir_fd, path, mode) < 0 && errno != EEXIST)
                return fault_at(fault, path, strerror(errno));
        _cleanup_(fd_closep) int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 || fchmod(fd, mode) < 0) /* whatever the umask */
                return fault_at(fault, path, strerror(errno));
        return 0;
}

static int bind_socket(int fd, const char *path, mode_t mode)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, strlen(path));
        if (unlink(path) < 0 && errno != ENOENT)
                return -errno;
        /* The socket is born with its mode: nobody can connect in between. */
        mode_t before = umask(~mode & 0777);
        int r = bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
        umask(before);
        return r;
}

static int make_socket(const RunDir *dir, const char *below, int type, mode_t mode)
{
        _cleanup_(buffer_deinit) Buffer path = BUFFER_INIT;
        buffer_append_format(&path, "%s/%s", dir->path, below);
        _cleanup_(fd_closep) int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        int r = bind_socket(fd, buffer_text(&path), mode);
        return r < 0 ? r : TAKE_FD(fd);
}

static int socket_fault(Buffer *fault, const RunDir *dir, const char *below, int r)
{
        if (r == -ENAMETOOLONG)
                return fault_at(fault, dir->path,
                                "the name is too long for the sockets in it: at most 80 bytes");
        buffer_append_format(fault, "%s/%s: %s", dir->path, below, strerror(-r));
        return RUNDIR_E_FAULT;
}

static int make_sockets(RunDir *dir, Buffer *fault)
{
        const int on = 1;
        for (size_t i = 0; i < ARRAY_SIZE(sockets); i++) {
                int fd = make_socket(dir, sockets[i].path, sockets[i].type, sockets[i].mode);
                if (fd < 0)
                        return socket_fault(fault, dir, sockets[i].path, fd);
                dir->socket_fds[i] = fd;
                if (listen(fd, BACKLOG) < 0)
                        return socket_fault(fault, dir, sockets[i].path, -errno);
        }
        int fd = make_socket(dir, NOTIFY_PATH, SOCK_DGRAM, 0600);
        if (fd < 0)
                return socket_fault(fault, dir, NOTIFY_PATH, fd);
        dir->notify_fd = fd;
        if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
                return socket_fault(fault, dir, NOTIFY_PATH, -errno);
        return 0;
}

int rundir_open(const char *path, RunDir *ret_dir, Buffer *fault)
{
        _cleanup_(rundir_deinit) RunDir dir = RUN_DIR_INIT;
        _cleanup_(fd_closep) int dir_fd = -1;
        int r = open_directory(path, &dir_fd, fault);
        if (r == 0)
                r = take_lock(dir_fd, path, &dir.lock_fd, fault);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(folders); i++)
                r = make_folder(dir_fd, folders[i].path, folders[i].mode, fault);
        if (r != 0)
                return r;
        dir.path = realpath(path, NULL);
        if (!dir.path)
                return fault_at(fault, path, strerror(errno));
        r = make_sockets(&dir, fault);
        if (r != 0)
                return r;
        *ret_dir = dir;
        dir = RUN_DIR_INIT;
        return 0;
}
