/*
 * Instants as text. Pure: reads no clock and no time zone. The calendar is the proleptic Gregorian one of RFC
 * 3339.
 */

#include "policy/time.h"

#include <inttypes.h>
#include <stdio.h>

#define TIME_USEC_PER_SEC INT64_C(1000000)
#define TIME_USEC_PER_DAY (86400 * TIME_USEC_PER_SEC)

typedef struct TimeReader {
        const char *p, *end;
        bool bad;
} TimeReader;

static bool time_is_digit(const TimeReader *reader)
{
        return reader->p < reader->end && *reader->p >= '0' && *reader->p <= '9';
}

/* Exactly `n` digits, of a number from `least` to `most`. */
static int time_number(TimeReader *reader, int n, int least, int most)
{
        int value = 0;

        for (int i = 0; i < n; i++) {
                if (!time_is_digit(reader)) {
                        reader->bad = true;
                        return least;
                }
                value = value * 10 + (*reader->p++ - '0');
        }
        if (value < least || value > most)
                reader->bad = true;
        return value;
}

static bool time_accept(TimeReader *reader, char c)
{
        if (reader->p == reader->end || *reader->p != c)
                return false;
        reader->p++;
        return true;
}

static void time_expect(TimeReader *reader, char c)
{
        if (!time_accept(reader, c))
                reader->bad = true;
}

static int time_days_in_month(int year, int month)
{
        static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

        return days[month - 1] + (month == 2 && leap);
}

/* Days since 1970-01-01. Years are counted from March, so that the leap day is the last of one; 400 of them
 * have 146,097 days. */
static int64_t time_days(int year, int month, int day)
{
        int64_t y = month > 2 ? year : year - 1;
        int64_t era = (y >= 0 ? y : y - 399) / 400;
        int64_t year_of_era = y - era * 400;
        int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

        return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static int64_t time_date(TimeReader *reader)
{
        int year = time_number(reader, 4, 0, 9999);
        time_expect(reader, '-');
        int month = time_number(reader, 2, 1, 12);
        time_expect(reader, '-');
        if (reader->bad)
                return 0;
        int day = time_number(reader, 2, 1, time_days_in_month(year, month));
        return time_days(year, month, day) * TIME_USEC_PER_DAY;
}

/* The digits after the point, in microseconds, rounded up. */
static int64_t time_fraction(TimeReader *reader)
{
        int64_t usec = 0, unit = TIME_USEC_PER_SEC;
        bool rest = false;

        if (!time_is_digit(reader))
                reader->bad = true;
        for (; time_is_digit(reader); reader->p++) {
                unit /= 10;
                usec += unit * (*reader->p - '0');
                rest |= unit == 0 && *reader->p != '0';
        }
        return usec + rest;
}

static int64_t time_of_day(TimeReader *reader)
{
        int64_t seconds = time_number(reader, 2, 0, 23) * INT64_C(3600);
        time_expect(reader, ':');
        seconds += time_number(reader, 2, 0, 59) * INT64_C(60);
        time_expect(reader, ':');
        seconds += time_number(reader, 2, 0, 59);
        int64_t usec = seconds * TIME_USEC_PER_SEC;
        if (time_accept(reader, '.'))
                usec += time_fraction(reader);
        return usec;
}

static int64_t time_offset(TimeReader *reader)
{
        if (time_accept(reader, 'Z') || time_accept(reader, 'z'))
                return 0;
        bool negative = time_accept(reader, '-');
        if (!negative)
                time_expect(reader, '+');
        int64_t seconds = time_number(reader, 2, 0, 23) * INT64_C(3600);
        time_expect(reader, ':');
        seconds += time_number(reader, 2, 0, 59) * INT64_C(60);
        return (negative ? -seconds : seconds) * TIME_USEC_PER_SEC;
}

bool time_parse(const char *text, size_t n, int64_t *ret_usec)
{
        TimeReader reader = {.p = text, .end = text + n};
        int64_t usec = time_date(&reader);

        if (!reader.bad && reader.p < reader.end) {
                if (!time_accept(&reader, 't'))
                        time_expect(&reader, 'T');
                usec += time_of_day(&reader);
                usec -= time_offset(&reader);
        }
        if (reader.bad || reader.p != reader.end || usec < TIME_LEAST || usec > TIME_MOST)
                return false;
        *ret_usec = usec;
        return true;
}

void time_format(int64_t usec, char ret_text[static TIME_TEXT_SIZE])
{
        int64_t days = usec / TIME_USEC_PER_DAY, rest = usec % TIME_USEC_PER_DAY;
        if (rest < 0) {
                rest += TIME_USEC_PER_DAY;
                days--;
        }

        int64_t z = days + 719468;
        int64_t era = (z >= 0 ? z : z - 146096) / 146097;
        int64_t day_of_era = z - era * 146097;
        int64_t year_of_era =
                (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
        int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        int month = (int)((5 * day_of_year + 2) / 153);
        int day = (int)(day_of_year - (153 * month + 2) / 5) + 1;
        month = month < 10 ? month + 3 : month - 9;
        int64_t year = year_of_era + era * 400 + (month <= 2);

        int n = snprintf(ret_text, TIME_TEXT_SIZE, "%04" PRId64 "-%02d-%02d", year, month, day);
        if (rest == 0)
                return;
        int64_t seconds = rest / TIME_USEC_PER_SEC, fraction = rest % TIME_USEC_PER_SEC;
        n += snprintf(ret_text + n, TIME_TEXT_SIZE - (size_t)n, "T%02d:%02d:%02d", (int)(seconds / 3600),
                      (int)(seconds / 60 % 60), (int)(seconds % 60));
        if (fraction > 0)
                n += snprintf(ret_text + n, TIME_TEXT_SIZE - (size_t)n, ".%06d", (int)fraction);
        (void)snprintf(ret_text + n, TIME_TEXT_SIZE - (size_t)n, "Z");
}
