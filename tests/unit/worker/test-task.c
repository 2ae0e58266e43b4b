/*
 * From a leaf and job bytes to a task.
 */

#include <string.h>

#include "base/macro.h"
#include "scratch.h"
#include "worker/task.h"

/* A good leaf of an identify, in which one key is set otherwise or left out. */
static void make_leaf(const char *key, const char *text, uint64_t number, Leaf *ret_leaf)
{
        static const struct {
                const char *key;
                const char *text;
                uint64_t number;
        } good[] = {
                {"operation", "identify", 0},    {"model", "m1", 0},
                {"gallery", "children", 0},      {"gallery-kind", "consolidated", 0},
                {"release", "candidates", 0},    {"dimension", NULL, 4},
                {"floor", NULL, 1500000},        {"limit", NULL, 10},
                {"gallery-maximum", NULL, 1000},
        };

        *ret_leaf = LEAF_INIT;
        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                bool other = key && strcmp(good[i].key, key) == 0;
                if (other && !text && number == UINT64_MAX)
                        continue;
                if (other ? text != NULL : good[i].text != NULL)
                        leaf_set_text(ret_leaf, good[i].key, other ? text : good[i].text);
                else
                        leaf_set_number(ret_leaf, good[i].key, other ? number : good[i].number);
        }
}

static void make_job(Buffer *job)
{
        static const float vector[4] = {1, 2, 3, 4};

        job_begin(job, 1);
        job_put(job, &(JobEntry){"", "m1", (const uint8_t *)vector, sizeof(vector)});
}

Test(task, takes_every_parameter_from_the_leaf)
{
        _cleanup_(buffer_deinit) Buffer job = BUFFER_INIT;
        const char *why = NULL;
        Leaf leaf;
        Task task;

        make_job(&job);
        make_leaf(NULL, NULL, 0, &leaf);
        cr_assert(task_read(&leaf, job.data, job.n, &task, &why), "%s", why);
        cr_expect_eq(task.operation, TASK_IDENTIFY);
        cr_expect_eq(task.release, TASK_RELEASE_CANDIDATES);
        cr_expect_str_eq(task.gallery, "children");
        cr_expect_str_eq(task.shape.model, "m1");
        cr_expect_eq(task.shape.dimension, 4);
        cr_expect(task.shape.consolidated);
        cr_expect_eq(task.maximum, 1000);
        cr_expect_eq(task.floor, 0.5);
        cr_expect_eq(task.limit, 10);
}

Test(task, is_none_when_the_leaf_lacks_something)
{
        static const struct {
                const char *key;
                const char *text;
                uint64_t number;
                const char *why;
        } table[] = {
                {"operation", NULL, UINT64_MAX, "the leaf names no operation"},
                {"operation", "identify-all", 0, "the leaf names no operation"},
                {"operation", NULL, 1, "the leaf names no operation"},
                {"model", NULL, UINT64_MAX, "the leaf names no model"},
                {"model", "m 1", 0, "the leaf names no model"},
                {"gallery", NULL, UINT64_MAX, "the leaf does not say which gallery"},
                {"gallery", "../children", 0, "the leaf does not say which gallery"},
                {"gallery-kind", NULL, UINT64_MAX, "the leaf does not say which gallery"},
                {"gallery-kind", "other", 0, "the leaf does not say which gallery"},
                {"dimension", NULL, UINT64_MAX, "the leaf does not say which gallery"},
                {"dimension", NULL, 0, "the leaf does not say which gallery"},
                {"dimension", NULL, 4097, "the leaf does not say which gallery"},
                {"floor", NULL, UINT64_MAX, "the leaf sets no floor"},
                {"floor", NULL, 2000001, "the leaf sets no floor"},
                {"floor", "1500000", 0, "the leaf sets no floor"},
                {"limit", NULL, UINT64_MAX, "the leaf sets no limit"},
                {"limit", NULL, 0, "the leaf sets no limit"},
                {"limit", NULL, 1001, "the leaf sets no limit"},
                {"release", NULL, UINT64_MAX, "the leaf does not say what may be released"},
                {"release", "all", 0, "the leaf does not say what may be released"},
                {"operation", "verify", 0, "the job bytes are not such a job"},
                {"operation", "compare", 0, "the job bytes are not such a job"},
                {"operation", "enrol", 0, "the job bytes are not such a job"},
                {"operation", "list", 0, "the job bytes are not such a job"},
        };
        _cleanup_(buffer_deinit) Buffer job = BUFFER_INIT;

        make_job(&job);
        for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
                const char *why = NULL;
                Leaf leaf;
                Task task;
                make_leaf(table[i].key, table[i].text, table[i].number, &leaf);
                cr_expect_not(task_read(&leaf, job.data, job.n, &task, &why), "row %zu", i);
                cr_expect(why && strcmp(why, table[i].why) == 0, "row %zu: %s", i, why);
        }
}

Test(task, may_list_nothing_without_releasing_subjects)
{
        _cleanup_(buffer_deinit) Buffer job = BUFFER_INIT;
        const char *why = NULL;
        Leaf leaf;
        Task task;

        job_begin(&job, 1);
        job_put(&job, &(JobEntry){"", "", NULL, 0});
        make_leaf("operation", "list", 0, &leaf);
        cr_expect(task_read(&leaf, job.data, job.n, &task, &why));
        for (size_t i = 0; i < leaf.n_fields; i++)
                if (strcmp(leaf.fields[i].key, "release") == 0)
                        leaf.fields[i].text = "decision";
        cr_expect_not(task_read(&leaf, job.data, job.n, &task, &why));
}

Test(task, has_no_maximum_when_the_leaf_has_none)
{
        _cleanup_(buffer_deinit) Buffer job = BUFFER_INIT;
        const char *why = NULL;
        Leaf leaf;
        Task task;

        make_job(&job);
        make_leaf("gallery-maximum", NULL, UINT64_MAX, &leaf);
        cr_assert(task_read(&leaf, job.data, job.n, &task, &why));
        cr_expect_eq(task.maximum, TASK_NO_MAXIMUM);
}
