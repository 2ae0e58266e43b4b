/*
 * Supervise: the manager of `matchguard run`, as systemd is of the installed service. Used by tools/run.c.
 *
 *  1. The guard starts first; frontend and worker start once it has said READY=1.
 *  2. A frontend or worker that ends is started again after 100 ms, at most five times in ten seconds;
 *     beyond that everything stops, because it will not get better.
 *  3. The guard is never started again: a guard that ends has a reason that somebody should read first.
 *  4. Stopping: the guard first, so that it can answer what is under way; then the others. Who does not
 *     end in time is killed.
 */

#include "tools/supervise.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>
#include <time.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/macro.h"
#include "tools/command.h"
#include "tools/launch.h"
#include "tools/notify.h"
#include "tools/programs.h"

enum { RESTARTS_MAX = 5, ARGUMENTS_MAX = 64 };

#define RESTARTS_WINDOW_USEC (10 * CLOCK_USEC_PER_SEC)
#define RESTART_USEC         (CLOCK_USEC_PER_SEC / 10)
#define GUARD_STOP_USEC      (30 * CLOCK_USEC_PER_SEC)
#define OTHERS_STOP_USEC     (5 * CLOCK_USEC_PER_SEC)
/* timeout(1) and shells tell a program and then its group: within this time that is once. */
#define TOLD_ONCE_USEC (1 * CLOCK_USEC_PER_SEC)

typedef enum Phase {
        PHASE_STARTING,        /* the guard is not ready yet */
        PHASE_RUNNING,         /* all are started */
        PHASE_STOPPING_GUARD,  /* the guard has been told */
        PHASE_STOPPING_OTHERS, /* it has ended, and the others have been told */
        _PHASE_MAX,
} Phase;

/* Phases only go forward. */
static const bool phase_moves[_PHASE_MAX][_PHASE_MAX] = {
        [PHASE_STARTING] =
                {[PHASE_RUNNING] = true, [PHASE_STOPPING_GUARD] = true, [PHASE_STOPPING_OTHERS] = true},
        [PHASE_RUNNING] = {[PHASE_STOPPING_GUARD] = true, [PHASE_STOPPING_OTHERS] = true},
        [PHASE_STOPPING_GUARD] = {[PHASE_STOPPING_OTHERS] = true},
};

typedef struct Supervisor Supervisor;

typedef struct Child {
        Supervisor *supervisor;
        Program program;
        pid_t pid; /* 0: it does not run */
        char *path;
        uint64_t restarts_usec[RESTARTS_MAX]; /* the latest ones, the oldest overwritten first */
        size_t n_restarts;
        sd_event_source *exit_source;
        sd_event_source *restart_source;
} Child;

struct Supervisor {
        const SuperviseConfig *config;
        sd_event *event;
        Phase phase;
        Child children[_PROGRAM_MAX];
        sd_event_source *deadline_source;
        bool said_ready;
        uint64_t told_usec; /* when a signal said to stop; 0: not yet */
        int status;
};

static int start_child(Child *child);

static void supervisor_set_phase(Supervisor *s, Phase phase)
{
        if (phase_moves[s->phase][phase])
                s->phase = phase;
}

static void kill_child(Child *child, int signal_number)
{
        if (child->pid > 0)
                (void)kill(child->pid, signal_number); /* it may have ended; its exit is on the way then */
}

static bool all_ended(const Supervisor *s)
{
        for (size_t i = 0; i < ARRAY_SIZE(s->children); i++)
                if (s->children[i].pid > 0)
                        return false;
        return true;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
        Supervisor *s = userdata;
        for (size_t i = 0; i < ARRAY_SIZE(s->children); i++) {
                Child *child = &s->children[i];
                if (child->pid <= 0 || (s->phase == PHASE_STOPPING_GUARD && i != PROGRAM_GUARD))
                        continue;
                diag(DIAG_WARNING, "%s does not end, and is killed", program_name(child->program));
                kill_child(child, SIGKILL);
        }
        return 0;
}

