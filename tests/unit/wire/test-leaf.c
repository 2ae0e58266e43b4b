/*
 * wire/leaf.h: one object, one text. Whatever is read encodes to the bytes it came from.
 */

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/random.h"
#include "wire/leaf.h"

static void encodes_to(const Leaf *leaf, const char *expected)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;

        cr_assert_eq(leaf_encode(leaf, LEAF_MAX, &buffer), 0);
        cr_assert_str_eq(buffer_text(&buffer), expected);
        cr_assert_eq(buffer.n, strlen(expected));
}

static int parse(const char *text, Leaf *leaf)
{
        return leaf_parse(text, strlen(text), LEAF_MAX, leaf);
}

Test(leaf, sorts_its_keys_by_byte_whatever_the_order_of_setting)
{
        Leaf leaf = LEAF_INIT;

        leaf_set_text(&leaf, "wall", "x");
        leaf_set_number(&leaf, "a", 0);
        leaf_set_number(&leaf, "kind-b", 9007199254740991);
        leaf_set_text(&leaf, "kind", "request");
        leaf_set_text(&leaf, "Z", "~ !#[]");
        leaf_set_text(&leaf, "kindb", "1");
        encodes_to(
                &leaf,
                "{\"Z\":\"~ !#[]\",\"a\":0,\"kind\":\"request\",\"kind-b\":9007199254740991,\"kindb\":\"1\","
                "\"wall\":\"x\"}");
}

Test(leaf, leaves_out_texts_that_are_empty_or_not_there)
{
        Leaf leaf = LEAF_INIT;

        leaf_set_text(&leaf, "empty", "");
        leaf_set_text(&leaf, "null", NULL);
        leaf_set_number(&leaf, "v", 1);
        encodes_to(&leaf, "{\"v\":1}");
}

Test(leaf, appends_to_what_the_buffer_holds)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;
        Leaf leaf = LEAF_INIT;

        leaf_set_number(&leaf, "v", 1);
        buffer_append_text(&buffer, "before");
        cr_assert_eq(leaf_encode(&leaf, 7, &buffer), 0);
        cr_assert_str_eq(buffer_text(&buffer), "before{\"v\":1}");
}

static void encoding_fails(const Leaf *leaf)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;

        cr_assert_eq(leaf_encode(leaf, LEAF_MAX, &buffer), LEAF_E_INVALID);
        cr_assert_eq(buffer.n, 0);
}

Test(leaf, fails_on_a_byte_that_no_string_can_hold)
{
        for (unsigned byte = 1; byte < 256; byte++) {
                char text[] = {'a', (char)byte, 'b', 0};
                bool plain = byte >= 0x20 && byte <= 0x7e && byte != '"' && byte != '\\';
                Leaf in_text = LEAF_INIT, in_key = LEAF_INIT;
                leaf_set_text(&in_text, "key", text);
                leaf_set_number(&in_key, text, 1);
                cr_assert_eq(in_text.failed, !plain, "byte %u", byte);
                cr_assert_eq(in_key.failed, !plain, "byte %u", byte);
                if (!plain)
                        encoding_fails(&in_text);
        }
}

Test(leaf, fails_on_what_no_leaf_can_hold)
{
        Leaf number = LEAF_INIT, twice = LEAF_INIT, nameless = LEAF_INIT;

        leaf_set_number(&number, "n", LEAF_NUMBER_MAX);
        cr_assert_not(number.failed);
        leaf_set_number(&number, "m", LEAF_NUMBER_MAX + 1);
        encoding_fails(&number);
        leaf_set_number(&twice, "n", 1);
        leaf_set_text(&twice, "n", "1");
        encoding_fails(&twice);
        leaf_set_number(&nameless, "", 1);
        encoding_fails(&nameless);
        encoding_fails(&LEAF_INIT);
}

