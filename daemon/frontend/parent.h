#pragma once
/*
 * The frontend's parent process: makes a child for each socket that the guard sends, and says when one has
 * gone. It never sees a byte of a client.
 */

/* How long it waits for its children when it is told to stop: longer than they wait for clients that do not
 * read (CONNECTION_DRAIN_USEC), and less than TimeoutStopSec= of the unit by what the end of the rest takes. */
#define PARENT_DRAIN_USEC (UINT64_C(7) * 1000 * 1000)

typedef struct ParentFds {
        int channel; /* the connected socket to the guard; consumed */
        int manager; /* to the service manager (base/manager.h), or -1; borrowed */
        int stop[2]; /* a pipe: of children the reading end, borrowed; the writing end is consumed */
} ParentFds;

/**
 * parent_serve() - Serves the guard until it goes.
 *
 * SIGCHLD, SIGTERM and SIGINT must be blocked. The latter two stop it: it makes no more children, tells those
 * that are there to stop, and ends with the last of them, or after PARENT_DRAIN_USEC. Children end with it.
 * Return: 0, or -errno (-EPROTO when the guard said what makes no sense).
 */
int parent_serve(const ParentFds *fds);
