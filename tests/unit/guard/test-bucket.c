/* The token bucket. */

#include <criterion/criterion.h>

#include "guard/bucket.h"

#define SECOND UINT64_C(1000000)

Test(bucket, the_burst_is_there_at_first_and_then_what_comes_in)
{
        Bucket bucket;

        bucket_init(&bucket, 1, SECOND, 100, 0);
        for (int i = 0; i < 100; i++)
                cr_expect(bucket_take(&bucket, 0));
        cr_expect_not(bucket_take(&bucket, 0));
        cr_expect_not(bucket_take(&bucket, SECOND - 1));
        cr_expect(bucket_take(&bucket, SECOND));
        cr_expect_not(bucket_take(&bucket, SECOND));
}

Test(bucket, no_more_than_the_burst_is_saved)
{
        Bucket bucket;

        bucket_init(&bucket, 10, SECOND, 3, 0);
        for (int i = 0; i < 3; i++)
                cr_expect(bucket_take(&bucket, 1000 * SECOND));
        cr_expect_not(bucket_take(&bucket, 1000 * SECOND));
}

Test(bucket, a_token_given_back_can_be_taken_again)
{
        Bucket bucket;

        bucket_init(&bucket, 1, SECOND, 1, 0);
        cr_expect(bucket_take(&bucket, 0));
        bucket_give_back(&bucket);
        bucket_give_back(&bucket);
        cr_expect(bucket_take(&bucket, 0));
        cr_expect_not(bucket_take(&bucket, 0));
}

Test(bucket, it_tells_when_the_next_token_comes)
{
        Bucket bucket;

        bucket_init(&bucket, 1, SECOND, 1, 0);
        cr_expect_eq(bucket_next_usec(&bucket, 0), 0);
        cr_assert(bucket_take(&bucket, 0));
        cr_expect_eq(bucket_next_usec(&bucket, SECOND / 4), SECOND * 3 / 4);
}

Test(bucket, a_clock_that_stands_or_goes_back_brings_nothing)
{
        Bucket bucket;

        bucket_init(&bucket, 1, SECOND, 1, 10 * SECOND);
        cr_assert(bucket_take(&bucket, 10 * SECOND));
        cr_expect_not(bucket_take(&bucket, 5 * SECOND));
}

Test(bucket, fractions_of_a_token_are_not_lost)
{
        Bucket bucket;
        int n = 0;

        bucket_init(&bucket, 3, SECOND, 1, 0);
        for (uint64_t t = 0; t < 100 * SECOND; t += 1000)
                n += bucket_take(&bucket, t);
        cr_expect_geq(n, 299);
        cr_expect_leq(n, 301);
}
