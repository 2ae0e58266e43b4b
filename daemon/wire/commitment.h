#pragma once
/*
 * What a leaf says of bytes that it does not hold (matchguard-trail(7): `detail` and `job`):
 *
 *   base64url-nopad( SHA-256( "matchguard/<purpose>/v1\n" || salt[32] || bytes ) )
 *
 * Hiding because the salt is random; erasing salt and bytes leaves the leaf and every proof valid.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
        COMMITMENT_SALT_SIZE = 32,
        COMMITMENT_TEXT_SIZE = 44, /* 43 digits and a NUL */
};

typedef enum CommitmentPurpose {
        COMMITMENT_DETAIL,
        COMMITMENT_JOB,
} CommitmentPurpose;

/** commitment_of() - Computes the text that goes into the leaf. @salt is COMMITMENT_SALT_SIZE bytes. */
void commitment_of(CommitmentPurpose purpose, const uint8_t *salt, const void *data, size_t n,
                   char ret_text[static COMMITMENT_TEXT_SIZE]);

/** commitment_opens() - Whether salt and bytes are what @text commits to; false for NULL. */
bool commitment_opens(const char *text, CommitmentPurpose purpose, const uint8_t *salt, const void *data,
                      size_t n);
