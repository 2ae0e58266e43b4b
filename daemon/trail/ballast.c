/*
 * The ballast: 1 MiB of allocated blocks in the file `ballast`. Its content means nothing.
 */

#include "trail/ballast.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"

static const char ballast_file[] = "ballast";

static bool ballast_is_there(int folder_fd)
{
        struct stat st;
        return fstatat(folder_fd, ballast_file, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
               st.st_blocks >= BALLAST_SIZE / 512;
}

int ballast_restore(int folder_fd)
{
        struct statvfs space;

        if (ballast_is_there(folder_fd))
                return 1;
        if (fstatvfs(folder_fd, &space) < 0)
                return -errno;
        if ((uint64_t)space.f_bavail * space.f_frsize < BALLAST_NEEDS)
                return 0;
        _cleanup_(fd_closep) int fd =
                openat(folder_fd, ballast_file, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        int r = posix_fallocate(fd, 0, BALLAST_SIZE);
        if (r == 0)
                return 1;
        ballast_drop(folder_fd);
        return r == ENOSPC || r == EDQUOT || r == EFBIG ? 0 : -r;
}

void ballast_drop(int folder_fd)
{
        (void)unlinkat(folder_fd, ballast_file, 0); /* Where it fails nothing was gained, and nothing lost. */
}
