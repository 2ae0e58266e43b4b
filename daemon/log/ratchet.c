/*
 * The ratchet. Owns nothing. Run by whoever signs.
 */

#include "log/ratchet.h"

#include <sodium.h>
#include <string.h>

static void ratchet_derive(const uint8_t seed[static RATCHET_SEED_SIZE], const char *label,
                           uint8_t ret_derived[static RATCHET_SEED_SIZE])
{
        crypto_auth_hmacsha256_state state;

        crypto_auth_hmacsha256_init(&state, seed, RATCHET_SEED_SIZE);
        crypto_auth_hmacsha256_update(&state, (const uint8_t *)label, strlen(label));
        crypto_auth_hmacsha256_final(&state, ret_derived);
        sodium_memzero(&state, sizeof(state));
}

void ratchet_next(const uint8_t seed[static RATCHET_SEED_SIZE], uint8_t ret_next[static RATCHET_SEED_SIZE])
{
        ratchet_derive(seed, "matchguard/ratchet/v1", ret_next);
}

void ratchet_sign_seed(const uint8_t seed[static RATCHET_SEED_SIZE],
                       uint8_t ret_seed[static RATCHET_SEED_SIZE])
{
        ratchet_derive(seed, "sign", ret_seed);
}
