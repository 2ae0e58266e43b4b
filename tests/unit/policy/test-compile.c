/* Tests of policy/compile.h: what is wrong with files, in exact words, and what right ones come to. */

#include "policy/compile.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "fixture.h"

/* One good object of each type; a row replaces one of them, or adds a file. */
static const FixtureFile good[] = {
        {"c.class", "[Class]\nDescription=c\n"},
        {"p.purpose", "[Purpose]\nDescription=p\n"},
        {"g.gallery", "[Gallery]\nDescription=g\nModel=m\nDimension=512\n"},
        {"o.organisation", "[Organisation]\nDescription=o\nClass=c\n\n[Peer]\nUser=thorn\n"},
        {"a.allow", "[Allow]\nDescription=a\nClass=c\nOperation=identify\nPurpose=p\nGallery=g\nSought="
                    "any\nMinimumSimilarity=0\n"},
        {"m.moratorium", "[Moratorium]\nDescription=m\nClass=c\n"},
        {"s.stand-down", "[StandDown]\nReason=s\n"},
        {"i.invariant", "[Invariant]\nDescription=i\nNever=permit\n"},
};

#define ALLOW        "[Allow]\nDescription=a\nClass=c\nPurpose=p\nGallery=g\n" /* operations from line 6 on */
#define SEARCH       ALLOW "Operation=identify\nSought=any\nMinimumSimilarity=0\n" /* more from line 9 on */
#define ORGANISATION "[Organisation]\nDescription=o\nClass=c\n"                    /* from line 4 on */
#define MORATORIUM   "[Moratorium]\nDescription=m\nClass=c\n"                      /* from line 4 on */
#define ZEROES       "0000000000000000000000000000000000000000000000000000000000000000"

