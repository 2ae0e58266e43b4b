#pragma once
/*
 * The jobs that were accepted and the two threads that run them, so that the loop stays free to hear of callers that have gone and of
 * deadlines. What only reads galleries goes by one lane, in turns: a turn is a batch of searches of one gallery, which share
 * a pass, or some of what takes no pass; the two come by turns, so that neither waits for more than one of the other. What changes
 * galleries goes by the other lane, one by one. In each lane organisations have their turns (worker/line.h). No turn waits for more
 * jobs: what has come when one ends is the next.
 *
 * Everything but the callbacks belongs to the loop's thread.
 */

#include "worker/job.h"

enum {
        RUNNER_JOBS_MAX = 1024, /* jobs that are here: that wait, run, or are to be had from runner_done() */
        RUNNER_BYTES_MAX = 128 * 1024 * 1024, /* of these */
        RUNNER_QUICK_MAX = 16,                /* jobs that take no pass, in one turn */
};

typedef struct Runner Runner;

/*
 * Runs a turn, in the thread of its lane: searches of one gallery, search_max at most; or RUNNER_QUICK_MAX others that only read, at
 * most; or one change. Says by Job.turn what it came to. Return: 0, or -errno to run no more.
 */
typedef int (*RunnerRun)(Job *const *jobs, size_t n, void *userdata);

/*
 * Does what a change has left to do, in the thread of its lane, when the change was handed over: nobody waits for it but the next change.
 * @stop: not zero: the runner ends. Return: as above.
 */
typedef int (*RunnerTidy)(const atomic_int *stop, void *userdata);

typedef struct RunnerWork {
        RunnerRun run;
        RunnerTidy tidy; /* NULL: nothing is left */
        void *userdata;
        size_t search_max; /* 1 to ENGINE_BATCH_MAX */
} RunnerWork;

/** runner_new() - Starts the threads. Return: 0 or -errno. */
int runner_new(const RunnerWork *work, Runner **ret_runner);

/** runner_free() - Stops the running jobs where they may be stopped, drops the others, and ends the threads. */
Runner *runner_free(Runner *runner);

/** runner_fd() - Readable when runner_done() has something to say, or a change was tidied up after; for the loop, which only polls it. */
int runner_fd(const Runner *runner);

enum { RUNNER_E_FULL = 1 /* there is no room */ };

/** runner_submit() - Queues a job. Return: 0; RUNNER_E_FULL or -errno, and the job stays the caller's. */
int runner_submit(Runner *runner, Job *job);

/**
 * runner_done() - Takes a job that was run.
 * @ret_job:    the job, now the caller's; NULL when there is none
 *
 * Return: 0, or the -errno that a run has ended with; then nothing is begun any more.
 */
int runner_done(Runner *runner, Job **ret_job);

/**
 * runner_cancel() - The caller of a job has gone.
 * Return: the job, if it was still waiting, now the caller's; NULL if it runs (it is told to stop, and comes
 * back by runner_done()), has been run, or never was.
 */
Job *runner_cancel(Runner *runner, uint64_t index);

/** runner_expire() - The same for one job whose deadline has passed; to be called until it returns NULL. */
Job *runner_expire(Runner *runner, uint64_t now_usec);

/** runner_drain() - Drops the jobs that were not begun, and begins none any more; those that run, or were to go on, come back as ever. */
void runner_drain(Runner *runner);

/** runner_is_idle() - Whether no job waits, runs, or is to be had from runner_done(). */
bool runner_is_idle(Runner *runner);

/**
 * runner_goes_on() - Whether jobs come to an end in each lane. A long search may take as long as it does until it is told to
 * stop, which it is when its deadline has passed; and one that was told to stop may stay in a pass as long as others in it go on.
 *
 * Return: false where, since this was last asked, a lane began and ended no turn although all jobs of the one that runs had been told to
 * stop, or some wait and none runs; but that a change may wait for as long as one turn of what reads does, and for as long as what changes
 * before it have left to do.
 */
bool runner_goes_on(Runner *runner);

/** runner_deadline() - The next deadline of a job that waits or runs, or UINT64_MAX. */
uint64_t runner_deadline(Runner *runner);
