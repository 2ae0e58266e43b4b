/*
 * The whole check: nothing is found in a whole export, and every change of a byte in any file is.
 */

#include "tools/log-audit.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"
#include "make-export.h"
#include "make-leaf.h"

static MakeExport maker;

static void setup(void)
{
        make_export_new(&maker);
}

static void teardown(void)
{
        make_export_remove(&maker);
}

TestSuite(log_audit, .init = setup, .fini = teardown);

typedef struct Result {
        int opened;
        size_t n_faults, n_remarks;
        char text[2048]; /* faults, then remarks, as JSON */
} Result;

static Result audit_with(KeptHead *kept, size_t n_kept)
{
        const ExportSource source = {.dir = maker.dir};
        Export export = EXPORT_INIT;
        Findings findings;
        Result result = {};
        char *why = NULL;

        cr_assert_eq(findings_init(&findings, true), 0);
        result.opened = export_open(&source, &export, &why);
        LogAudit audit = {
                .export = &export, .dir = maker.dir, .kept = kept, .n_kept = n_kept, .findings = &findings};
        if (result.opened == 0)
                cr_assert_geq(log_audit_run(&audit), 0);
        result.n_faults = findings.n_faults;
        result.n_remarks = findings.n_remarks;
        snprintf(result.text, sizeof(result.text), "%s %s",
                 json_object_to_json_string_ext(findings.faults,
                                                JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE),
                 json_object_to_json_string_ext(findings.remarks,
                                                JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
        free(why);
        export_deinit(&export);
        findings_deinit(&findings);
        return result;
}

static Result audit(void)
{
        return audit_with(NULL, 0);
}

static void expect_clean(void)
{
        const Result result = audit();
        cr_expect_eq(result.opened, 0);
        cr_expect_eq(result.n_faults, 0, "%s", result.text);
        cr_expect_eq(result.n_remarks, 0, "%s", result.text);
}

static void expect_fault(const Result *result, const char *text)
{
        cr_expect_gt(result->n_faults, 0);
        cr_expect_not_null(strstr(result->text, text), "'%s' is not in %s", text, result->text);
}

Test(log_audit, nothing_is_found_in_whole_exports)
{
        static const size_t sizes[] = {0, 1, 2, 255, 256, 257, 700};

        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
                MakeExport again;
                make_export_new(&again);
                make_export_remove(&maker);
                maker = again;
                make_export_fill(&maker, sizes[i]);
                make_export_write(&maker);
                expect_clean();
        }
}

static void expect_all_flips_found(const char *name, size_t step)
{
        for (size_t at = 0; make_export_flip(&maker, name, at, 0x04); at += step) {
                const Result result = audit();
                cr_expect(result.opened > 0 || result.n_faults > 0, "%s, byte %zu", name, at);
                cr_assert(make_export_flip(&maker, name, at, 0x04));
        }
}

Test(log_audit, a_changed_byte_is_found_in_every_file)
{
        make_export_fill(&maker, 5);
        make_export_write(&maker);
        expect_all_flips_found("tile/entries/000.p/5", 1);
        expect_all_flips_found("tile/0/000.p/5", 1);
        expect_all_flips_found("checkpoint", 1);
        expect_all_flips_found("log.vkey", 1);
        expect_clean();
}

Test(log_audit, a_changed_byte_is_found_in_full_files)
{
        make_export_fill(&maker, 600);
        make_export_write(&maker);
        expect_all_flips_found("tile/entries/000", 1999);
        expect_all_flips_found("tile/0/001", 499);
        expect_all_flips_found("tile/1/000.p/2", 7);
}

Test(log_audit, a_changed_leaf_and_a_changed_tile_are_told_apart)
{
        make_export_fill(&maker, 300);
        make_export_write(&maker);
        cr_assert(make_export_flip(&maker, "tile/0/000", 32 * 17, 1));
        Result result = audit();
        cr_expect_eq(result.n_faults, 1, "%s", result.text);
        expect_fault(&result,
                     "\"file\":\"tile/0/000\",\"text\":\"the hash of leaf 17 is not the one that it holds\"");
        cr_assert(make_export_flip(&maker, "tile/0/000", 32 * 17, 1));

        /* Its first bytes are its length; a byte of its text is changed. */
        cr_assert(make_export_flip(&maker, "tile/entries/000", 40, 1));
        result = audit();
        expect_fault(&result, "the hash of leaf 0 is not the one that it holds");
        expect_fault(&result, "the leaves do not lead to the signed root");
}

Test(log_audit, a_broken_rule_is_a_fault_though_all_is_signed)
{
        make_export_fill(&maker, 3);
        make_export_add(&maker, "beat time=5");
        make_export_add(&maker, "outcome of=1 result=ok");
        make_export_write(&maker);
        const Result result = audit();
        cr_expect_eq(result.n_faults, 2, "%s", result.text);
        expect_fault(&result, "\"leaf\":3,\"rule\":\"I2\"");
        expect_fault(&result, "\"leaf\":4,\"rule\":\"I4\"");
}

Test(log_audit, what_can_be_said_only_at_the_end_is_said)
{
        make_export_fill(&maker, 3);
        make_export_add(&maker, "request verdict=permit policy=@a");
        make_export_add(&maker, "start size=4 open=1 clean=0");
        make_export_write(&maker);
        const Result result = audit();
        expect_fault(&result, "\"leaf\":3,\"rule\":\"I3\"");
}

Test(log_audit, leaves_and_tiles_that_were_rewritten_together_do_not_lead_to_the_signed_root)
{
        static const size_t sizes[] = {3, 256, 600};

        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
                Buffer note = BUFFER_INIT;
                make_export_fill(&maker, sizes[i]);
                const TreeHead head = make_export_head(&maker);
                make_export_note(&head, &note);
                buffer_clear(&maker.leaves[2]);
                make_leaf(2, "gap count=1", &maker.leaves[2]);
                make_export_write(&maker);
                make_export_put(&maker, "checkpoint", note.data, note.n);
                buffer_deinit(&note);
                const Result result = audit();
                cr_expect_eq(result.n_faults, 1, "%s", result.text);
                expect_fault(&result, "the leaves do not lead to the signed root");
                buffer_clear(&maker.leaves[2]);
                make_leaf(2, "beat", &maker.leaves[2]);
        }
}

