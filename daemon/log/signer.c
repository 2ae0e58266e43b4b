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

void note_signer_vkey(const NoteSigner *signer, Buffer *buffer)
{
        uint8_t typed[1 + 32] = {NOTE_TYPE_ED25519};
        char id[2 * NOTE_KEY_ID_SIZE + 1], key[TEXT_BASE64_SIZE(sizeof(typed))];

        memcpy(typed + 1, signer->verifier.public_key, 32);
        text_hex(signer->verifier.key_id, NOTE_KEY_ID_SIZE, id);
        text_base64(typed, sizeof(typed), key);
        buffer_append_format(buffer, "%s+%s+%s\n", signer->verifier.name, id, key);
}

void note_sign(const NoteSigner *signer, const TreeHead *head, Buffer *buffer)
{
        char root[TEXT_BASE64_SIZE(DIGEST_SIZE)], line[TEXT_BASE64_SIZE(SIGNATURE_SIZE)];
        uint8_t signature[SIGNATURE_SIZE];
        size_t start = buffer->n;

        text_base64(head->root.bytes, DIGEST_SIZE, root);
        buffer_append_format(buffer, "%s\n%llu\n%s\n", signer->verifier.name, (unsigned long long)head->size,
                             root);
        if (buffer->failed)
                return;
        memcpy(signature, signer->verifier.key_id, NOTE_KEY_ID_SIZE);
        crypto_sign_detached(signature + NOTE_KEY_ID_SIZE, NULL, buffer->data + start, buffer->n - start,
                             signer->secret_key);
        text_base64(signature, sizeof(signature), line);
        buffer_append_format(buffer, "\n" NOTE_SIGNATURE_PREFIX "%s %s\n", signer->verifier.name, line);
}
