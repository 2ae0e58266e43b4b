/* Tests of policy_standing() and policy_show(). */

#include <criterion/criterion.h>

#include "base/macro.h"
#include "fixture.h"
#include "policy/digest.h"
#include "policy/standing.h"

#define HEAD "[Moratorium]\nDescription=d\nClass=c\n"

static void expect_standing(const FixtureFile *files, const char *time, FactsClock clock,
                            const char *expected)
{
        Policy *policy = fixture_load(files);
        Facts now = {.time_usec = fixture_usec(time), .clock = clock};
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;

        policy_standing(policy, &now, &text);
        cr_expect_str_eq(buffer_text(&text), expected);
        policy_unref(policy);
}

#define FILES(...) ((const FixtureFile[]){{"c.class", "[Class]\nDescription=c\n"}, __VA_ARGS__, {}})
#define TERMS                                                                                                \
        {"p.purpose", "[Purpose]\nDescription=p\n"},                                                         \
        {                                                                                                    \
                "g.gallery", "[Gallery]\nDescription=g\nModel=m\nDimension=16\n"                             \
        }
#define TO    ", to whoever is or may be of c, asks on their behalf or would show them the result"
#define SCOPE "; refuses any operation, for any purpose, in any gallery" TO "; excepted: nobody\n"

static void expect_brief(const FixtureFile *files, const char *time, const char *expected)
{
        Policy *policy = fixture_load(files);
        Facts now = {.time_usec = fixture_usec(time), .clock = CLOCK_SYNCHRONISED};
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;

        policy_standing_brief(policy, &now, &text);
        cr_expect_str_eq(buffer_text(&text), expected);
        policy_unref(policy);
}

Test(standing, each_way_to_end_is_told)
{
        const FixtureFile *hold = FILES({"m.moratorium", HEAD "From=2020-06-10\nUntil=2021-06-10\n"});
        const FixtureFile *lapse = FILES({"m.moratorium", HEAD "Until=2021-06-10\nOnExpiry=lapse\n"});
        const FixtureFile *notice = FILES({"m.moratorium", HEAD});

        expect_standing(hold, "2020-06-09", CLOCK_SYNCHRONISED, "");
        expect_standing(
                hold, "2020-06-10", CLOCK_SYNCHRONISED,
                "moratorium m: in force since 2020-06-10, until 2021-06-10, and after that until somebody "
                "releases it" SCOPE);
        expect_standing(
                hold, "2021-06-10", CLOCK_SYNCHRONISED,
                "moratorium m: in force since 2020-06-10, held beyond 2021-06-10 until somebody releases "
                "it" SCOPE);
        expect_standing(lapse, "2020-06-10", CLOCK_SYNCHRONISED,
                        "moratorium m: in force, until 2021-06-10, when it lapses" SCOPE);
        expect_standing(
                lapse, "2021-06-10", CLOCK_UNSYNCHRONISED,
                "moratorium m: in force, held beyond 2021-06-10, because no synchronised clock says that "
                "this has come" SCOPE);
        expect_standing(lapse, "2021-06-10", CLOCK_SYNCHRONISED, "");
        expect_standing(notice, "2020-06-10", CLOCK_SYNCHRONISED,
                        "moratorium m: in force, until somebody releases it" SCOPE);
}

Test(standing, a_release_that_has_not_taken_effect_is_told)
{
        static const char text[] = HEAD "Until=2021-06-10\n";
        static const char path[] = "m.moratorium";
        _cleanup_(buffer_deinit) Buffer release = BUFFER_INIT;
        Digest digest;
        char hex[DIGEST_HEX_SIZE];

        policy_digest_of(&(PolicyText){path, (const uint8_t *)text, sizeof(text) - 1}, 1, &digest);
        digest_hex(&digest, hex);
        buffer_append_format(&release, "[Release]\nMoratorium=m\nReason=r\nDigest=%s\n", hex);
        const FixtureFile *files = FILES({path, text}, {"m.release", buffer_text(&release)});
        expect_standing(files, "2020-06-10", CLOCK_SYNCHRONISED,
                        "moratorium m: in force, until 2021-06-10, when its release takes effect" SCOPE);
        expect_standing(files, "2021-06-10", CLOCK_UNSYNCHRONISED,
                        "moratorium m: in force, held beyond 2021-06-10, because no synchronised clock says "
                        "that this has "
                        "come" SCOPE);
        expect_standing(files, "2021-06-10", CLOCK_SYNCHRONISED, "");
}

