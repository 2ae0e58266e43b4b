/* Tests of policy/compile.h: what files come to. What is wrong with them, in exact words, is in bad/. */

#include "policy/compile.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "fixture.h"

#define CLASS   "[Class]\nDescription=c\n"
#define GALLERY "[Gallery]\nDescription=g\nModel=m\nDimension=512\n"
#define SEARCH                                                                                               \
        "[Allow]\nDescription=a\nClass=c\nPurpose=p\nGallery=g\nOperation=identify\nSought=any\n"            \
        "MinimumSimilarity=0\n"
#define ORGANISATION "[Organisation]\nDescription=o\nClass=c\n" /* from line 4 on */
#define MORATORIUM   "[Moratorium]\nDescription=m\nClass=c\n"

static void expect_faults(const FixtureFile *files, const char *expected)
{
        Policy *policy = NULL;
        PolicyFaults faults = {};
        _cleanup_(buffer_deinit) Buffer lines = BUFFER_INIT;

        int r = fixture_compile(files, &policy, &faults);
        for (size_t i = 0; i < faults.n; i++)
                buffer_append_format(&lines, "%s\n", faults.lines[i]);
        cr_expect_str_eq(buffer_text(&lines), expected);
        cr_expect_eq(r, POLICY_E_INVALID);
        policy_faults_deinit(&faults);
        policy_unref(policy);
}

/* `n` times "KEY=x y z ...": words a, b, c ... of a list, `each` to a line. */
static char *long_list(const char *head, const char *word, size_t n)
{
        Buffer text = BUFFER_INIT;

        buffer_append_text(&text, head);
        for (size_t i = 0; i < n; i++) {
                if (i % 100 == 0)
                        buffer_append_text(&text, "\nUser=");
                buffer_append_format(&text, "%s%zu ", word, i);
        }
        buffer_append_text(&text, "\n");
        return buffer_take(&text, NULL);
}

Test(compile, a_list_has_at_most_256_entries_all_assignments_together)
{
        _cleanup_(freep) char *most = long_list(ORGANISATION "[Peer]", "1", 256);
        _cleanup_(freep) char *more = long_list(ORGANISATION "[Peer]", "1", 257);
        FixtureFile files[] = {{"c.class", "[Class]\nDescription=c\n"}, {"o.organisation", most}, {}};

        policy_unref(fixture_load(files));
        files[1].text = more;
        expect_faults(files, "o.organisation:7:286: one entry too many in 'User'; expected at most 256\n");
}

Test(compile, an_empty_assignment_forgets_the_list_so_far)
{
        _cleanup_(freep) char *many = long_list(ORGANISATION "[Peer]", "1", 256);
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;

        buffer_append_format(&text, "%sUser=\nUser=7\n", many);
        policy_unref(fixture_load((FixtureFile[]){
                {"c.class", "[Class]\nDescription=c\n"}, {"o.organisation", buffer_text(&text)}, {}}));
}

Test(compile, at_most_256_groups_are_mentioned)
{
        FixtureFile files[] = {
                {"c.class", "[Class]\nDescription=c\n"}, {"o.organisation"}, {"p.organisation"}, {}};
        _cleanup_(buffer_deinit) Buffer first = BUFFER_INIT;

        buffer_append_text(&first, ORGANISATION "[Peer]\nGroup=");
        for (int i = 0; i < 256; i++)
                buffer_append_format(&first, "%d ", i + 10);
        buffer_append_text(&first, "\n");
        files[1].text = buffer_text(&first);
        files[2].text = ORGANISATION "[Peer]\nGroup=265 10\n";
        policy_unref(fixture_load(files));
        files[2].text = ORGANISATION "[Peer]\nGroup=266\n";
        expect_faults(files, "policy: 257 groups in all [Peer] sections; expected at most 256\n");
}

