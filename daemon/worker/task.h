#pragma once
/*
 * What a permitted request comes to: every parameter from the leaf, and from the job bytes nothing but
 * subjects, templates and their models. Nobody can ask for more than was recorded, because nothing else is
 * looked at.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/job.h"
#include "wire/leaf.h"
#include "worker/gallery.h"

typedef enum TaskOperation {
        TASK_IDENTIFY,
        TASK_IDENTIFY_STORED,
        TASK_VERIFY,
        TASK_COMPARE,
        TASK_ENROL,
        TASK_REMOVE,
        TASK_LIST,
        _TASK_OPERATION_MAX,
} TaskOperation;

typedef enum TaskRelease {
        TASK_RELEASE_DECISION,   /* whether something was found, and nothing of what */
        TASK_RELEASE_CANDIDATES, /* also the subjects */
        TASK_RELEASE_SCORES,     /* also their similarities */
} TaskRelease;

#define TASK_NO_MAXIMUM UINT64_MAX

typedef struct Task {
        TaskOperation operation;
        TaskRelease release;
        const char *gallery; /* NULL for compare */
        GalleryShape shape;  /* of compare only the model and, if the leaf has one, the dimension; else 0 */
        uint64_t maximum;    /* templates in the gallery, or TASK_NO_MAXIMUM */
        double floor;
        size_t limit;
        const uint8_t *job; /* wire/job.h; accepted by job_check() */
        size_t n_job;
} Task;

/**
 * task_read() - Makes the task of a permit.
 * @leaf:       the permit; the task borrows from it
 * @job:        the bytes that the leaf commits to; borrowed likewise
 * @ret_why:    if it is none: what is missing, a constant
 *
 * Return: whether leaf and job say all that the operation needs, and within bounds.
 */
bool task_read(const Leaf *leaf, const uint8_t *job, size_t n_job, Task *ret_task, const char **ret_why);

/** task_entry() - The first entry of the task's job; there is one. */
JobEntry task_entry(const Task *task);
