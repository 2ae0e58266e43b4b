/*
 * The guard as a whole: puts the parts together, runs the loop, stops. Owns everything. The decisions about a
 * request are in request.c, what precedes service in start.c.
 */

#include "guard/guard.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/macro.h"
#include "guard/leaves.h"
#include "guard/stand-downs.h"
#include "guard/start.h"
#include "guard/summary.h"
#include "guard/timer.h"
#include "trail/event.h"

#define GUARD_REFUSED_USEC (1 * CLOCK_USEC_PER_SEC)
#define GUARD_STOP_USEC    (10 * CLOCK_USEC_PER_SEC)

enum {
        GUARD_FILES_MAX = 8192,
        GUARD_FILES_LEAST = 512,
        GUARD_FILES_OWN = 256,      /* trail, export, listeners, children, payloads on their way */
        GUARD_FILES_CONNECTION = 3, /* the connection, its pidfd, and one that waits to be handed over */
};

/* ----------------------------------------------------------------------------------- what others are told */

void guard_peers_changed(Guard *guard)
{
        bool started = guard->started && !guard->stopping;
        bool reads = guard->frontend.channel && !guard->frontend.stopping;
        bool computes = guard->worker.ready && !guard->worker.stopping;
        bool serving = started && reads && computes;
        /* Without a trail there is nobody that a worker could believe. */
        bool open = started || (guard->standby.active && !guard->stopping);
        const ListenersWanted wanted = {.clients = open && reads, .frontend = open, .worker = started};

        int r = listeners_set(&guard->listeners, &wanted);
        if (r < 0)
                event_tell(EVENT_SOCKETS_FAILED, EVENT_FIELDS({"why", strerror(-r)}),
                           "Cannot open or shut a socket: %s", strerror(-r));
        if (serving == guard->serving) {
                /* It may wait for another one now. */
                if (started)
                        summary_notify(guard, "");
                return;
        }
        guard->serving = serving;
        /* While a frontend is exchanged callers wait, and where all is stopped it is the first to go. */
        bool alarming = open && !guard->frontend.stopping;
        if (serving)
                event_tell(EVENT_SERVING, EVENT_NO_FIELDS, "Serving: frontend and worker are there.");
        else if (alarming)
                event_tell(EVENT_NOT_SERVING, EVENT_NO_FIELDS, "Not serving any more: the %s is not there.",
                           guard->frontend.channel ? "worker" : "frontend");
        summary_notify(guard, serving ? "X_MATCHGUARD_SERVING=1\n" : "X_MATCHGUARD_SERVING=0\n");
}

int guard_time_passed(Guard *guard)
{
        if (!guard->started || guard->stopping)
                return 0;
        int r = warnings_check(&guard->warnings);
        if (r < 0)
                return r;
        summary_notify(guard, "");
        return 0;
}

/* -------------------------------------------------------------------------------------------------------
 * refusals */

/* A `refused` leaf on its way: what it counts is put back if it is not written. */
typedef struct RefusedEntry {
        Waiter waiter;
        Guard *guard;
        RefusedRow row;
} RefusedEntry;

static int refused_committed(Waiter *waiter, TrailEntry *entry)
{
        free(CONTAINER_OF(waiter, RefusedEntry, waiter));
        return 0;
}

static int guard_arm_refused(Guard *guard)
{
        return timer_arm(guard->refused_timer, GUARD_REFUSED_USEC);
}

static int refused_failed(Waiter *waiter)
{
        _cleanup_(freep) RefusedEntry *entry = CONTAINER_OF(waiter, RefusedEntry, waiter);

        refused_add_row(&entry->guard->refused, &entry->row);
        return guard_arm_refused(entry->guard);
}

static int guard_record_refused(Guard *guard, const RefusedRow *row)
{
        Recorder *recorder = &guard->recorder;
        Draft draft = DRAFT_INIT;
        ClockReading now;

        int r = recorder_now(recorder, &now);
        if (r < 0)
                return r;
        RefusedEntry *entry = calloc(1, sizeof(*entry));
        if (!entry)
                return -ENOMEM;
        *entry = (RefusedEntry){.waiter = {.committed = refused_committed, .failed = refused_failed},
                                .guard = guard,
                                .row = *row};
        draft_begin(&draft, &recorder->ledger, &now, "refused");
        leaf_refused(row, &draft);
        r = recorder_append(recorder, &draft, &entry->waiter);
        if (r == 0)
                return 0;
        refused_add_row(&guard->refused, row);
        free(entry);
        return r < 0 ? r : 0;
}

