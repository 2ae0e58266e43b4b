/*
 * One connection to the guard. Invariants:
 *
 *  1. A JOB has one RESULT: the job is answered where it is refused, or handed to the runner, and then
 *     answered where it comes back, by runner_done(), runner_cancel() or runner_expire(), each of which
 *     hands it over once.
 *  2. A checkpoint is on the disk before the first job under it runs; the thread of that job's lane writes it, so
 *     that the loop never waits for the disk, and a job of the other lane under the same one waits for it.
 *  3. Told to stop, it begins no job. It ends once the results of those that it had begun have left, or with
 *     WORKER_DRAIN_USEC; what it had not begun the guard takes for lost with it.
 *  4. A gallery that was found damaged is never told to be whole afterwards: what is told of one is made where it is sent.
 *  5. What has become of the device is told before the result of whatever met it.
 */

#include "worker/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-event.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/fd.h"
#include "base/macro.h"
#include "base/manager.h"
#include "base/watchdog.h"
#include "wire/channel.h"
#include "wire/message.h"
#include "worker/belief.h"
#include "worker/runner.h"
#include "worker/turns.h"

/* Long for most searches, and less than TimeoutStopSec= of the unit by what a job may take to hear that it is
 * to stop. */
#define WORKER_DRAIN_USEC (UINT64_C(6) * 1000 * 1000)

typedef struct Worker {
        sd_event *event;
        Channel *channel;
        sd_event_source *timer;
        sd_event_source *done;
        sd_event_source *drained; /* there once it was told to stop, as is patience */
        sd_event_source *patience;
        int manager_fd;
        Watchdog watchdog;
        Belief belief;
        Runner *runner;
        Turns turns; /* the runner's threads' */
        Galleries *galleries;
        Engine *engine;
        EngineState told; /* of the engine, last; its name is NULL before */
} Worker;

DEFINE_CLEANUP(Job *, job_free);

/* ----------------------------------------------------------------------------------------------------
 * answers */

static int answer(Worker *worker, uint64_t index, const char *result, const char *why)
{
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;
        ResultMessage message = {
                .index = index, .result = result, .why = why, .engine = engine_fallback(worker->engine)};

        result_encode(&message, &body);
        return channel_send(worker->channel, MESSAGE_RESULT, &body, NULL, 0);
}

static int tell_gallery(Worker *worker, const Gallery *gallery, uint64_t epoch, uint64_t n_templates)
{
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;
        bool damaged = gallery_is_damaged(gallery);

        gallery_encode(&(GalleryMessage){.name = gallery_name(gallery),
                                         .damaged = damaged,
                                         .epoch = damaged ? 0 : epoch,
                                         .n_templates = damaged ? 0 : n_templates},
                       &body);
        return channel_send(worker->channel, MESSAGE_GALLERY, &body, NULL, 0);
}

/* A driver's words: the guard takes printable ones alone. */
static void make_printable(char *text)
{
        for (; *text; text++)
                if (*text < 0x20 || *text > 0x7e)
                        *text = '?';
}

static bool is_same(const EngineState *a, const EngineState *b)
{
        return strcmp(a->name, b->name) == 0 && strcmp(a->device, b->device) == 0 && a->memory == b->memory &&
               a->used == b->used && strcmp(a->failure, b->failure) == 0;
}

/* Where something has changed since it was last told. */
static int tell_engine(Worker *worker)
{
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;
        EngineState state;

        engine_state(worker->engine, &state);
        make_printable(state.device);
        make_printable(state.failure);
        if (worker->told.name && is_same(&state, &worker->told))
                return 0;
        worker->told = state;
        engine_message_encode(&(EngineMessage){.engine = state.name,
                                               .device = state.device,
                                               .device_memory = state.memory,
                                               .device_used = state.used,
                                               .failure = state.failure},
                              &body);
        return channel_send(worker->channel, MESSAGE_ENGINE, &body, NULL, 0);
}

