/*
 * The queue: every job comes back once.
 */

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"
#include "scratch.h"
#include "worker/runner.h"

/* Runs until it is told to stop, or, for jobs with an even index, not at all. */
static int run(Job *job, void *userdata)
{
        while (job->index % 2 == 1 && atomic_load(&job->stop) == 0)
                sched_yield();
        return job->index == 1000 ? -EIO : 0;
}

static Job *submit(Runner *runner, uint64_t index, uint64_t deadline_usec)
{
        Job *job = job_new();

        job->index = index;
        job->deadline_usec = deadline_usec;
        cr_assert(runner_submit(runner, job));
        return job;
}

static int wait_done(Runner *runner, Job **ret_job)
{
        struct pollfd poll_fd = {.fd = runner_fd(runner), .events = POLLIN};
        int r = runner_done(runner, ret_job);

        while (r == 0 && !*ret_job) {
                cr_assert_eq(poll(&poll_fd, 1, 20000), 1);
                r = runner_done(runner, ret_job);
        }
        return r;
}

Test(runner, gives_back_what_it_ran_in_order, .timeout = 60)
{
        Runner *runner;
        Job *job;

        cr_assert_eq(runner_new(run, NULL, &runner), 0);
        for (uint64_t i = 0; i < 100; i++)
                (void)submit(runner, 2 * i, UINT64_MAX);
        for (uint64_t i = 0; i < 100; i++) {
                cr_assert_eq(wait_done(runner, &job), 0);
                cr_assert_eq(job->index, 2 * i);
                job_free(job);
        }
        cr_assert_eq(runner_done(runner, &job), 0);
        cr_assert_null(job);
        runner_free(runner);
}

Test(runner, cancels_what_waits_and_stops_what_runs, .timeout = 60)
{
        Runner *runner;
        Job *job;

        cr_assert_eq(runner_new(run, NULL, &runner), 0);
        Job *running = submit(runner, 1, UINT64_MAX);
        (void)submit(runner, 2, UINT64_MAX);
        (void)submit(runner, 4, UINT64_MAX);
        job = runner_cancel(runner, 2);
        cr_assert_not_null(job);
        cr_assert_eq(job->index, 2);
        job_free(job);
        cr_assert_null(runner_cancel(runner, 2));
        cr_assert_null(runner_cancel(runner, 77));
        /* It may not have been begun yet; then it is given back at once. */
        job = runner_cancel(runner, 1);
        if (!job) {
                cr_assert_eq(wait_done(runner, &job), 0);
                cr_assert_eq(atomic_load(&job->stop), JOB_CALLER_GONE);
        }
        cr_assert_eq(job, running);
        job_free(job);
        cr_assert_eq(wait_done(runner, &job), 0);
        cr_assert_eq(job->index, 4);
        job_free(job);
        runner_free(runner);
}

Test(runner, expires_by_deadline, .timeout = 60)
{
        Runner *runner;
        Job *job;

        cr_assert_eq(runner_new(run, NULL, &runner), 0);
        cr_assert_eq(runner_deadline(runner), UINT64_MAX);
        (void)submit(runner, 1, 500);
        (void)submit(runner, 3, 300);
        (void)submit(runner, 5, 400);
        cr_assert_eq(runner_deadline(runner), 300);
        cr_assert_null(runner_expire(runner, 299));
        job = runner_expire(runner, 400);
        cr_assert_eq(job->index, 3);
        job_free(job);
        job = runner_expire(runner, 400);
        cr_assert_eq(job->index, 5);
        job_free(job);
        cr_assert_eq(runner_deadline(runner), 500);
        job = runner_expire(runner, 500);
        if (!job) {
                cr_assert_eq(wait_done(runner, &job), 0);
                cr_assert_eq(atomic_load(&job->stop), JOB_TIMEOUT);
        }
        cr_assert_eq(job->index, 1);
        job_free(job);
        runner_free(runner);
}

typedef struct Deaf {
        atomic_bool runs, holds;
} Deaf;