static int set_deadline(Supervisor *s, uint64_t usec)
{
        s->deadline_source = sd_event_source_disable_unref(s->deadline_source);
        return sd_event_add_time_relative(s->event, &s->deadline_source, CLOCK_MONOTONIC, usec, 0,
                                          on_deadline, s);
}

static int stop_others(Supervisor *s)
{
        supervisor_set_phase(s, PHASE_STOPPING_OTHERS);
        for (size_t i = 0; i < ARRAY_SIZE(s->children); i++) {
                Child *child = &s->children[i];
                child->restart_source = sd_event_source_disable_unref(child->restart_source);
                kill_child(child, SIGTERM);
        }
        if (all_ended(s))
                return sd_event_exit(s->event, 0);
        return set_deadline(s, OTHERS_STOP_USEC);
}

static int begin_stop(Supervisor *s)
{
        if (s->phase >= PHASE_STOPPING_GUARD)
                return 0;
        if (s->children[PROGRAM_GUARD].pid <= 0)
                return stop_others(s);
        supervisor_set_phase(s, PHASE_STOPPING_GUARD);
        kill_child(&s->children[PROGRAM_GUARD], SIGTERM);
        return set_deadline(s, GUARD_STOP_USEC);
}

static void say_how_it_ended(const Child *child, const siginfo_t *info)
{
        const char *name = program_name(child->program);
        if (info->si_code == CLD_EXITED)
                diag(DIAG_WARNING, "%s ended with status %d", name, info->si_status);
        else
                diag(DIAG_WARNING, "%s was ended by the signal %s", name, sigabbrev_np(info->si_status));
}

static int on_restart(sd_event_source *source, uint64_t usec, void *userdata)
{
        Child *child = userdata;
        child->restart_source = sd_event_source_unref(child->restart_source);
        return start_child(child);
}

/* Whether it has been started again as often as it may within the window. */
static bool restarts_used_up(const Child *child, uint64_t now_usec)
{
        return child->n_restarts >= RESTARTS_MAX &&
               now_usec - child->restarts_usec[child->n_restarts % RESTARTS_MAX] < RESTARTS_WINDOW_USEC;
}

static int restart_child(Child *child)
{
        Supervisor *s = child->supervisor;
        uint64_t now_usec;
        int r = sd_event_now(s->event, CLOCK_MONOTONIC, &now_usec);
        if (r < 0)
                return r;
        if (restarts_used_up(child, now_usec)) {
                diag(DIAG_ERROR, "%s ends again and again; stopping", program_name(child->program));
                s->status = EXIT_REFUSED;
                return begin_stop(s);
        }
        child->restarts_usec[child->n_restarts++ % RESTARTS_MAX] = now_usec;
        return sd_event_add_time_relative(s->event, &child->restart_source, CLOCK_MONOTONIC, RESTART_USEC, 0,
                                          on_restart, child);
}

static int on_guard_exit(Supervisor *s, const siginfo_t *info)
{
        Child *guard = &s->children[PROGRAM_GUARD];
        if (s->phase != PHASE_STOPPING_GUARD || info->si_code != CLD_EXITED || info->si_status != 0) {
                say_how_it_ended(guard, info);
                s->status = EXIT_REFUSED;
        }
        return stop_others(s);
}

static int on_exit_of(sd_event_source *source, const siginfo_t *info, void *userdata)
{
        Child *child = userdata;
        Supervisor *s = child->supervisor;
        child->pid = 0;
        child->exit_source = sd_event_source_unref(child->exit_source);
        if (child->program == PROGRAM_GUARD)
                return on_guard_exit(s, info);
        if (s->phase == PHASE_STOPPING_OTHERS)
                return all_ended(s) ? sd_event_exit(s->event, 0) : 0;
        if (s->phase == PHASE_STOPPING_GUARD)
                return 0;
        say_how_it_ended(child, info);
        return restart_child(child);
}

