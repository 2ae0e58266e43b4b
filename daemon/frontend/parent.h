#pragma once
/*
 * The frontend's parent process: makes a child for each socket that the guard sends, and says when one has
 * gone. It never sees a byte of a client.
 */

/**
 * parent_serve() - Serves the guard until it goes.
 * @fd:         the connected socket to the guard; consumed
 * @manager_fd: to the service manager (base/manager.h), or -1; borrowed
 *
 * SIGCHLD, SIGTERM and SIGINT must be blocked; the latter two end it. Children end with it.
 * Return: 0, or -errno (-EPROTO when the guard said what makes no sense).
 */
int parent_serve(int fd, int manager_fd);
