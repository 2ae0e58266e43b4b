#pragma once
/*
 * A job that was accepted, from its coming to its result. Owned by whoever it was handed to last.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/buffer.h"
#include "wire/leaf.h"
#include "wire/packet.h"
#include "worker/operation.h"
#include "worker/seen.h"
#include "worker/task.h"

/* Why a job is given up. */
typedef enum JobStop {
        JOB_GOES_ON = 0,
        JOB_CALLER_GONE,
        JOB_TIMEOUT,
        JOB_SHUTDOWN,
} JobStop;

/* What its turn has come to. */
typedef enum JobTurn {
        JOB_ENDED = 0, /* it has its result */
        JOB_NOT_BEGUN, /* there was no room for it */
        JOB_TO_GO_ON,  /* it needs one more */
} JobTurn;

typedef struct Job {
        TAILQ_ENTRY(Job) link;
        uint64_t index;
        uint64_t deadline_usec;   /* CLOCK_BOOTTIME */
        const char *organisation; /* for whom it is, the leaf's; NULL: for nobody but its user */
        uint64_t uid;
        Seen seen;     /* the checkpoint that it came under */
        Packet packet; /* what leaf and task point into */
        Leaf leaf;
        Task task;
        atomic_int stop; /* JobStop */

        /* Its runner's, and of its turns. */
        JobTurn turn;
        bool is_begun;        /* an earlier turn was not its last */
        uint64_t begin_usec;  /* of its first turn; 0: it had none */
        OperationState state; /* between its turns */
        Buffer result;        /* the encoded RESULT */
        /* A gallery that it has changed, or found damaged, and how it was afterwards; NULL: none. */
        const Gallery *gallery;
        uint64_t gallery_epoch;
        uint64_t gallery_templates;
} Job;

typedef TAILQ_HEAD(JobList, Job) JobList;

Job *job_new(void);
Job *job_free(Job *job);
