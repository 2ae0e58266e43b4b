#pragma once
/*
 * SHA-256 (FIPS 180-4), through OpenSSL's fetched EVP_MD with one context a thread: a fresh context a call
 * costs more than hashing a leaf. Knows nothing of what is hashed.
 *
 * A digest that cannot be computed (no memory at the first use in a thread) leaves nothing sensible to do in
 * a program whose every promise rests on digests, so these functions abort instead of failing.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum { DIGEST_SIZE = 32, DIGEST_HEX_SIZE = 65 };

typedef struct Digest {
        uint8_t bytes[DIGEST_SIZE];
} Digest;

/** digest_of() - SHA-256 of @n bytes at @data. */
void digest_of(const void *data, size_t n, Digest *ret_digest);

/** digest_of_parts() - SHA-256 over @n_parts runs of bytes, one after the other, as if they were one. */
void digest_of_parts(const struct iovec *parts, size_t n_parts, Digest *ret_digest);

/** digest_equal() - Whether two digests are the same. Not for secrets: the time taken is not constant. */
bool digest_equal(const Digest *a, const Digest *b);

/** digest_hex() - Writes 64 lower-case hex digits and a NUL. */
void digest_hex(const Digest *digest, char ret_text[static DIGEST_HEX_SIZE]);

/** digest_from_hex() - Reads exactly 64 lower-case hex digits. Return: whether @text was that. */
bool digest_from_hex(const char *text, Digest *ret_digest);

/* A digest that is fed piece by piece. */
typedef struct DigestStream DigestStream;

/** digest_stream_new() - Begins a digest. Never returns NULL. */
DigestStream *digest_stream_new(void);

/** digest_stream_free() - Ends it early or late; takes NULL, returns NULL. */
DigestStream *digest_stream_free(DigestStream *stream);

/** digest_stream_add() - Feeds @n bytes. */
void digest_stream_add(DigestStream *stream, const void *data, size_t n);

/** digest_stream_finish() - Gives the digest of all that was fed, and begins anew. */
void digest_stream_finish(DigestStream *stream, Digest *ret_digest);
