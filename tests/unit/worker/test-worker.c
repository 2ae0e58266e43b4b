/*
 * The real worker, shown to a guard that is played: what it refuses, across its restarts too, and that it
 * answers each job once.
 */

#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/macro.h"
#include "log/signer.h"
#include "played-guard.h"
#include "wire/job.h"

static PlayedGuard guard;

static const float probe[4] = {1, 2, 3, 4};

static void set_up(void)
{
        played_guard_init(&guard);
        played_guard_start(&guard);
}

static void tear_down(void)
{
        played_guard_deinit(&guard);
}

TestSuite(worker, .init = set_up, .fini = tear_down, .timeout = 600);

static void compare_job(Buffer *job)
{
        job_begin(job, 2);
        played_job_put(job, "", "m1", probe, 4);
        played_job_put(job, "", "m1", probe, 4);
}

static PlayedRequest compare_request(const Buffer *job)
{
        PlayedRequest request = played_request("compare", job);

        request.gallery = NULL;
        return request;
}

/* Sends the job, and expects this result with this reason. */
static void expect(const PlayedJob *job, const char *result, const char *why)
{
        _cleanup_(played_result_deinit) PlayedResult got = {};

        played_guard_send_job(&guard, job);
        played_guard_result(&guard, &got);
        cr_expect_eq(got.message.index, job->message.index);
        cr_expect_str_eq(got.message.result, result);
        if (why)
                cr_expect_str_eq(got.message.why, why);
}

/* A good compare, recorded, under a new checkpoint, and proven. */
static void good_job(PlayedJob *ret_job)
{
        _cleanup_(buffer_deinit) Buffer job = BUFFER_INIT;

        compare_job(&job);
        PlayedRequest request = compare_request(&job);
        (void)played_guard_record(&guard, &request, ret_job);
        played_guard_checkpoint(&guard);
        played_guard_prove(&guard, ret_job);
}

static void expect_still_works(void)
{
        _cleanup_(played_job_deinit) PlayedJob job = {};

        good_job(&job);
        expect(&job, "ok", "");
}

static void append_noise(size_t n)
{
        for (size_t i = 0; i < n; i++) {
                Leaf leaf = LEAF_INIT;
                leaf_set_text(&leaf, "kind", "beat");
                leaf_set_number(&leaf, "index", guard.log.n);
                (void)played_log_append(&guard.log, &leaf);
        }
}

Test(worker, runs_a_job_whose_permit_is_in_the_log)
{
        _cleanup_(buffer_deinit) Buffer job = BUFFER_INIT;
        _cleanup_(played_result_deinit) PlayedResult result = {};

        append_noise(5);
        compare_job(&job);
        PlayedRequest request = compare_request(&job);
        played_guard_do(&guard, &request, &result);
        cr_assert_str_eq(result.message.result, "ok");
        cr_assert(result.message.matched);
        cr_assert(result.message.has_similarity);
        cr_assert_eq(result.message.similarity, 1.0);
        cr_assert_str_eq(result.message.engine, guard.engine);
        cr_assert_eq(strncmp(guard.engine, "cpu/", 4), 0);
}

Test(worker, refuses_a_job_without_a_checkpoint)
{
        _cleanup_(buffer_deinit) Buffer bytes = BUFFER_INIT;
        _cleanup_(played_job_deinit) PlayedJob job = {};

        compare_job(&bytes);
        PlayedRequest request = compare_request(&bytes);
        (void)played_guard_record(&guard, &request, &job);
        job.message.tree_size = 1;
        expect(&job, "worker-refused", "no checkpoint was accepted");
}

/* Sends a checkpoint that is to be refused, and sees that a good job under it is. */
static void expect_refused_checkpoint(const CheckpointMessage *message, uint64_t tree_size, const char *why)
{
        _cleanup_(played_job_deinit) PlayedJob job = {};

        good_job(&job);
        played_guard_send_checkpoint(&guard, message);
        if (tree_size > 0)
                job.message.tree_size = tree_size;
        expect(&job, "worker-refused", why);
}