Test(standing, scope_exceptions_and_stand_downs_are_told)
{
        expect_standing(
                FILES(TERMS, {"d.class", "[Class]\nDescription=d\n"},
                      {"o.organisation", "[Organisation]\nDescription=o\nClass=d\n"},
                      {"a.allow", "[Allow]\nDescription=a\nClass=c d\nOrganisation=o\nOperation=enrol\n"
                                  "Purpose=p\nGallery=g\n"},
                      {"m.moratorium",
                       "[Moratorium]\nDescription=d\nClass=c d\nOperation=identify verify compare\n"
                       "Purpose=p\nGallery=g\nExcept=a\n"},
                      {"s.stand-down", "[StandDown]\nReason=a fault\nGallery=g\n"}),
                "2020-06-10", CLOCK_SYNCHRONISED,
                "moratorium m: in force, until somebody releases it; refuses identify, verify and compare, "
                "for p, in "
                "g, to whoever is or may be of c or d, asks on their behalf or would show them the result; "
                "excepted: "
                "what the allow a permits to o and to organisations of c and d\n"
                "stand-down s: in force until its file is taken away; refuses any operation, for any "
                "purpose, in g, "
                "to any organisation; reason: a fault\n");
}

Test(standing, an_exception_is_told_with_its_own_time)
{
        const FixtureFile *files = FILES(
                TERMS, {"m.moratorium", HEAD "Except=a b\n"},
                {"a.allow", "[Allow]\nDescription=a\nClass=c\nOperation=enrol\nPurpose=p\nGallery=g\n"
                            "From=2020-07-01\nUntil=2020-08-01\n"},
                {"b.allow", "[Allow]\nDescription=b\nClass=c\nOperation=enrol\nPurpose=p\nGallery=g\n"});
        static const struct {
                const char *time, *when;
        } cases[] = {{"2020-06-30", " (from 2020-07-01 on)"},
                     {"2020-07-01", " (until 2020-08-01)"},
                     {"2020-08-01", " (it ended on 2020-08-01)"}};

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(buffer_deinit) Buffer line = BUFFER_INIT;
                buffer_append_format(
                        &line,
                        "moratorium m: in force, until somebody releases it; refuses any operation, for "
                        "any purpose, in any gallery" TO "; excepted: what the allow a permits to "
                        "organisations of c%s, and what the allow b permits to organisations of c\n",
                        cases[i].when);
                expect_standing(files, cases[i].time, CLOCK_SYNCHRONISED, buffer_text(&line));
        }
}

Test(standing, in_a_few_words_all_is_told_with_its_end_and_five_by_name)
{
        expect_brief(FILES({"m.moratorium", HEAD "From=2020-06-10\n"}), "2020-06-09", "no moratorium");
        expect_brief(FILES({"m.moratorium", HEAD "Until=2021-06-10\n"},
                           {"n.moratorium", HEAD "Until=2022-06-10\nOnExpiry=lapse\n"},
                           {"s.stand-down", "[StandDown]\nReason=a fault\n"}),
                     "2021-07-10",
                     "stand-down s, m (held beyond 2021-06-10 until somebody releases it), n (until "
                     "2022-06-10, when "
                     "it lapses)");
        expect_brief(FILES({"a.moratorium", HEAD}, {"b.moratorium", HEAD}, {"c.moratorium", HEAD},
                           {"d.moratorium", HEAD}, {"e.moratorium", HEAD}, {"f.moratorium", HEAD},
                           {"g.moratorium", HEAD}),
                     "2021-07-10",
                     "a (until somebody releases it), b (until somebody releases it), c (until somebody "
                     "releases it), "
                     "d (until somebody releases it), e (until somebody releases it) and 2 more");
}

Test(standing, the_whole_policy_is_shown_with_what_holds_by_default)
{
        Policy *policy = fixture_load(FILES(
                {"g.gallery", "[Gallery]\nDescription=g\nModel=m\nDimension=16\n"},
                {"g.gallery.d/x.conf", "[Gallery]\nDimension=32\n"},
                {"o.organisation", "[Organisation]\nDescription=o\nClass=c\n[Peer]\nUser=thorn\nUser=7\n"}));
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;

        cr_expect(policy_show(policy, NULL, &text));
        cr_expect_str_eq(
                buffer_text(&text),
                "# policy aae207a29c422845c73e3ceca0bf869f8847c84fce223d542fcbcc00706b9ef2\n"
                "\n# c.class, from c.class\n# digest "
                "63478a897fb3a8165e412d231484811508c7e2372003c32ae3caa42be3855ad5\n[Class]\nDescription=c\n"
                "\n# g.gallery, from g.gallery\n# digest "
                "6715604b697c40a639cc2bd0c3688ca60d38486fe60c54597d3786bdd85a0f69\n[Gallery]\nDescription="
                "g\nModel=m\nDimension=32\n"
                "# Kind=consolidated\n"
                "\n# o.organisation, from o.organisation\n# digest "
                "180b50eb300eb59c5b4ce16a9a57407d577da87ed8bd1f73eea6f9863ffb177b\n[Organisation]"
                "\nDescription=o\nClass=c\n"
                "[Peer]\nUser=thorn 7\n");
        policy_unref(policy);
}

