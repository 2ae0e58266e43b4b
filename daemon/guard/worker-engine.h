#pragma once
/*
 * What the worker computes on: by its hello, and by what it tells afterwards. Pure. Only the two names of the hello are ever
 * recorded; the rest is for the status and the journal, and nothing is decided by it.
 */

#include <stdbool.h>
#include <stdint.h>

#include "wire/message.h"

enum {
        WORKER_NAME_MAX = 64,
        WORKER_DEVICE_MAX = 127,
        WORKER_FAILURE_MAX = 255,
};

typedef struct WorkerEngine {
        char name[WORKER_NAME_MAX + 1];     /* what was chosen when the worker was started */
        char fallback[WORKER_NAME_MAX + 1]; /* what answers in its place, and whatever searches no gallery */

        /* As last told. */
        char answers[WORKER_NAME_MAX + 1];  /* which of the two answers searches now */
        char device[WORKER_DEVICE_MAX + 1]; /* "": there is none */
        uint64_t device_memory;             /* bytes that templates may take on it */
        uint64_t device_used;
        char failure[WORKER_FAILURE_MAX + 1]; /* what the device failed with; "": it works */
        bool failed;                          /* a failure was told of since the hello */
} WorkerEngine;

/** worker_engine_is_plain() - Whether a leaf can hold this text as a version or an engine. */
bool worker_engine_is_plain(const char *text);

/** worker_engine_hello() - Takes the two names, which are plain. */
void worker_engine_hello(WorkerEngine *engine, const HelloMessage *message);

/** worker_engine_check() - Holds what is told against the hello. Return: NULL; else what is wrong, for the operator. */
const char *worker_engine_check(const WorkerEngine *engine, const EngineMessage *message);

/** worker_engine_take() - Takes what was found right. Return: whether it is the first failure since the hello. */
bool worker_engine_take(WorkerEngine *engine, const EngineMessage *message);
