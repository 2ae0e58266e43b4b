#pragma once
/*
 * Watchdog: signs of life to the service manager, for as long as the loop goes round. A loop that stands still sends
 * none, and neither does one whose owner says that its work does: then the manager ends the process and starts it
 * again. Not sd_event_set_watchdog(3), which waits in the loop for a manager that does not read.
 */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

typedef struct Watchdog {
        int fd; /* to the manager; borrowed */
        sd_event_source *timer;
        uint64_t usec;                   /* between two signs of life; 0: none are asked for */
        bool (*goes_on)(void *userdata); /* whether the work does, asked before each; NULL: the loop is all */
        void *userdata;
} Watchdog;

/**
 * watchdog_init() - Begins to feed it, where the manager asks for that.
 * @watchdog:   with `fd`, and what is to be asked, filled in; stays where it is until watchdog_deinit()
 *
 * Return: 0 or -errno.
 */
int watchdog_init(Watchdog *watchdog, sd_event *event);

/** watchdog_limit() - How long the manager waits for a sign of life, in µs; 0: it waits for none. */
uint64_t watchdog_limit(const Watchdog *watchdog);

/** watchdog_deinit() - Feeds it no more. */
void watchdog_deinit(Watchdog *watchdog);
