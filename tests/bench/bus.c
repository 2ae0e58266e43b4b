/*
 * The peer of a call through the broker: a round trip over the system bus, from a client through the bus to a
 * service and back, C under way at once. Prints calls a second and the latencies p50 and p99 as `load` does.
 *
 *   bus-bench CALLS CONNECTIONS...      one line of JSON for each number of connections
 *
 * The service answers with 200 bytes and does nothing else; a call carries as many bytes as an Identify of a
 * template of 128 numbers. Which bus it is, is the caller's affair (DBUS_SYSTEM_BUS_ADDRESS).
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#include "base/macro.h"

#define BUS_NAME "org.matchguard.Bench"
#define BUS_PATH "/org/matchguard/Bench"

enum { BUS_CALL_SIZE = 1100, BUS_REPLY_SIZE = 200, CONNECTIONS_MAX = 256 };

typedef struct Bench Bench;

typedef struct Caller {
        Bench *bench;
        sd_bus *bus;
        double since;
} Caller;

struct Bench {
        sd_event *event;
        Caller callers[CONNECTIONS_MAX];
        size_t n_calls, n_started, n_done;
        double *latencies;
};

static double now(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t); /* This clock exists. */
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(int r, const char *what)
{
        if (r >= 0)
                return;
        (void)fprintf(stderr, "bus-bench: %s: %s\n", what, strerror(-r));
        exit(2);
}

static int service_answer(sd_bus_message *call, void *userdata, sd_bus_error *error)
{
        static char text[BUS_REPLY_SIZE + 1];

        memset(text, 'x', BUS_REPLY_SIZE);
        return sd_bus_reply_method_return(call, "s", text);
}

static void serve(int ready_fd)
{
        static const sd_bus_vtable methods[] = {
                SD_BUS_VTABLE_START(0),
                SD_BUS_METHOD("Ask", "s", "s", service_answer, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_VTABLE_END,
        };
        sd_bus *bus = NULL;
        sd_event *event = NULL;

        (void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* With a valid signal it cannot fail. */
        must(sd_event_new(&event), "loop");
        must(sd_bus_open_system(&bus), "bus");
        must(sd_bus_add_object_vtable(bus, NULL, BUS_PATH, BUS_NAME, methods, NULL), "object");
        must(sd_bus_request_name(bus, BUS_NAME, 0), "name");
        must(sd_bus_attach_event(bus, event, 0), "loop");
        must((int)write(ready_fd, "r", 1), "ready");
        must(sd_event_loop(event), "loop");
        _exit(0);
}

static void caller_ask(Caller *caller);

static int caller_answered(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        Caller *caller = userdata;
        Bench *bench = caller->bench;

        if (sd_bus_message_is_method_error(reply, NULL))
                must(-EPROTO, sd_bus_message_get_error(reply)->message);
        bench->latencies[bench->n_done++] = now() - caller->since;
        caller_ask(caller);
        return bench->n_done == bench->n_calls ? sd_event_exit(bench->event, 0) : 0;
}

static void caller_ask(Caller *caller)
{
        static char text[BUS_CALL_SIZE + 1];

        if (caller->bench->n_started == caller->bench->n_calls)
                return;
        memset(text, 'x', BUS_CALL_SIZE);
        caller->bench->n_started++;
        caller->since = now();
        must(sd_bus_call_method_async(caller->bus, NULL, BUS_NAME, BUS_PATH, BUS_NAME, "Ask", caller_answered,
                                      caller, "s", text),
             "call");
}

static int by_value(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;
        return (x > y) - (x < y);
}

static void measure(size_t n_calls, size_t n_connections)
{
        Bench bench = {.n_calls = n_calls, .latencies = calloc(n_calls, sizeof(double))};

        must(bench.latencies ? sd_event_new(&bench.event) : -ENOMEM, "loop");
        for (size_t i = 0; i < n_connections; i++) {
                bench.callers[i].bench = &bench;
                must(sd_bus_open_system(&bench.callers[i].bus), "bus");
                must(sd_bus_attach_event(bench.callers[i].bus, bench.event, 0), "loop");
        }
        double started = now();
        for (size_t i = 0; i < n_connections; i++)
                caller_ask(&bench.callers[i]);
        must(sd_event_loop(bench.event), "loop");
        double took = now() - started;
        qsort(bench.latencies, n_calls, sizeof(double), by_value);
        printf("{\"connections\":%zu,\"calls\":%zu,\"perSecond\":%.0f,\"p50us\":%.1f,\"p99us\":%.1f}\n",
               n_connections, n_calls, (double)n_calls / took, bench.latencies[n_calls / 2] * 1e6,
               bench.latencies[n_calls * 99 / 100] * 1e6);
        (void)fflush(stdout);
        for (size_t i = 0; i < n_connections; i++)
                sd_bus_flush_close_unref(bench.callers[i].bus);
        sd_event_unref(bench.event);
        free(bench.latencies);
}

int main(int argc, char **argv)
{
        int ready[2];
        char byte;
        long n_calls = argc > 2 ? atol(argv[1]) : 0;

        if (n_calls < 1 || n_calls > 1000000) {
                (void)fprintf(stderr, "Usage: %s CALLS CONNECTIONS...\n", argv[0]);
                return 2;
        }
        must(pipe(ready) == 0 ? 0 : -errno, "pipe");
        pid_t pid = fork();
        must(pid < 0 ? -errno : 0, "fork");
        if (pid == 0)
                serve(ready[1]);
        (void)close(ready[1]);
        must(read(ready[0], &byte, 1) == 1 ? 0 : -EPROTO, "the service did not come up");
        for (int i = 2; i < argc; i++) {
                long n = atol(argv[i]);
                must(n < 1 || n > CONNECTIONS_MAX ? -EINVAL : 0, argv[i]);
                measure((size_t)n_calls, (size_t)n);
        }
        (void)kill(pid, SIGTERM); /* Our own child, not waited for yet. */
        (void)waitpid(pid, NULL, 0);
        return 0;
}
