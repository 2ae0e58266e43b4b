/*
 * Standing by. Owns the timer that tries again. Run by the guard's loop, which the start then blocks for as
 * long as a start takes: nothing is decided meanwhile, and the watchdog has to allow for it.
 */

#include "guard/standby.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "guard/guard.h"
#include "guard/start.h"
#include "guard/summary.h"
#include "guard/timer.h"
#include "trail/event.h"

#define STANDBY_USEC (1 * CLOCK_USEC_PER_SEC)
/* As TimeoutStartSec= of the unit: a start that reads a large trail is no loop that stands still. */
#define STANDBY_START_USEC (600 * CLOCK_USEC_PER_SEC)

/* How long the manager waits for a sign of life from now on; 0: as its unit says. */
static void standby_set_watchdog(Standby *standby, uint64_t usec)
{
        Notifier *notifier = &standby->guard->notifier;
        char text[64];

        if (notifier->watchdog.usec == 0)
                return;
        (void)snprintf(text, sizeof(text), "WATCHDOG_USEC=%ju",
                       (uintmax_t)(usec > 0 ? usec : watchdog_limit(&notifier->watchdog)));
        /* Without memory a long start is taken for a hang, and tried again. */
        (void)notifier_tell(notifier, text);
}

static int standby_on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        Standby *standby = userdata;
        Guard *guard = standby->guard;
        int status = EXIT_FAILURE;

        if (guard->stopping)
                return 0;
        guard->trail = trail_free(guard->trail);
        recorder_deinit(&guard->recorder);
        int r = start_try(guard, &status);
        return r < 0 ? sd_event_exit(guard->event, status) : 0;
}

int standby_init(Standby *standby, Guard *guard)
{
        standby->guard = guard;
        return timer_new(guard->event, &standby->timer, standby_on_timer, standby);
}

void standby_deinit(Standby *standby)
{
        standby->timer = sd_event_source_disable_unref(standby->timer);
}

int standby_begin(Standby *standby, const TrailFault *fault)
{
        bool again = standby->active;

        standby->active = true;
        int r = recorder_stand_by(&standby->guard->recorder, fault);
        if (r < 0)
                return r;
        if (!again) {
                guard_peers_changed(standby->guard);
                standby_set_watchdog(standby, STANDBY_START_USEC);
                /* The service manager would not start the frontend, and then end a start that takes so long. */
                summary_notify(standby->guard, "READY=1\n");
        }
        return timer_arm(standby->timer, STANDBY_USEC);
}

void standby_end(Standby *standby)
{
        if (standby->active) {
                event_tell(EVENT_TRAIL_MENDED, EVENT_NO_FIELDS, "The trail is written again.");
                standby_set_watchdog(standby, 0);
        }
        standby->active = false;
}