static int guard_flush_refused(Guard *guard)
{
        RefusedRow row;

        for (size_t n = guard->refused.n; n > 0 && !recorder_is_busy(&guard->recorder); n--) {
                if (!refused_take(&guard->refused, &row))
                        break;
                int r = guard_record_refused(guard, &row);
                if (r < 0)
                        return r;
        }
        return guard->refused.n > 0 ? guard_arm_refused(guard) : 0;
}

static int guard_on_refused(sd_event_source *source, uint64_t usec, void *userdata)
{
        Guard *guard = userdata;

        /* Nothing may follow the `stop` leaf. */
        return guard->stopped ? 0 : guard_flush_refused(guard);
}

void guard_refuse(Guard *guard, QuotaUser user, RefusedWhy why)
{
        if (guard->refused.n == 0)
                /* A timer that cannot be set is set by the next one. */
                (void)guard_arm_refused(guard);
        refused_add(&guard->refused, user, why);
}

void guard_overloaded(Guard *guard)
{
        ClockReading now = {};

        (void)clock_read(&now); /* Without a clock it was in 1970, and that is plain to see. */
        guard->n_overloaded++;
        guard->overloaded_usec = now.wall_usec;
}

/* -------------------------------------------------------------------------------------------------------
 * stopping */

static int stop_committed(Waiter *waiter, TrailEntry *entry)
{
        Guard *guard = CONTAINER_OF(waiter, Guard, stop);

        return sd_event_exit(guard->event, EXIT_SUCCESS);
}

static int stop_failed(Waiter *waiter)
{
        Guard *guard = CONTAINER_OF(waiter, Guard, stop);

        event_tell(EVENT_STOP_FAILED, EVENT_NO_FIELDS, "The stop could not be recorded.");
        return sd_event_exit(guard->event, EXIT_FAILURE);
}

static int guard_record_stop(Guard *guard)
{
        Recorder *recorder = &guard->recorder;
        Draft draft = DRAFT_INIT;
        ClockReading now;

        guard->stopped = true;
        int r = recorder_now(recorder, &now);
        if (r < 0)
                return r;
        draft_begin(&draft, &recorder->ledger, &now, "stop");
        leaf_stop(guard->requests.n_open, &draft);
        r = recorder_append(recorder, &draft, &guard->stop);
        recorder_close(recorder);
        return r > 0 ? stop_failed(&guard->stop) : r;
}

int guard_request_ended(Guard *guard)
{
        if (!guard->stopping || guard->stopped)
                return 0;
        if (guard->recorder.broken)
                return guard->out_of_time ? stop_failed(&guard->stop) : 0;
        if (guard->requests.n_open > 0 || (guard->reload.busy && !guard->out_of_time))
                return 0;
        int r = guard_flush_refused(guard);
        if (r == 0)
                r = mirrors_flush(&guard->mirrors);
        return r < 0 ? r : guard_record_stop(guard);
}

static int guard_on_stop_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
        Guard *guard = userdata;

        guard->out_of_time = true;
        int r = requests_out_of_time(&guard->requests);
        return r < 0 ? r : guard_request_ended(guard);
}

static int guard_stop(Guard *guard)
{
        if (guard->stopping)
                return 0;
        guard->stopping = true;
        summary_notify(guard, "STOPPING=1\n");
        if (!guard->started)
                return sd_event_exit(guard->event, EXIT_SUCCESS);
        guard_peers_changed(guard);
        int r = timer_arm(guard->stop_timer, GUARD_STOP_USEC);
        if (r >= 0)
                r = recorder_say_last_words(&guard->recorder);
        return r < 0 ? r : guard_request_ended(guard);
}

static int guard_on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
        return guard_stop(userdata);
}

static int guard_on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
        Guard *guard = userdata;
        ReloadAsker asker = {.via = "signal", .has_by = true, .by = info->ssi_uid};

        if (guard->standby.active)
                event_tell(EVENT_POLICY_NOT_RECORDED, EVENT_FIELDS({"why", guard->recorder.why}),
                           "The policy is not loaded anew while the trail cannot be written.");
        return guard->started && !guard->stopping ? reload_by_signal(&guard->reload, &asker) : 0;
}