static const struct {
        const char *path, *text, *faults;
} bad[] = {
        /* syntax, as the object sees it */
        {"c.class", "", "c.class:1:1: no section [Class]; expected one\n"},
        {"c.class", "# nothing\n", "c.class:1:1: no section [Class]; expected one\n"},
        {"c.class", "[Class]\n", "c.class:1:1: 'Description' is missing; expected it: it is required\n"},
        {"c.class", "\n\n [Class]\nDescription=\n",
         "c.class:3:2: 'Description' is missing; expected it: it is required\n"},
        {"c.class", "Description=c\n[Class]\nDescription=c\n",
         "c.class:1:1: assignment before any section; expected a [Section] first\n"},
        {"c.class", "[Class]\nDescription=c\nnonsense\n",
         "c.class:3:1: line without '='; expected Key=value, [Section] or a comment\n"},
        {"c.class", "[Class\nDescription=c\n",
         "c.class:1:1: section header that does not end in ']'; expected [Section] alone on its line\n"},
        {"c.class", "[Klass]\nDescription=c\n", "c.class:1:1: unknown section [Klass]; expected [Class]\n"},
        {"c.class", "[class]\nDescription=c\n", "c.class:1:1: unknown section [class]; expected [Class]\n"},
        {"c.class", "[Class]\nDescription=c\n[Peer]\nUser=0\n",
         "c.class:3:1: unknown section [Peer]; expected [Class]\n"},
        {"o.organisation", ORGANISATION "[Pear]\n",
         "o.organisation:4:1: unknown section [Pear]; expected [Organisation] or [Peer]\n"},
        {"c.class", "[Class]\nDescription=c\n[Class]\nDescription=d\n",
         "c.class:3:1: section [Class] for the second time in this file; expected once\n"},
        {"c.class", "[Class]\nDescription=c\nColour=red\n",
         "c.class:3:1: unknown key 'Colour' in [Class]; expected one of Description, Parent\n"},
        {"c.class", "[Class]\ndescription=c\nDescription=c\n",
         "c.class:2:1: unknown key 'description' in [Class]; expected one of Description, Parent\n"},
        {"o.organisation", ORGANISATION "[Peer]\nUser=0\nDescription=x\n",
         "o.organisation:6:1: unknown key 'Description' in [Peer]; expected one of User, Group, Unit, "
         "SecurityLabel\n"},
        {"c.class", "[Class]\nDescription=c\nDescription=d\n",
         "c.class:3:1: 'Description' for the second time in this section; expected once: a drop-in may "
         "override\n"},
        {"c.class", "[Class]\nDescription=c\r\n",
         "c.class:2:14: carriage return; expected lines that end in a newline alone\n"},
        /* references */
        {"d.class", "[Class]\nDescription=d\nParent=x\n",
         "d.class:3:8: undeclared name 'x' in 'Parent'; expected a file x.class\n"},
        {"d.class", "[Class]\nDescription=d\nParent=p\n",
         "d.class:3:8: undeclared name 'p' in 'Parent'; expected a file p.class\n"},
        {"o.organisation", "[Organisation]\nDescription=o\nClass=c x \\\n  y\n",
         "o.organisation:3:9: undeclared name 'x' in 'Class'; expected a file x.class\n"
         "o.organisation:4:3: undeclared name 'y' in 'Class'; expected a file y.class\n"},
        {"a.allow", SEARCH "OnBehalfOf=o c z\n",
         "a.allow:9:16: undeclared name 'z' in 'OnBehalfOf'; expected a file z.class or z.organisation\n"},
        {"a.allow", SEARCH "Organisation=c\n",
         "a.allow:9:14: undeclared name 'c' in 'Organisation'; expected a file c.organisation\n"},
        {"m.moratorium", MORATORIUM "Except=m\n",
         "m.moratorium:4:8: undeclared name 'm' in 'Except'; expected a file m.allow\n"},
        {"m.moratorium", MORATORIUM "Gallery=h\nPurpose=q\n",
         "m.moratorium:4:9: undeclared name 'h' in 'Gallery'; expected a file h.gallery\n"
         "m.moratorium:5:9: undeclared name 'q' in 'Purpose'; expected a file q.purpose\n"},
        {"s.stand-down", "[StandDown]\nReason=s\nOrganisation=c\n",
         "s.stand-down:3:14: undeclared name 'c' in 'Organisation'; expected a file c.organisation\n"},
        {"i.invariant", "[Invariant]\nDescription=i\nNever=permit\nParty=x\n",
         "i.invariant:4:7: undeclared name 'x' in 'Party'; expected a file x.class or x.organisation\n"},
        {"c.organisation", "[Organisation]\nDescription=o\nClass=c\n",
         "c.organisation:1:1: organisation 'c' is named like a class; expected another name\n"},
        {"c.class", "[Class]\nDescription=c\nParent=c\n",
         "c.class:3:8: class 'c' is its own ancestor by way of 'c'; expected parents that end somewhere\n"},
        /* any */
        {"a.allow", ALLOW "Operation=any identify\nSought=any\nMinimumSimilarity=0\n",
         "a.allow:6:11: 'any' beside other entries in 'Operation'; expected it alone\n"},
        {"m.moratorium", MORATORIUM "Operation=identify\nOperation=any\n",
         "m.moratorium:5:11: 'any' beside other entries in 'Operation'; expected it alone\n"},
        {"m.moratorium", "[Moratorium]\nDescription=m\nClass=any\n",
         "m.moratorium:3:7: 'any' in 'Class'; expected names: any is not allowed here\n"},
        {"a.allow", SEARCH "Recipient=any\n",
         "a.allow:9:11: 'any' in 'Recipient'; expected names: any is not allowed here\n"},
        {"a.allow", SEARCH "Probe=any\n",
         "a.allow:9:7: 'any' in 'Probe'; expected names: any is not allowed here\n"},
        {"d.class", "[Class]\nDescription=d\nParent=any\n",
         "d.class:3:8: undeclared name 'any' in 'Parent'; expected a file any.class\n"},
        /* vocabularies */
        {"m.moratorium", MORATORIUM "Operation=search\n",
         "m.moratorium:4:11: unknown operation 'search' in 'Operation'; expected identify, identify-stored, "
         "verify, "
         "compare, enrol, remove, list, or any\n"},
        {"a.allow", ALLOW "Operation=verify\nSought=thief\nMinimumSimilarity=0\n",
         "a.allow:7:8: unknown role 'thief' in 'Sought'; expected victim, missing, deceased, incapacitated, "
         "witness, "
         "suspect, claimant, unknown, or any\n"},
        {"a.allow", SEARCH "Probe=photo\n",
         "a.allow:9:7: unknown probe kind 'photo' in 'Probe'; expected photograph, video-frame, sketch, "
         "composite, "
         "edited, synthetic, unknown\n"},
        {"a.allow", SEARCH "Require=case warrant\n",
         "a.allow:9:14: unknown requirement 'warrant' in 'Require'; expected authorisation, case, "
         "operator\n"},
        {"a.allow", SEARCH "Release=all\n",
         "a.allow:9:9: unknown release 'all' in 'Release'; expected decision, candidates, scores\n"},
        {"m.moratorium", MORATORIUM "OnExpiry=end\n",
         "m.moratorium:4:10: unknown way to expire 'end' in 'OnExpiry'; expected hold, lapse\n"},
        {"i.invariant", "[Invariant]\nDescription=i\nNever=deny\n",
         "i.invariant:3:7: unknown verdict 'deny' in 'Never'; expected permit\n"},
        {"g.gallery", "[Gallery]\nDescription=g\nModel=m\nDimension=512\nKind=both\n",
         "g.gallery:5:6: unknown kind of gallery 'both' in 'Kind'; expected consolidated, event\n"},
        /* numbers, texts, times */
        {"g.gallery", "[Gallery]\nDescription=g\nModel=my model\nDimension=512\n",
         "g.gallery:3:7: bad model 'my model' in 'Model'; expected [A-Za-z0-9][A-Za-z0-9._+-]{0,62}\n"},
        {"g.gallery", "[Gallery]\nDescription=g\nModel=m\nDimension=15\n",
         "g.gallery:4:11: bad number '15' in 'Dimension'; expected 16 to 4096\n"},
        {"g.gallery", "[Gallery]\nDescription=g\nModel=m\nDimension=4097\n",
         "g.gallery:4:11: bad number '4097' in 'Dimension'; expected 16 to 4096\n"},
        {"g.gallery", "[Gallery]\nDescription=g\nModel=m\nDimension=0512\n",
         "g.gallery:4:11: bad number '0512' in 'Dimension'; expected 16 to 4096\n"},
        {"g.gallery", "[Gallery]\nDescription=g\nModel=m\nDimension=512\nMaximumTemplates=0\n",
         "g.gallery:5:18: bad number '0' in 'MaximumTemplates'; expected 1 to 9007199254740991\n"},
        {"a.allow", SEARCH "MaximumCandidates=1001\n",
         "a.allow:9:19: bad number '1001' in 'MaximumCandidates'; expected 1 to 1000\n"},
        {"a.allow", SEARCH "MaximumCandidates=-1\n",
         "a.allow:9:19: bad number '-1' in 'MaximumCandidates'; expected 1 to 1000\n"},
        {"a.allow", ALLOW "Operation=verify\nSought=any\nMinimumSimilarity=0.1234567\n",
         "a.allow:8:19: bad similarity '0.1234567' in 'MinimumSimilarity'; expected a decimal from -1 to 1 "
         "with at "
         "most six places\n"},
        {"a.allow", ALLOW "Operation=enrol\nMinimumSimilarity=1.1\n",
         "a.allow:7:19: bad similarity '1.1' in 'MinimumSimilarity'; expected a decimal from -1 to 1 with at "
         "most six "
         "places\n"},
        {"a.allow", ALLOW "Operation=enrol\nMinimumSimilarity=6e-1\n",
         "a.allow:7:19: bad similarity '6e-1' in 'MinimumSimilarity'; expected a decimal from -1 to 1 with "
         "at most "
         "six places\n"},
        {"a.allow", SEARCH "Rate=0/s\n",
         "a.allow:9:6: bad rate '0/s' in 'Rate'; expected N/s, N/min, N/h or N/d with N from 1 to "
         "1000000\n"},
        {"a.allow", SEARCH "Rate=5/m\n",
         "a.allow:9:6: bad rate '5/m' in 'Rate'; expected N/s, N/min, N/h or N/d with N from 1 to "
         "1000000\n"},
        {"a.allow", SEARCH "Rate=5\n",
         "a.allow:9:6: bad rate '5' in 'Rate'; expected N/s, N/min, N/h or N/d with N from 1 to "
         "1000000\n"},
        {"o.organisation", ORGANISATION "From=tomorrow\n",
         "o.organisation:4:6: bad time 'tomorrow' in 'From'; expected YYYY-MM-DD, or YYYY-MM-DDThh:mm:ss "
         "with Z or an "
         "offset\n"},
        {"o.organisation", ORGANISATION "Until=further-notice\n",
         "o.organisation:4:7: bad time 'further-notice' in 'Until'; expected YYYY-MM-DD, or "
         "YYYY-MM-DDThh:mm:ss with "
         "Z or an offset\n"},
        {"m.moratorium", MORATORIUM "Until=2016-12-31T23:59:60Z\n",
         "m.moratorium:4:7: bad time '2016-12-31T23:59:60Z' in 'Until'; expected YYYY-MM-DD, or "
         "YYYY-MM-DDThh:mm:ss "
         "with Z or an offset, or further-notice\n"},
        {"m.moratorium", MORATORIUM "From=2021-01-01\nUntil=2021-01-01\n",
         "m.moratorium:5:7: 'Until' is not after 'From'; expected a later time\n"},
        {"a.allow", SEARCH "Until=2021-01-01\nFrom=2021-01-01T00:00:01Z\n",
         "a.allow:9:7: 'Until' is not after 'From'; expected a later time\n"},
        {"m.moratorium", MORATORIUM "ReviewBy=2021-02-30\n",
         "m.moratorium:4:10: bad time '2021-02-30' in 'ReviewBy'; expected YYYY-MM-DD, or "
         "YYYY-MM-DDThh:mm:ss with Z "
         "or an offset\n"},
        /* peers */
        {"o.organisation", ORGANISATION "[Peer]\nUnit=a.service\n",
         "o.organisation:4:1: [Peer] without 'User' and 'Group'; expected one of them: a unit alone never "
         "identifies\n"},
        {"o.organisation", ORGANISATION "[Peer]\nUser=\nGroup=\n",
         "o.organisation:4:1: [Peer] without 'User' and 'Group'; expected one of them: a unit alone never "
         "identifies\n"},
        {"o.organisation", ORGANISATION "[Peer]\nUser=thorn nobody-at-all\n",
         "o.organisation:5:12: unknown user 'nobody-at-all'; expected a name in passwd, or a number\n"},
        {"o.organisation", ORGANISATION "[Peer]\nGroup=4294967295\n",
         "o.organisation:5:7: unknown group '4294967295'; expected a name in group, or a number\n"},
        {"o.organisation",
         ORGANISATION "[Peer]\nUser=0\nUnit=a b.service c\\x2d.service .service d.servicex\n",
         "o.organisation:6:6: bad unit name 'a' in 'Unit'; expected a system unit such as search.service, "
         "without "
         "'\\'\n"
         "o.organisation:6:18: bad unit name 'c\\x2d.service' in 'Unit'; expected a system unit such as "
         "search.service, without '\\'\n"
         "o.organisation:6:32: bad unit name '.service' in 'Unit'; expected a system unit such as "
         "search.service, "
         "without '\\'\n"
         "o.organisation:6:41: bad unit name 'd.servicex' in 'Unit'; expected a system unit such as "
         "search.service, "
         "without '\\'\n"},
        {"o.organisation", ORGANISATION "[Peer]\nUser=0\nSecurityLabel=a\"b\n",
         "o.organisation:6:15: bad label in 'SecurityLabel'; expected at most 512 printable ASCII characters "
         "without "
         "'\"' and '\\'\n"},
        {"o.organisation", ORGANISATION "[Peer]\nUser=0\nSecurityLabel=a\nSecurityLabel=b\n",
         "o.organisation:7:1: 'SecurityLabel' for the second time in this section; expected once: a drop-in "
         "may "
         "override\n"},
        /* across keys */
        {"a.allow", "[Allow]\nDescription=a\nOperation=enrol\nPurpose=p\nGallery=g\n",
         "a.allow:1:1: 'Organisation' and 'Class' are missing; expected one of them: it says who may ask\n"},
        {"a.allow", ALLOW "Operation=enrol\nGallery=\n",
         "a.allow:1:1: 'Gallery' is missing; expected it: it is required\n"},
        {"a.allow", ALLOW "Operation=any\n",
         "a.allow:6:11: search operation without 'Sought'; expected roles there, or any\n"
         "a.allow:6:11: search operation without 'MinimumSimilarity'; expected a similarity there\n"},
        {"a.allow", ALLOW "Operation=list\nRelease=decision\n",
         "a.allow:7:9: 'decision' in 'Release' with the operation list; expected candidates or scores\n"},
        {"a.allow", ALLOW "Operation=any\nSought=any\nMinimumSimilarity=0\nRelease=decision\n",
         "a.allow:9:9: 'decision' in 'Release' with the operation list; expected candidates or scores\n"},
        {"m.moratorium", MORATORIUM "OnExpiry=lapse\n",
         "m.moratorium:4:10: 'lapse' in 'OnExpiry' without a time in 'Until'; expected a time there, or "
         "hold\n"},
        {"m.moratorium", MORATORIUM "OnExpiry=lapse\nUntil=further-notice\n",
         "m.moratorium:4:10: 'lapse' in 'OnExpiry' without a time in 'Until'; expected a time there, or "
         "hold\n"},
        /* releases */
        {"m.release", "[Release]\nMoratorium=m\nDigest=" ZEROES "\nReason=r\n",
         "m.release:3:8: release of a text of 'm' that is not today's; expected "
         "75a596cecc3af6412eb980fbe99a3f6f0c5bac2e2c98913bc800cc162a0ab739, once that text has been read\n"},
        {"m.release", "[Release]\nMoratorium=m\nDigest=abc\nReason=r\n",
         "m.release:3:8: bad digest 'abc' in 'Digest'; expected 64 lower-case hex digits\n"},
        {"m.release", "[Release]\nMoratorium=n\nDigest=" ZEROES "\nReason=r\n",
         "m.release:2:12: undeclared name 'n' in 'Moratorium'; expected a file n.moratorium\n"},
        {"m.release", "[Release]\nMoratorium=m\n",
         "m.release:1:1: 'Digest' is missing; expected it: it is required\n"
         "m.release:1:1: 'Reason' is missing; expected it: it is required\n"},
        {"m.release", "[Release]\nMoratorium=m m\nDigest=" ZEROES "\nReason=r\n",
         "m.release:2:12: undeclared name 'm m' in 'Moratorium'; expected a file m m.moratorium\n"},
};

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

