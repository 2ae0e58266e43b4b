/* Tests of policy/time.h. */

#include "policy/time.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/macro.h"

Test(time, instants_are_microseconds_since_1970)
{
        static const struct {
                const char *text;
                int64_t usec;
        } rows[] = {
                {"1970-01-01", 0},
                {"1970-01-01T00:00:00Z", 0},
                {"1970-01-01t00:00:00z", 0},
                {"1970-01-01T00:00:00-00:00", 0},
                {"1969-12-31", -86400000000},
                {"1969-12-31T23:59:59.999999Z", -1},
                {"2020-06-10", 1591747200000000},
                {"2020-06-10T02:00:00+02:00", 1591747200000000},
                {"2020-06-09T20:30:00-03:30", 1591747200000000},
                {"2020-06-10T00:00:00.5Z", 1591747200500000},
                {"2020-06-10T00:00:00.000001Z", 1591747200000001},
                {"2000-02-29", 951782400000000},
                {"2100-03-01", 4107542400000000},
                {"9999-12-31T23:59:59.999999Z", 253402300799999999},
                {"0000-01-01", -62167219200000000},
                {"1600-12-31", -11644560000000000},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                int64_t usec = 42;
                cr_assert(time_parse(rows[i].text, strlen(rows[i].text), &usec), "%s", rows[i].text);
                cr_expect_eq(usec, rows[i].usec, "%s: %lld", rows[i].text, (long long)usec);
        }
}

Test(time, a_finer_fraction_is_rounded_up)
{
        int64_t usec = 0;

        cr_assert(time_parse("1970-01-01T00:00:00.0000000Z", 28, &usec));
        cr_expect_eq(usec, 0);
        cr_assert(time_parse("1970-01-01T00:00:00.0000001Z", 28, &usec));
        cr_expect_eq(usec, 1);
        cr_assert(time_parse("1969-12-31T23:59:59.9999991Z", 28, &usec));
        cr_expect_eq(usec, 0);
}

Test(time, what_is_no_instant_is_refused)
{
        static const char *const rows[] = {
                "",
                "2020",
                "2020-06",
                "2020-6-10",
                "2020-06-10 ",
                " 2020-06-10",
                "2020-13-01",
                "2020-00-01",
                "2020-06-00",
                "2020-06-31",
                "2021-02-29",
                "1900-02-29",
                "20200610",
                "2020-06-10T",
                "2020-06-10T00:00Z",
                "2020-06-10T00:00:00",
                "2020-06-10 00:00:00Z",
                "2020-06-10T24:00:00Z",
                "9999-12-31T23:59:59-00:01", /* beyond what facts can be about */
                "9999-12-31T23:59:59.9999991Z",
                "0000-01-01T00:00:00+00:01",
                "2020-06-10T00:60:00Z",
                "2016-12-31T23:59:60Z",
                "2020-06-10T00:00:00.Z",
                "2020-06-10T00:00:00,5Z",
                "2020-06-10T00:00:00+0200",
                "2020-06-10T00:00:00+24:00",
                "2020-06-10T00:00:00+01:60",
                "2020-06-10T00:00:00Zz",
                "-020-06-10",
                "12020-06-10",
                "2020-06-10T00:00:0",
                "next year",
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                int64_t usec = 42;
                cr_expect_not(time_parse(rows[i], strlen(rows[i]), &usec), "%s", rows[i]);
                cr_expect_eq(usec, 42);
        }
}

Test(time, what_is_written_is_read_back)
{
        char text[TIME_TEXT_SIZE];

        for (int64_t usec = INT64_C(-62167219200000000); usec < INT64_C(253402300799999999);
             usec += INT64_C(30011234567891)) {
                int64_t back = 0;
                time_format(usec, text);
                cr_assert(time_parse(text, strlen(text), &back), "%s", text);
                cr_assert_eq(back, usec, "%s", text);
        }
}

Test(time, a_day_is_written_as_a_day)
{
        char text[TIME_TEXT_SIZE];

        time_format(1591747200000000, text);
        cr_expect_str_eq(text, "2020-06-10");
        time_format(-86400000000, text);
        cr_expect_str_eq(text, "1969-12-31");
        time_format(1591747200000000 + 3723000001, text);
        cr_expect_str_eq(text, "2020-06-10T01:02:03.000001Z");
        time_format(1591747200000000 - 1000000, text);
        cr_expect_str_eq(text, "2020-06-09T23:59:59Z");
}
