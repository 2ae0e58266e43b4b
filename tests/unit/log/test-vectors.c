/*
 * The golden vectors of tests/vectors: the library gives the same bytes as the definitions do.
 */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/text.h"
#include "log/proof.h"
#include "log/ratchet.h"
#include "log/signer.h"
#include "log/tile.h"
#include "wire/commitment.h"
#include "wire/leaf.h"

enum { LEAVES_MAX = 512, FIELDS_MAX = 24 };

static Buffer read_vector(const char *name)
{
        char path[512];
        Buffer bytes = BUFFER_INIT;

        (void)snprintf(path, sizeof(path), "%s/%s", VECTORS, name);
        cr_assert_eq(fd_read_file(AT_FDCWD, path, 1 << 20, &bytes), 0, "%s", path);
        return bytes;
}

/* A file of lines, split into fields; one at a time. */
typedef struct Lines {
        Buffer bytes;
        const char *separators;
        size_t at;
        size_t n_fields;
        char *fields[FIELDS_MAX];
} Lines;

static Lines lines_of(const char *name)
{
        return (Lines){.bytes = read_vector(name), .separators = " "};
}

static bool next_line(Lines *lines)
{
        if (lines->at == lines->bytes.n) {
                buffer_deinit(&lines->bytes);
                return false;
        }
        char *rest = (char *)lines->bytes.data + lines->at;
        char *end = memchr(rest, '\n', lines->bytes.n - lines->at);
        cr_assert_not_null(end, "a line does not end");
        *end = '\0';
        lines->at += (size_t)(end - rest) + 1;
        for (lines->n_fields = 0; rest; lines->n_fields++) {
                cr_assert_lt(lines->n_fields, (size_t)FIELDS_MAX);
                lines->fields[lines->n_fields] = strsep(&rest, lines->separators);
        }
        return true;
}

static uint64_t number(const Lines *lines, size_t field)
{
        return strtoull(lines->fields[field], NULL, 10);
}

static void from_hex(const char *text, uint8_t *ret_bytes, size_t n)
{
        cr_assert(text_from_hex(text, strlen(text), ret_bytes, n), "%s", text);
}

static Digest digest_field(const Lines *lines, size_t field)
{
        Digest digest;
        cr_assert(digest_from_hex(lines->fields[field], &digest));
        return digest;
}

/* The hashes from a field on. */
static Path path_field(const Lines *lines, size_t field)
{
        Path path = {};

        if (strcmp(lines->fields[field], "-") == 0)
                return path;
        for (; field < lines->n_fields; field++)
                path.hashes[path.n++] = digest_field(lines, field);
        return path;
}

static bool path_equal(const Path *a, const Path *b)
{
        return a->n == b->n && memcmp(a->hashes, b->hashes, a->n * sizeof(a->hashes[0])) == 0;
}

/* ------------------------------------------------------------------------------------------------ the log */

static Buffer leaves[LEAVES_MAX];
static Digest hashes[LEAVES_MAX], roots[LEAVES_MAX + 1];
static size_t n_leaves;

/* A node by its definition, over the leaves' hashes. */
static int node_of(void *userdata, unsigned level, uint64_t index, Digest *ret_hash)
{
        Digest left, right;

        if (level == 0) {
                cr_assert_lt(index, n_leaves);
                *ret_hash = hashes[index];
                return 0;
        }
        (void)node_of(userdata, level - 1, 2 * index, &left);
        (void)node_of(userdata, level - 1, 2 * index + 1, &right);
        tree_node_hash(&left, &right, ret_hash);
        return 0;
}

static const NodeSource source = {.node = node_of};

static void setup(void)
{
        Lines lines = lines_of("leaves");

        lines.separators = ""; /* A leaf may hold spaces: the line is the leaf. */
        for (n_leaves = 0; next_line(&lines); n_leaves++) {
                buffer_append_text(&leaves[n_leaves], lines.fields[0]);
                tree_leaf_hash(leaves[n_leaves].data, leaves[n_leaves].n, &hashes[n_leaves]);
        }
        lines = lines_of("roots");
        for (size_t size = 0; next_line(&lines); size++)
                roots[size] = digest_field(&lines, 1);
}

TestSuite(vectors, .init = setup);

Test(vectors, leaves_are_canonical_and_hash_as_said)
{
        Lines lines = lines_of("leaf-hashes");
        size_t n = 0;

        for (; next_line(&lines); n++) {
                _cleanup_(buffer_deinit) Buffer again = BUFFER_INIT;
                Digest expected = digest_field(&lines, 1);
                Leaf leaf = LEAF_INIT;
                uint64_t index = UINT64_MAX;
                cr_assert_eq(leaf_parse(leaves[n].data, leaves[n].n, LEAF_MAX, &leaf), 0);
                cr_assert(leaf_number(&leaf, "index", &index) && index == n);
                cr_assert_eq(leaf_encode(&leaf, LEAF_MAX, &again), 0);
                cr_assert(again.n == leaves[n].n && memcmp(again.data, leaves[n].data, again.n) == 0);
                leaf_deinit(&leaf);
                cr_assert(digest_equal(&hashes[n], &expected), "leaf %zu", n);
        }
        cr_assert_eq(n, n_leaves);
        cr_assert_eq(n, 270);
}

