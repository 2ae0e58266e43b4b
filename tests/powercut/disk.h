#pragma once
/*
 * Disk: a tape played to some point, and the states that a disk may be left in there by a power cut.
 *
 * Each node has what is durable and what the process sees; between them lie the changes since its last sync.
 * A disk may hold any of those, none, or all; here: none, all, all but one, and one torn at a multiple of 512
 * bytes. An image each makes a state.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tape.h"

enum { DISK_SECTOR = 512 };

/* The changes of one node since its last sync: numbers of ops. */
typedef struct Pending {
        size_t *ops;
        size_t n;
} Pending;

/* A sync that the disk answered without doing all of it. */
typedef struct Lie {
        size_t sync; /* the op */
        bool whole;  /* nothing since the sync before was written */
        size_t lost; /* else: only this op was not */
} Lie;

typedef struct Disk {
        const Tape *tape;
        const Lie *lie; /* NULL: an honest disk */
        size_t at;      /* ops that are done */
        uint64_t told;  /* leaves that were told of as durable */
        Image *durable, *now;
        Pending *pending;
} Disk;

void disk_init(Disk *disk, const Tape *tape, const Lie *lie);
void disk_deinit(Disk *disk);

/** disk_step() - Does the next op. */
void disk_step(Disk *disk);

/** disk_play() - Does ops until @at of them are done. */
void disk_play(Disk *disk, size_t at);

/* What became of the changes that no sync covers. */
typedef struct State {
        const Tape *tape;
        Image **images; /* a node each, borrowed */
        uint64_t told;
        char what[160]; /* for people */
} State;

/* How much is tried at a point. */
typedef enum DiskDepth {
        DISK_WHOLE, /* of each node all or nothing; the last op torn */
        DISK_EACH,  /* at the end of each interval each op missing and torn as well */
        DISK_ALL,   /* that at every point */
} DiskDepth;

typedef void (*StateHandler)(State *state, void *userdata);

/** disk_states() - Calls @handler for each state that a cut here may leave. Return: how many. */
size_t disk_states(Disk *disk, DiskDepth depth, StateHandler handler, void *userdata);

/** disk_state_now() - The one state in which everything is there that was done. */
void disk_state_now(Disk *disk, StateHandler handler, void *userdata);

/** disk_state_synced() - The one in which nothing is there but what was synced. */
void disk_state_synced(Disk *disk, StateHandler handler, void *userdata);

/** state_hash() - The same for states that look the same: names and bytes. */
void state_hash(const State *state, Digest *ret_hash);

/** state_make() - Writes a state below a folder that is there and empty. */
void state_make(const State *state, const char *root);

/** state_remove() - Removes everything below a folder. */
void state_remove(const char *root);
