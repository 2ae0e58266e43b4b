/*
 * The operations: what each answers, by the rules of the design.
 */

#include <math.h>
#include <string.h>

#include "base/macro.h"
#include "scratch.h"
#include "worker/operation.h"

static Scratch scratch;
static Galleries galleries;
static Engine *engine;
static atomic_int stop;

static void load(void)
{
        galleries = GALLERIES_INIT;
        cr_assert_eq(galleries_claim(&galleries, scratch.path), 0);
        cr_assert_eq(galleries_load(&galleries), 0);
}

static void set_up(void)
{
        scratch_init(&scratch);
        load();
        cr_assert_eq(engine_new(&(EngineOptions){"auto", "auto", 2}, &engine), 0);
}

static void tear_down(void)
{
        engine_free(engine);
        galleries_deinit(&galleries);
        scratch_deinit(&scratch);
}

TestSuite(operation, .init = set_up, .fini = tear_down, .timeout = 600);

/* -----------------------------------------------------------------------------------------------------
 * asking */

typedef struct Entry {
        const char *subject;
        const char *model;
        float vector[4];
        size_t n;
} Entry;

static Task task_of(TaskOperation operation)
{
        return (Task){.operation = operation,
                      .release = TASK_RELEASE_SCORES,
                      .gallery = operation == TASK_COMPARE ? NULL : "children",
                      .shape = {.model = "m1", .dimension = 2, .consolidated = true},
                      .maximum = TASK_NO_MAXIMUM,
                      .floor = -1,
                      .limit = 10};
}

/* Runs a task alone, in as many turns as it needs. */
static OperationEnd run_until(Task *task, const Entry *entries, uint32_t n, Outcome *ret_outcome)
{
        static Buffer job;
        OperationTools tools = {.engine = engine, .galleries = &galleries};
        _cleanup_(operation_state_deinit) OperationState state = OPERATION_STATE_INIT;
        Operation operation = {.task = task, .stop = &stop, .state = &state};

        buffer_clear(&job);
        job_begin(&job, n);
        for (uint32_t i = 0; i < n; i++)
                job_put(&job, &(JobEntry){entries[i].subject, entries[i].model,
                                          (const uint8_t *)entries[i].vector, entries[i].n * sizeof(float)});
        task->job = job.data;
        task->n_job = job.n;
        do {
                outcome_deinit(&operation.outcome);
                cr_assert_eq(operation_run(&tools, &operation, 1), 0);
        } while (operation.end == OPERATION_TO_GO_ON);
        *ret_outcome = operation.outcome;
        if (ret_outcome->message.why == operation.outcome.why)
                ret_outcome->message.why = ret_outcome->why;
        return operation.end;
}

static void run(Task *task, const Entry *entries, uint32_t n, Outcome *ret_outcome)
{
        cr_assert_eq(run_until(task, entries, n, ret_outcome), OPERATION_ANSWERED);
}

static Entry subject_entry(const char *subject)
{
        return (Entry){.subject = subject, .model = ""};
}

static Entry probe_entry(float x, float y)
{
        return (Entry){.subject = "", .model = "m1", .vector = {x, y}, .n = 2};
}

static void expect_result(const Outcome *outcome, const char *result, const char *why)
{
        cr_expect_str_eq(outcome->message.result, result);
        cr_expect_str_eq(outcome->message.why, why);
}

/* a and b lie close to the x axis, c on the y axis, d has one template on each. */
static const Entry people[] = {
        {"d", "m1", {1, 0}, 2}, {"b", "m1", {2, 0}, 2}, {"a", "m1", {4, 0}, 2},
        {"c", "m1", {0, 1}, 2}, {"d", "m1", {0, 3}, 2},
};

static void enrol_people(void)
{
        _cleanup_(outcome_deinit) Outcome outcome = {};
        Task task = task_of(TASK_ENROL);

        run(&task, people, ARRAY_SIZE(people), &outcome);
        expect_result(&outcome, "ok", "");
        cr_assert_eq(outcome.message.count, 5);
        cr_assert_eq(outcome.message.gallery_epoch, 1);
}

