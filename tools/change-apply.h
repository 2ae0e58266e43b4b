#pragma once
/* The second half of a change of policy: the files are written, and the service loads them or they are put
 * back. */

#include "tools/change.h"

typedef enum ChangeOutcome {
        CHANGE_IN_FORCE,
        CHANGE_REFUSED,   /* the service keeps its policy, and the files are as they were */
        CHANGE_UNREACHED, /* nobody was there to load it */
        CHANGE_UNKNOWN,   /* the service was told, and gave no answer */
        CHANGE_NOT_TOLD,  /* --no-reload */
} ChangeOutcome;

/**
 * change_apply() - Writes the files, and has the service load them.
 *
 * Return: EXIT_DONE, with the files changed; EXIT_REFUSED with them as they were before, or with what was
 * said that could not be put back.
 */
int change_apply(Change *change, ChangeOutcome *ret_outcome);
