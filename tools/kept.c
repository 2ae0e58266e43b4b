/*
 * Kept checkpoints, proofs and receipts. Pure.
 */

#include "tools/kept.h"

#include <errno.h>
#include <string.h>

#include "base/macro.h"
#include "tools/json.h"
#include "varlink/json.h"

#define PROOF_FIRST_LINE "c2sp.org/tlog-proof@v1\n"

void kept_receipt_deinit(KeptReceipt *receipt)
{
        json_object_put(receipt->object);
        *receipt = KEPT_RECEIPT_INIT;
}

int kept_receipt_parse(const char *text, size_t n, KeptReceipt *ret_receipt)
{
        KeptReceipt receipt = KEPT_RECEIPT_INIT;

        int r = json_message_read(text, n, &receipt.object);
        if (r != 0)
                return r == JSON_E_MALFORMED ? KEPT_E_MALFORMED : r;
        receipt.decision = json_text(receipt.object, "decision");
        receipt.decision_proof = json_text(receipt.object, "decisionProof");
        receipt.outcome = json_text(receipt.object, "outcome");
        receipt.outcome_proof = json_text(receipt.object, "outcomeProof");
        if (!receipt.decision || !receipt.decision_proof || !receipt.outcome != !receipt.outcome_proof) {
                kept_receipt_deinit(&receipt);
                return KEPT_E_MALFORMED;
        }
        *ret_receipt = receipt;
        return 0;
}

static int head_of_note(const NoteVerifier *verifier, const char *text, size_t n, TreeHead *ret_head)
{
        int r = note_open(verifier, text, n, ret_head);
        return r == NOTE_E_MALFORMED ? KEPT_E_MALFORMED : r > 0 ? KEPT_E_UNSIGNED : r;
}

/* The checkpoint of a proof stands after its first empty line. */
static int head_of_proof(const NoteVerifier *verifier, const char *text, size_t n, TreeHead *ret_head)
{
        const char *gap = memmem(text, n, "\n\n", 2);
        if (strncmp(text, PROOF_FIRST_LINE, strlen(PROOF_FIRST_LINE)) != 0 || !gap)
                return KEPT_E_MALFORMED;
        gap += 2;
        return head_of_note(verifier, gap, n - (size_t)(gap - text), ret_head);
}

static int heads_of_receipt(const NoteVerifier *verifier, const Buffer *text, TreeHead *ret_heads,
                            size_t *ret_n)
{
        _cleanup_(kept_receipt_deinit) KeptReceipt receipt = KEPT_RECEIPT_INIT;

        int r = kept_receipt_parse(buffer_text(text), text->n, &receipt);
        const char *const proofs[] = {receipt.decision_proof, receipt.outcome_proof};
        size_t n = 0;
        for (size_t i = 0; i < ARRAY_SIZE(proofs) && r == 0; i++)
                if (proofs[i])
                        r = head_of_proof(verifier, proofs[i], strlen(proofs[i]), &ret_heads[n++]);
        if (r == 0)
                *ret_n = n;
        return r;
}

int kept_heads(const NoteVerifier *verifier, const Buffer *text, TreeHead ret_heads[static KEPT_HEADS_MAX],
               size_t *ret_n)
{
        const char *start = buffer_text(text);

        if (start[0] == '{')
                return heads_of_receipt(verifier, text, ret_heads, ret_n);
        *ret_n = 1;
        if (strncmp(start, PROOF_FIRST_LINE, strlen(PROOF_FIRST_LINE)) == 0)
                return head_of_proof(verifier, start, text->n, &ret_heads[0]);
        return head_of_note(verifier, start, text->n, &ret_heads[0]);
}