static void expect_candidates(const Outcome *outcome, const char *const *subjects)
{
        size_t n = 0;

        while (subjects[n])
                n++;
        cr_assert_eq(outcome->message.n_candidates, n, "%zu candidates", outcome->message.n_candidates);
        for (size_t i = 0; i < n; i++)
                cr_expect_str_eq(outcome->message.candidates[i].subject, subjects[i]);
}

/* ------------------------------------------------------------------------------------------- 1:N searches */

Test(operation, identify_gives_each_subject_once_by_its_best_template_and_ties_by_name)
{
        _cleanup_(outcome_deinit) Outcome outcome = {};
        Task task = task_of(TASK_IDENTIFY);
        Entry probe = probe_entry(1, 0);

        enrol_people();
        run(&task, &probe, 1, &outcome);
        expect_result(&outcome, "ok", "");
        expect_candidates(&outcome, (const char *const[]){"a", "b", "d", "c", NULL});
        cr_expect_eq(outcome.message.candidates[2].similarity, 1.0);
        cr_expect_eq(outcome.message.candidates[3].similarity, 0.0);
        cr_expect(outcome.message.matched);
        cr_expect_eq(outcome.message.searched, 5);
        cr_expect_eq(outcome.message.gallery_epoch, 1);
        cr_expect_not(outcome.message.has_similarity);
}

Test(operation, identify_gives_one_candidate_a_template_in_an_event_gallery)
{
        _cleanup_(outcome_deinit) Outcome enrolled = {}, outcome = {};
        static const Entry sightings[] = {{"cam-2", "m1", {1, 0}, 2},
                                          {"cam-1", "m1", {1, 0}, 2},
                                          {"cam-2", "m1", {3, 0}, 2},
                                          {"cam-1", "m1", {0, 1}, 2}};
        Task task = task_of(TASK_ENROL);
        Entry probe = probe_entry(1, 0);

        task.shape.consolidated = false;
        run(&task, sightings, 4, &enrolled);
        task = task_of(TASK_IDENTIFY);
        task.shape.consolidated = false;
        run(&task, &probe, 1, &outcome);
        expect_candidates(&outcome, (const char *const[]){"cam-1", "cam-2", "cam-2", "cam-1", NULL});
}

Test(operation, identify_applies_the_floor_exactly_and_before_the_limit)
{
        static const struct {
                double floor;
                size_t limit;
                const char *subjects[5];
        } table[] = {
                {1, 10, {"a", "b", "d"}},        {1, 2, {"a", "b"}}, {0, 10, {"a", "b", "d", "c"}},
                {0.000001, 10, {"a", "b", "d"}}, {-1, 1, {"a"}},
        };
        enrol_people();
        for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
                _cleanup_(outcome_deinit) Outcome outcome = {};
                Task task = task_of(TASK_IDENTIFY);
                Entry probe = probe_entry(7, 0);
                task.floor = table[i].floor;
                task.limit = table[i].limit;
                run(&task, &probe, 1, &outcome);
                expect_candidates(&outcome, table[i].subjects);
        }
}

Test(operation, releases_no_more_than_the_leaf_says)
{
        static const struct {
                TaskRelease release;
                bool candidates;
                bool similarity;
        } table[] = {
                {TASK_RELEASE_DECISION, false, false},
                {TASK_RELEASE_CANDIDATES, true, false},
                {TASK_RELEASE_SCORES, true, true},
        };
        enrol_people();
        for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
                _cleanup_(outcome_deinit) Outcome found = {}, verified = {}, compared = {};
                Entry probe = probe_entry(1, 0), verify = {"a", "m1", {1, 0}, 2}, compare[] = {probe, probe};

                Task task = task_of(TASK_IDENTIFY);
                task.release = table[i].release;
                run(&task, &probe, 1, &found);
                cr_expect(found.message.matched);
                cr_expect_eq(found.message.n_candidates > 0, table[i].candidates);
                for (size_t j = 0; j < found.message.n_candidates; j++) {
                        cr_expect_eq(found.message.candidates[j].has_similarity, table[i].similarity);
                        if (!table[i].similarity)
                                cr_expect_eq(found.message.candidates[j].similarity, 0);
                }
                task = task_of(TASK_VERIFY);
                task.release = table[i].release;
                run(&task, &verify, 1, &verified);
                cr_expect(verified.message.matched);
                cr_expect_eq(verified.message.has_similarity, table[i].similarity);
                cr_expect_eq(verified.message.n_candidates, 0);
                task = task_of(TASK_COMPARE);
                task.release = table[i].release;
                run(&task, compare, 2, &compared);
                cr_expect(compared.message.matched);
                cr_expect_eq(compared.message.has_similarity, table[i].similarity);
        }
}

