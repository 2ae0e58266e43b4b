/*
 * Reloading. Owns a helper thread while there is one. The thread reads files and writes the archive;
 * everything else is the loop's.
 */

#include "guard/reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/text.h"
#include "guard/client.h"
#include "guard/confine.h"
#include "guard/guard.h"
#include "guard/leaves.h"
#include "guard/recount.h"
#include "guard/stand-downs.h"
#include "guard/status.h"
#include "guard/summary.h"
#include "trail/event.h"

/* Faults are for reading: more of them than this are cut. */
enum { RELOAD_WHY_MAX = 32 * 1024 };

/* --------------------------------------------------------------------------------------------- the thread */

static int reload_work(Reload *reload)
{
        Guard *guard = reload->guard;
        PolicySource source = guard_policy_source(guard);

        int r = policy_load(&reload->policy, &source, &reload->faults);
        for (size_t i = 0; r != 0 && !reload->unreached && i < source.n_dirs; i++)
                if (confine_refuses(source.dirs[i]))
                        reload->unreached = source.dirs[i];
        if (r == 0)
                r = wider_than(reload->old, reload->policy, &reload->wider);
        return r != 0 ? r : guard_archive_policy(guard->trail, reload->policy);
}

/* All of it is read, so that a fault shows now and not when the service does not start. */
static int reload_read_config(Reload *reload)
{
        Guard *guard = reload->guard;
        const ConfigSource source = {.path = guard->options->config_path,
                                     .origin = trail_origin(guard->trail),
                                     .open_accounts = etc_reader_open,
                                     .userdata = &guard->etc_reader};
        _cleanup_(config_deinit) Config config = CONFIG_INIT;

        int r = config_load(&source, &config, &reload->config_faults);
        if (r == 0)
                reload->log_level = config.log_level;
        reload->config_unreached = r == -EACCES && confine_refuses(source.path);
        return r;
}

static void *reload_thread(void *userdata)
{
        Reload *reload = userdata;

        reload->config_result = reload_read_config(reload);
        reload->result = reload_work(reload);
        /* A full eventfd says the same as one more. */
        (void)eventfd_write(reload->done_fd, 1);
        return NULL;
}

/* ------------------------------------------------------------------------------------------ the end of it */

static void reload_clear(Reload *reload)
{
        reload->policy = policy_unref(reload->policy);
        reload->old = policy_unref(reload->old);
        wider_deinit(&reload->wider);
        policy_faults_deinit(&reload->faults);
        reload->faults = (PolicyFaults){};
        policy_faults_deinit(&reload->config_faults);
        reload->config_faults = (PolicyFaults){};
        reload->unreached = NULL;
        free(reload->why);
        reload->why = NULL;
        reload->busy = false;
}

static int reload_answer(Reload *reload, Buffer *answer)
{
        if (!reload->has_call)
                return 0;
        reload->has_call = false;
        int r = call_end(&reload->call, answer);
        return r < 0 ? r : 0;
}

static int reload_begin(Reload *reload, const ReloadAsker *asker);

/* Ends this one and begins the one that was asked for meanwhile. */
static int reload_end(Reload *reload, Buffer *answer)
{
        int r = reload_answer(reload, answer);

        reload_clear(reload);
        if (r < 0)
                return r;
        if (reload->guard->stopping)
                return guard_request_ended(reload->guard);
        summary_notify(reload->guard, "READY=1\n");
        if (!reload->again)
                return 0;
        reload->again = false;
        return reload_begin(reload, &reload->again_asker);
}

static int reload_end_unavailable(Reload *reload)
{
        _cleanup_(buffer_deinit) Buffer answer = BUFFER_INIT;

        event_tell(EVENT_POLICY_NOT_RECORDED, EVENT_FIELDS({"why", reload->guard->recorder.why}),
                   "The reload cannot be recorded, so it did not happen: %s", reload->guard->recorder.why);
        answer_error(reload->call.to, ANSWER_TRAIL_UNAVAILABLE, reload->guard->recorder.why, &answer);
        return reload_end(reload, &answer);
}

