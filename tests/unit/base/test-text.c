/*
 * base/text.h: every reader accepts one text for one value. Tables of good and bad, and round trips.
 */

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/random.h"
#include "base/text.h"

Test(text, hex_reads_back_what_it_writes)
{
        uint8_t bytes[256], again[256];
        char hex[513];

        for (size_t i = 0; i < sizeof(bytes); i++)
                bytes[i] = (uint8_t)i;
        text_hex(bytes, sizeof(bytes), hex);
        cr_assert_eq(strncmp(hex, "000102", 6), 0);
        cr_assert(text_from_hex(hex, 512, again, sizeof(again)));
        cr_assert_eq(memcmp(bytes, again, sizeof(bytes)), 0);
}

Test(text, hex_that_is_not_lower_case_digits_of_the_right_number_is_refused)
{
        static const char *const bad[] = {"", "0", "000", "00000", "0G00", "00A0", "00 0", "-000", "0x00"};
        uint8_t bytes[2] = {7, 7};

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                cr_assert_not(text_from_hex(bad[i], strlen(bad[i]), bytes, 2), "accepted '%s'", bad[i]);
        cr_assert_eq(bytes[0], 7, "written to although refused");
}

/* RFC 4648, section 10. */
Test(text, base64_gives_the_examples_of_the_standard)
{
        static const struct {
                const char *plain, *base64, *url;
        } vectors[] = {
                {"", "", ""},
                {"f", "Zg==", "Zg"},
                {"fo", "Zm8=", "Zm8"},
                {"foo", "Zm9v", "Zm9v"},
                {"foob", "Zm9vYg==", "Zm9vYg"},
                {"fooba", "Zm9vYmE=", "Zm9vYmE"},
                {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
                {"\xfb\xff\xbf", "+/+/", "-_-_"},
        };
        char text[TEXT_BASE64_SIZE(8)];
        char bytes[16];
        size_t n = 0;

        for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
                size_t n_plain = strlen(vectors[i].plain);
                cr_assert_eq(text_base64(vectors[i].plain, n_plain, text), strlen(vectors[i].base64));
                cr_assert_str_eq(text, vectors[i].base64);
                cr_assert(text_from_base64(text, strlen(text), bytes, &n));
                cr_assert_eq(n, n_plain);
                cr_assert_eq(memcmp(bytes, vectors[i].plain, n), 0);
                cr_assert_eq(text_base64url(vectors[i].plain, n_plain, text), strlen(vectors[i].url));
                cr_assert_str_eq(text, vectors[i].url);
                cr_assert(text_from_base64url(text, strlen(text), bytes, &n));
                cr_assert_eq(n, n_plain);
                cr_assert_eq(memcmp(bytes, vectors[i].plain, n), 0);
        }
}

Test(text, base64_that_is_not_canonical_is_refused)
{
        static const char *const bad[] = {
                "Z",        "Zg",    "Zg=",  "Zm9",    "Zh==",     "Zm9=",    "=",    "====", "Z===",
                "Zg==Zg==", "Zg= =", "Zm 9", "Zm9v\n", "Zm9v====", "Zm9vYg=", "-_-_", "Zg=a", "Z=g=",
        };
        uint8_t bytes[16];
        size_t n = 0;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                cr_assert_not(text_from_base64(bad[i], strlen(bad[i]), bytes, &n), "accepted '%s'", bad[i]);
}

Test(text, base64url_that_is_not_canonical_is_refused)
{
        static const char *const bad[] = {
                "Z", "Zg==", "Zh", "Zm9", "Zm9=", "+/+/", "Zm9v ", "Zm9v\n", "Zm9vZ"};
        uint8_t bytes[16];
        size_t n = 0;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                cr_assert_not(text_from_base64url(bad[i], strlen(bad[i]), bytes, &n), "accepted '%s'",
                              bad[i]);
}

Test(text, base64_of_random_bytes_comes_back)
{
        uint8_t bytes[100], again[TEXT_BASE64_SIZE(100)];
        char text[TEXT_BASE64_SIZE(100)];
        size_t n_again = 0;

        for (size_t n = 0; n <= sizeof(bytes); n++) {
                random_bytes(bytes, n);
                size_t n_text = text_base64(bytes, n, text);
                cr_assert(text_from_base64(text, n_text, again, &n_again));
                cr_assert(n_again == n && memcmp(bytes, again, n) == 0);
                n_text = text_base64url(bytes, n, text);
                cr_assert(text_from_base64url(text, n_text, again, &n_again));
                cr_assert(n_again == n && memcmp(bytes, again, n) == 0);
        }
}