/* The arguments of a program; each was allocated and is freed by free_arguments(). */
typedef struct Arguments {
        char *items[ARGUMENTS_MAX + 1];
        size_t n;
        bool failed;
} Arguments;

static void arguments_deinit(Arguments *arguments)
{
        for (size_t i = 0; i < arguments->n; i++)
                free(arguments->items[i]);
}

static void add_argument(Arguments *arguments, const char *folder, const char *text)
{
        char *item = NULL;
        if (arguments->n < ARGUMENTS_MAX && asprintf(&item, "%s%s", folder, text) >= 0)
                arguments->items[arguments->n++] = item;
        else
                arguments->failed = true;
}

static void guard_arguments(const SuperviseConfig *config, Arguments *arguments)
{
        const char *dir = config->dir->path;
        add_argument(arguments, "", "--private");
        add_argument(arguments, "", "--state");
        add_argument(arguments, dir, "/state");
        add_argument(arguments, "", "--config");
        add_argument(arguments, dir, "/matchguard.conf");
        for (size_t i = 0; i < config->n_policy_dirs; i++) {
                add_argument(arguments, "", "--policy-dir");
                add_argument(arguments, "", config->policy_dirs[i]);
        }
        if (config->new_log)
                add_argument(arguments, "", "--new-log");
}

static void frontend_arguments(const SuperviseConfig *config, Arguments *arguments)
{
        add_argument(arguments, "", "--connect");
        add_argument(arguments, config->dir->path, "/run/internal/frontend");
}

static void worker_arguments(const SuperviseConfig *config, Arguments *arguments)
{
        const char *dir = config->dir->path;
        add_argument(arguments, "", "--connect");
        add_argument(arguments, dir, "/run/internal/worker");
        add_argument(arguments, "", "--galleries");
        add_argument(arguments, dir, "/state/galleries");
        add_argument(arguments, "", "--vkey");
        add_argument(arguments, dir, "/state/public/log.vkey");
}

static void (*const argument_makers[_PROGRAM_MAX])(const SuperviseConfig *, Arguments *) = {
        [PROGRAM_GUARD] = guard_arguments,
        [PROGRAM_FRONTEND] = frontend_arguments,
        [PROGRAM_WORKER] = worker_arguments,
};

static int launch_child(Child *child)
{
        const SuperviseConfig *config = child->supervisor->config;
        bool is_guard = child->program == PROGRAM_GUARD;
        _cleanup_(arguments_deinit) Arguments arguments = {};
        _cleanup_(buffer_deinit) Buffer notify = BUFFER_INIT;
        add_argument(&arguments, "", child->path);
        argument_makers[child->program](config, &arguments);
        if (config->log_seccomp)
                add_argument(&arguments, "", "--log-seccomp");
        buffer_append_format(&notify, "%s/run/internal/notify", config->dir->path);
        if (arguments.failed || notify.failed)
                return -ENOMEM;
        const Launch l = {
                .path = child->path,
                .argv = arguments.items,
                .fds = config->dir->socket_fds,
                .n_fds = is_guard ? _RUN_SOCKET_MAX : 0,
                .fd_names = RUN_SOCKET_NAMES,
                .notify = is_guard ? buffer_text(&notify) : NULL,
        };
        return launch(&l, &child->pid);
}

static int start_child(Child *child)
{
        int r = launch_child(child);
        if (r < 0)
                return r;
        return sd_event_add_child(child->supervisor->event, &child->exit_source, child->pid, WEXITED,
                                  on_exit_of, child);
}

static int on_guard_ready(Supervisor *s)
{
        if (s->phase != PHASE_STARTING)
                return 0;
        supervisor_set_phase(s, PHASE_RUNNING);
        int r = start_child(&s->children[PROGRAM_WORKER]);
        return r < 0 ? r : start_child(&s->children[PROGRAM_FRONTEND]);
}

static void on_serving(Supervisor *s, bool serving)
{
        if (!serving || s->said_ready)
                return;
        s->said_ready = true;
        puts("ready");
        fflush(stdout);
}

