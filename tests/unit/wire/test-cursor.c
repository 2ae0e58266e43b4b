/*
 * wire/cursor.h: what is put is read back, and a failure sticks.
 */

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "wire/cursor.h"

Test(cursor, writes_numbers_little_endian)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;

        put_u8(&buffer, 0x01);
        put_u16(&buffer, 0x0302);
        put_u32(&buffer, 0x07060504);
        put_u64(&buffer, UINT64_C(0x0f0e0d0c0b0a0908));
        cr_assert_eq(buffer.n, 15);
        for (size_t i = 0; i < buffer.n; i++)
                cr_assert_eq(buffer.data[i], i + 1);
}

Test(cursor, reads_back_what_was_put)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;
        size_t n = 0;

        put_u8(&buffer, UINT8_MAX);
        put_u16(&buffer, UINT16_MAX);
        put_u32(&buffer, UINT32_MAX);
        put_u64(&buffer, UINT64_MAX);
        put_bool(&buffer, true);
        put_bool(&buffer, false);
        put_str(&buffer, "text");
        put_str(&buffer, NULL);
        put_opt_str(&buffer, NULL);
        put_opt_str(&buffer, "");
        put_blob(&buffer, "a\0b", 3);
        put_blob(&buffer, NULL, 0);

        Cursor cursor = cursor_init(buffer.data, buffer.n);
        cr_assert_eq(cursor_u8(&cursor), UINT8_MAX);
        cr_assert_eq(cursor_u16(&cursor), UINT16_MAX);
        cr_assert_eq(cursor_u32(&cursor), UINT32_MAX);
        cr_assert_eq(cursor_u64(&cursor), UINT64_MAX);
        cr_assert(cursor_bool(&cursor));
        cr_assert_not(cursor_bool(&cursor));
        cr_assert_str_eq(cursor_str(&cursor), "text");
        cr_assert_str_eq(cursor_str(&cursor), "");
        cr_assert_null(cursor_opt_str(&cursor));
        cr_assert_str_eq(cursor_opt_str(&cursor), "");
        cr_assert_eq(memcmp(cursor_blob(&cursor, &n), "a\0b", 3), 0);
        cr_assert_eq(n, 3);
        cr_assert_not_null(cursor_blob(&cursor, &n));
        cr_assert_eq(n, 0);
        cr_assert(cursor_end(&cursor));
}

Test(cursor, a_failure_sticks_and_everything_after_it_is_nothing)
{
        Cursor cursor = cursor_init("\x01\x02\x03", 3);
        uint8_t bytes[2] = {9, 9};
        size_t n = 9;

        cr_assert_eq(cursor_u32(&cursor), 0);
        cr_assert(cursor.failed);
        cr_assert_eq(cursor_u8(&cursor), 0);
        cr_assert_str_eq(cursor_str(&cursor), "");
        cr_assert_null(cursor_opt_str(&cursor));
        cr_assert_null(cursor_blob(&cursor, &n));
        cr_assert_eq(n, 0);
        cr_assert_null(cursor_bytes(&cursor, 0));
        cursor_copy(&cursor, bytes, sizeof(bytes));
        cr_assert_eq(bytes[0] + bytes[1], 0);
        cr_assert_not(cursor_end(&cursor));
}

Test(cursor, a_byte_left_over_is_no_end)
{
        Cursor cursor = cursor_init("ab", 2);

        cursor_u8(&cursor);
        cr_assert_not(cursor_end(&cursor));
        cursor_u8(&cursor);
        cr_assert(cursor_end(&cursor));
}

Test(cursor, nothing_at_all_can_be_read_from)
{
        Cursor cursor = cursor_init(NULL, 0);

        cr_assert(cursor_end(&cursor));
        cr_assert_not_null(cursor_bytes(&cursor, 0));
        cursor_u8(&cursor);
        cr_assert_not(cursor_end(&cursor));
}

Test(cursor, strings_that_do_not_keep_their_form_are_refused)
{
        static const struct {
                const char *bytes;
                size_t n;
        } bad[] = {
                {"", 0},
                {"\x00", 1},
                {"\x00\x00", 2},
                {"\x01\x00\x61", 3},
                {"\x01\x00\x61\x62", 4},
                {"\x02\x00\x61\x00\x00", 5},
                {"\x00\x00\x61", 3},
                {"\xff\xff\x61\x00", 4},
        };
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                Cursor cursor = cursor_init(bad[i].bytes, bad[i].n);
                cr_assert_str_eq(cursor_str(&cursor), "");
                cr_assert(cursor.failed, "accepted number %zu", i);
        }
}

Test(cursor, a_bool_is_zero_or_one)
{
        for (unsigned value = 0; value < 256; value++) {
                uint8_t byte = (uint8_t)value;
                Cursor cursor = cursor_init(&byte, 1);
                cr_assert_eq(cursor_bool(&cursor), value == 1);
                cr_assert_eq(cursor_end(&cursor), value <= 1);
        }
}

Test(cursor, a_blob_longer_than_what_is_left_is_refused)
{
        Cursor cursor = cursor_init("\xff\xff\xff\xff\x61", 5);
        size_t n = 1;

        cr_assert_null(cursor_blob(&cursor, &n));
        cr_assert_eq(n, 0);
        cr_assert(cursor.failed);
}

Test(cursor, a_string_too_long_for_its_length_fails_the_buffer)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;
        _cleanup_(freep) char *text = calloc(1, UINT16_MAX + 2);

        memset(text, 'x', UINT16_MAX);
        put_str(&buffer, text);
        cr_assert_not(buffer.failed);
        Cursor cursor = cursor_init(buffer.data, buffer.n);
        cr_assert_str_eq(cursor_str(&cursor), text);
        text[UINT16_MAX] = 'x';
        put_str(&buffer, text);
        cr_assert(buffer.failed);
}
