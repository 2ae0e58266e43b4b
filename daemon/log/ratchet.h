#pragma once
/*
 * Ratchet: the seeds of a log's epochs, each made from the one before by a function that cannot be turned
 * back. Who has the seed of an epoch can sign for it and for those after it, never for one before.
 *
 *   seed[e + 1]      = HMAC-SHA-256(seed[e], "matchguard/ratchet/v1")
 *   Ed25519 seed[e]  = HMAC-SHA-256(seed[e], "sign")
 *
 * Pure. Both arguments are secrets: where they lie, and that they are wiped, is the caller's affair. What is
 * left of them on the stack is wiped here.
 */

#include <stdint.h>

enum { RATCHET_SEED_SIZE = 32 };

/** ratchet_next() - The seed of the epoch behind that of @seed; @ret_next may be @seed itself. */
void ratchet_next(const uint8_t seed[static RATCHET_SEED_SIZE], uint8_t ret_next[static RATCHET_SEED_SIZE]);

/** ratchet_sign_seed() - The Ed25519 seed (for note_signer_new()) of the epoch of @seed. */
void ratchet_sign_seed(const uint8_t seed[static RATCHET_SEED_SIZE],
                       uint8_t ret_seed[static RATCHET_SEED_SIZE]);
