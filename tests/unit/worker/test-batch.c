/*
 * Searches that share a pass: each is answered as if it were alone, and the gallery is read once for all.
 */

#include <fcntl.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "scratch.h"
#include "worker/batch.h"
#include "worker/codes.h"
#include "worker/kernel.h"

enum { FILE_WINDOW = 1 << 20 /* that files are read by */ };
enum { DIMENSION = 20, SUBJECTS = 120, MANY = 300, TEMPLATES = SUBJECTS * 2 + MANY };

static Scratch scratch;
static Galleries galleries;
static OperationTools tools;

/* The passes go through here: how many there were, and of how many probes. */
static size_t n_passes, n_probes;
static atomic_int *stop_inside; /* set while a pass is under way */

int __real_engine_search(Engine *engine, const Templates *templates, EngineQuery *queries, size_t n,
                         EngineRun *run);
int __wrap_engine_search(Engine *engine, const Templates *templates, EngineQuery *queries, size_t n,
                         EngineRun *run);
int __wrap_engine_search(Engine *engine, const Templates *templates, EngineQuery *queries, size_t n,
                         EngineRun *run)
{
        n_passes++;
        n_probes = 0;
        for (size_t i = 0; i < n; i++)
                n_probes += queries[i].n_probes;
        if (stop_inside)
                atomic_store(stop_inside, 1);
        return __real_engine_search(engine, templates, queries, n, run);
}

/* What comes while files are put into the place of others, which is once. */
static void (*meanwhile)(void);

int __real_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int __wrap_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int __wrap_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
        void (*now)(void) = meanwhile;

        meanwhile = NULL;
        if (now)
                now();
        return __real_renameat2(from_fd, from, to_fd, to, flags);
}

/* The disk fails after a template was read, and before it is read again: what holds it is cut off. */
static size_t lost_row = SIZE_MAX;

const float *__real_original_read(const Originals *originals, size_t row, double *ret_square);
const float *__wrap_original_read(const Originals *originals, size_t row, double *ret_square);
const float *__wrap_original_read(const Originals *originals, size_t row, double *ret_square)
{
        const float *vector = __real_original_read(originals, row, ret_square);

        if (row == lost_row) {
                _cleanup_(fd_closep) int fd =
                        openat(scratch.dir_fd, "children.originals", O_RDWR | O_CLOEXEC);
                size_t page = 4096, at = page + row * original_slot_size(DIMENSION);
                lost_row = SIZE_MAX;
                cr_assert_eq(ftruncate(fd, (off_t)(at / page * page)), 0);
        }
        return vector;
}

/* What is enrolled: of most subjects two templates, of `many` as many as no pass takes at once. */
static char names[TEMPLATES][8];
static float vectors[TEMPLATES][DIMENSION];

static void make_templates(void)
{
        uint64_t random = 7;

        for (size_t i = 0; i < TEMPLATES; i++) {
                (void)snprintf(names[i], sizeof(names[i]), i < 2 * SUBJECTS ? "s%03zu" : "many", i / 2);
                for (size_t j = 0; j < DIMENSION; j++)
                        vectors[i][j] = scratch_random_float(&random) + (j == 0 ? 1 : 0);
        }
        /* Some are alike, so that there is more than one of a similarity. */
        for (size_t i = 10; i < TEMPLATES; i += 10)
                memcpy(vectors[i], vectors[i - 7], sizeof(vectors[i]));
}

/* What is freed goes through here: the first numbers of a template are looked for in it, as they came and in double precision. */
static const float *looked_for; /* NULL: nothing */
static size_t zeros_size;       /* so many zeros are in pieces that are as large or larger; 0: in none */
static size_t n_left;

static bool is_zero(const uint8_t *bytes, size_t n)
{
        return n == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, n - 1) == 0);
}

