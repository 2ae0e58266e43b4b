#pragma once
/*
 * Timers of the loop: one shot, by boot time (which goes on while the machine sleeps), off until armed. A
 * handler's failure ends the loop.
 */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

/** timer_new() - A timer that is off. Return: 0 or -errno. */
int timer_new(sd_event *event, sd_event_source **ret_timer, sd_event_time_handler_t handler, void *userdata);

/**
 * timer_arm() - Goes off once, @usec from now; armed already, it goes off then instead. Return: 0 or -errno.
 */
int timer_arm(sd_event_source *timer, uint64_t usec);

/** timer_arm_at() - Goes off once, at a boot time. Return: 0 or -errno. */
int timer_arm_at(sd_event_source *timer, uint64_t boottime_usec);

/** timer_is_armed() - Whether it will go off. */
bool timer_is_armed(sd_event_source *timer);
