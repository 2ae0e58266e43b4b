#pragma once
/*
 * Who is examined: the processor's engine with each instruction set and several numbers of threads; or an engine on a device, by the environment:
 *
 *      MATCHGUARD_EXACT_ENGINE         "cpu" (where it is not set), "opencl", "cuda"
 *      MATCHGUARD_EXACT_DEVICE         a device's number, or a part of its name
 *      MATCHGUARD_EXACT_MODULES        the folder of the drivers
 *
 * A device's engine is as confined as the worker's from before its first search on, so that a call too many ends the test. Beside it the processor's answers the
 * same questions in the same process.
 */

#include <stdint.h>

#include "worker/engine.h"

enum { EXAMINEE_KINDS_MAX = 3, EXAMINEE_LIKE_MAX = 3 };

typedef struct Examinee {
        Engine *engine;
        size_t n_threads;
        const char *is; /* "cpu", "opencl", "cuda": what its name begins with */
} Examinee;

/* Engines that differ in the number of threads only. */
typedef struct ExamineeKind {
        Examinee like[EXAMINEE_LIKE_MAX];
        size_t n;
} ExamineeKind;

typedef struct Examinees {
        ExamineeKind kinds
                [EXAMINEE_KINDS_MAX]; /* those that this machine has; the last is always there, and is the processor's */
        size_t n;
} Examinees;

/** examinees_start() - Ends the test where there is no such engine. @device_memory: as in EngineOptions. */
void examinees_start(Examinees *examinees, uint64_t device_memory);
void examinees_end(Examinees *examinees);

/** examinee_is_device() - Whether it answers on a device. */
bool examinee_is_device(const Examinee *examinee);

/** examinee_search() - engine_search(); ends the test where another engine than this one has answered, or none. @what is for the message. */
void examinee_search(const Examinee *examinee, const Templates *templates, EngineQuery *queries, size_t n,
                     const char *what);
