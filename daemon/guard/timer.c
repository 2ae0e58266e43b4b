/*
 * Timers. A thin layer over sd-event, so that no part can forget how a timer of ours behaves.
 */

#include "guard/timer.h"

#include <time.h>

int timer_new(sd_event *event, sd_event_source **ret_timer, sd_event_time_handler_t handler, void *userdata)
{
        int r = sd_event_add_time(event, ret_timer, CLOCK_BOOTTIME, 0, 0, handler, userdata);
        if (r >= 0)
                r = sd_event_source_set_enabled(*ret_timer, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_source_set_exit_on_failure(*ret_timer, true);
        return r < 0 ? r : 0;
}

int timer_arm(sd_event_source *timer, uint64_t usec)
{
        int r = sd_event_source_set_time_relative(timer, usec);
        if (r >= 0)
                r = sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
        return r < 0 ? r : 0;
}

int timer_arm_at(sd_event_source *timer, uint64_t boottime_usec)
{
        int r = sd_event_source_set_time(timer, boottime_usec);
        if (r >= 0)
                r = sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
        return r < 0 ? r : 0;
}

bool timer_is_armed(sd_event_source *timer)
{
        int enabled = SD_EVENT_OFF;

        (void)sd_event_source_get_enabled(timer, &enabled); /* Cannot fail on a source of ours. */
        return enabled != SD_EVENT_OFF;
}