Test(worker, refuses_a_forged_signature)
{
        _cleanup_(buffer_deinit) Buffer note = BUFFER_INIT;
        _cleanup_(played_job_deinit) PlayedJob job = {};
        PlayedLog forger;

        append_noise(3);
        good_job(&job);
        played_log_init(&forger, "example.org/log", 8);
        NoteSigner *own = guard.log.signer;
        guard.log.signer = forger.signer;
        played_log_note(&guard.log, guard.log.n, &note);
        guard.log.signer = own;
        played_guard_send_checkpoint(
                &guard, &(CheckpointMessage){.note = buffer_text(&note), .old_size = guard.log.n});
        expect(&job, "worker-refused", "no checkpoint was accepted");
        played_log_deinit(&forger);
        expect_still_works();
}

Test(worker, refuses_another_origin)
{
        _cleanup_(buffer_deinit) Buffer note = BUFFER_INIT;
        PlayedLog other;

        append_noise(3);
        played_log_init(&other, "example.org/other", 7);
        NoteSigner *own = guard.log.signer;
        guard.log.signer = other.signer;
        played_log_note(&guard.log, guard.log.n, &note);
        guard.log.signer = own;
        expect_refused_checkpoint(&(CheckpointMessage){.note = buffer_text(&note)}, 0,
                                  "no checkpoint was accepted");
        played_log_deinit(&other);
        expect_still_works();
}

Test(worker, refuses_an_altered_leaf)
{
        _cleanup_(played_job_deinit) PlayedJob job = {};

        good_job(&job);
        uint8_t *release = memmem(job.leaf.data, job.leaf.n, "\"limit\":10", 10);
        cr_assert(release);
        release[9] = '9';
        expect(&job, "worker-refused", "the leaf is not in the log");
        expect_still_works();
}

Test(worker, refuses_a_wrong_audit_path)
{
        _cleanup_(played_job_deinit) PlayedJob job = {};

        append_noise(6);
        good_job(&job);
        cr_assert_gt(job.message.n_path, 0);
        PlayedJob wrong = job;
        wrong.message.path[0].bytes[5] ^= 1;
        expect(&wrong, "worker-refused", "the leaf is not in the log");
        wrong = job;
        wrong.message.n_path--;
        expect(&wrong, "worker-refused", "the leaf is not in the log");
        wrong = job;
        wrong.message.index--;
        expect(&wrong, "worker-refused", "the leaf is not in the log");
        wrong = job;
        wrong.message.tree_size--;
        expect(&wrong, "worker-refused", "the proof is not for the last checkpoint");
        expect(&job, "ok", "");
}

Test(worker, refuses_leaves_that_permit_nothing_here)
{
        static const struct {
                const char *verdict;
                const char *kind;
                const char *session;
                const char *why;
        } table[] = {
                {"deny", "request", NULL, "the leaf is no permit"},
                {"", "request", NULL, "the leaf is no permit"},
                {"permitted", "request", NULL, "the leaf is no permit"},
                {"permit", "outcome", NULL, "the leaf is no request"},
                {"permit", "", NULL, "the leaf is no request"},
                {"permit", "request", "00112233445566778899aabbccddeeff", "the leaf is for another session"},
                {"permit", "request", "", "the leaf is for another session"},
        };
        for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
                _cleanup_(buffer_deinit) Buffer bytes = BUFFER_INIT;
                _cleanup_(played_job_deinit) PlayedJob job = {};
                compare_job(&bytes);
                PlayedRequest request = compare_request(&bytes);
                request.verdict = table[i].verdict;
                request.leaf_kind = table[i].kind;
                request.session = table[i].session;
                (void)played_guard_record(&guard, &request, &job);
                played_guard_checkpoint(&guard);
                played_guard_prove(&guard, &job);
                expect(&job, "worker-refused", table[i].why);
        }
        expect_still_works();
}

Test(worker, refuses_an_index_seen_before_and_one_before_the_last)
{
        _cleanup_(buffer_deinit) Buffer bytes = BUFFER_INIT;
        _cleanup_(played_job_deinit) PlayedJob first = {}, second = {};

        compare_job(&bytes);
        PlayedRequest request = compare_request(&bytes);
        (void)played_guard_record(&guard, &request, &first);
        (void)played_guard_record(&guard, &request, &second);
        played_guard_checkpoint(&guard);
        played_guard_prove(&guard, &first);
        played_guard_prove(&guard, &second);
        expect(&second, "ok", "");
        expect(&second, "worker-refused", "the index does not come after the last one");
        expect(&first, "worker-refused", "the index does not come after the last one");
        expect_still_works();
}

