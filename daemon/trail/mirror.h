#pragma once
/*
 * Mirror: what has become durable is also told to other logs of this machine, the kernel's audit and the
 * journal. Each destination has a bounded queue and a thread of its own, so that one that lags, blocks or
 * fails holds up nobody: neither the caller nor the other destination.
 *
 * Invariants
 *   1. mirror_tell() never blocks and never fails: what does not fit, or cannot be sent, is counted as lost, but
 *      for a MIRROR_STEP that does not fit
 *   2. a destination gets its items in the order in which they were told
 *   3. every record is in the end counted once, as sent or as lost
 *   4. mirror_free() returns within MIRROR_STOP_USEC, whatever a destination does
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum MirrorTo {
        MIRROR_KERNEL_AUDIT,
        MIRROR_JOURNAL,
        _MIRROR_TO_MAX,
} MirrorTo;

/** mirror_name() - As a `mirror` leaf has it: "kernel-audit", "journal". */
const char *mirror_name(MirrorTo to);

typedef enum MirrorKind {
        MIRROR_LEAF,  /* a durable leaf: its bytes */
        MIRROR_EVENT, /* an event that is no leaf, as event_encode() writes it */
        MIRROR_STEP,  /* such an event of the way of a request: for whoever looks for a fault, and dropped in
                            * silence where the queue is half full */
        MIRROR_CHECKPOINT, /* a signed checkpoint that was committed: the note, and the leaf's epoch */
        MIRROR_FAULT,      /* the trail is not what it should be: a word for what is wrong with it */
} MirrorKind;

typedef struct MirrorItem {
        MirrorKind kind;
        const char *leaf_kind; /* MIRROR_LEAF: its `kind`; lives for ever */
        const void *bytes;     /* a NUL stands behind them when a destination sees them */
        size_t n;
} MirrorItem;

/* What a destination is made of. `self` is its own state. */
typedef struct MirrorDestination {
        /* In the teller's thread: whether it has anything to say about such an item. Must not block. */
        bool (*wants)(const void *self, const MirrorItem *item);
        /* In the destination's thread: passes one on. Return: how many records went out (0: nothing to say,
         * or not yet), or -errno when it was lost. */
        int (*send)(void *self, const MirrorItem *item);
        /* In the destination's thread, NULL where nothing is kept back: called after each item and when
         * `*ret_next_usec` of the call before has come (monotonic clock; UINT64_MAX: no need); sends what
         * was kept back and is due, all of it when @last. Return: as send. */
        int (*rest)(void *self, uint64_t now_usec, bool last, uint64_t *ret_next_usec);
        /* In whichever thread comes last. */
        void (*free)(void *self);
} MirrorDestination;

enum {
        MIRROR_ITEMS_MAX = 16384,            /* that wait for one destination */
        MIRROR_BYTES_MAX = 16 * 1024 * 1024, /* likewise */
        MIRROR_ITEMS_KEPT = 256, /* of those, for all but requests: a flood of those hides nothing else */
        MIRROR_BYTES_KEPT = 1024 * 1024, /* likewise */
        MIRROR_STOP_USEC = 2 * 1000 * 1000,
};

typedef struct MirrorCounts {
        bool on;       /* there is such a destination */
        uint64_t sent; /* records that it took */
        uint64_t lost;
        int error; /* of the last loss: an errno; 0 while nothing was lost. ENOBUFS: the queue was full */
        size_t n_waiting; /* items in the queue, the one under way included */
} MirrorCounts;

typedef struct Mirror Mirror;

/** mirror_new() - Without destinations yet. Return: 0 or -errno. */
int mirror_new(Mirror **ret_mirror);

/**
 * mirror_add() - Starts the thread of a destination.
 * @destination: borrowed for ever
 * @self:        taken over on success
 *
 * Return: 0 or -errno.
 */
int mirror_add(Mirror *mirror, MirrorTo to, const MirrorDestination *destination, void *self);

/**
 * mirror_tell() - Copies an item into the queue of each destination that wants it. One thread only, but for
 * MIRROR_EVENT, MIRROR_STEP and MIRROR_FAULT.
 */
void mirror_tell(Mirror *mirror, const MirrorItem *item);

/** mirror_event_fd() - Readable (an eventfd) once something was lost since it was last read; borrowed. */
int mirror_event_fd(const Mirror *mirror);

/** mirror_counts() - How a destination fares. */
MirrorCounts mirror_counts(const Mirror *mirror, MirrorTo to);

/** mirror_settle() - Waits, from any thread, until a destination has been given all that waits; @usec at most. */
void mirror_settle(const Mirror *mirror, MirrorTo to, uint64_t usec);

/**
 * mirror_free() - Lets the destinations send what waits, for MIRROR_STOP_USEC at most; what has not gone by
 * then is given up, and a thread that is stuck ends by itself. Takes NULL, returns NULL.
 */
Mirror *mirror_free(Mirror *mirror);
