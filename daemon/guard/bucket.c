/*
 * A token bucket, reckoned in the time that a token takes to come in, so that no fraction is lost. Run by the
 * guard's loop; must not read a clock.
 */

#include "guard/bucket.h"

#include "base/macro.h"

static uint64_t bucket_token_usec(const Bucket *bucket)
{
        return MAX_OF(bucket->period_usec / bucket->n, UINT64_C(1));
}

static uint64_t bucket_full_usec(const Bucket *bucket)
{
        return bucket->burst * bucket_token_usec(bucket);
}

void bucket_init(Bucket *bucket, uint64_t n, uint64_t period_usec, uint64_t burst, uint64_t now_usec)
{
        *bucket = (Bucket){.n = n, .period_usec = period_usec, .burst = burst, .last_usec = now_usec};
        bucket->level_usec = bucket_full_usec(bucket);
}

static void bucket_fill(Bucket *bucket, uint64_t now_usec)
{
        if (now_usec <= bucket->last_usec)
                return;
        uint64_t room = bucket_full_usec(bucket) - bucket->level_usec;
        bucket->level_usec += MIN_OF(room, now_usec - bucket->last_usec);
        bucket->last_usec = now_usec;
}

bool bucket_take(Bucket *bucket, uint64_t now_usec)
{
        bucket_fill(bucket, now_usec);
        if (bucket->level_usec < bucket_token_usec(bucket))
                return false;
        bucket->level_usec -= bucket_token_usec(bucket);
        return true;
}

void bucket_give_back(Bucket *bucket)
{
        bucket->level_usec = MIN_OF(bucket->level_usec + bucket_token_usec(bucket), bucket_full_usec(bucket));
}

uint64_t bucket_next_usec(Bucket *bucket, uint64_t now_usec)
{
        bucket_fill(bucket, now_usec);
        uint64_t token = bucket_token_usec(bucket);
        return bucket->level_usec >= token ? 0 : token - bucket->level_usec;
}
