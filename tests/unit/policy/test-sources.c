/* Tests of policy/sources.h: what takes effect of several layers, seen in the texts of the policy. */

#include "policy/sources.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "fixture.h"

#define A_CLASS "[Class]\nDescription=A\n"

/* The paths of what takes effect, ended by spaces. */
static void expect_effective(const FixtureFile *files, const char *expected)
{
        Policy *policy = fixture_load(files);
        _cleanup_(buffer_deinit) Buffer paths = BUFFER_INIT;
        size_t n = 0;
        const PolicyText *texts = policy_texts(policy, &n);

        for (size_t i = 0; i < n; i++)
                buffer_append_format(&paths, "%s ", texts[i].path);
        cr_expect_str_eq(buffer_text(&paths), expected);
        policy_unref(policy);
}

static void expect_fault(const FixtureFile *files, const char *expected)
{
        Policy *policy = NULL;
        PolicyFaults faults = {};

        cr_assert_eq(fixture_compile(files, &policy, &faults), POLICY_E_INVALID);
        cr_assert_eq(faults.n, 1);
        cr_expect_str_eq(faults.lines[0], expected);
        policy_faults_deinit(&faults);
}

Test(sources, names_that_are_ignored)
{
        static const char *const ignored[] = {"README",   "README.md", ".hidden",
                                              "a.class~", "b.test",    "x.test"};
        static const char *const kept[] = {"a.class", "readme", "test", "a.tests", "~a", ""};

        for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
                cr_expect(source_is_ignored(ignored[i]), "%s", ignored[i]);
        for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
                cr_expect_not(source_is_ignored(kept[i]), "%s", kept[i]);
}

Test(sources, files_stand_in_byte_order_of_their_paths)
{
        expect_effective((FixtureFile[]){{"b.class", A_CLASS},
                                         {"a.class", A_CLASS},
                                         {"a-b.class", A_CLASS},
                                         {"a.class.d/20.conf", ""},
                                         {"a.class.d/10.conf", ""},
                                         {"a.purpose", "[Purpose]\nDescription=P\n"},
                                         {}},
                         "a-b.class a.class a.class.d/10.conf a.class.d/20.conf a.purpose b.class ");
}

Test(sources, a_stronger_layer_replaces_a_file)
{
        FixtureFile files[] = {{"a.gallery", "[Gallery]\nDescription=weak\nModel=m\nDimension=16\n", 2},
                               {"a.gallery", "[Gallery]\nDescription=strong\nModel=n\nDimension=32\n", 1},
                               {}};
        Policy *policy = fixture_load(files);

        cr_expect_eq(policy_gallery(policy, "a")->dimension, 32);
        policy_unref(policy);
        expect_effective(files, "a.gallery ");
}

Test(sources, what_a_stronger_layer_replaces_may_be_faulty)
{
        expect_effective((FixtureFile[]){{"a.class", "nonsense", 1}, {"a.class", A_CLASS, 0}, {}},
                         "a.class ");
}

Test(sources, a_mask_takes_a_file_out_with_its_drop_ins)
{
        expect_effective((FixtureFile[]){{"a.class", A_CLASS, 2},
                                         {"a.class.d/x.conf", "nonsense", 1},
                                         {"a.class", NULL, 0},
                                         {"b.class", A_CLASS, 2},
                                         {}},
                         "b.class ");
}

Test(sources, a_file_stands_above_a_mask_of_a_weaker_layer)
{
        expect_effective((FixtureFile[]){{"a.class", NULL, 1}, {"a.class", A_CLASS, 0}, {}}, "a.class ");
}

Test(sources, a_stronger_drop_in_replaces_one_of_the_same_name)
{
        FixtureFile files[] = {{"a.gallery", "[Gallery]\nDescription=a\nModel=m\nDimension=16\n", 2},
                               {"a.gallery.d/x.conf", "[Gallery]\nDimension=32\nKind=event\n", 1},
                               {"a.gallery.d/x.conf", "[Gallery]\nDimension=64\n", 0},
                               {}};
        Policy *policy = fixture_load(files);

        cr_expect_eq(policy_gallery(policy, "a")->dimension, 64);
        cr_expect_eq(policy_gallery(policy, "a")->kind, GALLERY_CONSOLIDATED);
        policy_unref(policy);
        expect_effective(files, "a.gallery a.gallery.d/x.conf ");
}

Test(sources, a_drop_in_can_be_masked)
{
        expect_effective((FixtureFile[]){{"a.class", A_CLASS, 2},
                                         {"a.class.d/x.conf", "nonsense", 1},
                                         {"a.class.d/x.conf", NULL, 0},
                                         {}},
                         "a.class ");
}

