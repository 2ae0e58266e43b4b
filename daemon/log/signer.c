/*
 * Signing checkpoints. Owns the key while a NoteSigner lives: in memory that is locked against swapping and
 * wiped when freed (libsodium). Used by the trail.
 */

#include "log/signer.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "base/text.h"

enum { SIGNATURE_SIZE = NOTE_KEY_ID_SIZE + crypto_sign_BYTES };

struct NoteSigner {
        NoteVerifier verifier;
        uint8_t secret_key[crypto_sign_SECRETKEYBYTES];
};

int note_signer_new(NoteSigner **ret_signer, const char *name, const uint8_t *seed)
{
        if (!note_name_is_valid(name))
                return -EINVAL;
        if (sodium_init() < 0)
                return -ENOMEM;
        NoteSigner *signer = sodium_malloc(sizeof(*signer));
        if (!signer)
                return -ENOMEM;
        /* sodium_malloc() tries as well, but does not say whether it could. */
        if (sodium_mlock(signer, sizeof(*signer)) < 0) {
                sodium_free(signer);
                return NOTE_SIGNER_E_UNLOCKED;
        }
        memset(signer, 0, sizeof(*signer));
        memcpy(signer->verifier.name, name, strlen(name));
        crypto_sign_seed_keypair(signer->verifier.public_key, signer->secret_key, seed);
        note_key_id(name, signer->verifier.public_key, signer->verifier.key_id);
        *ret_signer = signer;
        return 0;
}

NoteSigner *note_signer_free(NoteSigner *signer)
{
        if (signer)
                sodium_free(signer);
        return NULL;
}

const NoteVerifier *note_signer_verifier(const NoteSigner *signer)
{
        return &signer->verifier;
}

void note_signer_vkey(const NoteSigner *signer, Buffer *buffer)
{
        note_verifier_vkey(&signer->verifier, buffer);
}

/* Appends the signature line over a text. */
static void note_add_line(const NoteSigner *signer, const void *text, size_t n, Buffer *buffer)
{
        char line[TEXT_BASE64_SIZE(SIGNATURE_SIZE)];
        uint8_t signature[SIGNATURE_SIZE];

        memcpy(signature, signer->verifier.key_id, NOTE_KEY_ID_SIZE);
        crypto_sign_detached(signature + NOTE_KEY_ID_SIZE, NULL, text, n, signer->secret_key);
        text_base64(signature, sizeof(signature), line);
        buffer_append_format(buffer, NOTE_SIGNATURE_PREFIX "%s %s\n", signer->verifier.name, line);
}

void note_sign(const NoteSigner *signer, const TreeHead *head, Buffer *buffer)
{
        char root[TEXT_BASE64_SIZE(DIGEST_SIZE)];
        size_t start = buffer->n;

        text_base64(head->root.bytes, DIGEST_SIZE, root);
        buffer_append_format(buffer, "%s\n%llu\n%s\n", signer->verifier.name, (unsigned long long)head->size,
                             root);
        size_t n = buffer->n - start;
        buffer_append_text(buffer, "\n");
        if (!buffer->failed)
                note_add_line(signer, buffer->data + start, n, buffer);
}

void note_cosign(const NoteSigner *signer, Buffer *note)
{
        const char *text = buffer_text(note);
        const char *end = strstr(text, "\n\n");

        if (!note->failed && end)
                note_add_line(signer, text, (size_t)(end + 1 - text), note);
}
