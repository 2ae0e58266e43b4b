/*
 * What only an engine on a device has to show (examinee.h says how one is named; without one there is nothing to do here): that its copies of a gallery follow each
 * change, that it answers alike with less memory than a gallery takes, and that nothing of what was removed stays on it. And one large gallery,
 * where MATCHGUARD_EXACT_LARGE says how many templates of 512 dimensions: a million want 6 GB.
 */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "exam.h"
#include "scratch.h"
#include "worker/codes.h"

enum {
        SMALL_MEMORY = 300000, /* bytes: one block of 4096 dimensions, nine of 512, 195 of 16 */
        LARGE_DIMENSION = 512,
        LARGE_QUESTIONS = 1100, /* more than a batch has */
        LARGE_BRUTE = 48,
};

static Examinees examinees;
static uint64_t chance;
static size_t n_lists;
static int maps_fd = -1;

static void start(uint64_t device_memory)
{
        chance = exam_seed();
        maps_fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC); /* Confined it opens nothing. */
        cr_assert_geq(maps_fd, 0);
        examinees_start(&examinees, device_memory);
        if (!examinee_is_device(&examinees.kinds[0].like[0]))
                cr_skip_test("MATCHGUARD_EXACT_ENGINE names no engine on a device");
}

static void set_up(void)
{
        start(0);
}

static void set_up_small(void)
{
        start(SMALL_MEMORY);
}

static void tear_down(void)
{
        examinees_end(&examinees);
        maps_fd = fd_close(maps_fd);
        (void)printf("%zu lists compared\n", n_lists);
}

TestSuite(exact_device, .init = set_up, .fini = tear_down, .timeout = 3600);
TestSuite(exact_device_small, .init = set_up_small, .fini = tear_down, .timeout = 3600);

static size_t below(size_t n)
{
        return scratch_random(&chance) % n;
}

static Examinee *device(void)
{
        return &examinees.kinds[0].like[0];
}

static const Examinee *processor(void)
{
        return &examinees.kinds[examinees.n - 1].like[0];
}

static void take(Exam *exam)
{
        exam_take(exam, device(), &chance);
        n_lists += exam->n_lists;
        exam->n_lists = 0;
}

static void end_exam(Exam *exam)
{
        engine_forget(device()->engine, exam->stored->templates.identity);
        exam_free(exam);
}

/* A removal is synced before it is answered; whatever else changed is seen at the next search. */
Test(exact_device, follows_each_change)
{
        for (size_t round = 0; round < exam_effort(8); round++) {
                Exam *exam = exam_new(&(ExamShape){.kind = &awkward_kinds[below(awkward_n_kinds)],
                                                   .n_rows = 1500,
                                                   .dimension = 1 + below(100),
                                                   .dead = 10,
                                                   .n_questions = 12,
                                                   .n_later = 1 + below(1400)},
                                      &chance);
                for (size_t change = 0; change < 12; change++) {
                        take(exam);
                        exam_change(exam, &chance);
                        if (below(2))
                                engine_sync(device()->engine, &exam->stored->templates);
                }
                take(exam);
                end_exam(exam);
        }
}

/* A gallery that takes another's place in memory, row for row: as after a compaction. */
Test(exact_device, knows_galleries_by_their_identity)
{
        const ExamShape shape = {
                .kind = awkward_kind("clustered"), .n_rows = 500, .dimension = 64, .n_questions = 20};
        Exam *exam = exam_new(&shape, &chance);

        take(exam);
        for (size_t round = 0; round < exam_effort(10); round++) {
                Exam *next = exam_new(&shape, &chance);
                size_t size = next->crowd->n / CODES_ROWS * codes_block_size(shape.dimension);
                uint8_t *blocks = exam->stored->blocks;
                if (below(2))
                        engine_forget(device()->engine, exam->stored->templates.identity);
                memcpy(blocks, next->stored->blocks, size + codes_block_size(shape.dimension));
                exam->stored->blocks = next->stored->blocks;
                next->stored->templates.blocks = next->stored->blocks = blocks;
                take(next);
                exam_free(exam);
                exam = next;
        }
        end_exam(exam);
}

static void check_memory(void)
{
        EngineState state;

        engine_state(device()->engine, &state);
        cr_assert(state.memory > 0 && state.memory <= SMALL_MEMORY, "%llu bytes",
                  (unsigned long long)state.memory);
        cr_assert_leq(state.used, state.memory, "%llu of %llu bytes", (unsigned long long)state.used,
                      (unsigned long long)state.memory);
}

/* Beside another gallery, with which it shares what there is. */
Test(exact_device_small, answers_alike_with_less_memory_than_galleries_take)
{
        static const struct {
                size_t n_rows, dimension;
        } shapes[] = {{30000, 16}, {5000, 512}, {300, 4096}, {20000, 5},
                      {130, 512},  {3000, 200}, {100, 4096}};
        Exam *other = NULL;

        for (size_t round = 0; round < exam_effort(ARRAY_SIZE(shapes)); round++) {
                size_t which = round % ARRAY_SIZE(shapes);
                Exam *exam = exam_new(&(ExamShape){.kind = &awkward_kinds[below(awkward_n_kinds)],
                                                   .n_rows = shapes[which].n_rows,
                                                   .dimension = shapes[which].dimension,
                                                   .dead = 20,
                                                   .n_questions = 30,
                                                   .n_later = below(100)},
                                      &chance);
                for (size_t again = 0; again < 3; again++) {
                        take(exam);
                        check_memory();
                        if (other)
                                take(other);
                        check_memory();
                        exam_change(exam, &chance);
                        engine_sync(device()->engine, &exam->stored->templates);
                }
                if (other)
                        end_exam(other);
                other = exam;
        }
        end_exam(other);
}

