/*
 * Believing signed notes. Pure. Used by the trail at its start, by the worker and the tool; cannot sign.
 *
 * The reader takes one form only: canonical base64, shortest decimals, exactly three lines of text.
 */

#include "log/note.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "base/text.h"

enum { NOTE_SIGNATURE_SIZE = NOTE_KEY_ID_SIZE + crypto_sign_BYTES };

bool note_name_is_valid(const char *name)
{
        size_t n = strlen(name);

        if (n == 0 || n > NOTE_NAME_MAX)
                return false;
        for (size_t i = 0; i < n; i++)
                if (name[i] <= 0x20 || name[i] >= 0x7f || strchr("+\"\\", name[i]))
                        return false;
        return true;
}

bool note_origin_is_valid(const char *origin)
{
        return strlen(origin) <= NOTE_ORIGIN_MAX && note_name_is_valid(origin);
}

void note_key_id(const char *name, const uint8_t public_key[static 32],
                 uint8_t ret_id[static NOTE_KEY_ID_SIZE])
{
        Digest digest;
        const struct iovec parts[] = {
                {(void *)name, strlen(name)}, {(void *)"\n\x01", 2}, {(void *)public_key, 32}};
        digest_of_parts(parts, ARRAY_SIZE(parts), &digest);
        memcpy(ret_id, digest.bytes, NOTE_KEY_ID_SIZE);
}

int note_verifier_parse(const char *text, NoteVerifier *ret_verifier)
{
        NoteVerifier verifier = {};
        uint8_t typed[64], id[NOTE_KEY_ID_SIZE];
        size_t n_typed = 0;

        /* A name holds no '+', so the first two are the separators; base64 may hold more. */
        const char *first = strchr(text, '+');
        const char *second = first ? strchr(first + 1, '+') : NULL;
        if (!second || first - text > NOTE_NAME_MAX)
                return NOTE_E_MALFORMED;
        memcpy(verifier.name, text, (size_t)(first - text));
        size_t n_key = strcspn(second + 1, "\n");
        const char *rest = second + 1 + n_key;
        if (!note_name_is_valid(verifier.name) || (rest[0] == '\n' && rest[1] != 0))
                return NOTE_E_MALFORMED;
        if (n_key != TEXT_BASE64_SIZE(33) - 1 || !text_from_base64(second + 1, n_key, typed, &n_typed) ||
            n_typed != 33 || typed[0] != NOTE_TYPE_ED25519)
                return NOTE_E_MALFORMED;
        if (!text_from_hex(first + 1, (size_t)(second - first - 1), verifier.key_id, NOTE_KEY_ID_SIZE))
                return NOTE_E_MALFORMED;
        memcpy(verifier.public_key, typed + 1, 32);
        note_key_id(verifier.name, verifier.public_key, id);
        if (memcmp(id, verifier.key_id, NOTE_KEY_ID_SIZE) != 0)
                return NOTE_E_MALFORMED;
        *ret_verifier = verifier;
        return 0;
}

void note_verifier_vkey(const NoteVerifier *verifier, Buffer *buffer)
{
        uint8_t typed[1 + 32] = {NOTE_TYPE_ED25519};
        char id[2 * NOTE_KEY_ID_SIZE + 1], key[TEXT_BASE64_SIZE(sizeof(typed))];

        memcpy(typed + 1, verifier->public_key, 32);
        text_hex(verifier->key_id, NOTE_KEY_ID_SIZE, id);
        text_base64(typed, sizeof(typed), key);
        buffer_append_format(buffer, "%s+%s+%s\n", verifier->name, id, key);
}

int note_epoch_verifier(const char *origin, uint64_t epoch, const uint8_t public_key[static 32],
                        NoteVerifier *ret_verifier)
{
        NoteVerifier verifier = {};

        if (!note_origin_is_valid(origin))
                return NOTE_E_MALFORMED;
        (void)snprintf(verifier.name, sizeof(verifier.name), "%s/epoch%llu", origin,
                       (unsigned long long)epoch);
        memcpy(verifier.public_key, public_key, 32);
        note_key_id(verifier.name, public_key, verifier.key_id);
        *ret_verifier = verifier;
        return 0;
}

/* A line of a note, in place, without its newline. */
typedef struct Line {
        const char *text;
        size_t n;
} Line;

static bool line_next(const char **text, size_t *n, Line *ret_line)
{
        const char *newline = *n > 0 ? memchr(*text, '\n', *n) : NULL;
        if (!newline)
                return false;
        *ret_line = (Line){*text, (size_t)(newline - *text)};
        *n -= ret_line->n + 1;
        *text = newline + 1;
        return true;
}

