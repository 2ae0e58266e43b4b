#pragma once
/*
 * A guard that is played: a real key, a real log in memory, a real socket, and the real matchguard-worker at
 * the other end of it. Every function fails the test when something goes wrong that is not what the test is
 * about.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "log/note.h"
#include "log/signer.h"
#include "log/tree.h"
#include "wire/commitment.h"
#include "wire/leaf.h"
#include "wire/message.h"
#include "wire/packet.h"

typedef struct PlayedLog {
        NoteSigner *signer;
        Buffer vkey;
        Digest *hashes; /* of the leaves */
        Buffer *leaves;
        size_t n;
} PlayedLog;

/* What the worker told of one last. */
typedef struct PlayedGallery {
        char name[64];
        bool damaged;
        uint64_t epoch;
        uint64_t n_templates;
} PlayedGallery;

/* What it told of its engine last. */
typedef struct PlayedEngine {
        char engine[32];
        char device[128];
        uint64_t device_memory;
        uint64_t device_used;
        char failure[256];
} PlayedEngine;

typedef struct PlayedGuard {
        char folder[64]; /* the socket, the key and the galleries are in it */
        char session[2 * MESSAGE_SESSION_SIZE + 1];
        uint64_t seen_size; /* what the hello said */
        char engine[32];
        char fallback[32];
        size_t n_galleries;
        char gallery[64]; /* the first that the hello named */
        PlayedGallery told;
        PlayedEngine told_engine;
        size_t n_told_engine; /* how often */
        int listen_fd;
        int fd;
        pid_t pid;
        const char *isa; /* of the worker; NULL: auto */
        /* What is run in the worker's place, in a process of its own; NULL: the real program. Return: its exit status. */
        int (*serve)(const struct PlayedGuard *guard);
        PlayedLog log;
} PlayedGuard;

/* A result that was received. */
typedef struct PlayedResult {
        Packet packet;
        ResultMessage message;
} PlayedResult;

enum { PLAYED_MODEL_DIMENSION = 4 };

void played_log_init(PlayedLog *log, const char *origin, uint8_t seed);
void played_log_deinit(PlayedLog *log);
/* Copies the first @n leaves, and the key. */
void played_log_fork(const PlayedLog *from, size_t n, PlayedLog *ret_log);
uint64_t played_log_append(PlayedLog *log, const Leaf *leaf);
void played_log_note(const PlayedLog *log, uint64_t size, Buffer *note);
/* The checkpoint of the first @size leaves, with the proof from @old_size; the message borrows the note. */
void played_log_checkpoint(const PlayedLog *log, uint64_t old_size, uint64_t size, Buffer *note,
                           CheckpointMessage *ret_message);

void played_guard_init(PlayedGuard *guard);
void played_guard_deinit(PlayedGuard *guard);
/* Starts a worker and takes its hello. */
void played_guard_start(PlayedGuard *guard);
/* Hangs up. Return: how the worker exited, as from waitpid(2). */
int played_guard_hang_up(PlayedGuard *guard);
/* Kills the worker with SIGKILL. */
void played_guard_kill(PlayedGuard *guard);
/* Stops the worker with SIGSTOP, so that whatever is sent meanwhile is all there when it sees the first of it. */
void played_guard_halt(PlayedGuard *guard);
void played_guard_let_go_on(PlayedGuard *guard);

/* A checkpoint of all of the log, with the proof from what was sent last. */
void played_guard_checkpoint(PlayedGuard *guard);
void played_guard_send_checkpoint(PlayedGuard *guard, const CheckpointMessage *message);

/* A permit without index and job, to be changed by the test before it is sent. */
typedef struct PlayedRequest {
        const char *operation;
        const char *gallery; /* NULL: none */
        const char *model;
        const char *kind;
        const char *release;
        const char *verdict;
        const char *leaf_kind;
        const char *session;      /* NULL: this one */
        const char *organisation; /* NULL: none */
        int64_t floor;            /* millionths */
        uint64_t limit;
        uint64_t maximum; /* 0: none */
        uint64_t dimension;
        uint64_t deadline_usec;
        uint64_t index_shift; /* by which the leaf's index is wrong */
        const Buffer *job;
} PlayedRequest;

PlayedRequest played_request(const char *operation, const Buffer *job);

/* A job message with everything it points to. */
typedef struct PlayedJob {
        JobMessage message;
        uint8_t salt[COMMITMENT_SALT_SIZE];
        Buffer leaf;
        Buffer job;
} PlayedJob;

void played_job_deinit(PlayedJob *job);

/* Records the request in the log; a checkpoint must follow before the job is made of it. */
uint64_t played_guard_record(PlayedGuard *guard, const PlayedRequest *request, PlayedJob *ret_job);
/* Fills in the audit path to the last checkpoint. */
void played_guard_prove(PlayedGuard *guard, PlayedJob *job);
void played_guard_send_job(PlayedGuard *guard, const PlayedJob *job);
/* The same to a worker that may have hung up. Return: whether it had not. */
bool played_guard_offer_job(PlayedGuard *guard, const PlayedJob *job);
void played_guard_cancel(PlayedGuard *guard, uint64_t index);

/* Waits for the next result. */
void played_guard_result(PlayedGuard *guard, PlayedResult *ret_result);
void played_result_deinit(PlayedResult *result);
/* Whether a packet comes within @milliseconds. */
bool played_guard_hears(PlayedGuard *guard, int milliseconds);

/* Record, checkpoint, job, result. */
void played_guard_do(PlayedGuard *guard, const PlayedRequest *request, PlayedResult *ret_result);

/* Job bytes of one entry; @model NULL: no template. */
void played_job_put(Buffer *job, const char *subject, const char *model, const float *vector, size_t n);
