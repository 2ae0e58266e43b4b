/*
 * The queue of jobs and the thread that runs them.
 */

#include "worker/runner.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/fd.h"
#include "base/macro.h"

typedef struct JobList {
        Job *first;
        Job **end;
} JobList;

struct Runner {
        RunnerRun run;
        void *userdata;
        int event_fd;
        pthread_t thread;
        bool started;

        pthread_mutex_t lock; /* over all that follows */
        pthread_cond_t changed;
        JobList waiting;
        size_t n_waiting;
        size_t n_bytes;
        Job *running;
        JobList done;
        bool ends;
        int failure;
        uint64_t n_steps; /* jobs begun and ended */
        /* As of when runner_goes_on() was last asked. */
        uint64_t n_steps_then;
        bool was_due;
};

Job *job_new(void)
{
        Job *job = calloc(1, sizeof(Job));
        if (job)
                job->packet = PACKET_INIT;
        return job;
}

Job *job_free(Job *job)
{
        if (!job)
                return NULL;
        buffer_deinit(&job->result);
        buffer_deinit(&job->gallery);
        leaf_deinit(&job->leaf);
        packet_deinit(&job->packet);
        free(job);
        return NULL;
}

static void list_append(JobList *list, Job *job)
{
        job->next = NULL;
        *list->end = job;
        list->end = &job->next;
}

/* Takes out the job that @link points to. */
static Job *list_take(JobList *list, Job **link)
{
        Job *job = *link;

        *link = job->next;
        if (!*link)
                list->end = link;
        job->next = NULL;
        return job;
}

static void list_free(JobList *list)
{
        while (list->first)
                job_free(list_take(list, &list->first));
}

static Job *take_waiting(Runner *runner, Job **link)
{
        Job *job = list_take(&runner->waiting, link);

        runner->n_waiting--;
        runner->n_bytes -= job->packet.n_body;
        return job;
}

/* An eventfd that is full already wakes the loop just as well. A loop that cannot be woken would keep the guard
 * waiting, which knows what to do about a worker that has gone. */
static void wake_loop(const Runner *runner)
{
        if (write(runner->event_fd, &(uint64_t){1}, sizeof(uint64_t)) >= 0 || errno == EAGAIN)
                return;
        diag(DIAG_ERROR, "Ending, a result cannot be handed over: %m.");
        _exit(EXIT_FAILURE);
}

/* One job, from the queue to the list of those done. Called with the lock held. Return: whether to go on. */
static bool run_next(Runner *runner)
{
        while (!runner->ends && !runner->waiting.first)
                pthread_cond_wait(&runner->changed, &runner->lock);
        if (runner->ends)
                return false;
        Job *job = runner->running = take_waiting(runner, &runner->waiting.first);
        runner->n_steps++;
        pthread_mutex_unlock(&runner->lock);
        int r = runner->run(job, runner->userdata);
        pthread_mutex_lock(&runner->lock);
        runner->running = NULL;
        runner->n_steps++;
        runner->failure = r;
        list_append(&runner->done, job);
        wake_loop(runner);
        return r == 0;
}

static void *runner_thread(void *userdata)
{
        Runner *runner = userdata;

        (void)pthread_setname_np(pthread_self(), "jobs"); /* For ps and top; the name fits. */
        pthread_mutex_lock(&runner->lock);
        while (run_next(runner))
                ;
        pthread_mutex_unlock(&runner->lock);
        return NULL;
}

int runner_new(RunnerRun run, void *userdata, Runner **ret_runner)
{
        Runner *runner = calloc(1, sizeof(Runner));
        if (!runner)
                return -ENOMEM;
        runner->run = run;
        runner->userdata = userdata;
        runner->waiting.end = &runner->waiting.first;
        runner->done.end = &runner->done.first;
        pthread_mutex_init(&runner->lock, NULL);
        pthread_cond_init(&runner->changed, NULL);
        runner->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        int r = runner->event_fd < 0 ? -errno : -pthread_create(&runner->thread, NULL, runner_thread, runner);
        if (r < 0) {
                runner_free(runner);
                return r;
        }
        runner->started = true;
        *ret_runner = runner;
        return 0;
}

