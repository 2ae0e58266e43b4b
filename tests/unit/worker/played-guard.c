/*
 * A guard that is played.
 */

#include "played-guard.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/random.h"
#include "base/text.h"
#include "log/signer.h"
#include "wire/job.h"

enum { PLAYED_WAIT_MSEC = 100000 };

/* ------------------------------------------------------------------------------------------------ the log */

void played_log_init(PlayedLog *log, const char *origin, uint8_t seed)
{
        uint8_t bytes[NOTE_SEED_SIZE];

        memset(bytes, seed, sizeof(bytes));
        *log = (PlayedLog){};
        cr_assert_eq(note_signer_new(&log->signer, origin, bytes), 0);
        note_signer_vkey(log->signer, &log->vkey);
}

void played_log_deinit(PlayedLog *log)
{
        for (size_t i = 0; i < log->n; i++)
                buffer_deinit(&log->leaves[i]);
        free(log->leaves);
        free(log->hashes);
        buffer_deinit(&log->vkey);
        note_signer_free(log->signer);
        *log = (PlayedLog){};
}

static void log_append_bytes(PlayedLog *log, const Buffer *leaf)
{
        log->hashes = reallocarray(log->hashes, log->n + 1, sizeof(Digest));
        log->leaves = reallocarray(log->leaves, log->n + 1, sizeof(Buffer));
        cr_assert(log->hashes && log->leaves);
        log->leaves[log->n] = BUFFER_INIT;
        buffer_append(&log->leaves[log->n], leaf->data, leaf->n);
        tree_leaf_hash(leaf->data, leaf->n, &log->hashes[log->n]);
        log->n++;
}

void played_log_fork(const PlayedLog *from, size_t n, PlayedLog *ret_log)
{
        *ret_log = (PlayedLog){};
        for (size_t i = 0; i < n; i++)
                log_append_bytes(ret_log, &from->leaves[i]);
}

uint64_t played_log_append(PlayedLog *log, const Leaf *leaf)
{
        _cleanup_(buffer_deinit) Buffer bytes = BUFFER_INIT;

        cr_assert_eq(leaf_encode(leaf, LEAF_MAX, &bytes), 0);
        log_append_bytes(log, &bytes);
        return log->n - 1;
}

static int log_node(void *userdata, unsigned level, uint64_t index, Digest *ret_hash)
{
        const PlayedLog *log = userdata;
        Digest left, right;

        if (level == 0) {
                *ret_hash = log->hashes[index];
                return 0;
        }
        (void)log_node(userdata, level - 1, 2 * index, &left);
        (void)log_node(userdata, level - 1, 2 * index + 1, &right);
        tree_node_hash(&left, &right, ret_hash);
        return 0;
}

static NodeSource log_source(const PlayedLog *log)
{
        return (NodeSource){.node = log_node, .userdata = (void *)log};
}

void played_log_note(const PlayedLog *log, uint64_t size, Buffer *note)
{
        NodeSource source = log_source(log);
        TreeHead head = {.size = size};

        cr_assert_eq(tree_root(&source, size, &head.root), 0);
        note_sign(log->signer, &head, note);
}

/* --------------------------------------------------------------------------------------------------
 * processes */

static void path_in(const PlayedGuard *guard, const char *name, char *ret_path, size_t n)
{
        cr_assert_lt(snprintf(ret_path, n, "%s/%s", guard->folder, name), (int)n);
}

static void write_vkey(const PlayedGuard *guard)
{
        char path[128];

        path_in(guard, "log.vkey", path, sizeof(path));
        cr_assert_eq(fd_write_file(AT_FDCWD, path, 0600, &guard->log.vkey), 0);
}

