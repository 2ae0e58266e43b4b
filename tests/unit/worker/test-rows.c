/*
 * Whose template each row holds.
 */

#include <criterion/criterion.h>

#include "worker/codes.h"
#include "worker/rows.h"
#include "worker/subjects.h"

static void append(Rows *rows, uint32_t subject)
{
        cr_assert_eq(rows_reserve(rows, rows->n + 1, subject == SUBJECTS_NONE ? 0 : subject + 1), 0);
        rows_append(rows, subject);
}

Test(rows, leads_from_a_subjects_first_row_to_its_last_in_their_order)
{
        Rows rows = ROWS_INIT;

        cr_assert_eq(rows_reserve(&rows, 0, 7), 0);
        for (uint32_t row = 0; row < 1000; row++)
                append(&rows, row * row % 7);
        for (uint32_t subject = 0; subject < 7; subject++) {
                uint32_t row = rows.chains[subject].first;
                for (uint32_t i = 0; i < rows.chains[subject].n; i++) {
                        cr_assert_eq(row * row % 7, subject);
                        cr_assert(rows.next[row] == ROWS_NONE || rows.next[row] > row);
                        cr_assert_eq(rows.next[row] == ROWS_NONE, row == rows.chains[subject].last);
                        row = rows.next[row];
                }
        }
        cr_assert_eq(rows.chains[3].n + rows.chains[5].n + rows.chains[6].n, 0);
        rows_deinit(&rows);
}

Test(rows, empties_the_rows_of_one_subject_alone_which_may_come_again)
{
        Rows rows = ROWS_INIT;

        for (uint32_t row = 0; row < 90; row++)
                append(&rows, row % 3);
        rows_drop(&rows, 1);
        for (uint32_t row = 0; row < 90; row++)
                cr_assert_eq(rows.subjects[row], row % 3 == 1 ? SUBJECTS_NONE : row % 3);
        append(&rows, 1);
        cr_assert_eq(rows.chains[1].first, 90);
        cr_assert_eq(rows.chains[1].n, 1);
        cr_assert_eq(rows.chains[2].n, 30);
        rows_deinit(&rows);
}

Test(rows, tells_which_rows_of_a_block_hold_something)
{
        Rows rows = ROWS_INIT;

        for (uint32_t row = 0; row < CODES_ROWS + 3; row++)
                append(&rows, row == 1 || row == CODES_ROWS + 1 ? SUBJECTS_NONE : row % 2);
        cr_assert_eq(rows_mask(&rows, 0), ~UINT64_C(2));
        cr_assert_eq(rows_mask(&rows, 1), 5);
        rows_drop(&rows, 0);
        cr_assert_eq(rows_mask(&rows, 1), 0);
        cr_assert_eq(rows_mask(&rows, 0), UINT64_C(0xaaaaaaaaaaaaaaa8));
        rows_deinit(&rows);
}
