/*
 * What an engine does with its queries besides finding the right rows: how much it reads, what it gives up, what it takes no notice of. That
 * it is exact, test-exact.c shows on galleries of all kinds; here each number of threads and size of a batch has its turn.
 */

#include <errno.h>
#include <malloc.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/macro.h"
#include "exam.h"
#include "scratch.h"
#include "worker/kernel.h"
#include "worker/original.h"
#include "worker/scan.h"

static const char *const isas[] = {"avx512-vnni", "avx2", "scalar"};
static const size_t thread_counts[] = {1, 2, 3, 8};
static uint64_t chance;
static atomic_size_t n_read; /* originals */
static size_t n_allocated;   /* bytes, by the engine's own requests */
static bool is_out_of_memory;
static struct {
        const void *memory;
        size_t size;
} last_allocated;

const float *__real_original_read(const Originals *originals, size_t row, double *ret_square);
const float *__wrap_original_read(const Originals *originals, size_t row, double *ret_square);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

const float *__wrap_original_read(const Originals *originals, size_t row, double *ret_square)
{
        atomic_fetch_add(&n_read, 1);
        return __real_original_read(originals, row, ret_square);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
        void *memory = is_out_of_memory ? NULL : __real_aligned_alloc(alignment, size);

        n_allocated += size;
        last_allocated.memory = memory;
        last_allocated.size = memory ? size : 0;
        return memory;
}

static Engine *engine_of(const char *isa, size_t n_threads)
{
        Engine *engine = NULL;
        int r = engine_new(&(EngineOptions){"cpu", isa, n_threads}, &engine);

        cr_assert(r == 0 || (r == ENGINE_E_UNKNOWN && strcmp(isa, "scalar") != 0));
        return engine;
}

Test(engine, refuses_what_it_does_not_know)
{
        Engine *engine;

        cr_assert_eq(engine_new(&(EngineOptions){"abacus", "auto", 1}, &engine), ENGINE_E_UNKNOWN);
        cr_assert_eq(engine_new(&(EngineOptions){"cpu", "sse9", 1}, &engine), ENGINE_E_UNKNOWN);
        cr_assert_eq(engine_new(&(EngineOptions){"auto", "scalar", 0}, &engine), 0);
        cr_assert_str_eq(engine_name(engine), "cpu/scalar");
        cr_assert_null(engine_free(engine));
        cr_assert_null(engine_free(NULL));
}

/* ------------------------------------------------------------------------------------------------
 * the same bits for any division of the work */

static size_t ask(const Exam *exam, Engine *engine, size_t first, size_t most)
{
        EngineQuery queries[ENGINE_BATCH_MAX];
        size_t n = 0, n_probes = 0;

        while (n < most && first + n < exam->n &&
               n_probes + exam->questions[first + n].plain.n_probes <= ENGINE_BATCH_MAX) {
                n_probes += exam->questions[first + n].plain.n_probes;
                queries[n] = exam_query(exam, &exam->questions[first + n]);
                n++;
        }
        cr_assert_eq(engine_search(engine, &exam->stored->templates, queries, n, NULL), 0);
        for (size_t i = 0; i < n; i++) {
                exam_compare(exam, &exam->questions[first + i], &queries[i], engine_name(engine));
                free(queries[i].ret_hits);
        }
        return n;
}

/* AddressSanitizer takes ten times as long for each. */
#ifdef __SANITIZE_ADDRESS__
enum { BATCH_ROWS = 601 };
#else
enum { BATCH_ROWS = 3001 };
#endif

static void ask_in_batches(const char *kind)
{
        ExamShape shape = {.kind = awkward_kind(kind),
                           .n_rows = BATCH_ROWS,
                           .dimension = 52,
                           .dead = 30,
                           .n_questions = 256};
        Exam *exam = exam_new(&shape, &chance);

        for (size_t isa = 0; isa < ARRAY_SIZE(isas); isa++)
                for (size_t i = 0; i < ARRAY_SIZE(thread_counts); i++) {
                        Engine *engine = engine_of(isas[isa], thread_counts[i]);
                        for (size_t batch = 1; engine && batch <= 256; batch = batch * 2 + batch % 2)
                                for (size_t first = 0; first < exam->n;)
                                        first += ask(exam, engine, first, batch);
                        engine_free(engine);
                }
        exam_free(exam);
}

