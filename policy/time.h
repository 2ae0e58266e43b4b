#pragma once
/*
 * Instants as policy files write them: microseconds since 1970 (UTC, leap seconds not counted), before it
 * too.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first and the last instant that can be written down: the years 0 to 9999, UTC. */
#define TIME_LEAST (INT64_C(-62167219200) * 1000000)
#define TIME_MOST  (INT64_C(253402300800) * 1000000 - 1)

/* Before and after every one of them. */
#define TIME_NEVER   INT64_MIN
#define TIME_FOREVER INT64_MAX

/**
 * time_parse() - Reads `YYYY-MM-DD` (its first instant, UTC) or RFC 3339 with an offset.
 *
 * A fraction finer than a microsecond is rounded up: for instants counted in whole microseconds both "not
 * before" and "before" then mean exactly what was written. Second 60 is refused, and so is what an offset or
 * that rounding puts outside TIME_LEAST to TIME_MOST. Return: whether the text was such an instant.
 */
bool time_parse(const char *text, size_t n, int64_t *ret_usec);

enum { TIME_TEXT_SIZE = 48 };

/** time_format() - Writes an instant as time_parse() reads it; the day alone where that says it. */
void time_format(int64_t usec, char ret_text[static TIME_TEXT_SIZE]);