Runner *runner_free(Runner *runner)
{
        if (!runner)
                return NULL;
        pthread_mutex_lock(&runner->lock);
        runner->ends = true;
        if (runner->running)
                atomic_store(&runner->running->stop, JOB_SHUTDOWN);
        pthread_cond_signal(&runner->changed);
        pthread_mutex_unlock(&runner->lock);
        if (runner->started)
                (void)pthread_join(runner->thread, NULL); /* Cannot fail for a thread of our own. */
        list_free(&runner->waiting);
        list_free(&runner->done);
        fd_close(runner->event_fd);
        pthread_cond_destroy(&runner->changed);
        pthread_mutex_destroy(&runner->lock);
        free(runner);
        return NULL;
}

int runner_fd(const Runner *runner)
{
        return runner->event_fd;
}

bool runner_submit(Runner *runner, Job *job)
{
        pthread_mutex_lock(&runner->lock);
        bool room = runner->n_waiting < RUNNER_QUEUE_MAX &&
                    job->packet.n_body <= RUNNER_BYTES_MAX - runner->n_bytes;
        if (room) {
                list_append(&runner->waiting, job);
                runner->n_waiting++;
                runner->n_bytes += job->packet.n_body;
                pthread_cond_signal(&runner->changed);
        }
        pthread_mutex_unlock(&runner->lock);
        return room;
}

int runner_done(Runner *runner, Job **ret_job)
{
        uint64_t count;

        /* Nothing to read means that this wake-up was taken note of before. */
        (void)!read(runner->event_fd, &count, sizeof(count));
        pthread_mutex_lock(&runner->lock);
        int r = runner->failure;
        *ret_job = runner->done.first ? list_take(&runner->done, &runner->done.first) : NULL;
        pthread_mutex_unlock(&runner->lock);
        return r;
}

Job *runner_cancel(Runner *runner, uint64_t index)
{
        Job *job = NULL;

        pthread_mutex_lock(&runner->lock);
        if (runner->running && runner->running->index == index)
                atomic_store(&runner->running->stop, JOB_CALLER_GONE);
        for (Job **link = &runner->waiting.first; *link; link = &(*link)->next)
                if ((*link)->index == index) {
                        job = take_waiting(runner, link);
                        break;
                }
        pthread_mutex_unlock(&runner->lock);
        return job;
}

Job *runner_expire(Runner *runner, uint64_t now_usec)
{
        Job *job = NULL;

        pthread_mutex_lock(&runner->lock);
        if (runner->running && runner->running->deadline_usec <= now_usec &&
            atomic_load(&runner->running->stop) == 0)
                atomic_store(&runner->running->stop, JOB_TIMEOUT);
        for (Job **link = &runner->waiting.first; *link; link = &(*link)->next)
                if ((*link)->deadline_usec <= now_usec) {
                        job = take_waiting(runner, link);
                        break;
                }
        pthread_mutex_unlock(&runner->lock);
        return job;
}

void runner_drain(Runner *runner)
{
        pthread_mutex_lock(&runner->lock);
        runner->ends = true;
        while (runner->waiting.first)
                job_free(take_waiting(runner, &runner->waiting.first));
        pthread_cond_signal(&runner->changed);
        pthread_mutex_unlock(&runner->lock);
}

bool runner_is_idle(Runner *runner)
{
        pthread_mutex_lock(&runner->lock);
        bool idle = !runner->waiting.first && !runner->running && !runner->done.first;
        pthread_mutex_unlock(&runner->lock);
        return idle;
}

bool runner_goes_on(Runner *runner)
{
        pthread_mutex_lock(&runner->lock);
        const Job *job = runner->running;
        bool due = job ? atomic_load(&job->stop) != JOB_GOES_ON : runner->waiting.first != NULL;
        bool goes_on = !due || !runner->was_due || runner->n_steps != runner->n_steps_then;
        runner->was_due = due;
        runner->n_steps_then = runner->n_steps;
        pthread_mutex_unlock(&runner->lock);
        return goes_on;
}

uint64_t runner_deadline(Runner *runner)
{
        uint64_t deadline = UINT64_MAX;

        pthread_mutex_lock(&runner->lock);
        if (runner->running && atomic_load(&runner->running->stop) == 0)
                deadline = runner->running->deadline_usec;
        for (Job *job = runner->waiting.first; job; job = job->next)
                deadline = MIN_OF(deadline, job->deadline_usec);
        pthread_mutex_unlock(&runner->lock);
        return deadline;
}
