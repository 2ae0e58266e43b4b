/*
 * Receipts: any bytes as the proof of a fixed leaf. Nothing may be believed: no note in the corpus is signed
 * by the key whose checkpoint has this leaf.
 */

#include "log/proof.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        static const char vkey[] =
                "matchguard.example/audit+27de727c+AdBKsjJ0K7SrOhNovUYV5ObQIkq3GgFrr4UgozLJd4c3";
        uint8_t bytes[] = "{\"index\":1}";
        const Buffer leaf = {.data = bytes, .n = sizeof(bytes) - 1};
        NoteVerifier verifier;

        if (note_verifier_parse(vkey, &verifier) != 0)
                abort();
        if (proof_check(&verifier, &leaf, (ProofText){(const char *)data, n}, NULL, NULL) == 0)
                abort();
        return 0;
}