void __real_free(void *memory);
void __wrap_free(void *memory);
void __wrap_free(void *memory)
{
        if (memory && looked_for) {
                double wide[] = {(double)looked_for[0], (double)looked_for[1]};
                size_t size = malloc_usable_size(memory);
                n_left += memmem(memory, size, looked_for, 2 * sizeof(float)) ||
                          memmem(memory, size, wide, sizeof(wide));
        }
        if (memory && zeros_size > 0 && malloc_usable_size(memory) >= zeros_size)
                n_left += !is_zero(memory, zeros_size);
        __real_free(memory);
}

static Task task_of(TaskOperation operation)
{
        return (Task){.operation = operation,
                      .release = TASK_RELEASE_SCORES,
                      .gallery = "children",
                      .shape = {.model = "m1", .dimension = DIMENSION, .consolidated = true},
                      .maximum = TASK_NO_MAXIMUM,
                      .floor = -1,
                      .limit = 10};
}

/* One search, or a change, with what it needs. */
typedef struct Asked {
        Task task;
        Buffer job;
        atomic_int stop;
        OperationState state;
} Asked;

static void asked_deinit(Asked *asked)
{
        buffer_deinit(&asked->job);
        operation_state_deinit(&asked->state);
}

static void ask(Asked *asked, TaskOperation operation, const char *subject, const float *vector)
{
        *asked = (Asked){.task = task_of(operation)};
        job_begin(&asked->job, 1);
        job_put(&asked->job, &(JobEntry){subject, vector ? "m1" : "", (const uint8_t *)vector,
                                         vector ? DIMENSION * sizeof(float) : 0});
        asked->task.job = asked->job.data;
        asked->task.n_job = asked->job.n;
}

static Operation operation_of(Asked *asked)
{
        return (Operation){.task = &asked->task, .stop = &asked->stop, .state = &asked->state};
}

static void change(TaskOperation operation, const char *subject, const float *vector)
{
        Asked asked;

        ask(&asked, operation, subject, vector);
        Operation one = operation_of(&asked);
        cr_assert_eq(operation_run(&tools, &one, 1), 0);
        cr_assert_str_eq(one.outcome.message.result, "ok");
        outcome_deinit(&one.outcome);
        asked_deinit(&asked);
}

static void enrol_all(void)
{
        _cleanup_(buffer_deinit) Buffer job = BUFFER_INIT;
        Task task = task_of(TASK_ENROL);
        Operation one = {.task = &task};

        job_begin(&job, TEMPLATES);
        for (size_t i = 0; i < TEMPLATES; i++)
                job_put(&job, &(JobEntry){names[i], "m1", (const uint8_t *)vectors[i], sizeof(vectors[i])});
        task.job = job.data;
        task.n_job = job.n;
        cr_assert_eq(operation_run(&tools, &one, 1), 0);
        cr_assert_str_eq(one.outcome.message.result, "ok");
        outcome_deinit(&one.outcome);
}

static void set_up(void)
{
        scratch_init(&scratch);
        galleries = GALLERIES_INIT;
        tools.galleries = &galleries;
        cr_assert_eq(galleries_claim(&galleries, scratch.path), 0);
        cr_assert_eq(galleries_load(&galleries), 0);
        cr_assert_eq(engine_new(&(EngineOptions){"auto", "auto", 2}, &tools.engine), 0);
        make_templates();
        enrol_all();
        n_passes = 0;
        stop_inside = NULL;
}

static void tear_down(void)
{
        engine_free(tools.engine);
        galleries_deinit(&galleries);
        scratch_deinit(&scratch);
}

TestSuite(batch, .init = set_up, .fini = tear_down, .timeout = 600);

static void expect_same(const ResultMessage *a, const ResultMessage *b, size_t which)
{
        cr_assert_str_eq(a->result, b->result);
        cr_assert_eq(a->n_candidates, b->n_candidates, "search %zu", which);
        cr_expect_eq(a->searched, b->searched, "search %zu", which);
        cr_expect_eq(a->matched, b->matched, "search %zu", which);
        for (size_t i = 0; i < a->n_candidates; i++) {
                cr_expect_str_eq(a->candidates[i].subject, b->candidates[i].subject, "search %zu, %zu", which,
                                 i);
                cr_expect_eq(a->candidates[i].similarity, b->candidates[i].similarity, "search %zu, %zu",
                             which, i);
        }
}

