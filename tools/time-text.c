/*
 * RFC 3339 as text. Pure: no clock is read and no time zone but the one written is known.
 */

#include "tools/time-text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

/* Takes exactly `n` digits. */
static bool take_number(const char **text, unsigned n, int *ret_value)
{
        int value = 0;
        for (unsigned i = 0; i < n; i++) {
                char c = (*text)[i];
                if (c < '0' || c > '9')
                        return false;
                value = value * 10 + (c - '0');
        }
        *text += n;
        *ret_value = value;
        return true;
}

static bool take_char(const char **text, char c)
{
        if (**text != c)
                return false;
        (*text)++;
        return true;
}

static bool take_date(const char **text, struct tm *date)
{
        static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        int year, month, day;

        if (!take_number(text, 4, &year) || !take_char(text, '-') || !take_number(text, 2, &month) ||
            !take_char(text, '-') || !take_number(text, 2, &day))
                return false;
        if (month < 1 || month > 12)
                return false;
        bool leap = month == 2 && (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
        if (day < 1 || day > days[month - 1] + (leap ? 1 : 0))
                return false;
        date->tm_year = year - 1900;
        date->tm_mon = month - 1;
        date->tm_mday = day;
        return true;
}

static bool take_clock(const char **text, struct tm *date)
{
        if (!take_number(text, 2, &date->tm_hour) || !take_char(text, ':') ||
            !take_number(text, 2, &date->tm_min) || !take_char(text, ':') ||
            !take_number(text, 2, &date->tm_sec))
                return false;
        return date->tm_hour < 24 && date->tm_min < 60 && date->tm_sec < 60;
}

static bool take_fraction(const char **text, uint64_t *ret_usec)
{
        uint64_t usec = 0, place = CLOCK_USEC_PER_SEC / 10;

        if (take_char(text, '.')) {
                if (**text < '0' || **text > '9')
                        return false;
                for (; **text >= '0' && **text <= '9'; (*text)++, place /= 10)
                        usec += (uint64_t)(**text - '0') * place;
        }
        *ret_usec = usec;
        return true;
}

static bool take_offset(const char **text, int *ret_seconds)
{
        int hours, minutes;

        if (take_char(text, 'Z') || take_char(text, 'z')) {
                *ret_seconds = 0;
                return true;
        }
        int sign = **text == '-' ? -1 : 1;
        if (!take_char(text, '+') && !take_char(text, '-'))
                return false;
        if (!take_number(text, 2, &hours) || !take_char(text, ':') || !take_number(text, 2, &minutes))
                return false;
        *ret_seconds = sign * (hours * 3600 + minutes * 60);
        return hours < 24 && minutes < 60;
}

bool time_text_parse(const char *text, uint64_t *ret_usec)
{
        struct tm date = {};
        uint64_t usec = 0;
        int offset = 0;

        if (!take_date(&text, &date))
                return false;
        if (*text != '\0') {
                if (!take_char(&text, 'T') && !take_char(&text, 't'))
                        return false;
                if (!take_clock(&text, &date) || !take_fraction(&text, &usec) || !take_offset(&text, &offset))
                        return false;
        }
        int64_t seconds = timegm(&date) - offset;
        if (*text != '\0' || seconds < 0)
                return false;
        *ret_usec = (uint64_t)seconds * CLOCK_USEC_PER_SEC + usec;
        return true;
}

void time_text_format(uint64_t usec, char ret_text[static TIME_TEXT_SIZE])
{
        time_t seconds = (time_t)(usec / CLOCK_USEC_PER_SEC);
        struct tm date = {};
        size_t at = 0;

        /* Years beyond four digits come from no clock; shown as a number rather than cut. */
        if (gmtime_r(&seconds, &date) && date.tm_year < 8100)
                at = strftime(ret_text, TIME_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &date);
        if (at == 0) {
                snprintf(ret_text, TIME_TEXT_SIZE, "%" PRIu64 " us", usec);
                return;
        }
        uint64_t fraction = usec % CLOCK_USEC_PER_SEC;
        if (fraction)
                snprintf(ret_text + at, TIME_TEXT_SIZE - at, ".%06" PRIu64 "Z", fraction);
        else
                snprintf(ret_text + at, TIME_TEXT_SIZE - at, "Z");
}
