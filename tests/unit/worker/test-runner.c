/*
 * The lanes: every job comes back once, those that wait for one gallery share a turn, and nobody waits for a flood of others.
 */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"
#include "scratch.h"
#include "worker/runner.h"

/* What runs, seen from a turn: each is written down, and held while it is to be held. */
typedef struct Stage {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        bool holds[2];    /* reads, changes */
        size_t n_held[2]; /* turns that were begun and are held */
        bool heeds_stop;  /* a held turn ends when all its jobs are told to stop */
        bool lets_one_go; /* the held turn ends, and the next is held */
        size_t n_turns;
        size_t n_jobs[4096]; /* of each turn */
        uint64_t first[4096];
        JobTurn (*come_to)(const Job *job); /* NULL: all end */
        bool holds_tidying;
        bool tidies;
        size_t n_tidied;
} Stage;

enum { SEARCH_MAX = 250 /* jobs of a turn */ };

static Stage stage;
static Runner *runner;

static bool is_change(const Job *job)
{
        return job->task.operation == TASK_ENROL || job->task.operation == TASK_REMOVE;
}

static bool all_stopped(Job *const *jobs, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (atomic_load(&jobs[i]->stop) == JOB_GOES_ON)
                        return false;
        return true;
}

static void hold(Job *const *jobs, size_t n)
{
        size_t lane = is_change(jobs[0]);

        stage.n_held[lane]++;
        pthread_cond_broadcast(&stage.changed);
        while (stage.holds[lane] && !stage.lets_one_go && !(stage.heeds_stop && all_stopped(jobs, n))) {
                pthread_mutex_unlock(&stage.lock);
                sched_yield();
                pthread_mutex_lock(&stage.lock);
        }
        stage.lets_one_go = false;
        stage.n_held[lane]--;
}

static int run(Job *const *jobs, size_t n, void *userdata)
{
        pthread_mutex_lock(&stage.lock);
        cr_assert_lt(stage.n_turns, ARRAY_SIZE(stage.n_jobs));
        stage.first[stage.n_turns] = jobs[0]->index;
        stage.n_jobs[stage.n_turns++] = n;
        hold(jobs, n);
        for (size_t i = 0; i < n; i++)
                jobs[i]->turn = stage.come_to ? stage.come_to(jobs[i]) : JOB_ENDED;
        pthread_mutex_unlock(&stage.lock);
        return jobs[0]->index == 1000000 ? -EIO : 0;
}

static int tidy(const atomic_int *stop, void *userdata)
{
        pthread_mutex_lock(&stage.lock);
        stage.tidies = true;
        pthread_cond_broadcast(&stage.changed);
        while (stage.holds_tidying && atomic_load(stop) == 0) {
                pthread_mutex_unlock(&stage.lock);
                sched_yield();
                pthread_mutex_lock(&stage.lock);
        }
        stage.tidies = false;
        stage.n_tidied++;
        pthread_mutex_unlock(&stage.lock);
        return 0;
}