Test(operation, identify_finds_nothing_in_a_gallery_that_is_not_there)
{
        _cleanup_(outcome_deinit) Outcome outcome = {}, bad = {};
        Task task = task_of(TASK_IDENTIFY);
        Entry probe = probe_entry(1, 0), zero = probe_entry(0, 0);

        run(&task, &probe, 1, &outcome);
        expect_result(&outcome, "ok", "");
        cr_expect_not(outcome.message.matched);
        cr_expect_eq(outcome.message.searched, 0);
        cr_expect_eq(outcome.message.gallery_epoch, 0);
        run(&task, &zero, 1, &bad);
        expect_result(&bad, "bad-template", "not finite, or all zero");
}

Test(operation, identify_stored_looks_for_all_of_a_subject_among_all_others)
{
        _cleanup_(outcome_deinit) Outcome outcome = {}, none = {};
        Task task = task_of(TASK_IDENTIFY_STORED);
        Entry subject = subject_entry("d"), nobody = subject_entry("z");

        enrol_people();
        run(&task, &subject, 1, &outcome);
        expect_result(&outcome, "ok", "");
        expect_candidates(&outcome, (const char *const[]){"a", "b", "c", NULL});
        for (size_t i = 0; i < 3; i++)
                cr_expect_eq(outcome.message.candidates[i].similarity, 1.0);
        cr_expect_eq(outcome.message.searched, 3);
        run(&task, &nobody, 1, &none);
        expect_result(&none, "no-subject", "");
        cr_expect_eq(none.message.gallery_epoch, 1);
}

/* ---------------------------------------------------------------------------------------------------- 1:1 */

Test(operation, verify_takes_the_best_template_of_the_subject)
{
        static const struct {
                const char *subject;
                float x, y;
                double floor;
                bool matched;
        } table[] = {
                {"d", 1, 0, 1, true},   {"d", 0, 1, 1, true}, {"d", 1, 1, 1, false},
                {"d", 1, 1, 0.7, true}, {"c", 1, 0, 0, true}, {"c", 1, 0, 0.000001, false},
                {"a", -1, 0, -1, true},
        };
        enrol_people();
        for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
                _cleanup_(outcome_deinit) Outcome outcome = {};
                Task task = task_of(TASK_VERIFY);
                Entry probe = {table[i].subject, "m1", {table[i].x, table[i].y}, 2};
                task.floor = table[i].floor;
                run(&task, &probe, 1, &outcome);
                expect_result(&outcome, "ok", "");
                cr_expect_eq(outcome.message.matched, table[i].matched, "row %zu", i);
                /* What lies below the floor is not told. */
                cr_expect_eq(outcome.message.has_similarity, table[i].matched, "row %zu", i);
                cr_expect_eq(outcome.message.searched, strcmp(table[i].subject, "d") == 0 ? 2 : 1);
        }
}

Test(operation, verify_knows_no_other_subject)
{
        _cleanup_(outcome_deinit) Outcome outcome = {}, empty = {};
        Task task = task_of(TASK_VERIFY);
        Entry probe = {"z", "m1", {1, 0}, 2};

        run(&task, &probe, 1, &empty);
        expect_result(&empty, "no-subject", "");
        enrol_people();
        run(&task, &probe, 1, &outcome);
        expect_result(&outcome, "no-subject", "");
        cr_expect_not(outcome.message.matched);
}

