/* Attestation of real peers on real sockets, along both paths. */

#include <criterion/criterion.h>
#include <errno.h>
#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guard/attest.h"

/* How the peer of a test behaves before it connects, and afterwards. */
typedef struct Peer {
        void (*before)(void);
        void (*after)(void);
        bool exits;      /* once it has connected */
        bool stays_dead; /* it has exited, and its parent does not look */
        bool has_holder; /* a child of it keeps the connection open */
} Peer;

typedef struct Meeting {
        int listener_fd;
        int fd; /* our end */
        pid_t pid;
        char path[64];
} Meeting;

static void peer_run(const Meeting *meeting, const Peer *peer)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        if (peer->before)
                peer->before();
        strcpy(address.sun_path, meeting->path);
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
                _exit(1);
        if (peer->has_holder && fork() == 0) {
                /* Until our end is closed. */
                char byte;
                (void)!read(fd, &byte, 1);
                _exit(0);
        }
        if (peer->exits)
                _exit(0);
        if (peer->after)
                peer->after();
        /* A test that fails leaves nobody behind; a change of user would take this back. */
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        /* A byte says that all is as the test wants it. */
        if (peer->after && write(fd, "", 1) != 1)
                _exit(1);
        pause();
        _exit(0);
}

/* Connects a peer to us. One that exits has done so before this returns. */
static Meeting meet(const Peer *peer)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        Meeting meeting = {};

        snprintf(meeting.path, sizeof(meeting.path), "/tmp/matchguard-attest.%d", getpid());
        unlink(meeting.path);
        strcpy(address.sun_path, meeting.path);
        meeting.listener_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        cr_assert_eq(bind(meeting.listener_fd, (struct sockaddr *)&address, sizeof(address)), 0);
        cr_assert_eq(chmod(meeting.path, 0666), 0);
        cr_assert_eq(listen(meeting.listener_fd, 5), 0);
        meeting.pid = fork();
        cr_assert_geq(meeting.pid, 0);
        if (meeting.pid == 0)
                peer_run(&meeting, peer);
        if (peer->exits) {
                siginfo_t info;
                int options = WEXITED | (peer->stays_dead ? WNOWAIT : 0);
                cr_assert_eq(waitid(P_PID, (id_t)meeting.pid, &info, options), 0);
        }
        meeting.fd = accept(meeting.listener_fd, NULL, NULL);
        cr_assert_geq(meeting.fd, 0);
        if (peer->after) {
                char byte;
                cr_assert_eq(read(meeting.fd, &byte, 1), 1);
        }
        return meeting;
}

static void part(Meeting *meeting, const Peer *peer)
{
        if (!peer->exits)
                kill(meeting->pid, SIGKILL);
        if (!peer->exits || peer->stays_dead)
                waitpid(meeting->pid, NULL, 0);
        close(meeting->fd);
        close(meeting->listener_fd);
        unlink(meeting->path);
}

static void become_3001(void)
{
        gid_t groups[] = {500, 400, 400, 600};

        if (setgroups(4, groups) < 0 || setresgid(3001, 3001, 3001) < 0 || setresuid(3001, 3001, 3001) < 0)
                _exit(1);
}

/* A set-uid program: the real user is another. */
static void act_as_3001(void)
{
        if (setgroups(0, NULL) < 0 || setresgid(-1, 3001, -1) < 0 || setresuid(-1, 3001, -1) < 0)
                _exit(1);
}

/* A program that needed its user for the connection only. */
static void become_3002(void)
{
        gid_t groups[] = {900};

        if (setgroups(1, groups) < 0 || setresgid(3002, 3002, 3002) < 0 || setresuid(3002, 3002, 3002) < 0)
                _exit(1);
}

static void drop_groups(void)
{
        if (setgroups(0, NULL) < 0)
                _exit(1);
}

static void take_groups(void)
{
        gid_t groups[] = {400, 500};

        if (setgroups(2, groups) < 0)
                _exit(1);
}

/* root in a user namespace of its own, as anybody may be. */
static void become_root_of_its_own(void)
{
        become_3001();
        /* Else its files in /proc were root's still. */
        if (prctl(PR_SET_DUMPABLE, 1) < 0 || unshare(CLONE_NEWUSER) < 0)
                _exit(1);
        FILE *file = fopen("/proc/self/uid_map", "we");
        if (!file || fputs("0 3001 1\n", file) < 0 || fclose(file) != 0 || getuid() != 0)
                _exit(1);
}

