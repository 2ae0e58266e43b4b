/*
 * From a permit's receipt to a JOB message. Pure; run by the guard's loop.
 */

#include "guard/job.h"

#include <string.h>

#include "base/macro.h"
#include "wire/leaf.h"
#include "wire/message.h"

static bool job_is_permitted(const Receipt *receipt)
{
        _cleanup_(leaf_deinit) Leaf leaf = LEAF_INIT;
        size_t n;

        const uint8_t *bytes = receipt_leaf(receipt, &n);
        return leaf_parse(bytes, n, LEAF_MAX, &leaf) == 0 && leaf_is(&leaf, "kind", "request") &&
               leaf_is(&leaf, "verdict", "permit");
}

int job_from_receipt(const Receipt *receipt, const JobParts *parts, Buffer *buffer)
{
        const Path *path = receipt_path(receipt);

        if (!path || path->n > MESSAGE_PROOF_MAX || !job_is_permitted(receipt))
                return JOB_E_NOT_A_PERMIT;
        JobMessage message = {
                .index = receipt_index(receipt),
                .tree_size = receipt_tree_size(receipt),
                .n_path = path->n,
                .deadline_usec = parts->deadline_usec,
                .salt = parts->salt,
                .job = parts->job,
                .n_job = parts->n_job,
        };
        memcpy(message.path, path->hashes, path->n * sizeof(Digest));
        message.leaf = receipt_leaf(receipt, &message.n_leaf);
        job_message_encode(&message, buffer);
        return 0;
}
