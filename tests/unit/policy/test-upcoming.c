/* Dates that come near: when, where and how they are told. */

#include <criterion/criterion.h>

#include "base/macro.h"
#include "fixture.h"
#include "policy/upcoming.h"

#define HEAD "[Moratorium]\nDescription=d\nClass=c\n"
#define TERMS                                                                                                \
        {"c.class", "[Class]\nDescription=c\n"}, {"p.purpose", "[Purpose]\nDescription=p\n"},                \
        {                                                                                                    \
                "g.gallery", "[Gallery]\nDescription=g\nModel=m\nDimension=16\n"                             \
        }
#define FILES(...) ((const FixtureFile[]){TERMS, __VA_ARGS__, {}})
#define ALLOW      "[Allow]\nDescription=a\nClass=c\nOperation=enrol\nPurpose=p\nGallery=g\n"

/* All texts, a line each, with the days left and the stage in front. */
static void say(const Policy *policy, const Facts *now, Buffer *said)
{
        UpcomingList list = UPCOMING_LIST_INIT;

        cr_assert_eq(policy_upcoming(policy, now, &list), 0);
        for (size_t i = 0; i < list.n; i++)
                buffer_append_format(said, "%ld/%u %s\n", (long)list.items[i].days_left,
                                     upcoming_stage(&list.items[i]), list.items[i].text);
        upcoming_list_deinit(&list);
}

static void expect_at(const FixtureFile *files, const char *time, FactsClock clock, const char *expected)
{
        Policy *policy = fixture_load(files);
        Facts now = {.time_usec = fixture_usec(time), .clock = clock};
        _cleanup_(buffer_deinit) Buffer said = BUFFER_INIT;

        say(policy, &now, &said);
        cr_expect_str_eq(buffer_text(&said), expected, "at %s: %s", time, buffer_text(&said));
        policy_unref(policy);
}

static void expect(const FixtureFile *files, const char *time, const char *expected)
{
        expect_at(files, time, CLOCK_SYNCHRONISED, expected);
}

Test(upcoming, the_end_of_an_allow_is_told_from_thirty_days_before_to_thirty_days_after)
{
        const FixtureFile *files = FILES({"a.allow", ALLOW "Until=2020-07-31\n"});
        static const char ahead[] = "from then on it permits nothing", past[] = "it permits nothing any more";
        static const struct {
                const char *time, *said, *follows;
        } cases[] = {
                {"2020-06-30T23:59:59.999999Z", ""},
                {"2020-07-01", "30/0 allow a: ends on 2020-07-31, in 30 days", ahead},
                {"2020-07-23T23:59:59Z", "8/0 allow a: ends on 2020-07-31, in 8 days", ahead},
                {"2020-07-24", "7/1 allow a: ends on 2020-07-31, in 7 days", ahead},
                {"2020-07-29T23:59:59Z", "2/1 allow a: ends on 2020-07-31, in 2 days", ahead},
                {"2020-07-30", "1/2 allow a: ends on 2020-07-31, within a day", ahead},
                {"2020-07-30T23:59:59.999999Z", "1/2 allow a: ends on 2020-07-31, within a day", ahead},
                {"2020-07-31", "0/3 allow a: ended on 2020-07-31, less than a day ago", past},
                {"2020-08-01T06:00:00Z", "-1/3 allow a: ended on 2020-07-31, a day ago", past},
                {"2020-08-30T23:59:59Z", "-30/3 allow a: ended on 2020-07-31, 30 days ago", past},
                {"2020-08-31", ""},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(buffer_deinit) Buffer said = BUFFER_INIT;
                if (cases[i].said[0])
                        buffer_append_format(&said, "%s; %s (a.allow:7)\n", cases[i].said, cases[i].follows);
                expect(files, cases[i].time, buffer_text(&said));
        }
}

Test(upcoming, a_moratorium_that_holds_is_held_beyond_its_date_for_ever)
{
        const FixtureFile *files = FILES({"m.moratorium", HEAD "From=2020-06-10\nUntil=2021-06-10\n"});

        expect(files, "2020-06-10", "");
        expect(files, "2021-06-03",
               "7/1 moratorium m: is to end on 2021-06-10, in 7 days; it is held beyond that until somebody "
               "releases it (m.moratorium:5)\n");
        expect(files, "2025-06-10",
               "-1461/3 moratorium m: was to end on 2021-06-10, 1461 days ago; it is held beyond that until "
               "somebody releases it (m.moratorium:5)\n");
}

