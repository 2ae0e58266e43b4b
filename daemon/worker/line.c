/*
 * The line: a ring of organisations, each with a queue of jobs.
 */

#include "worker/line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

typedef struct LineParty {
        JobList jobs; /* never empty; its first says whose they are */
        Job *next;    /* while jobs are taken: the first that was not looked at yet */
        TAILQ_ENTRY(LineParty) link;
} LineParty;

void line_init(Line *line)
{
        TAILQ_INIT(&line->parties);
}

bool line_is_empty(const Line *line)
{
        return TAILQ_EMPTY(&line->parties);
}

static void take_out(Line *line, LineParty *party, Job *job)
{
        TAILQ_REMOVE(&party->jobs, job, link);
        if (!TAILQ_EMPTY(&party->jobs))
                return;
        TAILQ_REMOVE(&line->parties, party, link);
        free(party);
}

void line_deinit(Line *line)
{
        while (!line_is_empty(line)) {
                LineParty *party = TAILQ_FIRST(&line->parties);
                Job *job = TAILQ_FIRST(&party->jobs);
                take_out(line, party, job);
                job_free(job);
        }
}

static bool same_party(const Job *a, const Job *b)
{
        if (a->organisation && b->organisation)
                return strcmp(a->organisation, b->organisation) == 0;
        return !a->organisation && !b->organisation && a->uid == b->uid;
}

/* The party of a job; a new one, which has to be given the job, comes last. Return: NULL when there is no memory. */
static LineParty *find_party(Line *line, const Job *job)
{
        LineParty *party;

        TAILQ_FOREACH (party, &line->parties, link)
                if (same_party(TAILQ_FIRST(&party->jobs), job))
                        return party;
        party = calloc(1, sizeof(*party));
        if (!party)
                return NULL;
        TAILQ_INIT(&party->jobs);
        TAILQ_INSERT_TAIL(&line->parties, party, link);
        return party;
}

int line_add(Line *line, Job *job)
{
        LineParty *party = find_party(line, job);
        if (!party)
                return -ENOMEM;
        TAILQ_INSERT_TAIL(&party->jobs, job, link);
        return 0;
}

/* --------------------------------------------------------------------------------------------------------
 * turns */

static bool same_gallery(const char *a, const char *b)
{
        return a && b ? strcmp(a, b) == 0 : a == b;
}

/* The party's next job for the gallery. What was passed over is not looked at again, so that all of it costs one look at each job. */
static Job *next_job(LineParty *party, const char *gallery)
{
        while (party->next) {
                Job *job = party->next;
                party->next = TAILQ_NEXT(job, link);
                if (same_gallery(job->task.gallery, gallery))
                        return job;
        }
        return NULL;
}

/* One turn of each party that has a job for the gallery; who had one goes behind those who had none. Return: how many jobs. */
static size_t take_round(Line *line, const char *gallery, Job **ret_jobs, size_t max)
{
        LineParty *last = TAILQ_LAST(&line->parties, LineParties);
        LineParty *party = TAILQ_FIRST(&line->parties), *next;
        size_t n = 0;

        for (; party && n < max; party = next) {
                next = party == last ? NULL : TAILQ_NEXT(party, link);
                Job *job = next_job(party, gallery);
                if (!job)
                        continue;
                TAILQ_REMOVE(&line->parties, party, link);
                TAILQ_INSERT_TAIL(&line->parties, party, link);
                take_out(line, party, job);
                ret_jobs[n++] = job;
        }
        return n;
}

size_t line_take(Line *line, Job **ret_jobs, size_t max)
{
        LineParty *party;
        size_t n = 0, n_round;

        if (line_is_empty(line))
                return 0;
        /* The first job taken, which is not freed meanwhile, owns the name. */
        const char *gallery = TAILQ_FIRST(&TAILQ_FIRST(&line->parties)->jobs)->task.gallery;
        TAILQ_FOREACH (party, &line->parties, link)
                party->next = TAILQ_FIRST(&party->jobs);
        do {
                n_round = take_round(line, gallery, ret_jobs + n, max - n);
                n += n_round;
        } while (n_round > 0 && n < max);
        return n;
}

static int put_back(Line *line, Job *job)
{
        LineParty *party = find_party(line, job);
        if (!party)
                return -ENOMEM;
        TAILQ_INSERT_HEAD(&party->jobs, job, link);
        if (job->turn != JOB_NOT_BEGUN)
                return 0;
        TAILQ_REMOVE(&line->parties, party, link);
        TAILQ_INSERT_HEAD(&line->parties, party, link);
        return 0;
}

int line_put_back(Line *line, Job *const *jobs, size_t n)
{
        int r = 0;

        while (r == 0 && n > 0)
                r = put_back(line, jobs[--n]);
        return r;
}

/* ---------------------------------------------------------------------------------------------- single ones */

static Job *take_first(Line *line, bool (*fits)(const Job *job, uint64_t value), uint64_t value)
{
        LineParty *party;
        Job *job;

        TAILQ_FOREACH (party, &line->parties, link)
                TAILQ_FOREACH (job, &party->jobs, link)
                        if (fits(job, value)) {
                                take_out(line, party, job);
                                return job;
                        }
        return NULL;
}

static bool has_index(const Job *job, uint64_t index)
{
        return job->index == index;
}

static bool is_late(const Job *job, uint64_t now_usec)
{
        return job->deadline_usec <= now_usec;
}

static bool is_new(const Job *job, uint64_t unused)
{
        return !job->is_begun;
}

Job *line_take_index(Line *line, uint64_t index)
{
        return take_first(line, has_index, index);
}

Job *line_take_expired(Line *line, uint64_t now_usec)
{
        return take_first(line, is_late, now_usec);
}

Job *line_take_new(Line *line)
{
        return take_first(line, is_new, 0);
}

uint64_t line_deadline(const Line *line)
{
        uint64_t deadline = UINT64_MAX;
        const LineParty *party;
        const Job *job;

        TAILQ_FOREACH (party, &line->parties, link)
                TAILQ_FOREACH (job, &party->jobs, link)
                        deadline = MIN_OF(deadline, job->deadline_usec);
        return deadline;
}
