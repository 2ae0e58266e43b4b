/* Instant: --at of those commands that look at a policy at some time. Reads the clock where none is given. */

#include "tools/instant.h"

#include <string.h>

#include "base/clock.h"
#include "policy/time.h"

int instant_read(const Command *command, const char *text, int64_t *ret_usec)
{
        ClockReading now;
        int64_t usec = 0;

        if (!text && clock_read(&now) == 0)
                usec = (int64_t)now.wall_usec;
        else if (!text || !time_parse(text, strlen(text), &usec) || usec < 0)
                return command_usage(command,
                                     "--at wants YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ from 1970 on, not '%s'",
                                     text ? text : "now");
        *ret_usec = usec;
        return EXIT_DONE;
}
