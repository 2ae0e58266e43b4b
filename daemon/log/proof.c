/*
 * Receipts as C2SP tlog-proof text. Pure. Written by the guard, checked by whoever kept one.
 */

#include "log/proof.h"

#include <string.h>

#include "base/text.h"

#define PROOF_HEADER "c2sp.org/tlog-proof@v1\n"

void proof_write(uint64_t index, const Path *path, const char *note, Buffer *buffer)
{
        buffer_append_format(buffer, PROOF_HEADER "index %llu\n", (unsigned long long)index);
        for (size_t i = 0; i < path->n; i++) {
                char hash[TEXT_BASE64_SIZE(DIGEST_SIZE)];
                text_base64(path->hashes[i].bytes, DIGEST_SIZE, hash);
                buffer_append_format(buffer, "%s\n", hash);
        }
        buffer_append_text(buffer, "\n");
        buffer_append_text(buffer, note);
}

/* Takes one line off the text; false where there is no newline. */
static bool proof_line(ProofText *rest, ProofText *ret_line)
{
        const char *newline = rest->n > 0 ? memchr(rest->text, '\n', rest->n) : NULL;
        if (!newline)
                return false;
        *ret_line = (ProofText){rest->text, (size_t)(newline - rest->text)};
        rest->n -= ret_line->n + 1;
        rest->text = newline + 1;
        return true;
}

static bool proof_hash(ProofText line, Digest *ret_hash)
{
        uint8_t bytes[TEXT_BASE64_SIZE(DIGEST_SIZE)];
        size_t n = 0;

        if (line.n != TEXT_BASE64_SIZE(DIGEST_SIZE) - 1 || !text_from_base64(line.text, line.n, bytes, &n) ||
            n != DIGEST_SIZE)
                return false;
        memcpy(ret_hash->bytes, bytes, DIGEST_SIZE);
        return true;
}

/* Reads index and path; what is left in `rest` is the note. */
static bool proof_parse(ProofText *rest, uint64_t *ret_index, Path *ret_path)
{
        const size_t n_header = strlen(PROOF_HEADER), n_word = strlen("index ");
        ProofText line;

        if (rest->n < n_header || memcmp(rest->text, PROOF_HEADER, n_header) != 0)
                return false;
        *rest = (ProofText){rest->text + n_header, rest->n - n_header};
        if (!proof_line(rest, &line) || line.n <= n_word || memcmp(line.text, "index ", n_word) != 0 ||
            !text_to_u64(line.text + n_word, line.n - n_word, ret_index))
                return false;
        while (proof_line(rest, &line)) {
                if (line.n == 0)
                        return true;
                if (ret_path->n == TREE_PATH_MAX || !proof_hash(line, &ret_path->hashes[ret_path->n++]))
                        return false;
        }
        return false;
}

int proof_check(const NoteVerifier *verifier, const Buffer *leaf, ProofText proof, uint64_t *ret_index,
                TreeHead *ret_head)
{
        uint64_t index = 0;
        Path path = {};
        TreeHead head = {};
        Digest leaf_hash;

        if (!proof_parse(&proof, &index, &path))
                return PROOF_E_MALFORMED;
        int r = note_open(verifier, proof.text, proof.n, &head);
        if (r != 0)
                return r == NOTE_E_MALFORMED ? PROOF_E_MALFORMED : PROOF_E_UNPROVEN;
        tree_leaf_hash(leaf->data, leaf->n, &leaf_hash);
        if (!tree_check_inclusion(&leaf_hash, index, head.size, &path, &head.root))
                return PROOF_E_UNPROVEN;
        if (ret_index)
                *ret_index = index;
        if (ret_head)
                *ret_head = head;
        return 0;
}