/* The same without a map: in there it is nobody. */
static void become_nobody_of_its_own(void)
{
        become_3001();
        if (unshare(CLONE_NEWUSER) < 0 || getuid() == 3001)
                _exit(1);
}

/* A process that has the number @pid, as a thief would hope for; it does @before and then waits. */
static void recycle(pid_t pid, void (*before)(void))
{
        struct clone_args args = {.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&pid, .set_tid_size = 1};
        int pair[2];
        char byte;

        cr_assert_eq(pipe(pair), 0);
        long thief = syscall(SYS_clone3, &args, sizeof(args));
        cr_assert_geq(thief, 0, "cannot choose the number %d: %s", pid, strerror(errno));
        if (thief == 0) {
                if (before)
                        before();
                (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void)!write(pair[1], "", 1);
                for (;;)
                        pause();
        }
        cr_assert_eq(read(pair[0], &byte, 1), 1);
        close(pair[0]);
        close(pair[1]);
}

static bool kernel_keeps_peers(void)
{
        int pair[2], pidfd = -1;
        socklen_t n = sizeof(pidfd);

        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        bool has = getsockopt(pair[0], SOL_SOCKET, 77 /* SO_PEERPIDFD */, &pidfd, &n) == 0;
        close(pair[0]);
        close(pair[1]);
        return has;
}

TestSuite(attest, .timeout = 600);

Test(attest, a_live_peer_is_known_by_both_paths)
{
        for (int by_number = 0; by_number < 2; by_number++) {
                Peer peer = {};
                Meeting meeting = meet(&peer);
                Attestation a = ATTESTATION_INIT;
                cr_assert_eq(attest(meeting.fd, by_number, &a), 0);
                cr_expect_eq(a.uid, getuid());
                cr_expect_eq(a.pid, meeting.pid);
                cr_expect_geq(a.pidfd, 0);
                cr_expect_eq(a.identity, by_number || !kernel_keeps_peers() ? ATTEST_UID : ATTEST_PIDFD);
                cr_expect(attestation_alive(&a));
                attestation_deinit(&a);
                part(&meeting, &peer);
        }
}

Test(attest, the_end_of_the_process_is_seen)
{
        for (int by_number = 0; by_number < 2; by_number++) {
                Peer peer = {};
                Meeting meeting = meet(&peer);
                Attestation a = ATTESTATION_INIT;
                cr_assert_eq(attest(meeting.fd, by_number, &a), 0);
                kill(meeting.pid, SIGKILL);
                waitpid(meeting.pid, NULL, 0);
                cr_expect_not(attestation_alive(&a));
                attestation_deinit(&a);
                peer.exits = true;
                part(&meeting, &peer);
        }
}

Test(attest, a_peer_that_exited_before_is_gone)
{
        for (int i = 0; i < 4; i++) {
                Peer peer = {.exits = true, .stays_dead = i & 2};
                Meeting meeting = meet(&peer);
                Attestation a = ATTESTATION_INIT;
                cr_expect_eq(attest(meeting.fd, i & 1, &a), ATTEST_E_GONE);
                cr_expect_eq(a.uid, getuid());
                cr_expect_null(a.unit);
                attestation_deinit(&a);
                part(&meeting, &peer);
        }
}

Test(attest, a_child_that_holds_the_socket_is_not_the_peer)
{
        for (int by_number = 0; by_number < 2; by_number++) {
                Peer peer = {.exits = true, .has_holder = true};
                Meeting meeting = meet(&peer);
                Attestation a = ATTESTATION_INIT;
                cr_expect_eq(attest(meeting.fd, by_number, &a), ATTEST_E_GONE);
                cr_expect_null(a.unit);
                cr_expect_not(a.has_loginuid);
                attestation_deinit(&a);
                part(&meeting, &peer);
        }
}

