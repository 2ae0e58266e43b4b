/*
 * The worker. Owns its channel and what its hello said. Run by the guard's loop. A worker that breaks a rule
 * is ended; what it was doing ends as `worker-gone`.
 */

#include "guard/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/text.h"
#include "guard/guard.h"
#include "guard/result.h"
#include "trail/event.h"

/* A job larger than this waits for nothing: either the worker reads, or it is overloaded. */
enum { WORKER_JOB_LARGE = 64 * 1024 };

void worker_init(Worker *worker, Guard *guard)
{
        *worker = (Worker){.guard = guard};
        TAILQ_INIT(&worker->held);
}

static void worker_show_free(WorkerShow *show)
{
        buffer_deinit(&show->body);
        free(show);
}

static void worker_forget(Worker *worker)
{
        WorkerShow *show;

        while ((show = TAILQ_FIRST(&worker->held))) {
                TAILQ_REMOVE(&worker->held, show, link);
                worker_show_free(show);
        }
        worker->channel = channel_free(worker->channel);
        for (size_t i = 0; i < worker->n_galleries; i++)
                free(worker->galleries[i].name);
        free(worker->galleries);
        worker_init(worker, worker->guard);
}

void worker_deinit(Worker *worker)
{
        if (!worker->guard)
                return;
        worker_forget(worker);
}

const char *worker_session(const Worker *worker)
{
        return worker->ready ? worker->session : NULL;
}

/* Return: 0 or -errno. */
static int worker_end(Worker *worker)
{
        Guard *guard = worker->guard;

        worker_forget(worker);
        int r = requests_worker_gone(&guard->requests);
        guard_peers_changed(guard);
        return r;
}

static int worker_breach(Worker *worker, const char *what)
{
        event_tell(EVENT_WORKER_BREACH, EVENT_FIELDS({"session", worker->session}, {"why", what}),
                   "The worker broke the rules and is ended: %s", what);
        return worker_end(worker);
}

/* -------------------------------------------------------------------------------------------------- hello */

/* What is wrong with a hello; NULL where nothing is. */
static const char *worker_check_hello(const Worker *worker, const HelloMessage *message)
{
        Trail *trail = worker->guard->trail;

        if (worker->ready)
                return "a second hello";
        if (!worker_engine_is_plain(message->version) || !worker_engine_is_plain(message->engine) ||
            !worker_engine_is_plain(message->fallback))
                return "a version or an engine that no leaf can hold";
        for (size_t i = 0; i < message->galleries.n; i++) {
                const char *gallery = message->galleries.items[i];
                if (!text_is_name(gallery, strlen(gallery)))
                        return "a gallery with a name that is none";
                if (i > 0 && strcmp(message->galleries.items[i - 1], gallery) >= 0)
                        return "galleries out of order";
        }
        if (*message->origin && strcmp(message->origin, trail_origin(trail)) != 0)
                return "it has followed another log; matchguard-worker --forget-log lets it accept this one";
        if (message->size > trail_head(trail).size)
                return "it has seen more of the log than there is; matchguard-worker --forget-log lets it "
                       "accept this one";
        return NULL;
}

static WorkerGallery *worker_find_gallery(const Worker *worker, const char *name)
{
        for (size_t i = 0; i < worker->n_galleries; i++)
                if (strcmp(worker->galleries[i].name, name) == 0)
                        return &worker->galleries[i];
        return NULL;
}

static int worker_add_gallery(Worker *worker, const char *name)
{
        WorkerGallery *galleries =
                reallocarray(worker->galleries, worker->n_galleries + 1, sizeof(*galleries));
        if (!galleries)
                return -ENOMEM;
        worker->galleries = galleries;
        galleries[worker->n_galleries] = (WorkerGallery){.name = strdup(name)};
        if (!galleries[worker->n_galleries].name)
                return -ENOMEM;
        worker->n_galleries++;
        return 0;
}

/* Takes note of a gallery on its disk, once. Return: 0 or -ENOMEM. */
static int worker_note_gallery(Worker *worker, const char *name)
{
        return worker_find_gallery(worker, name) ? 0 : worker_add_gallery(worker, name);
}

/* Those of a hello come in order, and so each once: looking for each among all before it would take as long as
 * a hostile worker likes. */
static int worker_note_galleries(Worker *worker, const StringList *galleries)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < galleries->n; i++)
                r = worker_add_gallery(worker, galleries->items[i]);
        return r;
}

