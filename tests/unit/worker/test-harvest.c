/*
 * What a device has found is the queries' as far as it could be handed out, to the last row; a query that found one more gets nothing of it, and
 * is in no other's way. The device is made up here: it finds the first rows of the gallery.
 */

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "exam.h"
#include "scratch.h"
#include "worker/harvest.h"

enum {
        DIMENSION = 16,
        ROWS = DEVICE_FOUND_MAX + 1,
        HITS = 10,
        OF_MANY = DEVICE_FOUND_ALL / ENGINE_BATCH_MAX
};

static Exam *exam;
static ExamQuestion *questions; /* whose answers are not known */
static size_t n_questions;
static EngineQuery *asked;
static Queries queries;
static Harvest harvest;
static Pool *pool;
static uint64_t chance;

static void set_up(void)
{
        const ExamShape shape = {
                .kind = awkward_kind("random"), .n_rows = ROWS, .dimension = DIMENSION, .n_questions = 1};

        chance = 201;
        exam = exam_new(&shape, &chance);
        cr_assert_eq(queries_init(&queries), 0);
        cr_assert_eq(pool_new(2, &pool), 0);
}

static void forget(void)
{
        for (size_t i = 0; i < n_questions; i++) {
                free(asked[i].ret_hits);
                free(questions[i].plain.probes);
                free(questions[i].padded);
                free(questions[i].squares);
        }
        free(questions);
        free(asked);
        n_questions = harvest.n_found = 0;
}

static void tear_down(void)
{
        forget();
        harvest_deinit(&harvest);
        queries_deinit(&queries);
        pool_free(pool);
        exam_free(exam);
}

TestSuite(harvest, .init = set_up, .fini = tear_down, .timeout = 600);

/* ------------------------------------------------------------------------------------------------
 * queries */

static void make_question(size_t n_probes, ExamQuestion *ret_question)
{
        size_t stride = KERNEL_PADDED(DIMENSION);

        *ret_question = (ExamQuestion){.plain = {.probes = calloc(n_probes * DIMENSION, sizeof(float)),
                                                 .n_probes = n_probes,
                                                 .but = SUBJECTS_NONE,
                                                 .floor = -1,
                                                 .k = HITS},
                                       .padded = calloc(n_probes * stride, sizeof(float)),
                                       .squares = calloc(n_probes, sizeof(double))};
        for (size_t i = 0; i < n_probes; i++) {
                float *probe = ret_question->plain.probes + i * DIMENSION;
                for (size_t j = 0; j < DIMENSION; j++)
                        probe[j] = scratch_random_float(&chance);
                cr_assert(kernel_read_vector((uint8_t *)probe, DIMENSION, ret_question->padded + i * stride,
                                             &ret_question->squares[i]));
        }
}

/* So many queries, with so many probes each. */
static void begin(size_t n, const size_t *n_probes)
{
        QueriesWay way = {.exact = kernel_pick("scalar"), .scan = scan_pick("scalar"), .pool = pool};

        n_questions = n;
        questions = calloc(n, sizeof(ExamQuestion));
        asked = calloc(n, sizeof(EngineQuery));
        for (size_t i = 0; i < n; i++) {
                make_question(n_probes[i], &questions[i]);
                asked[i] = exam_query(exam, &questions[i]);
        }
        cr_assert_eq(queries_begin(&queries, &exam->stored->templates, asked, n, &way), 0);
        cr_assert_eq(harvest_begin(&harvest, &queries), 0);
        for (size_t i = 0; i < queries.n_probes; i++)
                harvest.floors[i] = -2;
}

/* ------------------------------------------------------------------------------------------------
 * the device */

/* The bounds of a block's rows to a probe. */
static const float *bounds(size_t probe, size_t block)
{
        static float upper[1][CODES_ROWS];
        uint64_t mask;

        scan_pick("scalar")->block(&(ScanWork){.block = stored_block(exam->stored, block * CODES_ROWS),
                                               .dimension = DIMENSION,
                                               .probes = &queries.probes[probe],
                                               .floors = &harvest.floors[probe],
                                               .n_probes = 1,
                                               .ret_masks = &mask,
                                               .ret_upper = upper});
        return upper[0];
}

