/* Open permits: which are open after any order of adding and closing, held against a plain table. */

#include "tools/open-permits.h"

#include <criterion/criterion.h>

Test(open_permits, none_is_open_at_the_beginning)
{
        OpenPermits permits = OPEN_PERMITS_INIT;
        uint64_t index;

        cr_expect_eq(open_permits_count(&permits), 0);
        cr_expect_not(open_permits_has(&permits, 0));
        cr_expect_not(open_permits_next(&permits, 0, &index));
        open_permits_close(&permits, 3);
        cr_expect_eq(open_permits_count(&permits), 0);
        open_permits_deinit(&permits);
}

/* What the table says is open is all that is, asked for one by one and walked through. */
static void expect_same(const OpenPermits *permits, const bool *open, uint64_t n)
{
        uint64_t index = 0;
        size_t n_open = 0;

        for (uint64_t i = 0; i < n; i++) {
                cr_assert_eq(open_permits_has(permits, i), open[i], "%zu", (size_t)i);
                n_open += open[i];
        }
        cr_assert_eq(open_permits_count(permits), n_open);
        for (uint64_t i = 0; i < n; i++) {
                if (!open[i])
                        continue;
                cr_assert(open_permits_next(permits, index, &index));
                cr_assert_eq(index++, i);
        }
        cr_assert_not(open_permits_next(permits, index, &index));
}

Test(open_permits, each_is_open_until_it_is_closed_whatever_the_order)
{
        enum { N = 600 };
        OpenPermits permits = OPEN_PERMITS_INIT;
        bool open[N] = {};

        for (uint64_t i = 0; i < N; i++) {
                if (i % 3 != 0) {
                        cr_assert_eq(open_permits_add(&permits, i), 0);
                        open[i] = true;
                }
                /* 7 and N have no common factor, so that the closing jumps about; some are closed twice. */
                uint64_t of = i * 7 % N;
                open_permits_close(&permits, of);
                open[of] = false;
                if (i % 50 == 0)
                        expect_same(&permits, open, N);
        }
        expect_same(&permits, open, N);
        open_permits_deinit(&permits);
}
