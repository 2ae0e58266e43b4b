/*
 * The engine on a device that is played (played-device.h): which one is chosen, that answers are the processor's to the bit whatever the
 * device finds, fails at, has no room for or lies about, and that the caller keeps to what worker/device.h says.
 */

#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "exam.h"
#include "played-device.h"
#include "scratch.h"
#include "worker/accelerator.h"
#include "worker/kernel.h"

static const char *const isas[] = {"avx512-vnni", "avx2", "scalar"};
static uint64_t chance;
static PlayedControl *cuda, *opencl; /* the two drivers there are */

static const char *folder(void)
{
        const char *modules = getenv("MATCHGUARD_PLAYED_MODULES");

        cr_assert_not_null(modules);
        return modules;
}

static PlayedControl *control_of(const char *engine)
{
        char path[4096];

        (void)snprintf(path, sizeof(path), "%s/engine-%s.so", folder(), engine);
        void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        cr_assert_not_null(module, "%s", dlerror());
        PlayedControl *control = dlsym(module, PLAYED_SYMBOL);
        cr_assert_not_null(control);
        return control;
}

static DeviceFacts facts_of(const char *name, bool is_gpu)
{
        DeviceFacts facts = {.is_gpu = is_gpu, .memory = 1 << 28, .largest = 1 << 26};

        (void)snprintf(facts.name, sizeof(facts.name), "%s", name);
        (void)snprintf(facts.kind, sizeof(facts.kind), "%s", is_gpu ? "gpu" : "cpu");
        return facts;
}

/* Of CUDA nothing is there; of OpenCL a processor and two GPUs. */
static void set_up(void)
{
        diag_set_level((DiagLevel)(DIAG_ERROR - 1)); /* What fails here is to fail. */
        cuda = control_of("cuda");
        opencl = control_of("opencl");
        cuda->n_devices = 0;
        opencl->n_devices = 3;
        opencl->facts[0] = facts_of("Abacus 1", false);
        opencl->facts[1] = facts_of("Rosewood GPU", true);
        opencl->facts[2] = facts_of("Boxwood GPU", true);
}

static void tear_down(void)
{
        cr_assert_null(cuda->violation, "%s", cuda->violation);
        cr_assert_null(opencl->violation, "%s", opencl->violation);
        cr_assert(opencl->n_open == 0 && opencl->n_memories == 0 && cuda->n_open == 0);
}

TestSuite(accelerator, .init = set_up, .fini = tear_down, .timeout = 240);

/* ------------------------------------------------------------------------------------------------
 * which */

static EngineOptions options_of(const char *engine, const char *device)
{
        return (EngineOptions){
                .engine = engine, .isa = "auto", .n_threads = 2, .device = device, .modules = folder()};
}

static Engine *engine_of(const EngineOptions *options)
{
        Engine *engine = NULL;

        cr_assert_eq(engine_new(options, &engine), 0);
        return engine;
}

static void expect_chosen(const char *engine, const char *device, const char *name, const char *chosen)
{
        EngineOptions options = options_of(engine, device);
        Engine *found = engine_of(&options);
        EngineState state;

        engine_state(found, &state);
        cr_expect_str_eq(engine_name(found), name);
        cr_expect_str_eq(state.name, name);
        cr_expect_str_eq(state.device, chosen);
        cr_expect_eq(strncmp(engine_fallback(found), "cpu/", 4), 0);
        cr_expect_eq(engine_batch(found), (size_t)(chosen[0] ? ENGINE_BATCH_MAX : ENGINE_BATCH_CPU));
        engine_free(found);
}

static void expect_refused(const char *engine, const char *device, const char *why)
{
        DeviceWhy said = {""};
        EngineOptions options = options_of(engine, device);
        Engine *none = NULL;

        options.ret_why = &said;
        cr_expect_eq(engine_new(&options, &none), ENGINE_E_DEVICE);
        cr_expect_null(none);
        cr_expect(strstr(said.text, why), "'%s' and not '%s'", said.text, why);
}

