#pragma once
/*
 * Standby: how the guard lives while its trail cannot be opened because there is no room for it, or its file
 * system is read-only. Whoever asks is told TrailUnavailable and counted; once a second the start is tried
 * again, and what was counted is then the `gap` leaf behind those of the start.
 */

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "trail/trail.h"

struct Guard;

typedef struct Standby {
        struct Guard *guard;
        sd_event_source *timer;
        bool active; /* there is no trail, or one that could not take the first leaves */
} Standby;

/** standby_init() - Return: 0 or -errno. */
int standby_init(Standby *standby, struct Guard *guard);

/** standby_deinit() - Lets go of the timer; safe when all zero. */
void standby_deinit(Standby *standby);

/**
 * standby_begin() - The trail cannot be used: opens the doors all the same, and tries again in a second.
 *
 * @fault:      NULL where a failed commit has told the recorder
 *
 * May be called from a callback of the trail, which stays until then. Return: 0 or -errno.
 */
int standby_begin(Standby *standby, const TrailFault *fault);

/** standby_end() - The first leaves are durable. */
void standby_end(Standby *standby);
