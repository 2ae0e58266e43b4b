/* Tests of policy_standing() and policy_show(). */

#include <criterion/criterion.h>

#include "base/macro.h"
#include "fixture.h"
#include "policy/digest.h"

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
#define SCOPE      "; covers c; for any operation; any purpose; any gallery; excepted: nobody\n"

Test(standing, each_way_to_end_is_told)
{
        const FixtureFile *hold = FILES({"m.moratorium", HEAD "From=2020-06-10\nUntil=2021-06-10\n"});
        const FixtureFile *lapse = FILES({"m.moratorium", HEAD "Until=2021-06-10\nOnExpiry=lapse\n"});
        const FixtureFile *notice = FILES({"m.moratorium", HEAD});

        expect_standing(hold, "2020-06-09", CLOCK_SYNCHRONISED, "");
        expect_standing(
                hold, "2020-06-10", CLOCK_SYNCHRONISED,
                "moratorium m: stands since 2020-06-10, until 2021-06-10 and from then on until somebody "
                "releases it" SCOPE);
        expect_standing(
                hold, "2021-06-10", CLOCK_SYNCHRONISED,
                "moratorium m: stands since 2020-06-10, beyond 2021-06-10, until somebody releases it" SCOPE);
        expect_standing(lapse, "2020-06-10", CLOCK_SYNCHRONISED,
                        "moratorium m: stands until 2021-06-10, when it lapses" SCOPE);
        expect_standing(
                lapse, "2021-06-10", CLOCK_UNSYNCHRONISED,
                "moratorium m: stands beyond 2021-06-10, because no synchronised clock says that this has "
                "come" SCOPE);
        expect_standing(lapse, "2021-06-10", CLOCK_SYNCHRONISED, "");
        expect_standing(notice, "2020-06-10", CLOCK_SYNCHRONISED,
                        "moratorium m: stands until further notice: until somebody releases it" SCOPE);
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
                        "moratorium m: stands until 2021-06-10, when its release takes effect" SCOPE);
        expect_standing(
                files, "2021-06-10", CLOCK_UNSYNCHRONISED,
                "moratorium m: stands beyond 2021-06-10, because no synchronised clock says that this has "
                "come" SCOPE);
        expect_standing(files, "2021-06-10", CLOCK_SYNCHRONISED, "");
}

Test(standing, scope_exceptions_and_stand_downs_are_told)
{
        expect_standing(
                FILES({"p.purpose", "[Purpose]\nDescription=p\n"},
                      {"g.gallery", "[Gallery]\nDescription=g\nModel=m\nDimension=16\n"},
                      {"a.allow", "[Allow]\nDescription=a\nClass=c\nOperation=enrol\nPurpose=p\nGallery=g\n"},
                      {"m.moratorium", HEAD "Operation=identify verify\nPurpose=p\nGallery=g\nExcept=a\n"},
                      {"s.stand-down", "[StandDown]\nReason=a fault\nGallery=g\n"}),
                "2020-06-10", CLOCK_SYNCHRONISED,
                "moratorium m: stands until further notice: until somebody releases it; covers c; for "
                "identify, "
                "verify; p; g; excepted: a\n"
                "stand-down s: stands until its file is taken away (a fault); stops any organisation; for "
                "any "
                "operation; any purpose; g\n");
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