Test(accelerator, a_gpu_is_taken_where_nobody_says_what)
{
        expect_chosen("auto", NULL, "opencl/gpu", "Rosewood GPU");
        cuda->n_devices = 1;
        cuda->facts[0] = facts_of("Teak GPU", true);
        expect_chosen("auto", NULL, "cuda/gpu", "Teak GPU");
        cuda->broken = 1;
        expect_chosen("auto", NULL, "opencl/gpu", "Rosewood GPU");
        opencl->broken = 2;
        expect_chosen("auto", NULL, "opencl/gpu", "Boxwood GPU");
}

static const char *cpu_name(void)
{
        static char name[32];

        (void)snprintf(name, sizeof(name), "cpu/%s", scan_pick("auto")->name);
        return name;
}

Test(accelerator, the_processor_is_taken_where_there_is_no_gpu)
{
        opencl->n_devices = 1;
        expect_chosen("auto", NULL, cpu_name(), "");
        opencl->n_devices = 3;
        expect_chosen("cpu", NULL, cpu_name(), "");
        opencl->broken = 3;
        expect_chosen("auto", NULL, cpu_name(), "");
        expect_chosen("auto", "Mahogany", cpu_name(), "");
}

Test(accelerator, a_device_is_taken_by_its_number_or_a_part_of_its_name)
{
        expect_chosen("opencl", NULL, "opencl/gpu", "Rosewood GPU");
        expect_chosen("opencl", "0", "opencl/cpu", "Abacus 1");
        expect_chosen("opencl", "2", "opencl/gpu", "Boxwood GPU");
        expect_chosen("opencl", "abacus", "opencl/cpu", "Abacus 1");
        expect_chosen("auto", "box", "opencl/gpu", "Boxwood GPU");
        opencl->n_devices = 1;
        expect_chosen("opencl", NULL, "opencl/cpu", "Abacus 1");
}

static void expect_memory(uint64_t wish, uint64_t memory)
{
        EngineOptions options = options_of("opencl", "1");
        options.device_memory = wish;
        Engine *engine = engine_of(&options);
        EngineState state;

        engine_state(engine, &state);
        cr_expect_eq(state.memory, memory, "%" PRIu64 " of a wish of %" PRIu64, state.memory, wish);
        engine_free(engine);
}

Test(accelerator, templates_may_take_no_more_memory_than_there_is)
{
        expect_memory(0, (1 << 28) / 10 * 9);
        expect_memory(1 << 20, 1 << 20);
        expect_memory(UINT64_MAX, 1 << 28);
}

Test(accelerator, says_why_there_is_none)
{
        expect_refused("cuda", NULL, "cuda cannot be used: there is no device");
        expect_refused("opencl", "3",
                       "there is no device '3', but 0 (Abacus 1), 1 (Rosewood GPU), 2 (Boxwood GPU)");
        expect_refused("opencl", "teak", "there is no device 'teak'");
        expect_refused("opencl", "wood",
                       "'wood' may be any of 1 (Rosewood GPU), 2 (Boxwood GPU); say a number");
        opencl->broken = 3;
        expect_refused("opencl", "2", "opencl device 2 (Boxwood GPU) does not work: it is broken");
        opencl->driver->version++;
        expect_refused("opencl", NULL, "engine-opencl.so is not of this version");
        opencl->driver->version--;
        opencl->fails_with = -EIO;
        opencl->fails_at = opencl->n_calls + 1;
        expect_refused("opencl", NULL, "opencl cannot be used: list: played");
        Engine *none = NULL;
        DeviceWhy why;
        EngineOptions options = {.engine = "opencl", .isa = "auto", .modules = "/nowhere", .ret_why = &why};
        cr_expect_eq(engine_new(&options, &none), ENGINE_E_DEVICE);
        cr_expect(strstr(why.text, "/nowhere/engine-opencl.so"), "%s", why.text);
        options.modules = NULL;
        cr_expect_eq(engine_new(&options, &none), ENGINE_E_DEVICE);
}

Test(accelerator, one_that_computes_something_else_is_not_trusted)
{
        opencl->computes_wrong = true;
        expect_refused("opencl", "1", "it computes something else than the processor");
        expect_chosen("auto", NULL, cpu_name(), "");
}

typedef struct Listed {
        size_t n;
        char text[512];
} Listed;

