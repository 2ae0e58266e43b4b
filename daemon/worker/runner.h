#pragma once
/*
 * The queue of jobs and the one thread that runs them, so that the loop stays free to hear of callers that
 * have gone and of deadlines. Everything but the run callback belongs to the loop's thread.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "wire/leaf.h"
#include "wire/packet.h"
#include "worker/seen.h"
#include "worker/task.h"

enum {
        RUNNER_QUEUE_MAX = 1024,              /* jobs that wait */
        RUNNER_BYTES_MAX = 128 * 1024 * 1024, /* bytes of jobs that wait */
};

/* Why a job is given up. */
typedef enum JobStop {
        JOB_GOES_ON = 0,
        JOB_CALLER_GONE,
        JOB_TIMEOUT,
        JOB_SHUTDOWN,
} JobStop;

/* A job that was accepted, and its result. Owned by whoever it was handed to last. */
typedef struct Job {
        struct Job *next;
        uint64_t index;
        uint64_t deadline_usec; /* CLOCK_BOOTTIME */
        Seen seen;              /* the checkpoint that it came under */
        Packet packet;          /* what leaf and task point into */
        Leaf leaf;
        Task task;
        atomic_int stop; /* JobStop */
        Buffer result;   /* the encoded RESULT, filled in by the run callback */
        Buffer gallery;  /* likewise the GALLERY that goes before it; empty: none does */
} Job;

Job *job_new(void);
Job *job_free(Job *job);

typedef struct Runner Runner;

/* Runs one job, in the runner's thread. Return: 0, or -errno to run no more. */
typedef int (*RunnerRun)(Job *job, void *userdata);

/** runner_new() - Starts the thread. Return: 0 or -errno. */
int runner_new(RunnerRun run, void *userdata, Runner **ret_runner);

/** runner_free() - Stops the running job where it may be stopped, drops the others, and ends the thread. */
Runner *runner_free(Runner *runner);

/** runner_fd() - Readable when runner_done() has something to say; for the loop, which only polls it. */
int runner_fd(const Runner *runner);

/** runner_submit() - Queues a job. Return: whether there was room; if not, the job stays the caller's. */
bool runner_submit(Runner *runner, Job *job);

/**
 * runner_done() - Takes a job that was run.
 * @ret_job:    the job, now the caller's; NULL when there is none
 *
 * Return: 0, or the -errno that a run has ended with; then nothing is run any more.
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

/** runner_drain() - Drops the jobs that wait, and begins none any more; the one that runs comes back as ever. */
void runner_drain(Runner *runner);

/** runner_is_idle() - Whether no job waits, runs, or is to be had from runner_done(). */
bool runner_is_idle(Runner *runner);

/**
 * runner_goes_on() - Whether jobs come to an end. A long search may take as long as it does until it is told to stop, which it is
 * when its deadline has passed.
 *
 * Return: false where, since this was last asked, no job was begun or ended although one runs that had been told to stop, or some
 * wait and none runs.
 */
bool runner_goes_on(Runner *runner);

/** runner_deadline() - The next deadline of a job that waits or runs, or UINT64_MAX. */
uint64_t runner_deadline(Runner *runner);
