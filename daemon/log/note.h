#pragma once
/*
 * Checkpoints as C2SP signed notes (c2sp.org/signed-note, c2sp.org/tlog-checkpoint), Ed25519, signature type
 * 0x01.
 *
 *   <origin> LF <size, decimal> LF <base64 of the root> LF LF
 *   "— " <key name> " " base64(key id[4] || signature[64]) LF        one line a signature
 *
 * key id = first 4 bytes of SHA-256(name || LF || 0x01 || public key). The log's key has the origin as its
 * name. A verifier key is the text `name+hex(key id)+base64(0x01 || public key)`.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "log/tree.h"

enum {
        NOTE_NAME_MAX = 255,
        NOTE_SEED_SIZE = 32,
        NOTE_MAX = 16384, /* most bytes of a note that is read */
};

/** note_name_is_valid() - 1 to NOTE_NAME_MAX printable ASCII bytes without white space, '+', '"' and '\'. */
bool note_name_is_valid(const char *name);

/* The signing key: in locked memory, wiped when freed. */
typedef struct NoteSigner NoteSigner;

/**
 * note_signer_new() - A signer from its Ed25519 seed.
 * @name:       the key's name; copied
 * @seed:       NOTE_SEED_SIZE bytes; copied
 *
 * Return: 0, -EINVAL for a bad name, -ENOMEM.
 */
int note_signer_new(NoteSigner **ret_signer, const char *name, const uint8_t *seed);
NoteSigner *note_signer_free(NoteSigner *signer);

/** note_signer_vkey() - Appends the verifier key text, with a newline. */
void note_signer_vkey(const NoteSigner *signer, Buffer *buffer);

typedef struct NoteVerifier {
        char name[NOTE_NAME_MAX + 1];
        uint8_t key_id[4];
        uint8_t public_key[32];
} NoteVerifier;

enum {
        NOTE_E_MALFORMED = 1, /* no such text, or not in its one canonical form */
        NOTE_E_UNSIGNED = 2,  /* no valid signature by this key */
        NOTE_E_OTHER_LOG = 3, /* the origin is not the key's name */
};

/** note_verifier_parse() - Reads a verifier key; one newline may follow. Return: 0 or NOTE_E_MALFORMED. */
int note_verifier_parse(const char *text, NoteVerifier *ret_verifier);

/** note_sign() - Appends the note of a checkpoint: its text and one signature line by @signer. */
void note_sign(const NoteSigner *signer, const TreeHead *head, Buffer *buffer);

/**
 * note_open() - Believes a checkpoint, or does not.
 * @verifier:   the key that must have signed it; its name must be the origin
 * @text:       the note, @n bytes
 * @ret_head:   size and root, only when 0 is returned
 *
 * Lines by other keys are ignored, as C2SP demands. Return: 0 or NOTE_E_*.
 */
int note_open(const NoteVerifier *verifier, const char *text, size_t n, TreeHead *ret_head);

/**
 * note_peek() - Reads origin, size and root without believing them: for messages about a note that is
 * refused.
 * @ret_origin: NOTE_NAME_MAX + 1 bytes
 *
 * Return: 0 or NOTE_E_MALFORMED.
 */
int note_peek(const char *text, size_t n, char *ret_origin, TreeHead *ret_head);