Test(vectors, roots_of_every_size)
{
        Frontier frontier = FRONTIER_INIT;

        for (size_t size = 0; size <= n_leaves; size++) {
                Digest root;
                frontier_root(&frontier, &root);
                cr_assert(digest_equal(&root, &roots[size]), "size %zu", size);
                cr_assert_eq(tree_root(&source, size, &root), 0);
                cr_assert(digest_equal(&root, &roots[size]), "size %zu", size);
                if (size < n_leaves)
                        frontier_append(&frontier, &hashes[size]);
        }
}

Test(vectors, audit_paths)
{
        Lines lines = lines_of("inclusion");
        size_t n = 0;

        for (; next_line(&lines); n++) {
                uint64_t index = number(&lines, 0), size = number(&lines, 1);
                Path expected = path_field(&lines, 2), path;
                cr_assert_eq(tree_inclusion(&source, size, index, &path), 0);
                cr_assert(path_equal(&path, &expected), "%" PRIu64 " in %" PRIu64, index, size);
                cr_assert(tree_check_inclusion(&hashes[index], index, size, &expected, &roots[size]));
        }
        cr_assert_gt(n, 200);
}

Test(vectors, consistency_proofs)
{
        Lines lines = lines_of("consistency");
        size_t n = 0;

        for (; next_line(&lines); n++) {
                TreeHead old = {.size = number(&lines, 0)}, new = {.size = number(&lines, 1)};
                Path expected = path_field(&lines, 2), path;
                old.root = roots[old.size];
                new.root = roots[new.size];
                cr_assert_eq(tree_consistency(&source, old.size, new.size, &path), 0);
                cr_assert(path_equal(&path, &expected), "%" PRIu64 " to %" PRIu64, old.size, new.size);
                cr_assert(tree_check_consistency(&old, &new, &expected));
        }
        cr_assert_gt(n, 200);
}

/* -------------------------------------------------------------------------------------------------- keys */

/* The signer of the line in `keys`: 0 is the log's, 1 that of epoch 0, and so on. */
static NoteSigner *signer_of(size_t line)
{
        Lines lines = lines_of("keys");
        uint8_t seed[NOTE_SEED_SIZE];
        NoteSigner *signer = NULL;

        for (size_t i = 0; next_line(&lines); i++) {
                if (i != line)
                        continue;
                from_hex(lines.fields[1], seed, sizeof(seed));
                cr_assert_eq(note_signer_new(&signer, lines.fields[0], seed), 0);
        }
        cr_assert_not_null(signer);
        return signer;
}

Test(vectors, keys_from_their_seeds)
{
        Lines lines = lines_of("keys");

        for (size_t i = 0; next_line(&lines); i++) {
                _cleanup_(buffer_deinit) Buffer vkey = BUFFER_INIT;
                uint8_t public_key[NOTE_PUBLIC_KEY_SIZE];
                NoteVerifier verifier;
                NoteSigner *signer = signer_of(i);
                note_signer_vkey(signer, &vkey);
                note_signer_free(signer);
                cr_assert_eq(strncmp(buffer_text(&vkey), lines.fields[3], vkey.n - 1), 0);
                cr_assert_eq(strlen(lines.fields[3]), vkey.n - 1);
                cr_assert_eq(note_verifier_parse(lines.fields[3], &verifier), 0);
                from_hex(lines.fields[2], public_key, sizeof(public_key));
                cr_assert_eq(memcmp(verifier.public_key, public_key, sizeof(public_key)), 0);
        }
}

Test(vectors, the_ratchet_gives_the_keys_of_the_epochs)
{
        Lines lines = lines_of("ratchet"), keys = lines_of("keys");
        uint8_t seed[RATCHET_SEED_SIZE], expected[RATCHET_SEED_SIZE], signing[RATCHET_SEED_SIZE];

        cr_assert(next_line(&keys));
        for (size_t epoch = 0; next_line(&lines); epoch++) {
                from_hex(lines.fields[1], expected, sizeof(expected));
                if (epoch == 0)
                        memcpy(seed, expected, sizeof(seed));
                else
                        ratchet_next(seed, seed);
                cr_assert_eq(memcmp(seed, expected, sizeof(seed)), 0, "epoch %zu", epoch);
                ratchet_sign_seed(seed, signing);
                from_hex(lines.fields[2], expected, sizeof(expected));
                cr_assert_eq(memcmp(signing, expected, sizeof(signing)), 0, "epoch %zu", epoch);
                cr_assert(next_line(&keys));
                cr_assert_str_eq(keys.fields[1], lines.fields[2]);
        }
        cr_assert_not(next_line(&keys));
}

/* -------------------------------------------------------------------------------------------- C2SP texts */

