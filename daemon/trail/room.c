/*
 * What is left in a file system. Owns nothing; asks the kernel when it is asked. Runs in any thread but the
 * loop's: a file system may take its time to answer.
 */

#include "trail/room.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/macro.h"
#include "trail/ballast.h"
#include "trail/fatal.h"

bool room_may_return(int r)
{
        return fatal_spares(r) || r == -EROFS;
}

/* What to do about each. */
static const char *room_remedy(int r)
{
        static const struct {
                int r;
                const char *text;
        } remedies[] = {
                {-ENOSPC, "make room in that file system"},
                {-EDQUOT, "raise the quota, or make room under it"},
                {-EFBIG, "raise LimitFSIZE= (ulimit -f) and restart"},
                {-EROFS, "find out why (dmesg), and mount it writable again"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(remedies); i++)
                if (remedies[i].r == r)
                        return remedies[i].text;
        return "find out why (dmesg)";
}

void room_tell(int folder_fd, const char *folder, int r, char ret_text[static ROOM_TEXT_SIZE])
{
        struct statvfs space = {};

        if (fstatvfs(folder_fd, &space) < 0 || r == -EROFS || !room_may_return(r)) {
                (void)snprintf(ret_text, ROOM_TEXT_SIZE, "%s: %s; %s", folder, strerror(-r), room_remedy(r));
                return;
        }
        (void)snprintf(ret_text, ROOM_TEXT_SIZE,
                       "%s: %s; %llu KiB and %llu files are free there, and %d KiB are needed: %s", folder,
                       strerror(-r), (unsigned long long)space.f_bavail * space.f_frsize / 1024,
                       (unsigned long long)space.f_favail, BALLAST_NEEDS / 1024, room_remedy(r));
}
