#pragma once
/*
 * A line of jobs that wait, fair between those for whom they are: organisations have their turns one after the other, however many
 * jobs each has in the line; within one it is first come, first served. A user without an organisation counts as one.
 * Thinks only: no lock, no clock.
 */

#include "worker/job.h"

struct LineParty;

typedef struct Line {
        TAILQ_HEAD(LineParties, LineParty)
        parties; /* the one whose turn is next comes first; none without a job */
} Line;

/** line_init() - An empty line. */
void line_init(Line *line);

/** line_deinit() - Frees the jobs, too. */
void line_deinit(Line *line);

bool line_is_empty(const Line *line);

/** line_add() - Takes over a job. Return: 0, or -ENOMEM and it stays the caller's. */
int line_add(Line *line, Job *job);

/**
 * line_take() - Takes the job whose turn it is, and with it those that wait for the same gallery, one after the other of each
 * organisation.
 * @ret_jobs:   room for @max jobs
 *
 * Return: how many.
 */
size_t line_take(Line *line, Job **ret_jobs, size_t max);

/**
 * line_put_back() - Takes back what line_take() has given last: jobs that are not to go on (JOB_NOT_BEGUN) stand where they stood, others
 * come before those of their organisation, which has had its turn.
 *
 * Return: 0, or -ENOMEM: the jobs are partly taken over.
 */
int line_put_back(Line *line, Job *const *jobs, size_t n);

/** line_take_index() - Takes out one job by its number. Return: NULL where it does not wait. */
Job *line_take_index(Line *line, uint64_t index);

/** line_take_expired() - Takes out a job whose deadline has passed. Return: NULL where there is none. */
Job *line_take_expired(Line *line, uint64_t now_usec);

/** line_take_new() - Takes out a job that was not begun in an earlier turn. Return: NULL where there is none. */
Job *line_take_new(Line *line);

/** line_deadline() - The next deadline, or UINT64_MAX. */
uint64_t line_deadline(const Line *line);
