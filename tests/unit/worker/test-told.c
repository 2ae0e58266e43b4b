/*
 * What the guard is told of the engine, and which engine a result names: the worker's loop and turns, on an engine that says of itself that
 * it has a device. The processor computes; what the engine calls itself, and how it is with the device, is played.
 */

#include <criterion/criterion.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "played-guard.h"
#include "wire/job.h"
#include "worker/engine.h"
#include "worker/worker.h"

/* The search that fails says so before it returns; from then on the processor answers. */
static atomic_bool failed;
static atomic_size_t used;
static size_t fails_at, n_searches;

static const char device_name[] = "a device\xc3\xa9\n";
static const char played_engine[] = "opencl/gpu", played_fallback[] = "cpu/played";

const char *__wrap_engine_name(const Engine *engine);
const char *__wrap_engine_name(const Engine *engine)
{
        return played_engine;
}

const char *__wrap_engine_fallback(const Engine *engine);
const char *__wrap_engine_fallback(const Engine *engine)
{
        return played_fallback;
}

void __wrap_engine_state(Engine *engine, EngineState *ret_state);
void __wrap_engine_state(Engine *engine, EngineState *ret_state)
{
        *ret_state =
                (EngineState){.name = failed ? played_fallback : played_engine, .memory = 1000, .used = used};
        memcpy(ret_state->device, device_name, sizeof(device_name));
        if (failed)
                memcpy(ret_state->failure, "it burns\n", sizeof("it burns\n"));
}

int __real_engine_search(Engine *engine, const Templates *templates, EngineQuery *queries, size_t n,
                         EngineRun *run);
int __wrap_engine_search(Engine *engine, const Templates *templates, EngineQuery *queries, size_t n,
                         EngineRun *run);
int __wrap_engine_search(Engine *engine, const Templates *templates, EngineQuery *queries, size_t n,
                         EngineRun *run)
{
        int r = __real_engine_search(engine, templates, queries, n, run);

        if (++n_searches == fails_at)
                failed = true;
        used = failed ? 0 : 400;
        run->name = failed ? played_fallback : played_engine;
        return r;
}

/* What a change leaves to do comes when its result has gone: then too something may have become of the device. */
int __real_gallery_tidy(Gallery *gallery, const atomic_int *stop);
int __wrap_gallery_tidy(Gallery *gallery, const atomic_int *stop);
int __wrap_gallery_tidy(Gallery *gallery, const atomic_int *stop)
{
        (void)usleep(100000); /* The result has left, and the loop waits. */
        used = 300;
        return __real_gallery_tidy(gallery, stop);
}

/* -------------------------------------------------------------------------------------------------- the worker */

static int connect_to(const PlayedGuard *guard)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", guard->folder);
        return fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? fd : -1;
}