static void write_down(const char *engine, size_t number, const DeviceFacts *facts, const char *why,
                       void *userdata)
{
        Listed *listed = userdata;

        listed->n += (size_t)snprintf(listed->text + listed->n, sizeof(listed->text) - listed->n,
                                      "%s %zu %s|", engine, number, facts ? facts->name : why);
}

Test(accelerator, lists_what_there_is)
{
        Listed listed = {};

        cuda->fails_at = cuda->n_calls + 1;
        cuda->fails_with = -EIO;
        accelerator_list(folder(), write_down, &listed);
        cr_expect_str_eq(listed.text,
                         "cuda 0 list: played|opencl 0 Abacus 1|opencl 1 Rosewood GPU|opencl 2 Boxwood GPU|");
}

/* ------------------------------------------------------------------------------------------------
 * exactly as the processor */

static void take(Exam *exam, const char *isa, size_t n_threads)
{
        EngineOptions options = options_of("opencl", "1");
        Engine *engine = NULL;
        EngineState state;

        options.isa = isa;
        options.n_threads = n_threads;
        int r = engine_new(&options, &engine);
        if (r == ENGINE_E_UNKNOWN)
                return; /* not of this machine */
        cr_assert_eq(r, 0);
        exam_take(exam, &(Examinee){engine, n_threads, "opencl"}, &chance);
        engine_state(engine, &state);
        cr_assert_str_eq(state.failure, "");
        cr_assert_eq(opencl->n_probes, 0);
        engine_free(engine);
}

Test(accelerator, answers_as_the_processor_does_on_galleries_of_every_kind)
{
        chance = 101;
        for (size_t i = 0; i < awkward_n_kinds; i++) {
                Exam *exam = exam_new(&(ExamShape){.kind = &awkward_kinds[i],
                                                   .n_rows = 400 + scratch_random(&chance) % 800,
                                                   .dimension = 1 + scratch_random(&chance) % 70,
                                                   .dead = i % 2 ? 40 : 0,
                                                   .n_questions = exam_effort(36)},
                                      &chance);
                take(exam, isas[i % ARRAY_SIZE(isas)], 1 + i % 3);
                exam_free(exam);
        }
        cr_assert_gt(opencl->n_scans, 100);
}

Test(accelerator, answers_as_the_processor_does_on_galleries_of_few_rows)
{
        static const size_t counts[] = {1, 2, 63, 64, 65, 128, 129};

        chance = 102;
        for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
                Exam *exam = exam_new(&(ExamShape){.kind = &awkward_kinds[i % awkward_n_kinds],
                                                   .n_rows = counts[i],
                                                   .dimension = 33,
                                                   .dead = i % 3 == 0 ? 256 : 60,
                                                   .n_questions = 20},
                                      &chance);
                take(exam, "auto", 2);
                exam_free(exam);
        }
}

/* Return: how many rounds there were for a query that found as much as it wanted; 0: it did not. */
static size_t ask_alone(const Exam *exam, const ExamQuestion *question, Engine *engine)
{
        EngineQuery query = exam_query(exam, question);

        opencl->n_scans = 0;
        cr_assert_eq(engine_search(engine, &exam->stored->templates, &query, 1, NULL), 0);
        exam_compare(exam, question, &query, "near-duplicates");
        free(query.ret_hits);
        return query.n_hits == query.k ? opencl->n_scans : 0;
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
        EngineOptions options = options_of("opencl", "1");
        Engine *engine = NULL;
        size_t n_looked_at = 0;

        options.isa = crush->isa;
        options.device_memory = crush->memory * codes_block_size(crush->dimension);
        int r = engine_new(&options, &engine);
        if (r == ENGINE_E_UNKNOWN)
                return 0; /* not of this machine */
        cr_assert_eq(r, 0);
        Exam *exam = exam_new(&shape, &chance);
        for (size_t i = 0; i < exam->n; i++) {
                size_t n_rounds = ask_alone(exam, &exam->questions[i], engine);
                cr_expect_leq(n_rounds, crush->n_rounds, "'%s': %zu", crush->kind, n_rounds);
                n_looked_at += n_rounds > 1;
        }
        engine_free(engine);
        exam_free(exam);
        return n_looked_at;
}

