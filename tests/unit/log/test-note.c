/*
 * Signed notes. The golden vector's key is the seed of 32 bytes 0x11.
 */

#include "log/note.h"
#include "log/signer.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static const char vkey[] = "matchguard.example/audit+27de727c+AdBKsjJ0K7SrOhNovUYV5ObQIkq3GgFrr4UgozLJd4c3";
static const char golden[] =
        "matchguard.example/audit\n3\naSA14MnzqUyDTgBH/zJxj/rQsV7JHq9pLsU0m7HosYE=\n\n"
        "\xe2\x80\x94 matchguard.example/audit "
        "J95yfEZWnhWHwR5Rg7uXlQW+yt6XUEwy5O78/ulY/Bndz0Oa88WepV0/UxrPgfodJKjCVLqJpXgXPlluYjxruRgu0AM=\n";

static NoteSigner *signer;
static NoteVerifier verifier;

static void setup(void)
{
        uint8_t seed[NOTE_SEED_SIZE];
        memset(seed, 0x11, sizeof(seed));
        cr_assert_eq(note_signer_new(&signer, "matchguard.example/audit", seed), 0);
        cr_assert_eq(note_verifier_parse(vkey, &verifier), 0);
}

static void teardown(void)
{
        signer = note_signer_free(signer);
}

TestSuite(note, .init = setup, .fini = teardown);

static TreeHead golden_head(void)
{
        TreeHead head = {.size = 3};
        uint8_t root[40];
        size_t n = 0;
        cr_assert(text_from_base64("aSA14MnzqUyDTgBH/zJxj/rQsV7JHq9pLsU0m7HosYE=", 44, root, &n));
        memcpy(head.root.bytes, root, DIGEST_SIZE);
        return head;
}

Test(note, signing_gives_the_golden_vector)
{
        Buffer note = BUFFER_INIT, key = BUFFER_INIT;
        TreeHead head = golden_head();
        note_sign(signer, &head, &note);
        note_signer_vkey(signer, &key);
        cr_assert_str_eq(buffer_text(&note), golden);
        cr_assert_eq(strncmp(buffer_text(&key), vkey, strlen(vkey)), 0);
        cr_assert_str_eq(buffer_text(&key) + strlen(vkey), "\n");
        buffer_deinit(&note);
        buffer_deinit(&key);
}

Test(note, the_golden_vector_is_believed)
{
        TreeHead head, expected = golden_head();
        cr_assert_eq(note_open(&verifier, golden, strlen(golden), &head), 0);
        cr_assert_eq(head.size, 3);
        cr_assert(digest_equal(&head.root, &expected.root));
}

Test(note, one_bit_flipped_anywhere_is_never_believed)
{
        for (size_t i = 0; i < strlen(golden); i++) {
                for (int bit = 0; bit < 8; bit++) {
                        char bad[sizeof(golden)];
                        TreeHead head;
                        memcpy(bad, golden, sizeof(golden));
                        bad[i] = (char)(bad[i] ^ 1 << bit);
                        cr_assert_neq(note_open(&verifier, bad, strlen(golden), &head), 0, "byte %zu bit %d",
                                      i, bit);
                }
        }
}

Test(note, every_truncation_is_refused)
{
        TreeHead head;
        for (size_t n = 0; n < strlen(golden); n++)
                cr_assert_neq(note_open(&verifier, golden, n, &head), 0);
}

Test(note, lines_by_other_keys_are_ignored)
{
        char text[1024];
        TreeHead head;
        snprintf(text, sizeof(text), "%s\xe2\x80\x94 witness.example/w AAAAAAECAwQF\n", golden);
        cr_assert_eq(note_open(&verifier, text, strlen(text), &head), 0);
}

Test(note, what_is_no_note_is_refused_by_name)
{
        static const struct {
                const char *what, *text;
                int expected;
        } cases[] = {
                {"nothing", "", NOTE_E_MALFORMED},
                {"no signature",
                 "matchguard.example/audit\n3\naSA14MnzqUyDTgBH/zJxj/rQsV7JHq9pLsU0m7HosYE=\n\n",
                 NOTE_E_UNSIGNED},
                {"another log", "other.example/log\n3\naSA14MnzqUyDTgBH/zJxj/rQsV7JHq9pLsU0m7HosYE=\n\n",
                 NOTE_E_OTHER_LOG},
                {"leading zero",
                 "matchguard.example/audit\n03\naSA14MnzqUyDTgBH/zJxj/rQsV7JHq9pLsU0m7HosYE=\n\n",
                 NOTE_E_MALFORMED},
                {"short root", "matchguard.example/audit\n3\naSA1\n\n", NOTE_E_MALFORMED},
                {"base64 with bits left over",
                 "matchguard.example/audit\n3\naSA14MnzqUyDTgBH/zJxj/rQsV7JHq9pLsU0m7HosYF=\n\n",
                 NOTE_E_MALFORMED},
                {"an extension line",
                 "matchguard.example/audit\n3\naSA14MnzqUyDTgBH/zJxj/rQsV7JHq9pLsU0m7HosYE=\nmore\n\n",
                 NOTE_E_MALFORMED},
        };
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                TreeHead head;
                cr_assert_eq(note_open(&verifier, cases[i].text, strlen(cases[i].text), &head),
                             cases[i].expected, "%s", cases[i].what);
        }
}

