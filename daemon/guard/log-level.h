#pragma once
/*
 * Log level: how much the three programs say of themselves. LogLevel= of matchguard.conf says it at start and at
 * each reload; the administrator may say otherwise, which holds until it is taken back or the guard ends. What the
 * mirrors write of the trail's leaves does not depend on it.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/diag.h"
#include "guard/client.h"
#include "wire/channel.h"

struct Guard;

typedef struct LogLevel {
        DiagLevel configured; /* by the file as it was last read */
        bool is_set;          /* the administrator said otherwise */
        DiagLevel set;
} LogLevel;

/** log_level_configure() - What the file says now. Return: 0 or -errno. */
int log_level_configure(struct Guard *guard, DiagLevel configured);

/**
 * log_level_by_admin() - Answers a call that sets it.
 * @level:      a DiagLevel; 0: as the file says
 *
 * Return: 0 or -errno.
 */
int log_level_by_admin(Client *client, uint64_t serial, uint8_t level);

/** log_level_greet() - Tells a process that has just come, which begins with DIAG_INFO. Return: 0 or -errno. */
int log_level_greet(Channel *channel);