Test(engine, gives_the_same_bits_for_any_number_of_threads_and_queries, .timeout = 600)
{
        chance = 31;
        ask_in_batches("random");
        ask_in_batches("small integers");
}

/* What it had is given back to the kernel before more is asked for, so that whoever touches it then is ended. */
Test(engine, lives_on_where_there_is_no_memory_for_a_search)
{
        ExamShape shape = {
                .kind = awkward_kind("random"), .n_rows = 300, .dimension = 512, .n_questions = 64};

        (void)mallopt(M_MMAP_THRESHOLD, 4096); /* AddressSanitizer has none, and sees it by itself. */
        chance = 32;
        Exam *exam = exam_new(&shape, &chance);
        Engine *engine = engine_of("auto", 1);
        for (size_t i = 0; i < 2; i++) {
                EngineQuery query = exam_query(exam, &exam->questions[0]);
                query.k = 100000; /* more memory than any before */
                is_out_of_memory = true;
                cr_expect_eq(engine_search(engine, &exam->stored->templates, &query, 1, NULL), -ENOMEM);
                is_out_of_memory = false;
                free(query.ret_hits);
                cr_expect_gt(ask(exam, engine, 0, exam->n), 1);
        }
        engine_free(engine);
        exam_free(exam);
}

/* ------------------------------------------------------------------------------------------------
 * how much is read */

enum { ROWS = 40000, DIMENSION = 32, QUERIES = 32, K = 10 };

/* Hits of some queries that ask for the ten templates most like one of their own, of all subjects. */
typedef struct Round {
        Exam *exam;
        EngineQuery queries[QUERIES];
} Round;

static Round round_new(const char *kind)
{
        ExamShape shape = {
                .kind = awkward_kind(kind), .n_rows = ROWS, .dimension = DIMENSION, .n_questions = 1};
        Round round = {.exam = exam_new(&shape, &chance)};
        static float probes[QUERIES][DIMENSION];
        static double squares[QUERIES];

        for (size_t i = 0; i < QUERIES; i++) {
                float probe[DIMENSION];
                awkward_probe(round.exam->crowd, &chance, probe);
                cr_assert(kernel_read_vector((uint8_t *)probe, DIMENSION, probes[i], &squares[i]));
                round.queries[i] = exam_query(round.exam, &round.exam->questions[0]);
                free(round.queries[i].ret_hits);
                round.queries[i].probes = probes[i];
                round.queries[i].probe_squares = &squares[i];
                round.queries[i].n_probes = 1;
                round.queries[i].one_a_subject = false;
                round.queries[i].but = SUBJECTS_NONE;
                round.queries[i].floor = -1;
                round.queries[i].k = K;
                round.queries[i].ret_hits = calloc(K, sizeof(EngineHit));
        }
        return round;
}

static void round_end(Round *round)
{
        for (size_t i = 0; i < QUERIES; i++)
                free(round->queries[i].ret_hits);
        exam_free(round->exam);
}

/* How many originals a batch reads of a gallery of that kind. */
static size_t count_reads(const char *kind, const char *isa, size_t n_threads)
{
        Round round = round_new(kind);
        Engine *engine = engine_of(isa, n_threads);

        atomic_store(&n_read, 0);
        cr_assert_eq(engine_search(engine, &round.exam->stored->templates, round.queries, QUERIES, NULL), 0);
        for (size_t i = 0; i < QUERIES; i++)
                cr_assert(round.queries[i].result == 0 && round.queries[i].n_hits == K);
        engine_free(engine);
        round_end(&round);
        return atomic_load(&n_read);
}

Test(engine, reads_few_originals_where_templates_differ)
{
        chance = 32;
        cr_assert_lt(count_reads("random", "auto", 1), (size_t)QUERIES * 100);
        cr_assert_lt(count_reads("random", "scalar", 3), (size_t)QUERIES * 200);
}

/* The threshold has to rise with them. */
Test(engine, reads_few_originals_where_each_template_is_better_than_the_one_before)
{
        chance = 33;
        cr_assert_lt(count_reads("rising", "scalar", 1), (size_t)QUERIES * ROWS / 20);
        cr_assert_lt(count_reads("falling", "scalar", 1), (size_t)QUERIES * ROWS / 20);
}