/* A probe finds the first @n rows; what is handed out where these are too many is of no use, and the last of them come first. */
static void find(uint32_t probe, uint32_t n)
{
        harvest.counts[probe] = n;
        for (size_t i = MIN_OF(n, harvest.most); i-- > 0;) {
                DeviceFound *found = &harvest.found[harvest.n_found++];
                *found = (DeviceFound){.probe = probe, .row = UINT32_MAX};
                if (n > harvest.most)
                        continue;
                found->row = (uint32_t)i;
                found->upper = bounds(probe, i / CODES_ROWS)[i % CODES_ROWS];
        }
}

static void bring_in(void)
{
        cr_assert_eq(harvest_bring_in(&harvest, pool, 0, ROWS), 0);
        cr_assert_eq(queries_finish(&queries, pool), 0);
}

/* The query knows the first @n rows, and no more. */
static void knows(size_t query, size_t n)
{
        BruteHit *expected = calloc(ROWS, sizeof(BruteHit));
        size_t n_rows = exam->crowd->n;

        cr_expect_not(harvest.overflowed[query], "query %zu", query);
        exam->crowd->n = n;
        questions[query].expected = expected;
        questions[query].n_expected = brute_search(exam->crowd, &questions[query].plain, expected);
        exam->crowd->n = n_rows;
        exam_compare(exam, &questions[query], &asked[query], "of what was found");
        free(expected);
}

static void knows_nothing(size_t query)
{
        cr_expect(harvest.overflowed[query], "query %zu", query);
        cr_expect(asked[query].result == 0 && asked[query].n_hits == 0, "query %zu", query);
}

/* ------------------------------------------------------------------------------------------------ */

Test(harvest, a_query_gets_as_many_rows_as_can_be_handed_out)
{
        begin(1, (size_t[]){1});
        cr_assert_eq(harvest.most, (uint32_t)DEVICE_FOUND_MAX);
        find(0, DEVICE_FOUND_MAX);
        bring_in();
        knows(0, DEVICE_FOUND_MAX);
        cr_expect_eq(harvest_count(&harvest, 0), (size_t)DEVICE_FOUND_MAX);
}

Test(harvest, a_query_gets_nothing_of_one_row_more_than_can_be_handed_out)
{
        begin(1, (size_t[]){1});
        find(0, DEVICE_FOUND_MAX + 1);
        bring_in();
        knows_nothing(0);
        cr_expect_eq(harvest_count(&harvest, 0), (size_t)DEVICE_FOUND_MAX + 1);
}

Test(harvest, one_probe_that_finds_too_much_is_its_query_s_alone)
{
        begin(4, (size_t[]){1, 3, 2, 1});
        find(0, DEVICE_FOUND_MAX);
        find(1, DEVICE_FOUND_MAX);
        find(2, DEVICE_FOUND_MAX + 1);
        find(3, 5);
        find(4, DEVICE_FOUND_MAX);
        find(5, DEVICE_FOUND_MAX);
        find(6, 70);
        bring_in();
        knows(0, DEVICE_FOUND_MAX);
        knows_nothing(1);
        knows(2, DEVICE_FOUND_MAX);
        knows(3, 70);
}

/* Then there is room for fewer rows of each; all of it is used, and no more. */
Test(harvest, many_probes_may_each_find_as_much_as_there_is_room_for)
{
        size_t *n_probes = calloc(ENGINE_BATCH_MAX, sizeof(size_t));

        for (size_t i = 0; i < ENGINE_BATCH_MAX; i++)
                n_probes[i] = 1;
        begin(ENGINE_BATCH_MAX, n_probes);
        cr_assert_eq(harvest.most, (uint32_t)OF_MANY);
        for (uint32_t i = 0; i < ENGINE_BATCH_MAX; i++)
                find(i, OF_MANY);
        cr_assert_eq(harvest.n_found, (size_t)DEVICE_FOUND_ALL);
        bring_in();
        for (size_t i = 0; i < ENGINE_BATCH_MAX; i += 31)
                knows(i, OF_MANY);
        harvest.n_found++;
        cr_expect_eq(harvest_bring_in(&harvest, pool, 0, ROWS), HARVEST_E_NONSENSE);
        free(n_probes);
}

Test(harvest, what_was_counted_and_is_not_there_is_nonsense)
{
        begin(1, (size_t[]){1});
        find(0, 7);
        harvest.counts[0] = 8;
        cr_expect_eq(harvest_bring_in(&harvest, pool, 0, ROWS), HARVEST_E_NONSENSE);
        forget();
        begin(1, (size_t[]){1});
        find(0, 7);
        harvest.counts[0] = 6;
        cr_expect_eq(harvest_bring_in(&harvest, pool, 0, ROWS), HARVEST_E_NONSENSE);
}
