/*
 * What somebody kept of a log: checkpoints, proofs, receipts; and nothing else.
 */

#include "tools/kept.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/macro.h"
#include "log/proof.h"
#include "log/signer.h"
#include "tools/json.h"

static NoteSigner *signer;
static NoteVerifier verifier;
static TreeHead head = {.size = 5};
static Buffer note, proof;

static void setup(void)
{
        uint8_t seed[NOTE_SEED_SIZE] = {3};
        const Path path = {.n = 1};
        Buffer vkey = BUFFER_INIT;

        cr_assert_eq(note_signer_new(&signer, "log.example", seed), 0);
        note_signer_vkey(signer, &vkey);
        cr_assert_eq(note_verifier_parse(buffer_text(&vkey), &verifier), 0);
        buffer_deinit(&vkey);
        note_sign(signer, &head, &note);
        proof_write(4, &path, buffer_text(&note), &proof);
}

static void teardown(void)
{
        signer = note_signer_free(signer);
        buffer_deinit(&note);
        buffer_deinit(&proof);
}

TestSuite(kept, .init = setup, .fini = teardown);

static int heads_of(const char *text, size_t *ret_n)
{
        TreeHead heads[KEPT_HEADS_MAX] = {};
        const Buffer buffer = {.data = (uint8_t *)text, .n = strlen(text)};

        *ret_n = 0;
        int r = kept_heads(&verifier, &buffer, heads, ret_n);
        for (size_t i = 0; i < *ret_n && r == 0; i++)
                cr_expect_eq(heads[i].size, 5);
        return r;
}

/* A receipt with this proof of the decision, and of the outcome where there is one. */
static char *receipt(const char *decision_proof, const char *outcome_proof)
{
        json_object *object = json_object_new_object();

        json_set_text(object, "decision", "{}");
        json_set_text(object, "decisionProof", decision_proof);
        json_set_text(object, "outcome", outcome_proof ? "{}" : NULL);
        json_set_text(object, "outcomeProof", outcome_proof);
        char *text = strdup(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
        json_object_put(object);
        return text;
}

Test(kept, a_checkpoint_a_proof_and_a_receipt_are_all_understood)
{
        size_t n;

        cr_expect_eq(heads_of(buffer_text(&note), &n), 0);
        cr_expect_eq(n, 1);
        cr_expect_eq(heads_of(buffer_text(&proof), &n), 0);
        cr_expect_eq(n, 1);
        char *one = receipt(buffer_text(&proof), NULL),
             *two = receipt(buffer_text(&proof), buffer_text(&proof));
        cr_expect_eq(heads_of(one, &n), 0);
        cr_expect_eq(n, 1);
        cr_expect_eq(heads_of(two, &n), 0);
        cr_expect_eq(n, 2);
        free(one);
        free(two);
}

Test(kept, what_is_none_of_them_is_malformed)
{
        static const char *const texts[] = {
                "",
                "hello",
                "{}",
                "{\"decision\":\"{}\"}",
                "c2sp.org/tlog-proof@v1\n",
                "c2sp.org/tlog-proof@v1\nindex 1\n\n",
                "{\"decision\":\"{}\",\"decisionProof\":\"hello\"}",
                "{\"decision\":\"{}\",\"decisionProof\":\"\",\"outcome\":\"{}\"}",
                "{\"decision\":1,\"decisionProof\":2}",
        };
        size_t n;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                cr_expect_eq(heads_of(texts[i], &n), KEPT_E_MALFORMED, "%s", texts[i]);
}

Test(kept, what_another_key_signed_is_not_believed)
{
        size_t n;

        verifier.public_key[0] ^= 1;
        cr_expect_eq(heads_of(buffer_text(&note), &n), KEPT_E_UNSIGNED);
        cr_expect_eq(heads_of(buffer_text(&proof), &n), KEPT_E_UNSIGNED);
        char *one = receipt(buffer_text(&proof), NULL);
        cr_expect_eq(heads_of(one, &n), KEPT_E_UNSIGNED);
        free(one);
}
