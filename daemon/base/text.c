/*
 * Text and bytes. Pure; owns two alphabets.
 */

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

static const char text_hex_digits[] = "0123456789abcdef";
static const char text_base64_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char text_base64url_alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void text_hex(const void *data, size_t n, char *ret_text)
{
        const uint8_t *bytes = data;

        for (size_t i = 0; i < n; i++) {
                ret_text[2 * i] = text_hex_digits[bytes[i] >> 4];
                ret_text[2 * i + 1] = text_hex_digits[bytes[i] & 15];
        }
        ret_text[2 * n] = 0;
}

static int text_hex_value(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        return -1;
}

bool text_from_hex(const char *text, size_t n_text, void *ret_data, size_t n)
{
        uint8_t *bytes = ret_data;

        if (n_text != 2 * n)
                return false;
        for (size_t i = 0; i < n_text; i++)
                if (text_hex_value(text[i]) < 0)
                        return false;
        for (size_t i = 0; i < n; i++)
                bytes[i] = (uint8_t)(text_hex_value(text[2 * i]) << 4 | text_hex_value(text[2 * i + 1]));
        return true;
}

static size_t text_encode(const void *data, size_t n, const char *alphabet, char *ret_text)
{
        const uint8_t *in = data;
        char *out = ret_text;

        for (; n >= 3; n -= 3, in += 3) {
                uint32_t v = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
                *out++ = alphabet[v >> 18];
                *out++ = alphabet[v >> 12 & 63];
                *out++ = alphabet[v >> 6 & 63];
                *out++ = alphabet[v & 63];
        }
        if (n > 0) {
                uint32_t v = (uint32_t)in[0] << 16 | (n > 1 ? (uint32_t)in[1] << 8 : 0);
                *out++ = alphabet[v >> 18];
                *out++ = alphabet[v >> 12 & 63];
                if (n > 1)
                        *out++ = alphabet[v >> 6 & 63];
        }
        *out = 0;
        return (size_t)(out - ret_text);
}

size_t text_base64(const void *data, size_t n, char *ret_text)
{
        size_t length = text_encode(data, n, text_base64_alphabet, ret_text);
        while (length % 4 != 0)
                ret_text[length++] = '=';
        ret_text[length] = 0;
        return length;
}

size_t text_base64url(const void *data, size_t n, char *ret_text)
{
        return text_encode(data, n, text_base64url_alphabet, ret_text);
}

/* The value of a digit in either alphabet; '+/' or '-_' by `url`; 64 for anything else. */
static uint32_t text_base64_value(char c, bool url)
{
        if (c >= 'A' && c <= 'Z')
                return (uint32_t)(c - 'A');
        if (c >= 'a' && c <= 'z')
                return (uint32_t)(c - 'a') + 26;
        if (c >= '0' && c <= '9')
                return (uint32_t)(c - '0') + 52;
        if (c == (url ? '-' : '+'))
                return 62;
        if (c == (url ? '_' : '/'))
                return 63;
        return 64;
}

/* Decodes `n_text` digits without padding. Unused bits must be zero, so that each value has one text. */
static bool text_decode(const char *text, size_t n_text, bool url, uint8_t *out, size_t *ret_n)
{
        uint32_t bits = 0;
        unsigned n_bits = 0;
        size_t n = 0;

        if (n_text % 4 == 1)
                return false;
        for (size_t i = 0; i < n_text; i++) {
                uint32_t value = text_base64_value(text[i], url);
                if (value > 63)
                        return false;
                bits = bits << 6 | value;
                n_bits += 6;
                if (n_bits >= 8) {
                        n_bits -= 8;
                        out[n++] = (uint8_t)(bits >> n_bits);
                        bits &= (1u << n_bits) - 1;
                }
        }
        if (bits != 0)
                return false;
        *ret_n = n;
        return true;
}

bool text_from_base64(const char *text, size_t n_text, void *ret_data, size_t *ret_n)
{
        if (n_text % 4 != 0)
                return false;
        for (int i = 0; i < 2 && n_text > 0 && text[n_text - 1] == '='; i++)
                n_text--;
        return text_decode(text, n_text, false, ret_data, ret_n);
}

bool text_from_base64url(const char *text, size_t n_text, void *ret_data, size_t *ret_n)
{
        return text_decode(text, n_text, true, ret_data, ret_n);
}

/* How many bytes follow a lead byte, and the least code point that needs that many; 0 bytes: not a lead. */
static size_t text_utf8_follow(uint8_t lead, uint32_t *ret_bits, uint32_t *ret_least)
{
        static const struct {
                uint8_t mask, lead;
                uint32_t least;
        } forms[] = {{0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};

        for (size_t i = 0; i < 3; i++) {
                if ((lead & forms[i].mask) == forms[i].lead) {
                        *ret_bits = lead & (uint8_t)~forms[i].mask;
                        *ret_least = forms[i].least;
                        return i + 1;
                }
        }
        return 0;
}

bool text_is_utf8(const char *text, size_t n)
{
        const uint8_t *p = (const uint8_t *)text, *end = p + n;

        while (p < end) {
                uint8_t lead = *p++;
                if (lead < 0x80)
                        continue;
                uint32_t code = 0, least = 0;
                size_t follow = text_utf8_follow(lead, &code, &least);
                if (follow == 0 || (size_t)(end - p) < follow)
                        return false;
                for (size_t i = 0; i < follow; i++, p++) {
                        if ((*p & 0xc0) != 0x80)
                                return false;
                        code = code << 6 | (*p & 0x3f);
                }
                if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
                        return false;
        }
        return true;
}

bool text_to_u64(const char *text, size_t n, uint64_t *ret_value)
{
        uint64_t value = 0;

        if (n == 0 || (n > 1 && text[0] == '0'))
                return false;
        for (size_t i = 0; i < n; i++) {
                if (text[i] < '0' || text[i] > '9')
                        return false;
                if (__builtin_mul_overflow(value, 10, &value) ||
                    __builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value))
                        return false;
        }
        *ret_value = value;
        return true;
}

