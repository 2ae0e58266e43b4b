#pragma once
/* Questions to a person at the terminal: asked on stderr, answered on stdin, so that stdout is free for what
 * a command prints. */

#include <stdbool.h>

#include "base/buffer.h"

/** ask_is_possible() - Whether somebody is there: stdin and stderr are terminals. */
bool ask_is_possible(void);

/** ask_yes() - Puts a question. Return: whether the answer was y or yes; anything else, and none, is no. */
bool ask_yes(const char *question);

/**
 * ask_line() - Puts a question and appends the answer, a line without its end. Return: whether there was any.
 */
bool ask_line(const char *question, Buffer *answer);
