/*
 * Rounds on a device: answers are the processor's to the bit on galleries of all kinds, also where a device finds more than it can hand out, or
 * nothing but near-duplicates; and queries are stopped between rounds.
 */

#include <stdatomic.h>
#include <string.h>

#include "base/macro.h"
#include "played-engine.h"
#include "scratch.h"
#include "worker/kernel.h"
#include "worker/pass.h"

static size_t n_passes; /* of the processor */

int __real_pass_run(Pass *pass, Pool *pool);
int __wrap_pass_run(Pass *pass, Pool *pool);

int __wrap_pass_run(Pass *pass, Pool *pool)
{
        n_passes++;
        return __real_pass_run(pass, pool);
}

static const char *const isas[] = {"avx512-vnni", "avx2", "scalar"};

TestSuite(rounds, .init = played_set_up, .fini = played_tear_down, .timeout = 600);

static void take(Exam *exam, const char *isa, size_t n_threads)
{
        EngineOptions options = played_options("opencl", "1");
        Engine *engine = NULL;
        EngineState state;

        options.isa = isa;
        options.n_threads = n_threads;
        int r = engine_new(&options, &engine);
        if (r == ENGINE_E_UNKNOWN)
                return; /* not of this machine */
        cr_assert_eq(r, 0);
        exam_take(exam, &(Examinee){engine, n_threads, "opencl"}, &played_chance);
        engine_state(engine, &state);
        cr_assert_str_eq(state.failure, "");
        cr_assert_eq(played_opencl->n_probes, 0);
        engine_free(engine);
}

Test(rounds, answers_as_the_processor_does_on_galleries_of_every_kind)
{
        played_chance = 101;
        for (size_t i = 0; i < awkward_n_kinds; i++) {
                Exam *exam = exam_new(&(ExamShape){.kind = &awkward_kinds[i],
                                                   .n_rows = 400 + scratch_random(&played_chance) % 800,
                                                   .dimension = 1 + scratch_random(&played_chance) % 70,
                                                   .dead = i % 2 ? 40 : 0,
                                                   .n_questions = exam_effort(36)},
                                      &played_chance);
                take(exam, isas[i % ARRAY_SIZE(isas)], 1 + i % 3);
                exam_free(exam);
        }
        cr_assert_gt(played_opencl->n_scans, 100);
}

Test(rounds, answers_as_the_processor_does_on_galleries_of_few_rows)
{
        static const size_t counts[] = {1, 2, 63, 64, 65, 128, 129};

        played_chance = 102;
        for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
                Exam *exam = exam_new(&(ExamShape){.kind = &awkward_kinds[i % awkward_n_kinds],
                                                   .n_rows = counts[i],
                                                   .dimension = 33,
                                                   .dead = i % 3 == 0 ? 256 : 60,
                                                   .n_questions = 20},
                                      &played_chance);
                take(exam, "auto", 2);
                exam_free(exam);
        }
}

/* Return: how many rounds there were for a query that found as much as it wanted; 0: it did not. */
static size_t ask_alone(const Exam *exam, const ExamQuestion *question, Engine *engine)
{
        EngineQuery query = exam_query(exam, question);

        played_opencl->n_scans = 0;
        cr_assert_eq(engine_search(engine, &exam->stored->templates, &query, 1, NULL), 0);
        exam_compare(exam, question, &query, "alone");
        free(query.ret_hits);
        return query.n_hits == query.k ? played_opencl->n_scans : 0;
}

/* What a device finds too much of, and by whom the processor then scans it. */
typedef struct Crush {
        const char *kind, *isa;
        size_t dimension;
        size_t memory; /* blocks that have room; 0: all */
        size_t n_rounds;
} Crush;

