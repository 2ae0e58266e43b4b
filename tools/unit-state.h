#pragma once
/* Unit state: how a unit of systemd is, as far as anybody may know it. Asks systemctl(1), which needs no privilege. */

#include <stdbool.h>

enum { UNIT_STATE_WORD_SIZE = 64 };

typedef struct UnitState {
        char load[UNIT_STATE_WORD_SIZE];   /* "loaded", "not-found", "masked" */
        char active[UNIT_STATE_WORD_SIZE]; /* "active", "inactive", "failed", "activating" */
        char file[UNIT_STATE_WORD_SIZE];   /* "enabled", "disabled"; "" for a unit without [Install] */
        char result[UNIT_STATE_WORD_SIZE]; /* "success", "exit-code", "start-limit-hit" */
        char status[UNIT_STATE_WORD_SIZE]; /* that its program exited with; "" for a socket */
} UnitState;

/** unit_state() - Asks. Return: whether there was an answer; where systemd does not run there is none. */
bool unit_state(const char *unit, UnitState *ret_state);
