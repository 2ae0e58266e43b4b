/*
 * That engines are exact: on galleries that are made to be awkward, with every instruction set that this machine has, one to five threads
 * and batches of all sizes, or on a device (examinee.h), against the rules read plainly (brute.h). Seeds are another each day; MATCHGUARD_EXACT_SEED gives one
 * again, and MATCHGUARD_EXACT=N does N times as much.
 */

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/macro.h"
#include "exam.h"
#include "scratch.h"
#include "worker/kernel.h"

enum {
        USUAL_BRUTE =
                280 /* questions: more than the processor takes at once, and as many as brute force is quick for */
};

static Examinees examinees;
static uint64_t chance;
static size_t n_lists;

static void set_up(void)
{
        chance = exam_seed();
        examinees_start(&examinees, 0);
}

static void tear_down(void)
{
        examinees_end(&examinees);
        (void)printf("%zu lists compared\n", n_lists);
}

TestSuite(exact, .init = set_up, .fini = tear_down, .timeout = 3600);

static size_t below(size_t n)
{
        return scratch_random(&chance) % n;
}

/* The gallery is no more: nothing of it stays on a device. */
static void end_exam(Exam *exam)
{
        for (size_t kind = 0; kind < examinees.n; kind++)
                for (size_t i = 0; i < examinees.kinds[kind].n; i++)
                        engine_forget(examinees.kinds[kind].like[i].engine, exam->stored->templates.identity);
        n_lists += exam->n_lists;
        exam_free(exam);
}

/* By every engine; or by one of each kind. */
static void take(const ExamShape *shape, bool all)
{
        Exam *exam = exam_new(shape, &chance);

        exam_believe(exam, &examinees.kinds[examinees.n - 1].like[0]);
        for (size_t kind = 0; kind < examinees.n; kind++) {
                size_t only = below(examinees.kinds[kind].n);
                for (size_t i = 0; i < examinees.kinds[kind].n; i++)
                        if (all || i == only)
                                exam_take(exam, &examinees.kinds[kind].like[i], &chance);
        }
        end_exam(exam);
}

Test(exact, in_every_dimension)
{
        size_t step = MAX_OF(16 / exam_effort(16), (size_t)1); /* 1, and more under sanitizers only */

        for (size_t round = 0; round < exam_effort(1); round++)
                for (size_t dimension = 1; dimension <= 1024; dimension += step > 1 ? 1 + below(2 * step) : 1)
                        take(&(ExamShape){.kind = &awkward_kinds[below(awkward_n_kinds)],
                                          .n_rows = 1 + below(150),
                                          .dimension = dimension,
                                          .dead = 20,
                                          .n_questions = 6},
                             false);
        take(&(ExamShape){.kind = awkward_kind("random"),
                          .n_rows = 150,
                          .dimension = 4096,
                          .dead = 20,
                          .n_questions = 40},
             true);
        take(&(ExamShape){.kind = awkward_kind("signs"),
                          .n_rows = 150,
                          .dimension = 4096,
                          .dead = 20,
                          .n_questions = 40},
             true);
}

Test(exact, on_galleries_of_every_kind)
{
        static const size_t dimensions[] = {16, 128, 512};
        size_t n = exam_effort(2 * awkward_n_kinds), first = below(awkward_n_kinds);
        size_t n_usual =
                examinee_is_device(&examinees.kinds[0].like[0]) ? ENGINE_BATCH_MAX + 76 : USUAL_BRUTE;

        for (size_t i = 0; i < n; i++) {
                /* A dimension that is, and batches as large as they come. */
                bool usual = i / awkward_n_kinds % 2 == 0;
                take(&(ExamShape){.kind = &awkward_kinds[(first + i) % awkward_n_kinds],
                                  .n_rows = 1 + below(1500),
                                  .dimension =
                                          usual ? dimensions[below(ARRAY_SIZE(dimensions))] : 1 + below(300),
                                  .dead = below(3) == 0 ? 0 : (unsigned)below(200),
                                  .n_questions = usual ? n_usual : 60,
                                  .n_brute = usual ? USUAL_BRUTE : 0},
                     true);
        }
}