Test(worker, refuses_an_index_of_its_former_session)
{
        _cleanup_(played_job_deinit) PlayedJob job = {};

        good_job(&job);
        expect(&job, "ok", "");
        played_guard_kill(&guard);
        played_guard_start(&guard);
        cr_assert_eq(guard.seen_size, guard.log.n);
        played_guard_checkpoint(&guard);
        played_guard_prove(&guard, &job);
        expect(&job, "worker-refused", "the leaf is for another session");
        expect_still_works();
}

Test(worker, refuses_job_bytes_that_differ)
{
        _cleanup_(played_job_deinit) PlayedJob job = {};

        good_job(&job);
        job.job.data[job.job.n - 1] ^= 1;
        expect(&job, "worker-refused", "the job is not the one that was recorded");
        job.job.data[job.job.n - 1] ^= 1;
        job.salt[0] ^= 1;
        expect(&job, "worker-refused", "the job is not the one that was recorded");
        job.salt[0] ^= 1;
        expect(&job, "ok", "");
}

/* Takes the log back to @size leaves and lets it go on with other ones up to @n. */
static void rewrite_log(size_t size, size_t n)
{
        PlayedLog fork;

        played_log_fork(&guard.log, size, &fork);
        fork.signer = guard.log.signer;
        fork.vkey = guard.log.vkey;
        guard.log.signer = NULL;
        guard.log.vkey = BUFFER_INIT;
        played_log_deinit(&guard.log);
        guard.log = fork;
        append_noise(n - size);
}

/* A checkpoint of all of the log, with a proof that is as good as it gets, and a job under it. */
static void expect_log_refused(uint64_t old_size)
{
        _cleanup_(played_job_deinit) PlayedJob job = {};
        _cleanup_(buffer_deinit) Buffer bytes = BUFFER_INIT;

        guard.seen_size = MIN_OF(old_size, guard.log.n);
        compare_job(&bytes);
        PlayedRequest request = compare_request(&bytes);
        (void)played_guard_record(&guard, &request, &job);
        played_guard_checkpoint(&guard);
        played_guard_prove(&guard, &job);
        expect(&job, "worker-refused", "no checkpoint was accepted");
}

Test(worker, refuses_a_log_that_shrank_also_after_its_restart)
{
        append_noise(9);
        expect_still_works();
        rewrite_log(5, 5);
        expect_log_refused(5);
        played_guard_kill(&guard);
        played_guard_start(&guard);
        cr_expect_eq(guard.seen_size, 10);
        rewrite_log(5, 5);
        expect_log_refused(5);
}

Test(worker, refuses_a_log_that_forked_also_after_its_restart)
{
        append_noise(9);
        expect_still_works();
        rewrite_log(9, 12);
        expect_log_refused(10);
        (void)played_guard_hang_up(&guard);
        played_guard_start(&guard);
        cr_expect_eq(guard.seen_size, 10);
        expect_log_refused(10);
        expect_log_refused(9);
}

Test(worker, refuses_another_log_of_the_same_size_after_its_restart)
{
        append_noise(3);
        expect_still_works();
        rewrite_log(3, 3);
        played_guard_kill(&guard);
        played_guard_start(&guard);
        expect_log_refused(3);
}

static int run_forget_log(void)
{
        char command[1024];

        (void)snprintf(command, sizeof(command),
                       "ASAN_OPTIONS=detect_leaks=0 '%s' --galleries '%s/galleries' --forget-log 2>/dev/null",
                       getenv("MATCHGUARD_WORKER"), guard.folder);
        return system(command);
}

