/*
 * What the worker believes, and why.
 */

#include "worker/belief.h"

#include <string.h>

#include "base/macro.h"
#include "base/random.h"
#include "base/text.h"
#include "log/tree.h"
#include "wire/commitment.h"

_Static_assert((int)MESSAGE_PROOF_MAX <= (int)TREE_PATH_MAX, "every path that a message can hold fits");

void belief_init(Belief *ret_belief, const NoteVerifier *verifier, const Seen *seen)
{
        *ret_belief = (Belief){.verifier = *verifier, .seen = *seen};
        random_bytes(ret_belief->session, sizeof(ret_belief->session));
}

static void path_from(const Digest *hashes, size_t n, Path *ret_path)
{
        ret_path->n = n;
        memcpy(ret_path->hashes, hashes, n * sizeof(Digest));
}

/* What speaks against going on from what was seen to @head; NULL if nothing does. */
static const char *doubt_history(const Seen *seen, const CheckpointMessage *message, const TreeHead *head)
{
        Path path;

        if (head->size < seen->head.size)
                return "the log has shrunk";
        if (message->old_size != seen->head.size)
                return "the proof does not begin at the checkpoint that was last accepted";
        path_from(message->proof, message->n_proof, &path);
        if (!tree_check_consistency(&seen->head, head, &path))
                return "the log has forked";
        return NULL;
}

static const char *doubt_checkpoint(const Belief *belief, const CheckpointMessage *message,
                                    TreeHead *ret_head)
{
        switch (note_open(&belief->verifier, message->note, strlen(message->note), ret_head)) {
        case 0:
                break;
        case NOTE_E_UNSIGNED:
                return "the checkpoint is not signed by the log's key";
        case NOTE_E_OTHER_LOG:
                return "the checkpoint is another log's";
        default:
                return "the checkpoint is malformed";
        }
        if (!belief->seen.origin[0])
                return NULL;
        if (strcmp(belief->seen.origin, belief->verifier.name) != 0)
                return "another log was seen before; --forget-log lets it go";
        return doubt_history(&belief->seen, message, ret_head);
}

int belief_checkpoint(Belief *belief, const CheckpointMessage *message, const char **ret_why)
{
        TreeHead head = {};

        const char *why = doubt_checkpoint(belief, message, &head);
        belief->standing = !why;
        if (why) {
                *ret_why = why;
                return BELIEF_E_REFUSED;
        }
        belief->seen.head = head;
        strcpy(belief->seen.origin, belief->verifier.name); /* Two arrays of one size. */
        return 0;
}

static const char *doubt_inclusion(const Belief *belief, const JobMessage *message)
{
        Digest leaf_hash;
        Path path;

        if (!belief->standing)
                return "no checkpoint was accepted";
        if (message->tree_size != belief->seen.head.size)
                return "the proof is not for the last checkpoint";
        tree_leaf_hash(message->leaf, message->n_leaf, &leaf_hash);
        path_from(message->path, message->n_path, &path);
        if (!tree_check_inclusion(&leaf_hash, message->index, belief->seen.head.size, &path,
                                  &belief->seen.head.root))
                return "the leaf is not in the log";
        return NULL;
}

static const char *doubt_leaf(const Belief *belief, const JobMessage *message, const Leaf *leaf)
{
        char session[2 * MESSAGE_SESSION_SIZE + 1];
        uint64_t version, index;

        text_hex(belief->session, sizeof(belief->session), session);
        if (!leaf_number(leaf, "v", &version) || version != 1 || !leaf_is(leaf, "kind", "request"))
                return "the leaf is no request";
        if (!leaf_is(leaf, "verdict", "permit"))
                return "the leaf is no permit";
        if (!leaf_number(leaf, "index", &index) || index != message->index)
                return "the leaf names another index";
        if (!leaf_is(leaf, "worker", session))
                return "the leaf is for another session";
        if (belief->has_last_index && index <= belief->last_index)
                return "the index does not come after the last one";
        if (!commitment_opens(leaf_text(leaf, "job"), COMMITMENT_JOB, message->salt, message->job,
                              message->n_job))
                return "the job is not the one that was recorded";
        return NULL;
}

int belief_job(Belief *belief, const JobMessage *message, Leaf *ret_leaf, const char **ret_why)
{
        _cleanup_(leaf_deinit) Leaf leaf = LEAF_INIT;

        const char *why = doubt_inclusion(belief, message);
        if (!why) {
                int r = leaf_parse(message->leaf, message->n_leaf, LEAF_MAX, &leaf);
                if (r < 0)
                        return r;
                why = r > 0 ? "the leaf is malformed" : doubt_leaf(belief, message, &leaf);
        }
        if (why) {
                *ret_why = why;
                return BELIEF_E_REFUSED;
        }
        belief->has_last_index = true;
        belief->last_index = message->index;
        *ret_leaf = leaf;
        leaf = LEAF_INIT;
        return 0;
}
