/*
 * What a permitted request comes to. Thinks only.
 */

#include "worker/task.h"

#include <string.h>

#include "base/macro.h"
#include "base/text.h"
#include "wire/message.h"

static const struct {
        const char *name;
        bool has_gallery;
        bool has_floor;
        bool has_limit;
        bool has_release;
} operations[_TASK_OPERATION_MAX] = {
        [TASK_IDENTIFY] = {"identify", true, true, true, true},
        [TASK_IDENTIFY_STORED] = {"identify-stored", true, true, true, true},
        [TASK_VERIFY] = {"verify", true, true, false, true},
        [TASK_COMPARE] = {"compare", false, true, false, true},
        [TASK_ENROL] = {"enrol", true, false, false, false},
        [TASK_REMOVE] = {"remove", true, false, false, false},
        [TASK_LIST] = {"list", true, false, true, true},
};

static const char *const releases[] = {
        [TASK_RELEASE_DECISION] = "decision",
        [TASK_RELEASE_CANDIDATES] = "candidates",
        [TASK_RELEASE_SCORES] = "scores",
};

static bool read_operation(const Leaf *leaf, TaskOperation *ret_operation)
{
        for (size_t i = 0; i < ARRAY_SIZE(operations); i++)
                if (leaf_is(leaf, "operation", operations[i].name)) {
                        *ret_operation = (TaskOperation)i;
                        return true;
                }
        return false;
}

static bool read_release(const Leaf *leaf, TaskRelease *ret_release)
{
        for (size_t i = 0; i < ARRAY_SIZE(releases); i++)
                if (leaf_is(leaf, "release", releases[i])) {
                        *ret_release = (TaskRelease)i;
                        return true;
                }
        return false;
}

static bool read_dimension(const Leaf *leaf, uint32_t *ret_dimension)
{
        uint64_t dimension;

        if (!leaf_number(leaf, "dimension", &dimension) || dimension < 1 || dimension > JOB_DIMENSION_MAX)
                return false;
        *ret_dimension = (uint32_t)dimension;
        return true;
}

static bool read_model(const Leaf *leaf, Task *task)
{
        task->shape.model = leaf_text(leaf, "model");
        return task->shape.model && text_is_model(task->shape.model, strlen(task->shape.model));
}

static bool read_gallery(const Leaf *leaf, Task *task)
{
        task->gallery = leaf_text(leaf, "gallery");
        if (!task->gallery || !text_is_name(task->gallery, strlen(task->gallery)))
                return false;
        task->shape.consolidated = leaf_is(leaf, "gallery-kind", "consolidated");
        if (!task->shape.consolidated && !leaf_is(leaf, "gallery-kind", "event"))
                return false;
        if (!leaf_number(leaf, "gallery-maximum", &task->maximum))
                task->maximum = TASK_NO_MAXIMUM;
        return read_dimension(leaf, &task->shape.dimension);
}

/* The leaf keeps (similarity + 1) in millionths, so that it is never negative. */
static bool read_floor(const Leaf *leaf, double *ret_floor)
{
        uint64_t floor;

        if (!leaf_number(leaf, "floor", &floor) || floor > 2 * TEXT_SIMILARITY_ONE)
                return false;
        *ret_floor = ((double)floor - TEXT_SIMILARITY_ONE) / TEXT_SIMILARITY_ONE;
        return true;
}

static bool read_limit(const Leaf *leaf, size_t *ret_limit)
{
        uint64_t limit;

        if (!leaf_number(leaf, "limit", &limit) || limit < 1 || limit > MESSAGE_CANDIDATES_MAX)
                return false;
        *ret_limit = (size_t)limit;
        return true;
}

bool task_read(const Leaf *leaf, const uint8_t *job, size_t n_job, Task *ret_task, const char **ret_why)
{
        Task task = {
                .release = TASK_RELEASE_DECISION, .maximum = TASK_NO_MAXIMUM, .job = job, .n_job = n_job};
        const char *why = NULL;

        if (!read_operation(leaf, &task.operation))
                why = "the leaf names no operation";
        else if (!read_model(leaf, &task))
                why = "the leaf names no model";
        else if (operations[task.operation].has_gallery && !read_gallery(leaf, &task))
                why = "the leaf does not say which gallery";
        else if (operations[task.operation].has_floor && !read_floor(leaf, &task.floor))
                why = "the leaf sets no floor";
        else if (operations[task.operation].has_limit && !read_limit(leaf, &task.limit))
                why = "the leaf sets no limit";
        else if (operations[task.operation].has_release && !read_release(leaf, &task.release))
                why = "the leaf does not say what may be released";
        else if (task.operation == TASK_LIST && task.release == TASK_RELEASE_DECISION)
                why = "a list that may name no subject";
        else if (!job_check(operations[task.operation].name, job, n_job))
                why = "the job bytes are not such a job";
        if (why) {
                *ret_why = why;
                return false;
        }
        if (task.operation == TASK_COMPARE)
                (void)read_dimension(leaf, &task.shape.dimension); /* It need not be there. */
        *ret_task = task;
        return true;
}

JobEntry task_entry(const Task *task)
{
        JobReader reader = job_read(task->job, task->n_job);
        JobEntry entry = {};

        (void)job_next(&reader, &entry); /* job_check() has seen to it that there is one. */
        return entry;
}
