/* The chain of epochs, over exports whose epochs are whole, wrong, or not there. */

#include "tools/epoch-chain.h"

#include <criterion/criterion.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"
#include "make-export.h"
#include "tools/log-audit.h"

enum { FIRST_END = 4, SECOND_END = 7, SIZE = 10 };

static MakeExport maker;

/* Ten leaves; the fifth and the eighth end epochs. */
static void setup(void)
{
        make_export_new(&maker);
        make_export_fill(&maker, FIRST_END);
        make_export_end_epoch(&maker, 0);
        make_export_add(&maker, "beat epoch=1");
        make_export_add(&maker, "beat epoch=1");
        make_export_end_epoch(&maker, 1);
        make_export_add(&maker, "beat epoch=2");
        make_export_add(&maker, "beat epoch=2");
        make_export_write(&maker);
        cr_assert_eq(maker.n, SIZE);
}

static void teardown(void)
{
        make_export_remove(&maker);
}

TestSuite(epoch_chain, .init = setup, .fini = teardown, .timeout = 600);

/* The whole check of an export; gives the faults as JSON text, for free(). */
static char *faults_of(const char *epoch_vkey, LogFresh fresh, uint64_t now_usec)
{
        _cleanup_(findings_deinit) Findings findings = FINDINGS_INIT;
        _cleanup_(export_deinit) Export export = EXPORT_INIT;
        const ExportSource source = {.dir = maker.dir};
        char *why = NULL;

        cr_assert_eq(export_open(&source, &export, &why), 0, "%s", why);
        cr_assert_eq(findings_init(&findings, true), 0);
        LogAudit audit = {.export = &export,
                          .dir = maker.dir,
                          .findings = &findings,
                          .epoch_vkey = epoch_vkey,
                          .fresh = fresh,
                          .now_usec = now_usec};
        cr_assert_eq(log_audit_run(&audit), 0);
        return strdup(json_object_to_json_string_ext(findings.faults, JSON_C_TO_STRING_NOSLASHESCAPE));
}

static void expect_fault(const char *text)
{
        char *faults = faults_of(NULL, LOG_FRESH_REMARKED, 0);
        if (text)
                cr_expect_not_null(strstr(faults, text), "%s in %s", text, faults);
        else
                cr_expect_str_eq(faults, "[]");
        free(faults);
}

static void put_note(const char *path, size_t size, uint64_t epoch)
{
        TreeHead head = make_export_head(&maker);
        Buffer note = BUFFER_INIT;

        head.size = size;
        make_export_note(&head, epoch, &note);
        make_export_put(&maker, path, note.data, note.n);
        buffer_deinit(&note);
}

Test(epoch_chain, whole_epochs_verify)
{
        expect_fault(NULL);
}

Test(epoch_chain, a_log_that_ends_with_an_epoch_is_signed_by_its_key)
{
        make_export_end_epoch(&maker, 2);
        make_export_write(&maker);
        expect_fault(NULL);
        put_note("checkpoint", SIZE + 1, 3);
        expect_fault("it is not signed by " MAKE_EXPORT_ORIGIN "/epoch2");
}

Test(epoch_chain, the_checkpoint_of_an_ended_epoch_must_be_there_and_be_it)
{
        char path[256];

        snprintf(path, sizeof(path), "%s", make_export_path(&maker, "epoch/0"));
        cr_assert_eq(unlink(path), 0);
        expect_fault("\"file\":\"epoch/0\",\"text\":\"the epoch ended with leaf 4, but: No such file");
        put_note("epoch/0", FIRST_END + 1, 0);
        expect_fault("the log is not the one of this checkpoint: its first 5 leaves have another root");
        put_note("epoch/0", FIRST_END, 0);
        expect_fault("it covers 4 leaves, but the epoch ended with leaf 4");
        put_note("epoch/0", FIRST_END + 1, 1);
        expect_fault("it is no checkpoint signed by " MAKE_EXPORT_ORIGIN "/epoch0");
}