Test(text, well_formed_utf8_is_accepted)
{
        static const char *const good[] = {
                "",
                "ascii",
                "\x7f",
                "\xc2\x80",
                "\xdf\xbf",
                "\xe0\xa0\x80",
                "\xed\x9f\xbf",
                "\xee\x80\x80",
                "\xef\xbf\xbf",
                "\xf0\x90\x80\x80",
                "\xf4\x8f\xbf\xbf",
                "gr\xc3\xbc\xc3\x9f",
        };
        for (size_t i = 0; i < ARRAY_SIZE(good); i++)
                cr_assert(text_is_utf8(good[i], strlen(good[i])), "refused number %zu", i);
        cr_assert(text_is_utf8("a\0b", 3));
}

Test(text, ill_formed_utf8_is_refused)
{
        static const char *const bad[] = {
                "\x80",
                "\xbf",
                "\xc0\x80",
                "\xc1\xbf",
                "\xc2",
                "\xc2 ",
                "\xe0\x80\x80",
                "\xe0\x9f\xbf",
                "\xed\xa0\x80",
                "\xed\xbf\xbf",
                "\xe2\x82",
                "\xf0\x80\x80\x80",
                "\xf0\x8f\xbf\xbf",
                "\xf4\x90\x80\x80",
                "\xf5\x80\x80\x80",
                "\xf0\x9f\x98",
                "\xf8\x88\x80\x80\x80",
                "\xfe",
                "\xff",
                "ok\xc3",
        };
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                cr_assert_not(text_is_utf8(bad[i], strlen(bad[i])), "accepted number %zu", i);
}

Test(text, shortest_decimals_are_read)
{
        static const struct {
                const char *text;
                uint64_t value;
        } good[] = {{"0", 0}, {"7", 7}, {"10", 10}, {"18446744073709551615", UINT64_MAX}};
        uint64_t value = 1;

        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                cr_assert(text_to_u64(good[i].text, strlen(good[i].text), &value));
                cr_assert_eq(value, good[i].value);
        }
}

Test(text, other_decimals_are_refused)
{
        static const char *const bad[] = {"",
                                          "00",
                                          "01",
                                          "-1",
                                          "+1",
                                          " 1",
                                          "1 ",
                                          "1.0",
                                          "1e3",
                                          "0x1",
                                          "a",
                                          "18446744073709551616",
                                          "99999999999999999999"};
        uint64_t value = 0;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                cr_assert_not(text_to_u64(bad[i], strlen(bad[i]), &value), "accepted '%s'", bad[i]);
}

typedef struct SimilarityRow {
        const char *text;
        int32_t exact;   /* what is read without rounding; NO where it is refused */
        int32_t rounded; /* what is read when any JSON number will do */
} SimilarityRow;

enum { NO = INT32_MAX };

static const SimilarityRow similarity_rows[] = {
        {"0", 0, 0},
        {"-0", 0, 0},
        {"0.0", 0, 0},
        {"1", 1000000, 1000000},
        {"1.0", 1000000, 1000000},
        {"1.000000", 1000000, 1000000},
        {"1.0000000", 1000000, 1000000},
        {"-1", -1000000, -1000000},
        {"0.6", 600000, 600000},
        {"-0.25", -250000, -250000},
        {"0.000001", 1, 1},
        {"0.123456", 123456, 123456},
        {"0.1234560", 123456, 123456},
        {"0.1234561", NO, 123457},
        {"0.0000001", NO, 1},
        {"-0.0000001", NO, 0},
        {"-0.1234569", NO, -123456},
        {"0.99999999999999999999999999999999999999999999999999999999999999999999999999", NO, 1000000},
        {"0.12345600000000000000000000000000000000000000000000000000000000000000000000000001", NO, 123457},
        {"6e-1", NO, 600000},
        {"0.06E+1", NO, 600000},
        {"1e0", NO, 1000000},
        {"0e99999999999999999999", NO, 0},
        {"1e-99999999999999999999", NO, 1},
        {"-1e-99999999999999999999", NO, 0},
        {"10e-1", NO, 1000000},
        {"1.000001", NO, NO},
        {"1.0000001", NO, NO},
        {"-1.0000001", NO, NO},
        {"1.00000000000000000000000000000000000000000000000000000000000000000000000000000001", NO, NO},
        {"2", NO, NO},
        {"-2", NO, NO},
        {"10", NO, NO},
        {"1e1", NO, NO},
        {"1e99999999999999999999", NO, NO},
        {"", NO, NO},
        {"-", NO, NO},
        {".5", NO, NO},
        {"5.", NO, NO},
        {"+0.5", NO, NO},
        {"00.5", NO, NO},
        {"01", NO, NO},
        {"0.5 ", NO, NO},
        {" 0.5", NO, NO},
        {"0,5", NO, NO},
        {"1e", NO, NO},
        {"1e+", NO, NO},
        {"0x1", NO, NO},
        {"nan", NO, NO},
        {"inf", NO, NO},
        {"0.5.5", NO, NO},
};