static int reload_committed(Waiter *waiter, TrailEntry *entry)
{
        Reload *reload = CONTAINER_OF(waiter, Reload, waiter);
        _cleanup_(buffer_deinit) Buffer answer = BUFFER_INIT;
        Guard *guard = reload->guard;

        if (reload->result != 0) {
                answer_error(reload->call.to, ANSWER_POLICY_REJECTED, reload->why, &answer);
                return reload_end(reload, &answer);
        }
        policy_unref(guard->policy_durable);
        guard->policy_durable = policy_ref(guard->policy);
        stand_downs_tell(reload->old, guard->policy);
        int r = warnings_policy_loaded(&guard->warnings);
        if (r < 0)
                return r;
        status_answer(guard, reload->call.to, &answer);
        return reload_end(reload, &answer);
}

/* What was in force before is again: the recorder has gone back, and so does the policy. */
static int reload_failed(Waiter *waiter)
{
        Reload *reload = CONTAINER_OF(waiter, Reload, waiter);
        Guard *guard = reload->guard;

        policy_unref(guard->policy);
        guard->policy = policy_ref(guard->policy_durable);
        return reload_end_unavailable(reload);
}

/* ------------------------------------------------------------------------------------ from thread to leaf */

/* One text that a message can carry. Return: it, for free(), or NULL. */
static char *reload_plain(Buffer *text)
{
        if (text->n > RELOAD_WHY_MAX)
                text->n = RELOAD_WHY_MAX;
        if (!text_is_utf8((const char *)text->data, text->n))
                for (size_t i = 0; i < text->n; i++)
                        if (text->data[i] >= 0x80)
                                text->data[i] = '?';
        buffer_append(text, "", 1);
        return text->failed ? NULL : buffer_take(text, NULL);
}

static void reload_append_faults(const Reload *reload, const PolicyFaults *faults, Buffer *text)
{
        /* First, because the rest may be cut. */
        if (faults->n > 0 && etc_reader_is_gone(&reload->guard->etc_reader))
                buffer_append_text(
                        text, "mg-etc-reader, the process that opens passwd(5) and group(5) for this "
                              "service, has ended or did not answer, so that no name of an account can be "
                              "looked up; restart the service, which starts it anew "
                              "(systemctl restart matchguard.service)\n");
        for (size_t i = 0; i < faults->n && text->n < RELOAD_WHY_MAX; i++)
                buffer_append_format(text, "%s%s", i > 0 ? "\n" : "", faults->lines[i]);
}

/* Of what the guard may read, but for its own confinement. */
static void reload_append_unreached(const char *kind, const char *path, Buffer *text)
{
        buffer_append_format(
                text,
                "%s: not the %s that stood there when the guard started, and so out of its reach "
                "(matchguardd(8), CONFINEMENT)",
                path, kind);
}

static char *reload_describe(const Reload *reload)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;

        if (reload->result < 0)
                buffer_append_format(&text, "the policy cannot be read, compared or archived: %s",
                                     strerror(-reload->result));
        if (reload->result == RELOAD_E_UNCOUNTED)
                buffer_append_text(&text,
                                   "policy: a Rate looks back further than this run has counted permits; "
                                   "restart the service, which counts them anew "
                                   "(systemctl restart matchguard.service)");
        if (reload->unreached) {
                reload_append_unreached("folder", reload->unreached, &text);
                buffer_append_text(&text, "; restart the service, which reads it "
                                          "(systemctl restart matchguard.service)\n");
        }
        reload_append_faults(reload, &reload->faults, &text);
        return reload_plain(&text);
}