Test(log_audit, a_second_outcome_is_told_from_one_of_no_permit_also_in_an_earlier_bundle)
{
        make_export_fill(&maker, 10);
        make_export_add(&maker, "request verdict=permit");
        make_export_add(&maker, "outcome of=10 result=ok");
        make_export_fill(&maker, 600);
        make_export_add(&maker, "outcome of=10 result=ok");
        make_export_write(&maker);
        const Result result = audit();
        /* And the permit came before any policy, and is no whole request. */
        cr_expect_eq(result.n_faults, 3, "%s", result.text);
        expect_fault(&result, "\"leaf\":600,\"rule\":\"I3\"");
}

Test(log_audit, a_missing_bundle_is_a_fault_and_ends_the_reading)
{
        make_export_fill(&maker, 600);
        make_export_write(&maker);
        cr_assert_eq(unlink(make_export_path(&maker, "tile/entries/001")), 0);
        const Result result = audit();
        cr_expect_eq(result.n_faults, 1, "%s", result.text);
        expect_fault(&result, "leaves from 256 on were not checked");
}

Test(log_audit, a_missing_tile_is_a_fault_of_its_own)
{
        make_export_fill(&maker, 600);
        make_export_write(&maker);
        cr_assert_eq(unlink(make_export_path(&maker, "tile/0/001")), 0);
        const Result result = audit();
        cr_expect_eq(result.n_faults, 1, "%s", result.text);
        expect_fault(&result, "\"file\":\"tile/0/001\"");
}

/* --------------------------------------------------------------------------------------- kept checkpoints */

Test(log_audit, checkpoints_kept_at_any_size_agree_with_the_log_that_grew_from_them)
{
        KeptHead kept[6];
        static const size_t sizes[ARRAY_SIZE(kept)] = {700, 0, 1, 256, 257, 513};

        for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
                MakeExport part;
                make_export_new(&part);
                make_export_fill(&part, sizes[i]);
                kept[i] = (KeptHead){.path = "kept", .head = make_export_head(&part)};
                make_export_remove(&part);
        }
        make_export_fill(&maker, 700);
        make_export_write(&maker);
        const Result result = audit_with(kept, ARRAY_SIZE(kept));
        cr_expect_eq(result.n_faults, 0, "%s", result.text);
}

Test(log_audit, a_log_that_was_rewritten_is_not_the_one_of_a_kept_checkpoint)
{
        make_export_fill(&maker, 300);
        KeptHead kept[] = {{.path = "kept", .head = make_export_head(&maker)}};
        buffer_clear(&maker.leaves[100]);
        buffer_append(&maker.leaves[100], maker.leaves[99].data, maker.leaves[99].n);
        make_export_fill(&maker, 400);
        make_export_write(&maker);
        const Result result = audit_with(kept, 1);
        expect_fault(&result,
                     "the log is not the one of this checkpoint: its first 300 leaves have another root");
}