/* --------------------------------------------------------------------------------------- around the trail */

static int guard_before_commit(const TrailCommit *commit, const TrailEntry *first, void *userdata)
{
        Guard *guard = userdata;

        int r = mirrors_commit(&guard->mirrors, commit, first);
        return r < 0 ? r : worker_show(&guard->worker, commit);
}

static int guard_on_broken(void *userdata)
{
        summary_notify(userdata, "");
        return 0;
}

static int guard_on_clock(void *userdata)
{
        return guard_time_passed(userdata);
}

static int guard_on_mended(void *userdata)
{
        Guard *guard = userdata;

        summary_notify(guard, "");
        int r = requests_settle(&guard->requests);
        return r < 0 ? r : guard_request_ended(guard);
}

const RecorderHandlers guard_recorder_handlers = {
        .before = guard_before_commit,
        .broken = guard_on_broken,
        .mended = guard_on_mended,
        .clock = guard_on_clock,
};

/* The leaves that precede service are durable, one after the other. */
static int starting_committed(Waiter *waiter, TrailEntry *entry)
{
        Guard *guard = CONTAINER_OF(waiter, Guard, starting);

        if (--guard->n_starting > 0)
                return 0;
        guard->started = true;
        standby_end(&guard->standby);
        recorder_told(&guard->recorder, guard->n_starting_told);
        guard_peers_changed(guard);
        summary_notify(guard, "READY=1\n");
        stand_downs_tell(NULL, guard->policy);
        int r = eraser_start(&guard->eraser);
        if (r < 0)
                return r;
        return warnings_policy_loaded(&guard->warnings);
}

static int starting_failed(Waiter *waiter)
{
        Guard *guard = CONTAINER_OF(waiter, Guard, starting);

        return standby_begin(&guard->standby, NULL);
}

/* ----------------------------------------------------------------------------------------- life and death */

static int guard_load_config(Guard *guard)
{
        PolicyFaults faults = {};

        int r = config_load(&(ConfigSource){.path = guard->options->config_path}, &guard->config, &faults);
        if (r < 0)
                event_tell(EVENT_START_FAILED, EVENT_NO_FIELDS, "Cannot read %s: %s",
                           guard->options->config_path, strerror(-r));
        if (r <= 0)
                return r;
        for (size_t i = 0; i < faults.n; i++)
                event_tell(EVENT_START_FAILED, EVENT_NO_FIELDS, "%s", faults.lines[i]);
        policy_faults_deinit(&faults);
        return -EBADMSG;
}