/* ------------------------------------------------------------------------------------------------ one pass */

/* Different in all that a search may differ in. */
static void ask_differently(Asked *asked, size_t i)
{
        bool stored = i % 3 == 0;

        ask(asked, stored ? TASK_IDENTIFY_STORED : TASK_IDENTIFY, stored ? names[i] : "",
            stored ? NULL : vectors[i]);
        asked->task.limit = 1 + i * 7 % 40;
        asked->task.floor = i % 4 == 0 ? 0.3 : -1;
        asked->task.release = (TaskRelease)(i % 5 == 0 ? TASK_RELEASE_DECISION : TASK_RELEASE_SCORES);
}

Test(batch, each_is_answered_as_if_it_were_alone_and_the_gallery_is_read_once)
{
        enum { N = 100 };
        static Asked asked[N];
        static Operation together[N];

        for (size_t i = 0; i < N; i++) {
                ask_differently(&asked[i], i);
                together[i] = operation_of(&asked[i]);
        }
        cr_assert_eq(operation_run(&tools, together, N), 0);
        cr_expect_eq(n_passes, (size_t)1);
        cr_expect_eq(n_probes, (size_t)N + (N + 2) / 3, "stored subjects have two templates");
        for (size_t i = 0; i < N; i++) {
                Operation alone = operation_of(&asked[i]);
                cr_assert_eq(operation_run(&tools, &alone, 1), 0);
                cr_assert_eq(together[i].end, OPERATION_ANSWERED);
                cr_expect_eq(together[i].outcome.message.gallery_epoch, (uint64_t)1);
                expect_same(&together[i].outcome.message, &alone.outcome.message, i);
                outcome_deinit(&alone.outcome);
                outcome_deinit(&together[i].outcome);
                asked_deinit(&asked[i]);
        }
}

Test(batch, what_does_not_fit_is_not_begun)
{
        enum { N = ENGINE_BATCH_CPU };
        static Asked asked[N];
        static Operation operations[N];
        size_t n_begun = 0;

        for (size_t i = 0; i < N; i++) {
                ask(&asked[i], i == 0 ? TASK_IDENTIFY_STORED : TASK_IDENTIFY, i == 0 ? "s000" : "",
                    i == 0 ? NULL : vectors[i]);
                operations[i] = operation_of(&asked[i]);
        }
        cr_assert_eq(operation_run(&tools, operations, N), 0);
        for (; n_begun < N && operations[n_begun].end == OPERATION_ANSWERED; n_begun++)
                ;
        cr_expect_eq(n_begun, (size_t)N - 1);
        cr_expect_eq(operations[N - 1].end, OPERATION_NOT_BEGUN);
        cr_expect_eq(n_passes, (size_t)1);
        cr_expect_eq(n_probes, (size_t)ENGINE_BATCH_CPU);
        for (size_t i = 0; i < N; i++) {
                outcome_deinit(&operations[i].outcome);
                asked_deinit(&asked[i]);
        }
}

/* --------------------------------------------------------------------------------------- more than one turn */

/* Its best over all templates of `many`, by the definition. */
static double best_of_many(const char *subject)
{
        double best = -2;

        for (size_t i = 0; i < 2 * SUBJECTS; i++)
                for (size_t j = 2 * SUBJECTS; strcmp(names[i], subject) == 0 && j < TEMPLATES; j++) {
                        double dot = 0, a = 0, b = 0;
                        for (size_t k = 0; k < DIMENSION; k++) {
                                dot += (double)vectors[i][k] * (double)vectors[j][k];
                                a += (double)vectors[i][k] * (double)vectors[i][k];
                                b += (double)vectors[j][k] * (double)vectors[j][k];
                        }
                        best = MAX_OF(best, dot / sqrt(a * b));
                }
        return best;
}

