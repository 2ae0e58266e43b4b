#pragma once
/*
 * The chain of epoch keys of a log: the first is given, each other is named by the leaf that ended the epoch
 * before it. Holds each kept checkpoint of an ended epoch, and the newest one, against the key that alone
 * could sign it. Who took the keys of today cannot make the checkpoints of yesterday's epochs.
 */

#include <stdbool.h>
#include <stdint.h>

#include "tools/export-reader.h"
#include "tools/findings.h"

/* A key, if it is known: without one only what needs no key is checked. */
typedef struct EpochKnown {
        bool known;
        NoteVerifier key;
} EpochKnown;

typedef struct EpochChain {
        const Export *export;
        Findings *findings;
        EpochKnown at_hand, before; /* the key of the epoch at hand, and of the one before it */
        uint64_t n_ended;           /* epochs */
        uint64_t ended_size;        /* size of the log at the last end */
} EpochChain;

/**
 * epoch_chain_open() - Begins with the key of epoch 0.
 * @vkey:       a verifier key as text, or the path of a file with one; NULL: epoch0.vkey of the export
 *
 * One that is missing or is not of this log is a fault. Return: 0 or -ENOMEM.
 */
int epoch_chain_open(EpochChain *chain, const Export *export, Findings *findings, const char *vkey);

/* The bytes of a leaf. */
typedef struct EpochLeaf {
        const uint8_t *bytes;
        size_t n;
} EpochLeaf;

/** epoch_chain_may_end() - Whether a leaf may be one that ends an epoch: a quick look, right for every one that
 * is. */
bool epoch_chain_may_end(const uint8_t *leaf, size_t n);

/**
 * epoch_chain_end() - Where the last leaf of @head ends an epoch, its checkpoint must be there, be of that very
 * size and root, and signed by its key.
 * @last:       that leaf, which names the next epoch's key
 *
 * Return: 0 or -ENOMEM.
 */
int epoch_chain_end(EpochChain *chain, const TreeHead *head, const EpochLeaf *last);

/** epoch_chain_finish() - After the last leaf: the newest checkpoint must be signed by its epoch's key. Return:
 * 0 or -ENOMEM. */
int epoch_chain_finish(EpochChain *chain);
