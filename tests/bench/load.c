/*
 * A closed loop of callers for benchmarks: C connections to one Unix socket, each sends the next call of a file
 * as soon as its reply is there. Prints calls a second and the latencies p50 and p99 as one line of JSON.
 * Bounded by a count.
 *
 * A file holds one call, or many with a NUL between them, which are asked in turn.
 *
 *   load SOCKET CALL-FILE EXPECT CONNECTIONS CALLS     calls a service; each reply must contain EXPECT
 *   load --echo CALL-FILE CONNECTIONS CALLS            the same loop against a raw epoll echo in a child process:
 *                                                      200 bytes come back for each call, nobody reads what was said
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/fd.h"
#include "base/macro.h"

enum { CONNECTIONS_MAX = 1024, CALLS_MAX = 1024, FILE_MAX = 16 << 20, REPLY_MAX = 1 << 20, ECHO_REPLY = 200 };

/* With the NUL that ends it. */
typedef struct Call {
        const uint8_t *data;
        size_t n;
} Call;

typedef struct Caller {
        int fd;
        Call call;
        size_t n_sent; /* of the call */
        size_t n_reply;
        char *reply;
        double started;
} Caller;

typedef struct Load {
        Buffer file;
        Call calls[CALLS_MAX];
        long n_different; /* calls in the file */
        const char *expect;
        int epoll_fd;
        Caller callers[CONNECTIONS_MAX];
        long n_started, n_done, n_calls, n_wrong;
        double *latencies;
} Load;

static double now(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
        fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
        exit(2);
}

static void watch(Load *load, int i, uint32_t events)
{
        struct epoll_event event = {.events = events, .data.u32 = (uint32_t)i};
        if (epoll_ctl(load->epoll_fd, EPOLL_CTL_MOD, load->callers[i].fd, &event) < 0)
                die("epoll_ctl");
}

static void caller_send(Load *load, int i)
{
        Caller *caller = &load->callers[i];

        while (caller->n_sent < caller->call.n) {
                ssize_t n = send(caller->fd, caller->call.data + caller->n_sent,
                                 caller->call.n - caller->n_sent, MSG_NOSIGNAL);
                if (n < 0 && errno == EAGAIN) {
                        watch(load, i, EPOLLIN | EPOLLOUT);
                        return;
                }
                if (n < 0)
                        die("send");
                caller->n_sent += (size_t)n;
        }
        watch(load, i, EPOLLIN);
}

static void caller_start(Load *load, int i)
{
        if (load->n_started == load->n_calls)
                return;
        load->callers[i].call = load->calls[load->n_started++ % load->n_different];
        load->callers[i].n_sent = load->callers[i].n_reply = 0;
        load->callers[i].started = now();
        caller_send(load, i);
}

static void caller_receive(Load *load, int i)
{
        Caller *caller = &load->callers[i];

        ssize_t n = recv(caller->fd, caller->reply + caller->n_reply, REPLY_MAX - caller->n_reply, 0);
        if (n < 0 && errno == EAGAIN)
                return;
        if (n <= 0)
                die("the service closed a connection");
        caller->n_reply += (size_t)n;
        if (caller->reply[caller->n_reply - 1] != 0)
                return;
        load->latencies[load->n_done++] = now() - caller->started;
        if (load->expect && !strstr(caller->reply, load->expect) && load->n_wrong++ == 0)
                fprintf(stderr, "load: unexpected reply: %.400s\n", caller->reply);
        caller_start(load, i);
}