/* What the file says of the log takes effect, or what is wrong with the file is told and kept. Return: 0 or -errno. */
static int reload_take_config(Reload *reload)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        Guard *guard = reload->guard;

        free(guard->config_fault);
        guard->config_fault = NULL;
        if (reload->config_result == 0)
                return log_level_configure(guard, reload->log_level);
        guard->config_unread = reload->config_unreached;
        if (reload->config_unreached)
                reload_append_unreached("file", guard->options->config_path, &text);
        else if (reload->config_result < 0)
                buffer_append_format(&text, "%s: %s", guard->options->config_path,
                                     strerror(-reload->config_result));
        reload_append_faults(reload, &reload->config_faults, &text);
        guard->config_fault = reload_plain(&text);
        if (!guard->config_fault)
                return -ENOMEM;
        event_tell(EVENT_CONFIG_REJECTED, EVENT_FIELDS({"why", guard->config_fault}),
                   guard->config_unread
                           ? "The configuration is read again by a restart only (systemctl restart "
                             "matchguard.service), and nothing new of it takes effect: %s"
                           : "The configuration has a fault, and nothing of it takes effect: %s",
                   guard->config_fault);
        return 0;
}

static void reload_tell_rejected(const Reload *reload)
{
        const ReloadAsker *asker = &reload->asker;

        event_tell(reload->faults.unproved ? EVENT_INVARIANT_BROKEN : EVENT_POLICY_REJECTED,
                   EVENT_FIELDS({"via", asker->via}, {"by", .number = asker->by}),
                   "The policy is not loaded, the old one stays in force:\n%s", reload->why);
}

/* Whether the permits that the new policy's rates look back for are counted. */
static int reload_check_rates(Reload *reload)
{
        const Recorder *recorder = &reload->guard->recorder;
        ClockReading now;

        int r = clock_read(&now);
        if (r < 0)
                return r;
        if (!recount_reaches(&recorder->rates, &now, &recorder->ledger.state,
                             policy_longest_window_usec(reload->policy)))
                reload->result = RELOAD_E_UNCOUNTED;
        return 0;
}

/* The leaf of what was found, and the swap, in one step. Return: 0, RECORDER_E_*, or -errno. */
static int reload_record(Reload *reload)
{
        Guard *guard = reload->guard;
        Recorder *recorder = &guard->recorder;
        _cleanup_(draft_deinit) Draft draft = DRAFT_INIT;
        bool loaded = reload->result == 0;
        ClockReading now;

        int r = recorder_now(recorder, &now);
        if (r < 0)
                return r;
        Digest old = *policy_digest(guard->policy);
        LeafPolicy leaf = {.old = &old,
                           .new = loaded ? policy_digest(reload->policy) : NULL,
                           .invariants = loaded ? policy_invariants_digest(reload->policy) : NULL,
                           .loaded = loaded,
                           .has_wider = loaded,
                           .wider = reload->wider.wider,
                           .via = reload->asker.via,
                           .has_by = reload->asker.has_by,
                           .by = reload->asker.by,
                           .has_loginuid = reload->asker.has_loginuid,
                           .loginuid = reload->asker.loginuid,
                           .why = reload->why};
        draft_begin(&draft, &recorder->ledger, &now, "policy");
        r = leaf_policy(&leaf, &draft);
        if (r == 0)
                r = recorder_append(recorder, &draft, &reload->waiter);
        if (r == 0 && loaded) {
                policy_unref(guard->policy);
                guard->policy = policy_ref(reload->policy);
        }
        return r;
}

static int reload_on_done(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        Reload *reload = userdata;
        eventfd_t value;

        (void)eventfd_read(fd, &value); /* Only that it was written matters. */
        if (!reload->running)
                return 0;
        (void)pthread_join(reload->thread, NULL); /* It was made joinable, and is ours. */
        reload->running = false;
        /* It took longer than the stop waited: nothing may follow the `stop` leaf. */
        if (reload->guard->stopped)
                return 0;
        int r = reload_take_config(reload);
        if (r >= 0 && reload->result == 0)
                r = reload_check_rates(reload);
        if (r < 0)
                return r;
        if (reload->result != 0) {
                reload->why = reload_describe(reload);
                if (!reload->why)
                        return -ENOMEM;
                reload_tell_rejected(reload);
        }
        r = reload_record(reload);
        if (r < 0)
                return r;
        return r > 0 ? reload_end_unavailable(reload) : 0;
}