Test(accelerator, leaves_near_duplicates_to_the_processor)
{
        static const Crush crushes[] = {
                {"same", "auto", 24, 0, 5},       {"last bit", "scalar", 24, 0, 5},
                {"last bit", "auto", 24, 200, 9}, {"within a millionth", "avx2", 24, 0, 5},
                {"signs", "scalar", 16, 0, 1000}, {"signs", "avx2", 16, 0, 1000},
        };
        size_t n_looked_at = 0;

        chance = 103;
        for (size_t i = 0; i < ARRAY_SIZE(crushes); i++)
                n_looked_at += crush(&crushes[i]);
        cr_assert_gt(n_looked_at, 20);
}

/* ------------------------------------------------------------------------------------------------
 * a search that is looked at closely */

enum { ROWS = 3001, DIMENSION = 40, QUESTIONS = 24 };

/* The gallery has some 47 blocks. */
#define SOME_MEMORY (20 * codes_block_size(DIMENSION))

/* Questions to a gallery, and an engine on the played device. */
typedef struct Case {
        Exam *exam;
        Engine *engine;
        EngineQuery queries[QUESTIONS];
        EngineRun run;
        size_t n_calls; /* of the driver's, in the last search */
} Case;

/* Another engine for the same questions. */
static void begin(Case *one, uint64_t memory)
{
        EngineOptions options = options_of("opencl", "1");

        options.device_memory = memory;
        engine_free(one->engine);
        one->engine = engine_of(&options);
}

static Case case_new(const char *kind, uint64_t memory)
{
        ExamShape shape = {.kind = awkward_kind(kind),
                           .n_rows = ROWS,
                           .dimension = DIMENSION,
                           .dead = 20,
                           .n_questions = QUESTIONS};
        Case one = {.exam = exam_new(&shape, &chance)};

        begin(&one, memory);
        return one;
}

static void case_free(Case *one)
{
        engine_free(one->engine);
        exam_free(one->exam);
}

/* All questions at once; the answers are right, whoever gives them. */
static void search(Case *one)
{
        size_t n_calls = opencl->n_calls;

        for (size_t i = 0; i < QUESTIONS; i++)
                one->queries[i] = exam_query(one->exam, &one->exam->questions[i]);
        cr_assert_eq(
                engine_search(one->engine, &one->exam->stored->templates, one->queries, QUESTIONS, &one->run),
                0);
        for (size_t i = 0; i < QUESTIONS; i++) {
                exam_compare(one->exam, &one->exam->questions[i], &one->queries[i], one->run.name);
                free(one->queries[i].ret_hits);
        }
        one->n_calls = opencl->n_calls - n_calls;
        cr_assert_eq(opencl->n_probes, 0, "the probes of a search are still there");
}

static void expect_device(Case *one)
{
        EngineState state;

        engine_state(one->engine, &state);
        cr_assert_str_eq(one->run.name, "opencl/gpu");
        cr_assert_str_eq(state.name, "opencl/gpu");
        cr_assert_str_eq(state.failure, "");
        cr_assert_eq(opencl->n_open, 1);
}

static void expect_fallback(Case *one, const char *failure)
{
        EngineState state;

        engine_state(one->engine, &state);
        cr_assert_str_eq(one->run.name, cpu_name());
        cr_assert_eq(one->run.nanoseconds, 0);
        cr_assert_str_eq(state.name, cpu_name());
        cr_assert_str_eq(state.device, "Rosewood GPU");
        cr_assert(strstr(state.failure, failure), "'%s' and not '%s'", state.failure, failure);
        cr_assert_eq(state.used, 0);
        cr_assert_str_eq(engine_name(one->engine), "opencl/gpu");
        cr_assert_eq(engine_batch(one->engine), (size_t)ENGINE_BATCH_CPU);
        cr_assert(opencl->n_open == 0 && opencl->n_memories == 0);
}

