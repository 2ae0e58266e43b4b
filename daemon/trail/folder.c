/*
 * The trail's directories. Owns their permissions and the lock (flock(2) on the state folder: it goes with
 * the process, however that ends).
 */

#include "trail/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"

int folder_make(int parent_fd, const char *name, mode_t mode, int *ret_fd)
{
        bool made = mkdirat(parent_fd, name, mode) == 0;
        if (!made && errno != EEXIST)
                return -errno;
        _cleanup_(fd_closep) int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        struct stat st;
        if (made && fstat(fd, &st) < 0)
                return -errno;
        /* Only what the umask took away: a set-group-id bit that was inherited must stay. */
        if (made && (st.st_mode & 0777) != mode && fchmod(fd, (st.st_mode & 07000) | mode) < 0)
                return -errno;
        int r = made ? fd_sync_dir(parent_fd, name) : 0;
        if (r < 0)
                return r;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

int folder_make_above(int folder_fd, const char *path)
{
        _cleanup_(freep) char *rest = strdup(path);
        _cleanup_(fd_closep) int fd = -1;
        int parent_fd = folder_fd;
        char *name = rest;

        if (!rest)
                return -ENOMEM;
        for (char *slash = strchr(name, '/'); slash; slash = strchr(name, '/')) {
                int next_fd = -1;
                *slash = 0;
                int r = folder_make(parent_fd, name, 0750, &next_fd);
                if (r < 0)
                        return r;
                fd_closep(&fd);
                parent_fd = fd = next_fd;
                name = slash + 1;
        }
        return 0;
}

/* Removes one entry of a folder: a file, or a folder with all that is in it. */
static int folder_remove_entry(int parent_fd, const char *name)
{
        if (unlinkat(parent_fd, name, 0) == 0 || errno == ENOENT)
                return 0;
        return errno == EISDIR || errno == EPERM ? folder_remove(parent_fd, name) : -errno;
}

static int folder_empty(DIR *entries)
{
        for (;;) {
                errno = 0;
                const struct dirent *entry = readdir(entries);
                if (!entry)
                        return -errno;
                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                int r = folder_remove_entry(dirfd(entries), entry->d_name);
                if (r < 0)
                        return r;
        }
}

int folder_remove(int parent_fd, const char *name)
{
        _cleanup_(fd_closep) int fd =
                openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        DIR *entries = fdopendir(fd);
        if (!entries)
                return -errno;
        (void)TAKE_FD(fd); /* closedir() closes it */
        int r = folder_empty(entries);
        (void)closedir(entries); /* The descriptor is gone whatever it says. */
        if (r == 0 && unlinkat(parent_fd, name, AT_REMOVEDIR) < 0)
                r = -errno;
        return r;
}

int folder_has(int folder_fd, const char *name)
{
        if (faccessat(folder_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                return 1;
        return errno == ENOENT ? 0 : -errno;
}

int folders_lock(Folders *folders, const char *state_dir)
{
        int r = folder_make(AT_FDCWD, state_dir, 0755, &folders->state_fd);
        if (r < 0)
                return r;
        if (flock(folders->state_fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? FOLDERS_E_HELD : -errno;
        return 0;
}

int folders_open(Folders *folders)
{
        int r = folder_make(folders->state_fd, "trail", 0700, &folders->trail_fd);
        if (r == 0)
                r = folder_make(folders->state_fd, "export", 0750, &folders->export_fd);
        if (r == 0)
                r = folder_make(folders->state_fd, "public", 0755, &folders->public_fd);
        return r;
}

void folders_deinit(Folders *folders)
{
        folders->public_fd = fd_close(folders->public_fd);
        folders->export_fd = fd_close(folders->export_fd);
        folders->trail_fd = fd_close(folders->trail_fd);
        folders->state_fd = fd_close(folders->state_fd);
}
