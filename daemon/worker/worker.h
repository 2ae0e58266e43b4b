#pragma once
/*
 * One connection to the guard, from the hello to its end: takes checkpoints, jobs and cancellations, answers
 * each job with exactly one result. Runs on the loop; jobs run beside it (worker/runner.h).
 */

#include "log/note.h"
#include "worker/engine.h"
#include "worker/galleries.h"
#include "worker/seen.h"

typedef struct WorkerContext {
        int fd;         /* the connected socket; consumed */
        int manager_fd; /* to the service manager, or -1; borrowed */
        NoteVerifier verifier;
        Seen seen;
        Galleries *galleries;
        Engine *engine;
} WorkerContext;

/**
 * worker_serve() - Serves until the guard is gone or SIGTERM or SIGINT comes; both must be blocked in every
 * thread. Return: 0, or -errno; -EPROTO when the guard sent what is no message of its.
 */
int worker_serve(const WorkerContext *context);