/* Return: how many questions had more than one round. */
static size_t crush(const Crush *crush)
{
        enum { BLOCKS = 500 };
        ExamShape shape = {.kind = awkward_kind(crush->kind),
                           .n_rows = BLOCKS * CODES_ROWS,
                           .dimension = crush->dimension,
                           .n_questions = exam_effort(14)};
        EngineOptions options = played_options("opencl", "1");
        Engine *engine = NULL;
        size_t n_looked_at = 0;

        options.isa = crush->isa;
        options.device_memory = crush->memory * codes_block_size(crush->dimension);
        int r = engine_new(&options, &engine);
        if (r == ENGINE_E_UNKNOWN)
                return 0; /* not of this machine */
        cr_assert_eq(r, 0);
        Exam *exam = exam_new(&shape, &played_chance);
        for (size_t i = 0; i < exam->n; i++) {
                size_t n_rounds = ask_alone(exam, &exam->questions[i], engine);
                cr_expect_leq(n_rounds, crush->n_rounds, "'%s': %zu", crush->kind, n_rounds);
                n_looked_at += n_rounds > 1;
        }
        engine_free(engine);
        exam_free(exam);
        return n_looked_at;
}

Test(rounds, leaves_near_duplicates_to_the_processor)
{
        static const Crush crushes[] = {
                {"same", "auto", 24, 0, 5},       {"last bit", "scalar", 24, 0, 5},
                {"last bit", "auto", 24, 200, 9}, {"within a millionth", "avx2", 24, 0, 5},
                {"signs", "scalar", 16, 0, 1000}, {"signs", "avx2", 16, 0, 1000},
        };
        size_t n_looked_at = 0;

        played_chance = 103;
        for (size_t i = 0; i < ARRAY_SIZE(crushes); i++)
                n_looked_at += crush(&crushes[i]);
        cr_assert_gt(n_looked_at, 2);
}

/* A gallery of so many rows, all of which the first round is to find. */
static void find_all_at_once(size_t n_rows)
{
        ExamShape shape = {
                .kind = awkward_kind("random"), .n_rows = n_rows, .dimension = 16, .n_questions = 1};
        EngineOptions options = played_options("opencl", "1");
        Engine *engine = played_engine(&options);
        Exam *exam = exam_new(&shape, &played_chance);
        EngineState state;
        ExamQuestion *question = exam->questions;

        question->plain.k = DEVICE_FOUND_MAX / 2;
        question->plain.n_probes = 1;
        question->plain.floor = -1;
        question->plain.but = SUBJECTS_NONE;
        question->plain.one_a_subject = false;
        free(question->expected);
        question->expected = calloc(n_rows, sizeof(BruteHit));
        question->n_expected = brute_search(exam->crowd, &question->plain, question->expected);
        n_passes = played_opencl->n_found = 0;
        cr_expect_eq(ask_alone(exam, question, engine), 1);
        cr_expect_eq(played_opencl->n_found, n_rows);
        engine_state(engine, &state);
        cr_expect_str_eq(state.failure, "");
        engine_free(engine);
        exam_free(exam);
}

Test(rounds, the_processor_scans_what_one_row_is_too_many_of_and_no_less)
{
        played_chance = 118;
        find_all_at_once(DEVICE_FOUND_MAX);
        cr_expect_eq(n_passes, 0);
        find_all_at_once(DEVICE_FOUND_MAX + 1);
        cr_expect_eq(n_passes, 1);
}

static void stop_some(PlayedCase *one, size_t n_rounds)
{
        atomic_int stop = n_rounds == 0;

        played_opencl->stop = &stop;
        played_opencl->stops_at = played_opencl->n_scans + n_rounds;
        for (size_t i = 0; i < PLAYED_QUESTIONS; i++) {
                one->queries[i] = exam_query(one->exam, &one->exam->questions[i]);
                one->queries[i].stop = i % 2 ? &stop : NULL;
        }
        cr_assert_eq(engine_search(one->engine, &one->exam->stored->templates, one->queries, PLAYED_QUESTIONS,
                                   &one->run),
                     0);
        for (size_t i = 0; i < PLAYED_QUESTIONS; i++) {
                if (i % 2)
                        cr_assert(one->queries[i].result == ENGINE_E_STOPPED && one->queries[i].n_hits == 0);
                else
                        exam_compare(one->exam, &one->exam->questions[i], &one->queries[i],
                                     "where others stop");
                free(one->queries[i].ret_hits);
        }
        played_opencl->stop = NULL;
}