Test(worker, accepts_another_log_once_it_was_told_to_forget)
{
        append_noise(9);
        expect_still_works();
        cr_expect_neq(run_forget_log(), 0, "the worker that runs still has the folder");
        rewrite_log(2, 2);
        played_guard_kill(&guard);
        cr_assert_eq(run_forget_log(), 0);
        played_guard_start(&guard);
        cr_expect_eq(guard.seen_size, 0);
        expect_still_works();
}

Test(worker, does_not_start_on_a_record_of_the_log_that_it_cannot_read)
{
        char command[1024];

        expect_still_works();
        played_guard_kill(&guard);
        (void)snprintf(command, sizeof(command), "printf x >> '%s/galleries/seen-log'", guard.folder);
        cr_assert_eq(system(command), 0);
        (void)snprintf(command, sizeof(command),
                       "ASAN_OPTIONS=detect_leaks=0 '%s' --connect '%s/socket' --vkey '%s/log.vkey' "
                       "--galleries '%s/galleries' 2>/dev/null",
                       getenv("MATCHGUARD_WORKER"), guard.folder, guard.folder, guard.folder);
        cr_assert_neq(system(command), 0);
}

Test(worker, ends_cleanly_when_the_guard_goes)
{
        int status = played_guard_hang_up(&guard);

        cr_assert(WIFEXITED(status));
        cr_assert_eq(WEXITSTATUS(status), 0);
}

Test(worker, ends_cleanly_on_sigterm)
{
        int status;

        cr_assert_eq(kill(guard.pid, SIGTERM), 0);
        cr_assert_eq(waitpid(guard.pid, &status, 0), guard.pid);
        guard.pid = 0;
        cr_assert(WIFEXITED(status));
        cr_assert_eq(WEXITSTATUS(status), 0);
}

Test(worker, ends_with_a_failure_when_the_guard_talks_nonsense)
{
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;

        buffer_append_text(&body, "what?");
        cr_assert_eq(packet_send(guard.fd, MESSAGE_JOB, &body, NULL, 0), 0);
        int status;
        cr_assert_eq(waitpid(guard.pid, &status, 0), guard.pid);
        guard.pid = 0;
        cr_assert(WIFEXITED(status));
        cr_assert_eq(WEXITSTATUS(status), 1);
}

/* With the result of what changed a gallery, and after the hello of the next start, the guard hears how it is. */
static void expect_told(const char *name, uint64_t n_templates)
{
        cr_expect_str_eq(guard.told.name, name);
        cr_expect_not(guard.told.damaged);
        cr_expect_eq(guard.told.epoch, 1);
        cr_expect_eq(guard.told.n_templates, n_templates);
        guard.told = (PlayedGallery){};
}

Test(worker, keeps_what_was_enrolled_across_a_kill)
{
        _cleanup_(buffer_deinit) Buffer job = BUFFER_INIT;
        _cleanup_(buffer_deinit) Buffer search = BUFFER_INIT;
        _cleanup_(played_result_deinit) PlayedResult enrolled = {}, found = {};

        job_begin(&job, 1);
        played_job_put(&job, "kim", "m1", probe, 4);
        PlayedRequest request = played_request("enrol", &job);
        played_guard_do(&guard, &request, &enrolled);
        cr_assert_str_eq(enrolled.message.result, "ok");
        cr_assert_eq(enrolled.message.gallery_epoch, 1);
        expect_told("children", 1);
        played_guard_kill(&guard);
        played_guard_start(&guard);
        cr_assert_eq(guard.n_galleries, 1);
        cr_assert_str_eq(guard.gallery, "children");
        job_begin(&search, 1);
        played_job_put(&search, "", "m1", probe, 4);
        request = played_request("identify", &search);
        played_guard_do(&guard, &request, &found);
        cr_assert_str_eq(found.message.result, "ok");
        cr_assert_eq(found.message.n_candidates, 1);
        cr_assert_str_eq(found.message.candidates[0].subject, "kim");
        cr_assert_eq(found.message.gallery_epoch, 1);
        expect_told("children", 1);
}

/* Enrols enough templates that one search over them with a full event gallery takes some tenths of a second, without the processor's better
 * instructions: longer than what is said meanwhile. */