Test(leaf, holds_so_many_fields_and_no_more)
{
        char keys[LEAF_FIELDS_MAX + 1][8];
        Leaf leaf = LEAF_INIT;

        for (int i = LEAF_FIELDS_MAX; i >= 0; i--) {
                cr_assert_not(leaf.failed);
                snprintf(keys[i], sizeof(keys[i]), "k%02d", i);
                leaf_set_number(&leaf, keys[i], (uint64_t)i);
        }
        cr_assert(leaf.failed);
        cr_assert_eq(leaf.n_fields, LEAF_FIELDS_MAX);
}

Test(leaf, longer_than_allowed_is_neither_written_nor_read)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;
        _cleanup_(freep) char *text = calloc(1, LEAF_MAX);
        Leaf leaf = LEAF_INIT, again = LEAF_INIT;

        memset(text, 'x', LEAF_MAX - 8);
        leaf_set_text(&leaf, "k", text);
        cr_assert_eq(leaf_encode(&leaf, LEAF_MAX, &buffer), 0);
        cr_assert_eq(buffer.n, LEAF_MAX);
        cr_assert_eq(leaf_parse(buffer.data, buffer.n, LEAF_MAX, &again), 0);
        leaf_deinit(&again);
        cr_assert_eq(leaf_parse(buffer.data, buffer.n, LEAF_MAX - 1, &again), LEAF_E_TOO_LONG);

        buffer_clear(&buffer);
        text[LEAF_MAX - 8] = 'x';
        cr_assert_eq(leaf_encode(&leaf, LEAF_MAX, &buffer), LEAF_E_TOO_LONG);
        cr_assert_eq(buffer.n, 0);
        cr_assert_eq(leaf_encode(&leaf, DETAIL_MAX, &buffer), 0);
        cr_assert_eq(leaf_parse(buffer.data, buffer.n, DETAIL_MAX, &again), 0);
        leaf_deinit(&again);
}

Test(leaf, gives_what_stands_under_a_key_and_only_as_what_it_is)
{
        _cleanup_(leaf_deinit) Leaf leaf = LEAF_INIT;
        uint64_t number = 7;

        cr_assert_eq(parse("{\"a\":\"text\",\"b\":42,\"c\":\"9\"}", &leaf), 0);
        cr_assert_str_eq(leaf_text(&leaf, "a"), "text");
        cr_assert(leaf_is(&leaf, "a", "text"));
        cr_assert_not(leaf_is(&leaf, "a", "tex"));
        cr_assert_not(leaf_is(&leaf, "b", "42"));
        cr_assert_not(leaf_is(&leaf, "d", "text"));
        cr_assert_null(leaf_text(&leaf, "b"));
        cr_assert_null(leaf_text(&leaf, "d"));
        cr_assert_not(leaf_number(&leaf, "c", &number));
        cr_assert_not(leaf_number(&leaf, "d", &number));
        cr_assert_eq(number, 7);
        cr_assert(leaf_number(&leaf, "b", &number));
        cr_assert_eq(number, 42);
}

Test(leaf, outlives_the_bytes_it_was_read_from)
{
        _cleanup_(leaf_deinit) Leaf leaf = LEAF_INIT;
        char bytes[] = "{\"a\":\"text\"}";

        cr_assert_eq(leaf_parse(bytes, strlen(bytes), LEAF_MAX, &leaf), 0);
        memset(bytes, 'x', sizeof(bytes));
        cr_assert(leaf_is(&leaf, "a", "text"));
}

static const char *const good_leaves[] = {
        "{\"a\":0}",
        "{\"a\":\" \"}",
        "{\"a\":9007199254740991}",
        "{\" \":\"~\"}",
        "{\"a\":1,\"a \":2,\"a-\":3,\"aa\":4}",
        "{\"A\":\"{}:,[]'/0\",\"a\":\"1\"}",
};

