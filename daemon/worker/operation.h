#pragma once
/*
 * The operations, by what the design says of each. Two threads may run them at once: one those that only read, one those that change
 * galleries.
 */

#include <stdatomic.h>

#include "worker/engine.h"
#include "worker/galleries.h"
#include "worker/outcome.h"
#include "worker/task.h"

/* What operations work with. */
typedef struct OperationTools {
        Engine *engine; /* the reading thread searches with it; the changing one tells it of what is to be overwritten */
        Galleries *galleries;
} OperationTools;

/* A search that has more probes than it may have of one pass, between its turns: the best of those that it has had. */
typedef struct OperationState {
        uint64_t epoch;     /* of the gallery; in another one it begins anew, */
        uint64_t numbering; /* and so it does when the rows have other numbers */
        size_t row;         /* of its next probe */
        EngineHit *hits;
        size_t n_hits;
} OperationState;

#define OPERATION_STATE_INIT ((OperationState){})

/** operation_state_deinit() - Safe on OPERATION_STATE_INIT and twice. */
void operation_state_deinit(OperationState *state);

/* What it has come to. */
typedef enum OperationEnd {
        OPERATION_ANSWERED = 0,
        OPERATION_STOPPED,   /* told to stop before anything was changed */
        OPERATION_NOT_BEGUN, /* there was no room for it in the pass */
        OPERATION_TO_GO_ON,  /* it needs one more turn */
} OperationEnd;

typedef struct Operation {
        const Task *task;
        const atomic_int *stop; /* not zero: the answer is of no use any more; nothing is changed then */
        OperationState *state;  /* kept by the caller between turns */

        /* Filled in; the outcome, where it is answered, is the caller's. */
        OperationEnd end;
        Outcome outcome;
} Operation;

/**
 * operation_run() - Does what the tasks say.
 * @operations: searches of one gallery, which share a pass, ENGINE_BATCH_MAX at most; or others, one after the other
 *
 * Return: 0 or -errno, after which this process must not go on. Whichever: outcome_deinit() is safe on all.
 */
int operation_run(const OperationTools *tools, Operation *operations, size_t n);