/* ------------------------------------------------------------------------------------------ the beginning */

static int reload_on_reader_gone(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        event_tell(
                EVENT_ETC_READER_GONE, EVENT_NO_FIELDS,
                "mg-etc-reader, the process that opens passwd(5) and group(5) for this one, has ended or did "
                "not answer. The policy in force stays, and none that names accounts can be loaded until the "
                "service is started anew (systemctl restart matchguard.service).");
        return 0;
}

/* Its end is told once, also where nothing is loaded. */
static int reload_watch_reader(Reload *reload)
{
        Guard *guard = reload->guard;

        int r = sd_event_add_io(guard->event, &reload->reader_gone, guard->etc_reader.fd, EPOLLHUP,
                                reload_on_reader_gone, reload);
        return r < 0 ? r : sd_event_source_set_enabled(reload->reader_gone, SD_EVENT_ONESHOT);
}

static int reload_begin(Reload *reload, const ReloadAsker *asker)
{
        reload->asker = *asker;
        reload->busy = true;
        reload->old = policy_ref(reload->guard->policy);
        int r = pthread_create(&reload->thread, NULL, reload_thread, reload);
        if (r != 0)
                return -r;
        reload->running = true;
        uint64_t now_usec;
        r = sd_event_now(reload->guard->event, CLOCK_MONOTONIC, &now_usec);
        if (r < 0)
                return r;
        char message[64];
        snprintf(message, sizeof(message), "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)now_usec);
        return notifier_tell(&reload->guard->notifier, message);
}

int reload_by_signal(Reload *reload, const ReloadAsker *asker)
{
        if (!reload->busy)
                return reload_begin(reload, asker);
        reload->again = true;
        reload->again_asker = *asker;
        return 0;
}

int reload_by_admin(Reload *reload, Client *client, uint64_t serial)
{
        _cleanup_(buffer_deinit) Buffer answer = BUFFER_INIT;
        const Attestation *attestation = &client->attestation;

        if (reload->busy || reload->guard->stopping) {
                Call call = {};
                call_begin(&call, client, serial);
                if (reload->guard->stopping)
                        answer_error(call.to, ANSWER_TRAIL_UNAVAILABLE, "the service is stopping", &answer);
                else
                        answer_error(call.to, ANSWER_OVERLOADED, NULL, &answer);
                int r = call_end(&call, &answer);
                return r < 0 ? r : 0;
        }
        reload->call = (Call){};
        reload->has_call = true;
        call_begin(&reload->call, client, serial);
        ReloadAsker asker = {.via = "admin",
                             .has_by = true,
                             .by = attestation->uid,
                             .has_loginuid = attestation->has_loginuid,
                             .loginuid = attestation->loginuid};
        return reload_begin(reload, &asker);
}

int reload_init(Reload *reload, Guard *guard)
{
        *reload =
                (Reload){.guard = guard, .waiter = {.committed = reload_committed, .failed = reload_failed}};
        reload->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (reload->done_fd < 0)
                return -errno;
        int r = sd_event_add_io(guard->event, &reload->done, reload->done_fd, EPOLLIN, reload_on_done,
                                reload);
        if (r >= 0)
                r = sd_event_source_set_exit_on_failure(reload->done, true);
        return r < 0 ? r : reload_watch_reader(reload);
}

void reload_deinit(Reload *reload)
{
        if (!reload->guard)
                return;
        reload->reader_gone = sd_event_source_disable_unref(reload->reader_gone);
        /* The thread must not wait for it while this one waits for the thread. */
        etc_reader_shut(&reload->guard->etc_reader);
        if (reload->running)
                (void)pthread_join(reload->thread, NULL); /* It was made joinable, and is ours. */
        reload_clear(reload);
        reload->done = sd_event_source_disable_unref(reload->done);
        reload->done_fd = fd_close(reload->done_fd);
        reload->guard = NULL;
}