Test(leaf, reads_what_it_writes)
{
        for (size_t i = 0; i < ARRAY_SIZE(good_leaves); i++) {
                _cleanup_(leaf_deinit) Leaf leaf = LEAF_INIT;
                cr_assert_eq(parse(good_leaves[i], &leaf), 0, "refused %s", good_leaves[i]);
                encodes_to(&leaf, good_leaves[i]);
        }
}

static const char *const bad_leaves[] = {
        /* no object, or not only one */
        "",
        "{",
        "}",
        "{}",
        "[]",
        "null",
        "1",
        "\"a\"",
        "{\"a\":1",
        "{\"a\":1}}",
        "{\"a\":1}{\"a\":1}",
        "{{\"a\":1}}",
        "\xef\xbb\xbf{\"a\":1}",
        /* white space */
        " {\"a\":1}",
        "{\"a\":1} ",
        "{\"a\":1}\n",
        "{ \"a\":1}",
        "{\"a\" :1}",
        "{\"a\": 1}",
        "{\"a\":1 }",
        "{\"a\":1, \"b\":2}",
        "{\"a\":1,\n\"b\":2}",
        "{\"a\":\t1}",
        /* order and repetition of keys */
        "{\"b\":1,\"a\":2}",
        "{\"a\":1,\"a\":1}",
        "{\"a\":1,\"a\":\"1\"}",
        "{\"a\":1,\"B\":2}",
        "{\"aa\":1,\"a\":2}",
        "{\"aa\":1,\"a-\":2}",
        /* commas and colons */
        "{\"a\":1,}",
        "{,\"a\":1}",
        "{\"a\":1,,\"b\":2}",
        "{\"a\":1\"b\":2}",
        "{\"a\"1}",
        "{\"a\"::1}",
        "{\"a\"}",
        "{\"a\":}",
        "{:1}",
        "{a:1}",
        "{'a':1}",
        "{\"a\",1}",
        /* numbers */
        "{\"a\":00}",
        "{\"a\":01}",
        "{\"a\":-1}",
        "{\"a\":-0}",
        "{\"a\":+1}",
        "{\"a\":1.0}",
        "{\"a\":1.}",
        "{\"a\":.1}",
        "{\"a\":1e1}",
        "{\"a\":1E0}",
        "{\"a\":0x1}",
        "{\"a\":9007199254740992}",
        "{\"a\":10000000000000000}",
        "{\"a\":18446744073709551616}",
        "{\"a\":100000000000000000000000000000}",
        "{\"a\":1a}",
        /* other values */
        "{\"a\":null}",
        "{\"a\":true}",
        "{\"a\":false}",
        "{\"a\":[]}",
        "{\"a\":[1]}",
        "{\"a\":{}}",
        "{\"a\":{\"b\":1}}",
        "{\"a\":NaN}",
        /* strings */
        "{\"a\":\"\"}",
        "{\"\":1}",
        "{\"a\":\"b}",
        "{\"a\":\"b\\n\"}",
        "{\"a\":\"\\u0041\"}",
        "{\"a\":\"\\\\\"}",
        "{\"a\":\"\\\"\"}",
        "{\"a\\n\":1}",
        "{\"a\":\"\t\"}",
        "{\"a\":\"\x7f\"}",
        "{\"a\":\"\x1f\"}",
        "{\"a\":\"\xc3\xbc\"}",
        "{\"a\":\"\xff\"}",
        "{\"\xc3\xbc\":1}",
        "{\"a\":\"b\"\"c\"}",
        "{\"a\":'b'}",
        "{\"a\":b}",
};

Test(leaf, refuses_every_other_form)
{
        for (size_t i = 0; i < ARRAY_SIZE(bad_leaves); i++) {
                Leaf leaf = LEAF_INIT;
                cr_expect_eq(parse(bad_leaves[i], &leaf), LEAF_E_INVALID, "accepted %s", bad_leaves[i]);
                cr_expect_eq(leaf.n_fields, 0);
        }
}

