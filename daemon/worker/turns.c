/*
 * What is done in the turns of the runner.
 */

#include "worker/turns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/macro.h"

void turns_init(Turns *turns, const OperationTools *tools, const Seen *seen)
{
        *turns = (Turns){.tools = *tools, .lock = PTHREAD_MUTEX_INITIALIZER, .stored = *seen};
}

void turns_deinit(Turns *turns)
{
        pthread_mutex_destroy(&turns->lock);
}

static bool is_newer(const Turns *turns, const Seen *seen)
{
        return !turns->stored.origin[0] || turns->stored.head.size < seen->head.size;
}

/* Stores the newest checkpoint of the jobs. Whoever finds it stored already had to wait until it was. */
static int store_seen(Turns *turns, Job *const *jobs, size_t n)
{
        const Seen *newest = &jobs[0]->seen;
        int r = 0;

        for (size_t i = 1; i < n; i++)
                if (jobs[i]->seen.head.size > newest->head.size)
                        newest = &jobs[i]->seen;
        pthread_mutex_lock(&turns->lock);
        if (is_newer(turns, newest)) {
                r = seen_store(turns->tools.galleries->dir_fd, newest);
                if (r == 0)
                        turns->stored = *newest;
        }
        pthread_mutex_unlock(&turns->lock);
        return r;
}

static const char *stop_result(int stop)
{
        return stop == JOB_CALLER_GONE ? "caller-gone" : "timeout";
}

/* What a job may have changed, or found damaged, is told with its result. */
static void note_gallery(const Turns *turns, const Operation *operation, Job *job)
{
        bool changes = job->task.operation == TASK_ENROL || job->task.operation == TASK_REMOVE;
        bool damaged = strcmp(operation->outcome.message.result, "gallery-damaged") == 0;

        if (!changes && !damaged)
                return;
        job->gallery = galleries_find(turns->tools.galleries, job->task.gallery);
        if (!job->gallery || damaged)
                return;
        job->gallery_epoch = gallery_epoch(job->gallery);
        job->gallery_templates = gallery_n_templates(job->gallery);
}

static void encode_result(const Turns *turns, Operation *operation, Job *job)
{
        ResultMessage *message = &operation->outcome.message;

        if (operation->end == OPERATION_STOPPED)
                *message = (ResultMessage){.result = stop_result(atomic_load(&job->stop)), .why = ""};
        message->index = job->index;
        /* Whatever searches no gallery to its end is the processor's, wherever the galleries are searched. */
        if (!message->engine)
                message->engine = engine_fallback(turns->tools.engine);
        message->microseconds = clock_boottime() - job->begin_usec;
        result_encode(message, &job->result);
        note_gallery(turns, operation, job);
        diag(DIAG_DEBUG, "Leaf %ju: %s, after %ju us.", (uintmax_t)job->index, message->result,
             (uintmax_t)message->microseconds);
}

static const JobTurn ends[] = {
        [OPERATION_ANSWERED] = JOB_ENDED,
        [OPERATION_STOPPED] = JOB_ENDED,
        [OPERATION_NOT_BEGUN] = JOB_NOT_BEGUN,
        [OPERATION_TO_GO_ON] = JOB_TO_GO_ON,
};

static int run_operations(Turns *turns, Operation *operations, Job *const *jobs, size_t n)
{
        uint64_t begin_usec = clock_boottime();

        for (size_t i = 0; i < n; i++)
                operations[i] =
                        (Operation){.task = &jobs[i]->task, .stop = &jobs[i]->stop, .state = &jobs[i]->state};
        int r = operation_run(&turns->tools, operations, n);
        for (size_t i = 0; i < n; i++) {
                jobs[i]->turn = ends[operations[i].end];
                if (jobs[i]->begin_usec == 0 && jobs[i]->turn != JOB_NOT_BEGUN)
                        jobs[i]->begin_usec = begin_usec;
                if (r == 0 && jobs[i]->turn == JOB_ENDED)
                        encode_result(turns, &operations[i], jobs[i]);
                outcome_deinit(&operations[i].outcome);
                if (jobs[i]->task.operation == TASK_REMOVE)
                        turns->untidy = galleries_find(turns->tools.galleries, jobs[i]->task.gallery);
        }
        return r;
}

int turns_run(Job *const *jobs, size_t n, void *userdata)
{
        Turns *turns = userdata;

        int r = store_seen(turns, jobs, n);
        if (r < 0)
                return r;
        _cleanup_(freep) Operation *operations = calloc(n, sizeof(Operation));
        return operations ? run_operations(turns, operations, jobs, n) : -ENOMEM;
}

int turns_tidy(const atomic_int *stop, void *userdata)
{
        Turns *turns = userdata;
        Gallery *gallery = TAKE_PTR(turns->untidy);

        if (!gallery || gallery_is_damaged(gallery))
                return 0;
        uint64_t identity = gallery_templates(gallery).identity;
        int r = gallery_tidy(gallery, stop);
        /* What the engine knows of it has the old numbers, and is not what later removals are overwritten in. */
        if (gallery_templates(gallery).identity != identity)
                engine_forget(turns->tools.engine, identity);
        return r;
}
