/* Tables: every cell in its column, nothing cut, no line wider than what was given. */

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "tools/table.h"

static const TableColumn columns[] = {{"NO", 4, true}, {"WHO", 6, false}, {"WHAT", 10, false}};

static const char *row(const char *number, const char *who, const char *what)
{
        static char page[1024];
        const char *const cells[] = {number, who, what};

        memset(page, 0, sizeof(page));
        FILE *out = fmemopen(page, sizeof(page) - 1, "w");
        table_row(out, columns, ARRAY_SIZE(columns), cells);
        fclose(out);
        return page;
}

Test(table, a_row_that_fits_is_one_line)
{
        cr_expect_str_eq(row("12", "anna", "asks"), "  12  anna    asks\n");
        cr_expect_str_eq(row("1234", "sixsix", "ten-ten-10"), "1234  sixsix  ten-ten-10\n");
}

Test(table, no_line_ends_in_spaces)
{
        cr_expect_str_eq(row("12", "anna", ""), "  12  anna\n");
        cr_expect_str_eq(row("12", "", "asks"), "  12          asks\n");
        cr_expect_str_eq(row("", "", ""), "\n");
}

Test(table, a_long_cell_goes_on_below_itself)
{
        cr_expect_str_eq(row("12", "anna", "looks for a child"), "  12  anna    looks for\n"
                                                                 "              a child\n");
        cr_expect_str_eq(row("1", "anna and bert", "a b c d e f g"), "   1  anna    a b c d e\n"
                                                                     "      and     f g\n"
                                                                     "      bert\n");
}

Test(table, a_long_word_breaks_behind_a_hyphen_or_where_it_must)
{
        cr_expect_str_eq(row("1", "x", "missing-child-reunion"), "   1  x       missing-\n"
                                                                 "              child-\n"
                                                                 "              reunion\n");
        cr_expect_str_eq(row("1", "abcdefghijk", "x"), "   1  abcdef  x\n"
                                                       "      ghijk\n");
}

Test(table, a_number_is_never_broken)
{
        cr_expect_str_eq(row("1234567", "x", "x"), "1234567  x       x\n");
}

Test(table, the_head_is_a_row_of_names)
{
        char page[256] = "";
        FILE *out = fmemopen(page, sizeof(page) - 1, "w");
        table_head(out, columns, ARRAY_SIZE(columns));
        fclose(out);
        cr_expect_str_eq(page, "  NO  WHO     WHAT\n");
}

Test(table, the_width_is_what_the_environment_says_within_reason)
{
        static const struct {
                const char *columns;
                size_t width;
        } rows[] = {
                {"132", 132},
                {"80", 80},
                {"20", TABLE_WIDTH_MIN},
                {"0", TABLE_WIDTH_MIN},
                {"99999", TABLE_WIDTH_MAX},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                setenv("COLUMNS", rows[i].columns, 1);
                cr_expect_eq(table_width(), rows[i].width, "%s", rows[i].columns);
        }
}

Test(table, without_a_terminal_the_width_is_the_default)
{
        static const char *const nonsense[] = {"", "x", "-5", "80x"};

        cr_assert_neq(freopen("/dev/null", "w", stdout), NULL);
        unsetenv("COLUMNS");
        cr_expect_eq(table_width(), TABLE_WIDTH_DEFAULT);
        for (size_t i = 0; i < ARRAY_SIZE(nonsense); i++) {
                setenv("COLUMNS", nonsense[i], 1);
                cr_expect_eq(table_width(), TABLE_WIDTH_DEFAULT, "%s", nonsense[i]);
        }
}