/* Runs it to its end, with another search beside it in each turn. Return: in how many turns. */
static size_t run_turns(Asked *many, Outcome *ret_outcome)
{
        size_t n = 0;

        for (;;) {
                Asked other;
                ask(&other, TASK_IDENTIFY, "", vectors[3]);
                Operation operations[] = {operation_of(many), operation_of(&other)};
                cr_assert_eq(operation_run(&tools, operations, 2), 0);
                cr_expect_eq(operations[1].end, OPERATION_ANSWERED, "there is room beside it");
                outcome_deinit(&operations[1].outcome);
                asked_deinit(&other);
                n++;
                if (operations[0].end == OPERATION_ANSWERED) {
                        *ret_outcome = operations[0].outcome;
                        return n;
                }
                cr_assert_eq(operations[0].end, OPERATION_TO_GO_ON);
                outcome_deinit(&operations[0].outcome);
        }
}

static void expect_best_of_many(const ResultMessage *message, size_t limit)
{
        cr_assert_eq(message->n_candidates, MIN_OF(limit, (size_t)SUBJECTS));
        for (size_t i = 0; i < message->n_candidates; i++) {
                const Candidate *candidate = &message->candidates[i];
                cr_expect_float_eq(candidate->similarity, best_of_many(candidate->subject), 1e-12, "%zu", i);
                if (i == 0)
                        continue;
                double before = candidate[-1].similarity;
                cr_expect(before > candidate->similarity ||
                                  (before == candidate->similarity &&
                                   strcmp(candidate[-1].subject, candidate->subject) < 0),
                          "%zu", i);
        }
        if (limit >= SUBJECTS)
                return;
        /* Nobody better was left out. */
        double last = message->candidates[limit - 1].similarity;
        size_t n_better = 0;
        for (size_t i = 0; i < SUBJECTS; i++)
                n_better += best_of_many(names[2 * i]) > last + 1e-12;
        cr_expect_lt(n_better, limit);
}

enum { SHARE = ENGINE_BATCH_CPU / BATCH_SHARES /* probes of one search in a turn, on the processor */ };

Test(batch, a_search_of_more_probes_than_its_share_goes_on_in_other_turns)
{
        static const size_t limits[] = {1, 10, 1000};

        for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
                _cleanup_(asked_deinit) Asked many;
                _cleanup_(outcome_deinit) Outcome outcome = {};
                ask(&many, TASK_IDENTIFY_STORED, "many", NULL);
                many.task.limit = limits[i];
                cr_expect_eq(run_turns(&many, &outcome), (size_t)(MANY + SHARE - 1) / SHARE);
                cr_expect_eq(outcome.message.searched, (uint64_t)2 * SUBJECTS);
                expect_best_of_many(&outcome.message, limits[i]);
        }
}

Test(batch, it_begins_anew_where_the_gallery_has_changed_between_its_turns)
{
        _cleanup_(asked_deinit) Asked many;
        _cleanup_(outcome_deinit) Outcome outcome = {};

        ask(&many, TASK_IDENTIFY_STORED, "many", NULL);
        many.task.limit = 1;
        Operation turn = operation_of(&many);
        for (size_t i = 0; i < 2; i++) {
                outcome_deinit(&turn.outcome);
                cr_assert_eq(operation_run(&tools, &turn, 1), 0);
                cr_assert_eq(turn.end, OPERATION_TO_GO_ON);
        }
        outcome_deinit(&turn.outcome);
        /* Found only by those who look for the first template again. */
        change(TASK_ENROL, "late", vectors[2 * SUBJECTS]);
        cr_expect_eq(run_turns(&many, &outcome), (size_t)(MANY + SHARE - 1) / SHARE);
        cr_expect_eq(outcome.message.gallery_epoch, (uint64_t)2);
        cr_assert_eq(outcome.message.n_candidates, (size_t)1);
        cr_expect_float_eq(outcome.message.candidates[0].similarity, 1.0, 1e-12);
}

enum { CROWD = SHARE + 6 };

static Asked crowd;

static void search_for_crowd(void)
{
        Operation turn = operation_of(&crowd);

        cr_assert_eq(operation_run(&tools, &turn, 1), 0);
        cr_assert_eq(turn.end, OPERATION_TO_GO_ON);
        outcome_deinit(&turn.outcome);
}

