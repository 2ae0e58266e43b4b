/*
 * Commitments to bytes that stay out of the log. Pure. The guard makes them; worker and auditors open them.
 */

#include "wire/commitment.h"

#include <string.h>

#include "base/digest.h"
#include "base/text.h"

static const char *const commitment_prefixes[] = {
        [COMMITMENT_DETAIL] = "matchguard/detail/v1\n",
        [COMMITMENT_JOB] = "matchguard/job/v1\n",
};

void commitment_of(CommitmentPurpose purpose, const uint8_t *salt, const void *data, size_t n,
                   char ret_text[static COMMITMENT_TEXT_SIZE])
{
        const char *prefix = commitment_prefixes[purpose];
        struct iovec parts[] = {
                {.iov_base = (void *)prefix, .iov_len = strlen(prefix)},
                {.iov_base = (void *)salt, .iov_len = COMMITMENT_SALT_SIZE},
                {.iov_base = (void *)data, .iov_len = n},
        };
        Digest digest;

        digest_of_parts(parts, 3, &digest);
        text_base64url(digest.bytes, DIGEST_SIZE, ret_text);
}

bool commitment_opens(const char *text, CommitmentPurpose purpose, const uint8_t *salt, const void *data,
                      size_t n)
{
        char expected[COMMITMENT_TEXT_SIZE];

        if (!text)
                return false;
        commitment_of(purpose, salt, data, n, expected);
        return strcmp(text, expected) == 0;
}