Test(sources, drop_ins_of_all_layers_apply_in_byte_order_of_their_names)
{
        Policy *policy = fixture_load(
                (FixtureFile[]){{"a.gallery", "[Gallery]\nDescription=a\nModel=m\nDimension=16\n", 2},
                                {"a.gallery.d/50.conf", "[Gallery]\nDimension=50\n", 2},
                                {"a.gallery.d/40.conf", "[Gallery]\nDimension=40\n", 0},
                                {}});

        cr_expect_eq(policy_gallery(policy, "a")->dimension, 50);
        policy_unref(policy);
}

Test(sources, a_drop_in_without_its_file_is_a_fault_unless_it_is_masked)
{
        expect_fault((FixtureFile[]){{"a.class.d/x.conf", ""}, {}},
                     "a.class.d/x.conf: drop-in of 'a.class', which does not exist; expected that file");
        expect_effective((FixtureFile[]){{"a.class.d/x.conf", "", 1}, {"a.class.d/x.conf", NULL, 0}, {}}, "");
}

Test(sources, a_file_in_a_folder_that_is_not_for_drop_ins_is_a_fault)
{
        expect_fault((FixtureFile[]){{"a.class/x.conf", A_CLASS}, {}},
                     "a.class/x.conf: drop-in of a wrong name; expected NAME.TYPE.d/*.conf");
        expect_fault((FixtureFile[]){{"a/x.conf", A_CLASS}, {}},
                     "a/x.conf: file name without a type; expected NAME.TYPE");
}

Test(sources, what_is_ignored_takes_no_effect)
{
        expect_effective((FixtureFile[]){{"README", "not policy"},
                                         {"a.class", A_CLASS},
                                         {"a.class.d/README", "not policy"},
                                         {"a.class.d/x.conf~", "not policy"},
                                         {}},
                         "a.class ");
}

Test(sources, beyond_the_faults_that_are_told_nobody_looks_for_what_was_meant)
{
        enum { N = FAULTS_MAX + 2 };
        static SourceFile files[N];
        static char paths[N][32];
        _cleanup_(arena_deinit) Arena arena = ARENA_INIT;
        _cleanup_(faults_deinit) Faults faults = FAULTS_INIT;
        Sources sources = {};
        PolicyFaults lines = {};

        for (size_t i = 0; i < N; i++) {
                (void)snprintf(paths[i], sizeof(paths[i]), i == 0 ? "a%04zu.class" : "a%04zu.class.d/x.conf",
                               i);
                files[i] = (SourceFile){.path = paths[i], .shown = paths[i], .bytes = ""};
        }
        cr_assert_eq(sources_resolve(&sources, &arena, files, N, &faults), 0);
        cr_assert_eq(faults_take(&faults, &lines), 0);
        cr_assert_eq(lines.n, FAULTS_MAX + 1);
        cr_expect_str_eq(lines.lines[0],
                         "a0001.class.d/x.conf: drop-in of 'a0001.class', which does not exist; "
                         "expected that file; did you mean 'a0000'?");
        cr_expect_str_eq(lines.lines[FAULTS_MAX], "and 1 further faults");
        policy_faults_deinit(&lines);
}

Test(sources, a_name_of_63_bytes_is_good)
{
        expect_effective(
                (FixtureFile[]){
                        {"a123456789b123456789c123456789d123456789e123456789f123456789abc.class", A_CLASS},
                        {}},
                "a123456789b123456789c123456789d123456789e123456789f123456789abc.class ");
}

Test(sources, at_most_4096_files_take_effect)
{
        enum { N = SOURCES_FILES_MAX + 1 };
        static SourceFile files[N];
        static char paths[N][16];

        for (size_t n = N - 1; n <= N; n++) {
                _cleanup_(arena_deinit) Arena arena = ARENA_INIT;
                _cleanup_(faults_deinit) Faults faults = FAULTS_INIT;
                Sources sources = {};
                for (size_t i = 0; i < n; i++) {
                        (void)snprintf(paths[i], sizeof(paths[i]), "a%zu.class", i);
                        files[i] = (SourceFile){.path = paths[i], .shown = paths[i], .bytes = ""};
                }
                cr_assert_eq(sources_resolve(&sources, &arena, files, n, &faults), 0);
                cr_expect_eq(sources.n_files, n);
                cr_expect_eq(faults_any(&faults), n == N);
        }
}
