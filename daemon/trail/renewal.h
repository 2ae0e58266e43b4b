#pragma once
/*
 * Renewal: putting a log aside so that another can begin (matchguardd --new-log), in steps that a crash
 * between any two of them leaves either refused or repeatable.
 */

#include <stdbool.h>

#include "base/digest.h"

/**
 * renewal_run() - Puts trail/ and export/ aside as trail.<size> and export.<size>.
 * @state_fd:   the locked state folder
 * @trail_path: of the database, for a log whose export is gone
 *
 * The new trail/ remembers the checkpoint of the old log. Does nothing where no log has begun. Return: 0 or
 * -errno.
 */
int renewal_run(int state_fd, const char *trail_path);

/** renewal_is_half_done() - Whether an earlier renewal did not come to its end. Return: 1, 0 or -errno. */
int renewal_is_half_done(int state_fd);

/** renewal_forget() - Throws away what an earlier renewal had prepared; the old log goes on. Return: 0 or
 * -errno. */
int renewal_forget(int state_fd);

/** renewal_previous() - The checkpoint that a log in @trail_fd follows. Return: 1, 0 where it follows none, or
 * -errno. */
int renewal_previous(int trail_fd, Digest *ret_digest);
