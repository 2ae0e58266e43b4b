#pragma once
/*
 * What an operation has come to: a result without index and time, and without an engine where no gallery was searched. What the
 * leaf does not release never gets into it.
 */

#include "wire/message.h"
#include "worker/search.h"
#include "worker/subjects.h"
#include "worker/task.h"

/* Owns its arrays and all names in it, so that it outlives the hold on the gallery; stays where it is, as its message points into it. */
typedef struct Outcome {
        ResultMessage message;
        char why[256];
        char (*names)[SUBJECT_NAME_MAX + 1];
} Outcome;

/** outcome_init() - An `ok` with nothing in it. */
void outcome_init(Outcome *outcome);
void outcome_deinit(Outcome *outcome);

/* What the functions return that fill in a refusal: above every named ending of what operations call. */
enum { OUTCOME_ANSWERED = 100 };

/** outcome_answer() - A result that is none, and why. Return: OUTCOME_ANSWERED. */
__attribute__((format(printf, 3, 4))) int outcome_answer(Outcome *outcome, const char *result,
                                                         const char *format, ...);

/** outcome_damaged(), outcome_no_space() - Of the task's gallery. Return: OUTCOME_ANSWERED. */
int outcome_damaged(Outcome *outcome, const Task *task);
int outcome_no_space(Outcome *outcome, const Task *task);

/**
 * outcome_take_gallery() - Takes note of the gallery's epoch.
 * @gallery:    held, or the caller's to change; NULL: none is there, which is an empty one at epoch 0
 *
 * Return: 0; OUTCOME_ANSWERED where it is damaged, or not what the task takes it for.
 */
int outcome_take_gallery(Outcome *outcome, const Task *task, const Gallery *gallery);

/** outcome_release_hits() - As much of a search's hits as the task releases. Return: 0 or -ENOMEM. */
int outcome_release_hits(Outcome *outcome, const Task *task, const Hit *hits, size_t n);

/** outcome_release_similarity() - Likewise of two templates. */
void outcome_release_similarity(Outcome *outcome, const Task *task, double similarity);

/** outcome_release_subjects() - The names of a list, which are copied. Return: 0 or -ENOMEM. */
int outcome_release_subjects(Outcome *outcome, const char *const *names, size_t n);