Test(accelerator, tells_how_long_the_device_worked_and_what_is_there)
{
        EngineState state;

        chance = 104;
        Case one = case_new("random", 0);
        opencl->nanoseconds = 1000;
        opencl->n_scans = 0;
        search(&one);
        expect_device(&one);
        cr_expect_eq(one.run.nanoseconds, 1000 * opencl->n_scans);
        engine_state(one.engine, &state);
        cr_expect_eq(state.memory, opencl->facts[1].memory / 10 * 9);
        cr_expect_geq(state.used, (ROWS + 63) / 64 * codes_block_size(DIMENSION));
        engine_forget(one.engine, one.exam->stored->templates.identity);
        engine_state(one.engine, &state);
        cr_expect_eq(state.used, 0);
        cr_expect_eq(opencl->n_memories, 0);
        case_free(&one);
}

Test(accelerator, a_gallery_larger_than_its_memory_goes_through_in_parts)
{
        chance = 105;
        Case one = case_new("clustered", SOME_MEMORY);
        opencl->n_scanned = 0;
        search(&one);
        search(&one);
        expect_device(&one);
        cr_expect_geq(opencl->n_scanned, 2 * (ROWS / 64), "all of it was scanned on the device");
        cr_expect_leq(opencl->used, SOME_MEMORY);
        case_free(&one);
}

/* A search whose call of that number fails; 0: none. Return: how many there are. */
static size_t fail_at(Case *one, size_t call, bool is_there)
{
        begin(one, SOME_MEMORY);
        if (is_there)
                search(one);
        opencl->fails_with = -EIO;
        opencl->fails_at = call == 0 ? 0 : opencl->n_calls + call;
        search(one);
        size_t n_calls = one->n_calls;
        if (call == 0)
                return n_calls;
        expect_fallback(one, "played");
        search(one);
        expect_fallback(one, "played");
        return n_calls;
}

/* Also of a search that finds the gallery there already. Many calls in the middle are alike. */
Test(accelerator, a_device_that_fails_at_any_call_leaves_the_answer_to_the_processor)
{
        chance = 106;
        Case one = case_new("random", SOME_MEMORY);
        for (size_t is_there = 0; is_there <= 1; is_there++) {
                size_t n_calls = fail_at(&one, 0, is_there);
                cr_assert_gt(n_calls, 8);
                for (size_t call = 1; call <= n_calls;
                     call += call < 8 || call + 4 >= n_calls ? 1 : n_calls / 8 + 1)
                        (void)fail_at(&one, call, is_there);
                (void)fail_at(&one, n_calls, is_there);
        }
        case_free(&one);
}

/* Of the calls that may say so each is asked again at the next search; the others fail. A smaller piece of memory may do. */
Test(accelerator, a_device_without_room_leaves_one_answer_to_the_processor)
{
        static const char *const calls[] = {"allocate", "set_probes", "scan", "write"};
        size_t counts[ARRAY_SIZE(calls)] = {};

        chance = 107;
        Case one = case_new("random", SOME_MEMORY);
        search(&one);
        for (size_t call = 1, n_calls = one.n_calls; call < n_calls; call += 1 + call / 8) {
                begin(&one, SOME_MEMORY);
                opencl->fails_with = -ENOMEM;
                opencl->fails_at = opencl->n_calls + call;
                search(&one);
                opencl->fails_at = 0;
                for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
                        counts[i] += strcmp(opencl->failed, calls[i]) == 0;
                if (strcmp(opencl->failed, "allocate") != 0)
                        cr_assert_str_eq(one.run.name, cpu_name(), "%s", opencl->failed);
                search(&one);
                if (strcmp(opencl->failed, "write") != 0 && strcmp(opencl->failed, "release") != 0)
                        expect_device(&one);
        }
        for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
                cr_expect_gt(counts[i], 0, "%s", calls[i]);
        case_free(&one);
}

Test(accelerator, a_device_that_lies_has_failed)
{
        chance = 108;
        Case one = case_new("random", 0);
        for (PlayedLie lie = PLAYED_TRUTH + 1; lie < _PLAYED_LIE_MAX; lie++) {
                begin(&one, 0);
                opencl->lie = lie;
                search(&one);
                cr_assert_eq(opencl->lie, PLAYED_TRUTH, "lie %d was not told", (int)lie);
                expect_fallback(&one, "it found rows that are not there");
        }
        case_free(&one);
}

/* ------------------------------------------------------------------------------------------------
 * what else may happen */

