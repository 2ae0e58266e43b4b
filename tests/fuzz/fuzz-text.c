/*
 * The readers of base/text.h on any bytes: what one accepts is the only text of its value.
 */

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/macro.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(bool fine)
{
        if (!fine)
                abort();
}

static void text_base64s(const char *text, size_t n)
{
        _cleanup_(freep) uint8_t *bytes = malloc(n / 4 * 3 + 2);
        _cleanup_(freep) char *again = malloc(n + 8);
        size_t n_bytes = 0;

        if (!bytes || !again)
                return;
        if (text_from_base64(text, n, bytes, &n_bytes))
                must(text_base64(bytes, n_bytes, again) == n && memcmp(again, text, n) == 0);
        if (text_from_base64url(text, n, bytes, &n_bytes))
                must(text_base64url(bytes, n_bytes, again) == n && memcmp(again, text, n) == 0);
}

static void text_numbers(const char *text, size_t n)
{
        _cleanup_(buffer_deinit) Buffer buffer = BUFFER_INIT;
        int32_t exact = 0, rounded = 0;
        uint64_t value = 0;

        if (text_to_u64(text, n, &value)) {
                buffer_append_format(&buffer, "%llu", (unsigned long long)value);
                must(buffer.n == n && memcmp(buffer.data, text, n) == 0);
        }
        bool is_rounded = text_to_similarity(text, n, true, &rounded);
        if (is_rounded)
                must(rounded >= -TEXT_SIMILARITY_ONE && rounded <= TEXT_SIMILARITY_ONE);
        if (text_to_similarity(text, n, false, &exact))
                must(is_rounded && exact == rounded);
}

/* Compares with what the C library makes of it, which is near enough where a number is short. */
static void text_similarity_is_near(const char *text, size_t n)
{
        char number[32];
        int32_t millionths = 0;

        if (n >= sizeof(number) || !text_to_similarity(text, n, true, &millionths))
                return;
        memcpy(number, text, n);
        number[n] = 0;
        double difference = millionths - strtod(number, NULL) * TEXT_SIMILARITY_ONE;
        must(difference > -0.001 && difference < 1.001);
}

static void text_names(const char *text, size_t n)
{
        if (text_is_name(text, n))
                must(text_is_model(text, n) && text_is_subject(text, n) && text_is_utf8(text, n));
        if (text_is_model(text, n) || text_is_subject(text, n))
                must(text_is_utf8(text, n));
}

static void text_hexes(const char *text, size_t n)
{
        uint8_t bytes[16];
        char again[2 * sizeof(bytes) + 1];

        if (!text_from_hex(text, n, bytes, sizeof(bytes)))
                return;
        text_hex(bytes, sizeof(bytes), again);
        must(memcmp(again, text, n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        const char *text = (const char *)data;

        text_base64s(text, n);
        text_numbers(text, n);
        text_similarity_is_near(text, n);
        text_names(text, n);
        text_hexes(text, n);
        return 0;
}
