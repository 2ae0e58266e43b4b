#pragma once
/*
 * A child of the frontend: serves the connections of one uid to one interface. It alone parses what that user
 * sends, and it hears the answers to that user only.
 */

#include <sys/types.h>

#include "wire/message.h"

/* What a child has open, beside stderr and the null device. */
typedef struct ChildFds {
        int channel; /* the child's end of its channel to the guard */
        int stop; /* the reading end of a pipe, in which there is never a byte: it ends when the child is to stop */
} ChildFds;

/**
 * child_run() - Becomes the child, after fork(2), and serves until the guard closes the channel, or it has
 * been told to stop.
 * @fds:        consumed
 * @spawn:      whom it will serve
 * @parent:     the process that made it; the child does not outlive it
 *
 * Return: the exit status.
 */
int child_run(ChildFds fds, const SpawnMessage *spawn, pid_t parent);

/**
 * child_serve() - The loop alone, without giving up anything: what child_run() does once it is confined.
 * @fds:        the channel is consumed, `stop` borrowed
 *
 * Return: 0 when the guard has closed the channel, or once it was told to stop and the last connection has
 * ended; -errno (-EPROTO when the guard said what makes no sense).
 */
int child_serve(ChildFds fds, MessageInterface interface);