#ifdef __SANITIZE_ADDRESS__
enum { SLOW_DIMENSION = 1024, SLOW_BATCHES = 2 }; /* They are as slow. */
#else
enum { SLOW_DIMENSION = 4096, SLOW_BATCHES = 10 };
#endif
enum { SLOW_ENTRIES = 100 };

static void enrol_much(void)
{
        static float vector[SLOW_DIMENSION];

        played_guard_kill(&guard);
        guard.isa = "scalar";
        played_guard_start(&guard);
        for (size_t i = 0; i < SLOW_BATCHES; i++) {
                _cleanup_(buffer_deinit) Buffer job = BUFFER_INIT;
                _cleanup_(played_result_deinit) PlayedResult result = {};
                job_begin(&job, SLOW_ENTRIES);
                for (size_t j = 0; j < SLOW_ENTRIES; j++) {
                        vector[(i * SLOW_ENTRIES + j) % SLOW_DIMENSION] += 1;
                        played_job_put(&job, "same", "m1", vector, SLOW_DIMENSION);
                }
                PlayedRequest request = played_request("enrol", &job);
                request.dimension = SLOW_DIMENSION;
                request.kind = "event";
                played_guard_do(&guard, &request, &result);
                cr_assert_str_eq(result.message.result, "ok");
        }
}

/* identify-stored of another subject: every one of its templates against the whole gallery. */
static void slow_jobs(PlayedJob *ret_jobs, size_t n, uint64_t deadline_usec)
{
        _cleanup_(buffer_deinit) Buffer enrol = BUFFER_INIT;
        _cleanup_(buffer_deinit) Buffer bytes = BUFFER_INIT;
        _cleanup_(played_result_deinit) PlayedResult result = {};
        static float vector[SLOW_DIMENSION];

        job_begin(&enrol, SLOW_ENTRIES);
        for (size_t i = 0; i < SLOW_ENTRIES; i++) {
                vector[i] = 1;
                played_job_put(&enrol, "probe", "m1", vector, SLOW_DIMENSION);
        }
        PlayedRequest request = played_request("enrol", &enrol);
        request.dimension = SLOW_DIMENSION;
        request.kind = "event";
        played_guard_do(&guard, &request, &result);
        cr_assert_str_eq(result.message.result, "ok");

        job_begin(&bytes, 1);
        played_job_put(&bytes, "probe", NULL, NULL, 0);
        request = played_request("identify-stored", &bytes);
        request.dimension = SLOW_DIMENSION;
        request.kind = "event";
        request.deadline_usec = deadline_usec;
        for (size_t i = 0; i < n; i++)
                (void)played_guard_record(&guard, &request, &ret_jobs[i]);
        played_guard_checkpoint(&guard);
        for (size_t i = 0; i < n; i++)
                played_guard_prove(&guard, &ret_jobs[i]);
}

Test(worker, answers_every_job_once_when_all_are_cancelled)
{
        enum { N = 12 };
        PlayedJob jobs[N];
        bool answered[N] = {};
        size_t n_gone = 0;

        enrol_much();
        slow_jobs(jobs, N, 600000000);
        played_guard_halt(&guard);
        for (size_t i = 0; i < N; i++)
                played_guard_send_job(&guard, &jobs[i]);
        for (size_t i = 0; i < N; i++)
                played_guard_cancel(&guard, jobs[i].message.index);
        played_guard_let_go_on(&guard);
        for (size_t i = 0; i < N; i++) {
                _cleanup_(played_result_deinit) PlayedResult result = {};
                played_guard_result(&guard, &result);
                uint64_t j = result.message.index - jobs[0].message.index;
                cr_assert_lt(j, (uint64_t)N);
                cr_assert_not(answered[j]);
                answered[j] = true;
                n_gone += strcmp(result.message.result, "caller-gone") == 0;
        }
        cr_expect_geq(n_gone, (size_t)N - 1);
        cr_expect_not(played_guard_hears(&guard, 200));
        for (size_t i = 0; i < N; i++)
                played_job_deinit(&jobs[i]);
        expect_still_works();
}

