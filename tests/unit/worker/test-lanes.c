/*
 * The real worker under many jobs, shown to a guard that is played: who waits for whom, what is told of a gallery that is found damaged,
 * and what is on the disk before a job of either lane runs.
 */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "played-guard.h"
#include "wire/job.h"

/* A search by a subject with more templates than it may have of a pass, without the processor's better instructions: it takes a tenth of a
 * second, longer than what is said meanwhile. */
#ifdef __SANITIZE_ADDRESS__
enum { DIMENSION = 1024 }; /* It is as slow. */
#else
enum { DIMENSION = 4096 };
#endif
enum { ENTRIES = 100, BATCHES = 3, FLOOD = 16 };

static PlayedGuard guard;

static void set_up(void)
{
        played_guard_init(&guard);
        played_guard_start(&guard);
}

static void tear_down(void)
{
        played_guard_deinit(&guard);
}

TestSuite(lanes, .init = set_up, .fini = tear_down, .timeout = 600);

static PlayedRequest slow_request(const char *operation, const Buffer *job)
{
        PlayedRequest request = played_request(operation, job);

        request.dimension = DIMENSION;
        request.kind = "event";
        request.organisation = "police";
        return request;
}

static void enrol_batch(const char *subject, size_t seed)
{
        static float vector[DIMENSION];
        _cleanup_(buffer_deinit) Buffer job = BUFFER_INIT;
        _cleanup_(played_result_deinit) PlayedResult result = {};

        job_begin(&job, ENTRIES);
        for (size_t j = 0; j < ENTRIES; j++) {
                vector[(seed * ENTRIES + j) % DIMENSION] += 1;
                played_job_put(&job, subject, "m1", vector, DIMENSION);
        }
        PlayedRequest request = slow_request("enrol", &job);
        played_guard_do(&guard, &request, &result);
        cr_assert_str_eq(result.message.result, "ok");
}

/* Records jobs, each proven under one checkpoint. */
static void record(PlayedRequest *requests, PlayedJob *ret_jobs, size_t n)
{
        for (size_t i = 0; i < n; i++)
                (void)played_guard_record(&guard, &requests[i], &ret_jobs[i]);
        played_guard_checkpoint(&guard);
        for (size_t i = 0; i < n; i++)
                played_guard_prove(&guard, &ret_jobs[i]);
}

/* A flood of searches and then one other job, all there before the worker sees the first. Return: how many are answered before the other. */
static size_t flood_and(const PlayedRequest *other)
{
        static PlayedJob jobs[FLOOD + 1];
        static PlayedRequest requests[FLOOD + 1];
        _cleanup_(buffer_deinit) Buffer bytes = BUFFER_INIT;
        size_t n_before = 0;

        played_guard_kill(&guard);
        guard.isa = "scalar";
        played_guard_start(&guard);
        for (size_t i = 0; i < BATCHES; i++)
                enrol_batch("same", i);
        enrol_batch("probe", BATCHES);
        job_begin(&bytes, 1);
        played_job_put(&bytes, "probe", NULL, NULL, 0);
        for (size_t i = 0; i < FLOOD; i++)
                requests[i] = slow_request("identify-stored", &bytes);
        requests[FLOOD] = *other;
        record(requests, jobs, FLOOD + 1);
        played_guard_halt(&guard);
        for (size_t i = 0; i <= FLOOD; i++)
                played_guard_send_job(&guard, &jobs[i]);
        played_guard_let_go_on(&guard);
        for (size_t i = 0; i <= FLOOD; i++) {
                _cleanup_(played_result_deinit) PlayedResult result = {};
                played_guard_result(&guard, &result);
                cr_expect_str_eq(result.message.result, "ok");
                if (result.message.index == jobs[FLOOD].message.index)
                        n_before = i;
        }
        for (size_t i = 0; i <= FLOOD; i++)
                played_job_deinit(&jobs[i]);
        return n_before;
}

Test(lanes, an_organisation_with_many_searches_does_not_keep_another_waiting)
{
        _cleanup_(buffer_deinit) Buffer bytes = BUFFER_INIT;

        job_begin(&bytes, 1);
        played_job_put(&bytes, "probe", NULL, NULL, 0);
        PlayedRequest other = slow_request("identify-stored", &bytes);
        other.organisation = "ngo";
        cr_expect_lt(flood_and(&other), (size_t)FLOOD / 2);
}

Test(lanes, what_takes_no_pass_does_not_wait_for_many)
{
        _cleanup_(buffer_deinit) Buffer bytes = BUFFER_INIT;

        job_begin(&bytes, 1);
        played_job_put(&bytes, "", NULL, NULL, 0);
        PlayedRequest other = slow_request("list", &bytes);
        cr_expect_lt(flood_and(&other), (size_t)FLOOD / 2);
}