/* The other lane's: a removal is there to be searched, with its epoch, before the rows that are left have other numbers. */
Test(batch, it_begins_anew_where_rows_have_other_numbers_in_its_next_turn)
{
        _cleanup_(outcome_deinit) Outcome outcome = {}, alone = {};
        Asked again;

        for (size_t i = 0; i < CROWD; i++)
                change(TASK_ENROL, "crowd", vectors[2 * SUBJECTS + i]);
        for (size_t i = 0; i < 4; i++)
                change(TASK_REMOVE, names[2 * i], NULL);
        ask(&crowd, TASK_IDENTIFY_STORED, "crowd", NULL);
        meanwhile = search_for_crowd;
        change(TASK_REMOVE, "many", NULL);
        cr_assert_eq(gallery_tidy(galleries_find(&galleries, "children"), NULL), 0);
        cr_assert_null(meanwhile, "it was compacted");
        cr_expect_eq(run_turns(&crowd, &outcome), (size_t)2);
        cr_assert_str_eq(outcome.message.result, "ok");
        ask(&again, TASK_IDENTIFY_STORED, "crowd", NULL);
        (void)run_turns(&again, &alone);
        cr_expect_eq(outcome.message.gallery_epoch, alone.message.gallery_epoch);
        expect_same(&outcome.message, &alone.message, 0);
        asked_deinit(&again);
        asked_deinit(&crowd);
}

Test(batch, its_subject_may_be_gone_in_its_next_turn)
{
        _cleanup_(asked_deinit) Asked many;

        ask(&many, TASK_IDENTIFY_STORED, "many", NULL);
        Operation turn = operation_of(&many);
        cr_assert_eq(operation_run(&tools, &turn, 1), 0);
        cr_assert_eq(turn.end, OPERATION_TO_GO_ON);
        outcome_deinit(&turn.outcome);
        change(TASK_REMOVE, "many", NULL);
        cr_assert_eq(operation_run(&tools, &turn, 1), 0);
        cr_assert_eq(turn.end, OPERATION_ANSWERED);
        cr_expect_str_eq(turn.outcome.message.result, "no-subject");
        outcome_deinit(&turn.outcome);
}

/* ---------------------------------------------------------------------------------- stopped, refused, damaged */

static void expect_ends(Operation *operations, const OperationEnd *ends, const char *const *results, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                cr_expect_eq(operations[i].end, ends[i], "search %zu", i);
                if (operations[i].end == OPERATION_ANSWERED)
                        cr_expect_str_eq(operations[i].outcome.message.result, results[i], "search %zu", i);
                outcome_deinit(&operations[i].outcome);
        }
}

Test(batch, one_that_is_stopped_takes_no_other_with_it)
{
        Asked asked[4];
        Operation operations[4];

        for (size_t i = 0; i < 4; i++) {
                ask(&asked[i], TASK_IDENTIFY, "", vectors[i]);
                operations[i] = operation_of(&asked[i]);
        }
        atomic_store(&asked[0].stop, 1); /* before it began */
        stop_inside = &asked[2].stop;
        cr_assert_eq(operation_run(&tools, operations, 4), 0);
        cr_expect_eq(n_probes, (size_t)3);
        expect_ends(operations,
                    (OperationEnd[]){OPERATION_STOPPED, OPERATION_ANSWERED, OPERATION_STOPPED,
                                     OPERATION_ANSWERED},
                    (const char *[]){"", "ok", "", "ok"}, 4);
        for (size_t i = 0; i < 4; i++)
                asked_deinit(&asked[i]);
}