Test(log_audit, a_log_that_shrank_is_told_by_a_kept_checkpoint)
{
        make_export_fill(&maker, 300);
        KeptHead kept[] = {{.path = "kept", .head = make_export_head(&maker)}};
        MakeExport shorter;
        make_export_new(&shorter);
        make_export_remove(&maker);
        maker = shorter;
        make_export_fill(&maker, 299);
        make_export_write(&maker);
        const Result result = audit_with(kept, 1);
        cr_expect_eq(result.n_faults, 1, "%s", result.text);
        expect_fault(&result, "the log has shrunk: this checkpoint covers 300 leaves, the export 299");
}

/* ---------------------------------------------------------------------------------- files beside the tree */

Test(log_audit, files_of_earlier_states_are_remarked_and_compared)
{
        make_export_fill(&maker, 100);
        make_export_write(&maker);
        make_export_fill(&maker, 300);
        make_export_write(&maker);
        Result result = audit();
        cr_expect_eq(result.n_faults, 0, "%s", result.text);
        cr_expect_not_null(strstr(result.text, "2 files are left over"), "%s", result.text);

        cr_assert(make_export_flip(&maker, "tile/0/000.p/100", 7, 1));
        result = audit();
        expect_fault(&result, "\"file\":\"tile/0/000.p/100\"");
        cr_assert(make_export_flip(&maker, "tile/0/000.p/100", 7, 1));

        cr_assert(make_export_flip(&maker, "tile/entries/000.p/100", 30, 1));
        result = audit();
        expect_fault(&result, "\"file\":\"tile/entries/000.p/100\"");
}

Test(log_audit, files_beyond_the_checkpoint_are_remarked)
{
        Buffer note = BUFFER_INIT;

        make_export_fill(&maker, 100);
        const TreeHead head = make_export_head(&maker);
        make_export_note(&head, &note);
        make_export_fill(&maker, 300);
        make_export_write(&maker);
        make_export_put(&maker, "checkpoint", note.data, note.n);
        buffer_deinit(&note);
        const Result result = audit();
        cr_expect_eq(result.n_faults, 0, "%s", result.text);
        cr_expect_not_null(strstr(result.text, "5 files belong to a longer log"), "%s", result.text);
}

Test(log_audit, files_that_belong_to_no_log_are_remarked)
{
        static const char *const names[] = {"notes.txt",         "tile/0/1",        "tile/00/000",
                                            "tile/0/000.p/0",    "tile/0/x000/000", "tile/0/000.p/256",
                                            "tile/entries/0000", "tile/64/000",     "tile/0/000.p/05"};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                char *path = NULL, *expected = NULL;
                make_export_fill(&maker, 3);
                make_export_write(&maker);
                path = strdup(names[i]);
                make_export_put(&maker, path, "x", 1);
                const Result result = audit();
                cr_assert_geq(asprintf(&expected, "%s: this file belongs to no log", names[i]), 0);
                cr_expect_not_null(strstr(result.text, expected), "%s: %s", names[i], result.text);
                cr_expect_eq(result.n_faults, 0);
                unlink(make_export_path(&maker, path));
                free(expected);
                free(path);
        }
}

/* -------------------------------------------------------------------------------------- archived policies */

/* matchguard.policy(5): path, NUL, length in decimal, NUL, bytes; in byte order of the paths, the ids last. */
static void policy_digest_of(char ret_hex[static DIGEST_HEX_SIZE])
{
        static const char text[] = "a.class\0"
                                   "3\0"
                                   "one"
                                   "a.class.d/x.conf\0"
                                   "4\0"
                                   "more"
                                   "b.class\0"
                                   "3\0"
                                   "two"
                                   ".ids\0"
                                   "7\0"
                                   "user a\n";
        Digest digest;
        digest_of(text, sizeof(text) - 1, &digest);
        digest_hex(&digest, ret_hex);
}

static void put_policy(const char *hex)
{
        static const char *const files[][2] = {
                {"b.class", "two"}, {"a.class.d/x.conf", "more"}, {".ids", "user a\n"}, {"a.class", "one"}};
        char path[256];

        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                snprintf(path, sizeof(path), "policy/%s/%s", hex, files[i][0]);
                make_export_put(&maker, path, files[i][1], strlen(files[i][1]));
        }
}

Test(log_audit, the_text_of_a_loaded_policy_must_be_there_and_be_it)
{
        char hex[DIGEST_HEX_SIZE], spec[128], path[128];

        policy_digest_of(hex);
        make_export_fill(&maker, 1);
        snprintf(spec, sizeof(spec), "policy result=loaded new=%s", hex);
        make_export_add(&maker, spec);
        make_export_write(&maker);
        Result result = audit();
        expect_fault(&result, "the policy that leaf 1 says was loaded: No such file");

        put_policy(hex);
        expect_clean();

        snprintf(path, sizeof(path), "policy/%s/a.class", hex);
        cr_assert(make_export_flip(&maker, path, 0, 1));
        result = audit();
        expect_fault(&result, "this is not the policy that leaf 1 says was loaded");
}