static void load_run(Load *load, int n_connections)
{
        for (int i = 0; i < n_connections; i++) {
                struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
                load->callers[i].reply = malloc(REPLY_MAX);
                if (!load->callers[i].reply ||
                    epoll_ctl(load->epoll_fd, EPOLL_CTL_ADD, load->callers[i].fd, &event) < 0)
                        die("epoll_ctl");
        }
        for (int i = 0; i < n_connections; i++)
                caller_start(load, i);
        while (load->n_done < load->n_calls) {
                struct epoll_event events[64];
                int n = epoll_wait(load->epoll_fd, events, ARRAY_SIZE(events), 30000);
                if (n == 0) {
                        fprintf(stderr, "load: no reply for 30 s after %ld of %ld\n", load->n_done,
                                load->n_calls);
                        exit(2);
                }
                for (int e = 0; e < n; e++) {
                        if (events[e].events & EPOLLOUT)
                                caller_send(load, (int)events[e].data.u32);
                        if (events[e].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                                caller_receive(load, (int)events[e].data.u32);
                }
        }
}

static int by_value(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;
        return (x > y) - (x < y);
}

static void report(Load *load, double seconds)
{
        qsort(load->latencies, (size_t)load->n_done, sizeof(double), by_value);
        printf("{\"calls\":%ld,\"wrong\":%ld,\"perSecond\":%.0f,\"p50us\":%.1f,\"p99us\":%.1f}\n",
               load->n_done, load->n_wrong, (double)load->n_done / seconds,
               load->latencies[load->n_done / 2] * 1e6, load->latencies[load->n_done * 99 / 100] * 1e6);
}

static int connect_to(const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        if (strlen(path) >= sizeof(address.sun_path))
                return -1;
        strcpy(address.sun_path, path);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
                die(path);
        fcntl(fd, F_SETFL, O_NONBLOCK);
        return fd;
}

/* The peer to measure against: answers each message with a fixed one, and does nothing else. */
static void echo(const int *fds, int n)
{
        static char bytes[REPLY_MAX], reply[ECHO_REPLY];
        int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

        memset(reply, 'x', sizeof(reply) - 1);
        for (int i = 0; i < n; i++) {
                struct epoll_event event = {.events = EPOLLIN, .data.fd = fds[i]};
                epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fds[i], &event);
        }
        for (;;) {
                struct epoll_event events[64];
                int ready = epoll_wait(epoll_fd, events, ARRAY_SIZE(events), -1);
                for (int e = 0; e < ready; e++) {
                        ssize_t got = recv(events[e].data.fd, bytes, sizeof(bytes), MSG_DONTWAIT);
                        if (got == 0)
                                _exit(0);
                        if (got > 0 && bytes[got - 1] == 0 &&
                            send(events[e].data.fd, reply, sizeof(reply), MSG_NOSIGNAL) < 0)
                                _exit(1);
                }
        }
}

static void start_echo(Load *load, int n_connections)
{
        int theirs[CONNECTIONS_MAX];

        for (int i = 0; i < n_connections; i++) {
                int pair[2];
                if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                        die("socketpair");
                load->callers[i].fd = pair[0];
                theirs[i] = pair[1];
                fcntl(pair[0], F_SETFL, O_NONBLOCK);
        }
        pid_t pid = fork();
        if (pid < 0)
                die("fork");
        if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGTERM);
                for (int i = 0; i < n_connections; i++)
                        close(load->callers[i].fd);
                echo(theirs, n_connections);
        }
        for (int i = 0; i < n_connections; i++)
                close(theirs[i]);
}

static void read_calls(Load *load, const char *path)
{
        if (fd_read_file(AT_FDCWD, path, FILE_MAX, &load->file) < 0)
                die(path);
        buffer_append(&load->file, "", 1);
        if (load->file.failed)
                die(path);
        for (size_t at = 0; at < load->file.n && load->n_different < CALLS_MAX;) {
                size_t n = strlen((const char *)load->file.data + at) + 1;
                load->calls[load->n_different++] = (Call){load->file.data + at, n};
                at += n;
        }
}

int main(int argc, char **argv)
{
        static Load load;
        bool against_echo = argc == 5 && strcmp(argv[1], "--echo") == 0;

        if (argc != 6 && !against_echo) {
                fprintf(stderr, "Usage: load SOCKET CALL-FILE EXPECT CONNECTIONS CALLS | load --echo "
                                "CALL-FILE CONNECTIONS CALLS\n");
                return 2;
        }
        int n_connections = atoi(argv[argc - 2]);
        load.n_calls = atol(argv[argc - 1]);
        if (n_connections < 1 || n_connections > CONNECTIONS_MAX || load.n_calls < 1 ||
            load.n_calls > 10000000)
                return 2;
        read_calls(&load, argv[2]);
        load.expect = against_echo ? NULL : argv[3];
        load.latencies = calloc((size_t)load.n_calls, sizeof(double));
        load.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (!load.latencies || load.epoll_fd < 0)
                die("start");
        if (against_echo)
                start_echo(&load, n_connections);
        for (int i = 0; i < n_connections && !against_echo; i++)
                load.callers[i].fd = connect_to(argv[1]);
        double started = now();
        load_run(&load, n_connections);
        report(&load, now() - started);
        return load.n_wrong > 0;
}