Test(worker, gives_up_what_is_late)
{
        enum { N = 3 };
        PlayedJob jobs[N];
        size_t n_late = 0;

        enrol_much();
        slow_jobs(jobs, N, 1000);
        for (size_t i = 0; i < N; i++)
                played_guard_send_job(&guard, &jobs[i]);
        for (size_t i = 0; i < N; i++) {
                _cleanup_(played_result_deinit) PlayedResult result = {};
                played_guard_result(&guard, &result);
                n_late += strcmp(result.message.result, "timeout") == 0;
        }
        cr_expect_eq(n_late, (size_t)N);
        cr_expect_not(played_guard_hears(&guard, 100));
        for (size_t i = 0; i < N; i++)
                played_job_deinit(&jobs[i]);
        expect_still_works();
}

enum { PATIENCE_MSEC = 100000 };

/* Receives one packet. Return: its type; 0 where the worker has hung up. */
static uint8_t receive_one(Packet *packet)
{
        cr_assert(played_guard_hears(&guard, PATIENCE_MSEC));
        int r = packet_receive(guard.fd, packet);
        cr_assert(r == 0 || r == PACKET_E_CLOSED);
        return r == 0 ? packet->type : 0;
}

/* How many results come before the worker hangs up; each must be the next job's, and ok, and its word that it stops be among them,
 * once. To that word another job is the answer. */
static size_t n_results_of(const PlayedJob *jobs, const PlayedJob *late)
{
        size_t n = 0, n_stopping = 0;

        for (;;) {
                _cleanup_(packet_deinit) Packet packet = PACKET_INIT;
                _cleanup_(result_deinit) ResultMessage message = {};
                uint8_t type = receive_one(&packet);
                if (type == 0)
                        break;
                if (type == MESSAGE_STOPPING && packet.n_body == 0) {
                        n_stopping++;
                        (void)played_guard_offer_job(&guard,
                                                     late); /* What had begun may have ended by now. */
                        continue;
                }
                cr_assert_eq(type, MESSAGE_RESULT);
                cr_assert(result_decode(packet.body, packet.n_body, &message));
                cr_expect_eq(message.index, jobs[n++].message.index);
                cr_expect_str_eq(message.result, "ok");
        }
        cr_expect_eq(n_stopping, (size_t)1);
        return n;
}

Test(worker, told_to_stop_it_ends_what_it_has_begun_and_nothing_else)
{
        enum { N = 12 };
        PlayedJob jobs[N];
        int status;

        enrol_much();
        slow_jobs(jobs, N, 600000000);
        for (size_t i = 0; i < N - 1; i++)
                played_guard_send_job(&guard, &jobs[i]);
        /* It has ended one, and begun more; how far it has come is all the same. */
        cr_assert(played_guard_hears(&guard, PATIENCE_MSEC));
        cr_assert_eq(kill(guard.pid, SIGTERM), 0);
        size_t n = n_results_of(jobs, &jobs[N - 1]);
        cr_expect(n >= 1 && n < N, "it waits for no other job: %zu results", n);
        cr_assert_eq(waitpid(guard.pid, &status, 0), guard.pid);
        guard.pid = 0;
        cr_assert(WIFEXITED(status));
        cr_expect_eq(WEXITSTATUS(status), 0);
        for (size_t i = 0; i < N; i++)
                played_job_deinit(&jobs[i]);
}

Test(worker, says_overloaded_when_too_many_jobs_wait)
{
        enum { N = 1100 };
        static PlayedJob jobs[N];
        size_t n_overloaded = 0;

        enrol_much();
        slow_jobs(jobs, N, 600000000);
        for (size_t i = 0; i < N; i++)
                played_guard_send_job(&guard, &jobs[i]);
        for (size_t i = 0; i < N; i++)
                played_guard_cancel(&guard, jobs[i].message.index);
        for (size_t i = 0; i < N; i++) {
                _cleanup_(played_result_deinit) PlayedResult result = {};
                played_guard_result(&guard, &result);
                n_overloaded += strcmp(result.message.result, "overloaded") == 0;
        }
        cr_expect_geq(n_overloaded, (size_t)1);
        cr_expect_lt(n_overloaded, (size_t)N - 1000);
        cr_expect_not(played_guard_hears(&guard, 100));
        for (size_t i = 0; i < N; i++)
                played_job_deinit(&jobs[i]);
}
