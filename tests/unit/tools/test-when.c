/* Times as people read them. */

#include <criterion/criterion.h>

#include "base/macro.h"
#include "policy/time.h"
#include "tools/when.h"

Test(when, a_span_is_told_in_its_two_largest_units)
{
        static const struct {
                uint64_t seconds;
                const char *text;
        } cases[] = {
                {0, "0 s"},           {59, "59 s"},
                {60, "1 min"},        {61, "1 min 1 s"},
                {3600, "1 h"},        {3661, "1 h 1 min"},
                {7260, "2 h 1 min"},  {86399, "23 h 59 min"},
                {86400, "1 day"},     {86400 + 60, "1 day"},
                {90000, "1 day 1 h"}, {3 * 86400 + 4 * 3600 + 59, "3 days 4 h"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
                when_span(cases[i].seconds, &text);
                cr_expect_str_eq(buffer_text(&text), cases[i].text);
        }
}

Test(when, an_instant_is_told_with_how_far_it_is)
{
        static const struct {
                const char *instant, *text;
        } cases[] = {
                {"2026-11-28T08:40:41.5Z", "2026-11-28 08:40:41 UTC, 19 s ago"},
                {"2026-11-28T10:41:00+02:00", "2026-11-28 08:41:00 UTC, 0 s ago"},
                {"2026-11-27", "2026-11-27 00:00:00 UTC, 1 day 8 h ago"},
                {"2026-11-28T08:42:30Z", "2026-11-28 08:42:30 UTC, in 1 min 30 s"},
                {"yesterday", "yesterday"},
                {NULL, "at an unknown time"},
        };
        int64_t now;

        cr_assert(time_parse("2026-11-28T08:41:00Z", 20, &now));
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
                when_instant(cases[i].instant, now, &text);
                cr_expect_str_eq(buffer_text(&text), cases[i].text);
        }
        cr_expect_eq(when_age("2026-11-28T08:40:00Z", now), 60);
        cr_expect_eq(when_age("2026-11-28T08:42:00Z", now), -60);
        cr_expect_eq(when_age("never", now), INT64_MAX);
        cr_expect_eq(when_age(NULL, now), INT64_MAX);
}