/* The good files with one in place of another, or beside them; unless named so, `m.release` stays away. */
static void put_good(FixtureFile *files, const char *path, const char *text)
{
        size_t n = 0;

        for (size_t i = 0; i < ARRAY_SIZE(good); i++)
                if (strcmp(good[i].path, path) != 0)
                        files[n++] = good[i];
        files[n++] = (FixtureFile){path, text};
        files[n] = (FixtureFile){};
}

Test(compile, each_bad_file_is_named_with_place_and_remedy)
{
        FixtureFile files[ARRAY_SIZE(good) + 2];

        cr_assert_geq(ARRAY_SIZE(bad), 60);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                put_good(files, bad[i].path, bad[i].text);
                expect_faults(files, bad[i].faults);
        }
}

Test(compile, all_faults_of_all_files_are_found_in_one_pass)
{
        expect_faults(
                (FixtureFile[]){{"b.purpose", "[Purpose]\nParent=b\n"},
                                {"a.class", "[Class]\nX=1\nY=2\n"},
                                {"z.what", ""},
                                {}},
                "a.class:1:1: 'Description' is missing; expected it: it is required\n"
                "a.class:2:1: unknown key 'X' in [Class]; expected one of Description, Parent\n"
                "a.class:3:1: unknown key 'Y' in [Class]; expected one of Description, Parent\n"
                "b.purpose:1:1: 'Description' is missing; expected it: it is required\n"
                "b.purpose:2:8: purpose 'b' is its own ancestor by way of 'b'; expected parents that end "
                "somewhere\n"
                "z.what: unknown type; expected .allow, .class, .gallery, .invariant, .moratorium, "
                ".organisation, .purpose, .release or .stand-down\n");
}