/* ------------------------------------------------------------------------------------- one moratorium at a time */

typedef struct OneRow {
        const char *text; /* of the moratorium, behind its required keys */
        bool released;
        const char *time;
        FactsClock clock;
        const char *mark; /* NULL: none */
        bool stands;
        const char *words;
} OneRow;

/* The digest of a moratorium's text, for a release of it. */
static void digest_of_moratorium(const FixtureFile *files, char ret_hex[static DIGEST_HEX_SIZE])
{
        Policy *policy = fixture_load(files);

        digest_hex(&policy_object(policy, OBJECT_MORATORIUM, "m")->digest, ret_hex);
        policy_unref(policy);
}

static void check_one(const OneRow *row)
{
        _cleanup_(buffer_deinit) Buffer moratorium = BUFFER_INIT, release = BUFFER_INIT, words = BUFFER_INIT;
        Facts now = {.time_usec = fixture_usec(row->time), .clock = row->clock};
        char hex[DIGEST_HEX_SIZE];

        buffer_append_format(&moratorium, HEAD "%s", row->text);
        digest_of_moratorium(FILES({"m.moratorium", buffer_text(&moratorium)}), hex);
        buffer_append_format(&release, "[Release]\nMoratorium=m\nDigest=%s\nReason=r\n", hex);
        now.has_mark = row->mark != NULL;
        now.mark_usec = row->mark ? fixture_usec(row->mark) : 0;
        Policy *policy = fixture_load(FILES({"m.moratorium", buffer_text(&moratorium)},
                                            {row->released ? "m.release" : NULL, buffer_text(&release)}));
        bool stands = policy_moratorium_standing(policy, "m", &now, &words);
        cr_expect_eq(stands, row->stands, "%s at %s", row->text, row->time);
        cr_expect_str_eq(buffer_text(&words), row->words);
        policy_unref(policy);
}

Test(standing, of_one_moratorium_it_is_told_whether_it_stands_and_why)
{
        static const OneRow rows[] = {
                {"", false, "2020-06-10", CLOCK_SYNCHRONISED, NULL, true, "until somebody releases it"},
                {"", true, "2020-06-10", CLOCK_UNSYNCHRONISED, NULL, false, "released"},
                {"From=2020-06-10\n", false, "2020-06-09", CLOCK_SYNCHRONISED, NULL, false,
                 "begins on 2020-06-10"},
                {"From=2020-06-10\n", true, "2020-06-09", CLOCK_SYNCHRONISED, NULL, false, "released"},
                {"Until=2021-06-10\n", true, "2020-06-10", CLOCK_SYNCHRONISED, NULL, true,
                 "until 2021-06-10, when its release takes effect"},
                {"Until=2021-06-10\n", true, "2021-06-10", CLOCK_SYNCHRONISED, NULL, false,
                 "released, and over since 2021-06-10"},
                {"Until=2021-06-10\n", true, "2021-06-10", CLOCK_UNSYNCHRONISED, NULL, true,
                 "held beyond 2021-06-10, because no synchronised clock says that this has come"},
                {"Until=2021-06-10\n", true, "2021-06-11", CLOCK_UNSYNCHRONISED, "2021-06-10", false,
                 "released, and over since 2021-06-10"},
                {"Until=2021-06-10\nOnExpiry=lapse\n", false, "2021-06-10", CLOCK_SYNCHRONISED, NULL, false,
                 "lapsed on 2021-06-10"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                check_one(&rows[i]);
}

Test(standing, a_moratorium_that_is_not_there_does_not_stand)
{
        Policy *policy = fixture_load(FILES({"m.moratorium", HEAD}));
        _cleanup_(buffer_deinit) Buffer words = BUFFER_INIT;
        Facts now = {.time_usec = fixture_usec("2020-06-10"), .clock = CLOCK_SYNCHRONISED};

        cr_expect_not(policy_moratorium_standing(policy, "n", &now, &words));
        cr_expect_str_eq(buffer_text(&words), "");
        policy_unref(policy);
}

Test(standing, objects_are_found_by_type_and_name)
{
        Policy *policy = fixture_load(FILES({"b.moratorium", HEAD}, {"a.moratorium", HEAD}));
        size_t n = 0;
        const Object *objects = policy_objects(policy, OBJECT_MORATORIUM, &n);

        cr_assert_eq(n, 2);
        cr_expect_str_eq(objects[0].name, "a");
        cr_expect_eq(policy_object(policy, OBJECT_MORATORIUM, "b"), &objects[1]);
        cr_expect_null(policy_object(policy, OBJECT_RELEASE, "b"));
        policy_unref(policy);
}
