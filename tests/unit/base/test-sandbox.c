/*
 * base/sandbox.h in children, which do what they may and what they may not: they end by themselves, by SIGSYS, or say
 * with which error they were refused.
 */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/sandbox.h"

static char folder[] = "/tmp/matchguard-test-sandbox-XXXXXX";
static char inside[64], file[64], outside[64];
static pid_t test_pid;

static const SandboxGroup list[] = {
        {"files, for Landlock to refuse",
         {SANDBOX_CALL(openat), SANDBOX_CALL(renameat), SANDBOX_CALL(unlinkat)}},
        {"one argument", {SANDBOX_CALL_IF(socket, 0, AF_UNIX), SANDBOX_CALL_IF(socket, 0, AF_INET)}},
        {"bits of one", {SANDBOX_CALL_BITS(mlockall, 0, MCL_FUTURE, 0)}},
        {"for Landlock to refuse",
         {SANDBOX_CALL(kill), SANDBOX_CALL(connect), SANDBOX_CALL(ptrace), SANDBOX_CALL(ioctl)}},
        {},
};

static void make_file(const char *path)
{
        _cleanup_(fd_closep) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        cr_assert_geq(fd, 0);
}

static void set_up(void)
{
        test_pid = getpid();
        cr_assert_not_null(mkdtemp(folder));
        (void)snprintf(inside, sizeof(inside), "%s/inside", folder);
        (void)snprintf(file, sizeof(file), "%s/inside/file", folder);
        (void)snprintf(outside, sizeof(outside), "%s/outside", folder);
        cr_assert_eq(mkdir(inside, 0700), 0);
        make_file(file);
        make_file(outside);
}

static void tear_down(void)
{
        (void)unlink(file);
        (void)unlink(outside);
        (void)rmdir(inside);
        cr_assert_eq(rmdir(folder), 0);
}

TestSuite(sandbox, .init = set_up, .fini = tear_down);

/* What a confined child does. Return: its exit status: 0, or an error of errno. */
typedef int (*Deed)(void);

/* How a child ends that is made, confined, and does that. */
static int status_of(const Sandbox *sandbox, Deed deed)
{
        SandboxRemarks remarks;
        int status = 0;
        pid_t pid = fork();

        cr_assert_geq(pid, 0);
        if (pid == 0) {
                if (sandbox && (sandbox_shed(0) < 0 || sandbox_enter(sandbox, &remarks) < 0))
                        _exit(255);
                _exit(deed());
        }
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        return status;
}

static void ends_with(Deed deed, int error)
{
        const Sandbox sandbox = {.lists = {list}};
        int status = status_of(&sandbox, deed);

        cr_assert(WIFEXITED(status), "ended by signal %d", WTERMSIG(status));
        cr_assert_eq(WEXITSTATUS(status), error, "with %d, not %d", WEXITSTATUS(status), error);
}

static void is_killed(Deed deed, int by)
{
        const Sandbox sandbox = {.lists = {list}};
        int status = status_of(&sandbox, deed);

        cr_assert(WIFSIGNALED(status), "went on, and ended with %d", WEXITSTATUS(status));
        cr_assert_eq(WTERMSIG(status), by);
}

static int error_of(long r)
{
        return r < 0 ? errno : 0;
}

/* ------------------------------------------------------------------------------------------------ the calls */

