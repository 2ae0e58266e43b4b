/*
 * Reading exports: whole ones leaf by leaf, and what is said of those that are not whole.
 */

#include "tools/export-reader.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macro.h"
#include "log/signer.h"
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

TestSuite(export_reader, .init = setup, .fini = teardown);

static void open_whole(Export *export)
{
        const ExportSource source = {.dir = maker.dir};
        char *why = NULL;
        cr_assert_eq(export_open(&source, export, &why), 0, "%s", why);
}

/* Reads all leaves in order and compares them with those that went in. */
static void expect_all(void)
{
        Export export = EXPORT_INIT;
        Bundle bundle = BUNDLE_INIT;
        uint64_t index = 0;
        char *why = NULL;

        open_whole(&export);
        cr_assert_eq(export.head.size, maker.n);
        for (uint64_t n = 0; n < export_n_bundles(&export); n++) {
                cr_assert_eq(export_read_bundle(&export, n, &bundle, &why), 0, "%s", why);
                cr_assert_eq(bundle.first, index);
                for (unsigned i = 0; i < bundle.n; i++, index++) {
                        cr_assert_eq(bundle.sizes[i], maker.leaves[index].n);
                        cr_assert_eq(memcmp(bundle.leaves[i], maker.leaves[index].data, bundle.sizes[i]), 0);
                }
        }
        cr_assert_eq(index, maker.n);
        bundle_deinit(&bundle);
        export_deinit(&export);
}

Test(export_reader, leaves_come_in_order_whatever_the_size)
{
        static const size_t sizes[] = {0, 1, 2, 255, 256, 257, 511, 512, 700};

        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
                make_export_fill(&maker, sizes[i]);
                make_export_write(&maker);
                expect_all();
        }
}

Test(export_reader, widths_are_those_of_the_tree)
{
        Export export = {.head = {.size = 256 * 256 + 256 * 3 + 7}};

        cr_expect_eq(export_n_bundles(&export), 260);
        cr_expect_eq(export_width(&export, 0, 0), 256);
        cr_expect_eq(export_width(&export, 0, 258), 256);
        cr_expect_eq(export_width(&export, 0, 259), 7);
        cr_expect_eq(export_width(&export, 0, 260), 0);
        cr_expect_eq(export_width(&export, 1, 0), 256);
        cr_expect_eq(export_width(&export, 1, 1), 3);
        cr_expect_eq(export_width(&export, 2, 0), 1);
        cr_expect_eq(export_width(&export, 3, 0), 0);
        cr_expect_eq(export_width(&export, 9, 0), 0);
}

Test(export_reader, a_wider_file_serves_where_the_partial_one_has_gone)
{
        const TreeHead small = {.size = 5};
        Buffer note = BUFFER_INIT;

        /* The checkpoint is that of 5 leaves, the files those of 9. */
        make_export_fill(&maker, 5);
        TreeHead head = make_export_head(&maker);
        cr_assert_eq(head.size, small.size);
        make_export_note(&head, 0, &note);
        make_export_fill(&maker, 9);
        make_export_write(&maker);
        make_export_put(&maker, "checkpoint", note.data, note.n);
        buffer_deinit(&note);

        Export export = EXPORT_INIT;
        Bundle bundle = BUNDLE_INIT;
        Tile tile = {};
        char *why = NULL;
        open_whole(&export);
        cr_assert_eq(export_read_bundle(&export, 0, &bundle, &why), 0, "%s", why);
        cr_expect_eq(bundle.n, 5);
        cr_assert_eq(export_read_tile(&export, &tile, &why), 0, "%s", why);
        cr_expect_eq(tile.width, 5);
        bundle_deinit(&bundle);
        export_deinit(&export);
}

/* What is put in the place of a file, and how the export ends up: opening, else reading the bundle and the
 * tile. */
typedef struct Damage {
        const char *name;
        const char *file;
        const char *content; /* NULL: the file is removed */
        int open, bundle, tile;
        const char *why;
} Damage;

static const Damage damages[] = {
        {"no checkpoint", "checkpoint", NULL, EXPORT_E_UNREADABLE, 0, 0, "checkpoint: No such file"},
        {"no key", "log.vkey", NULL, EXPORT_E_UNREADABLE, 0, 0, "log.vkey: No such file"},
        {"no note", "checkpoint", "hello\n", EXPORT_E_MALFORMED, 0, 0, "no signed checkpoint"},
        {"no vkey", "log.vkey", "hello\n", EXPORT_E_MALFORMED, 0, 0, "no verifier key"},
        {"no bundle", "tile/entries/000.p/3", NULL, 0, EXPORT_E_UNREADABLE, 0,
         "tile/entries/000.p/3: No such"},
        {"no tile", "tile/0/000.p/3", NULL, 0, 0, EXPORT_E_UNREADABLE, "tile/0/000.p/3: No such"},
        {"an empty bundle", "tile/entries/000.p/3", "", 0, EXPORT_E_MALFORMED, 0, "just 3 entries"},
        {"a bundle cut short", "tile/entries/000.p/3", "x", 0, EXPORT_E_MALFORMED, 0, "just 3 entries"},
        {"a short tile", "tile/0/000.p/3", "abc", 0, 0, EXPORT_E_MALFORMED, "just 3 entries"},
};

static void damage(const Damage *damage_)
{
        if (damage_->content)
                make_export_put(&maker, damage_->file, damage_->content, strlen(damage_->content));
        else
                cr_assert_eq(unlink(make_export_path(&maker, damage_->file)), 0);
}