Test(accelerator, tells_the_log_once_what_failed_and_what_to_do)
{
        int ends[2], saved = dup(STDERR_FILENO);
        char text[4096] = "";

        chance = 109;
        Case one = case_new("random", 0);
        diag_set_level(DIAG_ERROR);
        cr_assert(saved >= 0 && pipe(ends) == 0 && dup2(ends[1], STDERR_FILENO) >= 0);
        opencl->fails_with = -EIO;
        opencl->fails_at = opencl->n_calls + 4;
        search(&one);
        search(&one);
        cr_assert(dup2(saved, STDERR_FILENO) >= 0);
        cr_assert_gt(read(ends[0], text, sizeof(text) - 1), 0);
        const char *message = strstr(text, "The device Rosewood GPU (opencl/gpu) has failed: ");
        cr_assert_not_null(message, "%s", text);
        cr_expect(strstr(message, opencl->failed) && strstr(message, ": played. The processor (cpu/"));
        cr_expect_not_null(strstr(message, "restart matchguard-worker to try the device again.\n"));
        cr_expect_null(strchr(strchr(text, '\n') + 1, '\n'), "%s", text);
        close(saved);
        close(ends[0]);
        close(ends[1]);
        case_free(&one);
}

Test(accelerator, a_device_that_cannot_overwrite_what_was_removed_is_given_up)
{
        for (size_t i = 0; i < 2; i++) {
                chance = 110;
                Case one = case_new("random", 0);
                search(&one);
                expect_device(&one);
                opencl->fails_with = -EIO;
                opencl->fails_at = opencl->n_calls + 1;
                if (i == 0) {
                        one.exam->crowd->subjects[5] = SUBJECTS_NONE;
                        stored_write(one.exam->stored, one.exam->crowd, 5);
                        engine_sync(one.engine, &one.exam->stored->templates);
                } else {
                        engine_forget(one.engine, one.exam->stored->templates.identity);
                }
                EngineQuery none = exam_query(one.exam, &one.exam->questions[0]);
                cr_assert_eq(engine_search(one.engine, &one.exam->stored->templates, &none, 1, &one.run), 0);
                free(none.ret_hits);
                expect_fallback(&one, "played");
                case_free(&one);
        }
}

/* After so many rounds some are told to stop; the others have their answers. */
static void stop_some(Case *one, size_t n_rounds)
{
        atomic_int stop = n_rounds == 0;

        opencl->stop = &stop;
        opencl->stops_at = opencl->n_scans + n_rounds;
        for (size_t i = 0; i < QUESTIONS; i++) {
                one->queries[i] = exam_query(one->exam, &one->exam->questions[i]);
                one->queries[i].stop = i % 2 ? &stop : NULL;
        }
        cr_assert_eq(
                engine_search(one->engine, &one->exam->stored->templates, one->queries, QUESTIONS, &one->run),
                0);
        for (size_t i = 0; i < QUESTIONS; i++) {
                if (i % 2)
                        cr_assert(one->queries[i].result == ENGINE_E_STOPPED && one->queries[i].n_hits == 0);
                else
                        exam_compare(one->exam, &one->exam->questions[i], &one->queries[i],
                                     "where others stop");
                free(one->queries[i].ret_hits);
        }
        opencl->stop = NULL;
}

Test(accelerator, a_query_stops_between_rounds_and_others_go_on)
{
        chance = 111;
        Case one = case_new("clustered", 0);
        stop_some(&one, 0);
        stop_some(&one, 1);
        expect_device(&one);
        case_free(&one);
}

Test(accelerator, nothing_is_scanned_for_queries_that_were_stopped_before)
{
        atomic_int stop = 1;

        chance = 112;
        Case one = case_new("random", 0);
        EngineQuery query = exam_query(one.exam, &one.exam->questions[0]);
        query.stop = &stop;
        opencl->n_scans = 0;
        cr_assert_eq(engine_search(one.engine, &one.exam->stored->templates, &query, 1, NULL), 0);
        cr_expect_eq(query.result, ENGINE_E_STOPPED);
        cr_expect_eq(opencl->n_scans, 0);
        free(query.ret_hits);
        case_free(&one);
}