static void set_up(void)
{
        stage = (Stage){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
        cr_assert_eq(runner_new(&(RunnerWork){run, tidy, NULL, SEARCH_MAX}, &runner), 0);
}

static void tear_down(void)
{
        runner_free(runner);
}

TestSuite(runner, .init = set_up, .fini = tear_down, .timeout = 600);

/* ----------------------------------------------------------------------------------------------------- asking */

static Job *make(uint64_t index, TaskOperation operation, const char *organisation)
{
        Job *job = job_new();

        cr_assert_not_null(job);
        job->index = index;
        job->deadline_usec = UINT64_MAX;
        job->task.operation = operation;
        job->task.gallery = operation == TASK_COMPARE ? NULL : "children";
        job->organisation = organisation;
        return job;
}

static Job *submit(uint64_t index, TaskOperation operation, const char *organisation)
{
        Job *job = make(index, operation, organisation);

        cr_assert_eq(runner_submit(runner, job), 0);
        return job;
}

static Job *submit_late(uint64_t index, uint64_t deadline_usec)
{
        Job *job = make(index, TASK_IDENTIFY, "a");

        job->deadline_usec = deadline_usec;
        cr_assert_eq(runner_submit(runner, job), 0);
        return job;
}

static int wait_done(Job **ret_job)
{
        struct pollfd poll_fd = {.fd = runner_fd(runner), .events = POLLIN};
        int r = runner_done(runner, ret_job);

        while (r == 0 && !*ret_job) {
                cr_assert_eq(poll(&poll_fd, 1, 20000), 1);
                r = runner_done(runner, ret_job);
        }
        return r;
}

static void expect_done(uint64_t index, JobStop stop)
{
        Job *job;

        cr_assert_eq(wait_done(&job), 0);
        cr_expect_eq(job->index, index, "%ju instead of %ju", (uintmax_t)job->index, (uintmax_t)index);
        cr_expect_eq(atomic_load(&job->stop), (int)stop);
        job_free(job);
}

static void expect_one(Job *job, uint64_t index)
{
        cr_assert_not_null(job);
        cr_expect_eq(job->index, index);
        job_free(job);
}

static void set_hold(bool reads, bool changes)
{
        pthread_mutex_lock(&stage.lock);
        stage.holds[0] = reads;
        stage.holds[1] = changes;
        pthread_mutex_unlock(&stage.lock);
}

/* Waits until so many turns are held in a lane. */
static void wait_held(bool changes)
{
        pthread_mutex_lock(&stage.lock);
        while (stage.n_held[changes] == 0)
                pthread_cond_wait(&stage.changed, &stage.lock);
        pthread_mutex_unlock(&stage.lock);
}

static void wait_turns(size_t n)
{
        pthread_mutex_lock(&stage.lock);
        while (stage.n_turns < n)
                pthread_cond_wait(&stage.changed, &stage.lock);
        pthread_mutex_unlock(&stage.lock);
}

/* Submits a search and waits until its turn, which is held, has begun. */
static Job *occupy(uint64_t index)
{
        set_hold(true, false);
        Job *job = submit(index, TASK_IDENTIFY, "a");
        wait_held(false);
        return job;
}

/* ------------------------------------------------------------------------------------------------------ turns */

Test(runner, gives_back_what_it_ran_in_order)
{
        static const TaskOperation operations[] = {TASK_IDENTIFY, TASK_VERIFY, TASK_ENROL};
        Job *job;

        for (size_t k = 0; k < ARRAY_SIZE(operations); k++) {
                for (uint64_t i = 0; i < 100; i++)
                        (void)submit(i, operations[k], "a");
                for (uint64_t i = 0; i < 100; i++)
                        expect_done(i, JOB_GOES_ON);
        }
        cr_assert_eq(runner_done(runner, &job), 0);
        cr_assert_null(job);
}

Test(runner, what_waits_for_the_same_gallery_when_a_turn_ends_is_the_next)
{
        (void)occupy(0);
        for (uint64_t i = 1; i <= 300; i++)
                (void)submit(i, i % 2 ? TASK_IDENTIFY : TASK_IDENTIFY_STORED, "a");
        set_hold(false, false);
        for (uint64_t i = 0; i <= 300; i++)
                expect_done(i, JOB_GOES_ON);
        cr_assert_eq(stage.n_turns, (size_t)3);
        cr_expect_eq(stage.n_jobs[0], (size_t)1);
        cr_expect_eq(stage.n_jobs[1], (size_t)SEARCH_MAX);
        cr_expect_eq(stage.n_jobs[2], (size_t)300 - SEARCH_MAX);
}

Test(runner, an_organisation_that_floods_does_not_keep_another_waiting)
{
        (void)occupy(0);
        for (uint64_t i = 1; i <= 600; i++)
                (void)submit(i, TASK_IDENTIFY, "a");
        (void)submit(700, TASK_IDENTIFY, "b");
        (void)submit(701, TASK_IDENTIFY, NULL);
        set_hold(false, false);
        expect_done(0, JOB_GOES_ON);
        expect_done(1, JOB_GOES_ON);
        expect_done(700, JOB_GOES_ON);
        expect_done(701, JOB_GOES_ON);
        for (uint64_t i = 2; i <= 600; i++)
                expect_done(i, JOB_GOES_ON);
}

Test(runner, what_takes_no_pass_waits_for_one_pass_and_not_for_many)
{
        (void)occupy(0);
        for (uint64_t i = 1; i <= 600; i++)
                (void)submit(i, TASK_IDENTIFY, "a");
        for (uint64_t i = 800; i < 840; i++)
                (void)submit(i, i % 2 ? TASK_VERIFY : TASK_LIST, "a");
        set_hold(false, false);
        for (uint64_t i = 0; i < 641; i++) {
                Job *job;
                cr_assert_eq(wait_done(&job), 0);
                job_free(job);
        }
        /* The held search; then by turns, beginning with what takes no pass, which is at most 16 of 40. */
        static const size_t sizes[] = {1, 16, SEARCH_MAX, 16, SEARCH_MAX, 8, 600 - 2 * SEARCH_MAX};
        cr_assert_eq(stage.n_turns, ARRAY_SIZE(sizes));
        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
                cr_expect_eq(stage.n_jobs[i], sizes[i], "turn %zu of %zu", i, stage.n_jobs[i]);
}

Test(runner, changes_go_one_by_one_beside_what_reads)
{
        (void)occupy(0);
        for (uint64_t i = 1; i <= 20; i++)
                (void)submit(i, i % 2 ? TASK_ENROL : TASK_REMOVE, "a");
        for (uint64_t i = 1; i <= 20; i++)
                expect_done(i, JOB_GOES_ON);
        set_hold(true, true);
        (void)submit(30, TASK_ENROL, "a");
        wait_held(true);
        set_hold(false, true);
        expect_done(0, JOB_GOES_ON);
        (void)submit(31, TASK_VERIFY, "a");
        expect_done(31, JOB_GOES_ON);
        set_hold(false, false);
        expect_done(30, JOB_GOES_ON);
        for (size_t i = 0; i < stage.n_turns; i++)
                cr_expect_eq(stage.n_jobs[i], (size_t)1);
}

static JobTurn in_three_turns(const Job *job)
{
        static size_t n[8];

        if (job->index == 1)
                return ++n[1] < 3 ? JOB_TO_GO_ON : JOB_ENDED;
        return job->index > 2 && n[job->index]++ == 0 ? JOB_NOT_BEGUN : JOB_ENDED;
}

Test(runner, what_a_turn_did_not_end_waits_for_another)
{
        stage.come_to = in_three_turns;
        (void)occupy(0);
        for (uint64_t i = 1; i <= 4; i++)
                (void)submit(i, TASK_IDENTIFY, i == 1 ? "a" : "b");
        set_hold(false, false);
        expect_done(0, JOB_GOES_ON);
        expect_done(2, JOB_GOES_ON);
        expect_done(3, JOB_GOES_ON);
        expect_done(4, JOB_GOES_ON);
        expect_done(1, JOB_GOES_ON);
        cr_expect(runner_is_idle(runner));
        cr_expect_eq(stage.n_turns, (size_t)4);
}

/* -------------------------------------------------------------------------------------------- giving them up */

Test(runner, cancels_what_waits_and_stops_what_runs)
{
        stage.heeds_stop = true;
        (void)occupy(1);
        (void)submit(2, TASK_IDENTIFY, "a");
        (void)submit(4, TASK_IDENTIFY, "a");
        expect_one(runner_cancel(runner, 2), 2);
        cr_assert_null(runner_cancel(runner, 2));
        cr_assert_null(runner_cancel(runner, 77));
        cr_assert_null(runner_cancel(runner, 1));
        expect_done(1, JOB_CALLER_GONE);
        wait_held(false);
        set_hold(false, false);
        expect_done(4, JOB_GOES_ON);
}

Test(runner, stops_single_jobs_of_a_turn)
{
        (void)occupy(0);
        for (uint64_t i = 1; i <= 5; i++)
                (void)submit_late(i, i * 100);
        pthread_mutex_lock(&stage.lock);
        stage.lets_one_go = true;
        pthread_mutex_unlock(&stage.lock);
        expect_done(0, JOB_GOES_ON);
        wait_held(false);
        cr_expect_eq(runner_deadline(runner), (uint64_t)100);
        cr_assert_null(runner_expire(runner, 200));
        cr_expect_eq(runner_deadline(runner), (uint64_t)300, "of those that still go on");
        cr_assert_null(runner_cancel(runner, 4));
        set_hold(false, false);
        expect_done(1, JOB_TIMEOUT);
        expect_done(2, JOB_TIMEOUT);
        expect_done(3, JOB_GOES_ON);
        expect_done(4, JOB_CALLER_GONE);
        expect_done(5, JOB_GOES_ON);
        cr_expect_eq(stage.n_turns, (size_t)2);
}

Test(runner, expires_by_deadline)
{
        stage.heeds_stop = true;
        cr_assert_eq(runner_deadline(runner), UINT64_MAX);
        set_hold(true, false);
        (void)submit_late(1, 500);
        wait_held(false);
        (void)submit_late(3, 300);
        (void)submit_late(5, 400);
        cr_assert_eq(runner_deadline(runner), (uint64_t)300);
        cr_assert_null(runner_expire(runner, 299));
        expect_one(runner_expire(runner, 400), 3);
        expect_one(runner_expire(runner, 400), 5);
        cr_assert_null(runner_expire(runner, 400));
        cr_assert_eq(runner_deadline(runner), (uint64_t)500);
        cr_assert_null(runner_expire(runner, 500));
        expect_done(1, JOB_TIMEOUT);
}

/* ------------------------------------------------------------------------------------- what a change leaves to do */

/* Submits a change, and waits until what it leaves to do is begun, which is held. */
static void leave_untidy(uint64_t index)
{
        pthread_mutex_lock(&stage.lock);
        stage.holds_tidying = true;
        pthread_mutex_unlock(&stage.lock);
        (void)submit(index, TASK_REMOVE, "a");
        pthread_mutex_lock(&stage.lock);
        while (!stage.tidies)
                pthread_cond_wait(&stage.changed, &stage.lock);
        pthread_mutex_unlock(&stage.lock);
}

Test(runner, does_what_a_change_leaves_to_do_when_that_was_handed_over)
{
        leave_untidy(1);
        expect_done(1, JOB_GOES_ON);
        (void)submit(2, TASK_IDENTIFY, "a");
        expect_done(2, JOB_GOES_ON);
        (void)submit(3, TASK_ENROL, "a");
        for (int i = 0; i < 10; i++)
                cr_expect(runner_goes_on(runner), "it takes as long as it does");
        cr_expect_eq(stage.n_turns, (size_t)2, "the next change waits for it");
        pthread_mutex_lock(&stage.lock);
        stage.holds_tidying = false;
        pthread_mutex_unlock(&stage.lock);
        expect_done(3, JOB_GOES_ON);
}

Test(runner, leaves_it_when_it_ends)
{
        leave_untidy(1);
        expect_done(1, JOB_GOES_ON);
        cr_expect(runner_is_idle(runner), "nobody waits for it");
        runner = runner_free(runner);
        cr_expect_eq(stage.n_tidied, (size_t)1);
}

Test(runner, does_not_begin_it_while_it_drains)
{
        set_hold(false, true);
        (void)submit(1, TASK_REMOVE, "a");
        wait_held(true);
        runner_drain(runner);
        set_hold(false, false);
        expect_done(1, JOB_GOES_ON);
        runner = runner_free(runner);
        cr_expect_eq(stage.n_tidied, (size_t)0);
}

/* ----------------------------------------------------------------------------------------------- signs of life */

Test(runner, goes_on_unless_a_turn_that_was_told_to_stop_does_not)
{
        cr_expect(runner_goes_on(runner));
        (void)occupy(0);
        (void)submit(1, TASK_IDENTIFY, "a");
        for (int i = 0; i < 10; i++)
                cr_expect(runner_goes_on(runner), "a long job is no hang");
        cr_assert_null(runner_cancel(runner, 0));
        cr_expect(runner_goes_on(runner), "it has not had any time to stop");
        cr_expect_not(runner_goes_on(runner));
        cr_expect_not(runner_goes_on(runner));
        set_hold(false, false);
        expect_done(0, JOB_CALLER_GONE);
        expect_done(1, JOB_GOES_ON);
        cr_expect(runner_goes_on(runner));
}

Test(runner, goes_on_while_others_of_the_turn_do)
{
        set_hold(true, false);
        pthread_mutex_lock(
                &stage.lock); /* So that both come into one turn, or the second behind the first. */
        (void)submit(1, TASK_IDENTIFY, "a");
        (void)submit(2, TASK_IDENTIFY, "a");
        pthread_mutex_unlock(&stage.lock);
        wait_held(false);
        Job *waiting = runner_cancel(runner, 2);
        for (int i = 0; i < 10; i++)
                cr_expect(runner_goes_on(runner), "one of them was not told to stop");
        set_hold(false, false);
        expect_done(1, JOB_GOES_ON);
        if (waiting)
                job_free(waiting);
        else
                expect_done(2, JOB_CALLER_GONE);
}

Test(runner, a_lane_that_stands_still_is_no_life_whatever_the_other_does)
{
        set_hold(false, true);
        (void)submit(1, TASK_ENROL, "a");
        wait_held(true);
        cr_assert_null(runner_cancel(runner, 1));
        (void)runner_goes_on(runner);
        for (uint64_t i = 2; i < 20; i++) {
                (void)submit(i, TASK_IDENTIFY, "a");
                expect_done(i, JOB_GOES_ON);
                cr_expect_not(runner_goes_on(runner));
        }
        set_hold(false, false);
        expect_done(1, JOB_CALLER_GONE);
        cr_expect(runner_goes_on(runner));
}

Test(runner, a_change_that_waits_for_a_long_pass_is_no_hang)
{
        (void)occupy(0);
        set_hold(true, true);
        (void)submit(1, TASK_ENROL, "a");
        wait_held(true);
        cr_assert_null(runner_cancel(runner, 1));
        for (int i = 0; i < 10; i++)
                cr_expect(runner_goes_on(runner), "the pass goes on");
        set_hold(false, true);
        expect_done(0, JOB_GOES_ON);
        (void)runner_goes_on(runner);
        cr_expect_not(runner_goes_on(runner), "there is none any more");
        set_hold(false, false);
        expect_done(1, JOB_CALLER_GONE);
}

Test(runner, goes_on_while_jobs_that_were_told_to_stop_follow_each_other)
{
        stage.heeds_stop = true;
        set_hold(true, false);
        for (uint64_t i = 1; i < 200; i += 2) {
                (void)submit(i, TASK_IDENTIFY, "a");
                cr_expect(runner_goes_on(runner));
                Job *job = runner_cancel(runner, i);
                cr_expect(runner_goes_on(runner));
                if (!job)
                        cr_assert_eq(wait_done(&job), 0);
                job_free(job);
        }
}

/* ------------------------------------------------------------------------------------------------- its bounds */

Test(runner, takes_no_more_jobs_than_it_may)
{
        stage.heeds_stop = true;
        set_hold(true, true);
        for (uint64_t i = 0; i < RUNNER_JOBS_MAX; i++)
                (void)submit(i, i % 2 ? TASK_IDENTIFY : TASK_ENROL, "a");
        Job *job = make(5000, TASK_IDENTIFY, "b");
        cr_expect_eq(runner_submit(runner, job), RUNNER_E_FULL);
        expect_one(runner_cancel(runner, RUNNER_JOBS_MAX - 1), RUNNER_JOBS_MAX - 1);
        cr_expect_eq(runner_submit(runner, job), 0);
}

Test(runner, takes_no_more_bytes_than_it_may)
{
        set_hold(true, false);
        Job *job = make(1, TASK_IDENTIFY, "a"), *more = make(2, TASK_IDENTIFY, "b");
        job->packet.n_body = RUNNER_BYTES_MAX - 10;
        more->packet.n_body = 11;
        cr_expect_eq(runner_submit(runner, job), 0);
        wait_held(false);
        cr_expect_eq(runner_submit(runner, more), RUNNER_E_FULL, "what runs counts, too");
        set_hold(false, false);
        expect_done(1, JOB_GOES_ON);
        cr_expect_eq(runner_submit(runner, more), 0);
        expect_done(2, JOB_GOES_ON);
}

Test(runner, begins_no_more_after_a_failure)
{
        Job *job = NULL;

        (void)submit(1000000, TASK_ENROL, "a");
        cr_assert_eq(wait_done(&job), -EIO);
        job_free(job);
        (void)submit(1, TASK_IDENTIFY, "a");
        (void)usleep(20000);
        cr_expect_eq(runner_done(runner, &job), -EIO);
        cr_expect_null(job);
        cr_expect_eq(stage.n_turns, (size_t)1);
}

Test(runner, drained_it_ends_what_runs_and_begins_nothing)
{
        cr_expect(runner_is_idle(runner));
        set_hold(true, true);
        (void)submit(0, TASK_IDENTIFY, "a");
        (void)submit(1, TASK_ENROL, "a");
        wait_held(false);
        wait_held(true);
        (void)submit(2, TASK_IDENTIFY, "a");
        (void)submit(3, TASK_ENROL, "a");
        (void)submit(4, TASK_VERIFY, "a");
        runner_drain(runner);
        cr_expect_not(runner_is_idle(runner));
        set_hold(false, true);
        expect_done(0, JOB_GOES_ON);
        cr_expect_not(runner_is_idle(runner));
        set_hold(false, false);
        expect_done(1, JOB_GOES_ON);
        cr_expect(runner_is_idle(runner), "the others are dropped");
}

/* The first takes three turns, and there is no room for another beside it. */
static JobTurn first_in_three_turns(const Job *job)
{
        static size_t n;

        if (job->index != 1)
                return JOB_NOT_BEGUN;
        return ++n < 3 ? JOB_TO_GO_ON : JOB_ENDED;
}

Test(runner, drained_it_ends_what_was_to_go_on_and_drops_what_had_no_room)
{
        stage.come_to = first_in_three_turns;
        (void)occupy(1);
        (void)submit(2, TASK_IDENTIFY, "a");
        pthread_mutex_lock(&stage.lock);
        stage.lets_one_go = true;
        pthread_mutex_unlock(&stage.lock);
        wait_turns(2);
        runner_drain(runner);
        set_hold(false, false);
        expect_done(1, JOB_GOES_ON);
        cr_expect(runner_is_idle(runner));
        cr_expect_eq(stage.n_turns, (size_t)3);
}
