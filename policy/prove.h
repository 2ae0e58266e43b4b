#pragma once
/*
 * The proof of a policy's invariants (matchguard.policy(5), INVARIANTS): that no request whatever, at any time
 * within an invariant's bounds, with a synchronised clock and no rate used, is both permitted and of the kind
 * that the invariant forbids.
 *
 * A clock that nobody vouches for permits nothing more: whatever is permitted at a time and an earlier
 * loosening time is permitted at that time with a synchronised clock too. So the proof holds for every clock.
 */

#include "policy/faults.h"
#include "policy/policy.h"

/* What the proof of one invariant came to. Strings are the policy's, unless the comment says otherwise. */
typedef struct ProofRow {
        const char *invariant;
        const char *description;
        Place place;
        bool holds;
        /* where it does not */
        const char *allow; /* under which the example is permitted */
        Place allow_place;
        char *facts;    /* the example: facts in JSON (matchguard.policy(5)), one line; the row's own */
        bool confirmed; /* the decision itself permits it; anything else is a fault of this program */
} ProofRow;

typedef struct Proof {
        ProofRow *rows; /* one an invariant, by name */
        size_t n;
        size_t n_broken;
} Proof;

#define PROOF_INIT ((Proof){})

void proof_deinit(Proof *proof);

/**
 * policy_prove() - Proves every invariant, or finds a request that breaks it.
 * @policy:     borrowed, and to live as long as the proof
 * @ret_proof:  to be given to proof_deinit()
 *
 * Return: 0, or -ENOMEM.
 */
int policy_prove(const Policy *policy, Proof *ret_proof);

/** proof_faults() - Adds a fault for each invariant that does not hold, so that the policy does not load. */
void proof_faults(const Proof *proof, Faults *faults);
