/*
 * What an operation has come to.
 */

#include "worker/outcome.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void outcome_init(Outcome *outcome)
{
        *outcome = (Outcome){.message = {.result = "ok", .why = ""}};
}

void outcome_deinit(Outcome *outcome)
{
        free(outcome->message.candidates);
        free(outcome->message.subjects.items);
        free(outcome->names);
        *outcome = (Outcome){};
}

int outcome_answer(Outcome *outcome, const char *result, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        (void)vsnprintf(outcome->why, sizeof(outcome->why), format, args); /* A long one is cut. */
        va_end(args);
        outcome->message.result = result;
        outcome->message.why = outcome->why;
        return OUTCOME_ANSWERED;
}

int outcome_damaged(Outcome *outcome, const Task *task)
{
        return outcome_answer(outcome, "gallery-damaged", "gallery %s is not on the disk as it was stored",
                              task->gallery);
}

int outcome_no_space(Outcome *outcome, const Task *task)
{
        return outcome_answer(outcome, "gallery-full", "no space is left on the disk of gallery %s",
                              task->gallery);
}

int outcome_take_gallery(Outcome *outcome, const Task *task, const Gallery *gallery)
{
        if (!gallery)
                return 0;
        if (gallery_is_damaged(gallery))
                return outcome_damaged(outcome, task);
        if (!gallery_has_shape(gallery, &task->shape))
                return outcome_answer(outcome, "worker-refused",
                                      "gallery %s was created with another model, dimension or kind",
                                      task->gallery);
        outcome->message.gallery_epoch = gallery_epoch(gallery);
        return 0;
}

/* Keeps a copy of the name as number @i. */
static const char *keep_name(Outcome *outcome, size_t i, const char *name)
{
        memcpy(outcome->names[i], name, strnlen(name, SUBJECT_NAME_MAX));
        return outcome->names[i];
}

int outcome_release_hits(Outcome *outcome, const Task *task, const Hit *hits, size_t n)
{
        ResultMessage *message = &outcome->message;

        message->matched = n > 0;
        if (task->release == TASK_RELEASE_DECISION || n == 0)
                return 0;
        message->candidates = calloc(n, sizeof(Candidate));
        outcome->names = calloc(n, sizeof(*outcome->names));
        if (!message->candidates || !outcome->names)
                return -ENOMEM;
        message->n_candidates = n;
        for (size_t i = 0; i < n; i++) {
                message->candidates[i].subject = keep_name(outcome, i, hits[i].subject);
                if (task->release == TASK_RELEASE_SCORES) {
                        message->candidates[i].has_similarity = true;
                        message->candidates[i].similarity = hits[i].similarity;
                }
        }
        return 0;
}

/* A similarity below the floor is not released: the permit was for similarities from the floor on. */
void outcome_release_similarity(Outcome *outcome, const Task *task, double similarity)
{
        ResultMessage *message = &outcome->message;

        message->matched = similarity >= task->floor;
        if (message->matched && task->release == TASK_RELEASE_SCORES) {
                message->has_similarity = true;
                message->similarity = similarity;
        }
}

int outcome_release_subjects(Outcome *outcome, const char *const *names, size_t n)
{
        StringList *subjects = &outcome->message.subjects;

        if (n == 0)
                return 0;
        subjects->items = calloc(n, sizeof(char *));
        outcome->names = calloc(n, sizeof(*outcome->names));
        if (!subjects->items || !outcome->names)
                return -ENOMEM;
        subjects->n = n;
        for (size_t i = 0; i < n; i++)
                subjects->items[i] = keep_name(outcome, i, names[i]);
        return 0;
}
