/*
 * The end of the guard when a write or a sync has failed. After a failed sync the kernel may call pages clean
 * that never reached the disk; asking again would be told that all is well. The next start reads everything
 * anew.
 */

#include "trail/fatal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "trail/event.h"
#include "trail/trail.h"

static FatalTeller fatal_tell;
static void *fatal_userdata;

void fatal_set_teller(FatalTeller tell, void *userdata)
{
        fatal_tell = tell;
        fatal_userdata = userdata;
}

void fatal_storage(const char *what, const char *folder, int r)
{
        event_tell_now(EVENT_STORAGE_FAILED,
                       EVENT_FIELDS({"folder", folder}, {"what", what}, {"why", strerror(-r)}),
                       "%s: %s failed: %s. Ending, so that nothing is told that the disk may not hold; the "
                       "next start "
                       "reads everything anew. What to do: matchguardd(8), exit status %d.",
                       folder, what, strerror(-r), TRAIL_EXIT_STORAGE);
        if (r == -EBADMSG && fatal_tell)
                fatal_tell(fatal_userdata);
        _exit(TRAIL_EXIT_STORAGE);
}

bool fatal_spares(int r)
{
        return r == -ENOSPC || r == -EDQUOT || r == -EFBIG;
}
