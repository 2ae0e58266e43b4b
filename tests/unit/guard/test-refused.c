/* Folding of refusals. */

#include <criterion/criterion.h>

#include "guard/refused.h"

static const QuotaUser known = {.uid = 5, .known = true};
static const QuotaUser stranger = {.uid = 6};

static uint64_t count_of(Refused *refused, bool has_uid, uid_t uid, RefusedWhy why)
{
        RefusedRow row;
        uint64_t count = 0;

        while (refused_take(refused, &row))
                if (row.has_uid == has_uid && row.uid == uid && row.why == why)
                        count += row.count;
        return count;
}

Test(refused, one_row_a_uid_and_reason)
{
        Refused refused = REFUSED_INIT;

        for (int i = 0; i < 1000; i++) {
                refused_add(&refused, known, REFUSED_MALFORMED);
                refused_add(&refused, known, REFUSED_ONEWAY);
        }
        cr_expect_eq(refused.n, 2);
        cr_expect_eq(refused.n_all, 2000);
        cr_expect_eq(count_of(&refused, true, 5, REFUSED_MALFORMED), 1000);
        cr_expect_eq(refused.n, 0);
}

Test(refused, all_whom_the_policy_does_not_name_are_one)
{
        Refused refused = REFUSED_INIT;

        for (uid_t uid = 0; uid < 1000; uid++)
                refused_add(&refused, (QuotaUser){.uid = uid}, REFUSED_MALFORMED);
        refused_add(&refused, stranger, REFUSED_FRONTEND);
        cr_expect_eq(refused.n, 2);
        cr_expect_eq(count_of(&refused, false, 0, REFUSED_MALFORMED), 1000);
}

Test(refused, too_many_uids_are_counted_with_all_others_and_none_is_lost)
{
        Refused refused = REFUSED_INIT;
        RefusedRow row;
        uint64_t count = 0;

        for (uid_t uid = 0; uid < 3000; uid++)
                for (RefusedWhy why = 0; why < _REFUSED_MAX; why++)
                        refused_add(&refused, (QuotaUser){.uid = uid, .known = true}, why);
        cr_expect_leq(refused.n, REFUSED_ROWS_MAX);
        while (refused_take(&refused, &row))
                count += row.count;
        cr_expect_eq(count, 3000 * _REFUSED_MAX);
}

Test(refused, a_row_that_was_not_written_is_put_back)
{
        Refused refused = REFUSED_INIT;
        RefusedRow row;

        refused_add(&refused, known, REFUSED_MALFORMED);
        cr_assert(refused_take(&refused, &row));
        refused_add(&refused, known, REFUSED_MALFORMED);
        refused_add_row(&refused, &row);
        cr_expect_eq(refused.n, 1);
        cr_expect_eq(count_of(&refused, true, 5, REFUSED_MALFORMED), 2);
}