/* All are candidates of each query: they are read about once, not once a query. */
Test(engine, reads_near_duplicates_once_for_all_queries)
{
        static const char *const kinds[] = {"same", "last bit", "within a millionth"};

        chance = 34;
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                cr_assert_lt(count_reads(kinds[i], "auto", 1), (size_t)ROWS * 5);
                cr_assert_lt(count_reads(kinds[i], "auto", 8), (size_t)ROWS * 5);
        }
}

/* What is kept of near-duplicates is bounded, and is there from the first search on. */
Test(engine, takes_as_much_memory_for_near_duplicates_as_for_others)
{
        chance = 35;
        Round random = round_new("random"), same = round_new("same");
        Engine *engine = engine_of("auto", 2);

        n_allocated = 0;
        cr_assert_eq(engine_search(engine, &random.exam->stored->templates, random.queries, QUERIES, NULL),
                     0);
        cr_assert(n_allocated > 0 && n_allocated < (size_t)QUERIES * 16 * 1024);
        n_allocated = 0;
        cr_assert_eq(engine_search(engine, &same.exam->stored->templates, same.queries, QUERIES, NULL), 0);
        cr_assert_eq(n_allocated, 0);
        engine_free(engine);
        round_end(&random);
        round_end(&same);
}

/* A probe may be of a subject that is removed a moment later, and the memory stays. */
Test(engine, keeps_nothing_of_its_probes)
{
        _Alignas(64) int8_t digits[2 * DIMENSION + 128];
        ScanProbe probe;

        chance = 40;
        Round round = round_new("random");
        const EngineQuery *query = &round.queries[QUERIES - 1];
        double wide[] = {(double)query->probes[0], (double)query->probes[1]};
        Engine *engine = engine_of("auto", 2);
        cr_assert_eq(engine_search(engine, &round.exam->stored->templates, round.queries, QUERIES, NULL), 0);
        scan_probe_init(scan_pick("auto"), query->probes, query->probe_squares[0], DIMENSION, false, digits,
                        &probe);
        cr_expect_null(memmem(last_allocated.memory, last_allocated.size, wide, sizeof(wide)));
        cr_expect_null(memmem(last_allocated.memory, last_allocated.size, digits, DIMENSION));
        engine_free(engine);
        round_end(&round);
}

/* ------------------------------------------------------------------------------------------------
 * what is stopped */

/* Ranks as brute_order() does, and tells a query to stop after a while: among many equal templates that is in the middle of the pass. */
typedef struct StoppingOrder {
        const Crowd *crowd;
        atomic_int n_calls;
        atomic_int stop;
} StoppingOrder;

static int stopping_order(const void *userdata, size_t a, size_t b)
{
        StoppingOrder *order = (StoppingOrder *)userdata;

        if (atomic_fetch_add(&order->n_calls, 1) == 2000)
                atomic_store(&order->stop, 1);
        return brute_order(order->crowd, a, b);
}

static void check_answer(const Crowd *crowd, const EngineQuery *query)
{
        BruteQuestion question = {
                .probes = (float *)query->probes, .n_probes = 1, .but = SUBJECTS_NONE, .floor = -1, .k = K};
        BruteHit *expected = calloc(ROWS, sizeof(BruteHit));

        cr_assert_not_null(expected);
        cr_assert_eq(query->result, 0);
        cr_assert_eq(query->n_hits, brute_search(crowd, &question, expected));
        for (size_t i = 0; i < query->n_hits; i++)
                cr_assert_eq(query->ret_hits[i].row, expected[i].row);
        free(expected);
}

Test(engine, drops_a_query_in_the_middle_of_a_pass_and_answers_the_others)
{
        for (size_t i = 0; i < ARRAY_SIZE(thread_counts); i++) {
                chance = 36;
                Round round = round_new("same");
                Engine *engine = engine_of("auto", thread_counts[i]);
                StoppingOrder order = {.crowd = round.exam->crowd};
                for (size_t j = 0; j < 3; j++)
                        round.queries[j] = (EngineQuery){.probes = round.queries[0].probes,
                                                         .probe_squares = round.queries[0].probe_squares,
                                                         .n_probes = 1,
                                                         .but = SUBJECTS_NONE,
                                                         .floor = -1,
                                                         .k = K,
                                                         .order = stopping_order,
                                                         .order_data = &order,
                                                         .stop = j == 1 ? &order.stop : NULL,
                                                         .ret_hits = round.queries[j].ret_hits};
                cr_assert_eq(engine_search(engine, &round.exam->stored->templates, round.queries, 3, NULL),
                             0);
                cr_assert_gt(atomic_load(&order.n_calls), 4000);
                cr_assert_eq(round.queries[1].result, ENGINE_E_STOPPED);
                cr_assert_eq(round.queries[1].n_hits, 0);
                check_answer(round.exam->crowd, &round.queries[0]);
                check_answer(round.exam->crowd, &round.queries[2]);
                engine_free(engine);
                round_end(&round);
        }
}