/* Runs for as long as it likes, whatever it is told. */
static int run_deaf(Job *job, void *userdata)
{
        Deaf *deaf = userdata;

        atomic_store(&deaf->runs, true);
        while (atomic_load(&deaf->holds))
                sched_yield();
        return 0;
}

static void end_deaf(Deaf *deaf, Runner *runner, size_t n)
{
        Job *job;

        atomic_store(&deaf->holds, false);
        for (; n > 0; n--) {
                cr_assert_eq(wait_done(runner, &job), 0);
                job_free(job);
        }
        cr_expect(runner_goes_on(runner));
        runner_free(runner);
}

Test(runner, goes_on_unless_a_job_that_was_told_to_stop_does_not, .timeout = 60)
{
        Deaf deaf = {.holds = true};
        Runner *runner;

        cr_assert_eq(runner_new(run_deaf, &deaf, &runner), 0);
        cr_expect(runner_goes_on(runner));
        (void)submit(runner, 0, UINT64_MAX);
        while (!atomic_load(&deaf.runs))
                sched_yield();
        (void)submit(runner, 1, UINT64_MAX);
        for (int i = 0; i < 10; i++)
                cr_expect(runner_goes_on(runner), "a long job is no hang");
        cr_assert_null(runner_cancel(runner, 0));
        cr_expect(runner_goes_on(runner), "it has not had any time to stop");
        cr_expect_not(runner_goes_on(runner));
        cr_expect_not(runner_goes_on(runner));
        end_deaf(&deaf, runner, 2);
}

Test(runner, goes_on_while_jobs_that_were_told_to_stop_follow_each_other, .timeout = 60)
{
        Runner *runner;
        Job *job;

        cr_assert_eq(runner_new(run, NULL, &runner), 0);
        for (uint64_t i = 1; i < 200; i += 2) {
                (void)submit(runner, i, UINT64_MAX);
                cr_expect(runner_goes_on(runner));
                job = runner_cancel(runner, i);
                cr_expect(runner_goes_on(runner));
                if (!job)
                        cr_assert_eq(wait_done(runner, &job), 0);
                job_free(job);
        }
        runner_free(runner);
}

Test(runner, takes_no_more_than_it_may, .timeout = 60)
{
        Runner *runner;
        size_t n = 0;

        cr_assert_eq(runner_new(run, NULL, &runner), 0);
        for (;;) {
                Job *job = job_new();
                job->index = 2 * n + 1;
                job->deadline_usec = UINT64_MAX;
                if (!runner_submit(runner, job)) {
                        job_free(job);
                        break;
                }
                n++;
        }
        cr_assert(n == RUNNER_QUEUE_MAX || n == RUNNER_QUEUE_MAX + 1);
        cr_assert_null(runner_free(runner), "it ends with jobs that run and wait");
}

Test(runner, runs_no_more_after_a_failure, .timeout = 60)
{
        Runner *runner;
        Job *job = NULL;

        cr_assert_eq(runner_new(run, NULL, &runner), 0);
        (void)submit(runner, 1000, UINT64_MAX);
        cr_assert_eq(wait_done(runner, &job), -EIO);
        job_free(job);
        runner_free(runner);
}

Test(runner, drained_it_ends_what_runs_and_begins_nothing, .timeout = 60)
{
        Deaf deaf = {.holds = true};
        Runner *runner;
        Job *job;

        cr_assert_eq(runner_new(run_deaf, &deaf, &runner), 0);
        cr_expect(runner_is_idle(runner));
        (void)submit(runner, 0, UINT64_MAX);
        while (!atomic_load(&deaf.runs))
                sched_yield();
        (void)submit(runner, 2, UINT64_MAX);
        runner_drain(runner);
        cr_expect_not(runner_is_idle(runner));
        atomic_store(&deaf.holds, false);
        cr_assert_eq(wait_done(runner, &job), 0);
        cr_expect_eq(job->index, 0);
        cr_expect_eq(atomic_load(&job->stop), JOB_GOES_ON, "nobody told it to stop");
        job_free(job);
        cr_expect(runner_is_idle(runner), "the other one is dropped");
        runner_free(runner);
}
