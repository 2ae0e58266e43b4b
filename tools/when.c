/* Times in words. UTC, as everything in policy and trail is. */

#include "tools/when.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/macro.h"
#include "policy/time.h"

#define WHEN_USEC_PER_SEC INT64_C(1000000)

static const struct {
        const char *one, *many;
        uint64_t seconds;
} units[] = {
        {" day", " days", 86400},
        {" h", " h", 3600},
        {" min", " min", 60},
        {" s", " s", 1},
};

static void put(uint64_t n, size_t unit, Buffer *text)
{
        buffer_append_format(text, "%" PRIu64 "%s", n, n == 1 ? units[unit].one : units[unit].many);
}

void when_span(uint64_t seconds, Buffer *text)
{
        size_t i = 0;

        while (i + 1 < ARRAY_SIZE(units) && seconds < units[i].seconds)
                i++;
        put(seconds / units[i].seconds, i, text);
        seconds %= units[i].seconds;
        if (i + 1 == ARRAY_SIZE(units) || seconds < units[i + 1].seconds)
                return;
        buffer_append_text(text, " ");
        put(seconds / units[i + 1].seconds, i + 1, text);
}

int64_t when_age(const char *instant, int64_t now_usec)
{
        int64_t usec;

        if (!instant || !time_parse(instant, strlen(instant), &usec))
                return INT64_MAX;
        return now_usec / WHEN_USEC_PER_SEC - usec / WHEN_USEC_PER_SEC;
}

void when_instant(const char *instant, int64_t now_usec, Buffer *text)
{
        int64_t age = when_age(instant, now_usec), usec = 0;
        char day[32];
        struct tm tm;

        if (age == INT64_MAX || !time_parse(instant, strlen(instant), &usec)) {
                buffer_append_text(text, instant ? instant : "at an unknown time");
                return;
        }
        time_t seconds = (time_t)(usec / WHEN_USEC_PER_SEC);
        if (!gmtime_r(&seconds, &tm) || strftime(day, sizeof(day), "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
                return;
        buffer_append_format(text, "%s, ", day);
        if (age < 0)
                buffer_append_text(text, "in ");
        when_span(age < 0 ? (uint64_t)-age : (uint64_t)age, text);
        if (age >= 0)
                buffer_append_text(text, " ago");
}