Test(batch, one_that_is_refused_takes_no_other_with_it)
{
        static const float zero[DIMENSION];
        Asked asked[5];
        Operation operations[5];

        ask(&asked[0], TASK_IDENTIFY, "", zero);
        ask(&asked[1], TASK_IDENTIFY_STORED, "nobody", NULL);
        ask(&asked[2], TASK_IDENTIFY, "", vectors[0]);
        ask(&asked[3], TASK_IDENTIFY, "", vectors[0]);
        ask(&asked[4], TASK_IDENTIFY, "", vectors[0]);
        asked[2].task.shape.consolidated = false;
        asked[3].task.shape.model = "m2";
        for (size_t i = 0; i < 5; i++)
                operations[i] = operation_of(&asked[i]);
        cr_assert_eq(operation_run(&tools, operations, 5), 0);
        cr_expect_eq(n_probes, (size_t)1);
        static const OperationEnd ends[5];
        expect_ends(operations, ends,
                    (const char *[]){"bad-template", "no-subject", "worker-refused", "worker-refused", "ok"},
                    5);
        for (size_t i = 0; i < 5; i++)
                asked_deinit(&asked[i]);
}

/* Damages a template on the disk, where it is mapped from, while the gallery is in use. */
static void damage(const float *vector)
{
        static uint8_t bytes[4 << 20];
        _cleanup_(fd_closep) int fd = openat(scratch.dir_fd, "children.originals", O_RDWR | O_CLOEXEC);

        ssize_t n = pread(fd, bytes, sizeof(bytes), 0);
        cr_assert_gt(n, 0);
        uint8_t *found = memmem(bytes, (size_t)n, vector, DIMENSION * sizeof(float));
        cr_assert_not_null(found);
        found[5] ^= 1;
        cr_assert_eq(pwrite(fd, found, 8, found - bytes), (ssize_t)8);
}

static void expect_damaged(const Outcome *outcome)
{
        cr_expect_str_eq(outcome->message.result, "gallery-damaged");
        cr_expect_str_eq(outcome->message.why, "gallery children is not on the disk as it was stored");
        cr_expect_eq(outcome->message.n_candidates, (size_t)0);
        cr_expect_not(outcome->message.matched);
}

Test(batch, damage_that_one_meets_is_told_to_all_and_to_whoever_comes_later)
{
        Asked asked[3];
        Operation operations[3];

        ask(&asked[0], TASK_IDENTIFY, "", vectors[1]);
        ask(&asked[1], TASK_IDENTIFY, "", vectors[1]);
        asked[1].task.floor = 1; /* alone it would not have met it */
        ask(&asked[2], TASK_IDENTIFY_STORED, "s003", NULL);
        asked[0].task.limit = 1000;
        damage(vectors[1]);
        for (size_t round = 0; round < 2; round++) {
                for (size_t i = 0; i < 3; i++)
                        operations[i] = operation_of(&asked[i]);
                cr_assert_eq(operation_run(&tools, operations, 3), 0);
                for (size_t i = 0; i < 3; i++) {
                        cr_expect_eq(operations[i].end, OPERATION_ANSWERED);
                        expect_damaged(&operations[i].outcome);
                        outcome_deinit(&operations[i].outcome);
                }
        }
        cr_expect_eq(n_passes, (size_t)1, "what is known to be damaged is not searched");
        cr_expect(gallery_is_damaged(galleries_find(&galleries, "children")));
        for (size_t i = 0; i < 3; i++)
                asked_deinit(&asked[i]);
}

Test(batch, damage_of_a_probe_or_of_who_is_verified_is_damage_of_the_gallery)
{
        static const TaskOperation kinds[] = {TASK_IDENTIFY_STORED, TASK_VERIFY};

        damage(vectors[8]);
        for (size_t i = 0; i < 2; i++) {
                _cleanup_(asked_deinit) Asked asked;
                ask(&asked, kinds[i], names[8], i == 1 ? vectors[0] : NULL);
                Operation one = operation_of(&asked);
                cr_assert_eq(operation_run(&tools, &one, 1), 0);
                expect_damaged(&one.outcome);
                outcome_deinit(&one.outcome);
                tear_down();
                set_up();
                damage(vectors[8]);
        }
}