static int on_notify(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        Supervisor *s = userdata;
        Notification said;
        int r = notify_receive(fd, s->children[PROGRAM_GUARD].pid, &said);
        if (r != 0)
                return r < 0 ? r : 0;
        if (said.status[0])
                diag(DIAG_INFO, "%s", said.status);
        if (said.says_serving)
                on_serving(s, said.serving);
        return said.ready ? on_guard_ready(s) : 0;
}

static int on_stop_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
        Supervisor *s = userdata;
        uint64_t now_usec = 0;
        int r = sd_event_now(s->event, CLOCK_MONOTONIC, &now_usec);
        if (r < 0)
                return r;
        if (s->told_usec > 0 && now_usec - s->told_usec < TOLD_ONCE_USEC)
                return 0;
        if (s->told_usec > 0) {
                diag(DIAG_WARNING, "told twice to stop: killing everything");
                s->status = EXIT_REFUSED;
                for (size_t i = 0; i < ARRAY_SIZE(s->children); i++)
                        kill_child(&s->children[i], SIGKILL);
                return 0;
        }
        s->told_usec = now_usec;
        return begin_stop(s);
}

static int on_hangup_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
        Supervisor *s = userdata;
        kill_child(&s->children[PROGRAM_GUARD], SIGHUP);
        return 0;
}

static int block_signals(void)
{
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGCHLD);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGHUP);
        return sigprocmask(SIG_BLOCK, &set, NULL) < 0 ? -errno : 0;
}

static int supervisor_open(Supervisor *s)
{
        int r = block_signals();
        if (r >= 0)
                r = sd_event_new(&s->event);
        if (r >= 0)
                r = sd_event_add_signal(s->event, NULL, SIGTERM, on_stop_signal, s);
        if (r >= 0)
                r = sd_event_add_signal(s->event, NULL, SIGINT, on_stop_signal, s);
        if (r >= 0)
                r = sd_event_add_signal(s->event, NULL, SIGHUP, on_hangup_signal, s);
        if (r >= 0)
                r = sd_event_add_io(s->event, NULL, s->config->dir->notify_fd, EPOLLIN, on_notify, s);
        return r;
}

static int find_programs(Supervisor *s)
{
        _cleanup_(buffer_deinit) Buffer fault = BUFFER_INIT;
        for (size_t i = 0; i < ARRAY_SIZE(s->children); i++) {
                _cleanup_(buffer_deinit) Buffer path = BUFFER_INIT;
                s->children[i].supervisor = s;
                s->children[i].program = (Program)i;
                if (programs_find((Program)i, &path, &fault) != 0) {
                        diag(DIAG_ERROR, "%s", buffer_text(&fault));
                        return EXIT_REFUSED;
                }
                s->children[i].path = buffer_take(&path, NULL);
        }
        return EXIT_DONE;
}

static void supervisor_deinit(Supervisor *s)
{
        for (size_t i = 0; i < ARRAY_SIZE(s->children); i++) {
                kill_child(&s->children[i], SIGKILL);
                sd_event_source_disable_unref(s->children[i].exit_source);
                sd_event_source_disable_unref(s->children[i].restart_source);
                free(s->children[i].path);
        }
        sd_event_source_disable_unref(s->deadline_source);
        sd_event_unref(s->event);
}

int supervise(const SuperviseConfig *config)
{
        _cleanup_(supervisor_deinit) Supervisor s = {.config = config, .status = EXIT_DONE};
        int status = find_programs(&s);
        if (status != EXIT_DONE)
                return status;
        int r = supervisor_open(&s);
        if (r >= 0)
                r = start_child(&s.children[PROGRAM_GUARD]);
        if (r >= 0)
                r = sd_event_loop(s.event);
        if (r < 0) {
                diag(DIAG_ERROR, "cannot go on: %s", strerror(-r));
                return EXIT_REFUSED;
        }
        return s.status;
}
