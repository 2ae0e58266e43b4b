/*
 * Questions to galleries, and their answers.
 */

#include "exam.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <time.h>

#include "base/macro.h"
#include "scratch.h"
#include "worker/kernel.h"
#include "worker/pool.h"

enum {
        PROBES_MAX = 5,
        TRUE_HITS = 20,      /* of each answer are held against the truth */
        LARGE_ROWS = 100000, /* from which on all processors compare */
};

static const size_t batches[] = {1, 2, 3, 5, 16, 17, 255, ENGINE_BATCH_MAX};
static const size_t limits[] = {1, 10, 1000};
static const double floors[] = {-1, -1, 0, 0.1, 0.5, 0.999999, 1};

uint64_t exam_seed(void)
{
        const char *given = getenv("MATCHGUARD_EXACT_SEED");
        uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) / (24 * 60 * 60);

        (void)printf("MATCHGUARD_EXACT_SEED=%llu\n", (unsigned long long)seed);
        return (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

size_t exam_effort(size_t n)
{
        const char *given = getenv("MATCHGUARD_EXACT");

        n *= given ? strtoul(given, NULL, 10) : 1;
#ifdef __SANITIZE_ADDRESS__
        n /= 16;
#endif
        return MAX_OF(n, (size_t)1);
}

static bool one_of(uint64_t *chance, size_t n)
{
        return scratch_random(chance) % n == 0;
}

static double similarity(const Crowd *crowd, const float *probe, size_t row)
{
        return brute_cosine(brute_dot(probe, crowd_vector(crowd, row), crowd->dimension),
                            brute_dot(probe, probe, crowd->dimension), crowd->squares[row]);
}

/* Round numbers, or just what a template reaches, or just what it does not. */
static double choose_floor(const Crowd *crowd, const float *probe, uint64_t *chance)
{
        if (!one_of(chance, 3))
                return floors[scratch_random(chance) % ARRAY_SIZE(floors)];
        double reached = similarity(crowd, probe, scratch_random(chance) % crowd->n);
        return one_of(chance, 2) ? reached : fmin(1, nextafter(reached, 2));
}

/* Somebody to be passed over: who would be first, or anybody. */
static uint32_t choose_but(const Crowd *crowd, const float *probe, uint64_t *chance)
{
        size_t best = 0;

        if (!one_of(chance, 4))
                return SUBJECTS_NONE;
        if (one_of(chance, 2))
                return crowd->subjects[scratch_random(chance) % crowd->n];
        for (size_t row = 1; row < crowd->n; row++)
                if (similarity(crowd, probe, row) > similarity(crowd, probe, best))
                        best = row;
        return crowd->subjects[best];
}

/* Along what the code of some template does not say: there bounds are tightest. */
static void aim(const Stored *stored, const Crowd *crowd, uint64_t *chance, float *ret_vector)
{
        double *residual = malloc(crowd->dimension * sizeof(double)), square = 0;
        size_t row = scratch_random(chance) % crowd->n;

        cr_assert_not_null(residual);
        if (crowd->subjects[row] != SUBJECTS_NONE)
                stored_residual(stored, crowd, row, residual);
        for (size_t i = 0; i < crowd->dimension; i++) {
                ret_vector[i] = crowd->subjects[row] != SUBJECTS_NONE ? (float)residual[i] : 0;
                square += (double)ret_vector[i] * (double)ret_vector[i];
        }
        if (!(square > 0))
                awkward_probe(crowd, chance, ret_vector);
        free(residual);
}

static void ask(const Exam *exam, ExamQuestion *question, uint64_t *chance)
{
        const Crowd *crowd = exam->crowd;
        size_t n_probes = one_of(chance, 8) ? 1 + scratch_random(chance) % PROBES_MAX : 1;
        size_t stride = KERNEL_PADDED(crowd->dimension);

        question->plain = (BruteQuestion){
                .probes = malloc(n_probes * crowd->dimension * sizeof(float)),
                .n_probes = n_probes,
                .one_a_subject = one_of(chance, 2),
                .k = one_of(chance, 4) ? 1 + scratch_random(chance) % 40
                                       : limits[scratch_random(chance) % ARRAY_SIZE(limits)],
        };
        question->padded = malloc(n_probes * stride * sizeof(float));
        question->squares = malloc(n_probes * sizeof(double));
        cr_assert(question->plain.probes && question->padded && question->squares);
        for (size_t i = 0; i < n_probes; i++) {
                float *probe = question->plain.probes + i * crowd->dimension;
                if (one_of(chance, 6))
                        aim(exam->stored, crowd, chance, probe);
                else
                        awkward_probe(crowd, chance, probe);
                cr_assert(kernel_read_vector((uint8_t *)probe, crowd->dimension,
                                             question->padded + i * stride, &question->squares[i]));
        }
        question->plain.but = choose_but(crowd, question->plain.probes, chance);
        question->plain.floor = choose_floor(crowd, question->plain.probes, chance);
}

/* The first hits have the similarity that the mathematics say, but for what double precision rounds. */
static void check_truth(const Crowd *crowd, const ExamQuestion *question)
{
        double rounded = (double)(crowd->dimension / 16 + 16) * DBL_EPSILON / 2;

        for (size_t i = 0; i < MIN_OF(question->n_expected, (size_t)TRUE_HITS); i++) {
                const BruteHit *hit = &question->expected[i];
                long double best = -1;
                for (size_t j = 0; j < question->plain.n_probes; j++)
                        best = fmaxl(best,
                                     brute_true_cosine(question->plain.probes + j * crowd->dimension,
                                                       crowd_vector(crowd, hit->row), crowd->dimension));
                cr_assert_leq(fabsl(best - (long double)hit->similarity), (long double)rounded,
                              "the rules say %.17g, the truth is %.20Lg", hit->similarity, best);
        }
}

/* By brute force. */
static void answer_part(void *userdata, size_t part, size_t thread)
{
        const Exam *exam = userdata;
        ExamQuestion *question = &exam->questions[part];
        BruteHit *hits = malloc(exam->crowd->n * sizeof(BruteHit));

        (void)thread;
        cr_assert_not_null(hits);
        free(question->expected);
        question->n_expected = brute_search(exam->crowd, &question->plain, hits);
        question->expected = realloc(hits, MAX_OF(question->n_expected, (size_t)1) * sizeof(BruteHit));
        cr_assert_not_null(question->expected);
}

static void answer_all(Exam *exam)
{
        Pool *pool;

        cr_assert_eq(pool_new(exam->crowd->n < LARGE_ROWS ? 1 : (size_t)get_nprocs(), &pool), 0);
        pool_run(pool, answer_part, exam, exam->n_brute);
        pool_free(pool);
        for (size_t i = 0; i < exam->n_brute; i++)
                check_truth(exam->crowd, &exam->questions[i]);
}

Exam *exam_new(const ExamShape *shape, uint64_t *chance)
{
        Exam *exam = calloc(1, sizeof(Exam));

        cr_assert_not_null(exam);
        *exam = (Exam){.kind = shape->kind->name,
                       .crowd =
                               awkward_new(shape->kind, shape->n_rows, shape->dimension, shape->dead, chance),
                       .questions = calloc(shape->n_questions, sizeof(ExamQuestion)),
                       .n = shape->n_questions,
                       .n_brute = shape->n_brute > 0 ? shape->n_brute : shape->n_questions};
        for (size_t row = shape->n_rows - shape->n_later; row < shape->n_rows; row++)
                exam->crowd->subjects[row] = SUBJECTS_NONE;
        exam->stored = stored_new(exam->crowd);
        exam->stored->templates.n_rows -= shape->n_later;
        for (size_t i = 0; i < exam->n; i++)
                ask(exam, &exam->questions[i], chance);
        answer_all(exam);
        return exam;
}

static void remove_some(Exam *exam, uint64_t *chance)
{
        Crowd *crowd = exam->crowd;

        for (size_t n = 1 + scratch_random(chance) % 20; n > 0; n--) {
                size_t row = scratch_random(chance) % exam->stored->templates.n_rows;
                crowd->subjects[row] = SUBJECTS_NONE;
                stored_write(exam->stored, crowd, row);
        }
}

static void append_some(Exam *exam, uint64_t *chance)
{
        Crowd *crowd = exam->crowd;
        size_t first = exam->stored->templates.n_rows, n = scratch_random(chance) % 100;

        for (size_t row = first; row < MIN_OF(first + n, crowd->n); row++) {
                crowd->subjects[row] = (uint32_t)(scratch_random(chance) % crowd->n_subjects);
                stored_write(exam->stored, crowd, row);
        }
}

void exam_change(Exam *exam, uint64_t *chance)
{
        if (!one_of(chance, 3))
                append_some(exam, chance);
        if (!one_of(chance, 3))
                remove_some(exam, chance);
        answer_all(exam);
}

Exam *exam_free(Exam *exam)
{
        if (!exam)
                return NULL;
        for (size_t i = 0; i < exam->n; i++) {
                free(exam->questions[i].plain.probes);
                free(exam->questions[i].padded);
                free(exam->questions[i].squares);
                free(exam->questions[i].expected);
        }
        free(exam->questions);
        stored_free(exam->stored);
        crowd_free(exam->crowd);
        free(exam);
        return NULL;
}

EngineQuery exam_query(const Exam *exam, const ExamQuestion *question)
{
        EngineHit *hits = malloc(question->plain.k * sizeof(EngineHit));

        cr_assert_not_null(hits);
        return (EngineQuery){.probes = question->padded,
                             .probe_squares = question->squares,
                             .n_probes = question->plain.n_probes,
                             .one_a_subject = question->plain.one_a_subject,
                             .but = question->plain.but,
                             .floor = question->plain.floor,
                             .k = question->plain.k,
                             .order = brute_order,
                             .order_data = exam->crowd,
                             .ret_hits = hits,
                             .n_hits = SIZE_MAX,
                             .result = -1};
}

void exam_compare(const Exam *exam, const ExamQuestion *question, const EngineQuery *query, const char *who)
{
        char what[256];

        (void)snprintf(what, sizeof(what), "%s: '%s', %zu x %zu, question %zu, k %zu, floor %.17g%s", who,
                       exam->kind, exam->crowd->n, exam->crowd->dimension,
                       (size_t)(question - exam->questions), question->plain.k, question->plain.floor,
                       question->plain.one_a_subject ? ", one a subject" : "");
        cr_assert_eq(query->result, 0, "%s: result %d", what, query->result);
        for (size_t i = 0; i < MIN_OF(query->n_hits, question->n_expected); i++) {
                const EngineHit *hit = &query->ret_hits[i];
                const BruteHit *expected = &question->expected[i];
                cr_assert(hit->row == expected->row &&
                                  memcmp(&hit->similarity, &expected->similarity, sizeof(double)) == 0,
                          "%s: hit %zu is row %zu with %.17g, not row %zu with %.17g", what, i, hit->row,
                          hit->similarity, expected->row, expected->similarity);
        }
        cr_assert_eq(query->n_hits, question->n_expected, "%s: %zu hits, not %zu", what, query->n_hits,
                     question->n_expected);
}

/* As many questions as a batch has and a pass of the engine takes probes. */
static size_t next_batch(const Exam *exam, size_t first, size_t most, size_t most_probes)
{
        size_t n = 0, n_probes = 0;

        while (n < most && first + n < exam->n &&
               n_probes + exam->questions[first + n].plain.n_probes <= most_probes)
                n_probes += exam->questions[first + n++].plain.n_probes;
        return n;
}

void exam_take(Exam *exam, const Examinee *examinee, uint64_t *chance)
{
        EngineQuery *queries = malloc(ENGINE_BATCH_MAX * sizeof(EngineQuery));
        char who[128];

        cr_assert_not_null(queries);
        for (size_t first = 0, n; first < exam->n; first += n) {
                n = next_batch(exam, first, batches[scratch_random(chance) % ARRAY_SIZE(batches)],
                               engine_batch(examinee->engine));
                (void)snprintf(who, sizeof(who), "%s, %zu threads, %zu at once, '%s'",
                               engine_name(examinee->engine), examinee->n_threads, n, exam->kind);
                for (size_t i = 0; i < n; i++)
                        queries[i] = exam_query(exam, &exam->questions[first + i]);
                examinee_search(examinee, &exam->stored->templates, queries, n, who);
                for (size_t i = 0; i < n; i++) {
                        exam_compare(exam, &exam->questions[first + i], &queries[i], who);
                        free(queries[i].ret_hits);
                }
                exam->n_lists += n;
        }
        free(queries);
}

void exam_believe(Exam *exam, const Examinee *examinee)
{
        for (size_t i = exam->n_brute; i < exam->n; i++) {
                ExamQuestion *question = &exam->questions[i];
                EngineQuery query = exam_query(exam, question);
                examinee_search(examinee, &exam->stored->templates, &query, 1, exam->kind);
                question->n_expected = query.n_hits;
                question->expected = malloc(MAX_OF(query.n_hits, (size_t)1) * sizeof(BruteHit));
                cr_assert_not_null(question->expected);
                for (size_t j = 0; j < query.n_hits; j++)
                        question->expected[j] = (BruteHit){.similarity = query.ret_hits[j].similarity,
                                                           .row = query.ret_hits[j].row};
                free(query.ret_hits);
        }
}