Test(operation, compare_wants_two_of_one_model_and_dimension)
{
        static const struct {
                Entry entries[2];
                uint32_t dimension;
                const char *result;
                const char *why;
        } table[] = {
                {{{"", "m1", {1, 0}, 2}, {"", "m1", {1, 1}, 2}}, 0, "ok", ""},
                {{{"", "m1", {1, 0}, 2}, {"", "m1", {1, 1}, 2}}, 2, "ok", ""},
                {{{"", "m1", {1, 0}, 2}, {"", "m2", {1, 1}, 2}}, 0, "model-mismatch", "m1"},
                {{{"", "m2", {1, 0}, 2}, {"", "m1", {1, 1}, 2}}, 0, "model-mismatch", "m1"},
                {{{"", "m1", {1, 0}, 2}, {"", "m1", {1, 1, 1}, 3}},
                 0,
                 "bad-template",
                 "3 dimensions instead of 2"},
                {{{"", "m1", {1, 0}, 2}, {"", "m1", {1, 1}, 2}},
                 4,
                 "bad-template",
                 "2 dimensions instead of 4"},
                {{{"", "m1", {1, 0}, 2}, {"", "m1", {0, 0}, 2}},
                 0,
                 "bad-template",
                 "not finite, or all zero"},
                {{{"", "m1", {NAN, 0}, 2}, {"", "m1", {1, 0}, 2}},
                 0,
                 "bad-template",
                 "not finite, or all zero"},
        };
        for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
                _cleanup_(outcome_deinit) Outcome outcome = {};
                Task task = task_of(TASK_COMPARE);
                task.shape.dimension = table[i].dimension;
                run(&task, table[i].entries, 2, &outcome);
                expect_result(&outcome, table[i].result, table[i].why);
                if (strcmp(table[i].result, "ok") == 0)
                        cr_expect_float_eq(outcome.message.similarity, M_SQRT1_2, 1e-15);
        }
}

Test(operation, every_template_that_comes_is_judged)
{
        static const struct {
                Entry entry;
                const char *result;
                const char *why;
        } table[] = {
                {{"a", "m2", {1, 0}, 2}, "model-mismatch", "m1"},
                {{"a", "m1", {1, 0, 0}, 3}, "bad-template", "3 dimensions instead of 2"},
                {{"a", "m1", {1}, 1}, "bad-template", "1 dimensions instead of 2"},
                {{"a", "m1", {0, 0}, 2}, "bad-template", "not finite, or all zero"},
                {{"a", "m1", {NAN, 0}, 2}, "bad-template", "not finite, or all zero"},
                {{"a", "m1", {1, INFINITY}, 2}, "bad-template", "not finite, or all zero"},
        };
        static const TaskOperation operations[] = {TASK_IDENTIFY, TASK_VERIFY, TASK_ENROL};
        enrol_people();
        for (size_t i = 0; i < ARRAY_SIZE(table); i++)
                for (size_t j = 0; j < ARRAY_SIZE(operations); j++) {
                        _cleanup_(outcome_deinit) Outcome outcome = {};
                        Task task = task_of(operations[j]);
                        run(&task, &table[i].entry, 1, &outcome);
                        expect_result(&outcome, table[i].result, table[i].why);
                        cr_expect_eq(outcome.message.gallery_epoch, 1);
                }
}

/* ----------------------------------------------------------------------------------------------------
 * changes */

static void expect_list(const char *after, size_t limit, const char *const *subjects)
{
        _cleanup_(outcome_deinit) Outcome outcome = {};
        Task task = task_of(TASK_LIST);
        Entry entry = subject_entry(after);
        size_t n = 0;

        task.limit = limit;
        run(&task, &entry, 1, &outcome);
        expect_result(&outcome, "ok", "");
        while (subjects[n])
                n++;
        cr_assert_eq(outcome.message.subjects.n, n);
        for (size_t i = 0; i < n; i++)
                cr_expect_str_eq(outcome.message.subjects.items[i], subjects[i]);
        cr_expect_eq(outcome.message.n_candidates, 0);
}

