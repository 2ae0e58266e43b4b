#pragma once
/*
 * The private directory of one `matchguard run`, and the listening sockets in it.
 *
 *   DIR                        0711  others may pass through to the sockets
 *   DIR/lock                   0600  held for as long as a run uses it
 *   DIR/policy.d               the caller's, if there is one; made by tools/run.c over the shipped policy
 *   DIR/run                    0755
 *   DIR/run/org.matchguard.*   Match 0666, Admin 0600, Audit 0660
 *   DIR/run/internal           0700  frontend, worker: 0600; notify
 *   DIR/state                  0700  trail, export, public, galleries
 */

#include "base/buffer.h"

/* In the order in which the guard gets them. */
typedef enum RunSocket {
        RUN_SOCKET_MATCH,
        RUN_SOCKET_ADMIN,
        RUN_SOCKET_AUDIT,
        RUN_SOCKET_FRONTEND,
        RUN_SOCKET_WORKER,
        _RUN_SOCKET_MAX,
} RunSocket;

/* Their names for sd_listen_fds_with_names(3), with a colon between them. */
#define RUN_SOCKET_NAMES "org.matchguard.Match:org.matchguard.Admin:org.matchguard.Audit:frontend:worker"

typedef struct RunDir {
        char *path; /* absolute */
        int lock_fd;
        int socket_fds[_RUN_SOCKET_MAX];
        int notify_fd;
} RunDir;

#define RUN_DIR_INIT ((RunDir){.lock_fd = -1, .socket_fds = {-1, -1, -1, -1, -1}, .notify_fd = -1})

void rundir_deinit(RunDir *dir);

enum {
        RUNDIR_E_FAULT = 1, /* @fault says what is wrong */
};

/**
 * rundir_open() - Makes what is missing of a directory, takes it for this process, and listens.
 * @path:       of the directory; made if only its last part is missing
 * @fault:      where one line is appended on RUNDIR_E_FAULT
 *
 * Sockets that an earlier run left are replaced. Return: 0 or RUNDIR_E_FAULT.
 */
int rundir_open(const char *path, RunDir *ret_dir, Buffer *fault);
