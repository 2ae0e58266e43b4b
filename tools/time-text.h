#pragma once
/*
 * Instants as people write and read them: RFC 3339. Times are microseconds since 1970, UTC.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TIME_TEXT_SIZE = 32 };

/**
 * time_text_parse() - Reads YYYY-MM-DD (its first instant, UTC) or RFC 3339 with an offset.
 *
 * Fractions are cut to microseconds; second 60 and what lies before 1970 are refused. Return: whether it was one.
 */
bool time_text_parse(const char *text, uint64_t *ret_usec);

/** time_text_format() - "2020-07-01T12:00:00Z", with six places of the second where there is a fraction. */
void time_text_format(uint64_t usec, char ret_text[static TIME_TEXT_SIZE]);
