#pragma once
/* An instant that a command line names. */

#include <stdint.h>

#include "tools/command.h"

/**
 * instant_read() - Reads the value of --at.
 * @text:       as given; NULL: now
 * @ret_usec:   from 1970 on
 *
 * Return: EXIT_DONE, or EXIT_USAGE after saying what is wrong.
 */
int instant_read(const Command *command, const char *text, int64_t *ret_usec);
