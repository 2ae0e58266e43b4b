#pragma once
/*
 * The digests of matchguard.policy(5).
 */

#include "base/digest.h"
#include "policy/policy.h"

/** policy_digest_of() - SHA-256 over path, NUL, length in decimal, NUL, bytes of each text, in the order
 * given. */
void policy_digest_of(const PolicyText *texts, size_t n_texts, Digest *ret_digest);
