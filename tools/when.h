#pragma once
/* When: instants and spans as people read them, beside how long ago or ahead they are. Pure. */

#include <stdint.h>

#include "base/buffer.h"

/** when_span() - Appends a span in its two largest units: "45 s", "2 h 10 min", "3 days 4 h". */
void when_span(uint64_t seconds, Buffer *text);

/**
 * when_instant() - Appends "2026-11-28 08:40:41 UTC, 3 min ago", or what stands there where it is no instant.
 * @instant:    as time_parse() reads it
 * @now_usec:   since 1970
 */
void when_instant(const char *instant, int64_t now_usec, Buffer *text);

/** when_age() - How many seconds before @now_usec it was; negative: ahead. INT64_MAX where it is no instant. */
int64_t when_age(const char *instant, int64_t now_usec);
