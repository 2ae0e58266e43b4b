#pragma once
/*
 * The operations, by what the design says of each. Runs in the runner's thread, which alone touches the
 * galleries.
 */

#include <stdatomic.h>

#include "wire/message.h"
#include "worker/engine.h"
#include "worker/galleries.h"
#include "worker/task.h"

typedef struct Operation {
        const Task *task;
        Engine *engine;
        Galleries *galleries;
        const atomic_int *stop; /* not zero: the answer is of no use any more; nothing is changed then */
} Operation;

/* A result, without index, engine and time. Owns its arrays; names in it are the task's and the gallery's. */
typedef struct Outcome {
        ResultMessage message;
        char why[256];
} Outcome;

#define OUTCOME_INIT ((Outcome){})

void outcome_deinit(Outcome *outcome);

enum { OPERATION_E_STOPPED = 1 /* told to stop before anything was changed */ };

/**
 * operation_run() - Does what the task says.
 * @ret_outcome:        what came of it, good until a gallery is changed; only when 0 is returned
 *
 * Return: 0, OPERATION_E_STOPPED, or -errno, after which this process must not go on.
 */
int operation_run(const Operation *operation, Outcome *ret_outcome);