/* As many as there may be, each query with one probe or with all of them together. */
static void ask_for_many(size_t n_probes)
{
        Case one = case_new("random", 0);
        size_t n = ENGINE_BATCH_MAX / n_probes, stride = KERNEL_PADDED(DIMENSION);
        EngineQuery *queries = calloc(n, sizeof(EngineQuery));
        float *probes = calloc(ENGINE_BATCH_MAX * stride, sizeof(float));
        double *squares = calloc(ENGINE_BATCH_MAX, sizeof(double));
        ExamQuestion *questions = calloc(n, sizeof(ExamQuestion));
        BruteHit *expected = calloc(ROWS, sizeof(BruteHit));
        float *plain = calloc(ENGINE_BATCH_MAX * DIMENSION, sizeof(float));

        for (size_t i = 0; i < ENGINE_BATCH_MAX; i++) {
                awkward_probe(one.exam->crowd, &chance, plain + i * DIMENSION);
                cr_assert(kernel_read_vector((uint8_t *)(plain + i * DIMENSION), DIMENSION,
                                             probes + i * stride, &squares[i]));
        }
        for (size_t i = 0; i < n; i++) {
                questions[i] = (ExamQuestion){.plain = {.probes = plain + i * n_probes * DIMENSION,
                                                        .n_probes = n_probes,
                                                        .but = SUBJECTS_NONE,
                                                        .floor = -1,
                                                        .k = 3},
                                              .padded = probes + i * n_probes * stride,
                                              .squares = squares + i * n_probes};
                queries[i] = exam_query(one.exam, &questions[i]);
        }
        cr_assert_eq(engine_search(one.engine, &one.exam->stored->templates, queries, n, &one.run), 0);
        expect_device(&one);
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
        case_free(&one);
}

Test(accelerator, takes_a_thousand_probes_at_once)
{
        chance = 113;
        ask_for_many(1);
        ask_for_many(ENGINE_PROBES_MAX);
}

Test(accelerator, a_device_that_fails_leaves_a_thousand_probes_to_the_processor)
{
        chance = 114;
        opencl->facts[1].memory = 1 << 28;
        Case one = case_new("random", 0);
        EngineQuery *queries = calloc(ENGINE_BATCH_MAX, sizeof(EngineQuery));

        for (size_t i = 0; i < ENGINE_BATCH_MAX; i++) {
                queries[i] = exam_query(one.exam, &one.exam->questions[0]);
                queries[i].n_probes = 1;
        }
        opencl->fails_with = -EIO;
        opencl->fails_at = opencl->n_calls + 4;
        cr_assert_eq(
                engine_search(one.engine, &one.exam->stored->templates, queries, ENGINE_BATCH_MAX, &one.run),
                0);
        expect_fallback(&one, "played");
        for (size_t i = 0; i < ENGINE_BATCH_MAX; i++) {
                cr_assert(queries[i].result == 0 && queries[i].n_hits == queries[0].n_hits);
                cr_assert_eq(memcmp(queries[i].ret_hits, queries[0].ret_hits,
                                    queries[0].n_hits * sizeof(EngineHit)),
                             0);
        }
        for (size_t i = 0; i < ENGINE_BATCH_MAX; i++)
                free(queries[i].ret_hits);
        free(queries);
        case_free(&one);
}

static void *sync_all_the_time(void *userdata)
{
        Case *one = userdata;
        EngineState state;

        for (size_t i = 0; i < 2000; i++) {
                engine_sync(one->engine, &one->exam->stored->templates);
                if (i % 16 == 0)
                        engine_forget(one->engine, one->exam->stored->templates.identity);
                engine_state(one->engine, &state);
                cr_assert_str_eq(state.failure, "");
        }
        return NULL;
}

Test(accelerator, changes_and_searches_use_the_device_in_turns)
{
        pthread_t thread;

        chance = 115;
        Case one = case_new("clustered", SOME_MEMORY);
        cr_assert_eq(pthread_create(&thread, NULL, sync_all_the_time, &one), 0);
        for (size_t i = 0; i < exam_effort(20); i++)
                search(&one);
        cr_assert_eq(pthread_join(thread, NULL), 0);
        expect_device(&one);
        case_free(&one);
}
