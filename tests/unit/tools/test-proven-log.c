/*
 * A log is shown only where it is proved: one byte changed anywhere, and the leaves under it are not.
 */

#include "tools/proven-log.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "make-export.h"

static MakeExport maker;

static void setup(void)
{
        make_export_new(&maker);
}

static void teardown(void)
{
        make_export_remove(&maker);
}

TestSuite(proven_log, .init = setup, .fini = teardown);

/* Reads every bundle. Return: 0, or the first ending that was not. */
static int read_all(char **ret_why)
{
        const ExportSource source = {.dir = maker.dir};
        ProvenLog *log = NULL;

        int r = proven_log_open(&source, &log, ret_why);
        for (uint64_t n = 0; r == 0 && n < export_n_bundles(proven_log_export(log)); n++) {
                const Bundle *bundle = NULL;
                r = proven_log_bundle(log, n, &bundle, ret_why);
                for (unsigned i = 0; r == 0 && i < bundle->n; i++) {
                        const Buffer *leaf = &maker.leaves[bundle->first + i];
                        cr_assert_eq(bundle->sizes[i], leaf->n);
                        cr_assert_eq(memcmp(bundle->leaves[i], leaf->data, leaf->n), 0);
                }
        }
        proven_log_free(log);
        return r;
}

Test(proven_log, a_whole_log_is_shown_whatever_its_size)
{
        static const size_t sizes[] = {0, 1, 2, 3, 255, 256, 257, 512, 513, 1100};

        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
                char *why = NULL;
                make_export_fill(&maker, sizes[i]);
                make_export_write(&maker);
                cr_expect_eq(read_all(&why), 0, "size %zu: %s", sizes[i], why);
                free(why);
        }
}

Test(proven_log, a_log_of_three_levels_is_shown_from_any_place)
{
        const ExportSource source = {.dir = maker.dir};
        ProvenLog *log = NULL;
        char *why = NULL;

        make_export_fill(&maker, 256 * 257 + 5);
        make_export_write(&maker);
        cr_assert_eq(proven_log_open(&source, &log, &why), 0, "%s", why);
        static const uint64_t places[] = {257, 0, 256, 255, 1, 255};
        for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
                const Bundle *bundle = NULL;
                cr_assert_eq(proven_log_bundle(log, places[i], &bundle, &why), 0, "%s", why);
                cr_expect_eq(bundle->first, places[i] * 256);
        }
        proven_log_free(log);
}

/* Every byte of these files is changed in turn; the log must then
 * not be read to its end without a complaint. */
static void expect_all_flips_found(const char *name, size_t step)
{
        for (size_t at = 0; make_export_flip(&maker, name, at, 0x10); at += step) {
                char *why = NULL;
                int r = read_all(&why);
                cr_expect(r == PROVEN_E_UNPROVEN, "%s, byte %zu: %d", name, at, r);
                cr_expect_not_null(why);
                free(why);
                cr_assert(make_export_flip(&maker, name, at, 0x10));
        }
}

Test(proven_log, a_changed_byte_is_found_in_a_small_log)
{
        make_export_fill(&maker, 5);
        make_export_write(&maker);
        expect_all_flips_found("tile/entries/000.p/5", 1);
        expect_all_flips_found("tile/0/000.p/5", 1);
}

Test(proven_log, a_changed_byte_is_found_in_a_larger_log)
{
        make_export_fill(&maker, 600);
        make_export_write(&maker);
        expect_all_flips_found("tile/entries/001", 997);
        expect_all_flips_found("tile/entries/002.p/88", 499);
        expect_all_flips_found("tile/0/000", 97);
        expect_all_flips_found("tile/0/001", 97);
        expect_all_flips_found("tile/0/002.p/88", 31);
        expect_all_flips_found("tile/1/000.p/2", 1);
}

Test(proven_log, one_bad_bundle_leaves_the_others_to_be_read)
{
        const ExportSource source = {.dir = maker.dir};
        const Bundle *bundle = NULL;
        ProvenLog *log = NULL;
        char *why = NULL;

        make_export_fill(&maker, 600);
        make_export_write(&maker);
        cr_assert(make_export_flip(&maker, "tile/entries/001", 50, 1));
        cr_assert_eq(proven_log_open(&source, &log, &why), 0);
        cr_expect_eq(proven_log_bundle(log, 0, &bundle, &why), 0);
        cr_expect_eq(proven_log_bundle(log, 1, &bundle, &why), PROVEN_E_UNPROVEN);
        cr_expect_str_eq(why, "leaf 256 is not what was signed");
        free(why);
        cr_expect_eq(proven_log_bundle(log, 1, &bundle, &why), PROVEN_E_UNPROVEN, "also when asked again");
        free(why);
        cr_expect_eq(proven_log_bundle(log, 2, &bundle, &why), 0);
        proven_log_free(log);
}

Test(proven_log, a_missing_export_is_unreadable_and_no_proof_of_anything)
{
        char *why = NULL;
        cr_expect_eq(read_all(&why), PROVEN_E_UNREADABLE);
        free(why);
}

/* Puts another text of the same length into a leaf, and writes all files but the checkpoint to fit. */
static void rewrite_under_old_checkpoint(size_t index)
{
        Buffer note = BUFFER_INIT;
        const TreeHead head = make_export_head(&maker);

        make_export_note(&head, 0, &note);
        maker.leaves[index].data[20] ^= 1;
        make_export_write(&maker);
        make_export_put(&maker, "checkpoint", note.data, note.n);
        buffer_deinit(&note);
}

Test(proven_log, leaves_and_tiles_that_were_rewritten_together_do_not_lead_to_the_signed_root)
{
        static const size_t sizes[] = {1, 5, 256, 300, 600};

        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
                char *why = NULL;
                make_export_fill(&maker, sizes[i]);
                make_export_write(&maker);
                cr_assert_eq(read_all(&why), 0, "%s", why);
                rewrite_under_old_checkpoint(sizes[i] / 3);
                cr_expect_eq(read_all(&why), PROVEN_E_UNPROVEN, "size %zu", sizes[i]);
                cr_expect_str_eq(why, "the last tiles do not lead to the signed root");
                free(why);
        }
}

Test(proven_log,
     a_full_tile_rewritten_with_its_leaves_does_not_fit_the_tile_above_however_often_it_is_asked_for)
{
        const ExportSource source = {.dir = maker.dir};
        Buffer above = BUFFER_INIT;
        const Bundle *bundle = NULL;
        ProvenLog *log = NULL;
        char *why = NULL;

        make_export_fill(&maker, 600);
        make_export_write(&maker);
        cr_assert_eq(export_read_path(make_export_path(&maker, "tile/1/000.p/2"), 64, &above), 0);
        rewrite_under_old_checkpoint(300);
        make_export_put(&maker, "tile/1/000.p/2", above.data, above.n);
        buffer_deinit(&above);

        cr_assert_eq(proven_log_open(&source, &log, &why), 0, "%s", why);
        cr_expect_eq(proven_log_bundle(log, 0, &bundle, &why), 0);
        for (int i = 0; i < 2; i++) {
                cr_expect_eq(proven_log_bundle(log, 1, &bundle, &why), PROVEN_E_UNPROVEN);
                cr_expect_str_eq(why, "tile/0/001: this is not what was signed");
                free(why);
        }
        cr_expect_eq(proven_log_bundle(log, 2, &bundle, &why), 0);
        proven_log_free(log);
}
