#pragma once
/*
 * A child of the frontend: serves the connections of one uid to one interface. It alone parses what that user
 * sends, and it hears the answers to that user only.
 */

#include <sys/types.h>

#include "wire/message.h"

/**
 * child_run() - Becomes the child, after fork(2), and serves until the guard closes the channel.
 * @fd:         the child's end of the channel; consumed
 * @spawn:      whom it will serve
 * @parent:     the process that made it; the child does not outlive it
 *
 * Return: the exit status.
 */
int child_run(int fd, const SpawnMessage *spawn, pid_t parent);

/**
 * child_serve() - The loop alone, without giving up anything: what child_run() does once it is confined.
 *
 * Return: 0 when the guard has closed the channel, or -errno (-EPROTO when it said what makes no sense).
 */
int child_serve(int fd, MessageInterface interface);