static void similarity_is(const char *text, bool round_up, int32_t expected)
{
        int32_t millionths = NO;

        bool fine = text_to_similarity(text, strlen(text), round_up, &millionths);
        cr_expect_eq(fine, expected != NO, "'%s' %s", text, fine ? "accepted" : "refused");
        cr_expect_eq(millionths, expected, "'%s' is %d", text, millionths);
}

Test(text, similarities_are_read_exactly_or_refused)
{
        for (size_t i = 0; i < ARRAY_SIZE(similarity_rows); i++)
                similarity_is(similarity_rows[i].text, false, similarity_rows[i].exact);
}

Test(text, similarities_are_rounded_up_to_six_places)
{
        for (size_t i = 0; i < ARRAY_SIZE(similarity_rows); i++)
                similarity_is(similarity_rows[i].text, true, similarity_rows[i].rounded);
}

Test(text, similarities_are_written_as_the_shortest_decimals)
{
        static const struct {
                int32_t millionths;
                const char *text;
        } cases[] = {{0, "0"},          {1, "0.000001"},      {-1, "-0.000001"},
                     {600000, "0.6"},   {1000000, "1"},       {-1000000, "-1"},
                     {-500000, "-0.5"}, {999999, "0.999999"}, {-999999, "-0.999999"},
                     {100000, "0.1"},   {50000, "0.05"},      {10, "0.00001"}};
        char text[TEXT_SIMILARITY_SIZE];

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                text_similarity(cases[i].millionths, text);
                cr_expect_str_eq(text, cases[i].text);
        }
}

#define SIXTY_THREE "a23456789-123456789-123456789-123456789-123456789-123456789-123"

typedef struct GrammarRow {
        const char *text;
        bool name, model, subject;
} GrammarRow;

Test(text, names_models_and_subjects_keep_to_their_grammars)
{
        static const GrammarRow rows[] = {
                {"a", true, true, true},
                {"9", true, true, true},
                {"missing-children", true, true, true},
                {"a-", true, true, true},
                {SIXTY_THREE, true, true, true},
                {SIXTY_THREE "4", false, false, true},
                {SIXTY_THREE "45", false, false, false},
                {"", false, false, false},
                {"-a", false, false, true},
                {"A", false, true, true},
                {"arc.face_v1", false, true, true},
                {"a+b", false, true, false},
                {".a", false, false, true},
                {"a:b", false, false, true},
                {"_", false, false, true},
                {"a b", false, false, false},
                {"a\n", false, false, false},
                {"\xc3\xbc", false, false, false},
                {"a/b", false, false, false},
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                size_t n = strlen(rows[i].text);
                cr_expect_eq(text_is_name(rows[i].text, n), rows[i].name, "name '%s'", rows[i].text);
                cr_expect_eq(text_is_model(rows[i].text, n), rows[i].model, "model '%s'", rows[i].text);
                cr_expect_eq(text_is_subject(rows[i].text, n), rows[i].subject, "subject '%s'", rows[i].text);
        }
        cr_assert_not(text_is_name("a\0b", 3));
        cr_assert_not(text_is_model("a\0b", 3));
        cr_assert_not(text_is_subject("a\0b", 3));
}

Test(text, how_long_is_a_number_and_a_unit)
{
        static const struct {
                const char *text;
                uint64_t days; /* 0: it is none */
        } rows[] = {
                {"1d", 1},
                {"90d", 90},
                {"12w", 84},
                {"6mon", 180},
                {"36500d", 36500},
                {"1216mon", 36480},
                {"36501d", 0},
                {"0d", 0},
                {"01d", 0},
                {"d", 0},
                {"90", 0},
                {"90 d", 0},
                {"1217mon", 0},
                {"3m", 0},
                {"-1d", 0},
                {"", 0},
                {"18446744073709551616d", 0},
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                uint64_t days = 7;
                cr_expect_eq(text_to_days(rows[i].text, &days), rows[i].days > 0, "%s", rows[i].text);
                cr_expect_eq(days, rows[i].days > 0 ? rows[i].days : 7, "%s", rows[i].text);
        }
}
