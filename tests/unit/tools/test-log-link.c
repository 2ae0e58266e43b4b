/*
 * A log that follows another is linked to the bytes of that one's last checkpoint, and to nothing else.
 */

#include "tools/log-link.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "make-export.h"

static MakeExport older, newer;
static Findings findings;

static void setup(void)
{
        make_export_new(&older);
        make_export_fill(&older, 300);
        make_export_write(&older);
        make_export_new(&newer);
        cr_assert_eq(findings_init(&findings, false), 0);
}

static void teardown(void)
{
        findings_deinit(&findings);
        make_export_remove(&older);
        make_export_remove(&newer);
}

TestSuite(log_link, .init = setup, .fini = teardown);

/* Writes a log whose first leaf names these bytes; none: it names nothing. */
static void write_newer(const char *note, size_t n)
{
        char spec[128] = "start", hex[DIGEST_HEX_SIZE];
        Digest digest;

        if (note) {
                digest_of(note, n, &digest);
                digest_hex(&digest, hex);
                (void)snprintf(spec, sizeof(spec), "start previous=%s", hex);
        }
        make_export_add(&newer, spec);
        make_export_write(&newer);
}

static void write_newer_behind_older(void)
{
        _cleanup_(buffer_deinit) Buffer note = BUFFER_INIT;
        TreeHead head = make_export_head(&older);

        make_export_note(&head, &note);
        write_newer(buffer_text(&note), note.n);
}

static LogLink check(const char *path)
{
        const ExportSource source = {.dir = newer.dir};
        LogLink link;

        cr_assert_eq(log_link_check(&source, path, &findings, &link), 0);
        return link;
}

static void expect_fault(const char *text)
{
        cr_expect_eq(findings.n_faults, 1);
        cr_expect_not_null(strstr(buffer_text(&findings.fault_lines), text), "%s",
                           buffer_text(&findings.fault_lines));
}

Test(log_link, a_log_follows_the_export_whose_checkpoint_it_names)
{
        write_newer_behind_older();
        LogLink link = check(older.dir);
        cr_expect(link.follows && link.holds && link.readable);
        cr_expect_eq(link.size, 300);
        cr_expect_str_eq(link.origin, MAKE_EXPORT_ORIGIN);
        cr_expect_eq(findings.n_faults, 0);
}

Test(log_link, the_checkpoint_alone_does_as_well)
{
        char path[128];

        write_newer_behind_older();
        (void)snprintf(path, sizeof(path), "%s/checkpoint", older.dir);
        cr_expect(check(path).holds);
        cr_expect_eq(findings.n_faults, 0);
}

Test(log_link, what_it_follows_is_told_where_nothing_is_given)
{
        write_newer_behind_older();
        LogLink link = check(NULL);
        cr_expect(link.follows && !link.holds);
        cr_expect_eq(findings.n_faults, 0);
}

Test(log_link, a_checkpoint_of_another_size_is_another_one)
{
        write_newer_behind_older();
        make_export_fill(&older, 301);
        make_export_write(&older);
        cr_expect_not(check(older.dir).holds);
        expect_fault("this log does not follow that one");
}

Test(log_link, a_byte_behind_the_checkpoint_makes_it_another_one)
{
        _cleanup_(buffer_deinit) Buffer note = BUFFER_INIT;
        TreeHead head = make_export_head(&older);

        write_newer_behind_older();
        make_export_note(&head, &note);
        buffer_append_text(&note, "\n");
        make_export_put(&older, "checkpoint", note.data, note.n);
        cr_expect_not(check(older.dir).holds);
        expect_fault("this log does not follow that one");
}

Test(log_link, a_log_that_names_nothing_follows_nothing)
{
        write_newer(NULL, 0);
        cr_expect_not(check(older.dir).follows);
        expect_fault("this log follows no other");
}

Test(log_link, a_log_without_a_leaf_follows_nothing)
{
        make_export_write(&newer);
        cr_expect_not(check(older.dir).follows);
        expect_fault("this log follows no other");
}

Test(log_link, a_checkpoint_that_is_not_there_is_a_fault)
{
        write_newer_behind_older();
        cr_expect_not(check("/nonexistent").holds);
        expect_fault("cannot be read");
}

Test(log_link, what_was_no_checkpoint_may_be_followed_all_the_same)
{
        static const char nonsense[] = "nonsense\n";

        write_newer(nonsense, strlen(nonsense));
        make_export_put(&older, "checkpoint", nonsense, strlen(nonsense));
        LogLink link = check(older.dir);
        cr_expect(link.holds && !link.readable);
        cr_expect_eq(findings.n_faults, 0);
}

Test(log_link, a_first_leaf_that_was_not_signed_names_nothing)
{
        write_newer_behind_older();
        cr_assert(make_export_flip(&newer, "tile/entries/000.p/1", 20, 1));
        cr_expect_not(check(NULL).follows);
}
