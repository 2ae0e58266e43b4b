#pragma once
/*
 * Checkpoints as C2SP signed notes (c2sp.org/signed-note, c2sp.org/tlog-checkpoint), Ed25519, signature type
 * 0x01.
 *
 *   <origin> LF <size, decimal> LF <base64 of the root> LF LF
 *   "— " <key name> " " base64(key id[4] || signature[64]) LF        one line a signature
 *
 * key id = first 4 bytes of SHA-256(name || LF || 0x01 || public key). The log's key has the origin as its
 * name, the key of an epoch `<origin>/epoch<number>`. A verifier key is the text `name+hex(key
 * id)+base64(0x01 || public key)`.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "log/tree.h"

enum {
        NOTE_NAME_MAX = 255,
        NOTE_ORIGIN_MAX = NOTE_NAME_MAX - 26, /* leaves room for "/epoch" and 20 digits */
        NOTE_KEY_ID_SIZE = 4,
        NOTE_PUBLIC_KEY_SIZE = 32,
        NOTE_TYPE_ED25519 = 1,
        NOTE_MAX = 16384, /* most bytes of a note that is read */
};

/** note_name_is_valid() - 1 to NOTE_NAME_MAX printable ASCII bytes without white space, '+', '"' and '\'. */
bool note_name_is_valid(const char *name);

/** note_origin_is_valid() - The same, and short enough for the names of its epochs' keys. */
bool note_origin_is_valid(const char *origin);

/* Before the name of each signature line. */
#define NOTE_SIGNATURE_PREFIX "\xe2\x80\x94 "

typedef struct NoteVerifier {
        char name[NOTE_NAME_MAX + 1];
        uint8_t key_id[NOTE_KEY_ID_SIZE];
        uint8_t public_key[32];
} NoteVerifier;

enum {
        NOTE_E_MALFORMED = 1, /* no such text, or not in its one canonical form */
        NOTE_E_UNSIGNED = 2,  /* no valid signature by this key */
        NOTE_E_OTHER_LOG = 3, /* the origin is not the key's name */
};

/**
 * note_key_id() - What names a key: the first bytes of a digest over its name, its type and the public key.
 */
void note_key_id(const char *name, const uint8_t public_key[static 32],
                 uint8_t ret_id[static NOTE_KEY_ID_SIZE]);

/** note_verifier_parse() - Reads a verifier key; one newline may follow. Return: 0 or NOTE_E_MALFORMED. */
int note_verifier_parse(const char *text, NoteVerifier *ret_verifier);

/**
 * note_verifier_vkey() - Appends the verifier key text, with a newline.
 */
void note_verifier_vkey(const NoteVerifier *verifier, Buffer *buffer);

/**
 * note_epoch_verifier() - The verifier of an epoch.
 * @origin:     of the log; valid as an origin
 *
 * Return: 0, or NOTE_E_MALFORMED for an origin that is too long.
 */
int note_epoch_verifier(const char *origin, uint64_t epoch, const uint8_t public_key[static 32],
                        NoteVerifier *ret_verifier);

/**
 * note_open() - Believes a checkpoint, or does not.
 * @verifier:   the key that must have signed it; its name must be the origin
 * @text:       the note, @n bytes
 * @ret_head:   size and root, only when 0 is returned
 *
 * Lines by other keys are ignored, as C2SP demands. Return: 0 or NOTE_E_*.
 */
int note_open(const NoteVerifier *verifier, const char *text, size_t n, TreeHead *ret_head);

/** note_open_of() - The same for a key that is not named like the log: the note must be one of @origin. */
int note_open_of(const NoteVerifier *verifier, const char *origin, const Buffer *note, TreeHead *ret_head);

/**
 * note_peek() - Reads origin, size and root without believing them: for messages about a note that is
 * refused.
 * @ret_origin: NOTE_NAME_MAX + 1 bytes
 *
 * Return: 0 or NOTE_E_MALFORMED.
 */
int note_peek(const char *text, size_t n, char *ret_origin, TreeHead *ret_head);