Test(rounds, a_query_stops_between_rounds_and_others_go_on)
{
        played_chance = 111;
        PlayedCase one = played_case_new("clustered", 0);
        stop_some(&one, 0);
        stop_some(&one, 1);
        played_case_on_device(&one);
        played_case_free(&one);
}

Test(rounds, a_search_of_no_query_asks_the_device_nothing)
{
        played_chance = 117;
        PlayedCase one = played_case_new("random", 0);
        size_t n_calls = played_opencl->n_calls;
        cr_expect_eq(engine_search(one.engine, &one.exam->stored->templates, NULL, 0, NULL), 0);
        cr_expect_eq(played_opencl->n_calls, n_calls);
        played_case_free(&one);
}

Test(rounds, nothing_is_scanned_for_queries_that_were_stopped_before)
{
        atomic_int stop = 1;

        played_chance = 112;
        PlayedCase one = played_case_new("random", 0);
        EngineQuery query = exam_query(one.exam, &one.exam->questions[0]);
        query.stop = &stop;
        played_opencl->n_scans = 0;
        cr_assert_eq(engine_search(one.engine, &one.exam->stored->templates, &query, 1, NULL), 0);
        cr_expect_eq(query.result, ENGINE_E_STOPPED);
        cr_expect_eq(played_opencl->n_scans, 0);
        free(query.ret_hits);
        played_case_free(&one);
}

/* As many as there may be, each query with one probe or with all of them together. */
static void ask_for_many(size_t n_probes)
{
        PlayedCase one = played_case_new("random", 0);
        size_t n = ENGINE_BATCH_MAX / n_probes, stride = KERNEL_PADDED(PLAYED_DIMENSION);
        EngineQuery *queries = calloc(n, sizeof(EngineQuery));
        float *probes = calloc(ENGINE_BATCH_MAX * stride, sizeof(float));
        double *squares = calloc(ENGINE_BATCH_MAX, sizeof(double));
        ExamQuestion *questions = calloc(n, sizeof(ExamQuestion));
        BruteHit *expected = calloc(PLAYED_ROWS, sizeof(BruteHit));
        float *plain = calloc(ENGINE_BATCH_MAX * PLAYED_DIMENSION, sizeof(float));

        for (size_t i = 0; i < ENGINE_BATCH_MAX; i++) {
                awkward_probe(one.exam->crowd, &played_chance, plain + i * PLAYED_DIMENSION);
                cr_assert(kernel_read_vector((uint8_t *)(plain + i * PLAYED_DIMENSION), PLAYED_DIMENSION,
                                             probes + i * stride, &squares[i]));
        }
        for (size_t i = 0; i < n; i++) {
                questions[i] = (ExamQuestion){.plain = {.probes = plain + i * n_probes * PLAYED_DIMENSION,
                                                        .n_probes = n_probes,
                                                        .but = SUBJECTS_NONE,
                                                        .floor = -1,
                                                        .k = 3},
                                              .padded = probes + i * n_probes * stride,
                                              .squares = squares + i * n_probes};
                queries[i] = exam_query(one.exam, &questions[i]);
        }
        cr_assert_eq(engine_search(one.engine, &one.exam->stored->templates, queries, n, &one.run), 0);
        played_case_on_device(&one);
        for (size_t i = 0; i < n; i++) {
                if (i % 16 == 0) {
                        questions[i].expected = expected;
                        questions[i].n_expected =
                                brute_search(one.exam->crowd, &questions[i].plain, expected);
                        exam_compare(one.exam, &questions[i], &queries[i], "among many");
                }
                free(queries[i].ret_hits);
        }
        free(queries);
        free(probes);
        free(squares);
        free(questions);
        free(expected);
        free(plain);
        played_case_free(&one);
}

Test(rounds, takes_a_thousand_probes_at_once)
{
        played_chance = 113;
        ask_for_many(1);
        ask_for_many(ENGINE_PROBES_MAX);
}