/* Reads the three lines of a checkpoint and the empty one; `text` and `n` are left at the first signature. */
static int note_read_text(const char **text, size_t *n, char *ret_origin, TreeHead *ret_head)
{
        Line origin, size, root, empty;
        size_t n_root = 0;
        uint8_t hash[TEXT_BASE64_SIZE(DIGEST_SIZE)];

        if (*n > NOTE_MAX || memchr(*text, 0, *n))
                return NOTE_E_MALFORMED;
        if (!line_next(text, n, &origin) || !line_next(text, n, &size) || !line_next(text, n, &root) ||
            !line_next(text, n, &empty) || empty.n != 0)
                return NOTE_E_MALFORMED;
        if (origin.n > NOTE_NAME_MAX || root.n != TEXT_BASE64_SIZE(DIGEST_SIZE) - 1 ||
            !text_to_u64(size.text, size.n, &ret_head->size) ||
            !text_from_base64(root.text, root.n, hash, &n_root) || n_root != DIGEST_SIZE)
                return NOTE_E_MALFORMED;
        memcpy(ret_head->root.bytes, hash, DIGEST_SIZE);
        memcpy(ret_origin, origin.text, origin.n);
        ret_origin[origin.n] = 0;
        return note_name_is_valid(ret_origin) ? 0 : NOTE_E_MALFORMED;
}

int note_peek(const char *text, size_t n, char *ret_origin, TreeHead *ret_head)
{
        char origin[NOTE_NAME_MAX + 1] = "";
        TreeHead head = {};

        int r = note_read_text(&text, &n, origin, &head);
        if (r != 0)
                return r;
        memcpy(ret_origin, origin, sizeof(origin));
        *ret_head = head;
        return 0;
}

/* Takes a signature line apart. `ret_ours` says whether name and key id are the verifier's. */
static bool note_signature(const NoteVerifier *verifier, Line line, uint8_t ret_signature[static 64],
                           bool *ret_ours)
{
        const size_t n_prefix = strlen(NOTE_SIGNATURE_PREFIX);
        uint8_t bytes[1024];
        size_t n = 0;

        if (line.n <= n_prefix || memcmp(line.text, NOTE_SIGNATURE_PREFIX, n_prefix) != 0)
                return false;
        const char *name = line.text + n_prefix, *end = line.text + line.n;
        const char *space = memchr(name, ' ', (size_t)(end - name));
        if (!space || space == name || (size_t)(end - space - 1) > sizeof(bytes))
                return false;
        if (!text_from_base64(space + 1, (size_t)(end - space - 1), bytes, &n) || n <= NOTE_KEY_ID_SIZE)
                return false;
        *ret_ours = (size_t)(space - name) == strlen(verifier->name) &&
                    memcmp(name, verifier->name, (size_t)(space - name)) == 0 &&
                    memcmp(bytes, verifier->key_id, NOTE_KEY_ID_SIZE) == 0;
        if (*ret_ours && n != NOTE_SIGNATURE_SIZE)
                return false;
        if (*ret_ours)
                memcpy(ret_signature, bytes + NOTE_KEY_ID_SIZE, crypto_sign_BYTES);
        return true;
}

/* Looks for the one line of the verifier in the signatures, @n bytes, over a text that is @text's. */
static int note_check(const NoteVerifier *verifier, Line text, const char *signatures, size_t n)
{
        bool signed_by_key = false;
        Line line;

        while (n > 0) {
                uint8_t signature[crypto_sign_BYTES];
                bool ours = false;
                if (!line_next(&signatures, &n, &line) || !note_signature(verifier, line, signature, &ours))
                        return NOTE_E_MALFORMED;
                if (!ours)
                        continue;
                /* A second line by the same key has no meaning, so no note may have one. */
                if (signed_by_key)
                        return NOTE_E_MALFORMED;
                if (crypto_sign_verify_detached(signature, (const uint8_t *)text.text, text.n,
                                                verifier->public_key) != 0)
                        return NOTE_E_UNSIGNED;
                signed_by_key = true;
        }
        return signed_by_key ? 0 : NOTE_E_UNSIGNED;
}

int note_open_of(const NoteVerifier *verifier, const char *origin, const Buffer *note, TreeHead *ret_head)
{
        const char *start = buffer_text(note), *text = start;
        char found[NOTE_NAME_MAX + 1];
        size_t n = note->n;
        TreeHead head = {};

        int r = note_read_text(&text, &n, found, &head);
        if (r != 0)
                return r;
        if (strcmp(found, origin) != 0)
                return NOTE_E_OTHER_LOG;
        /* The signed text ends before the empty line. */
        r = note_check(verifier, (Line){start, (size_t)(text - start) - 1}, text, n);
        if (r == 0)
                *ret_head = head;
        return r;
}

int note_open(const NoteVerifier *verifier, const char *text, size_t n, TreeHead *ret_head)
{
        const Buffer note = {.data = (uint8_t *)text, .n = n};

        return note_open_of(verifier, verifier->name, &note, ret_head);
}
