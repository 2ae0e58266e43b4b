/*
 * A full disk, a process that is killed, a write that fails: what was acknowledged stands afterwards, and
 * what was not is told. The full disk is a small tmpfs where the test may mount one, and a limit on file
 * sizes everywhere.
 */

#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/macro.h"
#include "fixture.h"

static Fixture fixture;

/* Syncs of this process, the test's children included: counted, and failing when told to. */
typedef struct Syncs {
        _Atomic unsigned n;
        _Atomic bool fail;
        _Atomic unsigned n_after_failure;
} Syncs;

static Syncs *syncs;

/* What libc would be asked for is asked here: a definition in the program goes before one in a library. */
static int counted_sync(long number, int fd)
{
        if (syncs) {
                syncs->n++;
                if (syncs->fail) {
                        syncs->n_after_failure++;
                        errno = EIO;
                        return -1;
                }
        }
        return (int)syscall(number, fd);
}

int fdatasync(int fd)
{
        return counted_sync(SYS_fdatasync, fd);
}

int fsync(int fd)
{
        return counted_sync(SYS_fsync, fd);
}

static void setup(void)
{
        fixture_init(&fixture);
        syncs = mmap(NULL, sizeof(*syncs), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        cr_assert_neq(syncs, MAP_FAILED);
}

static void teardown(void)
{
        fixture_deinit(&fixture);
        (void)munmap(syncs, sizeof(*syncs));
}

TestSuite(failure, .init = setup, .fini = teardown, .timeout = 600);

/* Mounts a tmpfs of some MiB where only this test sees it. Return: whether it may. */
static bool mount_small(const char *options)
{
        if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return false;
        return mount("tmpfs", fixture.dir, "tmpfs", 0, options) == 0;
}

/* Makes the small one as large as what is in it, and so many bytes. */
static void leave_room(uint64_t bytes)
{
        struct statvfs space;
        char options[64];

        cr_assert_eq(statvfs(fixture.dir, &space), 0);
        (void)snprintf(options, sizeof(options), "size=%" PRIu64,
                       (uint64_t)(space.f_blocks - space.f_bfree) * space.f_frsize + bytes);
        cr_assert_eq(mount(NULL, fixture.dir, NULL, MS_REMOUNT, options), 0);
}

/* Appends requests until the trail says that there is no room. */
static void fill(void)
{
        unsigned n_failures = fixture.n_failures;

        for (unsigned i = 0; fixture.n_failures == n_failures; i++) {
                cr_assert_lt(i, 2000000, "it never fills");
                if (fixture_append(&fixture, TRAIL_DENY) != 0 || i % 2048 == 0)
                        cr_assert_geq(sd_event_run(fixture.event, 100000), 0);
        }
}

static void expect_reopens(void)
{
        uint64_t size = fixture.committed;

        fixture_close(&fixture);
        cr_assert_eq(fixture_open(&fixture), 0, "%s", fixture.why);
        cr_assert_eq(fixture.found.head.size, size, "what was acknowledged, and nothing else");
}

Test(failure, a_full_disk_fails_requests_keeps_what_was_committed_and_heals)
{
        if (!mount_small("size=24m"))
                cr_skip_test("no mounts here");
        cr_assert_eq(fixture_open(&fixture), 0);
        fixture_shell(&fixture, "test $(stat -c %b trail/ballast) -ge 2048");
        cr_assert_eq(fixture_append(&fixture, TRAIL_PERMIT), 0);
        fixture_run(&fixture, 1);
        fill();
        cr_assert_gt(fixture.n_refused, 0);
        cr_assert_gt(fixture.committed, 1000);
        fixture_shell(&fixture, "test ! -e trail/ballast");

        /* Without room nothing is taken ... */
        uint64_t before = fixture.committed;
        cr_assert_eq(fixture_append(&fixture, TRAIL_PLAIN), 0);
        fixture_run_until_failure(&fixture);
        cr_assert_eq(fixture_append(&fixture, TRAIL_PLAIN), 0);
        cr_assert_eq(fixture_append(&fixture, TRAIL_PERMIT), 0);
        fixture_run_until_failure(&fixture);
        cr_assert_eq(fixture.committed, before);

        cr_assert_not_null(strstr(fixture.advice, "/trail: No space left on device"), "%s", fixture.advice);
        cr_assert_not_null(strstr(fixture.advice, "3072 KiB are needed: make room"), "%s", fixture.advice);

        /* ... but what is under way is closed. */
        cr_assert_eq(fixture_outcome(&fixture, 0), 0);
        cr_assert_eq(fixture_append(&fixture, TRAIL_PLAIN), 0);
        cr_assert_eq(fixture_append(&fixture, TRAIL_DENY), 0);
        fixture_run_until_failure(&fixture);
        cr_assert_eq(fixture.committed, before + 1, "the outcome, and nothing behind it");

        /* So are the last words of a run, up to the last that is one. */
        TrailEntry *gap = fixture_entry(&fixture, TRAIL_PLAIN), *stop = fixture_entry(&fixture, TRAIL_PLAIN);
        gap->pressing = stop->pressing = true;
        cr_assert_eq(trail_append(fixture.trail, gap), 0);
        cr_assert_eq(trail_append(fixture.trail, stop), 0);
        cr_assert_eq(fixture_append(&fixture, TRAIL_PLAIN), 0);
        fixture_run_until_failure(&fixture);
        cr_assert_eq(fixture.committed, before + 3, "gap and stop, and nothing behind them");
        cr_assert_lt(trail_exported_size(fixture.trail), before, "what room there was went to the log");

        cr_assert_eq(mount(NULL, fixture.dir, NULL, MS_REMOUNT, "size=64m"), 0);
        cr_assert_eq(fixture_append(&fixture, TRAIL_PLAIN), 0);
        cr_assert_eq(fixture_append(&fixture, TRAIL_PERMIT), 0);
        fixture_run(&fixture, before + 5);
        fixture_shell(&fixture, "test -e trail/ballast");
        expect_reopens();
        cr_assert_eq(trail_exported_size(fixture.trail), fixture.committed);
        cr_assert_eq(fixture.found.n_open, 1);
        fixture_close(&fixture);
        cr_assert_eq(umount(fixture.dir), 0);
}

static void expect_no_room(void)
{
        cr_assert_eq(fixture_open(&fixture), TRAIL_E_NO_ROOM);
        cr_assert_not_null(strstr(fixture.why, "3072 KiB are needed: make room"), "%s", fixture.why);
        fixture_close(&fixture);
}

Test(failure, a_log_on_a_full_disk_reopens_after_a_restart)
{
        if (!mount_small("size=24m"))
                cr_skip_test("no mounts here");
        cr_assert_eq(fixture_open(&fixture), 0);
        fill();
        fixture_close(&fixture);
        for (unsigned i = 0; i < 2; i++) {
                /* Where there is some, the write-ahead log may find its place, and its end leave enough. */
                leave_room(0);
                expect_no_room();
        }
        cr_assert_eq(mount(NULL, fixture.dir, NULL, MS_REMOUNT, "size=64m"), 0);
        uint64_t size = fixture.committed;
        cr_assert_eq(fixture_open(&fixture), 0, "%s", fixture.why);
        cr_assert_eq(fixture.found.head.size, size);
        fixture_grow(&fixture, size + 10);
        fixture_close(&fixture);
        cr_assert_eq(umount(fixture.dir), 0);
}

Test(failure, a_log_without_room_for_its_ballast_does_not_open)
{
        if (!mount_small("size=24m"))
                cr_skip_test("no mounts here");
        cr_assert_eq(fixture_open(&fixture), 0);
        fixture_grow(&fixture, 10);
        fixture_close(&fixture);
        fixture_shell(&fixture, "rm trail/ballast");
        leave_room(3 << 19);
        expect_no_room();
        leave_room(4 << 20);
        cr_assert_eq(fixture_open(&fixture), 0, "%s", fixture.why);
        fixture_shell(&fixture, "test -e trail/ballast");
        fixture_close(&fixture);
        cr_assert_eq(umount(fixture.dir), 0);
}

Test(failure, a_first_start_without_room_is_refused_for_good)
{
        if (!mount_small("size=1m"))
                cr_skip_test("no mounts here");
        cr_assert_eq(fixture_open(&fixture), TRAIL_E_REFUSED);
        cr_assert_not_null(strstr(fixture.why, "3072 KiB are needed: make room"), "%s", fixture.why);
        cr_assert_eq(mount(NULL, fixture.dir, NULL, MS_REMOUNT, "size=64m"), 0);
        cr_assert_eq(fixture_open(&fixture), 0, "%s", fixture.why);
        fixture_close(&fixture);
        cr_assert_eq(umount(fixture.dir), 0);
}

Test(failure, a_log_on_a_read_only_file_system_waits_to_be_written)
{
        if (!mount_small("size=24m"))
                cr_skip_test("no mounts here");
        cr_assert_eq(fixture_open(&fixture), 0);
        fixture_grow(&fixture, 10);
        fixture_close(&fixture);
        cr_assert_eq(mount(NULL, fixture.dir, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
        cr_assert_eq(fixture_open(&fixture), TRAIL_E_READ_ONLY);
        cr_assert_not_null(strstr(fixture.why, "Read-only file system; find out why"), "%s", fixture.why);
        cr_assert_eq(mount(NULL, fixture.dir, NULL, MS_REMOUNT, NULL), 0);
        cr_assert_eq(fixture_open(&fixture), 0, "%s", fixture.why);
        cr_assert_eq(fixture.found.head.size, 10);
        fixture_close(&fixture);
        cr_assert_eq(umount(fixture.dir), 0);
}

Test(failure, a_log_that_was_seen_is_not_begun_anew_where_it_is_not)
{
        if (!mount_small("size=24m"))
                cr_skip_test("no mounts here");
        cr_assert_eq(fixture_open(&fixture), 0);
        fixture_grow(&fixture, 10);
        fixture_close(&fixture);
        fixture.config.known = true;
        cr_assert_eq(fixture_open(&fixture), 0, "%s", fixture.why);
        fixture_close(&fixture);
        cr_assert_eq(umount(fixture.dir), 0);
        cr_assert_eq(fixture_open(&fixture), TRAIL_E_GONE);
        cr_assert_not_null(strstr(fixture.why, "is its file system mounted?"), "%s", fixture.why);
        fixture_shell(&fixture, "test -z \"$(ls)\"");
}

Test(failure, a_write_beyond_a_limit_is_no_room_either)
{
        struct rlimit limit, unlimited;

        (void)signal(SIGXFSZ, SIG_IGN);
        cr_assert_eq(fixture_open(&fixture), 0);
        cr_assert_eq(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
        limit = unlimited;
        limit.rlim_cur = 3 << 20;
        cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        fill();
        cr_assert_not_null(strstr(fixture.advice, "File too large"), "%s", fixture.advice);
        uint64_t before = fixture.committed;
        cr_assert_eq(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
        fixture_grow(&fixture, before + 500);
        expect_reopens();
}

/* Acknowledged numbers, shared with a child that is going to be killed. */
typedef struct Acknowledged {
        volatile uint64_t size;
        volatile uint64_t n_open;
} Acknowledged;

static void acknowledge(TrailEntry *entry, const TrailCommit *commit, void *userdata)
{
        Acknowledged *told = userdata;

        if (entry->role == TRAIL_PERMIT)
                told->n_open++;
        told->size = entry->index + 1;
}

static _Noreturn void serve_until_killed(Acknowledged *told)
{
        fixture.on_entry = acknowledge;
        fixture.userdata = told;
        if (fixture_open(&fixture) != 0)
                _exit(1);
        for (unsigned i = 0;; i++) {
                (void)fixture_append(&fixture, i % 4 == 0 ? TRAIL_PERMIT : TRAIL_PLAIN);
                if (i % 32 == 0)
                        (void)sd_event_run(fixture.event, 0);
        }
}

/* Waits until so much was acknowledged, however long this machine takes for it. */
static void wait_until_acknowledged(pid_t pid, const Acknowledged *told, uint64_t size)
{
        while (told->size < size) {
                cr_assert_eq(waitpid(pid, NULL, WNOHANG), 0, "the child ended by itself");
                (void)usleep(1000);
        }
}

/* Of four children one is killed while it opens the trail, or soon after, the others at work. */
Test(failure, everything_acknowledged_is_there_after_a_kill_at_any_instant)
{
        Acknowledged *told =
                mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        cr_assert_neq(told, MAP_FAILED);

        srand(1);
        for (unsigned round = 0; round < 40; round++) {
                pid_t pid = fork();
                cr_assert_geq(pid, 0);
                /* The child has the fixture as it was before it was opened. */
                if (pid == 0)
                        serve_until_killed(told);
                if (round % 4 != 0)
                        wait_until_acknowledged(pid, told, told->size + 40);
                (void)usleep((useconds_t)(rand() % (round % 4 == 0 ? 8000 : 120000)));
                cr_assert_eq(kill(pid, SIGKILL), 0);
                int status = 0;
                cr_assert_eq(waitpid(pid, &status, 0), pid);
                cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "the child ended by itself");

                cr_assert_eq(fixture_open(&fixture), 0, "round %u: %s", round, fixture.why);
                cr_assert_geq(fixture.found.head.size, told->size, "round %u", round);
                cr_assert_geq(fixture.found.n_open, told->n_open, "round %u", round);
                cr_assert_eq(trail_exported_size(fixture.trail), fixture.found.head.size);
                told->size = fixture.found.head.size;
                told->n_open = fixture.found.n_open;
                fixture_close(&fixture);
        }
        cr_assert_gt(told->size, 1000);
        (void)munmap(told, sizeof(*told));
}

/* A disk that fails at the next sync: the file behind the database
 * is replaced by one that cannot be synced. */
/* Runs something in a child that is to end. Return: its exit status; what it wrote on stderr. */
static int run_child(void (*body)(void), char *ret_said, size_t size)
{
        int pipe_fds[2], status = 0;

        cr_assert_eq(pipe(pipe_fds), 0);
        pid_t pid = fork();
        cr_assert_geq(pid, 0);
        if (pid == 0) {
                (void)dup2(pipe_fds[1], STDERR_FILENO);
                body();
                _exit(0);
        }
        (void)close(pipe_fds[1]);
        ssize_t n = read(pipe_fds[0], ret_said, size - 1);
        ret_said[n > 0 ? n : 0] = 0;
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        (void)close(pipe_fds[0]);
        cr_assert(WIFEXITED(status), "%s", ret_said);
        return WEXITSTATUS(status);
}

static void append_what_must_be_refused(void)
{
        if (fixture_open(&fixture) != 0)
                _exit(1);
        const uint64_t permit = fixture.next;
        (void)fixture_append(&fixture, TRAIL_PERMIT);
        (void)trail_append(fixture.trail, fixture_outcome_entry(&fixture, permit));
        (void)trail_append(fixture.trail, fixture_outcome_entry(&fixture, permit));
        fixture_run(&fixture, 6);
}

Test(failure, a_database_that_refuses_a_leaf_ends_the_process)
{
        char said[512];

        cr_assert_eq(fixture_open(&fixture), 0);
        fixture_grow(&fixture, 3);
        fixture_close(&fixture);
        cr_assert_eq(run_child(append_what_must_be_refused, said, sizeof(said)), TRAIL_EXIT_STORAGE);
        cr_assert_not_null(strstr(said, "a commit failed: Input/output error"), "%s", said);
        cr_assert_eq(fixture_open(&fixture), 0);
        cr_assert_leq(fixture.found.head.size, 5, "nothing of the second stands");
}

Test(failure, every_commit_is_synced_before_it_is_told)
{
        cr_assert_eq(fixture_open(&fixture), 0);
        for (unsigned i = 0; i < 50; i++) {
                unsigned before = syncs->n;
                cr_assert_eq(fixture_append(&fixture, TRAIL_PLAIN), 0);
                fixture_run(&fixture, i + 1);
                cr_assert_gt(syncs->n, before);
        }
}

static void acknowledge_nothing(TrailEntry *entry, const TrailCommit *commit, void *userdata)
{
        _exit(99);
}

static void append_while_syncs_fail(void)
{
        if (fixture_open(&fixture) != 0)
                _exit(1);
        fixture_grow(&fixture, 10);
        /* The export's thread and the resting of the trail's would sync in between. */
        (void)usleep(300000);
        fixture.on_entry = acknowledge_nothing;
        syncs->fail = true;
        (void)fixture_append(&fixture, TRAIL_PERMIT);
        fixture_run(&fixture, 11);
}

Test(failure, a_sync_that_fails_ends_the_process_and_is_not_tried_again)
{
        char said[512];

        cr_assert_eq(run_child(append_while_syncs_fail, said, sizeof(said)), TRAIL_EXIT_STORAGE, "%s", said);
        cr_assert_not_null(strstr(said, "Input/output error"), "%s", said);
        cr_assert_eq(syncs->n_after_failure, 1);
        syncs->fail = false;
        cr_assert_eq(fixture_open(&fixture), 0, "%s", fixture.why);
        cr_assert_geq(fixture.found.head.size, 10);
}