static int worker_on_hello(Worker *worker, Packet *packet)
{
        _cleanup_(hello_deinit) HelloMessage message = {};

        if (!hello_decode(packet->body, packet->n_body, &message))
                return worker_breach(worker, "a hello that cannot be read");
        const char *wrong = worker_check_hello(worker, &message);
        if (wrong)
                return worker_breach(worker, wrong);
        int r = worker_note_galleries(worker, &message.galleries);
        if (r < 0)
                return r;
        text_hex(message.session, sizeof(message.session), worker->session);
        strncpy(worker->version, message.version, WORKER_NAME_MAX);
        worker_engine_hello(&worker->engine, &message);
        worker->shown_size = message.size;
        worker->ready = true;
        trail_show_from(worker->guard->trail, message.size);
        event_tell(EVENT_WORKER_THERE,
                   EVENT_FIELDS({"session", worker->session}, {"version", worker->version},
                                {"engine", worker->engine.name}),
                   "A worker is there: %s, %s.", worker->version, worker->engine.name);
        guard_peers_changed(worker->guard);
        return log_level_greet(worker->channel);
}

static int worker_on_gallery(Worker *worker, Packet *packet)
{
        GalleryMessage message;

        if (!worker->ready || !gallery_decode(packet->body, packet->n_body, &message))
                return worker_breach(worker, "a gallery that cannot be read, or before hello");
        bool full = worker->n_galleries >= MESSAGE_NAMES_MAX;
        if (full && !worker_find_gallery(worker, message.name))
                return worker_breach(worker, "more galleries than there may be");
        int r = worker_note_gallery(worker, message.name);
        if (r < 0)
                return r;
        WorkerGallery *gallery = worker_find_gallery(worker, message.name);
        gallery->is_told = true;
        gallery->damaged = message.damaged;
        gallery->epoch = message.epoch;
        gallery->n_templates = message.n_templates;
        return 0;
}

/* Once a session: nobody fills the journal with it. */
static void worker_tell_failure(const Worker *worker)
{
        const WorkerEngine *engine = &worker->engine;

        event_tell(EVENT_DEVICE_FAILED,
                   EVENT_FIELDS({"session", worker->session}, {"engine", engine->answers},
                                {"device", engine->device}, {"why", engine->failure}),
                   "The device %s failed (%s): searches are answered by %s from now on.", engine->device,
                   engine->failure, engine->answers);
}

static int worker_on_engine(Worker *worker, Packet *packet)
{
        EngineMessage message;

        if (!worker->ready || !engine_message_decode(packet->body, packet->n_body, &message))
                return worker_breach(worker, "an engine that cannot be read, or before hello");
        const char *wrong = worker_engine_check(&worker->engine, &message);
        if (wrong)
                return worker_breach(worker, wrong);
        if (worker_engine_take(&worker->engine, &message))
                worker_tell_failure(worker);
        return 0;
}

/* ------------------------------------------------------------------------------------------------------
 * results */

static bool worker_take_late(Worker *worker, uint64_t index)
{
        for (size_t i = 0; i < worker->n_late; i++)
                if (worker->late[i] == index) {
                        worker->late[i] = worker->late[--worker->n_late];
                        return true;
                }
        return false;
}

static int worker_on_result(Worker *worker, Packet *packet)
{
        _cleanup_(result_deinit) ResultMessage message = {};

        if (!worker->ready || !result_decode(packet->body, packet->n_body, &message))
                return worker_breach(worker, "a result that cannot be read, or before hello");
        Request *request = requests_find(&worker->guard->requests, message.index);
        if (!request) {
                if (worker_take_late(worker, message.index))
                        return 0;
                return worker_breach(worker, "a result that nobody waits for");
        }
        ResultBounds bounds;
        request_bounds(request, &bounds);
        const char *wrong = result_check(&message, &bounds);
        if (wrong)
                return worker_breach(worker, wrong);
        /* One that has been changed stands on the disk from now on, also when it is no longer declared. */
        if (bounds.gallery && message.gallery_epoch > 0) {
                int r = worker_note_gallery(worker, bounds.gallery);
                if (r < 0)
                        return r;
        }
        return request_result(request, packet, &message);
}

/* It is sent no more jobs; the result of the last may still come. */
static int worker_on_stopping(Worker *worker)
{
        worker->stopping = true;
        event_tell(EVENT_WORKER_STOPS, EVENT_FIELDS({"session", worker->session}),
                   "The worker stops, as it was told.");
        guard_peers_changed(worker->guard);
        return 0;
}

static int worker_on_packet(Channel *channel, Packet *packet, void *userdata)
{
        Worker *worker = userdata;

        if (packet->n_fds == 0 && packet->type == MESSAGE_HELLO)
                return worker_on_hello(worker, packet);
        if (packet->n_fds == 0 && packet->type == MESSAGE_GALLERY)
                return worker_on_gallery(worker, packet);
        if (packet->n_fds == 0 && packet->type == MESSAGE_ENGINE)
                return worker_on_engine(worker, packet);
        if (packet->n_fds == 0 && packet->type == MESSAGE_RESULT)
                return worker_on_result(worker, packet);
        if (packet->n_fds == 0 && packet->type == MESSAGE_STOPPING && packet->n_body == 0 && worker->ready &&
            !worker->stopping)
                return worker_on_stopping(worker);
        return worker_breach(worker, "a message that workers do not send");
}

