/*
 * What the worker believes. The refusals that the real worker is put through stand in test-worker.c; here are
 * those that one check must make by itself, and the reasons given.
 */

#include <criterion/criterion.h>
#include <string.h>

#include "base/macro.h"
#include "base/text.h"
#include "played-guard.h"
#include "wire/job.h"
#include "worker/belief.h"

static PlayedGuard guard; /* of which only the log is used */
static Belief belief;

static void append_noise(size_t n)
{
        for (size_t i = 0; i < n; i++) {
                Leaf leaf = LEAF_INIT;
                leaf_set_text(&leaf, "kind", "beat");
                leaf_set_number(&leaf, "index", guard.log.n);
                (void)played_log_append(&guard.log, &leaf);
        }
}

static void set_up(void)
{
        NoteVerifier verifier;

        guard = (PlayedGuard){.fd = -1};
        played_log_init(&guard.log, "example.org/log", 7);
        cr_assert_eq(note_verifier_parse(buffer_text(&guard.log.vkey), &verifier), 0);
        belief_init(&belief, &verifier, &SEEN_INIT);
        text_hex(belief.session, sizeof(belief.session), guard.session);
        append_noise(20);
}

static void tear_down(void)
{
        played_log_deinit(&guard.log);
}

TestSuite(belief, .init = set_up, .fini = tear_down);

static void expect_checkpoint(uint64_t old_size, uint64_t size, const char *why)
{
        _cleanup_(buffer_deinit) Buffer note = BUFFER_INIT;
        const char *got = "nothing";
        CheckpointMessage message;

        played_log_checkpoint(&guard.log, old_size, size, &note, &message);
        int r = belief_checkpoint(&belief, &message, &got);
        cr_expect_eq(r, why ? BELIEF_E_REFUSED : 0);
        cr_expect_eq(belief.standing, !why);
        if (why)
                cr_expect_str_eq(got, why);
}

Test(belief, grows_with_the_log)
{
        for (uint64_t size = 1; size <= 20; size++) {
                expect_checkpoint(size - 1, size, NULL);
                cr_expect_eq(belief.seen.head.size, size);
        }
        expect_checkpoint(20, 20, NULL);
        cr_expect_str_eq(belief.seen.origin, "example.org/log");
}

Test(belief, keeps_what_it_saw_when_it_refuses)
{
        expect_checkpoint(0, 10, NULL);
        expect_checkpoint(10, 9, "the log has shrunk");
        expect_checkpoint(9, 12, "the proof does not begin at the checkpoint that was last accepted");
        expect_checkpoint(0, 12, "the proof does not begin at the checkpoint that was last accepted");
        expect_checkpoint(11, 12, "the proof does not begin at the checkpoint that was last accepted");
        cr_expect_eq(belief.seen.head.size, 10);
        belief.seen.head.root.bytes[3] ^= 1;
        expect_checkpoint(10, 12, "the log has forked");
        expect_checkpoint(10, 10, "the log has forked");
        belief.seen.head.root.bytes[3] ^= 1;
        expect_checkpoint(10, 12, NULL);
}

Test(belief, holds_to_the_log_that_was_seen)
{
        expect_checkpoint(0, 10, NULL);
        strcpy(belief.seen.origin, "example.org/former");
        expect_checkpoint(10, 12, "another log was seen before; --forget-log lets it go");
}

Test(belief, refuses_what_is_no_note)
{
        static const char *const notes[] = {"", "x", "example.org/log\n10\n",
                                            "example.org/log\n10\nAAAA\n\n"};

        for (size_t i = 0; i < ARRAY_SIZE(notes); i++) {
                CheckpointMessage message = {.note = notes[i]};
                const char *why = "nothing";
                cr_expect_eq(belief_checkpoint(&belief, &message, &why), BELIEF_E_REFUSED);
                cr_expect_str_eq(why, "the checkpoint is malformed");
        }
}

static void expect_job(const PlayedRequest *request, const char *why)
{
        _cleanup_(played_job_deinit) PlayedJob job = {};
        const char *got = "nothing";
        Leaf leaf = LEAF_INIT;

        (void)played_guard_record(&guard, request, &job);
        expect_checkpoint(guard.seen_size, guard.log.n, NULL);
        guard.seen_size = guard.log.n;
        played_guard_prove(&guard, &job);
        JobMessage message = job.message;
        message.salt = job.salt;
        message.leaf = job.leaf.data;
        message.n_leaf = job.leaf.n;
        message.job = job.job.data;
        message.n_job = job.job.n;
        cr_expect_eq(belief_job(&belief, &message, &leaf, &got), why ? BELIEF_E_REFUSED : 0);
        if (why)
                cr_expect_str_eq(got, why);
        leaf_deinit(&leaf);
}

Test(belief, refuses_a_leaf_that_names_another_index)
{
        _cleanup_(buffer_deinit) Buffer job = BUFFER_INIT;

        job_begin(&job, 1);
        played_job_put(&job, "", NULL, NULL, 0);
        PlayedRequest request = played_request("list", &job);
        expect_job(&request, NULL);
        request.index_shift = 1;
        expect_job(&request, "the leaf names another index");
        request.index_shift = 0;
        expect_job(&request, NULL);
}

Test(belief, sessions_differ)
{
        Belief other;

        belief_init(&other, &belief.verifier, &SEEN_INIT);
        cr_assert_neq(memcmp(other.session, belief.session, sizeof(other.session)), 0);
}