/* More candidates than any buffer is for, and parts enough for all threads. */
Test(exact, on_galleries_that_leave_nothing_out)
{
        static const char *const kinds[] = {"rising",   "falling", "late",           "within a millionth",
                                            "last bit", "same",    "small integers", "signs",
                                            "opposite", "random"};

        for (size_t round = 0; round < exam_effort(ARRAY_SIZE(kinds)); round++)
                take(&(ExamShape){.kind = awkward_kind(kinds[round % ARRAY_SIZE(kinds)]),
                                  .n_rows = 10000 + below(20000),
                                  .dimension = 1 + below(48),
                                  .dead = below(2) ? 0 : 30,
                                  .n_questions = 18},
                     true);
}

Test(exact, on_galleries_of_a_few_rows_or_none)
{
        for (size_t round = 0; round < exam_effort(300); round++)
                take(&(ExamShape){.kind = &awkward_kinds[below(awkward_n_kinds)],
                                  .n_rows = round % 3 == 0 ? 1 + below(3) : 62 + below(5),
                                  .dimension = 1 + below(40),
                                  .dead = round % 5 == 0 ? 256 : (unsigned)below(256),
                                  .n_questions = 4},
                     false);
        Crowd *crowd = crowd_new(0, 16, 1, &chance);
        Stored *stored = stored_new(crowd);
        float probe[16] = {1};
        double square = 1;
        EngineHit hit;
        EngineQuery query = {.probes = probe,
                             .probe_squares = &square,
                             .n_probes = 1,
                             .but = SUBJECTS_NONE,
                             .floor = -1,
                             .k = 1,
                             .order = brute_order,
                             .order_data = crowd,
                             .ret_hits = &hit};
        for (size_t kind = 0; kind < examinees.n; kind++) {
                query.n_hits = 1;
                query.result = -1;
                cr_assert_eq(engine_search(examinees.kinds[kind].like[0].engine, &stored->templates, &query,
                                           1, NULL),
                             0);
                cr_assert(query.n_hits == 0 && query.result == 0);
        }
        stored_free(stored);
        crowd_free(crowd);
}

/* ------------------------------------------------------------------------------------------ what may happen meanwhile */

enum { STOPPED_BATCH = 30 };

typedef struct Stopper {
        atomic_int stop;
        long after_nsec;
} Stopper;

static void *stop_later(void *userdata)
{
        Stopper *stopper = userdata;

        (void)nanosleep(&(struct timespec){.tv_nsec = stopper->after_nsec}, NULL);
        atomic_store(&stopper->stop, 1);
        return NULL;
}

/* Some are stopped before they begin, some meanwhile, some never. The others have their answers. */
static void stop_some(const Exam *exam, const Examinee *examinee)
{
        EngineQuery queries[STOPPED_BATCH];
        Stopper stopper = {.after_nsec = (long)below(3000000)};
        atomic_int at_once = 1;
        pthread_t thread;

        for (size_t i = 0; i < exam->n; i++) {
                queries[i] = exam_query(exam, &exam->questions[i]);
                queries[i].stop = i % 3 == 0 ? &at_once : i % 3 == 1 ? &stopper.stop : NULL;
        }
        cr_assert_eq(pthread_create(&thread, NULL, stop_later, &stopper), 0);
        examinee_search(examinee, &exam->stored->templates, queries, exam->n, "where some are stopped");
        cr_assert_eq(pthread_join(thread, NULL), 0);
        for (size_t i = 0; i < exam->n; i++) {
                if (queries[i].result == ENGINE_E_STOPPED)
                        cr_assert(queries[i].n_hits == 0 && i % 3 != 2);
                else
                        exam_compare(exam, &exam->questions[i], &queries[i], "where some were stopped");
                cr_assert(i % 3 != 0 || queries[i].result == ENGINE_E_STOPPED);
                free(queries[i].ret_hits);
        }
}

