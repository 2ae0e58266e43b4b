/*
 * Framing: messages come out as they went in, however the bytes are cut.
 */

#include "varlink/frame.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

static void expect_message(FrameReader *reader, const char *text)
{
        const char *message = NULL;
        size_t n = 0;

        cr_assert_eq(frame_reader_next(reader, &message, &n), 0);
        cr_assert_eq(n, strlen(text));
        cr_assert_str_eq(message, text, "the NUL follows in place");
}

static void expect_again(FrameReader *reader)
{
        const char *message = NULL;
        size_t n = 0;

        cr_assert_eq(frame_reader_next(reader, &message, &n), FRAME_E_AGAIN);
}

Test(frame, nothing_gives_nothing)
{
        _cleanup_(frame_reader_deinit) FrameReader reader = FRAME_READER_INIT;

        expect_again(&reader);
        cr_assert(frame_reader_is_empty(&reader));
}

Test(frame, messages_come_out_in_order_and_empty_ones_too)
{
        _cleanup_(frame_reader_deinit) FrameReader reader = FRAME_READER_INIT;

        cr_assert_eq(frame_reader_add(&reader, "one\0\0two\0thr", 12), 0);
        expect_message(&reader, "one");
        expect_message(&reader, "");
        expect_message(&reader, "two");
        expect_again(&reader);
        cr_assert(!frame_reader_is_empty(&reader));
        cr_assert_eq(frame_reader_add(&reader, "ee", 3), 0);
        expect_message(&reader, "three");
        cr_assert(frame_reader_is_empty(&reader));
}

Test(frame, every_way_of_cutting_gives_the_same_messages)
{
        static const char stream[] = "a\0bcd\0\0ef";

        for (unsigned cuts = 0; cuts < 1u << (sizeof(stream) - 1); cuts++) {
                _cleanup_(frame_reader_deinit) FrameReader reader = FRAME_READER_INIT;
                char seen[32] = "";
                size_t start = 0;
                for (size_t i = 1; i <= sizeof(stream); i++) {
                        const char *message = NULL;
                        size_t n = 0;
                        if (i < sizeof(stream) && !(cuts >> (i - 1) & 1))
                                continue;
                        cr_assert_eq(frame_reader_add(&reader, stream + start, i - start), 0);
                        start = i;
                        while (frame_reader_next(&reader, &message, &n) == 0) {
                                cr_assert_eq(strlen(message), n);
                                strcat(strcat(seen, message), "|");
                        }
                }
                cr_assert_str_eq(seen, "a|bcd||ef|");
        }
}

Test(frame, the_largest_message_passes_and_one_byte_more_does_not)
{
        _cleanup_(freep) char *bytes = malloc(FRAME_MAX + 2);
        const char *message = NULL;
        size_t n = 0;

        cr_assert(bytes);
        memset(bytes, 'x', FRAME_MAX + 2);
        bytes[FRAME_MAX] = 0;
        _cleanup_(frame_reader_deinit) FrameReader fits = FRAME_READER_INIT;
        cr_assert_eq(frame_reader_add(&fits, bytes, FRAME_MAX + 1), 0);
        cr_assert_eq(frame_reader_next(&fits, &message, &n), 0);
        cr_assert_eq(n, FRAME_MAX);

        bytes[FRAME_MAX] = 'x';
        bytes[FRAME_MAX + 1] = 0;
        _cleanup_(frame_reader_deinit) FrameReader ended = FRAME_READER_INIT;
        cr_assert_eq(frame_reader_add(&ended, bytes, FRAME_MAX + 2), 0);
        cr_assert_eq(frame_reader_next(&ended, &message, &n), FRAME_E_TOO_LARGE);

        _cleanup_(frame_reader_deinit) FrameReader endless = FRAME_READER_INIT;
        cr_assert_eq(frame_reader_add(&endless, bytes, FRAME_MAX), 0);
        cr_assert_eq(frame_reader_next(&endless, &message, &n), FRAME_E_AGAIN);
        cr_assert_eq(frame_reader_add(&endless, "x", 1), 0);
        cr_assert_eq(frame_reader_next(&endless, &message, &n), FRAME_E_TOO_LARGE);
        cr_assert_eq(frame_reader_next(&endless, &message, &n), FRAME_E_TOO_LARGE, "it stays so");
}

Test(frame, a_byte_at_a_time_takes_no_longer_than_it_should, .timeout = 600)
{
        _cleanup_(frame_reader_deinit) FrameReader reader = FRAME_READER_INIT;
        const char *message = NULL;
        size_t n = 0, n_messages = 0;

        /* A megabyte of waiting messages, then a byte more for each that is taken: moving what waits each
         * time would be a terabyte of copying. */
        for (size_t i = 0; i < FRAME_MAX / 2; i++)
                cr_assert_eq(frame_reader_add(&reader, "y", 2), 0);
        for (size_t i = 0; i < FRAME_MAX / 2; i++) {
                cr_assert_eq(frame_reader_next(&reader, &message, &n), 0);
                cr_assert_eq(frame_reader_add(&reader, "z", 1), 0);
        }
        while (frame_reader_next(&reader, &message, &n) == 0)
                n_messages++;
        cr_assert_eq(n_messages, 0);
        cr_assert_eq(reader.bytes.n - reader.start, FRAME_MAX / 2);
}

Test(frame, memory_of_a_large_message_is_given_back_once_it_is_taken)
{
        _cleanup_(frame_reader_deinit) FrameReader reader = FRAME_READER_INIT;
        _cleanup_(freep) char *bytes = calloc(1, 100000);
        const char *message = NULL;
        size_t n = 0;

        cr_assert(bytes);
        memset(bytes, 'x', 99999);
        cr_assert_eq(frame_reader_add(&reader, bytes, 100000), 0);
        frame_reader_shrink(&reader);
        cr_assert_eq(frame_reader_next(&reader, &message, &n), 0);
        cr_assert_eq(n, 99999, "what waits is kept");
        frame_reader_shrink(&reader);
        cr_assert_eq(reader.bytes.capacity, 0);
        cr_assert_eq(frame_reader_add(&reader, "a", 2), 0);
        expect_message(&reader, "a");
}