static int arm_timer(Worker *worker)
{
        uint64_t deadline = runner_deadline(worker->runner);

        if (deadline == UINT64_MAX)
                return sd_event_source_set_enabled(worker->timer, SD_EVENT_OFF);
        int r = sd_event_source_set_time(worker->timer, deadline);
        return r < 0 ? r : sd_event_source_set_enabled(worker->timer, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        Worker *worker = userdata;
        int r = 0;

        for (;;) {
                _cleanup_(job_freep) Job *job = runner_expire(worker->runner, clock_boottime());
                if (!job || r < 0)
                        break;
                r = answer(worker, job->index, "timeout", "");
        }
        return r < 0 ? r : arm_timer(worker);
}

static int on_done(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
        Worker *worker = userdata;

        for (;;) {
                _cleanup_(job_freep) Job *job = NULL;
                int r = runner_done(worker->runner, &job);
                if (r >= 0)
                        r = tell_engine(worker);
                if (r < 0)
                        return r;
                if (!job)
                        return arm_timer(worker);
                if (job->gallery)
                        r = tell_gallery(worker, job->gallery, job->gallery_epoch, job->gallery_templates);
                if (r >= 0)
                        r = channel_send(worker->channel, MESSAGE_RESULT, &job->result, NULL, 0);
                if (r < 0)
                        return r;
        }
}

/* ----------------------------------------------------------------------------------- what the guard sends */

static int take_checkpoint(Worker *worker, Packet *packet)
{
        CheckpointMessage message;
        const char *why;

        if (!checkpoint_decode(packet->body, packet->n_body, &message))
                return -EPROTO;
        if (belief_checkpoint(&worker->belief, &message, &why) != 0)
                diag(DIAG_ERROR, "Refusing a checkpoint, and all jobs under it: %s.", why);
        else
                diag(DIAG_DEBUG, "The checkpoint of %ju leaves is believed.",
                     (uintmax_t)worker->belief.seen.head.size);
        return 0;
}

static uint64_t add_usec(uint64_t a, uint64_t b)
{
        return b > UINT64_MAX - 1 - a ? UINT64_MAX - 1 : a + b;
}

static int queue_job(Worker *worker, Job *job, uint64_t deadline_usec)
{
        job->deadline_usec = add_usec(clock_boottime(), deadline_usec);
        job->seen = worker->belief.seen;
        job->organisation = leaf_text(&job->leaf, "organisation");
        (void)leaf_number(&job->leaf, "uid",
                          &job->uid); /* Every permit has one; without, 0 serves as well. */
        uint64_t index = job->index;
        int r = runner_submit(worker->runner, job);
        if (r == 0)
                return arm_timer(worker);
        job_free(job);
        return r == RUNNER_E_FULL ? answer(worker, index, "overloaded", "") : r;
}

static int take_job(Worker *worker, Packet *packet)
{
        _cleanup_(job_freep) Job *job = NULL;
        JobMessage message;
        const char *why;

        if (!job_message_decode(packet->body, packet->n_body, &message))
                return -EPROTO;
        if (worker->drained)
                return 0;
        job = job_new();
        if (!job)
                return -ENOMEM;
        int r = belief_job(&worker->belief, &message, &job->leaf, &why);
        if (r < 0)
                return r;
        if (r > 0 || !task_read(&job->leaf, message.job, message.n_job, &job->task, &why)) {
                diag(DIAG_WARNING, "Refusing the job of leaf %ju: %s.", (uintmax_t)message.index, why);
                return answer(worker, message.index, "worker-refused", why);
        }
        job->index = message.index;
        diag(DIAG_DEBUG, "Leaf %ju: its job is believed, and begins when its turn comes.",
             (uintmax_t)message.index);
        /* The task points into the packet's bytes, which stay where they are. */
        job->packet = *packet;
        *packet = PACKET_INIT;
        return queue_job(worker, TAKE_PTR(job), message.deadline_usec);
}

static int take_cancel(Worker *worker, Packet *packet)
{
        CancelMessage message;

        if (!cancel_decode(packet->body, packet->n_body, &message))
                return -EPROTO;
        _cleanup_(job_freep) Job *job = runner_cancel(worker->runner, message.index);
        return job ? answer(worker, job->index, "caller-gone", "") : 0;
}

static int take_log_level(Worker *worker, Packet *packet)
{
        LogLevelMessage message;

        if (!log_level_decode(packet->body, packet->n_body, &message))
                return -EPROTO;
        diag_set_level((DiagLevel)message.level);
        return 0;
}

static const struct {
        uint8_t type;
        int (*take)(Worker *worker, Packet *packet);
} messages[] = {
        {MESSAGE_CHECKPOINT, take_checkpoint},
        {MESSAGE_JOB, take_job},
        {MESSAGE_CANCEL, take_cancel},
        {MESSAGE_LOG_LEVEL, take_log_level},
};

static int on_packet(Channel *channel, Packet *packet, void *userdata)
{
        /* No message has descriptors: a job would hold them for as long as it waits. */
        for (size_t i = 0; packet->n_fds == 0 && i < ARRAY_SIZE(messages); i++)
                if (messages[i].type == packet->type)
                        return messages[i].take(userdata, packet);
        return -EPROTO;
}

static int on_closed(Channel *channel, int reason, void *userdata)
{
        Worker *worker = userdata;

        worker->channel = channel_free(channel);
        if (reason == PACKET_E_CLOSED)
                return sd_event_exit(worker->event, 0);
        return reason == PACKET_E_MALFORMED ? -EPROTO : reason;
}

static const ChannelHandlers handlers = {.packet = on_packet, .closed = on_closed};

/* -------------------------------------------------------------------------------------------------------
 * life */

static int say_hello(Worker *worker)
{
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;
        size_t n = MIN_OF(worker->galleries->n, (size_t)MESSAGE_NAMES_MAX);
        _cleanup_(freep) const char **names = calloc(n + 1, sizeof(char *));
        HelloMessage message = {.version = MATCHGUARD_VERSION,
                                .engine = engine_name(worker->engine),
                                .fallback = engine_fallback(worker->engine),
                                .origin = worker->belief.seen.origin,
                                .size = worker->belief.seen.head.size,
                                .root = worker->belief.seen.head.root};

        if (!names)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                names[i] = gallery_name(worker->galleries->items[i]);
        message.galleries = (StringList){n, names};
        memcpy(message.session, worker->belief.session, sizeof(message.session));
        hello_encode(&message, &body);
        return channel_send(worker->channel, MESSAGE_HELLO, &body, NULL, 0);
}

/* Before the first job, while no other thread touches them. */
static int say_galleries(Worker *worker)
{
        size_t n = MIN_OF(worker->galleries->n, (size_t)MESSAGE_NAMES_MAX);
        int r = 0;

        for (size_t i = 0; r >= 0 && i < n; i++) {
                const Gallery *gallery = worker->galleries->items[i];
                bool damaged = gallery_is_damaged(gallery);
                r = tell_gallery(worker, gallery, damaged ? 0 : gallery_epoch(gallery),
                                 damaged ? 0 : gallery_n_templates(gallery));
        }
        return r;
}

static int end_if_drained(Worker *worker)
{
        bool done = runner_is_idle(worker->runner) && channel_is_idle(worker->channel);

        return done ? sd_event_exit(worker->event, 0) : 0;
}

/* Asked after whatever else the loop does. */
static int on_drained(sd_event_source *source, void *userdata)
{
        return end_if_drained(userdata);
}

static int on_patience(sd_event_source *source, uint64_t usec, void *userdata)
{
        diag(DIAG_WARNING, "A job does not end in time, and is ended.");
        return sd_event_exit(userdata, 0);
}

static int say_stopping(Worker *worker)
{
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;

        return channel_send(worker->channel, MESSAGE_STOPPING, &body, NULL, 0);
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
        Worker *worker = userdata;

        if (worker->drained)
                return 0;
        /* A manager that has gone needs no telling. */
        (void)manager_tell(worker->manager_fd, "STOPPING=1", false);
        runner_drain(worker->runner);
        int r = say_stopping(worker);
        if (r >= 0)
                r = sd_event_add_post(worker->event, &worker->drained, on_drained, worker);
        if (r >= 0)
                r = sd_event_source_set_exit_on_failure(worker->drained, true);
        if (r >= 0)
                r = sd_event_add_time_relative(worker->event, &worker->patience, CLOCK_MONOTONIC,
                                               WORKER_DRAIN_USEC, 0, on_patience, worker->event);
        return r < 0 ? sd_event_exit(worker->event, r) : end_if_drained(worker);
}

static int stop_on_signals(Worker *worker)
{
        int r = sd_event_add_signal(worker->event, NULL, SIGTERM, on_stop, worker);

        return r < 0 ? r : sd_event_add_signal(worker->event, NULL, SIGINT, on_stop, worker);
}

/* A loop that goes round beside a job that does not end is no sign of life. */
static bool goes_on(void *userdata)
{
        const Worker *worker = userdata;

        return runner_goes_on(worker->runner);
}

static int start(Worker *worker, int fd)
{
        int r = stop_on_signals(worker);
        if (r >= 0)
                r = runner_new(&(RunnerWork){turns_run, turns_tidy, &worker->turns,
                                             engine_batch(worker->turns.tools.engine)},
                               &worker->runner);
        if (r >= 0)
                r = sd_event_add_io(worker->event, &worker->done, runner_fd(worker->runner), EPOLLIN, on_done,
                                    worker);
        /* Else a handler that fails would only be switched off, and the guard wait for a worker that is none
         * any more. */
        if (r >= 0)
                r = sd_event_source_set_exit_on_failure(worker->done, true);
        if (r >= 0)
                r = sd_event_add_time(worker->event, &worker->timer, CLOCK_BOOTTIME, 0, 1000, on_timer,
                                      worker);
        if (r >= 0)
                r = sd_event_source_set_exit_on_failure(worker->timer, true);
        if (r >= 0)
                r = sd_event_source_set_enabled(worker->timer, SD_EVENT_OFF);
        if (r >= 0)
                r = watchdog_init(&worker->watchdog, worker->event);
        if (r < 0) {
                fd_close(fd);
                return r;
        }
        return channel_new(&worker->channel, worker->event, fd, &handlers, worker);
}

int worker_serve(const WorkerContext *context)
{
        Worker worker = {.galleries = context->galleries,
                         .engine = context->engine,
                         .manager_fd = context->manager_fd,
                         .watchdog = {.fd = context->manager_fd, .goes_on = goes_on, .userdata = &worker}};

        turns_init(&worker.turns, &(OperationTools){context->engine, context->galleries}, &context->seen);
        belief_init(&worker.belief, &context->verifier, &context->seen);
        int r = sd_event_new(&worker.event);
        if (r < 0)
                fd_close(context->fd);
        else
                r = start(&worker, context->fd);
        if (r >= 0)
                r = say_hello(&worker);
        if (r >= 0)
                r = tell_engine(&worker);
        if (r >= 0)
                r = say_galleries(&worker);
        if (r >= 0) {
                /* A manager that has gone needs no telling. */
                (void)manager_tell(context->manager_fd, "READY=1", true);
                r = sd_event_loop(worker.event);
        }
        channel_free(worker.channel);
        sd_event_source_unref(worker.done);
        sd_event_source_unref(worker.timer);
        sd_event_source_unref(worker.drained);
        sd_event_source_unref(worker.patience);
        watchdog_deinit(&worker.watchdog);
        runner_free(worker.runner);
        turns_deinit(&worker.turns);
        sd_event_unref(worker.event);
        return r;
}
