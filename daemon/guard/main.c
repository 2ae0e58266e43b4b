/*
 * matchguardd: accepts, attests, decides, records, and only then has anything matched. Runs as the account
 * matchguard, or as whoever started `matchguard run`.
 */

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/sandbox.h"
#include "guard/guard.h"
#include "guard/options.h"
#include "trail/event.h"

enum { EXIT_USAGE = 2 };

/* Signals are the loop's; blocked before any thread is made, so that every thread blocks them. */
static void block_signals(void)
{
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGHUP);
        sigprocmask(SIG_BLOCK, &set, NULL);
        signal(SIGPIPE, SIG_IGN);
        /* A limit on the size of files is told as EFBIG, and then it is a disk that is full. */
        signal(SIGXFSZ, SIG_IGN);
}

int main(int argc, char **argv)
{
        int status = EXIT_FAILURE;
        Guard *guard = NULL;
        Options options;

        int r = options_parse(argc, argv, &options);
        if (r != 0)
                return r == OPTIONS_E_DONE ? EXIT_SUCCESS : EXIT_USAGE;
        event_init("matchguardd");
        block_signals();
        r = sandbox_hide();
        if (r < 0) {
                event_tell(EVENT_START_FAILED, EVENT_NO_FIELDS, "Cannot hide this process: %s", strerror(-r));
                return EXIT_FAILURE;
        }

        r = guard_new(&guard, &options, &status);
        if (r >= 0) {
                r = guard_run(guard);
                status = r < 0 ? EXIT_FAILURE : r;
                if (r < 0)
                        event_tell(EVENT_FAILED, EVENT_NO_FIELDS, "Cannot go on: %s", strerror(-r));
        }
        guard_free(guard);
        return status;
}
