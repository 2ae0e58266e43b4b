#pragma once
/*
 * Mirrors: the guard's side of trail/mirror.h. Tells the mirrors what has become durable, and the trail what
 * a mirror lost.
 *
 * Invariants
 *   1. a mirror is told of a leaf or a checkpoint only after its commit
 *   2. every loss is in the end told in a `mirror` leaf: at most one a minute and destination, and one more
 *      at a stop
 */

#include <stdint.h>
#include <systemd/sd-event.h>

#include "guard/config.h"
#include "guard/recorder.h"
#include "trail/kernel-echo.h"
#include "trail/mirror.h"

struct Guard;

/* What is known of the losses of one destination. */
typedef struct MirrorLoss {
        struct Guard *guard;
        MirrorTo to;
        uint64_t n_told;        /* in leaves, those under way included */
        sd_event_source *pause; /* armed: no leaf yet */
} MirrorLoss;

typedef struct Mirrors {
        struct Guard *guard;
        Mirror *mirror;
        sd_event_source *source;
        MirrorLoss losses[_MIRROR_TO_MAX];
        const char *
                why_off; /* why there is no mirror to the kernel's audit; NULL: there is, or it is not wanted */
        KernelEcho *echo; /* NULL: nothing is read back */
        int deaf;         /* the errno that says why not; 0: it is, or is not wanted */
        sd_event_source *echo_source;
        bool echo_ended;          /* nothing is read back any more, and that was told */
        bool unheard;             /* the last permit that had to be recorded by the kernel was not */
        uint64_t unheard_usec;    /* boot time when that was told last; 0: never */
        bool has_checkpoint;      /* one was told in this run */
        uint64_t checkpoint_usec; /* boot time of the last one that was */
} Mirrors;

/**
 * mirrors_open() - Opens the audit multicast where it is wanted, which takes a capability that the guard gives up.
 * @handed_fd:  the one that was handed over, consumed; or -1
 *
 * Return: a descriptor, or a negative number: why there is none.
 */
int mirrors_open(const Config *config, int handed_fd);

/**
 * mirrors_init() - Starts what matchguard.conf asks for. Makes threads.
 * @audit_fd:   what mirrors_open() gave; consumed
 *
 * What cannot be had is said and goes without, save that then nothing is permitted where it is required.
 * Return: 0 or -errno.
 */
int mirrors_init(Mirrors *mirrors, struct Guard *guard, int audit_fd);

/** mirrors_hear() - Whether permits go to the kernel's audit, and its records of them are read back. */
bool mirrors_hear(const Mirrors *mirrors);

/** mirrors_heard() - A permit that awaited the kernel's record has it. */
void mirrors_heard(Mirrors *mirrors);

/** mirrors_unheard() - One waited for it in vain: operators are told, once a minute at most. @now_usec: boot time.
 */
void mirrors_unheard(Mirrors *mirrors, uint64_t now_usec);

/** mirrors_audit_fault() - What is wrong with the kernel's audit as a mirror, and what to do; NULL: nothing. */
const char *mirrors_audit_fault(const Mirrors *mirrors);

/** mirrors_deinit() - Lets them send what waits, for a bounded time; safe when all zero. */
void mirrors_deinit(Mirrors *mirrors);

/** mirrors_commit() - Tells them of a commit. Return: 0 or -errno. */
int mirrors_commit(Mirrors *mirrors, const TrailCommit *commit, const TrailEntry *first);

/** mirrors_fault() - Tells them that the trail is not what it should be; @what is a word. */
void mirrors_fault(Mirrors *mirrors, const char *what);

/** mirrors_flush() - Records what was lost and not told of yet, whatever the time. Return: 0 or -errno. */
int mirrors_flush(Mirrors *mirrors);
