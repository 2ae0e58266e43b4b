/*
 * wire/commitment.h against digests computed by Python's hashlib.
 */

#include <criterion/criterion.h>
#include <string.h>

#include "wire/commitment.h"

static const uint8_t salt[COMMITMENT_SALT_SIZE] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                                   11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                                                   22, 23, 24, 25, 26, 27, 28, 29, 30, 31};

Test(commitment, is_what_any_other_program_computes)
{
        char text[COMMITMENT_TEXT_SIZE];

        commitment_of(COMMITMENT_DETAIL, salt, "{\"case\":\"MTIz\"}", 15, text);
        cr_assert_str_eq(text, "RH8SdciTJcYiNJ4ixiFhqdCyPq_T_SmWD5Ds9fthsao");
        commitment_of(COMMITMENT_JOB, salt, "job", 3, text);
        cr_assert_str_eq(text, "cah0skOYOXQmANctHJZuv-cFCUu1ZRNSxazANpp4IRQ");
        commitment_of(COMMITMENT_JOB, salt, NULL, 0, text);
        cr_assert_str_eq(text, "filvq14CbV4jJ-6voi-HaapO72dXaBuJxT1Tb2rUNJs");
}

Test(commitment, opens_with_its_own_salt_bytes_and_purpose_only)
{
        char text[COMMITMENT_TEXT_SIZE];
        uint8_t other_salt[COMMITMENT_SALT_SIZE];

        memcpy(other_salt, salt, sizeof(salt));
        other_salt[31] ^= 1;
        commitment_of(COMMITMENT_JOB, salt, "job", 3, text);
        cr_assert(commitment_opens(text, COMMITMENT_JOB, salt, "job", 3));
        cr_assert_not(commitment_opens(text, COMMITMENT_DETAIL, salt, "job", 3));
        cr_assert_not(commitment_opens(text, COMMITMENT_JOB, other_salt, "job", 3));
        cr_assert_not(commitment_opens(text, COMMITMENT_JOB, salt, "joc", 3));
        cr_assert_not(commitment_opens(text, COMMITMENT_JOB, salt, "job", 2));
}

Test(commitment, what_is_no_commitment_opens_to_nothing)
{
        char text[COMMITMENT_TEXT_SIZE + 1];

        cr_assert_not(commitment_opens(NULL, COMMITMENT_JOB, salt, "job", 3));
        cr_assert_not(commitment_opens("", COMMITMENT_JOB, salt, "job", 3));
        commitment_of(COMMITMENT_JOB, salt, "job", 3, text);
        strcat(text, "=");
        cr_assert_not(commitment_opens(text, COMMITMENT_JOB, salt, "job", 3));
}
