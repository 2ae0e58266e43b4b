/*
 * Receipts as text: what was written convinces, and nothing else does.
 */

#include "log/proof.h"
#include "log/signer.h"

#include <criterion/criterion.h>
#include <string.h>

static NoteSigner *signer;
static NoteVerifier verifier;
static Buffer leaf = BUFFER_INIT, proof = BUFFER_INIT;

/* Two leaves; the proof is for the second. */
static void setup(void)
{
        uint8_t seed[NOTE_SEED_SIZE];
        Buffer note = BUFFER_INIT, vkey = BUFFER_INIT;
        Frontier frontier = FRONTIER_INIT;
        TreeHead head = {.size = 2};
        Path path = {.n = 1};
        Digest hash;

        memset(seed, 7, sizeof(seed));
        cr_assert_eq(note_signer_new(&signer, "log.example", seed), 0);
        note_signer_vkey(signer, &vkey);
        cr_assert_eq(note_verifier_parse(buffer_text(&vkey), &verifier), 0);
        buffer_append_text(&leaf, "{\"index\":1}");
        tree_leaf_hash("first", 5, &path.hashes[0]);
        frontier_append(&frontier, &path.hashes[0]);
        tree_leaf_hash(leaf.data, leaf.n, &hash);
        frontier_append(&frontier, &hash);
        frontier_root(&frontier, &head.root);
        note_sign(signer, &head, &note);
        proof_write(1, &path, buffer_text(&note), &proof);
        buffer_deinit(&note);
        buffer_deinit(&vkey);
}

static void teardown(void)
{
        buffer_deinit(&leaf);
        buffer_deinit(&proof);
        signer = note_signer_free(signer);
}

TestSuite(proof, .init = setup, .fini = teardown);

Test(proof, what_was_written_convinces)
{
        uint64_t index = 0;
        TreeHead head = {};
        ProofText text = {buffer_text(&proof), proof.n};
        cr_assert_eq(proof_check(&verifier, &leaf, text, &index, &head), 0);
        cr_assert_eq(index, 1);
        cr_assert_eq(head.size, 2);
        cr_assert_eq(strncmp(text.text, "c2sp.org/tlog-proof@v1\nindex 1\n", 31), 0);
}

Test(proof, one_bit_flipped_anywhere_is_refused)
{
        for (size_t i = 0; i < proof.n; i++) {
                proof.data[i] ^= 1;
                ProofText text = {buffer_text(&proof), proof.n};
                cr_assert_neq(proof_check(&verifier, &leaf, text, NULL, NULL), 0, "byte %zu", i);
                proof.data[i] ^= 1;
        }
}

Test(proof, another_leaf_is_not_proved)
{
        ProofText text = {buffer_text(&proof), proof.n};
        leaf.data[0] ^= 1;
        cr_assert_eq(proof_check(&verifier, &leaf, text, NULL, NULL), PROOF_E_UNPROVEN);
}

Test(proof, every_truncation_is_refused)
{
        for (size_t n = 0; n < proof.n; n++) {
                ProofText text = {buffer_text(&proof), n};
                cr_assert_neq(proof_check(&verifier, &leaf, text, NULL, NULL), 0);
        }
}
