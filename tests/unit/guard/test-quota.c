/* Who may hold how much. */

#include <criterion/criterion.h>

#include "guard/quota.h"

static size_t take_all(Quota *quota, QuotaThing thing, QuotaUser user)
{
        size_t n = 0;

        while (quota_take(quota, thing, user))
                n++;
        return n;
}

Test(quota, a_uid_has_64_connections)
{
        Quota quota = QUOTA_INIT;

        cr_expect_eq(take_all(&quota, QUOTA_CONNECTION, (QuotaUser){.uid = 1, .known = true}), 64);
        cr_expect(quota_take(&quota, QUOTA_CONNECTION, (QuotaUser){.uid = 2, .known = true}));
        quota_deinit(&quota);
}

Test(quota, all_unknown_uids_together_have_a_quarter)
{
        Quota quota = QUOTA_INIT;
        size_t n = 0;

        for (uid_t uid = 1; uid <= 100; uid++)
                n += take_all(&quota, QUOTA_CONNECTION, (QuotaUser){.uid = uid});
        cr_expect_eq(n, QUOTA_CONNECTIONS_UNKNOWN);
        cr_expect(quota_take(&quota, QUOTA_CONNECTION, (QuotaUser){.uid = 200, .known = true}));
        n = 0;
        for (uid_t uid = 1; uid <= 100; uid++)
                n += quota_take(&quota, QUOTA_CHILD, (QuotaUser){.uid = uid});
        cr_expect_eq(n, QUOTA_CHILDREN_UNKNOWN);
        quota_deinit(&quota);
}

Test(quota, there_is_an_end_to_everything)
{
        Quota quota = QUOTA_INIT;
        size_t n = 0;

        for (uid_t uid = 1; uid <= 100; uid++)
                n += take_all(&quota, QUOTA_REQUEST, (QuotaUser){.uid = uid, .known = true});
        cr_expect_eq(n, QUOTA_REQUESTS_MAX);
        quota_deinit(&quota);
}

Test(quota, what_is_dropped_can_be_taken_again)
{
        Quota quota = QUOTA_INIT;
        QuotaUser user = {.uid = 1};

        for (int round = 0; round < 3; round++) {
                cr_expect_eq(take_all(&quota, QUOTA_CONNECTION, user), 64);
                for (int i = 0; i < 64; i++)
                        quota_drop(&quota, QUOTA_CONNECTION, user);
        }
        cr_expect_eq(quota.n_uids, 0, "a uid that holds nothing is forgotten");
        cr_expect_eq(quota.n_all[QUOTA_CONNECTION], 0);
        cr_expect_eq(quota.n_unknown[QUOTA_CONNECTION], 0);
        quota_deinit(&quota);
}
