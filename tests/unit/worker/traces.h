#pragma once
/*
 * Looks for secrets in all memory of this process that can be written to: where what was to be overwritten is still there. Devices whose memory is this process's are
 * looked through as well.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TRACE_MAX = 64 };

/* What to look for, each byte inverted, so that this is not it. */
typedef struct Trace {
        size_t size;
        uint8_t inverted[TRACE_MAX];
} Trace;

Trace trace_of(const void *secret, size_t size);

/** traces_count() - How often any of them is there, at places that are a multiple of 4. */
size_t traces_count(const Trace *traces, size_t n);
