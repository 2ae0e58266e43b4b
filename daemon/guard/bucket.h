#pragma once
/*
 * Bucket: how fast requests may be recorded for somebody. N tokens a period come in, at most `burst` are
 * saved; each recorded request takes one. Pure: it is told the time.
 */

#include <stdbool.h>
#include <stdint.h>

typedef struct Bucket {
        uint64_t n; /* tokens a period */
        uint64_t period_usec;
        uint64_t burst;
        uint64_t level_usec; /* what is saved, as the time that it took to come in */
        uint64_t last_usec;  /* when that was reckoned */
} Bucket;

/** bucket_init() - A full bucket. @n and @period_usec and @burst are above 0. */
void bucket_init(Bucket *bucket, uint64_t n, uint64_t period_usec, uint64_t burst, uint64_t now_usec);

/** bucket_take() - Takes one token if there is one. Return: whether there was. */
bool bucket_take(Bucket *bucket, uint64_t now_usec);

/** bucket_give_back() - Puts one back that was not used. */
void bucket_give_back(Bucket *bucket);

/** bucket_next_usec() - How long after @now_usec the next token is there; 0 when one is. */
uint64_t bucket_next_usec(Bucket *bucket, uint64_t now_usec);