Test(lanes, a_change_does_not_wait_for_many)
{
        static const float vector[DIMENSION] = {1};
        _cleanup_(buffer_deinit) Buffer bytes = BUFFER_INIT;

        job_begin(&bytes, 1);
        played_job_put(&bytes, "new", "m1", vector, DIMENSION);
        PlayedRequest other = slow_request("enrol", &bytes);
        cr_expect_lt(flood_and(&other), (size_t)FLOOD / 2);
}

/* ------------------------------------------------------------------------------------------ one after another */

static const float people[2][4] = {{1, 2, 3, 4}, {4, 3, 2, 1}};

static void do_one(const char *operation, const char *subject, const float *vector, PlayedResult *ret_result)
{
        _cleanup_(buffer_deinit) Buffer job = BUFFER_INIT;

        job_begin(&job, 1);
        played_job_put(&job, subject, vector ? "m1" : NULL, vector, vector ? 4 : 0);
        PlayedRequest request = played_request(operation, &job);
        played_guard_do(&guard, &request, ret_result);
}

Test(lanes, a_change_that_was_answered_is_seen_by_whatever_comes_later)
{
        for (size_t i = 0; i < 60; i++) {
                _cleanup_(played_result_deinit) PlayedResult changed = {}, found = {};
                bool comes = i % 2 == 0;
                do_one(comes ? "enrol" : "remove", "kim", comes ? people[0] : NULL, &changed);
                cr_assert_str_eq(changed.message.result, "ok");
                do_one("identify", "", people[0], &found);
                cr_assert_eq(found.message.n_candidates, (size_t)comes);
                cr_assert_eq(found.message.gallery_epoch, (uint64_t)i + 1);
        }
}

Test(lanes, the_checkpoint_of_a_change_is_on_the_disk_before_it_is)
{
        _cleanup_(played_result_deinit) PlayedResult result = {};

        do_one("enrol", "kim", people[0], &result);
        cr_assert_str_eq(result.message.result, "ok");
        played_guard_kill(&guard);
        played_guard_start(&guard);
        cr_expect_eq(guard.seen_size, guard.log.n);
}

/* Damages a stored template on the disk, where the worker has it mapped. */
static void damage(const float *vector)
{
        static uint8_t bytes[1 << 20];
        char path[128];

        (void)snprintf(path, sizeof(path), "%s/galleries/children.originals", guard.folder);
        _cleanup_(fd_closep) int fd = open(path, O_RDWR | O_CLOEXEC);
        ssize_t n = pread(fd, bytes, sizeof(bytes), 0);
        cr_assert_gt(n, 0);
        uint8_t *found = memmem(bytes, (size_t)n, vector, 4 * sizeof(float));
        cr_assert_not_null(found);
        found[3] ^= 1;
        cr_assert_eq(pwrite(fd, found, 4, found - bytes), (ssize_t)4);
}

Test(lanes, a_gallery_that_is_found_damaged_is_told_with_the_result_and_stays_so)
{
        _cleanup_(played_result_deinit) PlayedResult enrolled = {}, more = {}, met = {}, after = {},
                                                     changed = {};

        do_one("enrol", "kim", people[0], &enrolled);
        do_one("enrol", "lee", people[1], &more);
        cr_expect_not(guard.told.damaged);
        damage(people[1]);
        guard.told = (PlayedGallery){};
        do_one("identify", "", people[0], &met);
        cr_expect_str_eq(met.message.result, "gallery-damaged");
        cr_expect_str_eq(met.message.why, "gallery children is not on the disk as it was stored");
        cr_expect_str_eq(guard.told.name, "children");
        cr_expect(guard.told.damaged);
        cr_expect_eq(guard.told.epoch + guard.told.n_templates, (uint64_t)0);
        do_one("verify", "kim", people[0], &after);
        cr_expect_str_eq(after.message.result, "gallery-damaged");
        guard.told = (PlayedGallery){};
        do_one("enrol", "ann", people[0], &changed);
        cr_expect_str_eq(changed.message.result, "gallery-damaged");
        cr_expect(guard.told.damaged);
}

Test(lanes, a_disk_that_fails_under_the_map_is_damage_and_not_the_end)
{
        _cleanup_(played_result_deinit) PlayedResult enrolled = {}, met = {}, compared = {};
        char path[128];

        do_one("enrol", "kim", people[0], &enrolled);
        (void)snprintf(path, sizeof(path), "%s/galleries/children.originals", guard.folder);
        /* A page that is not there gives SIGBUS, as one does that cannot be read. */
        cr_assert_eq(truncate(path, 0), 0);
        do_one("identify", "", people[0], &met);
        cr_expect_str_eq(met.message.result, "gallery-damaged");
        cr_expect(guard.told.damaged);
        do_one("identify", "", people[0], &compared);
        cr_expect_str_eq(compared.message.result, "gallery-damaged");
}
