#pragma once
/*
 * What the processes of the frontend give up by themselves, whatever their unit already took from them.
 */

#include <sys/types.h>

#include "base/sandbox.h"
#include "frontend/child.h"
#include "wire/message.h"

/**
 * confine_parent() - Gives up all but its channel, making children, and hearing of their end.
 * @log:        --log-seccomp, for it and its children
 * @ret_remarks: what an operator has to be told
 *
 * Return: 0 or -errno.
 */
int confine_parent(bool log, SandboxRemarks *ret_remarks);

/**
 * confine_child() - Gives up all that a child was born with but its descriptors and stderr.
 * @fds:        its own; replaced by those that it has afterwards
 * @spawn:      whom it serves, for its name
 * @parent:     the process that made it
 *
 * No other descriptor, no process, no file, no signal to another, no tracing; it dies with its parent. Signals
 * mean what they mean by default, but for SIGTERM and SIGINT, which the parent has heard as well: it says when
 * to stop. Return: 0; -ESRCH when the parent is gone already; another -errno.
 */
int confine_child(ChildFds *fds, const SpawnMessage *spawn, pid_t parent);