Test(compile, a_cycle_is_reported_once_and_what_hangs_on_it_not)
{
        expect_faults((FixtureFile[]){{"a.class", "[Class]\nDescription=a\nParent=b\n"},
                                      {"b.class", "[Class]\nDescription=b\nParent=c\n"},
                                      {"c.class", "[Class]\nDescription=c\nParent=a\n"},
                                      {"d.class", "[Class]\nDescription=d\nParent=a\n"},
                                      {}},
                      "a.class:3:8: class 'a' is its own ancestor by way of 'b'; expected parents that end "
                      "somewhere\n");
}

Test(compile, the_name_of_a_faulty_file_is_declared_all_the_same)
{
        expect_faults((FixtureFile[]){{"a.class", "[Class]\n"},
                                      {"b.class", "[Class]\nDescription=b\nParent=a\n"},
                                      {}},
                      "a.class:1:1: 'Description' is missing; expected it: it is required\n");
}

Test(compile, the_release_of_what_lapses_by_itself_is_a_fault)
{
        expect_faults(
                (FixtureFile[]){{"c.class", "[Class]\nDescription=c\n"},
                                {"m.moratorium", MORATORIUM "Until=2021-01-01\nOnExpiry=lapse\n"},
                                {"r.release", "[Release]\nMoratorium=m\nDigest=" ZEROES "\nReason=r\n"},
                                {}},
                "r.release:2:12: release of 'm', which lapses by itself; expected one with OnExpiry=hold\n");
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
        files[N] = (SourceFile){
                .path = "c.class", .shown = "c.class", .bytes = good[0].text, .n = strlen(good[0].text)};
        cr_assert_eq(policy_compile(&policy, &input, &faults), 0);
        policy_unref(policy);

        (void)snprintf(paths[N - 1], sizeof(paths[N - 1]), "97%0*d.moratorium", 32, 0);
        cr_assert_eq(policy_compile(&policy, &input, &faults), POLICY_E_INVALID);
        cr_assert_eq(faults_take(&faults, &lines), 0);
        cr_expect_str_eq(lines.lines[0],
                         "policy: names of moratoria of 6145 bytes together; expected at most 6144");
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

Test(compile, an_empty_assignment_of_a_required_key_makes_it_missing)
{
        expect_faults((FixtureFile[]){{"c.class", "[Class]\nDescription=c\n"},
                                      {"c.class.d/1.conf", "[Class]\nDescription=\n"},
                                      {}},
                      "c.class:1:1: 'Description' is missing; expected it: it is required\n");
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
                                                      {"g.gallery", good[2].text},
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