Test(operation, enrol_stores_all_or_none)
{
        _cleanup_(outcome_deinit) Outcome bad = {}, full = {}, fits = {};
        static const Entry entries[] = {{"e", "m1", {1, 0}, 2}, {"f", "m1", {0, 0}, 2}};
        static const Entry good[] = {{"e", "m1", {1, 0}, 2}, {"f", "m1", {0, 1}, 2}};
        Task task = task_of(TASK_ENROL);

        run(&task, entries, 2, &bad);
        expect_result(&bad, "bad-template", "not finite, or all zero");
        cr_assert_null(galleries_find(&galleries, "children"));
        enrol_people();
        task.maximum = 6;
        run(&task, good, 2, &full);
        expect_result(&full, "gallery-full", "gallery children may hold 6 templates");
        cr_expect_eq(full.message.count, 0);
        expect_list("", 10, (const char *const[]){"a", "b", "c", "d", NULL});
        task.maximum = 7;
        run(&task, good, 2, &fits);
        expect_result(&fits, "ok", "");
        cr_expect_eq(fits.message.count, 2);
        cr_expect_eq(fits.message.gallery_epoch, 2);
        expect_list("", 10, (const char *const[]){"a", "b", "c", "d", "e", "f", NULL});
}

Test(operation, list_goes_on_after_a_subject_in_byte_order)
{
        expect_list("", 10, (const char *const[]){NULL});
        enrol_people();
        expect_list("", 2, (const char *const[]){"a", "b", NULL});
        expect_list("b", 2, (const char *const[]){"c", "d", NULL});
        expect_list("bb", 1, (const char *const[]){"c", NULL});
        expect_list("d", 5, (const char *const[]){NULL});
}

Test(operation, remove_takes_all_of_a_subject_for_ever)
{
        _cleanup_(outcome_deinit) Outcome removed = {}, again = {}, found = {};
        Task task = task_of(TASK_REMOVE), identify = task_of(TASK_IDENTIFY);
        Entry entry = subject_entry("d"), probe = probe_entry(0, 1);

        enrol_people();
        run(&task, &entry, 1, &removed);
        expect_result(&removed, "ok", "");
        cr_expect_eq(removed.message.count, 2);
        cr_expect_eq(removed.message.gallery_epoch, 2);
        run(&task, &entry, 1, &again);
        expect_result(&again, "no-subject", "");
        cr_expect_eq(again.message.gallery_epoch, 2);
        galleries_deinit(&galleries);
        load();
        run(&identify, &probe, 1, &found);
        expect_candidates(&found, (const char *const[]){"c", "a", "b", NULL});
        cr_expect_eq(found.message.searched, 3);
        expect_list("", 10, (const char *const[]){"a", "b", "c", NULL});
}

Test(operation, remove_knows_nobody_in_a_gallery_that_is_not_there)
{
        _cleanup_(outcome_deinit) Outcome outcome = {};
        Task task = task_of(TASK_REMOVE);
        Entry entry = subject_entry("d");

        run(&task, &entry, 1, &outcome);
        expect_result(&outcome, "no-subject", "");
}

Test(operation, a_gallery_stays_what_it_was_created_as)
{
        static const GalleryShape shapes[] = {{"m2", 2, true}, {"m1", 3, true}, {"m1", 2, false}};

        enrol_people();
        for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
                for (TaskOperation operation = 0; operation < _TASK_OPERATION_MAX; operation++) {
                        _cleanup_(outcome_deinit) Outcome outcome = {};
                        Task task = task_of(operation);
                        Entry entry = {"a", "m1", {1, 0}, 2};
                        if (operation == TASK_COMPARE)
                                continue;
                        task.shape = shapes[i];
                        run(&task, &entry, 1, &outcome);
                        expect_result(&outcome, "worker-refused",
                                      "gallery children was created with another model, dimension or kind");
                }
}

Test(operation, a_damaged_gallery_answers_nothing_and_is_named)
{
        enrol_people();
        galleries_deinit(&galleries);
        _cleanup_(fd_closep) int fd = openat(scratch.dir_fd, "children.gallery", O_RDWR | O_CLOEXEC);
        uint8_t byte;
        cr_assert_eq(pread(fd, &byte, 1, 8192 + 32 + 85), 1);
        byte ^= 1;
        cr_assert_eq(pwrite(fd, &byte, 1, 8192 + 32 + 85), 1);
        load();
        for (TaskOperation operation = 0; operation < _TASK_OPERATION_MAX; operation++) {
                _cleanup_(outcome_deinit) Outcome outcome = {};
                Task task = task_of(operation);
                Entry entry = {"a", "m1", {1, 0}, 2};
                if (operation == TASK_COMPARE)
                        continue;
                run(&task, &entry, 1, &outcome);
                expect_result(&outcome, "gallery-damaged",
                              "gallery children is not on the disk as it was stored");
                cr_expect_eq(outcome.message.n_candidates + outcome.message.subjects.n, 0);
        }
}