Test(leaf, refuses_a_nul_wherever_it_stands)
{
        static const char text[] = "{\"a\":1,\"b\":\"c\"}";

        for (size_t i = 0; i <= strlen(text); i++) {
                char bytes[sizeof(text)];
                Leaf leaf = LEAF_INIT;
                memcpy(bytes, text, sizeof(text));
                bytes[i] = 0;
                cr_assert_eq(leaf_parse(bytes, sizeof(bytes), LEAF_MAX, &leaf), LEAF_E_INVALID);
                cr_assert_eq(leaf_parse(bytes, strlen(text), LEAF_MAX, &leaf),
                             i < strlen(text) ? LEAF_E_INVALID : 0);
                leaf_deinit(&leaf);
        }
}

Test(leaf, refuses_more_fields_than_it_has_room_for)
{
        for (int n = LEAF_FIELDS_MAX; n <= LEAF_FIELDS_MAX + 1; n++) {
                _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;
                _cleanup_(leaf_deinit) Leaf leaf = LEAF_INIT;
                for (int i = 0; i < n; i++)
                        buffer_append_format(&buffer, "%s\"k%02d\":%d", i == 0 ? "{" : ",", i, i);
                buffer_append_text(&buffer, "}");
                cr_assert_eq(leaf_parse(buffer.data, buffer.n, LEAF_MAX, &leaf),
                             n == LEAF_FIELDS_MAX ? 0 : LEAF_E_INVALID);
        }
}

/* Whatever single byte of a good leaf is changed: either it is
 * refused, or it is the text of what was read. */
Test(leaf, a_changed_byte_never_gives_a_second_text_for_one_leaf)
{
        static const char text[] = "{\"ab\":\"x y\",\"b\":1020,\"c\":\"0\"}";

        for (size_t i = 0; i < strlen(text); i++) {
                for (unsigned byte = 0; byte < 256; byte++) {
                        char bytes[sizeof(text)];
                        _cleanup_(leaf_deinit) Leaf leaf = LEAF_INIT;
                        memcpy(bytes, text, sizeof(text));
                        bytes[i] = (char)byte;
                        if (parse(bytes, &leaf) == 0)
                                encodes_to(&leaf, bytes);
                }
        }
}

Test(leaf, random_leaves_come_back_as_they_were)
{
        static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.: ,{}[]ABCXYZ~!#";

        for (int round = 0; round < 2000; round++) {
                _cleanup_(buffer_deinit) Buffer once = BUFFER_INIT, twice = BUFFER_INIT;
                _cleanup_(leaf_deinit) Leaf again = LEAF_INIT;
                Leaf leaf = LEAF_INIT;
                char keys[LEAF_FIELDS_MAX][5], texts[LEAF_FIELDS_MAX][9];
                uint8_t dice[LEAF_FIELDS_MAX][16];
                random_bytes(dice, sizeof(dice));
                for (size_t i = 0; i < 1u + dice[0][15] % LEAF_FIELDS_MAX; i++) {
                        uint64_t number = 0;
                        snprintf(keys[i], sizeof(keys[i]), "%c%zu", plain[dice[i][0] % (sizeof(plain) - 1)],
                                 i);
                        for (size_t j = 0; j < 8; j++)
                                texts[i][j] = plain[dice[i][j] % (sizeof(plain) - 1)];
                        texts[i][8] = 0;
                        memcpy(&number, dice[i] + 4, sizeof(number));
                        if (dice[i][1] & 1)
                                leaf_set_text(&leaf, keys[i], texts[i]);
                        else
                                leaf_set_number(&leaf, keys[i],
                                                (number & LEAF_NUMBER_MAX) >> dice[i][2] % 53);
                }
                cr_assert_eq(leaf_encode(&leaf, LEAF_MAX, &once), 0);
                cr_assert_eq(leaf_parse(once.data, once.n, LEAF_MAX, &again), 0);
                cr_assert_eq(leaf_encode(&again, LEAF_MAX, &twice), 0);
                cr_assert_str_eq(buffer_text(&once), buffer_text(&twice));
        }
}
