/*
 * A device that fails at any call, has no room, or lies: the processor answers, the same to the bit, and says so. And what is left on a device,
 * or in memory, when a search has ended.
 */

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/macro.h"
#include "played-engine.h"
#include "scratch.h"
#include "traces.h"

TestSuite(accelerator, .init = played_set_up, .fini = played_tear_down, .timeout = 600);

Test(accelerator, tells_how_long_the_device_worked_and_what_is_there)
{
        EngineState state;

        played_chance = 104;
        PlayedCase one = played_case_new("random", 0);
        played_opencl->nanoseconds = 1000;
        played_opencl->n_scans = 0;
        played_case_search(&one);
        played_case_on_device(&one);
        cr_expect_eq(one.run.nanoseconds, 1000 * played_opencl->n_scans);
        engine_state(one.engine, &state);
        cr_expect_eq(state.memory, played_opencl->facts[1].memory / 10 * 9);
        cr_expect_geq(state.used, (PLAYED_ROWS + 63) / 64 * codes_block_size(PLAYED_DIMENSION));
        engine_forget(one.engine, one.exam->stored->templates.identity);
        engine_state(one.engine, &state);
        cr_expect_eq(state.used, 0);
        cr_expect_eq(played_opencl->n_memories, 0);
        played_case_free(&one);
}

Test(accelerator, a_gallery_larger_than_its_memory_goes_through_in_parts)
{
        played_chance = 105;
        PlayedCase one = played_case_new("clustered", PLAYED_SOME_MEMORY);
        played_opencl->n_scanned = 0;
        played_case_search(&one);
        played_case_search(&one);
        played_case_on_device(&one);
        cr_expect_geq(played_opencl->n_scanned, 2 * (PLAYED_ROWS / 64),
                      "all of it was scanned on the device");
        cr_expect_leq(played_opencl->used, PLAYED_SOME_MEMORY);
        played_case_free(&one);
}

/* A search whose call of that number fails; 0: none. Return: how many there are. */
static size_t fail_at(PlayedCase *one, size_t call, bool is_there)
{
        played_case_begin(one, PLAYED_SOME_MEMORY);
        if (is_there)
                played_case_search(one);
        played_opencl->fails_with = -EIO;
        played_opencl->fails_at = call == 0 ? 0 : played_opencl->n_calls + call;
        played_case_search(one);
        size_t n_calls = one->n_calls;
        if (call == 0)
                return n_calls;
        played_case_fell_back(one, "played");
        played_case_search(one);
        played_case_fell_back(one, "played");
        return n_calls;
}

/* Also of a search that finds the gallery there already. Many calls in the middle are alike. */
Test(accelerator, a_device_that_fails_at_any_call_leaves_the_answer_to_the_processor)
{
        played_chance = 106;
        PlayedCase one = played_case_new("random", PLAYED_SOME_MEMORY);
        for (size_t is_there = 0; is_there <= 1; is_there++) {
                size_t n_calls = fail_at(&one, 0, is_there);
                cr_assert_gt(n_calls, 8);
                for (size_t call = 1; call <= n_calls;
                     call += call < 8 || call + 4 >= n_calls ? 1 : n_calls / 8 + 1)
                        (void)fail_at(&one, call, is_there);
                (void)fail_at(&one, n_calls, is_there);
        }
        played_case_free(&one);
}

/* Of the calls that may say so each is asked again at the next search; the others fail. A smaller piece of memory may do. */
Test(accelerator, a_device_without_room_leaves_one_answer_to_the_processor)
{
        static const char *const calls[] = {"allocate", "set_probes", "scan", "write"};
        size_t counts[ARRAY_SIZE(calls)] = {};

        played_chance = 107;
        PlayedCase one = played_case_new("random", PLAYED_SOME_MEMORY);
        played_case_search(&one);
        for (size_t call = 1, n_calls = one.n_calls; call < n_calls; call += 1 + call / 8) {
                played_case_begin(&one, PLAYED_SOME_MEMORY);
                played_opencl->fails_with = -ENOMEM;
                played_opencl->fails_at = played_opencl->n_calls + call;
                played_case_search(&one);
                played_opencl->fails_at = 0;
                for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
                        counts[i] += strcmp(played_opencl->failed, calls[i]) == 0;
                if (strcmp(played_opencl->failed, "allocate") != 0)
                        cr_assert_str_eq(one.run.name, played_fallback(), "%s", played_opencl->failed);
                played_case_search(&one);
                if (strcmp(played_opencl->failed, "write") != 0 &&
                    strcmp(played_opencl->failed, "release") != 0)
                        played_case_on_device(&one);
        }
        for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
                cr_expect_gt(counts[i], 0, "%s", calls[i]);
        played_case_free(&one);
}

Test(accelerator, a_device_that_lies_has_failed)
{
        played_chance = 108;
        PlayedCase one = played_case_new("random", 0);
        for (PlayedLie lie = PLAYED_TRUTH + 1; lie < _PLAYED_LIE_MAX; lie++) {
                played_case_begin(&one, 0);
                played_opencl->lie = lie;
                played_case_search(&one);
                cr_assert_eq(played_opencl->lie, PLAYED_TRUTH, "lie %d was not told", (int)lie);
                played_case_fell_back(&one, "it found rows that are not there");
        }
        played_case_free(&one);
}

/* ------------------------------------------------------------------------------------------------
 * what else may happen */