/* As main.c has it, but for its confinement, which has no room for a test. */
static int serve(const PlayedGuard *guard)
{
        _cleanup_(galleries_deinit) Galleries galleries = GALLERIES_INIT;
        WorkerContext context = {.manager_fd = -1, .galleries = &galleries};
        char path[128];
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        (void)sigprocmask(SIG_BLOCK, &set, NULL);
        (void)snprintf(path, sizeof(path), "%s/galleries", guard->folder);
        if (sodium_init() < 0 || note_verifier_parse(buffer_text(&guard->log.vkey), &context.verifier) != 0 ||
            galleries_claim(&galleries, path) != 0 || seen_load(galleries.dir_fd, &context.seen) != 0 ||
            galleries_load(&galleries) != 0 ||
            engine_new(&(EngineOptions){.engine = "cpu", .isa = "auto", .n_threads = 1}, &context.engine) !=
                    0)
                return EXIT_FAILURE;
        context.fd = connect_to(guard);
        int r = context.fd >= 0 ? worker_serve(&context) : -1;
        engine_free(context.engine);
        return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --------------------------------------------------------------------------------------------------- the tests */

static PlayedGuard guard;

static const float probe[4] = {1, 2, 3, 4};

static void set_up(void)
{
        fails_at = 0;
        played_guard_init(&guard);
        guard.serve = serve;
}

static void tear_down(void)
{
        played_guard_deinit(&guard);
}

TestSuite(told, .init = set_up, .fini = tear_down, .timeout = 600);

/* Asks for something about "kim", with a template where @n_vectors says so. Expects this result of this engine. */
static void expect(const char *operation, size_t n_vectors, const char *result, const char *engine)
{
        _cleanup_(buffer_deinit) Buffer job = BUFFER_INIT;
        _cleanup_(played_result_deinit) PlayedResult got = {};
        bool names = strcmp(operation, "identify") != 0 && strcmp(operation, "compare") != 0;

        job_begin(&job, (uint32_t)MAX_OF(n_vectors, (size_t)1));
        for (size_t i = 0; i < MAX_OF(n_vectors, (size_t)1); i++)
                played_job_put(&job, names ? "kim" : "", n_vectors > 0 ? "m1" : NULL, probe,
                               n_vectors > 0 ? 4 : 0);
        PlayedRequest request = played_request(operation, &job);
        if (strcmp(operation, "compare") == 0)
                request.gallery = NULL;
        played_guard_do(&guard, &request, &got);
        cr_expect_str_eq(got.message.result, result, "%s: %s", operation, got.message.result);
        cr_expect_str_eq(got.message.engine, engine, "%s by %s", operation, got.message.engine);
}

static void expect_told(size_t times, const char *engine, uint64_t device_used, const char *failure)
{
        cr_expect_eq(guard.n_told_engine, times, "told %zu times, not %zu", guard.n_told_engine, times);
        cr_expect_str_eq(guard.told_engine.engine, engine);
        cr_expect_str_eq(guard.told_engine.device, "a device???", "only what is printable");
        cr_expect_eq(guard.told_engine.device_memory, 1000);
        cr_expect_eq(guard.told_engine.device_used, device_used);
        cr_expect_str_eq(guard.told_engine.failure, failure);
}

Test(told, both_engines_and_the_device_come_first)
{
        played_guard_start(&guard);
        cr_expect_str_eq(guard.engine, "opencl/gpu");
        cr_expect_str_eq(guard.fallback, "cpu/played");
        expect("compare", 2, "ok", "cpu/played");
        expect_told(1, "opencl/gpu", 0, "");
}

Test(told, a_result_names_what_computed_it)
{
        played_guard_start(&guard);
        expect("identify", 1, "ok", "cpu/played"); /* There is no gallery yet. */
        expect("remove", 0, "no-subject", "cpu/played");
        expect("enrol", 1, "ok", "cpu/played");
        expect("identify", 1, "ok", "opencl/gpu");
        expect("identify-stored", 0, "ok", "opencl/gpu");
        expect("verify", 1, "ok", "cpu/played");
        expect("list", 0, "ok", "cpu/played");
        expect("compare", 2, "ok", "cpu/played");
        expect("remove", 0, "ok", "cpu/played");
        expect("identify-stored", 0, "no-subject", "cpu/played");
        cr_expect_eq(guard.told_engine.failure[0], '\0');
}

Test(told, what_is_in_use_is_told_when_it_changes)
{
        played_guard_start(&guard);
        expect("enrol", 1, "ok", "cpu/played");
        expect_told(1, "opencl/gpu", 0, "");
        expect("identify", 1, "ok", "opencl/gpu");
        expect_told(2, "opencl/gpu", 400, "");
        expect("identify", 1, "ok", "opencl/gpu");
        expect("verify", 1, "ok", "cpu/played");
        expect_told(2, "opencl/gpu", 400, "");
}

/* What comes with a result is taken before it, so that it was told first. */
Test(told, a_failure_comes_before_the_result_of_the_search_that_met_it)
{
        fails_at = 2;
        played_guard_start(&guard);
        expect("enrol", 1, "ok", "cpu/played");
        expect("identify", 1, "ok", "opencl/gpu");
        expect_told(2, "opencl/gpu", 400, "");
        expect("identify", 1, "ok", "cpu/played");
        expect_told(3, "cpu/played", 0, "it burns?");
        expect("identify-stored", 0, "ok", "cpu/played");
        expect_told(3, "cpu/played", 0, "it burns?");
        cr_expect_str_eq(guard.engine, "opencl/gpu");
}

Test(told, what_is_done_after_a_removal_is_told_without_a_result)
{
        _cleanup_(packet_deinit) Packet packet = PACKET_INIT;
        EngineMessage message;

        played_guard_start(&guard);
        expect("enrol", 1, "ok", "cpu/played");
        expect("remove", 0, "ok", "cpu/played");
        if (guard.told_engine.device_used == 300)
                return; /* The machine is that slow. */
        cr_assert(played_guard_hears(&guard, 20000));
        cr_assert_eq(packet_receive(guard.fd, &packet), 0);
        cr_assert_eq(packet.type, MESSAGE_ENGINE);
        cr_assert(engine_message_decode(packet.body, packet.n_body, &message));
        cr_expect_eq(message.device_used, 300);
}