/* The kernel never gives the thief for the connector; by number it can be one of the same user at most. */
Test(attest, a_number_that_was_given_anew)
{
        const struct {
                void (*thief)(void);
                bool by_number;
                int r;
        } cases[] = {
                {NULL, false, ATTEST_E_GONE},
                {become_3002, false, ATTEST_E_GONE},
                {NULL, true, 0},
                {become_3002, true, ATTEST_E_GONE},
        };

        if (getuid() != 0)
                cr_skip_test("needs root");
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                Peer peer = {.exits = true};
                Meeting meeting = meet(&peer);
                Attestation a = ATTESTATION_INIT;
                recycle(meeting.pid, cases[i].thief);
                bool by_number = cases[i].by_number || !kernel_keeps_peers();
                cr_expect_eq(attest(meeting.fd, by_number, &a), cases[i].r, "case %zu", i);
                cr_expect_eq(a.identity, by_number ? ATTEST_UID : ATTEST_PIDFD);
                cr_expect_eq(a.uid, 0);
                attestation_deinit(&a);
                peer.exits = false; /* so that part() ends the thief */
                part(&meeting, &peer);
        }
}

Test(attest, one_that_changes_its_user_is_followed_by_its_pidfd_alone)
{
        if (getuid() != 0)
                cr_skip_test("needs root");
        for (int by_number = 0; by_number < 2; by_number++) {
                Peer peer = {.before = take_groups, .after = become_3002};
                Meeting meeting = meet(&peer);
                Attestation a = ATTESTATION_INIT;
                cr_expect_eq(attest(meeting.fd, by_number, &a),
                             by_number || !kernel_keeps_peers() ? ATTEST_E_GONE : 0);
                cr_expect_eq(a.uid, 0);
                cr_expect(a.n_groups == 3 && a.groups[0] == 0 && a.groups[1] == 400 && a.groups[2] == 500);
                attestation_deinit(&a);
                part(&meeting, &peer);
        }
}

Test(attest, groups_are_those_of_the_connect)
{
        if (getuid() != 0)
                cr_skip_test("needs root");
        for (int i = 0; i < 4; i++) {
                bool drops = i & 2;
                Peer peer = {.before = drops ? take_groups : drop_groups,
                             .after = drops ? drop_groups : take_groups};
                Meeting meeting = meet(&peer);
                Attestation a = ATTESTATION_INIT;
                cr_assert_eq(attest(meeting.fd, i & 1, &a), 0);
                cr_expect_eq(a.n_groups, drops ? 3 : 1);
                attestation_deinit(&a);
                part(&meeting, &peer);
        }
}

Test(attest, who_is_root_in_a_namespace_of_its_own_is_its_user_outside)
{
        void (*const before[])(void) = {become_root_of_its_own, become_nobody_of_its_own};

        if (getuid() != 0)
                cr_skip_test("needs root");
        for (int i = 0; i < 4; i++) {
                Peer peer = {.before = before[i / 2]};
                Meeting meeting = meet(&peer);
                Attestation a = ATTESTATION_INIT;
                cr_assert_eq(attest(meeting.fd, i & 1, &a), 0);
                cr_expect_eq(a.uid, 3001);
                attestation_deinit(&a);
                part(&meeting, &peer);
        }
}

/* Whether all is right in a pid namespace of ours where the peer is not seen: by number it is nobody. */
static bool attests_without_a_number(int fd)
{
        Attestation a = ATTESTATION_INIT, b = ATTESTATION_INIT;

        if (attest(fd, true, &a) != ATTEST_E_GONE)
                return false;
        if (!kernel_keeps_peers())
                return true;
        return attest(fd, false, &b) == 0 && b.pid == 0 && b.uid == getuid() && attestation_alive(&b);
}

Test(attest, a_peer_without_a_number)
{
        if (getuid() != 0)
                cr_skip_test("needs root");
        Peer peer = {};
        Meeting meeting = meet(&peer);
        /* Not the test itself enters it: a sanitizer wants to make processes here at its end. */
        pid_t between = fork();
        if (between == 0) {
                int status = -1;
                pid_t inside = unshare(CLONE_NEWPID) == 0 ? fork() : -1;
                if (inside == 0)
                        _exit(attests_without_a_number(meeting.fd) ? 0 : 1);
                _exit(waitpid(inside, &status, 0) == inside && status == 0 ? 0 : 1);
        }
        int status = -1;
        cr_assert_eq(waitpid(between, &status, 0), between);
        cr_expect_eq(status, 0);
        part(&meeting, &peer);
}