static const struct {
        size_t size, epoch;
} checkpoints[] = {{0, 0}, {1, 0}, {6, 0}, {200, 1}, {256, 2}, {270, 2}};

Test(vectors, checkpoints_signed_byte_for_byte)
{
        NoteSigner *log = signer_of(0);

        for (size_t i = 0; i < ARRAY_SIZE(checkpoints); i++) {
                TreeHead head = {.size = checkpoints[i].size, .root = roots[checkpoints[i].size]}, opened;
                NoteSigner *epoch = signer_of(1 + checkpoints[i].epoch);
                _cleanup_(buffer_deinit) Buffer note = BUFFER_INIT;
                char name[32];
                (void)snprintf(name, sizeof(name), "checkpoint.%zu", head.size);
                _cleanup_(buffer_deinit) Buffer expected = read_vector(name);

                note_sign(log, &head, &note);
                note_cosign(epoch, &note);
                cr_assert_str_eq(buffer_text(&note), buffer_text(&expected));
                cr_assert_eq(
                        note_open(note_signer_verifier(log), buffer_text(&expected), expected.n, &opened), 0);
                cr_assert_eq(note_open_of(note_signer_verifier(epoch), note_signer_verifier(log)->name,
                                          &expected, &opened),
                             0);
                cr_assert_eq(opened.size, head.size);
                note_signer_free(epoch);
        }
        note_signer_free(log);
}

static const struct {
        uint64_t index, size;
} proofs[] = {{0, 1}, {3, 6}, {4, 6}, {255, 256}, {256, 270}, {269, 270}};

Test(vectors, receipts_written_and_believed)
{
        NoteSigner *log = signer_of(0);

        for (size_t i = 0; i < ARRAY_SIZE(proofs); i++) {
                _cleanup_(buffer_deinit) Buffer written = BUFFER_INIT;
                uint64_t index = UINT64_MAX;
                char name[64];
                Path path;
                (void)snprintf(name, sizeof(name), "proof.%" PRIu64 ".%" PRIu64, proofs[i].index,
                               proofs[i].size);
                _cleanup_(buffer_deinit) Buffer expected = read_vector(name);
                (void)snprintf(name, sizeof(name), "checkpoint.%" PRIu64, proofs[i].size);
                _cleanup_(buffer_deinit) Buffer note = read_vector(name);

                cr_assert_eq(tree_inclusion(&source, proofs[i].size, proofs[i].index, &path), 0);
                proof_write(proofs[i].index, &path, buffer_text(&note), &written);
                cr_assert_str_eq(buffer_text(&written), buffer_text(&expected));
                ProofText text = {buffer_text(&expected), expected.n};
                cr_assert_eq(
                        proof_check(note_signer_verifier(log), &leaves[proofs[i].index], text, &index, NULL),
                        0);
                cr_assert_eq(index, proofs[i].index);
        }
        note_signer_free(log);
}

Test(vectors, bundles_and_tiles)
{
        for (size_t n = 0; n < 2; n++) {
                _cleanup_(buffer_deinit) Buffer bundle = BUFFER_INIT;
                char name[32];
                size_t first = n * TILE_WIDTH, end = MIN_OF(first + TILE_WIDTH, n_leaves);
                (void)snprintf(name, sizeof(name), "bundle.%zu", n);
                _cleanup_(buffer_deinit) Buffer expected_bundle = read_vector(name);
                (void)snprintf(name, sizeof(name), "tile.0.%zu", n);
                _cleanup_(buffer_deinit) Buffer expected_tile = read_vector(name);

                for (size_t i = first; i < end; i++)
                        tile_entries_put(&bundle, leaves[i].data, leaves[i].n);
                cr_assert_eq(bundle.n, expected_bundle.n);
                cr_assert_eq(memcmp(bundle.data, expected_bundle.data, bundle.n), 0);
                cr_assert_eq(expected_tile.n, (end - first) * DIGEST_SIZE);
                cr_assert_eq(memcmp(&hashes[first], expected_tile.data, expected_tile.n), 0);
        }
}

Test(vectors, commitments)
{
        Lines lines = lines_of("commitments");
        size_t n = 0;

        for (; next_line(&lines); n++) {
                CommitmentPurpose purpose =
                        strcmp(lines.fields[0], "job") == 0 ? COMMITMENT_JOB : COMMITMENT_DETAIL;
                uint8_t salt[COMMITMENT_SALT_SIZE], data[512];
                size_t n_data = strcmp(lines.fields[2], "-") == 0 ? 0 : strlen(lines.fields[2]) / 2;
                char text[COMMITMENT_TEXT_SIZE];
                from_hex(lines.fields[1], salt, sizeof(salt));
                cr_assert_leq(n_data, sizeof(data));
                if (n_data > 0)
                        from_hex(lines.fields[2], data, n_data);
                commitment_of(purpose, salt, data, n_data, text);
                cr_assert_str_eq(text, lines.fields[3]);
                cr_assert(commitment_opens(lines.fields[3], purpose, salt, data, n_data));
        }
        cr_assert_eq(n, 3);
}
