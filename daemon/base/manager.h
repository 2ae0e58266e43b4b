#pragma once
/*
 * Manager: datagrams to the service manager that started this process, as sd_notify(3) sends them, on a connection that
 * is opened once: a process that has confined itself opens no other. Knows nothing of what is said.
 */

#include <stdbool.h>

/**
 * manager_connect() - Opens the connection to $NOTIFY_SOCKET.
 * @ret_fd:     the connection, the caller's; -1 where there is no manager
 *
 * Return: 0 or -errno.
 */
int manager_connect(int *ret_fd);

/**
 * manager_tell() - Sends assignments, one a line, as one datagram.
 * @fd:         the connection, or -1: then nothing is told
 * @wait:       whether to wait for a manager that does not read for the moment
 *
 * Return: 0, or -errno; -EAGAIN where there is no room and nobody waits for it.
 */
int manager_tell(int fd, const char *assignments, bool wait);