Test(operation, changes_nothing_once_it_is_told_to_stop)
{
        static const TaskOperation operations[] = {TASK_IDENTIFY, TASK_IDENTIFY_STORED, TASK_VERIFY,
                                                   TASK_ENROL, TASK_REMOVE};

        enrol_people();
        atomic_store(&stop, 1);
        for (size_t i = 0; i < ARRAY_SIZE(operations); i++) {
                _cleanup_(outcome_deinit) Outcome outcome = {};
                Task task = task_of(operations[i]);
                Entry entry = {"a", "m1", {1, 0}, 2};
                cr_expect_eq(run_until(&task, &entry, 1, &outcome), OPERATION_STOPPED);
        }
        atomic_store(&stop, 0);
        cr_assert_eq(gallery_epoch(galleries_find(&galleries, "children")), 1);
}

Test(operation, stays_right_through_compaction)
{
        _cleanup_(outcome_deinit) Outcome found = {};
        enum { N = 900 };
        static Entry entries[N];
        static char names[N][8];
        Task task = task_of(TASK_ENROL);

        for (size_t i = 0; i < N; i++) {
                _cleanup_(outcome_deinit) Outcome outcome = {};
                (void)snprintf(names[i], sizeof(names[i]), "%03zu", i);
                entries[i] = (Entry){names[i], "m1", {(float)(i + 1), 1}, 2};
                if (i % 100 == 99)
                        run(&task, entries + i - 99, 100, &outcome);
        }
        task = task_of(TASK_REMOVE);
        for (size_t i = 0; i < N; i++) {
                _cleanup_(outcome_deinit) Outcome outcome = {};
                Entry entry = subject_entry(names[i]);
                if (i % 10 == 0)
                        continue;
                run(&task, &entry, 1, &outcome);
                expect_result(&outcome, "ok", "");
                cr_assert_eq(outcome.message.count, 1);
                cr_assert_eq(gallery_tidy(galleries_find(&galleries, "children"), NULL), 0);
        }
        cr_assert_lt(gallery_templates(galleries_find(&galleries, "children")).n_rows, (size_t)N / 2,
                     "nothing was compacted");
        for (size_t round = 0; round < 2; round++) {
                Entry probe = probe_entry(891, 1);
                task = task_of(TASK_IDENTIFY);
                task.limit = 1000;
                outcome_deinit(&found);
                run(&task, &probe, 1, &found);
                cr_assert_eq(found.message.n_candidates, 90);
                cr_assert_eq(found.message.searched, 90);
                cr_assert_str_eq(found.message.candidates[0].subject, "890");
                cr_assert_str_eq(found.message.candidates[89].subject, "000");
                cr_assert_eq(found.message.gallery_epoch, 9 + 810);
                galleries_deinit(&galleries);
                load();
        }
}

Test(galleries, belong_to_one_process_at_a_time)
{
        Galleries other = GALLERIES_INIT;

        scratch_init(&scratch);
        load();
        cr_expect_eq(galleries_claim(&other, scratch.path), GALLERIES_E_IN_USE);
        galleries_deinit(&galleries);
        cr_expect_eq(galleries_claim(&other, scratch.path), 0);
        galleries_deinit(&other);
        scratch_deinit(&scratch);
}

Test(galleries, take_no_other_file_for_a_gallery)
{
        static const char *const names[] = {"seen-log", ".gallery", "Upper.gallery", "a.gallery.new",
                                            "x.gallery.bak"};

        scratch_init(&scratch);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                fd_close(openat(scratch.dir_fd, names[i], O_CREAT | O_RDWR | O_CLOEXEC, 0600));
        load();
        cr_expect_eq(galleries.n, 0);
        galleries_deinit(&galleries);
        fd_close(openat(scratch.dir_fd, "empty.gallery", O_CREAT | O_RDWR | O_CLOEXEC, 0600));
        load();
        cr_assert_eq(galleries.n, 1);
        cr_expect(gallery_is_damaged(galleries.items[0]));
        galleries_deinit(&galleries);
        scratch_deinit(&scratch);
}