Test(compile, names_of_moratoria_have_at_most_6144_bytes_together)
{
        enum { N = 98 };
        static char paths[N][80];
        static SourceFile files[N + 1];
        _cleanup_(faults_deinit) Faults faults = FAULTS_INIT;
        PolicyFaults lines = {};
        Policy *policy = NULL;
        CompileInput input = {.files = files, .n_files = N + 1};

        /* 97 names of 63 bytes and one of 33 make 6,144; one byte more is too many. */
        for (int i = 0; i < N; i++) {
                (void)snprintf(paths[i], sizeof(paths[i]), "%02d%0*d.moratorium", i, i == N - 1 ? 31 : 61, 0);
                files[i] = (SourceFile){
                        .path = paths[i], .shown = paths[i], .bytes = MORATORIUM, .n = strlen(MORATORIUM)};
        }
        files[N] = (SourceFile){.path = "c.class", .shown = "c.class", .bytes = CLASS, .n = strlen(CLASS)};
        cr_assert_eq(policy_compile(&policy, &input, &faults), 0);
        policy_unref(policy);

        (void)snprintf(paths[N - 1], sizeof(paths[N - 1]), "97%0*d.moratorium", 32, 0);
        cr_assert_eq(policy_compile(&policy, &input, &faults), POLICY_E_INVALID);
        cr_assert_eq(faults_take(&faults, &lines), 0);
        cr_expect_str_eq(lines.lines[0],
                         "policy: names of moratoria of 6145 bytes together; expected at most 6144: "
                         "shorter ones, or fewer");
        policy_faults_deinit(&lines);
}

Test(compile, a_drop_in_overrides_and_an_empty_assignment_restores_the_default)
{
        Policy *policy = fixture_load(
                (FixtureFile[]){{"g.gallery", "[Gallery]\nDescription=g\nModel=m\nDimension=512\nKind=event\n"
                                              "MaximumTemplates=9\n"},
                                {"g.gallery.d/1.conf", "[Gallery]\nDimension=64\nKind=\n"},
                                {"g.gallery.d/2.conf", "[Gallery]\nMaximumTemplates=\nModel=n\n"},
                                {}});
        const PolicyGallery *gallery = policy_gallery(policy, "g");

        cr_expect_eq(gallery->dimension, 64);
        cr_expect_eq(gallery->kind, GALLERY_CONSOLIDATED);
        cr_expect_eq(gallery->maximum_templates, 0);
        cr_expect_str_eq(gallery->model, "n");
        policy_unref(policy);
}

Test(compile, what_is_overridden_may_be_faulty)
{
        policy_unref(fixture_load(
                (FixtureFile[]){{"g.gallery", "[Gallery]\nDescription=g\nModel=m\nDimension=lots\n"},
                                {"g.gallery.d/1.conf", "[Gallery]\nDimension=64\n"},
                                {}}));
}

Test(compile, the_digest_is_over_paths_lengths_and_bytes_and_ids_come_last)
{
        static const char text[] =
                "c.class\0"
                "22\0"
                "[Class]\nDescription=c\n"
                "o.organisation\0"
                "84\0"
                "[Organisation]\nDescription=o\nClass=c\n[Peer]\nUser=thorn 7 root thorn\nGroup=thorn 990\n"
                ".ids\0"
                "43\0"
                "group thorn 980\nuser root 0\nuser thorn 980\n";
        Digest expected;
        Policy *policy = fixture_load((FixtureFile[]){
                {"c.class", "[Class]\nDescription=c\n"},
                {"o.organisation", ORGANISATION "[Peer]\nUser=thorn 7 root thorn\nGroup=thorn 990\n"},
                {}});

        digest_of(text, sizeof(text) - 1, &expected);
        cr_expect(digest_equal(policy_digest(policy), &expected));
        policy_unref(policy);
}

Test(compile, the_digest_does_not_depend_on_where_files_stand)
{
        Policy *one = fixture_load((FixtureFile[]){
                {"a.class", "[Class]\nDescription=a\n", 0}, {"b.class", "[Class]\nDescription=b\n", 1}, {}});
        Policy *other = fixture_load((FixtureFile[]){{"b.class", "[Class]\nDescription=b\n", 0},
                                                     {"a.class", "nothing", 2},
                                                     {"a.class", "[Class]\nDescription=a\n", 1},
                                                     {}});
        Policy *changed = fixture_load((FixtureFile[]){{"a.class", "[Class]\nDescription=a\n", 0},
                                                       {"b.class", "[Class]\nDescription=b\n\n", 1},
                                                       {}});

        cr_expect(digest_equal(policy_digest(one), policy_digest(other)));
        cr_expect_not(digest_equal(policy_digest(one), policy_digest(changed)));
        policy_unref(one);
        policy_unref(other);
        policy_unref(changed);
}

