#pragma once
/*
 * Epoch key: the second key that checkpoints are signed with, and the seed file that it comes from. The key
 * of an epoch is gone for ever once the epoch has ended: from memory, and from the file, which is written
 * over in place.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/macro.h"
#include "log/note.h"
#include "log/signer.h"

typedef struct EpochKey EpochKey;

enum {
        EPOCH_E_MISSING = 1,  /* a log that has begun cannot go on without its seed */
        EPOCH_E_DAMAGED = 2,  /* no seed in the file is whole */
        EPOCH_E_AHEAD = 3,    /* the seed is of a later epoch than the log */
        EPOCH_E_BEHIND = 4,   /* it is older than a crash can explain */
        EPOCH_E_FOREIGN = 5,  /* it is another log's */
        EPOCH_E_UNLOCKED = 6, /* memory cannot be kept from the swap */
};

typedef struct EpochSource {
        int trail_fd;              /* the trail's folder; borrowed */
        const char *origin;        /* valid as an origin; copied */
        bool may_make;             /* the log has not begun: a missing seed is made */
        uint64_t epoch;            /* that the log is in */
        const uint8_t *public_key; /* of that epoch, as the log has it; NULL: it does not know */
} EpochSource;

/**
 * epoch_key_open() - Reads the seed, makes it if it may, and brings it to the epoch of the log.
 *
 * A seed that is one epoch behind was left by a crash right after an epoch's last commit: it is advanced.
 * Return: 0, EPOCH_E_*, or -errno.
 */
int epoch_key_open(EpochKey **ret_key, const EpochSource *source);

/** epoch_key_free() - Wipes the seed from memory; takes NULL, returns NULL. */
EpochKey *epoch_key_free(EpochKey *key);

DEFINE_CLEANUP(EpochKey *, epoch_key_free);

/** epoch_key_signer() - Who signs in the epoch at hand; borrowed until epoch_key_turn(). */
const NoteSigner *epoch_key_signer(const EpochKey *key);

/** epoch_key_next() - The public key of the epoch that follows, NOTE_PUBLIC_KEY_SIZE bytes; borrowed. */
const uint8_t *epoch_key_next(const EpochKey *key);

/**
 * epoch_key_turn() - Ends the epoch: the seed of the next one takes its place, in memory and on disk.
 *
 * To be called when the checkpoint that ends the epoch is durable. Return: 0 or -errno: then the process must
 * end, and must not try again.
 */
int epoch_key_turn(EpochKey *key);
