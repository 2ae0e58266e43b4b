/* What people read: wrapped, aligned, and without anything that commands a terminal. */

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "tools/page.h"

static const char *field(const char *label, const char *text)
{
        static char page[2048];
        memset(page, 0, sizeof(page));
        FILE *out = fmemopen(page, sizeof(page) - 1, "w");
        page_field(out, label, text);
        fclose(out);
        return page;
}

Test(page, a_field_is_label_and_text)
{
        cr_expect_str_eq(field("reason", "not-allowed: nothing permits it"),
                         "  reason        not-allowed: nothing permits it\n");
        cr_expect_str_eq(field("reason", ""), "  reason        \n");
}

Test(page, a_long_label_has_a_line_of_its_own)
{
        cr_expect_str_eq(field("thirteen-char", "x"), "  thirteen-char x\n");
        cr_expect_str_eq(field("fourteen-chars", "x"), "  fourteen-chars\n                x\n");
}

Test(page, long_text_is_wrapped_under_itself)
{
        cr_expect_str_eq(field("notice",
                               "Police use of face matching is suspended for one year, and this service "
                               "refuses it to whoever asks."),
                         "  notice        Police use of face matching is suspended for one year, and\n"
                         "                this service refuses it to whoever asks.\n");
}

Test(page, a_word_that_fits_nowhere_stands_alone)
{
        char word[101];
        memset(word, 'w', 100);
        word[100] = '\0';
        char text[128], wanted[256];
        snprintf(text, sizeof(text), "a %s b", word);
        snprintf(wanted, sizeof(wanted), "  x             a\n                %s\n                b\n", word);
        cr_expect_str_eq(field("x", text), wanted);
}

Test(page, text_alone_begins_at_the_margin)
{
        static char page[256];
        FILE *out = fmemopen(page, sizeof(page) - 1, "w");
        page_text(out, "Denied, moratorium: police-use covers it, and town-all would fit but not be excepted "
                       "by it\x1b.");
        fclose(out);
        cr_expect_str_eq(page, "Denied, moratorium: police-use covers it, and town-all would fit but not be\n"
                               "excepted by it?.\n");
}

Test(page, newlines_stay_and_spaces_fold)
{
        cr_expect_str_eq(field("x", "a  b\nc"), "  x             a b\n                c\n");
        cr_expect_str_eq(field("x", "a\n"), "  x             a\n");
}

Test(page, what_commands_a_terminal_is_taken_out)
{
        cr_expect_str_eq(field("x", "a\x1b[31mb\x7f\x07"), "  x             a?[31mb??\n");
        cr_expect_str_eq(field("x", "a\xc2\x9b"
                                    "31mb"),
                         "  x             a?31mb\n");
        cr_expect_str_eq(field("x", "gr\xc3\xbc\xc3\x9f"), "  x             gr\xc3\xbc\xc3\x9f\n");
}

Test(page, numbers_are_grouped)
{
        static const struct {
                uint64_t value;
                const char *text;
        } rows[] = {{0, "0"},
                    {7, "7"},
                    {999, "999"},
                    {1000, "1,000"},
                    {10000, "10,000"},
                    {1234567, "1,234,567"},
                    {UINT64_MAX, "18,446,744,073,709,551,615"}};
        char text[PAGE_NUMBER_SIZE];
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                cr_expect_str_eq(page_number(rows[i].value, text), rows[i].text);
}

Test(page, sizes_are_told_in_units_that_fit)
{
        static const uint64_t kib = 1024, mib = kib * 1024, gib = mib * 1024;
        const struct {
                uint64_t part, whole;
                const char *text;
        } rows[] = {{2254857830, 126 * gib, "2.1 of 126 GiB"},
                    {0, 126 * gib, "0 bytes of 126 GiB"},
                    {64 * mib, 2 * gib, "64 MiB of 2.0 GiB"},
                    {1023, kib, "1023 bytes of 1.0 KiB"},
                    {996 * gib / 100, 10 * gib, "10 of 10 GiB"},
                    {5 * mib, 5 * mib, "5.0 of 5.0 MiB"},
                    {0, 0, "0 of 0 bytes"},
                    {UINT64_MAX, UINT64_MAX, "17179869184 of 17179869184 GiB"}};
        char text[PAGE_SHARE_SIZE];
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                cr_expect_str_eq(page_share(rows[i].part, rows[i].whole, text), rows[i].text);
}
