/*
 * Three signs of life in the time that the manager allows. Run by the loop of its process.
 */

#include "base/watchdog.h"

#include <systemd/sd-daemon.h>
#include <time.h>

#include "base/manager.h"

enum { WATCHDOG_SIGNS = 3 };

static int watchdog_arm(Watchdog *watchdog)
{
        int r = sd_event_source_set_time_relative(watchdog->timer, watchdog->usec);
        if (r >= 0)
                r = sd_event_source_set_enabled(watchdog->timer, SD_EVENT_ONESHOT);
        return r < 0 ? r : 0;
}

static int watchdog_on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        Watchdog *watchdog = userdata;

        /* One for which there is no room now need not be sent later: the next one is. */
        if (!watchdog->goes_on || watchdog->goes_on(watchdog->userdata))
                (void)manager_tell(watchdog->fd, "WATCHDOG=1", false);
        return watchdog_arm(watchdog);
}

int watchdog_init(Watchdog *watchdog, sd_event *event)
{
        uint64_t limit_usec;

        int r = sd_watchdog_enabled(0, &limit_usec);
        if (r <= 0)
                return r;
        watchdog->usec = limit_usec / WATCHDOG_SIGNS;
        r = sd_event_add_time(event, &watchdog->timer, CLOCK_BOOTTIME, 0, 0, watchdog_on_timer, watchdog);
        if (r >= 0)
                r = sd_event_source_set_exit_on_failure(watchdog->timer, true);
        return r < 0 ? r : watchdog_arm(watchdog);
}

uint64_t watchdog_limit(const Watchdog *watchdog)
{
        return watchdog->usec * WATCHDOG_SIGNS;
}

void watchdog_deinit(Watchdog *watchdog)
{
        watchdog->timer = sd_event_source_disable_unref(watchdog->timer);
}
