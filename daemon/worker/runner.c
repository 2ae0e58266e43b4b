/*
 * The lanes of jobs, and their threads.
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
#include "worker/line.h"

typedef enum LaneName {
        LANE_READS,
        LANE_CHANGES,
        _LANE_MAX,
} LaneName;

/* The lines, and what a turn of each is. */
typedef enum LineName {
        LINE_QUICK,
        LINE_SEARCH,
        LINE_CHANGE,
        _LINE_MAX,
} LineName;

static const struct {
        LaneName lane;
        size_t turn_max; /* jobs; 0: as many as RunnerWork says */
} lines[_LINE_MAX] = {
        [LINE_QUICK] = {LANE_READS, RUNNER_QUICK_MAX},
        [LINE_SEARCH] = {LANE_READS, 0},
        [LINE_CHANGE] = {LANE_CHANGES, 1},
};

static const LineName line_of[_TASK_OPERATION_MAX] = {
        [TASK_IDENTIFY] = LINE_SEARCH, [TASK_IDENTIFY_STORED] = LINE_SEARCH,
        [TASK_VERIFY] = LINE_QUICK,    [TASK_COMPARE] = LINE_QUICK,
        [TASK_LIST] = LINE_QUICK,      [TASK_ENROL] = LINE_CHANGE,
        [TASK_REMOVE] = LINE_CHANGE,
};

typedef struct Lane {
        Runner *runner;
        pthread_t thread;
        bool started;
        pthread_cond_t changed;
        LineName line; /* that had the last turn */
        Job *running[ENGINE_BATCH_MAX];
        size_t n_running;
        bool tidies;      /* between two turns */
        uint64_t n_steps; /* turns begun and ended */
        /* As of when runner_goes_on() was last asked. */
        uint64_t n_steps_then;
        bool was_due;
} Lane;

struct Runner {
        RunnerWork work;
        int event_fd;
        atomic_int stop; /* not zero: nothing is tidied any more */

        pthread_mutex_t lock; /* over all that follows */
        Lane lanes[_LANE_MAX];
        Line lines[_LINE_MAX];
        size_t n_jobs; /* that are here, and their bytes */
        size_t n_bytes;
        JobList done;
        bool drains; /* nothing new is begun */
        bool ends;   /* no turn is begun */
        int failure;
};

static const char *const lane_names[_LANE_MAX] = {[LANE_READS] = "reads", [LANE_CHANGES] = "changes"};

/* ----------------------------------------------------------------------------------------- in a lane's thread */

/* Finds the line whose turn is next: of those of the lane in which jobs wait, the first after the one that had the last. */
static bool next_line(const Lane *lane, LineName *ret_line)
{
        for (size_t i = 1; i <= _LINE_MAX; i++) {
                LineName line = (LineName)((lane->line + i) % _LINE_MAX);
                if (&lane->runner->lanes[lines[line].lane] == lane &&
                    !line_is_empty(&lane->runner->lines[line])) {
                        *ret_line = line;
                        return true;
                }
        }
        return false;
}