Test(engine, does_nothing_for_queries_that_are_stopped_from_the_start)
{
        atomic_int stop = 1;

        chance = 37;
        Round round = round_new("random");
        Engine *engine = engine_of("auto", 2);
        for (size_t i = 0; i < QUERIES; i++)
                round.queries[i].stop = &stop;
        atomic_store(&n_read, 0);
        cr_assert_eq(engine_search(engine, &round.exam->stored->templates, round.queries, QUERIES, NULL), 0);
        for (size_t i = 0; i < QUERIES; i++)
                cr_assert(round.queries[i].result == ENGINE_E_STOPPED && round.queries[i].n_hits == 0);
        cr_assert_eq(atomic_load(&n_read), 0);
        engine_free(engine);
        round_end(&round);
}

/* ------------------------------------------------------------------------------------------------
 * floors */

/* The similarity of the fifth hit as the floor leaves five, and a hair more leaves four. */
static void check_floor(const char *kind, Engine *engine, float sign)
{
        Round round = round_new(kind);
        EngineQuery *query = &round.queries[0];
        const float *stored = crowd_vector(round.exam->crowd, 17);
        float probe[DIMENSION];

        for (size_t i = 0; i < DIMENSION; i++)
                probe[i] = sign * stored[i];
        query->probes = probe;
        query->probe_squares = &round.exam->crowd->squares[17];
        cr_assert_eq(engine_search(engine, &round.exam->stored->templates, query, 1, NULL), 0);
        cr_assert_eq(query->n_hits, K);
        double fifth = query->ret_hits[4].similarity;
        cr_assert(fifth * (double)sign > 0);
        cr_assert(fifth > query->ret_hits[5].similarity && fifth < query->ret_hits[3].similarity);
        query->floor = fifth;
        cr_assert_eq(engine_search(engine, &round.exam->stored->templates, query, 1, NULL), 0);
        cr_assert_eq(query->n_hits, 5);
        query->floor = nextafter(fifth, 2);
        cr_assert_eq(engine_search(engine, &round.exam->stored->templates, query, 1, NULL), 0);
        cr_assert_eq(query->n_hits, 4);
        round_end(&round);
}

Test(engine, takes_a_floor_to_the_last_bit)
{
        for (size_t isa = 0; isa < ARRAY_SIZE(isas); isa++) {
                Engine *engine = engine_of(isas[isa], 1);
                chance = 38;
                if (engine) {
                        check_floor("random", engine, 1);
                        check_floor("within a millionth", engine, -1);
                }
                engine_free(engine);
        }
}

/* ------------------------------------------------------------------------------------------------
 * damage */

Test(engine, answers_nobody_where_a_hit_is_damaged)
{
        static const char *const kinds[] = {"random", "same"};

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                chance = 39;
                Round round = round_new(kinds[i]);
                Engine *engine = engine_of("auto", 3);
                const Templates *templates = &round.exam->stored->templates;
                cr_assert_eq(engine_search(engine, templates, round.queries, QUERIES, NULL), 0);
                size_t row = round.queries[QUERIES - 1].ret_hits[K - 1].row;
                round.exam->stored->slots[row * original_slot_size(DIMENSION) + 7] ^= 1;
                cr_assert_eq(engine_search(engine, templates, round.queries, QUERIES, NULL),
                             ENGINE_E_DAMAGED);
                round.exam->stored->slots[row * original_slot_size(DIMENSION) + 7] ^= 1;
                cr_assert_eq(engine_search(engine, templates, round.queries, QUERIES, NULL), 0);
                engine_free(engine);
                round_end(&round);
        }
}
