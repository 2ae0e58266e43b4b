/* Each warning once a stage. */

#include <criterion/criterion.h>

#include "guard/said.h"

static Upcoming date(const char *name, int64_t instant, int64_t days_left)
{
        return (Upcoming){
                .kind = UPCOMING_ALLOW_END, .name = name, .instant = instant, .days_left = days_left};
}

static int note(Said *said, Upcoming upcoming)
{
        return said_note(said, &upcoming);
}

Test(said, a_date_is_told_of_once_at_each_of_its_stages)
{
        static const struct {
                int64_t days_left;
                int is_new;
        } steps[] = {{30, 1}, {29, 0}, {8, 0}, {7, 1}, {2, 0}, {1, 1}, {1, 0}, {0, 1}, {-5, 0}};
        Said said = SAID_INIT;

        for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
                cr_expect_eq(note(&said, date("a", 5, steps[i].days_left)), steps[i].is_new, "step %zu", i);
        said_deinit(&said);
}

Test(said, what_was_told_late_is_not_told_again_as_if_it_were_early)
{
        Said said = SAID_INIT;

        cr_expect_eq(note(&said, date("a", 5, 1)), 1, "it begins late");
        cr_expect_eq(note(&said, date("a", 5, 20)), 0, "a clock that was set back");
        cr_expect_eq(note(&said, date("a", 5, 1)), 0, "and forward again");
        said_deinit(&said);
}

Test(said, dates_are_told_apart_by_kind_name_and_instant)
{
        Said said = SAID_INIT;
        Upcoming other = date("a", 5, 9);

        other.kind = UPCOMING_ORGANISATION_END;
        cr_expect_eq(note(&said, date("a", 5, 9)), 1);
        cr_expect_eq(note(&said, date("b", 5, 9)), 1);
        cr_expect_eq(note(&said, date("a", 6, 9)), 1);
        cr_expect_eq(note(&said, other), 1);
        cr_expect_eq(note(&said, other), 0);
        said_deinit(&said);
}

Test(said, another_policy_begins_anew)
{
        Said said = SAID_INIT;

        cr_expect_eq(note(&said, date("a", 5, 9)), 1);
        said_deinit(&said);
        cr_expect_eq(note(&said, date("a", 5, 9)), 1);
        said_deinit(&said);
}