/* ------------------------------------------------------------------------------------------ what is left in memory */

enum { MAPS_MAX = 1 << 20, GROUPS_MAX = CODES_DIMENSION_MAX / 4, LARGEST_MAPPING = 1 << 30 };

/* What a row's code is, closer together than it is stored, so that this here is not found. */
typedef struct Trace {
        uint32_t groups[GROUPS_MAX];
        size_t n;
} Trace;

static Trace trace_of(const Exam *exam, size_t row)
{
        const uint8_t *block = stored_block(exam->stored, row);
        Trace trace = {.n = (exam->crowd->dimension + 3) / 4};

        for (size_t i = 0; i < trace.n; i++)
                memcpy(&trace.groups[i], block + (i * CODES_ROWS + row % CODES_ROWS) * 4, 4);
        return trace;
}

__attribute__((no_sanitize("address"))) static size_t count_between(const Trace *trace, const uint32_t *from,
                                                                    const uint32_t *until)
{
        size_t span = (trace->n - 1) * CODES_ROWS, n = 0;

        for (; from + span < until; from++) {
                size_t i = 0;
                while (i < trace->n && from[i * CODES_ROWS] == trace->groups[i])
                        i++;
                n += i == trace->n;
        }
        return n;
}

static char *read_maps(void)
{
        char *text = malloc(MAPS_MAX);
        size_t size = 0;
        ssize_t n;

        cr_assert_not_null(text);
        while ((n = pread(maps_fd, text + size, MAPS_MAX - 1 - size, (off_t)size)) > 0)
                size += (size_t)n;
        cr_assert(n == 0 && size > 0 && size < MAPS_MAX - 1);
        text[size] = '\0';
        return text;
}

/* How often the code stands in what this process has written: its galleries, and the device's where that is the processor. */
static size_t count_everywhere(const Trace *trace)
{
        char *maps = read_maps(), *rest = maps;
        size_t n = 0;

        for (char *line; (line = strsep(&rest, "\n")) && *line;) {
                unsigned long from, until;
                char access[5];
                cr_assert_eq(sscanf(line, "%lx-%lx %4s", &from, &until, access), 3);
                if (strncmp(access, "rw", 2) == 0 && until - from <= LARGEST_MAPPING)
                        n += count_between(trace, (const uint32_t *)from, (const uint32_t *)until);
        }
        free(maps);
        return n;
}

/* A gallery that was searched: of each template there is the one code here, and the one there. */
static Exam *searched_exam(size_t n_rows)
{
        Exam *exam = exam_new(&(ExamShape){.kind = awkward_kind("random"),
                                           .n_rows = n_rows,
                                           .dimension = 128,
                                           .n_questions = 20},
                              &chance);

        if (strncmp(engine_name(device()->engine), "opencl/cpu", strlen("opencl/cpu")) != 0)
                cr_skip_test("the device's memory is not this process'");
        take(exam);
        return exam;
}

static void remove_row(Exam *exam, size_t row)
{
        exam->crowd->subjects[row] = SUBJECTS_NONE;
        stored_write(exam->stored, exam->crowd, row);
        engine_sync(device()->engine, &exam->stored->templates);
}

Test(exact_device, has_nothing_of_what_was_removed)
{
        Exam *exam = searched_exam(700);

        for (size_t row = 0; row < 700; row += 1 + below(1400 / exam_effort(14))) {
                Trace trace = trace_of(exam, row);
                cr_assert_eq(count_everywhere(&trace), 2, "the copy is not found, or is not the only one");
                remove_row(exam, row);
                cr_assert_eq(count_everywhere(&trace), 0, "row %zu is left on the device", row);
        }
        end_exam(exam);
}

Test(exact_device, has_nothing_of_a_gallery_that_is_forgotten)
{
        Exam *exam = searched_exam(700), *other = searched_exam(300);
        Trace trace = trace_of(exam, 699), others = trace_of(other, 0);

        engine_forget(device()->engine, exam->stored->templates.identity);
        cr_assert_eq(count_everywhere(&trace), 1);
        cr_assert_eq(count_everywhere(&others), 2);
        device()->engine = engine_free(device()->engine);
        cr_assert_eq(count_everywhere(&others), 1);
        exam_free(exam);
        exam_free(other);
}

/* Of a gallery that goes through in parts any row may have stayed there. */
Test(exact_device_small, has_nothing_of_what_was_removed)
{
        Exam *exam = searched_exam(6000);

        for (size_t row = 0; row < 6000; row += 1 + below(12000 / exam_effort(15))) {
                Trace trace = trace_of(exam, row);
                cr_assert_leq(count_everywhere(&trace), 2);
                remove_row(exam, row);
                cr_assert_eq(count_everywhere(&trace), 0, "row %zu is left on the device", row);
        }
        end_exam(exam);
}

/* ------------------------------------------------------------------------------------------ as large as is wished for */

Test(exact_device, on_one_large_gallery)
{
        const char *given = getenv("MATCHGUARD_EXACT_LARGE");

        if (!given)
                cr_skip_test("MATCHGUARD_EXACT_LARGE does not say how large");
        Exam *exam = exam_new(&(ExamShape){.kind = awkward_kind("clustered"),
                                           .n_rows = strtoul(given, NULL, 10),
                                           .dimension = LARGE_DIMENSION,
                                           .dead = 10,
                                           .n_questions = LARGE_QUESTIONS,
                                           .n_brute = LARGE_BRUTE},
                              &chance);
        exam_believe(exam, processor());
        exam_take(exam, processor(), &chance);
        for (size_t round = 0; round < 3; round++)
                take(exam);
        end_exam(exam);
}