/* Its digest was right, and what was compared is zeros. */
Test(batch, a_template_that_is_lost_while_it_is_compared_is_damage)
{
        static const TaskOperation kinds[] = {TASK_IDENTIFY, TASK_IDENTIFY_STORED, TASK_VERIFY};

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                bool stored = kinds[i] == TASK_IDENTIFY_STORED;
                _cleanup_(asked_deinit) Asked asked;
                /* Row 201 is of names[201], and its page begins with it or before: each operation reads it last, or alone. */
                ask(&asked, kinds[i], kinds[i] == TASK_IDENTIFY ? "" : names[201],
                    stored ? NULL : vectors[201]);
                asked.task.limit = 1;
                Operation one = operation_of(&asked);
                lost_row = 201;
                cr_assert_eq(operation_run(&tools, &one, 1), 0);
                cr_assert_eq(lost_row, SIZE_MAX, "it was read");
                expect_damaged(&one.outcome);
                outcome_deinit(&one.outcome);
                tear_down();
                set_up();
        }
}

static void expect_damaged_now(void)
{
        _cleanup_(asked_deinit) Asked asked;

        ask(&asked, TASK_IDENTIFY, "", vectors[0]);
        Operation one = operation_of(&asked);
        cr_assert_eq(operation_run(&tools, &one, 1), 0);
        expect_damaged(&one.outcome);
        outcome_deinit(&one.outcome);
}

/* The last that is copied: the new files would hold zeros, with a digest that is right. */
Test(batch, a_template_that_is_lost_while_it_is_copied_is_damage)
{
        lost_row = 2 * SUBJECTS - 1;
        change(TASK_REMOVE, "many", NULL);
        cr_assert_eq(gallery_tidy(galleries_find(&galleries, "children"), NULL), 0);
        cr_assert_eq(lost_row, SIZE_MAX, "there was a compaction");
        expect_damaged_now();
}

Test(batch, a_template_that_is_lost_while_its_code_is_made_is_damage)
{
        galleries_deinit(&galleries);
        galleries = GALLERIES_INIT;
        lost_row = TEMPLATES - 1;
        cr_assert_eq(galleries_claim(&galleries, scratch.path), 0);
        cr_assert_eq(galleries_load(&galleries), 0);
        cr_assert_eq(lost_row, SIZE_MAX, "blocks that are not full are made at each start");
        cr_assert(gallery_is_damaged(galleries_find(&galleries, "children")));
}

/* ------------------------------------------------------------------------------------------------ what is left */

static void run_and_look(TaskOperation operation, const char *subject, const float *vector)
{
        Asked asked;

        ask(&asked, operation, subject, vector);
        Operation one = operation_of(&asked);
        looked_for = vectors[4];
        cr_assert_eq(operation_run(&tools, &one, 1), 0);
        looked_for = NULL;
        cr_assert_str_eq(one.outcome.message.result, "ok");
        outcome_deinit(&one.outcome);
        cr_expect_eq(n_left, (size_t)0, "operation %d leaves a template in what it frees", operation);
        n_left = 0;
        asked_deinit(&asked);
}

/* A subject that is removed is nowhere any more, so what others did with its templates is not in the heap either. */
Test(batch, no_template_is_left_in_memory_that_is_given_back)
{
        run_and_look(TASK_IDENTIFY, "", vectors[4]);
        run_and_look(TASK_IDENTIFY_STORED, names[4], NULL);
        run_and_look(TASK_VERIFY, names[4], vectors[4]);
        run_and_look(TASK_ENROL, names[4], vectors[4]);
        run_and_look(TASK_REMOVE, names[4], NULL);
}

Test(batch, no_code_is_left_of_reading_a_gallery)
{
        galleries_deinit(&galleries);
        galleries = GALLERIES_INIT;
        cr_assert_eq(galleries_claim(&galleries, scratch.path), 0);
        zeros_size = FILE_WINDOW;
        cr_assert_eq(galleries_load(&galleries), 0);
        zeros_size = 0;
        cr_expect_eq(n_left, (size_t)0);
}

/* A block is written to its file whenever it is full. */
Test(batch, no_code_is_left_of_writing_one)
{
        zeros_size = codes_block_size(DIMENSION);
        for (size_t i = 0; i < CODES_ROWS; i++)
                change(TASK_ENROL, names[4], vectors[4]);
        zeros_size = 0;
        cr_expect_eq(n_left, (size_t)0);
}
