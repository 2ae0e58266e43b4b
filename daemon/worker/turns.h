#pragma once
/*
 * What is done in the turns of the runner, in its threads: the checkpoint of the jobs is made durable, what they say is done, and their
 * results are written down.
 */

#include <pthread.h>

#include "worker/operation.h"
#include "worker/runner.h"

typedef struct Turns {
        OperationTools tools;
        pthread_mutex_t lock; /* over the file of worker/seen.h, and what it says */
        Seen stored;
        Gallery *untidy; /* the changing thread's: somebody was removed from it */
} Turns;

/** turns_init() - @tools: borrowed what they point to. @seen: what the file says. */
void turns_init(Turns *turns, const OperationTools *tools, const Seen *seen);
void turns_deinit(Turns *turns);

/** turns_run() - The RunnerRun; its userdata is Turns. */
int turns_run(Job *const *jobs, size_t n, void *userdata);

/** turns_tidy() - The RunnerTidy; likewise. */
int turns_tidy(const atomic_int *stop, void *userdata);
