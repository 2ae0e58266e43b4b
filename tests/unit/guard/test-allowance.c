/* Whose requests are taken from which bucket. */

#include <criterion/criterion.h>

#include "guard/allowance.h"

static Bucket *find(Allowances *allowances, uid_t uid, bool known, const ConfigRate *rate)
{
        AllowanceUser user = {.uid = uid, .known = known, .rate = rate};
        Bucket *bucket = NULL;

        cr_assert_eq(allowance_find(allowances, &user, 0, &bucket), 0);
        return bucket;
}

Test(allowance, whom_the_policy_names_is_not_bound_unless_a_rate_is_set)
{
        ConfigRate rate = {.n = 5, .period_usec = 1000000};
        Allowances allowances;

        allowances_init(&allowances, 0);
        cr_expect_null(find(&allowances, 1, true, NULL));
        cr_expect_not_null(find(&allowances, 1, true, &rate));
        allowances_deinit(&allowances);
}

Test(allowance, all_others_share_one)
{
        ConfigRate rate = {.n = 500, .period_usec = 1};
        Allowances allowances;
        int n = 0;

        allowances_init(&allowances, 0);
        Bucket *bucket = find(&allowances, 1, false, NULL);
        cr_expect_eq(find(&allowances, 2, false, NULL), bucket);
        cr_expect_eq(find(&allowances, 2, false, &rate), bucket, "a rate is for whom the policy names");
        while (bucket_take(bucket, 0))
                n++;
        cr_expect_eq(n, 100);
        cr_expect_not(bucket_take(bucket, 999999));
        cr_expect(bucket_take(bucket, 1000000));
        allowances_deinit(&allowances);
}

Test(allowance, coming_back_fills_nothing)
{
        ConfigRate rate = {.n = 2, .period_usec = 1000000};
        Allowances allowances;

        allowances_init(&allowances, 0);
        Bucket *bucket = find(&allowances, 1, true, &rate);
        cr_expect(bucket_take(bucket, 0));
        cr_expect(bucket_take(bucket, 0));
        cr_expect_eq(find(&allowances, 1, true, &rate), bucket);
        cr_expect_not(bucket_take(bucket, 0));
        cr_expect_neq(find(&allowances, 2, true, &rate), bucket, "each uid has its own");
        allowances_deinit(&allowances);
}