static int guard_watch_signals(Guard *guard)
{
        static const struct {
                int number;
                sd_event_signal_handler_t handler;
        } signals[] = {{SIGTERM, guard_on_stop}, {SIGINT, guard_on_stop}, {SIGHUP, guard_on_reload}};

        for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
                int r = sd_event_add_signal(guard->event, &guard->signals[i], signals[i].number,
                                            signals[i].handler, guard);
                if (r >= 0)
                        r = sd_event_source_set_exit_on_failure(guard->signals[i], true);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The unit sets the limit too. Where neither may, fewer connections are served: a trail or an export that
 * finds no descriptor ends the guard. */
static int guard_raise_limits(Guard *guard)
{
        struct rlimit limit, higher;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return -errno;
        higher = limit;
        higher.rlim_cur = MIN_OF(limit.rlim_max, (rlim_t)GUARD_FILES_MAX);
        if (higher.rlim_cur > limit.rlim_cur && setrlimit(RLIMIT_NOFILE, &higher) == 0)
                limit = higher;
        if (limit.rlim_cur < GUARD_FILES_LEAST) {
                event_tell(EVENT_START_FAILED, EVENT_NO_FIELDS,
                           "Only %llu files may be open, and %d are needed; raise LimitNOFILE= or ulimit -n.",
                           (unsigned long long)limit.rlim_cur, GUARD_FILES_LEAST);
                return -EMFILE;
        }
        quota_limit_connections(&guard->quota, (limit.rlim_cur - GUARD_FILES_OWN) / GUARD_FILES_CONNECTION);
        return 0;
}

static int guard_set_up(Guard *guard)
{
        ClockReading now;

        int r = guard_raise_limits(guard);
        if (r >= 0)
                r = sd_event_default(&guard->event);
        if (r < 0)
                return r;
        r = clock_read(&now);
        if (r < 0)
                return r;
        guard->started_usec = now.boottime_usec;
        r = notifier_init(&guard->notifier, guard->event);
        if (r < 0)
                return r;
        allowances_init(&guard->allowances, now.boottime_usec);
        r = timer_new(guard->event, &guard->refused_timer, guard_on_refused, guard);
        if (r >= 0)
                r = timer_new(guard->event, &guard->stop_timer, guard_on_stop_timeout, guard);
        if (r >= 0)
                r = guard_watch_signals(guard);
        if (r >= 0)
                r = requests_init(&guard->requests, guard);
        if (r >= 0)
                r = frontend_init(&guard->frontend, guard);
        if (r >= 0)
                r = reload_init(&guard->reload, guard);
        if (r >= 0)
                r = warnings_init(&guard->warnings, guard);
        if (r >= 0)
                r = eraser_init(&guard->eraser, guard);
        if (r >= 0)
                r = standby_init(&guard->standby, guard);
        rebase_init(&guard->rebase, guard);
        worker_init(&guard->worker, guard);
        if (r >= 0)
                r = listeners_open(guard);
        return r;
}

DEFINE_CLEANUP(Guard *, guard_free);

int guard_new(Guard **ret_guard, const Options *options, int *ret_status)
{
        _cleanup_(guard_freep) Guard *guard = calloc(1, sizeof(*guard));
        if (!guard)
                return -ENOMEM;

        guard->options = options;
        guard->notifier.fd = -1;
        guard->etc_reader = (EtcReader)ETC_READER_INIT;
        guard->starting = (Waiter){.committed = starting_committed, .failed = starting_failed};
        guard->stop = (Waiter){.committed = stop_committed, .failed = stop_failed};
        *ret_status = EXIT_FAILURE;
        int r = guard_load_config(guard);
        if (r < 0)
                return r;
        guard->frontend_uid = frontend_account(guard, "matchguard-frontend");
        guard->worker_uid = frontend_account(guard, "matchguard-worker");
        r = etc_reader_start(&guard->etc_reader, options->log_seccomp);
        if (r == 0)
                r = guard_set_up(guard);
        if (r >= 0)
                r = log_level_configure(guard, guard->config.log_level);
        if (r < 0) {
                event_tell(EVENT_START_FAILED, EVENT_NO_FIELDS, "Cannot set up the loop and the sockets: %s",
                           strerror(-r));
                return r;
        }
        r = start_open(guard, ret_status);
        if (r < 0)
                return r;
        *ret_guard = TAKE_PTR(guard);
        return 0;
}

Guard *guard_free(Guard *guard)
{
        if (!guard)
                return NULL;
        /* First whoever could still call: then the trail, which must find nobody who waits. */
        listeners_deinit(&guard->listeners);
        standby_deinit(&guard->standby);
        reload_deinit(&guard->reload);
        warnings_deinit(&guard->warnings);
        worker_deinit(&guard->worker);
        frontend_deinit(&guard->frontend);
        trail_free(guard->trail);
        mirrors_deinit(&guard->mirrors);
        lookups_deinit(&guard->lookups);
        disclosures_deinit(&guard->disclosures);
        eraser_deinit(&guard->eraser);
        requests_deinit(&guard->requests);
        recorder_deinit(&guard->recorder);

        for (size_t i = 0; i < ARRAY_SIZE(guard->signals); i++)
                guard->signals[i] = sd_event_source_disable_unref(guard->signals[i]);
        guard->stop_timer = sd_event_source_disable_unref(guard->stop_timer);
        guard->refused_timer = sd_event_source_disable_unref(guard->refused_timer);
        policy_unref(guard->policy);
        policy_unref(guard->policy_durable);
        allowances_deinit(&guard->allowances);
        quota_deinit(&guard->quota);
        config_deinit(&guard->config);
        notifier_deinit(&guard->notifier);
        etc_reader_deinit(&guard->etc_reader);
        sd_event_unref(guard->event);
        free(guard->summary);
        free(guard->config_fault);
        free(guard);
        return NULL;
}

int guard_run(Guard *guard)
{
        return sd_event_loop(guard->event);
}