static int worker_on_closed(Channel *channel, int reason, void *userdata)
{
        Worker *worker = userdata;

        if (reason == PACKET_E_MALFORMED || reason == -ENOBUFS)
                return worker_breach(worker, "what is no packet, or it does not read what it is sent");
        if (reason < 0)
                event_tell(EVENT_WORKER_GONE,
                           EVENT_FIELDS({"session", worker->session}, {"error", strerror(-reason)}),
                           "The worker's socket fails: %s", strerror(-reason));
        else if (!worker->stopping)
                event_tell(EVENT_WORKER_GONE, EVENT_FIELDS({"session", worker->session}),
                           "The worker has gone.");
        return worker_end(worker);
}

int worker_accept(Guard *guard, int fd)
{
        static const ChannelHandlers handlers = {.packet = worker_on_packet, .closed = worker_on_closed};
        _cleanup_(fd_closep) int own_fd = fd;
        Worker *worker = &guard->worker;

        if (worker->channel || !frontend_peer_is(own_fd, guard->worker_uid)) {
                event_tell(EVENT_PEER_TURNED_AWAY, EVENT_FIELDS({"socket", "worker"}),
                           "Turned away a connection on the worker's socket: %s.",
                           worker->channel ? "a worker is there" : "it is of another account");
                return 0;
        }
        return channel_new(&worker->channel, guard->event, TAKE_FD(own_fd), &handlers, worker);
}

/* --------------------------------------------------------------------------------------------------------
 * jobs */

int worker_show_held(Worker *worker, uint64_t size)
{
        WorkerShow *show;
        int r = 0;

        while (r == 0 && (show = TAILQ_FIRST(&worker->held)) && show->size <= size) {
                TAILQ_REMOVE(&worker->held, show, link);
                worker->shown_size = show->size;
                r = channel_send(worker->channel, MESSAGE_CHECKPOINT, &show->body, NULL, 0);
                worker_show_free(show);
        }
        return r;
}

int worker_show(Worker *worker, const TrailCommit *commit)
{
        if (!worker->ready || !commit->has_consistency)
                return 0;
        const WorkerShow *last = TAILQ_LAST(&worker->held, WorkerHeld);
        /* The proofs of a session follow on from its hello: anything else is the trail's fault. */
        if (commit->old_size != (last ? last->size : worker->shown_size))
                return -ENOTRECOVERABLE;
        CheckpointMessage message = {.note = commit->note, .old_size = commit->old_size};
        message.n_proof = commit->consistency->n;
        memcpy(message.proof, commit->consistency->hashes, message.n_proof * sizeof(Digest));

        WorkerShow *show = calloc(1, sizeof(*show));
        if (!show)
                return -ENOMEM;
        show->size = commit->head.size;
        checkpoint_encode(&message, &show->body);
        TAILQ_INSERT_TAIL(&worker->held, show, link);
        /* Jobs that wait for the kernel's record have proofs for the checkpoints of their own commits. */
        bool hold = worker->guard->config.kernel_audit == CONFIG_MIRROR_REQUIRED;
        if (hold && requests_await(&worker->guard->requests))
                return 0;
        return worker_show_held(worker, hold ? commit->old_size : show->size);
}

int worker_send(Worker *worker, const WorkerJob *job, Buffer *body)
{
        if (!worker->ready || worker->stopping || !job->session || strcmp(job->session, worker->session) != 0)
                return WORKER_E_GONE;
        int r = worker_show_held(worker, job->tree_size);
        if (r < 0)
                return r;
        if (job->tree_size != worker->shown_size)
                return WORKER_E_GONE;
        if (body->n > WORKER_JOB_LARGE && !channel_is_idle(worker->channel))
                return WORKER_E_OVERLOADED;
        return channel_send(worker->channel, MESSAGE_JOB, body, NULL, 0);
}

int worker_cancel(Worker *worker, uint64_t index, bool late)
{
        if (!worker->ready)
                return 0;
        if (late) {
                if (worker->n_late == WORKER_LATE_MAX)
                        return worker_breach(worker, "it answers nothing");
                worker->late[worker->n_late++] = index;
        }
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;
        cancel_encode(&(CancelMessage){.index = index}, &body);
        return channel_send(worker->channel, MESSAGE_CANCEL, &body, NULL, 0);
}
