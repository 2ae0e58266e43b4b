/*
 * What the worker gives up.
 */

#include "worker/confine.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

int confine(void)
{
        static const struct rlimit no_core = {0, 0};

        umask(0077);
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
            setrlimit(RLIMIT_CORE, &no_core) < 0)
                return -errno;
        /* Both come back as errors of the call, which are handled where they arise. */
        if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
                return -errno;
        return 0;
}
