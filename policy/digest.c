/*
 * What a policy, or one object of it, is known by. Layout hashed, for each text:
 *
 *     path NUL length-in-decimal NUL bytes
 */

#include "policy/digest.h"

#include <stdio.h>
#include <string.h>

void policy_digest_of(const PolicyText *texts, size_t n_texts, Digest *ret_digest)
{
        DigestStream *stream = digest_stream_new();

        for (size_t i = 0; i < n_texts; i++) {
                char length[24];
                int n = snprintf(length, sizeof(length), "%zu", texts[i].n);
                digest_stream_add(stream, texts[i].path, strlen(texts[i].path) + 1);
                digest_stream_add(stream, length, (size_t)n + 1);
                digest_stream_add(stream, texts[i].bytes, texts[i].n);
        }
        digest_stream_finish(stream, ret_digest);
        (void)digest_stream_free(stream); /* it returns NULL to be assigned */
}
