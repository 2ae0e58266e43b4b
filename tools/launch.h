#pragma once
/* Starts one program as a service manager would: clean signals, descriptors from 3 on, and its end tied to
 * ours. */

#include <stddef.h>
#include <sys/types.h>

typedef struct Launch {
        const char *path;
        char *const *argv;
        const int *fds; /* @n_fds listening sockets that it gets from 3 on; borrowed */
        size_t n_fds;
        const char *fd_names; /* for LISTEN_FDNAMES */
        const char *notify;   /* for NOTIFY_SOCKET; NULL: none */
} Launch;

/**
 * launch() - Starts a program. It reads nothing, writes its stdout to our stderr, and is sent SIGTERM when
 * this process ends, however that happens. What concerns this process alone is not in its environment.
 *
 * Return: 0 with its process id, or -errno when there can be no new process. A program that cannot be
 * executed ends with the status 127 after saying so.
 */
int launch(const Launch *launch, pid_t *ret_pid);