/* A job has left, and is the caller's. */
static Job *let_go(Runner *runner, Job *job)
{
        if (job) {
                runner->n_jobs--;
                runner->n_bytes -= job->packet.n_body;
        }
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

static void begin_no_more(Runner *runner)
{
        runner->ends = true;
        for (size_t i = 0; i < _LANE_MAX; i++)
                pthread_cond_signal(&runner->lanes[i].changed);
}

static void fail(Runner *runner, int r)
{
        if (r == 0)
                return;
        if (runner->failure == 0)
                runner->failure = r;
        begin_no_more(runner);
}

static bool waits_again(const Runner *runner, Job *job)
{
        if (job->turn == JOB_TO_GO_ON)
                job->is_begun = true;
        return !runner->ends && (job->is_begun || !runner->drains);
}

/* Hands over what is done; what is not waits again, or is dropped. */
static int end_turn(Lane *lane)
{
        Runner *runner = lane->runner;
        size_t n_left = 0;

        for (size_t i = 0; i < lane->n_running; i++) {
                Job *job = lane->running[i];
                if (job->turn == JOB_ENDED)
                        TAILQ_INSERT_TAIL(&runner->done, job, link);
                else if (waits_again(runner, job))
                        lane->running[n_left++] = job;
                else
                        job_free(let_go(runner, job));
        }
        lane->n_running = 0;
        lane->n_steps++;
        if (n_left == 0)
                return 0;
        return line_put_back(&runner->lines[lane->line], lane->running, n_left);
}

/* What the change of this turn has left to do. Called with the lock held. */
static void tidy(Lane *lane)
{
        Runner *runner = lane->runner;

        if (lane->line != LINE_CHANGE || !runner->work.tidy || runner->drains || runner->ends)
                return;
        lane->tidies = true;
        pthread_mutex_unlock(&runner->lock);
        int r = runner->work.tidy(&runner->stop, runner->work.userdata);
        pthread_mutex_lock(&runner->lock);
        lane->tidies = false;
        lane->n_steps++;
        fail(runner, r);
        wake_loop(runner);
}

/* One turn. Called with the lock held. Return: whether to go on. */
static bool run_next(Lane *lane)
{
        Runner *runner = lane->runner;

        while (!runner->ends && !next_line(lane, &lane->line))
                pthread_cond_wait(&lane->changed, &runner->lock);
        if (runner->ends)
                return false;
        size_t most = lines[lane->line].turn_max > 0 ? lines[lane->line].turn_max : runner->work.search_max;
        lane->n_running = line_take(&runner->lines[lane->line], lane->running, most);
        lane->n_steps++;
        pthread_mutex_unlock(&runner->lock);
        int r = runner->work.run(lane->running, lane->n_running, runner->work.userdata);
        pthread_mutex_lock(&runner->lock);
        fail(runner, r);
        fail(runner, end_turn(lane));
        wake_loop(runner);
        tidy(lane);
        return !runner->ends;
}

static void *lane_thread(void *userdata)
{
        Lane *lane = userdata;
        Runner *runner = lane->runner;

        /* For ps and top; the names fit. */
        (void)pthread_setname_np(pthread_self(), lane_names[lane - runner->lanes]);
        pthread_mutex_lock(&runner->lock);
        while (run_next(lane))
                ;
        pthread_mutex_unlock(&runner->lock);
        return NULL;
}

/* -------------------------------------------------------------------------------------------------------
 * life */

static int lane_start(Runner *runner, Lane *lane)
{
        int r = -pthread_create(&lane->thread, NULL, lane_thread, lane);

        lane->started = r == 0;
        return r;
}

int runner_new(const RunnerWork *work, Runner **ret_runner)
{
        Runner *runner = calloc(1, sizeof(Runner));
        if (!runner)
                return -ENOMEM;
        runner->work = *work;
        TAILQ_INIT(&runner->done);
        pthread_mutex_init(&runner->lock, NULL);
        for (size_t i = 0; i < _LANE_MAX; i++) {
                runner->lanes[i].runner = runner;
                pthread_cond_init(&runner->lanes[i].changed, NULL);
        }
        for (size_t i = 0; i < _LINE_MAX; i++)
                line_init(&runner->lines[i]);
        runner->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        int r = runner->event_fd < 0 ? -errno : 0;
        for (size_t i = 0; r == 0 && i < _LANE_MAX; i++)
                r = lane_start(runner, &runner->lanes[i]);
        if (r < 0) {
                runner_free(runner);
                return r;
        }
        *ret_runner = runner;
        return 0;
}

static void end_lanes(Runner *runner)
{
        atomic_store(&runner->stop, 1);
        pthread_mutex_lock(&runner->lock);
        begin_no_more(runner);
        for (size_t i = 0; i < _LANE_MAX; i++)
                for (size_t j = 0; j < runner->lanes[i].n_running; j++)
                        atomic_store(&runner->lanes[i].running[j]->stop, JOB_SHUTDOWN);
        pthread_mutex_unlock(&runner->lock);
        for (size_t i = 0; i < _LANE_MAX; i++)
                if (runner->lanes[i].started)
                        (void)pthread_join(runner->lanes[i].thread,
                                           NULL); /* Cannot fail for a thread of our own. */
}

Runner *runner_free(Runner *runner)
{
        Job *job;

        if (!runner)
                return NULL;
        end_lanes(runner);
        for (size_t i = 0; i < _LANE_MAX; i++)
                pthread_cond_destroy(&runner->lanes[i].changed);
        for (size_t i = 0; i < _LINE_MAX; i++)
                line_deinit(&runner->lines[i]);
        while ((job = TAILQ_FIRST(&runner->done))) {
                TAILQ_REMOVE(&runner->done, job, link);
                job_free(job);
        }
        fd_close(runner->event_fd);
        pthread_mutex_destroy(&runner->lock);
        free(runner);
        return NULL;
}

/* --------------------------------------------------------------------------------------- in the loop's thread */

int runner_fd(const Runner *runner)
{
        return runner->event_fd;
}

static int add(Runner *runner, Job *job)
{
        LineName line = line_of[job->task.operation];

        if (runner->n_jobs >= RUNNER_JOBS_MAX || job->packet.n_body > RUNNER_BYTES_MAX - runner->n_bytes)
                return RUNNER_E_FULL;
        int r = line_add(&runner->lines[line], job);
        if (r < 0)
                return r;
        runner->n_jobs++;
        runner->n_bytes += job->packet.n_body;
        pthread_cond_signal(&runner->lanes[lines[line].lane].changed);
        return 0;
}

int runner_submit(Runner *runner, Job *job)
{
        pthread_mutex_lock(&runner->lock);
        int r = add(runner, job);
        pthread_mutex_unlock(&runner->lock);
        return r;
}

int runner_done(Runner *runner, Job **ret_job)
{
        uint64_t count;

        /* Nothing to read means that this wake-up was taken note of before. */
        (void)!read(runner->event_fd, &count, sizeof(count));
        pthread_mutex_lock(&runner->lock);
        int r = runner->failure;
        Job *job = TAILQ_FIRST(&runner->done);
        if (job)
                TAILQ_REMOVE(&runner->done, job, link);
        *ret_job = let_go(runner, job);
        pthread_mutex_unlock(&runner->lock);
        return r;
}

Job *runner_cancel(Runner *runner, uint64_t index)
{
        Job *job = NULL;

        pthread_mutex_lock(&runner->lock);
        for (size_t i = 0; i < _LANE_MAX; i++)
                for (size_t j = 0; j < runner->lanes[i].n_running; j++)
                        if (runner->lanes[i].running[j]->index == index)
                                atomic_store(&runner->lanes[i].running[j]->stop, JOB_CALLER_GONE);
        for (size_t i = 0; i < _LINE_MAX && !job; i++)
                job = let_go(runner, line_take_index(&runner->lines[i], index));
        pthread_mutex_unlock(&runner->lock);
        return job;
}

static void stop_late(Lane *lane, uint64_t now_usec)
{
        for (size_t i = 0; i < lane->n_running; i++) {
                Job *job = lane->running[i];
                if (job->deadline_usec <= now_usec && atomic_load(&job->stop) == JOB_GOES_ON)
                        atomic_store(&job->stop, JOB_TIMEOUT);
        }
}

Job *runner_expire(Runner *runner, uint64_t now_usec)
{
        Job *job = NULL;

        pthread_mutex_lock(&runner->lock);
        for (size_t i = 0; i < _LANE_MAX; i++)
                stop_late(&runner->lanes[i], now_usec);
        for (size_t i = 0; i < _LINE_MAX && !job; i++)
                job = let_go(runner, line_take_expired(&runner->lines[i], now_usec));
        pthread_mutex_unlock(&runner->lock);
        return job;
}

void runner_drain(Runner *runner)
{
        Job *job;

        pthread_mutex_lock(&runner->lock);
        runner->drains = true;
        for (size_t i = 0; i < _LINE_MAX; i++)
                while ((job = line_take_new(&runner->lines[i])))
                        job_free(let_go(runner, job));
        pthread_mutex_unlock(&runner->lock);
}

bool runner_is_idle(Runner *runner)
{
        pthread_mutex_lock(&runner->lock);
        bool idle = runner->n_jobs == 0;
        pthread_mutex_unlock(&runner->lock);
        return idle;
}

/* Whether something of the lane has to come to an end soon. */
static bool lane_is_due(const Lane *lane)
{
        for (size_t i = 0; i < lane->n_running; i++)
                if (atomic_load(&lane->running[i]->stop) == JOB_GOES_ON)
                        return false;
        LineName line;
        return lane->n_running > 0 || (!lane->tidies && next_line(lane, &line));
}

/* Whether the lane has been, all the time since this was last asked, in one turn that may take as long as it does. */
static bool lane_is_long(const Lane *lane)
{
        return lane->n_running > 0 && !lane_is_due(lane) && lane->n_steps == lane->n_steps_then;
}

static bool lane_goes_on(Lane *lane)
{
        bool due = lane_is_due(lane);
        bool goes_on = !due || !lane->was_due || lane->n_steps != lane->n_steps_then;

        lane->was_due = due;
        lane->n_steps_then = lane->n_steps;
        return goes_on;
}

bool runner_goes_on(Runner *runner)
{
        pthread_mutex_lock(&runner->lock);
        /* A change may have to wait for a long pass over its gallery. */
        bool waits = lane_is_long(&runner->lanes[LANE_READS]);
        bool reads = lane_goes_on(&runner->lanes[LANE_READS]);
        bool changes = lane_goes_on(&runner->lanes[LANE_CHANGES]);
        pthread_mutex_unlock(&runner->lock);
        return reads && (changes || waits);
}

static uint64_t lane_deadline(const Lane *lane)
{
        uint64_t deadline = UINT64_MAX;

        for (size_t i = 0; i < lane->n_running; i++)
                if (atomic_load(&lane->running[i]->stop) == JOB_GOES_ON)
                        deadline = MIN_OF(deadline, lane->running[i]->deadline_usec);
        return deadline;
}

uint64_t runner_deadline(Runner *runner)
{
        uint64_t deadline = UINT64_MAX;

        pthread_mutex_lock(&runner->lock);
        for (size_t i = 0; i < _LANE_MAX; i++)
                deadline = MIN_OF(deadline, lane_deadline(&runner->lanes[i]));
        for (size_t i = 0; i < _LINE_MAX; i++)
                deadline = MIN_OF(deadline, line_deadline(&runner->lines[i]));
        pthread_mutex_unlock(&runner->lock);
        return deadline;
}