Test(epoch_chain, no_byte_of_an_epochs_checkpoint_may_differ)
{
        for (size_t at = 0; make_export_flip(&maker, "epoch/1", at, 1); at++) {
                char *faults = faults_of(NULL, LOG_FRESH_REMARKED, 0);
                cr_expect_str_neq(faults, "[]", "byte %zu", at);
                free(faults);
                cr_assert(make_export_flip(&maker, "epoch/1", at, 1));
        }
        expect_fault(NULL);
}

Test(epoch_chain, the_newest_checkpoint_has_the_line_of_its_epoch)
{
        put_note("checkpoint", SIZE, 1);
        expect_fault("\"file\":\"checkpoint\",\"text\":\"it is not signed by " MAKE_EXPORT_ORIGIN "/epoch2");
}

Test(epoch_chain, without_the_first_key_nothing_verifies)
{
        cr_assert_eq(unlink(make_export_path(&maker, "epoch0.vkey")), 0);
        expect_fault("the key of the first epoch is not there");
}

Test(epoch_chain, another_first_key_is_found_where_it_is_given)
{
        Buffer kept = BUFFER_INIT;
        cr_assert_eq(export_read_path(make_export_path(&maker, "epoch0.vkey"), NOTE_MAX, &kept), 0);
        char *faults = faults_of(buffer_text(&kept), LOG_FRESH_REMARKED, 0);
        cr_expect_str_eq(faults, "[]");
        free(faults);
        buffer_deinit(&kept);

        cr_assert_eq(export_read_path(make_export_path(&maker, "log.vkey"), NOTE_MAX, &kept), 0);
        faults = faults_of(buffer_text(&kept), LOG_FRESH_REMARKED, 0);
        cr_expect_not_null(strstr(faults, "not that of " MAKE_EXPORT_ORIGIN "/epoch0"), "%s", faults);
        free(faults);
        buffer_deinit(&kept);
}

Test(epoch_chain, files_of_epochs_that_have_not_ended_are_faults_unless_the_log_is_being_written)
{
        static const char *const names[] = {"epoch/2", "epoch/02", "epoch/x"};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                char path[256];
                put_note(names[i], SIZE, 2);
                expect_fault("this is the checkpoint of no epoch that has ended");
                snprintf(path, sizeof(path), "%s", make_export_path(&maker, names[i]));
                cr_assert_eq(unlink(path), 0);
        }
        put_note("epoch/2", SIZE + 1, 2);
        expect_fault(NULL);
}

/* An end that the reader of bytes and the reader of leaves did not agree on would let an epoch go unchecked. */
Test(epoch_chain, an_end_that_is_padded_is_seen)
{
        char spec[1024];
        static char filler[600];

        memset(filler, 'x', sizeof(filler) - 1);
        make_export_add(&maker, "beat epoch=2");
        snprintf(spec, sizeof(spec), "epoch epoch=2 next=@c a=%.450s b=%.450s", filler, filler);
        make_export_add(&maker, spec);
        make_export_write(&maker);
        expect_fault("longer than such a leaf can be");
}

Test(epoch_chain, a_log_without_a_leaf_for_two_minutes_is_stale)
{
        const uint64_t minute_usec = 60000000;
        static const struct {
                LogFresh fresh;
                unsigned minutes;
                bool stop, stale;
        } cases[] = {
                {LOG_FRESH_RUNNING, 2, false, false}, {LOG_FRESH_RUNNING, 3, false, true},
                {LOG_FRESH_RUNNING, 3, true, false},  {LOG_FRESH_REMARKED, 3, false, false},
                {LOG_FRESH_ALWAYS, 2, false, false},  {LOG_FRESH_ALWAYS, 3, false, true},
                {LOG_FRESH_ALWAYS, 3, true, true},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                if (cases[i].stop && maker.n == SIZE) {
                        make_export_add(&maker, "stop epoch=2 open=0");
                        make_export_write(&maker);
                }
                if (!cases[i].stop && maker.n > SIZE) {
                        teardown();
                        setup();
                }
                const uint64_t last_usec = UINT64_C(1593604800000000) + (maker.n - 1) * 1000;
                char *faults = faults_of(NULL, cases[i].fresh, last_usec + cases[i].minutes * minute_usec);
                cr_expect_eq(strstr(faults, "stale or was cut off") != NULL, cases[i].stale, "%zu: %s", i,
                             faults);
                free(faults);
        }
}
