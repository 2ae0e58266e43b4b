/* Attestation of real peers on real sockets, along both paths. */

#include <criterion/criterion.h>
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guard/attest.h"

/* How the peer of a test behaves before it connects, and afterwards. */
typedef struct Peer {
        void (*before)(void);
        bool exits;      /* once it has connected */
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
        if (peer->exits)
                cr_assert_eq(waitpid(meeting.pid, NULL, 0), meeting.pid);
        meeting.fd = accept(meeting.listener_fd, NULL, NULL);
        cr_assert_geq(meeting.fd, 0);
        return meeting;
}

static void part(Meeting *meeting, const Peer *peer)
{
        if (!peer->exits) {
                kill(meeting->pid, SIGKILL);
                waitpid(meeting->pid, NULL, 0);
        }
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

TestSuite(attest, .timeout = 20);

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
        for (int by_number = 0; by_number < 2; by_number++) {
                Peer peer = {.exits = true};
                Meeting meeting = meet(&peer);
                Attestation a = ATTESTATION_INIT;
                cr_expect_eq(attest(meeting.fd, by_number, &a), ATTEST_E_GONE);
                cr_expect_eq(a.uid, getuid());
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
