/*
 * base/buffer.h: growth, the NUL behind the content, failure that sticks, and handing the bytes over.
 */

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/macro.h"

Test(buffer, reads_as_an_empty_string_while_empty)
{
        Buffer buffer = BUFFER_INIT;
        cr_assert_str_eq(buffer_text(&buffer), "");
        buffer_deinit(&buffer);
        buffer_deinit(&buffer);
}

Test(buffer, keeps_a_nul_behind_the_content_at_every_length)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;

        for (size_t i = 1; i <= 1000; i++) {
                buffer_append(&buffer, "x", 1);
                cr_assert_eq(buffer.n, i);
                cr_assert_eq(strlen(buffer_text(&buffer)), i);
        }
}

Test(buffer, appends_bytes_text_and_formats_in_order)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;

        buffer_append(&buffer, NULL, 0);
        buffer_append(&buffer, "a\0b", 3);
        buffer_append_text(&buffer, "cd");
        buffer_append_format(&buffer, "-%d-%s", 42, "e");
        cr_assert_eq(buffer.n, 10);
        cr_assert_eq(memcmp(buffer.data, "a\0bcd-42-e", 11), 0);
}

Test(buffer, formats_text_longer_than_its_capacity)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;

        buffer_append_format(&buffer, "%0500d", 7);
        cr_assert_eq(buffer.n, 500);
        cr_assert_eq(buffer.data[499], '7');
        cr_assert_eq(buffer.data[500], 0);
}

Test(buffer, a_size_that_overflows_sticks_as_failure)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;

        buffer_append_text(&buffer, "kept");
        cr_assert_null(buffer_extend(&buffer, SIZE_MAX - 2));
        cr_assert(buffer.failed);
        buffer_append_text(&buffer, "ignored");
        cr_assert_eq(buffer.n, 4);
        cr_assert_null(buffer_take(&buffer, NULL));
}

Test(buffer, clearing_forgets_content_and_failure)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;

        buffer_append_text(&buffer, "old");
        buffer.failed = true;
        buffer_clear(&buffer);
        cr_assert_not(buffer.failed);
        cr_assert_str_eq(buffer_text(&buffer), "");
        buffer_append_text(&buffer, "new");
        cr_assert_str_eq(buffer_text(&buffer), "new");
}

Test(buffer, taking_hands_over_the_bytes_and_leaves_it_empty)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;
        size_t n = 0;

        buffer_append_text(&buffer, "mine");
        _cleanup_(freep) char *text = buffer_take(&buffer, &n);
        cr_assert_str_eq(text, "mine");
        cr_assert_eq(n, 4);
        cr_assert_null(buffer.data);
        cr_assert_eq(buffer.n, 0);
}

Test(buffer, taking_from_an_empty_one_still_gives_memory)
{
        Buffer buffer = BUFFER_INIT;
        size_t n = 1;

        _cleanup_(freep) char *text = buffer_take(&buffer, &n);
        cr_assert_str_eq(text, "");
        cr_assert_eq(n, 0);
}