Test(accelerator, tells_the_log_once_what_failed_and_what_to_do)
{
        int ends[2], saved = dup(STDERR_FILENO);
        char text[4096] = "";

        played_chance = 109;
        PlayedCase one = played_case_new("random", 0);
        diag_set_level(DIAG_ERROR);
        cr_assert(saved >= 0 && pipe(ends) == 0 && dup2(ends[1], STDERR_FILENO) >= 0);
        played_opencl->fails_with = -EIO;
        played_opencl->fails_at = played_opencl->n_calls + 4;
        played_case_search(&one);
        played_case_search(&one);
        cr_assert(dup2(saved, STDERR_FILENO) >= 0);
        cr_assert_gt(read(ends[0], text, sizeof(text) - 1), 0);
        const char *message = strstr(text, "The device Rosewood GPU (opencl/gpu) has failed: ");
        cr_assert_not_null(message, "%s", text);
        cr_expect(strstr(message, played_opencl->failed) && strstr(message, ": played. The processor (cpu/"));
        cr_expect_not_null(strstr(message, "restart matchguard-worker to try the device again.\n"));
        cr_expect_null(strchr(strchr(text, '\n') + 1, '\n'), "%s", text);
        close(saved);
        close(ends[0]);
        close(ends[1]);
        played_case_free(&one);
}

Test(accelerator, a_device_that_cannot_overwrite_what_was_removed_is_given_up)
{
        for (size_t i = 0; i < 2; i++) {
                played_chance = 110;
                PlayedCase one = played_case_new("random", 0);
                played_case_search(&one);
                played_case_on_device(&one);
                played_opencl->fails_with = -EIO;
                played_opencl->fails_at = played_opencl->n_calls + 1;
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
                played_case_fell_back(&one, "played");
                played_case_free(&one);
        }
}

/* AddressSanitizer keeps what was on stacks, and fills memory with gigabytes of its own. */
#ifndef __SANITIZE_ADDRESS__
/* Two of what a probe becomes for a search: what is compared exactly, and what is scanned for. */
static void trace_probe(const ExamQuestion *question, Trace traces[static 2])
{
        _Alignas(64) int8_t digits[2 * 64];
        double wide[8];
        ScanProbe probe;

        for (size_t i = 0; i < ARRAY_SIZE(wide); i++)
                wide[i] = (double)question->padded[i];
        scan_probe_init(NULL, question->padded, question->squares[0], PLAYED_DIMENSION, false, digits,
                        &probe);
        traces[0] = trace_of(wide, sizeof(wide));
        traces[1] = trace_of(digits, PLAYED_DIMENSION);
        explicit_bzero(wide, sizeof(wide));
        explicit_bzero(digits, sizeof(digits));
}

/* A probe may be of a subject that is removed a moment later. */
Test(accelerator, nothing_is_left_of_probes)
{
        Trace traces[2];

        played_chance = 116;
        PlayedCase one = played_case_new("random", 0);
        for (size_t fails = 0; fails <= 1; fails++) {
                played_opencl->fails_with = -EIO;
                played_opencl->fails_at = fails ? played_opencl->n_calls + 2 : 0;
                played_case_search(&one);
                for (size_t i = 0; i < PLAYED_QUESTIONS; i += 7) {
                        trace_probe(&one.exam->questions[i], traces);
                        cr_expect_eq(traces_count(&traces[0], 1), 0, "question %zu", i);
                        cr_expect_eq(traces_count(&traces[1], 1), 0, "question %zu", i);
                }
        }
        played_case_fell_back(&one, "played");
        played_case_free(&one);
}
#endif

/* After so many rounds some are told to stop; the others have their answers. */
Test(accelerator, a_device_that_fails_leaves_a_thousand_probes_to_the_processor)
{
        played_chance = 114;
        played_opencl->facts[1].memory = 1 << 28;
        PlayedCase one = played_case_new("random", 0);
        EngineQuery *queries = calloc(ENGINE_BATCH_MAX, sizeof(EngineQuery));

        for (size_t i = 0; i < ENGINE_BATCH_MAX; i++) {
                queries[i] = exam_query(one.exam, &one.exam->questions[0]);
                queries[i].n_probes = 1;
        }
        played_opencl->fails_with = -EIO;
        played_opencl->fails_at = played_opencl->n_calls + 4;
        cr_assert_eq(
                engine_search(one.engine, &one.exam->stored->templates, queries, ENGINE_BATCH_MAX, &one.run),
                0);
        played_case_fell_back(&one, "played");
        for (size_t i = 0; i < ENGINE_BATCH_MAX; i++) {
                cr_assert(queries[i].result == 0 && queries[i].n_hits == queries[0].n_hits);
                cr_assert_eq(memcmp(queries[i].ret_hits, queries[0].ret_hits,
                                    queries[0].n_hits * sizeof(EngineHit)),
                             0);
        }
        for (size_t i = 0; i < ENGINE_BATCH_MAX; i++)
                free(queries[i].ret_hits);
        free(queries);
        played_case_free(&one);
}

static void *sync_all_the_time(void *userdata)
{
        PlayedCase *one = userdata;
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

        played_chance = 115;
        PlayedCase one = played_case_new("clustered", PLAYED_SOME_MEMORY);
        cr_assert_eq(pthread_create(&thread, NULL, sync_all_the_time, &one), 0);
        for (size_t i = 0; i < exam_effort(20); i++)
                played_case_search(&one);
        cr_assert_eq(pthread_join(thread, NULL), 0);
        played_case_on_device(&one);
        played_case_free(&one);
}