bool text_to_days(const char *text, uint64_t *ret_days)
{
        static const struct {
                const char *name;
                uint64_t days;
        } units[] = {{"d", 1}, {"w", 7}, {"mon", 30}};
        size_t n = strspn(text, "0123456789");
        uint64_t number;

        if (!text_to_u64(text, n, &number) || number == 0)
                return false;
        for (size_t i = 0; i < ARRAY_SIZE(units); i++)
                if (strcmp(text + n, units[i].name) == 0 && number <= TEXT_DAYS_MAX / units[i].days) {
                        *ret_days = number * units[i].days;
                        return true;
                }
        return false;
}

/* A decimal number taken apart: digits without the point, and
 * the power of ten they are to be multiplied by. */
typedef struct Decimal {
        bool negative, has_exponent, has_point;
        size_t n_digits; /* only significant ones are kept */
        char digits[64];
        bool cut; /* further digits followed, and one of them was not zero */
        long exponent;
} Decimal;

static void decimal_digit(Decimal *d, char c, bool after_point)
{
        if (d->n_digits == 0 && c == '0') {
                d->exponent -= after_point;
                return;
        }
        if (d->n_digits == sizeof(d->digits)) {
                d->cut |= c != '0';
                d->exponent += !after_point;
                return;
        }
        d->digits[d->n_digits++] = c;
        d->exponent -= after_point;
}

static const char *decimal_exponent(Decimal *d, const char *p, const char *end)
{
        bool negative = false;
        long exponent = 0;

        if (p < end && (*p == '+' || *p == '-'))
                negative = *p++ == '-';
        const char *start = p;
        for (; p < end && *p >= '0' && *p <= '9'; p++)
                if (exponent < 100000)
                        exponent = exponent * 10 + (*p - '0');
        if (p == start)
                return NULL;
        d->has_exponent = true;
        d->exponent += negative ? -exponent : exponent;
        return p;
}

static bool decimal_parse(const char *p, size_t n, Decimal *d)
{
        const char *end = p + n;

        if (p < end && *p == '-') {
                d->negative = true;
                p++;
        }
        const char *start = p;
        for (; p < end && *p >= '0' && *p <= '9'; p++)
                decimal_digit(d, *p, false);
        if (p == start || (*start == '0' && p - start > 1))
                return false;
        if (p < end && *p == '.') {
                d->has_point = true;
                start = ++p;
                for (; p < end && *p >= '0' && *p <= '9'; p++)
                        decimal_digit(d, *p, true);
                if (p == start)
                        return false;
        }
        if (p < end && (*p == 'e' || *p == 'E'))
                p = decimal_exponent(d, p + 1, end);
        return p == end;
}

bool text_to_similarity(const char *text, size_t n, bool round_up, int32_t *ret_millionths)
{
        Decimal d = {};
        if (!decimal_parse(text, n, &d))
                return false;
        if (!round_up && d.has_exponent)
                return false;

        /* Digits that stand before the millionths' point; beyond seven the number exceeds one. */
        long n_whole = (long)d.n_digits + d.exponent + 6;
        if (d.n_digits > 0 && n_whole > 7)
                return false;
        int64_t value = 0;
        bool rest = d.cut;
        for (long i = 0; i < (long)d.n_digits; i++) {
                if (i < n_whole)
                        value = value * 10 + (d.digits[i] - '0');
                else
                        rest |= d.digits[i] != '0';
        }
        for (long i = (long)d.n_digits; d.n_digits > 0 && i < n_whole; i++)
                value *= 10;
        if (rest && !round_up)
                return false;
        if (value > TEXT_SIMILARITY_ONE || (value == TEXT_SIMILARITY_ONE && rest))
                return false;
        /* Rounding up is towards plus infinity: what is cut off a negative number makes it larger already. */
        if (rest && !d.negative)
                value++;
        *ret_millionths = (int32_t)(d.negative ? -value : value);
        return true;
}

void text_similarity(int32_t millionths, char ret_text[static TEXT_SIMILARITY_SIZE])
{
        int32_t size = abs(millionths);
        int n = snprintf(ret_text, TEXT_SIMILARITY_SIZE, "%s%" PRId32 ".%06" PRId32,
                         millionths < 0 ? "-" : "", size / TEXT_SIMILARITY_ONE, size % TEXT_SIMILARITY_ONE);

        while (ret_text[n - 1] == '0')
                n--;
        if (ret_text[n - 1] == '.')
                n--;
        ret_text[n] = '\0';
}

static bool text_is_of(const char *text, size_t n, size_t max, const char *further)
{
        if (n == 0 || n > max)
                return false;
        for (size_t i = 0; i < n; i++) {
                char c = text[i];
                bool digit = c >= '0' && c <= '9', lower = c >= 'a' && c <= 'z';
                if (!digit && !lower && (c == 0 || !strchr(further, c)))
                        return false;
        }
        return true;
}

#define TEXT_UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

bool text_is_name(const char *text, size_t n)
{
        return text_is_of(text, n, 63, "-") && text[0] != '-';
}

bool text_is_model(const char *text, size_t n)
{
        return text_is_of(text, n, 63, TEXT_UPPER "._+-") && !strchr("._+-", text[0]);
}

bool text_is_subject(const char *text, size_t n)
{
        return text_is_of(text, n, 64, TEXT_UPPER "._:-");
}
