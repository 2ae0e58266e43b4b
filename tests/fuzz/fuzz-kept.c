/*
 * kept_heads() and kept_receipt_parse() on any bytes. Nobody holds the key, so that no head may ever be
 * believed.
 */

#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "tools/kept.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        _cleanup_(kept_receipt_deinit) KeptReceipt receipt = KEPT_RECEIPT_INIT;
        NoteVerifier verifier = {.name = "log.example"};
        TreeHead heads[KEPT_HEADS_MAX];
        size_t n_heads = 0;

        buffer_append(&text, data, n);
        if (kept_heads(&verifier, &text, heads, &n_heads) == 0)
                abort();
        if (kept_receipt_parse(buffer_text(&text), text.n, &receipt) == 0 && strlen(receipt.decision) > n)
                abort();
        return 0;
}