Test(exact, where_some_queries_are_stopped)
{
        for (size_t round = 0; round < exam_effort(6); round++) {
                ExamShape shape = {.kind = awkward_kind(round % 2 ? "rising" : "random"),
                                   .n_rows = 20000 + below(3000),
                                   .dimension = 24,
                                   .n_questions = STOPPED_BATCH};
                Exam *exam = exam_new(&shape, &chance);
                for (size_t kind = 0; kind < examinees.n; kind++)
                        for (size_t i = 0; i < examinees.kinds[kind].n; i++)
                                stop_some(exam, &examinees.kinds[kind].like[i]);
                end_exam(exam);
        }
}

static int search_alone(const Exam *exam, const ExamQuestion *question, Engine *engine)
{
        EngineQuery query = exam_query(exam, question);
        int r = engine_search(engine, &exam->stored->templates, &query, 1, NULL);

        if (r == 0)
                exam_compare(exam, question, &query, "where a template is damaged");
        free(query.ret_hits);
        return r;
}

/* A bit of a slot, or a whole one that stands where another should. */
static void damage(uint8_t *slots, size_t slot_size, size_t row, size_t other)
{
        uint8_t *slot = slots + row * slot_size;

        if (below(4) == 0 && other != row)
                memcpy(slot, slots + other * slot_size, slot_size);
        else
                slot[below(slot_size) / 64 * 64 % (slot_size - 63)] ^= (uint8_t)(1U << below(8));
}

/* A template that is in the list was read: its damage is never answered. Of any other it may go unnoticed, and the list is right. */
static void damage_one(const Exam *exam, const ExamQuestion *question, size_t row, size_t counts[2])
{
        size_t slot_size = original_slot_size(exam->crowd->dimension);
        uint8_t *slot = malloc(slot_size);
        bool is_listed = false;

        cr_assert_not_null(slot);
        for (size_t i = 0; i < question->n_expected; i++)
                is_listed = is_listed || question->expected[i].row == row;
        memcpy(slot, exam->stored->slots + row * slot_size, slot_size);
        damage(exam->stored->slots, slot_size, row, below(exam->crowd->n));
        for (size_t i = 0; i < examinees.n; i++) {
                const ExamineeKind *kind = &examinees.kinds[i];
                /* Of several threads others go on meanwhile. */
                int r = search_alone(exam, question, kind->like[below(4) == 0 ? 0 : kind->n - 1].engine);
                cr_assert(r == ENGINE_E_DAMAGED || (r == 0 && !is_listed), "row %zu is damaged, and %d", row,
                          r);
                counts[r == ENGINE_E_DAMAGED]++;
        }
        memcpy(exam->stored->slots + row * slot_size, slot, slot_size);
        free(slot);
}

static void damage_many(const ExamShape *shape, size_t counts[2])
{
        Exam *exam = exam_new(shape, &chance);

        for (size_t i = 0; i < exam->n; i++) {
                const ExamQuestion *question = &exam->questions[i];
                size_t n = question->n_expected;
                damage_one(exam, question,
                           i % 4 == 0 || n == 0 ? below(shape->n_rows) : question->expected[below(n)].row,
                           counts);
        }
        end_exam(exam);
}

Test(exact, or_says_that_a_template_is_damaged)
{
        size_t counts[2] = {}; /* damage that was not met, and that was */

        damage_many(&(ExamShape){.kind = awkward_kind("clustered"),
                                 .n_rows = 3000,
                                 .dimension = 64,
                                 .n_questions = 100},
                    counts);
        /* Where everything is a candidate, and so is compared as it goes by. */
        damage_many(&(ExamShape){.kind = awkward_kind("last bit"),
                                 .n_rows = 20000,
                                 .dimension = 16,
                                 .n_questions = 150},
                    counts);
        cr_assert(counts[0] > 0 && counts[1] > 0);
}