static void expect_damage(const Damage *expected)
{
        const ExportSource source = {.dir = maker.dir};
        Export export = EXPORT_INIT;
        Bundle bundle = BUNDLE_INIT;
        Tile tile = {};
        char *why = NULL;

        cr_expect_eq(export_open(&source, &export, &why), expected->open, "%s", expected->name);
        if (expected->open == 0 && expected->bundle != 0)
                cr_expect_eq(export_read_bundle(&export, 0, &bundle, &why), expected->bundle, "%s",
                             expected->name);
        if (expected->open == 0 && expected->tile != 0)
                cr_expect_eq(export_read_tile(&export, &tile, &why), expected->tile, "%s", expected->name);
        cr_assert_not_null(why);
        cr_expect_not_null(strstr(why, expected->why), "%s: %s", expected->name, why);
        free(why);
        bundle_deinit(&bundle);
        export_deinit(&export);
}

Test(export_reader, what_is_not_whole_is_said)
{
        make_export_fill(&maker, 3);
        for (size_t i = 0; i < ARRAY_SIZE(damages); i++) {
                make_export_write(&maker);
                damage(&damages[i]);
                expect_damage(&damages[i]);
        }
}

Test(export_reader, a_byte_too_many_makes_a_bundle_malformed)
{
        Export export = EXPORT_INIT;
        Bundle bundle = BUNDLE_INIT;
        char *why = NULL;

        make_export_fill(&maker, 3);
        make_export_write(&maker);
        FILE *file = fopen(make_export_path(&maker, "tile/entries/000.p/3"), "ae");
        cr_assert_not_null(file);
        cr_assert_neq(fputc('x', file), EOF);
        cr_assert_eq(fclose(file), 0);
        open_whole(&export);
        cr_expect_eq(export_read_bundle(&export, 0, &bundle, &why), EXPORT_E_MALFORMED);
        free(why);
        bundle_deinit(&bundle);
        export_deinit(&export);
}

Test(export_reader, a_pipe_in_the_place_of_a_file_is_no_file_and_is_not_waited_for)
{
        Buffer buffer = BUFFER_INIT;

        cr_assert_eq(mkfifo(make_export_path(&maker, "checkpoint"), 0600), 0);
        cr_expect_eq(export_read_path(make_export_path(&maker, "checkpoint"), 100, &buffer), -EINVAL);
        buffer_deinit(&buffer);
}

Test(export_reader, a_file_over_the_limit_is_refused)
{
        Buffer buffer = BUFFER_INIT;

        make_export_put(&maker, "file", "12345", 5);
        cr_expect_eq(export_read_path(make_export_path(&maker, "file"), 4, &buffer), -EFBIG);
        cr_expect_eq(export_read_path(make_export_path(&maker, "file"), 5, &buffer), 0);
        buffer_deinit(&buffer);
}

/* The line of the epoch is no business of the reader: tools/epoch-chain.h looks at it. */
Test(export_reader, a_checkpoint_changed_in_any_byte_that_the_log_signed_is_not_believed)
{
        const ExportSource source = {.dir = maker.dir};
        Buffer note = BUFFER_INIT;

        make_export_fill(&maker, 3);
        make_export_write(&maker);
        cr_assert_eq(export_read_path(make_export_path(&maker, "checkpoint"), NOTE_MAX, &note), 0);
        const char *end = strstr(buffer_text(&note), NOTE_SIGNATURE_PREFIX MAKE_EXPORT_ORIGIN "/epoch0 ");
        cr_assert_not_null(end);
        const size_t n = (size_t)(end - buffer_text(&note));
        buffer_deinit(&note);
        cr_assert_gt(n, 150);
        for (size_t at = 0; at < n; at++) {
                cr_assert(make_export_flip(&maker, "checkpoint", at, 1));
                Export export = EXPORT_INIT;
                char *why = NULL;
                cr_expect_gt(export_open(&source, &export, &why), 0, "byte %zu", at);
                free(why);
                export_deinit(&export);
                cr_assert(make_export_flip(&maker, "checkpoint", at, 1));
        }
}

Test(export_reader, another_key_is_not_the_one_that_signed)
{
        char *why = NULL;
        Export export = EXPORT_INIT;
        NoteSigner *signer = NULL;
        Buffer vkey = BUFFER_INIT;
        uint8_t seed[NOTE_SEED_SIZE] = {9};

        make_export_fill(&maker, 3);
        make_export_write(&maker);
        cr_assert_eq(note_signer_new(&signer, MAKE_EXPORT_ORIGIN, seed), 0);
        note_signer_vkey(signer, &vkey);
        const ExportSource as_text = {.dir = maker.dir, .vkey = buffer_text(&vkey)};
        cr_expect_eq(export_open(&as_text, &export, &why), EXPORT_E_UNSIGNED);
        free(why);

        make_export_put(&maker, "other.vkey", vkey.data, vkey.n);
        const ExportSource as_file = {.dir = maker.dir, .vkey = make_export_path(&maker, "other.vkey")};
        cr_expect_eq(export_open(&as_file, &export, &why), EXPORT_E_UNSIGNED);
        free(why);
        buffer_deinit(&vkey);
        note_signer_free(signer);
}

Test(export_reader, the_key_may_be_given_as_text_or_file_and_is_known_not_to_be_the_exports_own)
{
        Export export = EXPORT_INIT;
        char *why = NULL;

        make_export_fill(&maker, 3);
        make_export_write(&maker);
        char *path = strdup(make_export_path(&maker, "log.vkey"));
        const ExportSource source = {.dir = maker.dir, .vkey = path};
        cr_assert_eq(export_open(&source, &export, &why), 0, "%s", why);
        cr_expect_not(export.own_key);
        export_deinit(&export);
        open_whole(&export);
        cr_expect(export.own_key);
        export_deinit(&export);
        free(path);
}
