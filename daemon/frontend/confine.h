#pragma once
/*
 * What the processes of the frontend give up by themselves, whatever their unit already took from them.
 */

#include <sys/types.h>

#include "wire/message.h"

/** confine_parent() - Gains no privileges any more, and cannot be traced. Return: 0 or -errno. */
int confine_parent(void);

/**
 * confine_child() - Gives up all that a child was born with but its channel and stderr.
 * @fd:         its channel; replaced by the descriptor that it has afterwards
 * @spawn:      whom it serves, for its name
 * @parent:     the process that made it
 *
 * No other descriptor, no new privilege, no tracing, no core, no process, no file; it dies with its parent,
 * and signals mean what they mean by default. Return: 0; -ESRCH when the parent is gone already; another
 * -errno.
 */
int confine_child(int *fd, const SpawnMessage *spawn, pid_t parent);
