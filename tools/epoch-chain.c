/*
 * The chain of epoch keys. Reads epoch0.vkey and epoch/<N> of the export. Run by the tool.
 */

#include "tools/epoch-chain.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "base/text.h"
#include "wire/leaf.h"

enum { EPOCH_PATH_SIZE = 32, EPOCH_LEAF_MAX = 1024 };

int epoch_chain_open(EpochChain *chain, const Export *export, Findings *findings, const char *vkey)
{
        const char *origin = export->verifier.name;
        _cleanup_(freep) char *why = NULL;
        NoteVerifier expected, key = {};

        *chain = (EpochChain){.export = export, .findings = findings};
        int r = vkey ? export_read_vkey(vkey, &key, &why)
                     : export_read_own_vkey(export, "epoch0.vkey", &key, &why);
        if (r < 0)
                return r;
        if (r > 0) {
                findings_file(findings, "epoch0.vkey",
                              "the key of the first epoch is not there, so that no epoch can be checked: %s",
                              why);
                return 0;
        }
        bool known = note_epoch_verifier(origin, 0, key.public_key, &expected) == 0 &&
                     strcmp(expected.name, key.name) == 0;
        if (!known)
                findings_file(findings, "epoch0.vkey", "it is the key of %s, not that of %s/epoch0", key.name,
                              origin);
        chain->at_hand = (EpochKnown){known, key};
        r = vkey ? export_own_vkey_differs(export, "epoch0.vkey", &key) : 0;
        if (r > 0)
                findings_file(findings, "epoch0.vkey", "it is not the key of %s that was given", key.name);
        return r < 0 ? r : 0;
}

/* The key that the leaf of an epoch's end names; without one nothing more can be checked by key. */
static void chain_take_next(EpochChain *chain, const char *next)
{
        const char *origin = chain->export->verifier.name;
        EpochKnown *at_hand = &chain->at_hand;
        uint8_t key[NOTE_PUBLIC_KEY_SIZE];

        chain->n_ended++;
        chain->before = *at_hand;
        at_hand->known = next && text_from_hex(next, strlen(next), key, sizeof(key)) &&
                         note_epoch_verifier(origin, chain->n_ended, key, &at_hand->key) == 0;
}

/* By whom a note should be signed and is not: the log or, where it is known, its epoch's key. NULL: by nobody. */
static const char *chain_doubts(const EpochChain *chain, const EpochKnown *by, const Buffer *note,
                                TreeHead *ret_head)
{
        const char *origin = chain->export->verifier.name;

        if (note_open_of(&chain->export->verifier, origin, note, ret_head) != 0)
                return origin;
        if (by->known && note_open_of(&by->key, origin, note, ret_head) != 0)
                return by->key.name;
        return NULL;
}

static int chain_check_kept(EpochChain *chain, const TreeHead *head)
{
        _cleanup_(buffer_deinit) Buffer note = BUFFER_INIT;
        char path[EPOCH_PATH_SIZE];
        TreeHead kept = {};

        (void)snprintf(path, sizeof(path), "epoch/%" PRIu64, chain->n_ended);
        int r = export_read_file(chain->export, path, NOTE_MAX, &note);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                findings_file(chain->findings, path, "the epoch ended with leaf %" PRIu64 ", but: %s",
                              head->size - 1, strerror(-r));
                return 0;
        }
        const char *missing = chain_doubts(chain, &chain->at_hand, &note, &kept);
        if (missing)
                findings_file(chain->findings, path, "it is no checkpoint signed by %s", missing);
        else if (kept.size != head->size)
                findings_file(chain->findings, path,
                              "it covers %" PRIu64 " leaves, but the epoch ended with leaf %" PRIu64,
                              kept.size, head->size - 1);
        else if (!digest_equal(&kept.root, &head->root))
                findings_file(chain->findings, path,
                              "the log is not the one of this checkpoint: its first %" PRIu64
                              " leaves have another root",
                              kept.size);
        return 0;
}

bool epoch_chain_may_end(const uint8_t *leaf, size_t n)
{
        static const char kind[] = "\"kind\":\"epoch\"";

        return n <= EPOCH_LEAF_MAX && memmem(leaf, n, kind, strlen(kind));
}

int epoch_chain_end(EpochChain *chain, const TreeHead *head, const EpochLeaf *last)
{
        Leaf leaf = LEAF_INIT;

        int r = leaf_parse(last->bytes, last->n, LEAF_MAX, &leaf);
        /* What is no leaf is a fault already. */
        if (r != 0)
                return r < 0 ? r : 0;
        r = chain_check_kept(chain, head);
        if (r == 0) {
                chain->ended_size = head->size;
                chain_take_next(chain, leaf_text(&leaf, "next"));
        }
        leaf_deinit(&leaf);
        return r;
}

int epoch_chain_finish(EpochChain *chain)
{
        const Export *export = chain->export;
        _cleanup_(buffer_deinit) Buffer note = BUFFER_INIT;
        TreeHead head;

        /* The checkpoint that ends an epoch is that epoch's. */
        bool at_end = chain->n_ended > 0 && chain->ended_size == export->head.size;
        buffer_append_text(&note, export->note);
        if (note.failed)
                return -ENOMEM;
        const char *missing = chain_doubts(chain, at_end ? &chain->before : &chain->at_hand, &note, &head);
        if (missing)
                findings_file(chain->findings, "checkpoint", "it is not signed by %s", missing);
        return 0;
}