void played_guard_init(PlayedGuard *guard)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        char path[128];

        *guard = (PlayedGuard){.listen_fd = -1, .fd = -1, .folder = "/tmp/matchguard-worker-XXXXXX"};
        cr_assert(mkdtemp(guard->folder));
        path_in(guard, "galleries", path, sizeof(path));
        cr_assert_eq(mkdir(path, 0700), 0);
        path_in(guard, "socket", address.sun_path, sizeof(address.sun_path));
        guard->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        cr_assert_eq(bind(guard->listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
        cr_assert_eq(listen(guard->listen_fd, 4), 0);
        played_log_init(&guard->log, "example.org/log", 7);
}

void played_guard_deinit(PlayedGuard *guard)
{
        char command[128];

        if (guard->pid > 0)
                played_guard_kill(guard);
        guard->listen_fd = fd_close(guard->listen_fd);
        played_log_deinit(&guard->log);
        cr_assert_lt(snprintf(command, sizeof(command), "rm -rf '%s'", guard->folder), (int)sizeof(command));
        cr_assert_eq(system(command), 0);
}

static void exec_worker(const PlayedGuard *guard)
{
        char connect[128], galleries[128], vkey[128];

        path_in(guard, "socket", connect, sizeof(connect));
        path_in(guard, "galleries", galleries, sizeof(galleries));
        path_in(guard, "log.vkey", vkey, sizeof(vkey));
        /* A process that lets nobody trace it cannot look for its own leaks either. */
        setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
        execl(getenv("MATCHGUARD_WORKER"), "matchguard-worker", "--connect", connect, "--galleries",
              galleries, "--vkey", vkey, "--threads", "2", "--isa", guard->isa ? guard->isa : "auto",
              "--engine", "cpu", NULL);
        _exit(126);
}

/* It comes between the others; the last that was told is kept. */
static void take_gallery(PlayedGuard *guard, Packet *packet)
{
        GalleryMessage gallery;

        cr_assert(gallery_decode(packet->body, packet->n_body, &gallery));
        guard->told = (PlayedGallery){
                .damaged = gallery.damaged, .epoch = gallery.epoch, .n_templates = gallery.n_templates};
        (void)snprintf(guard->told.name, sizeof(guard->told.name), "%s", gallery.name);
        packet_deinit(packet);
        *packet = PACKET_INIT;
}

static void take_engine(PlayedGuard *guard, Packet *packet)
{
        PlayedEngine *told = &guard->told_engine;
        EngineMessage engine;

        cr_assert(engine_message_decode(packet->body, packet->n_body, &engine));
        *told = (PlayedEngine){.device_memory = engine.device_memory, .device_used = engine.device_used};
        (void)snprintf(told->engine, sizeof(told->engine), "%s", engine.engine);
        (void)snprintf(told->device, sizeof(told->device), "%s", engine.device);
        (void)snprintf(told->failure, sizeof(told->failure), "%s", engine.failure);
        guard->n_told_engine++;
        packet_deinit(packet);
        *packet = PACKET_INIT;
}

static void receive(PlayedGuard *guard, uint8_t type, Packet *ret_packet)
{
        struct pollfd poll_fd = {.fd = guard->fd, .events = POLLIN};

        for (;;) {
                cr_assert_eq(poll(&poll_fd, 1, PLAYED_WAIT_MSEC), 1, "the worker says nothing");
                int r = packet_receive(guard->fd, ret_packet);
                cr_assert_eq(r, 0, "the worker is gone (%d)", r);
                if (ret_packet->type == type)
                        return;
                cr_assert(ret_packet->type == MESSAGE_GALLERY || ret_packet->type == MESSAGE_ENGINE);
                (ret_packet->type == MESSAGE_GALLERY ? take_gallery : take_engine)(guard, ret_packet);
        }
}

static void take_hello(PlayedGuard *guard)
{
        _cleanup_(packet_deinit) Packet packet = PACKET_INIT;
        HelloMessage hello;

        receive(guard, MESSAGE_HELLO, &packet);
        cr_assert(hello_decode(packet.body, packet.n_body, &hello));
        text_hex(hello.session, sizeof(hello.session), guard->session);
        guard->seen_size = hello.size;
        guard->n_galleries = hello.galleries.n;
        (void)snprintf(guard->engine, sizeof(guard->engine), "%s", hello.engine);
        (void)snprintf(guard->fallback, sizeof(guard->fallback), "%s", hello.fallback);
        (void)snprintf(guard->gallery, sizeof(guard->gallery), "%s",
                       hello.galleries.n ? hello.galleries.items[0] : "");
        hello_deinit(&hello);
}

void played_guard_start(PlayedGuard *guard)
{
        struct pollfd poll_fd = {.fd = guard->listen_fd, .events = POLLIN};

        write_vkey(guard);
        guard->pid = fork();
        cr_assert_geq(guard->pid, 0);
        if (guard->pid == 0 && guard->serve)
                _exit(guard->serve(guard));
        if (guard->pid == 0)
                exec_worker(guard);
        cr_assert_eq(poll(&poll_fd, 1, PLAYED_WAIT_MSEC), 1, "the worker does not come");
        guard->fd = accept4(guard->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        cr_assert_geq(guard->fd, 0);
        take_hello(guard);
}

int played_guard_hang_up(PlayedGuard *guard)
{
        int status;

        guard->fd = fd_close(guard->fd);
        cr_assert_eq(waitpid(guard->pid, &status, 0), guard->pid);
        guard->pid = 0;
        return status;
}

void played_guard_kill(PlayedGuard *guard)
{
        cr_assert_eq(kill(guard->pid, SIGKILL), 0);
        (void)played_guard_hang_up(guard);
}

void played_guard_halt(PlayedGuard *guard)
{
        int status;

        cr_assert_eq(kill(guard->pid, SIGSTOP), 0);
        cr_assert_eq(waitpid(guard->pid, &status, WUNTRACED), guard->pid);
        cr_assert(WIFSTOPPED(status));
}

void played_guard_let_go_on(PlayedGuard *guard)
{
        cr_assert_eq(kill(guard->pid, SIGCONT), 0);
}

/* ---------------------------------------------------------------------------------------------------
 * messages */

static bool offer_message(PlayedGuard *guard, uint8_t type, const Buffer *body)
{
        struct pollfd poll_fd = {.fd = guard->fd, .events = POLLOUT};
        int r;

        while ((r = packet_send(guard->fd, type, body, NULL, 0)) == PACKET_E_AGAIN)
                cr_assert_eq(poll(&poll_fd, 1, PLAYED_WAIT_MSEC), 1);
        return r == 0;
}

static void send_message(PlayedGuard *guard, uint8_t type, const Buffer *body)
{
        cr_assert(offer_message(guard, type, body));
}

void played_guard_send_checkpoint(PlayedGuard *guard, const CheckpointMessage *message)
{
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;

        checkpoint_encode(message, &body);
        send_message(guard, MESSAGE_CHECKPOINT, &body);
}

void played_log_checkpoint(const PlayedLog *log, uint64_t old_size, uint64_t size, Buffer *note,
                           CheckpointMessage *ret_message)
{
        NodeSource source = log_source(log);
        Path path;

        played_log_note(log, size, note);
        cr_assert_eq(tree_consistency(&source, MIN_OF(old_size, size), size, &path), 0);
        *ret_message =
                (CheckpointMessage){.note = buffer_text(note), .old_size = old_size, .n_proof = path.n};
        memcpy(ret_message->proof, path.hashes, path.n * sizeof(Digest));
}

void played_guard_checkpoint(PlayedGuard *guard)
{
        _cleanup_(buffer_deinit) Buffer note = BUFFER_INIT;
        CheckpointMessage message;

        played_log_checkpoint(&guard->log, guard->seen_size, guard->log.n, &note, &message);
        played_guard_send_checkpoint(guard, &message);
        guard->seen_size = guard->log.n;
}

PlayedRequest played_request(const char *operation, const Buffer *job)
{
        return (PlayedRequest){.operation = operation,
                               .gallery = "children",
                               .model = "m1",
                               .kind = "consolidated",
                               .release = "scores",
                               .verdict = "permit",
                               .leaf_kind = "request",
                               .floor = -1000000,
                               .limit = 10,
                               .dimension = PLAYED_MODEL_DIMENSION,
                               .deadline_usec = 600000000,
                               .job = job};
}

static void leaf_of(const PlayedGuard *guard, const PlayedRequest *request, const char *commitment,
                    Leaf *leaf)
{
        leaf_set_text(leaf, "gallery", request->gallery);
        leaf_set_text(leaf, "gallery-kind", request->gallery ? request->kind : NULL);
        leaf_set_text(leaf, "job", commitment);
        leaf_set_text(leaf, "kind", request->leaf_kind);
        leaf_set_text(leaf, "model", request->model);
        leaf_set_text(leaf, "operation", request->operation);
        leaf_set_text(leaf, "organisation", request->organisation);
        leaf_set_text(leaf, "release", request->release);
        leaf_set_text(leaf, "verdict", request->verdict);
        leaf_set_text(leaf, "worker", request->session ? request->session : guard->session);
        leaf_set_number(leaf, "floor", (uint64_t)(request->floor + 1000000));
        leaf_set_number(leaf, "index", guard->log.n + request->index_shift);
        leaf_set_number(leaf, "limit", request->limit);
        leaf_set_number(leaf, "v", 1);
        if (request->gallery)
                leaf_set_number(leaf, "dimension", request->dimension);
        if (request->maximum > 0)
                leaf_set_number(leaf, "gallery-maximum", request->maximum);
}

uint64_t played_guard_record(PlayedGuard *guard, const PlayedRequest *request, PlayedJob *ret_job)
{
        char commitment[COMMITMENT_TEXT_SIZE];
        Leaf leaf = LEAF_INIT;

        *ret_job = (PlayedJob){};
        buffer_append(&ret_job->job, request->job->data, request->job->n);
        random_bytes(ret_job->salt, sizeof(ret_job->salt));
        commitment_of(COMMITMENT_JOB, ret_job->salt, ret_job->job.data, ret_job->job.n, commitment);
        leaf_of(guard, request, commitment, &leaf);
        cr_assert_eq(leaf_encode(&leaf, LEAF_MAX, &ret_job->leaf), 0);
        ret_job->message.index = played_log_append(&guard->log, &leaf);
        ret_job->message.deadline_usec = request->deadline_usec;
        return ret_job->message.index;
}

void played_guard_prove(PlayedGuard *guard, PlayedJob *job)
{
        NodeSource source = log_source(&guard->log);
        Path path;

        cr_assert_eq(tree_inclusion(&source, guard->seen_size, job->message.index, &path), 0);
        job->message.tree_size = guard->seen_size;
        job->message.n_path = path.n;
        memcpy(job->message.path, path.hashes, path.n * sizeof(Digest));
}

void played_job_deinit(PlayedJob *job)
{
        buffer_deinit(&job->leaf);
        buffer_deinit(&job->job);
}

bool played_guard_offer_job(PlayedGuard *guard, const PlayedJob *job)
{
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;
        JobMessage message = job->message;

        message.salt = job->salt;
        message.leaf = job->leaf.data;
        message.n_leaf = job->leaf.n;
        message.job = job->job.data;
        message.n_job = job->job.n;
        job_message_encode(&message, &body);
        return offer_message(guard, MESSAGE_JOB, &body);
}

void played_guard_send_job(PlayedGuard *guard, const PlayedJob *job)
{
        cr_assert(played_guard_offer_job(guard, job));
}

void played_guard_cancel(PlayedGuard *guard, uint64_t index)
{
        _cleanup_(buffer_deinit) Buffer body = BUFFER_INIT;

        cancel_encode(&(CancelMessage){.index = index}, &body);
        send_message(guard, MESSAGE_CANCEL, &body);
}

void played_guard_result(PlayedGuard *guard, PlayedResult *ret_result)
{
        *ret_result = (PlayedResult){.packet = PACKET_INIT};
        receive(guard, MESSAGE_RESULT, &ret_result->packet);
        cr_assert(result_decode(ret_result->packet.body, ret_result->packet.n_body, &ret_result->message));
}

void played_result_deinit(PlayedResult *result)
{
        result_deinit(&result->message);
        packet_deinit(&result->packet);
}

bool played_guard_hears(PlayedGuard *guard, int milliseconds)
{
        struct pollfd poll_fd = {.fd = guard->fd, .events = POLLIN};

        return poll(&poll_fd, 1, milliseconds) == 1;
}

void played_guard_do(PlayedGuard *guard, const PlayedRequest *request, PlayedResult *ret_result)
{
        _cleanup_(played_job_deinit) PlayedJob job = {};

        (void)played_guard_record(guard, request, &job);
        played_guard_checkpoint(guard);
        played_guard_prove(guard, &job);
        played_guard_send_job(guard, &job);
        played_guard_result(guard, ret_result);
        cr_assert_eq(ret_result->message.index, job.message.index);
}

void played_job_put(Buffer *job, const char *subject, const char *model, const float *vector, size_t n)
{
        job_put(job, &(JobEntry){.subject = subject,
                                 .model = model ? model : "",
                                 .vector = (const uint8_t *)vector,
                                 .n_vector = n * sizeof(float)});
}