Test(upcoming, one_that_lapses_is_told_before_and_for_thirty_days_after)
{
        const FixtureFile *files = FILES({"m.moratorium", HEAD "Until=2021-06-10\nOnExpiry=lapse\n"});

        expect(files, "2021-06-09",
               "1/2 moratorium m: lapses on 2021-06-10, within a day; from then on it refuses nothing "
               "(m.moratorium:4)\n");
        expect(files, "2021-07-10",
               "-30/3 moratorium m: lapsed on 2021-06-10, 30 days ago; it refuses nothing any more "
               "(m.moratorium:4)\n");
        expect(files, "2021-07-11", "");
        expect_at(files, "2022-07-11", CLOCK_UNSYNCHRONISED,
                  "-396/3 moratorium m: was to lapse on 2021-06-10, 396 days ago; it stands until a "
                  "synchronised clock says that this has come (m.moratorium:4)\n");
}

Test(upcoming, a_review_is_overdue_until_the_moratorium_has_ended)
{
        const FixtureFile *open = FILES({"m.moratorium", HEAD "ReviewBy=2021-01-10\n"});
        const FixtureFile *lapsing =
                FILES({"m.moratorium", HEAD "Until=2021-06-10\nOnExpiry=lapse\nReviewBy=2021-06-20\n"});

        expect(open, "2020-12-01", "");
        expect(open, "2020-12-11",
               "30/0 moratorium m: is to be reviewed by 2021-01-10, in 30 days (m.moratorium:4)\n");
        expect(open, "2022-01-10",
               "-365/3 moratorium m: was to be reviewed by 2021-01-10, 365 days ago (m.moratorium:4)\n");
        expect(lapsing, "2021-08-01", "");
        expect(lapsing, "2021-06-09",
               "1/2 moratorium m: lapses on 2021-06-10, within a day; from then on it refuses nothing "
               "(m.moratorium:4)\n"
               "11/0 moratorium m: is to be reviewed by 2021-06-20, in 11 days (m.moratorium:6)\n");
}

Test(upcoming, the_end_of_an_organisation_is_told_at_the_file_that_sets_it)
{
        const FixtureFile *files =
                FILES({"o.organisation", "[Organisation]\nDescription=o\nClass=c\nUntil=2030-01-01\n"},
                      {"o.organisation.d/end.conf", "[Organisation]\nUntil=2020-07-01\n"});

        expect(files, "2020-06-24T12:00:00Z",
               "7/1 organisation o: ends on 2020-07-01, in 7 days; from then on it may ask for nothing "
               "(o.organisation.d/end.conf:2)\n");
}

Test(upcoming, what_comes_first_is_told_first)
{
        const FixtureFile *files =
                FILES({"b.allow", ALLOW "Until=2020-07-02\n"}, {"a.allow", ALLOW "Until=2020-07-03\n"},
                      {"c.allow", ALLOW "Until=2020-07-01\n"});

        expect(files, "2020-07-02",
               "-1/3 allow c: ended on 2020-07-01, a day ago; it permits nothing any more (c.allow:7)\n"
               "0/3 allow b: ended on 2020-07-02, less than a day ago; it permits nothing any more "
               "(b.allow:7)\n"
               "1/2 allow a: ends on 2020-07-03, within a day; from then on it permits nothing "
               "(a.allow:7)\n");
}

Test(upcoming, a_clock_that_says_anything_is_no_trouble)
{
        Policy *policy = fixture_load(
                FILES({"a.allow", ALLOW "Until=0000-01-01\n"}, {"m.moratorium", HEAD "Until=9999-12-31\n"}));
        static const uint64_t times[] = {0, INT64_MAX, UINT64_MAX};

        for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
                Facts now = {.time_usec = times[i], .clock = CLOCK_SYNCHRONISED};
                _cleanup_(buffer_deinit) Buffer said = BUFFER_INIT;
                say(policy, &now, &said);
                cr_expect_eq(said.n > 0, i > 0, "%s", buffer_text(&said));
        }
        policy_unref(policy);
}
