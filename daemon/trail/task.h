#pragma once
/*
 * Task: something to be looked up in the log: on its way to the trail's thread, then back with what was found.
 * Embedded in whatever holds question and answer. The thread does one between two commits, so that no commit
 * waits for more than one. Private to the trail.
 */

#include "trail/committer.h"
#include "trail/trail.h"

typedef struct Task Task;
struct Task {
        int (*run)(Task *task, Committer *committer); /* in the thread; 0, or -errno: then the process ends */
        int (*tell)(Task *task);                      /* in the loop; 0 or -errno */
        void (*release)(Task *task);                  /* afterwards, or when the trail goes before */
        Task *next;                                   /* the trail's */
};

/** task_free() - Takes NULL, returns NULL. */
static inline Task *task_free(Task *task)
{
        if (task)
                task->release(task);
        return NULL;
}

/**
 * trail_submit() - Hands a task over; it is released in any case.
 *
 * Return: 0, or -EOVERFLOW when too many wait.
 */
int trail_submit(Trail *trail, Task *task);