Test(compile, the_invariants_digest_is_over_their_objects_digests)
{
        static const char first[] = "a.invariant\0"
                                    "42\0"
                                    "[Invariant]\nDescription=i\nNever=permit\n#a\n";
        static const char second[] = "b.invariant\0"
                                     "39\0"
                                     "[Invariant]\nDescription=i\nNever=permit\n";
        Digest digests[2], expected;
        Policy *policy =
                fixture_load((FixtureFile[]){{"b.invariant", second + 15}, {"a.invariant", first + 15}, {}});
        Policy *empty = fixture_load((FixtureFile[]){{}});

        digest_of(first, sizeof(first) - 1, &digests[0]);
        digest_of(second, sizeof(second) - 1, &digests[1]);
        digest_of(digests, sizeof(digests), &expected);
        cr_expect(digest_equal(policy_invariants_digest(policy), &expected));
        digest_of("", 0, &expected);
        cr_expect(digest_equal(policy_invariants_digest(empty), &expected));
        policy_unref(policy);
        policy_unref(empty);
}

Test(compile, who_is_mentioned_is_known)
{
        Policy *policy = fixture_load((FixtureFile[]){
                {"c.class", "[Class]\nDescription=c\n"},
                {"o.organisation", ORGANISATION "[Peer]\nUser=thorn\nGroup=12 990\n[Peer]\nGroup=5\n"},
                {}});

        cr_expect(policy_mentions_group(policy, 5) && policy_mentions_group(policy, 12) &&
                  policy_mentions_group(policy, 990));
        cr_expect_not(policy_mentions_group(policy, 980));
        cr_expect(policy_knows(policy, &(Peer){.uid = 980}));
        cr_expect(policy_knows(policy, &(Peer){.uid = 1, .groups = (gid_t[]){4, 5}, .n_groups = 2}));
        cr_expect_not(policy_knows(policy, &(Peer){.uid = 5, .groups = (gid_t[]){4}, .n_groups = 1}));
        policy_unref(policy);
}

Test(compile, windows_of_rates_are_told)
{
        Policy *policy = fixture_load((FixtureFile[]){{"c.class", "[Class]\nDescription=c\n"},
                                                      {"p.purpose", "[Purpose]\nDescription=p\n"},
                                                      {"g.gallery", GALLERY},
                                                      {"s.allow", SEARCH "Rate=1/s\n"},
                                                      {"m.allow", SEARCH "Rate=10/min\n"},
                                                      {"h.allow", SEARCH "Rate=1/h\n"},
                                                      {"d.allow", SEARCH "Rate=1000000/d\n"},
                                                      {"n.allow", SEARCH},
                                                      {}});

        cr_expect_eq(policy_rate_window_usec(policy, "s"), 1000000);
        cr_expect_eq(policy_rate_window_usec(policy, "m"), 60000000);
        cr_expect_eq(policy_rate_window_usec(policy, "h"), 3600000000);
        cr_expect_eq(policy_rate_window_usec(policy, "d"), 86400000000);
        cr_expect_eq(policy_rate_window_usec(policy, "n"), 0);
        cr_expect_eq(policy_rate_window_usec(policy, "x"), 0);
        cr_expect_eq(policy_longest_window_usec(policy), 86400000000);
        policy_unref(policy);
}

Test(compile, the_shipped_policy_loads)
{
        const char *dirs[] = {SHIPPED_POLICY};
        PolicySource source = {.dirs = dirs, .n_dirs = 1};
        PolicyFaults faults = {};
        Policy *policy = NULL;

        cr_assert_eq(policy_load(&policy, &source, &faults), 0, "%s", faults.n > 0 ? faults.lines[0] : "");
        cr_expect_eq(policy_gallery(policy, "missing-children")->dimension, 512);
        cr_expect_not_null(policy_gallery(policy, "trafficking-victims"));
        policy_unref(policy);
}