Test(note, a_verifier_key_has_one_form)
{
        static const char *bad[] = {
                "",
                "name",
                "name+27de727c",
                "+27de727c+AdBKsjJ0K7SrOhNovUYV5ObQIkq3GgFrr4UgozLJd4c3",
                "matchguard.example/audit+27de727d+AdBKsjJ0K7SrOhNovUYV5ObQIkq3GgFrr4UgozLJd4c3",
                "matchguard.example/audit+27DE727C+AdBKsjJ0K7SrOhNovUYV5ObQIkq3GgFrr4UgozLJd4c3",
                "matchguard.example/audit+27de727c+AtBKsjJ0K7SrOhNovUYV5ObQIkq3GgFrr4UgozLJd4c3",
                "matchguard.example/audit+27de727c+AdBKsjJ0K7SrOhNovUYV5ObQIkq3GgFrr4UgozLJd4c3\n\n",
                "matchguard example+27de727c+AdBKsjJ0K7SrOhNovUYV5ObQIkq3GgFrr4UgozLJd4c3",
        };
        NoteVerifier v;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                cr_assert_eq(note_verifier_parse(bad[i], &v), NOTE_E_MALFORMED, "%s", bad[i]);
}

Test(note, a_name_with_a_space_or_a_plus_gets_no_key)
{
        uint8_t seed[NOTE_SEED_SIZE] = {};
        NoteSigner *other = NULL;
        cr_assert_lt(note_signer_new(&other, "a b", seed), 0);
        cr_assert_lt(note_signer_new(&other, "a+b", seed), 0);
        cr_assert_lt(note_signer_new(&other, "", seed), 0);
        cr_assert_null(other);
}

/* ----------------------------------------------------------------------------------------- the second line */

static NoteSigner *epoch_signer(uint64_t epoch, NoteVerifier *ret_verifier)
{
        NoteSigner *other = NULL;
        uint8_t seed[NOTE_SEED_SIZE];

        memset(seed, 0x22 + (int)epoch, sizeof(seed));
        cr_assert_eq(note_signer_new(&other,
                                     epoch == 7 ? "matchguard.example/audit/epoch7"
                                                : "matchguard.example/audit/epoch8",
                                     seed),
                     0);
        cr_assert_eq(note_epoch_verifier("matchguard.example/audit", epoch,
                                         note_signer_verifier(other)->public_key, ret_verifier),
                     0);
        return other;
}

Test(note, a_second_line_is_believed_by_its_own_key_only_and_disturbs_nobody)
{
        NoteVerifier seventh, eighth;
        NoteSigner *other = epoch_signer(7, &seventh);
        note_signer_free(epoch_signer(8, &eighth));
        Buffer note = BUFFER_INIT;
        TreeHead head = golden_head(), found;

        note_sign(signer, &head, &note);
        cr_expect_eq(note_open_of(&seventh, verifier.name, &note, &found), NOTE_E_UNSIGNED);
        note_cosign(other, &note);
        cr_expect_eq(strncmp(buffer_text(&note), golden, strlen(golden)), 0);
        cr_expect_eq(note_open(&verifier, buffer_text(&note), note.n, &found), 0);
        cr_expect_eq(note_open_of(&seventh, verifier.name, &note, &found), 0);
        cr_expect_eq(found.size, 3);
        cr_expect_eq(note_open_of(&eighth, verifier.name, &note, &found), NOTE_E_UNSIGNED);
        cr_expect_eq(note_open_of(&seventh, "another.example/log", &note, &found), NOTE_E_OTHER_LOG);
        for (size_t at = strlen(golden); at < note.n; at++) {
                note.data[at] ^= 1;
                cr_expect_neq(note_open_of(&seventh, verifier.name, &note, &found), 0, "byte %zu", at);
                note.data[at] ^= 1;
        }
        buffer_deinit(&note);
        note_signer_free(other);
}

Test(note, an_origin_leaves_room_for_the_names_of_its_epochs)
{
        char origin[NOTE_ORIGIN_MAX + 2];
        uint8_t key[NOTE_PUBLIC_KEY_SIZE] = {};
        NoteVerifier found;

        memset(origin, 'o', sizeof(origin));
        origin[NOTE_ORIGIN_MAX + 1] = 0;
        cr_expect_not(note_origin_is_valid(origin));
        cr_expect_eq(note_epoch_verifier(origin, 0, key, &found), NOTE_E_MALFORMED);
        origin[NOTE_ORIGIN_MAX] = 0;
        cr_expect(note_origin_is_valid(origin));
        cr_assert_eq(note_epoch_verifier(origin, UINT64_MAX, key, &found), 0);
        cr_expect(note_name_is_valid(found.name));
        cr_expect_eq(strlen(found.name), NOTE_NAME_MAX);
}