static int deed_allowed(void)
{
        return error_of(getpid()) + error_of(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int deed_not_listed(void)
{
        return error_of(chdir("/"));
}

static int deed_other_argument(void)
{
        return error_of(socket(AF_NETLINK, SOCK_RAW, 0));
}

static int deed_bits_within(void)
{
        return mlockall(MCL_CURRENT) < 0 && errno != EPERM && errno != ENOMEM ? errno : 0;
}

static int deed_bits_beyond(void)
{
        return error_of(mlockall(MCL_CURRENT | MCL_FUTURE));
}

static int deed_executable_memory(void)
{
        return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
}

static int deed_made_executable(void)
{
        void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        return error_of(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

static int deed_newer_call(void)
{
        return error_of(syscall(451)); /* cachestat(2), of Linux 6.5 */
}

static int deed_far_newer_call(void)
{
        return error_of(syscall(600));
}

static int deed_clone3(void)
{
        return error_of(syscall(SYS_clone3, NULL, 0));
}

static int deed_skipped(void)
{
        return error_of(syscall(-1));
}

static int deed_abort(void)
{
        abort();
}

static int deed_abort_another(void)
{
        return error_of(syscall(SYS_tgkill, test_pid, test_pid, SIGABRT));
}

static int deed_signal_itself(void)
{
        return error_of(syscall(SYS_tgkill, getpid(), gettid(), SIGTERM));
}

Test(sandbox, calls_of_the_lists_are_made)
{
        ends_with(deed_allowed, 0);
        ends_with(deed_bits_within, 0);
}

Test(sandbox, other_calls_and_other_arguments_end_the_process)
{
        is_killed(deed_not_listed, SIGSYS);
        is_killed(deed_other_argument, SIGSYS);
        is_killed(deed_bits_beyond, SIGSYS);
}

Test(sandbox, no_memory_becomes_executable)
{
        is_killed(deed_executable_memory, SIGSYS);
        is_killed(deed_made_executable, SIGSYS);
}

Test(sandbox, calls_newer_than_the_lists_are_not_there)
{
        ends_with(deed_newer_call, ENOSYS);
        ends_with(deed_far_newer_call, ENOSYS);
        ends_with(deed_clone3, ENOSYS);
}

Test(sandbox, a_call_that_a_tracer_took_away_ends_nothing)
{
        ends_with(deed_skipped, ENOSYS);
}

Test(sandbox, abort_reaches_itself_only)
{
        is_killed(deed_abort, SIGABRT);
        is_killed(deed_abort_another, SIGSYS);
        is_killed(deed_signal_itself, SIGSYS);
}

#ifdef __x86_64__
static int deed_other_architecture(void)
{
        long r = 20; /* getpid(2) of i386 */

        __asm__ volatile("int $0x80" : "+a"(r) : : "memory", "r8", "r9", "r10", "r11");
        return error_of(r);
}

static int deed_x32(void)
{
        return error_of(syscall(0x40000000 | SYS_getpid));
}

Test(sandbox, calls_of_another_architecture_end_the_process)
{
        is_killed(deed_other_architecture, SIGSYS);
        is_killed(deed_x32, SIGSYS);
}
#endif

static int thread_go = -1;

static void *thread_run(void *userdata)
{
        eventfd_t count;

        (void)eventfd_read(thread_go, &count);
        return (void *)(intptr_t)chdir("/");
}

static int deed_of_a_thread_that_was_there_before(void)
{
        const Sandbox sandbox = {.lists = {list}};
        SandboxRemarks remarks;
        pthread_t thread;

        thread_go = eventfd(0, EFD_CLOEXEC);
        if (pthread_create(&thread, NULL, thread_run, NULL) != 0 || sandbox_shed(0) < 0 ||
            sandbox_enter(&sandbox, &remarks) < 0)
                return 255;
        (void)eventfd_write(thread_go, 1); /* It is empty. */
        (void)pthread_join(thread, NULL);  /* It is there. */
        return 0;
}

Test(sandbox, every_thread_is_bound)
{
        int status = status_of(NULL, deed_of_a_thread_that_was_there_before);

        cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

static int deed_remark(bool log)
{
        SandboxRemarks remarks;

        if (sandbox_shed(0) < 0 || sandbox_enter(&(Sandbox){.lists = {list}, .log = log}, &remarks) < 0)
                return 255;
        return remarks.warning ? 1 : 0;
}

static int deed_remark_log(void)
{
        return deed_remark(true);
}

static int deed_remark_none(void)
{
        return deed_remark(false);
}

Test(sandbox, what_is_only_logged_goes_on_and_is_said)
{
        const Sandbox sandbox = {.lists = {list}, .log = true};
        int status = status_of(&sandbox, deed_not_listed);

        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        cr_assert_eq(WEXITSTATUS(status_of(NULL, deed_remark_log)), 1);
        cr_assert_eq(WEXITSTATUS(status_of(NULL, deed_remark_none)), 0);
}

/* ---------------------------------------------------------------------------------------------- the folders */

static void folders_give(SandboxAccess access, Deed deed, int error)
{
        const SandboxFolder folders[] = {{inside, access}, {"/nowhere-at-all", SANDBOX_WRITE}};
        const Sandbox sandbox = {.lists = {list}, .folders = folders, .n_folders = ARRAY_SIZE(folders)};
        int status = status_of(&sandbox, deed);

        cr_assert(WIFEXITED(status), "ended by signal %d", WTERMSIG(status));
        cr_assert_eq(WEXITSTATUS(status), error, "with %d, not %d", WEXITSTATUS(status), error);
}

static int deed_read_inside(void)
{
        return error_of(open(file, O_RDONLY | O_CLOEXEC));
}

static int deed_write_inside(void)
{
        return error_of(open(file, O_WRONLY | O_TRUNC | O_CLOEXEC));
}

static int deed_read_outside(void)
{
        return error_of(open(outside, O_RDONLY | O_CLOEXEC));
}

static int deed_list_root(void)
{
        return error_of(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

static int deed_rename_out(void)
{
        return error_of(renameat(AT_FDCWD, file, AT_FDCWD, outside));
}

static int deed_remove_outside(void)
{
        return error_of(unlinkat(AT_FDCWD, outside, 0));
}

static int deed_signal(void)
{
        return error_of(kill(test_pid, 0));
}

static int deed_connect(void)
{
        const struct sockaddr_in address = {
                .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        return error_of(connect(fd, (const struct sockaddr *)&address, sizeof(address)));
}

/* How old the kernel's Landlock is, without which there is nothing to see. */
static void needs_landlock(long version)
{
        if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < version)
                cr_skip_test("this kernel has no Landlock, or an older one");
}

Test(sandbox, folders_are_read_or_written_and_nothing_else)
{
        needs_landlock(3);
        folders_give(SANDBOX_READ, deed_read_inside, 0);
        folders_give(SANDBOX_READ, deed_write_inside, EACCES);
        folders_give(SANDBOX_WRITE, deed_write_inside, 0);
        folders_give(SANDBOX_WRITE, deed_read_outside, EACCES);
        folders_give(SANDBOX_WRITE, deed_list_root, EACCES);
        folders_give(SANDBOX_WRITE, deed_rename_out, EACCES);
        folders_give(SANDBOX_WRITE, deed_remove_outside, EACCES);
}

static void file_gives(const char *path, SandboxAccess access, Deed deed, int error)
{
        const SandboxFolder folders[] = {{path, access}};
        const Sandbox sandbox = {.lists = {list}, .folders = folders, .n_folders = ARRAY_SIZE(folders)};
        int status = status_of(&sandbox, deed);

        cr_assert(WIFEXITED(status), "ended by signal %d", WTERMSIG(status));
        cr_assert_eq(WEXITSTATUS(status), error, "with %d, not %d", WEXITSTATUS(status), error);
}

Test(sandbox, a_file_is_read_and_what_is_beside_it_is_not)
{
        needs_landlock(3);
        file_gives(file, SANDBOX_READ_FILE, deed_read_inside, 0);
        file_gives(file, SANDBOX_READ_FILE, deed_write_inside, EACCES);
        file_gives(file, SANDBOX_READ_FILE, deed_read_outside, EACCES);
}

Test(sandbox, a_folder_that_is_named_as_a_file_stays_closed)
{
        needs_landlock(3);
        file_gives(inside, SANDBOX_READ_FILE, deed_read_inside, EACCES);
}

static int deed_make_inside(void)
{
        char path[sizeof(inside) + sizeof("/other")];

        (void)snprintf(path, sizeof(path), "%s/other", inside);
        return error_of(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int deed_remove_inside(void)
{
        return error_of(unlinkat(AT_FDCWD, file, 0));
}

Test(sandbox, files_that_are_there_are_written_and_none_is_made)
{
        needs_landlock(3);
        folders_give(SANDBOX_REWRITE, deed_read_inside, 0);
        folders_give(SANDBOX_REWRITE, deed_write_inside, 0);
        folders_give(SANDBOX_REWRITE, deed_make_inside, EACCES);
        folders_give(SANDBOX_REWRITE, deed_remove_inside, EACCES);
}

static void *wait_for_the_end(void *userdata)
{
        for (;;)
                (void)pause();
        return userdata;
}

/* Confined as a worker with a driver: a thread is there already, another one is named. Nothing else of the process is written. */
static int deed_name_a_thread(void)
{
        pthread_t thread;

        if (pthread_create(&thread, NULL, wait_for_the_end, NULL) != 0)
                return 255;
        return pthread_setname_np(thread, "named");
}

Test(sandbox, threads_are_named_where_the_folder_of_tasks_is_open)
{
        const SandboxGroup threads[] = {
                {"threads",
                 {SANDBOX_CALL(openat), SANDBOX_CALL(clone), SANDBOX_CALL(set_robust_list),
                  SANDBOX_CALL(rseq), SANDBOX_CALL(pause)}},
                {}};
        const SandboxFolder folders[] = {{"/proc", SANDBOX_READ}, {"/proc/self/task", SANDBOX_REWRITE}};
        Sandbox sandbox = {.lists = {threads}, .folders = folders, .n_folders = 2};

        needs_landlock(3);
        cr_assert_eq(WEXITSTATUS(status_of(&sandbox, deed_name_a_thread)), 0);
        sandbox.n_folders = 1;
        cr_assert_eq(WEXITSTATUS(status_of(&sandbox, deed_name_a_thread)), EACCES);
}

static int deed_open_null(void)
{
        return error_of(open("/dev/null", O_RDWR | O_CLOEXEC));
}

static int deed_open_zero(void)
{
        return error_of(open("/dev/zero", O_RDWR | O_CLOEXEC));
}

/* A request that no such device knows. */
static int deed_control_null(void)
{
        int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

        return fd < 0 ? errno : error_of(ioctl(fd, TCGETS, NULL));
}

Test(sandbox, a_device_is_opened_and_those_beside_it_are_not)
{
        needs_landlock(3);
        file_gives("/dev/null", SANDBOX_DEVICE, deed_open_null, 0);
        file_gives("/dev/null", SANDBOX_DEVICE, deed_open_zero, EACCES);
        file_gives("/dev/null", SANDBOX_READ_FILE, deed_open_null, EACCES);
}

Test(sandbox, a_device_is_controlled_where_it_is_a_device)
{
        needs_landlock(5);
        file_gives("/dev/null", SANDBOX_DEVICE, deed_control_null, ENOTTY);
        file_gives("/dev", SANDBOX_DEVICE, deed_control_null, ENOTTY);
        file_gives("/dev", SANDBOX_WRITE, deed_control_null, EACCES);
}

Test(sandbox, a_file_that_is_named_as_a_device_stays_closed)
{
        needs_landlock(3);
        file_gives(file, SANDBOX_DEVICE, deed_read_inside, EACCES);
}

Test(sandbox, no_network_is_reached)
{
        needs_landlock(4);
        ends_with(deed_connect, EACCES);
}

Test(sandbox, nobody_outside_is_signalled)
{
        needs_landlock(6);
        ends_with(deed_signal, EPERM);
}

/* ---------------------------------------------------------------------------------------------- the two halves */

static int enter_folders(const Sandbox *sandbox, SandboxRemarks *remarks)
{
        int r = sandbox_shed(0);

        return r < 0 ? r : sandbox_enter_folders(sandbox, remarks);
}

/* Return: how a child ended that executes a program, -1 where there could be none. */
static int run_true(void)
{
        int status = -1;
        pid_t pid = fork();

        if (pid == 0) {
                (void)execl("/bin/true", "true", NULL);
                _exit(errno); /* It could not be executed. */
        }
        return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int deed_execute_between(SandboxAccess access)
{
        const SandboxFolder folders[] = {
                {"/usr", access}, {"/lib", access}, {"/lib64", access}, {"/bin", access}};
        SandboxRemarks remarks;
        int r = enter_folders(&(Sandbox){.folders = folders, .n_folders = ARRAY_SIZE(folders)}, &remarks);

        return r < 0 ? 255 : run_true();
}

static int deed_execute_between_allowed(void)
{
        return deed_execute_between(SANDBOX_EXECUTE);
}

static int deed_execute_between_read(void)
{
        return deed_execute_between(SANDBOX_READ);
}

static int deed_execute_afterwards(void)
{
        const SandboxFolder usr = {"/usr", SANDBOX_EXECUTE};
        const Sandbox sandbox = {.lists = {list}, .folders = &usr, .n_folders = 1};
        SandboxRemarks remarks;

        if (enter_folders(&sandbox, &remarks) < 0 || sandbox_enter_calls(&sandbox, &remarks) < 0)
                return 255;
        return error_of(execl("/bin/true", "true", NULL));
}

Test(sandbox, programs_are_executed_between_the_halves_where_a_folder_says_so)
{
        needs_landlock(3);
        cr_expect_eq(WEXITSTATUS(status_of(NULL, deed_execute_between_allowed)), 0);
        cr_expect_eq(WEXITSTATUS(status_of(NULL, deed_execute_between_read)), EACCES);
        int status = status_of(NULL, deed_execute_afterwards);
        cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

static int thread_there = -1;

static void *thread_open(void *userdata)
{
        eventfd_t count;

        (void)eventfd_write(thread_there, 1); /* It is empty. */
        (void)eventfd_read(thread_go, &count);
        return (void *)(intptr_t)deed_read_outside();
}

static void *thread_change_folder(void *userdata)
{
        (void)eventfd_write(thread_there, 1); /* As above. */
        return thread_run(userdata);
}

/* Return: what the routine of a thread gives that is made between the halves, and goes on after both. */
static int deed_of_a_thread_made_between(void *(*routine)(void *userdata))
{
        const Sandbox sandbox = {.lists = {list}};
        SandboxRemarks remarks;
        pthread_t thread;
        void *result = NULL;
        eventfd_t count;

        thread_go = eventfd(0, EFD_CLOEXEC);
        thread_there = eventfd(0, EFD_CLOEXEC);
        /* It begins with calls that are in no list here. */
        if (enter_folders(&sandbox, &remarks) < 0 || pthread_create(&thread, NULL, routine, NULL) != 0 ||
            eventfd_read(thread_there, &count) < 0 || sandbox_enter_calls(&sandbox, &remarks) < 0)
                return 255;
        (void)eventfd_write(thread_go, 1);   /* It is empty. */
        (void)pthread_join(thread, &result); /* It is there. */
        return (int)(intptr_t)result;
}

static int deed_of_a_thread_that_opens(void)
{
        return deed_of_a_thread_made_between(thread_open);
}

static int deed_of_a_thread_that_makes_another_call(void)
{
        return deed_of_a_thread_made_between(thread_change_folder);
}

Test(sandbox, a_thread_made_between_the_halves_is_bound_by_both)
{
        needs_landlock(3);
        cr_expect_eq(WEXITSTATUS(status_of(NULL, deed_of_a_thread_that_opens)), EACCES);
        int status = status_of(NULL, deed_of_a_thread_that_makes_another_call);
        cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}

/* ------------------------------------------------------------------------------------------------ privileges */

static uint64_t capabilities(void)
{
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};

        cr_assert_eq(syscall(SYS_capget, &header, data), 0);
        cr_assert_eq(data[0].inheritable | data[1].inheritable, 0);
        cr_assert_eq(data[0].permitted, data[0].effective);
        return (uint64_t)data[1].permitted << 32 | data[0].permitted;
}

Test(sandbox, what_is_shed_is_gone)
{
        struct rlimit core;

        cr_assert_eq(sandbox_shed(0), 0);
        cr_assert_eq(capabilities(), 0);
        cr_assert_eq(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
        cr_assert_eq(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
        cr_assert(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0 && core.rlim_max == 0);
}

Test(sandbox, a_capability_that_is_kept_is_kept_alone)
{
        uint64_t kept = UINT64_C(1) << CAP_AUDIT_WRITE, before = capabilities();

        cr_assert_eq(sandbox_shed(kept), 0);
        cr_assert_eq(capabilities(), before & kept);
        if (before != 0) /* whoever had none cannot take others out of what could be had either */
                for (int i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
                        cr_assert_eq(prctl(PR_CAPBSET_READ, i, 0, 0, 0), i == CAP_AUDIT_WRITE);
}
