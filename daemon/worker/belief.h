#pragma once
/*
 * What the worker believes, and why: that a job's record is in the signed log. It knows the log's public key,
 * the last checkpoint that it accepted, its own session and the last index it took; it believes nothing else,
 * least of all the guard. Thinks only; keeping what was seen is the caller's.
 */

#include <stdbool.h>
#include <stdint.h>

#include "log/note.h"
#include "wire/leaf.h"
#include "wire/message.h"
#include "worker/seen.h"

typedef struct Belief {
        NoteVerifier verifier;
        Seen seen;     /* the last checkpoint accepted, in this session or an earlier one */
        bool standing; /* the last CHECKPOINT of this session was accepted: jobs may come under it */
        uint8_t session[MESSAGE_SESSION_SIZE];
        bool has_last_index;
        uint64_t last_index; /* of the jobs accepted in this session */
} Belief;

/** belief_init() - Begins a session, with a random id, on what was seen before. */
void belief_init(Belief *ret_belief, const NoteVerifier *verifier, const Seen *seen);

enum { BELIEF_E_REFUSED = 1 /* not convinced; `why` says of what, a constant */ };

/**
 * belief_checkpoint() - Accepts a checkpoint: signed by the log's key, of the log that was seen, and shown to
 * hold all that was seen. Refused, no job runs until one is accepted.
 *
 * Return: 0 or BELIEF_E_REFUSED.
 */
int belief_checkpoint(Belief *belief, const CheckpointMessage *message, const char **ret_why);

/**
 * belief_job() - Accepts a job: its leaf is in the tree of the standing checkpoint, permits a request, is
 * made for this session, comes after all before it, and commits to the job's bytes.
 * @ret_leaf:   the leaf, to be given to leaf_deinit(); untouched unless 0 is returned
 *
 * Return: 0, BELIEF_E_REFUSED, or -errno.
 */
int belief_job(Belief *belief, const JobMessage *message, Leaf *ret_leaf, const char **ret_why);
