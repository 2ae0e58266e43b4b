#pragma once
/*
 * Notifier: what the service manager is told, as sd_notify(3) would, and the watchdog. Never waits: what a manager
 * that is slow has no room for is told when it has.
 */

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/watchdog.h"

enum { NOTIFIER_WAITING_MAX = 32 };

typedef struct Notifier {
        int fd; /* -1: there is no manager */
        sd_event_source *room;
        Watchdog watchdog;
        char *waiting
                [NOTIFIER_WAITING_MAX]; /* oldest first; what is newer says how things stand now, so that it
                                                pushes the oldest out */
        size_t n_waiting;
} Notifier;

/** notifier_init() - Finds the manager, if there is one, and begins to feed its watchdog. Return: 0 or -errno. */
int notifier_init(Notifier *notifier, sd_event *event);

/** notifier_deinit() - Says what there is room for, and lets go. The notifier must have been begun. */
void notifier_deinit(Notifier *notifier);

/** notifier_tell() - Tells it assignments, one a line. Return: 0 or -errno. */
int notifier_tell(Notifier *notifier, const char *assignments);
