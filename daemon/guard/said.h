#pragma once
/*
 * Said: which warnings about the dates of a policy were given already, so that each is given once a stage and
 * a run. Pure.
 */

#include <stdbool.h>
#include <stddef.h>

#include "policy/upcoming.h"

typedef struct Said {
        struct SaidDate *dates;
        size_t n;
} Said;

#define SAID_INIT ((Said){})

/** said_deinit() - Forgets all, as for another policy. */
void said_deinit(Said *said);

/**
 * said_note() - Notes that a date is told of.
 *
 * A clock that goes back makes nothing new: what was said at a later stage was said. Return: 1 when it was
 * not said at this stage, 0 when it was, or -ENOMEM.
 */
int said_note(Said *said, const Upcoming *upcoming);
