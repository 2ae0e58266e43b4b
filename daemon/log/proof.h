#pragma once
/*
 * A receipt to keep: C2SP tlog-proof text (c2sp.org/tlog-proof).
 *
 *   c2sp.org/tlog-proof@v1 LF
 *   index <decimal> LF
 *   <base64 of a hash> LF        as many as the audit path has
 *   LF
 *   <the signed note of the checkpoint>
 */

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "log/note.h"

/** proof_write() - Appends the text. @note is the signed note, with its newline at the end. */
void proof_write(uint64_t index, const Path *path, const char *note, Buffer *buffer);

enum {
        PROOF_E_MALFORMED = 1, /* not a canonical proof */
        PROOF_E_UNPROVEN =
                2, /* the checkpoint is not signed by the key, or the path does not lead to its root */
};

/* A proof as text, borrowed. */
typedef struct ProofText {
        const char *text;
        size_t n;
} ProofText;

/**
 * proof_check() - Whether a proof shows that a leaf stands in the log of @verifier.
 * @leaf:       the leaf's bytes
 * @text:       the proof, @n_text bytes
 * @ret_index:  where the leaf stands; may be NULL
 * @ret_head:   the checkpoint; may be NULL
 *
 * Return: 0 or PROOF_E_*.
 */
int proof_check(const NoteVerifier *verifier, const Buffer *leaf, ProofText proof, uint64_t *ret_index,
                TreeHead *ret_head);
