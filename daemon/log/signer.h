#pragma once
/*
 * The log's signing key, and checkpoints signed with it. Apart from log/note.h so that only a program that is
 * meant to sign (the guard) links what can.
 */

#include "base/buffer.h"
#include "log/note.h"

enum { NOTE_SEED_SIZE = 32 };

enum {
        NOTE_SIGNER_E_UNLOCKED = 1, /* memory cannot be kept from the swap */
};

/* The signing key: in locked memory, wiped when freed. */
typedef struct NoteSigner NoteSigner;

/**
 * note_signer_new() - A signer from its Ed25519 seed.
 * @name:       the key's name; copied
 * @seed:       NOTE_SEED_SIZE bytes; copied
 *
 * Return: 0, NOTE_SIGNER_E_UNLOCKED, -EINVAL for a bad name, -ENOMEM.
 */
int note_signer_new(NoteSigner **ret_signer, const char *name, const uint8_t *seed);
NoteSigner *note_signer_free(NoteSigner *signer);

/** note_signer_verifier() - Its public half; borrowed. */
const NoteVerifier *note_signer_verifier(const NoteSigner *signer);

/** note_signer_vkey() - Appends the verifier key text, with a newline. */
void note_signer_vkey(const NoteSigner *signer, Buffer *buffer);

/** note_sign() - Appends the note of a checkpoint: its text and one signature line by @signer. */
void note_sign(const NoteSigner *signer, const TreeHead *head, Buffer *buffer);

/** note_cosign() - Appends one more signature line to the note that is all of @note. */
void note_cosign(const NoteSigner *signer, Buffer *note);
