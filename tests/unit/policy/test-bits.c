/* Tests of policy/bits.h. */

#include "policy/bits.h"

#include <criterion/criterion.h>

#include "base/macro.h"

Test(bits, members_are_met_in_order_whatever_word_they_stand_in)
{
        static const size_t members[] = {0, 1, 63, 64, 130, 191};
        uint64_t bits[3] = {};
        size_t n = 0;

        for (size_t i = 0; i < ARRAY_SIZE(members); i++)
                bits_add(bits, members[i]);
        for (size_t i = 0; (i = bits_next(bits, 3, i)) != BITS_NONE; i++)
                cr_expect_eq(i, members[n++]);
        cr_expect_eq(n, ARRAY_SIZE(members));
        cr_expect_eq(bits_next(bits, 3, 65), 130);
        cr_expect_eq(bits_next(bits, 2, 65), BITS_NONE);
        cr_expect_eq(bits_next(bits, 3, 192), BITS_NONE);
}

Test(bits, sets_are_joined_cut_and_compared)
{
        uint64_t a[2] = {}, b[2] = {};

        bits_add(a, 3);
        bits_add(b, 100);
        cr_expect_not(bits_meet(a, b, 2));
        bits_join(a, b, 2);
        cr_expect(bits_has(a, 3) && bits_has(a, 100));
        cr_expect(bits_meet(a, b, 2));
        cr_expect_not(bits_meet(a, b, 1));
        bits_keep(a, b, 2);
        cr_expect(!bits_has(a, 3) && bits_has(a, 100));
        bits_drop(a, 100);
        cr_expect_not(bits_has(a, 100));
}
