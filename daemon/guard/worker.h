#pragma once
/*
 * Worker: the guard's side of the worker. It says hello with a session of its own and what it last accepted
 * of the log; is shown each checkpoint before the jobs under it; and is believed only as far as the leaf
 * goes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "guard/worker-engine.h"
#include "trail/trail.h"
#include "wire/channel.h"
#include "wire/message.h"

struct Guard;
struct Request;

enum {
        WORKER_SESSION_SIZE = 2 * MESSAGE_SESSION_SIZE + 1,
        WORKER_LATE_MAX = 1024,
};

/* A checkpoint that is shown to it before the first job under it. */
typedef struct WorkerShow WorkerShow;
struct WorkerShow {
        uint64_t size;
        Buffer body; /* of the CHECKPOINT */
        TAILQ_ENTRY(WorkerShow) link;
};

/* One on its disk. What it says of it is for the status. */
typedef struct WorkerGallery {
        char *name;
        bool is_told; /* the rest */
        bool damaged;
        uint64_t epoch;
        uint64_t n_templates;
} WorkerGallery;

typedef struct Worker {
        struct Guard *guard;
        Channel *channel; /* NULL: none is connected */
        bool ready;       /* it has said hello */
        bool stopping;    /* and that it stops: it is sent no job any more */
        char session[WORKER_SESSION_SIZE];
        char version[WORKER_NAME_MAX + 1];
        WorkerEngine engine;
        WorkerGallery *galleries; /* those on its disk */
        size_t n_galleries;
        TAILQ_HEAD(WorkerHeld, WorkerShow) held; /* in order; only where jobs wait for the kernel's record */
        uint64_t shown_size; /* of the last checkpoint that it was shown, or that it had */
        size_t n_late;
        uint64_t late[WORKER_LATE_MAX]; /* jobs whose results nobody waits for any more */
} Worker;

/** worker_init() - None yet. */
void worker_init(Worker *worker, struct Guard *guard);

/** worker_deinit() - Lets go of it; requests that wait for it are not told. Safe when all zero. */
void worker_deinit(Worker *worker);

/** worker_accept() - Takes a connection on the `worker` socket; @fd is consumed. Return: 0 or -errno. */
int worker_accept(struct Guard *guard, int fd);

/** worker_session() - The session at hand, for the leaf; NULL: there is no worker. */
const char *worker_session(const Worker *worker);

/**
 * worker_show() - Shows it a checkpoint, where jobs are to follow under it; where these have to wait, together
 * with the first of them, so that checkpoints and jobs come to it in one order. Return: 0 or -errno.
 */
int worker_show(Worker *worker, const TrailCommit *commit);

/**
 * worker_show_held() - Shows it what had to wait, up to a size of the log: no job under a smaller one may come
 * afterwards. Return: 0 or -errno.
 */
int worker_show_held(Worker *worker, uint64_t size);

enum {
        WORKER_E_GONE = 1,       /* it is not the one that the leaf names, or was not shown the checkpoint */
        WORKER_E_OVERLOADED = 2, /* it does not keep up */
};

/* A job on its way. */
typedef struct WorkerJob {
        uint64_t tree_size;  /* of the checkpoint that its path leads to */
        const char *session; /* that its leaf names, or NULL */
} WorkerJob;

/** worker_send() - Sends a JOB's body, which is used up. Return: 0, WORKER_E_*, or -errno. */
int worker_send(Worker *worker, const WorkerJob *job, Buffer *body);

/**
 * worker_cancel() - Nobody waits for a job any more. @late: its result will be dropped. Return: 0 or -errno.
 */
int worker_cancel(Worker *worker, uint64_t index, bool late);
