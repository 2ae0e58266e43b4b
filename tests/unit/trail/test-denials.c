/* Folding of denials whose peer the policy does not know. */

#include <criterion/criterion.h>

#include "trail/denials.h"

static Leaf denial(uint64_t uid, const char *reason)
{
        Leaf leaf = LEAF_INIT;

        leaf_set_text(&leaf, "reason", reason);
        leaf_set_number(&leaf, "uid", uid);
        return leaf;
}

static bool fold(Denials *denials, uint64_t uid, uint64_t now_usec)
{
        const Leaf leaf = denial(uid, "unknown-peer");

        return denials_fold(denials, &leaf, now_usec);
}

Test(denials, the_first_is_told_and_the_others_are_counted)
{
        Denials denials = DENIALS_INIT;
        DenialsRow row;

        cr_expect(!fold(&denials, 7, 0));
        for (uint64_t i = 0; i < 1000; i++)
                cr_expect(fold(&denials, 7, i));
        cr_expect_eq(denials_next_usec(&denials), DENIALS_USEC);
        cr_expect(!denials_take(&denials, DENIALS_USEC - 1, false, &row));
        cr_assert(denials_take(&denials, DENIALS_USEC, false, &row));
        cr_expect(row.has_uid && row.uid == 7 && row.count == 1000);
        cr_expect(!denials_take(&denials, DENIALS_USEC, false, &row));
        cr_expect_eq(denials_next_usec(&denials), UINT64_MAX);
}

Test(denials, after_a_minute_one_is_told_again)
{
        Denials denials = DENIALS_INIT;

        cr_expect(!fold(&denials, 7, 0));
        cr_expect(!fold(&denials, 7, DENIALS_USEC));
        cr_expect(fold(&denials, 7, DENIALS_USEC + 1));
}

Test(denials, peers_that_are_known_are_always_told)
{
        Denials denials = DENIALS_INIT;
        const Leaf leaf = denial(7, "moratorium");

        for (int i = 0; i < 10; i++)
                cr_expect(!denials_fold(&denials, &leaf, 0));
        cr_expect_eq(denials.n, 0);
}

Test(denials, too_many_uids_are_counted_together_and_none_is_lost)
{
        Denials denials = DENIALS_INIT;
        uint64_t n_told = 0, n_folded = 0;
        DenialsRow row;

        for (uint64_t i = 0; i < 3 * DENIALS_UIDS_MAX; i++)
                for (uint64_t uid = 0; uid < 2 * DENIALS_UIDS_MAX; uid++)
                        n_told += !fold(&denials, uid, 0);
        cr_expect_eq(n_told, DENIALS_UIDS_MAX);
        while (denials_take(&denials, 0, true, &row))
                n_folded += row.count;
        cr_expect_eq(n_told + n_folded, 3ULL * DENIALS_UIDS_MAX * 2 * DENIALS_UIDS_MAX);
}
