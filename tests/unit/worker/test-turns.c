/*
 * Turns, before an engine that writes down what it is told: a removal is answered when it has overwritten what it knows of the templates, and no sooner.
 */

#include <string.h>

#include "base/macro.h"
#include "scratch.h"
#include "wire/message.h"
#include "worker/codes.h"
#include "worker/job.h"
#include "worker/turns.h"

enum { DIMENSION = 4 };

static Scratch scratch;
static Galleries galleries;
static Turns turns;
static Job *running; /* the job whose turn it is */
static uint64_t log_size;

/* What the engine was told. */
static struct {
        size_t n_synced;
        size_t n_forgotten;
        uint64_t identity;  /* of the last */
        size_t n_rows_left; /* rows that hold something in the codes, at the last engine_sync() */
        bool too_late;      /* the job had its result already */
} told;

void __wrap_engine_sync(Engine *engine, const Templates *templates);
void __wrap_engine_forget(Engine *engine, uint64_t identity);
const char *__wrap_engine_name(const Engine *engine);
const char *__wrap_engine_fallback(const Engine *engine);

void __wrap_engine_sync(Engine *engine, const Templates *templates)
{
        told.n_synced++;
        told.identity = templates->identity;
        told.too_late = running->result.n > 0;
        told.n_rows_left = 0;
        for (size_t row = 0; row < templates->n_rows; row++) {
                const uint8_t *block = templates->blocks + row / CODES_ROWS * codes_block_size(DIMENSION);
                told.n_rows_left += codes_scales(block, DIMENSION)[row % CODES_ROWS] > 0;
        }
}

void __wrap_engine_forget(Engine *engine, uint64_t identity)
{
        told.n_forgotten++;
        told.identity = identity;
}

const char *__wrap_engine_name(const Engine *engine)
{
        return "played";
}

const char *__wrap_engine_fallback(const Engine *engine)
{
        return "played";
}

static void set_up(void)
{
        Seen seen = SEEN_INIT;

        scratch_init(&scratch);
        galleries = GALLERIES_INIT;
        cr_assert_eq(galleries_claim(&galleries, scratch.path), 0);
        turns_init(&turns, &(OperationTools){.galleries = &galleries}, &seen);
        memset(&told, 0, sizeof(told));
}

static void tear_down(void)
{
        turns_deinit(&turns);
        galleries_deinit(&galleries);
        scratch_deinit(&scratch);
}

TestSuite(turns, .init = set_up, .fini = tear_down, .timeout = 600);

/* A job's turn, and what it is answered. */
static void run(TaskOperation operation, const JobEntry *entries, uint32_t n, const char *result)
{
        _cleanup_(buffer_deinit) Buffer bytes = BUFFER_INIT;
        _cleanup_(result_deinit) ResultMessage message = {};

        job_begin(&bytes, n);
        for (uint32_t i = 0; i < n; i++)
                job_put(&bytes, &entries[i]);
        running = job_new();
        cr_assert_not_null(running);
        running->seen = (Seen){.origin = "example.org/log", .head = {.size = ++log_size}};
        running->task = (Task){.operation = operation,
                               .gallery = "g",
                               .shape = {.model = "m", .dimension = DIMENSION, .consolidated = true},
                               .maximum = TASK_NO_MAXIMUM,
                               .job = bytes.data,
                               .n_job = bytes.n};
        cr_assert_eq(turns_run(&running, 1, &turns), 0);
        cr_assert_eq(running->turn, JOB_ENDED);
        cr_assert(result_decode(running->result.data, running->result.n, &message));
        cr_expect_str_eq(message.result, result);
        running = job_free(running);
}

static void enrol(size_t first, uint32_t n)
{
        _cleanup_(freep) JobEntry *entries = calloc(n, sizeof(JobEntry));
        _cleanup_(freep) char(*names)[16] = calloc(n, sizeof(*names));
        static const float vector[DIMENSION] = {1, 2, 3, 4};

        for (uint32_t i = 0; i < n; i++) {
                (void)snprintf(names[i], sizeof(names[i]), "s%zu", first + i);
                entries[i] = (JobEntry){names[i], "m", (const uint8_t *)vector, sizeof(vector)};
        }
        run(TASK_ENROL, entries, n, "ok");
}

static void remove_one(size_t number, const char *result)
{
        char name[16];

        (void)snprintf(name, sizeof(name), "s%zu", number);
        run(TASK_REMOVE, &(JobEntry){.subject = name, .model = ""}, 1, result);
}

Test(turns, answer_a_removal_after_the_engine_has_overwritten_it)
{
        enrol(0, 100);
        cr_expect_eq(told.n_synced, 0, "nothing was removed");
        remove_one(70, "ok");
        cr_expect_eq(told.n_synced, 1);
        cr_expect_eq(told.identity, gallery_templates(galleries_find(&galleries, "g")).identity);
        cr_expect_eq(told.n_rows_left, 99, "the gallery's own codes were overwritten by then");
        cr_expect_not(told.too_late);
        remove_one(70, "no-subject");
        cr_expect_eq(told.n_synced, 1);
}

Test(turns, let_the_engine_forget_what_has_other_numbers_now)
{
        enrol(0, 600);
        uint64_t identity = gallery_templates(galleries_find(&galleries, "g")).identity;
        for (size_t i = 0; i < 301; i++) {
                cr_expect_eq(told.n_forgotten, 0, "%zu were removed", i);
                remove_one(i, "ok");
                cr_assert_eq(turns_tidy(NULL, &turns), 0);
        }
        cr_expect_eq(told.n_forgotten, 1);
        cr_expect_eq(told.identity, identity);
        cr_expect_neq(gallery_templates(galleries_find(&galleries, "g")).identity, identity);
        cr_assert_eq(turns_tidy(NULL, &turns), 0);
        cr_expect_eq(told.n_forgotten, 1);
}
