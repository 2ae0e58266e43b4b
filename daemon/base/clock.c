/*
 * Clocks and the boot id.
 */

#include "base/clock.h"

#include <errno.h>
#include <string.h>
#include <sys/timex.h>
#include <systemd/sd-id128.h>
#include <time.h>

static int clock_usec(clockid_t id, uint64_t *ret_usec)
{
        struct timespec t;
        if (clock_gettime(id, &t) < 0)
                return -errno;
        if (t.tv_sec < 0)
                return -ERANGE;
        *ret_usec = (uint64_t)t.tv_sec * CLOCK_USEC_PER_SEC + (uint64_t)t.tv_nsec / 1000;
        return 0;
}

int clock_read(ClockReading *ret_reading)
{
        ClockReading reading = {};

        int r = clock_usec(CLOCK_REALTIME, &reading.wall_usec);
        if (r == 0)
                r = clock_usec(CLOCK_BOOTTIME, &reading.boottime_usec);
        if (r < 0)
                return r;

        struct timex timex = {};
        int state = adjtimex(&timex);
        reading.synchronised = state >= 0 && state != TIME_ERROR && !(timex.status & STA_UNSYNC);
        *ret_reading = reading;
        return 0;
}

uint64_t clock_boottime(void)
{
        uint64_t usec = 0;

        (void)clock_usec(CLOCK_BOOTTIME, &usec); /* Every Linux since 2.6.39 has this clock. */
        return usec;
}

int clock_boot_id(char ret_id[static 33])
{
        sd_id128_t id;
        int r = sd_id128_get_boot(&id);
        if (r < 0)
                return r;
        sd_id128_to_string(id, ret_id);
        return 0;
}
