#pragma once
/*
 * What somebody kept of a log, to hold it against the log later: a signed checkpoint, a C2SP tlog-proof, or a
 * receipt as `matchguard audit receipt` writes it. The checkpoints in it are found and believed here.
 */

#include <json-c/json.h>
#include <stddef.h>

#include "base/buffer.h"
#include "log/note.h"

enum {
        KEPT_FILE_MAX = 1024 * 1024,
        KEPT_HEADS_MAX = 2, /* a receipt holds two proofs */
};

enum {
        KEPT_E_MALFORMED = 1, /* none of the three */
        KEPT_E_UNSIGNED = 2,  /* a checkpoint in it is not signed by the key, or is another log's */
};

/**
 * kept_heads() - The checkpoints in a kept text.
 * @ret_heads:  each signed by @verifier
 * @ret_n:      how many
 *
 * Return: 0, KEPT_E_*, -ENOMEM.
 */
int kept_heads(const NoteVerifier *verifier, const Buffer *text, TreeHead ret_heads[static KEPT_HEADS_MAX],
               size_t *ret_n);

/* A receipt: leaves with their proofs. Strings are borrowed from the object. */
typedef struct KeptReceipt {
        json_object *object;
        const char *decision, *decision_proof;
        const char *outcome, *outcome_proof; /* NULL while there is none */
} KeptReceipt;

#define KEPT_RECEIPT_INIT ((KeptReceipt){})

void kept_receipt_deinit(KeptReceipt *receipt);

/** kept_receipt_parse() - Reads a receipt. Return: 0, KEPT_E_MALFORMED, -ENOMEM. */
int kept_receipt_parse(const char *text, size_t n, KeptReceipt *ret_receipt);
