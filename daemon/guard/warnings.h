#pragma once
/*
 * Warnings: what whoever runs the service should know before it happens: dates of the policy that come near
 * or have passed, and a clock that cannot be used. The journal gets each date 30, 7 and 1 days before and
 * once it has passed, and all that stand at each load of a policy; status has them at any time.
 */

#include <stddef.h>
#include <systemd/sd-event.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "guard/said.h"

struct Guard;

typedef struct Warnings {
        struct Guard *guard;
        Said said;      /* of the policy in force */
        bool uncounted; /* as was last said: rates cannot be told */
        sd_event_source *timer;
} Warnings;

/** warnings_init() - Nothing said yet. Return: 0 or -errno. */
int warnings_init(Warnings *warnings, struct Guard *guard);

/** warnings_deinit() - Safe when all zero. */
void warnings_deinit(Warnings *warnings);

/**
 * warnings_policy_loaded() - Tells the journal all that stand, and looks again each hour. Return: 0 or
 * -errno.
 */
int warnings_policy_loaded(Warnings *warnings);

/** warnings_check() - Tells the journal what has become due since. Return: 0 or -errno. */
int warnings_check(Warnings *warnings);

/* What stands at a moment. Beyond some number the last line says how many more there are. */
typedef struct WarningList {
        Buffer lines; /* a sentence a line */
        Buffer kinds; /* for each line the name of its event, or "more" */
        size_t n;
} WarningList;

#define WARNING_LIST_INIT ((WarningList){})

void warning_list_deinit(WarningList *list);

/** warnings_list() - All that stand at this moment, put into an empty list. Return: 0 or -ENOMEM. */
int warnings_list(const struct Guard *guard, const ClockReading *now, WarningList *list);