Test(attest, groups_are_sorted_with_the_primary_one_and_none_twice)
{
        if (getuid() != 0)
                cr_skip_test("needs root");
        Peer peer = {.before = become_3001};
        Meeting meeting = meet(&peer);
        Attestation a = ATTESTATION_INIT;

        cr_assert_eq(attest(meeting.fd, false, &a), 0);
        cr_expect_eq(a.uid, 3001);
        cr_assert_eq(a.n_groups, 4);
        cr_expect(a.groups[0] == 400 && a.groups[1] == 500 && a.groups[2] == 600 && a.groups[3] == 3001);
        attestation_deinit(&a);
        part(&meeting, &peer);
}

Test(attest, it_is_the_effective_user_by_both_paths)
{
        if (getuid() != 0)
                cr_skip_test("needs root");
        for (int by_number = 0; by_number < 2; by_number++) {
                Peer peer = {.before = act_as_3001};
                Meeting meeting = meet(&peer);
                Attestation a = ATTESTATION_INIT;
                cr_assert_eq(attest(meeting.fd, by_number, &a), 0);
                cr_expect_eq(a.uid, 3001);
                attestation_deinit(&a);
                part(&meeting, &peer);
        }
}

Test(attest, many_groups_are_all_there)
{
        gid_t groups[1000];

        if (getuid() != 0)
                cr_skip_test("needs root");
        for (gid_t i = 0; i < 1000; i++)
                groups[i] = 10000 - i;
        cr_assert_eq(setgroups(1000, groups), 0);
        Peer peer = {};
        Meeting meeting = meet(&peer);
        Attestation a = ATTESTATION_INIT;
        cr_assert_eq(attest(meeting.fd, false, &a), 0);
        cr_expect_eq(a.n_groups, 1001);
        for (size_t i = 1; i < a.n_groups; i++)
                cr_expect_lt(a.groups[i - 1], a.groups[i]);
        attestation_deinit(&a);
        part(&meeting, &peer);
}

/* Attests with descriptors up to that number. */
static int attest_within(int limit_fd, int fd, bool by_number)
{
        Attestation a = ATTESTATION_INIT;
        struct rlimit limit, less;

        cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
        less = limit;
        less.rlim_cur = (rlim_t)limit_fd;
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &less), 0);
        int r = attest(fd, by_number, &a);
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        attestation_deinit(&a);
        return r;
}

/* Else a caller would be told that it is unknown because it was not looked at. */
Test(attest, too_few_descriptors_are_a_failure_and_no_unknown_peer)
{
        for (int by_number = 0; by_number < 2; by_number++) {
                Peer peer = {};
                Meeting meeting = meet(&peer);
                int n_short = 0, r;
                for (int limit_fd = 0; (r = attest_within(limit_fd, meeting.fd, by_number)) != 0;
                     limit_fd++) {
                        cr_assert_eq(r, -EMFILE, "below %d: %d", limit_fd, r);
                        n_short++;
                }
                /* At the least for the pidfd, the folder in /proc, and a file in there. */
                cr_expect_geq(n_short, 3);
                part(&meeting, &peer);
        }
}

Test(attest, what_is_no_socket_is_a_failure)
{
        Attestation a = ATTESTATION_INIT;

        cr_expect_eq(attest(STDIN_FILENO, false, &a), -ENOTSOCK);
        attestation_deinit(&a);
        attestation_deinit(&a);
}

Test(attest, the_audit_login_is_that_of_proc)
{
        Peer peer = {};
        Meeting meeting = meet(&peer);
        Attestation a = ATTESTATION_INIT;
        unsigned long expected = 0;

        FILE *file = fopen("/proc/self/loginuid", "re");
        if (!file || fscanf(file, "%lu", &expected) != 1)
                expected = UINT32_MAX;
        if (file)
                fclose(file);
        cr_assert_eq(attest(meeting.fd, false, &a), 0);
        cr_expect_eq(a.has_loginuid, expected != UINT32_MAX);
        if (a.has_loginuid)
                cr_expect_eq(a.loginuid, expected);
        attestation_deinit(&a);
        part(&meeting, &peer);
}
