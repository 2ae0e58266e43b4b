#pragma once
/*
 * Event memory: how often each kind of event was told in this run, when last, and in which words. For whoever
 * asks how the service fares: the journal may have lost it, or be read by somebody else.
 */

#include <stdbool.h>
#include <stdint.h>

#include "trail/event.h"

enum { EVENT_MEMORY_TEXT_SIZE = 512 };

typedef struct EventMemory {
        uint64_t n;
        uint64_t last_usec;                /* wall time */
        char said[EVENT_MEMORY_TEXT_SIZE]; /* the sentence of the last one, cut where it is longer */
} EventMemory;

/** event_memory_note() - One more of a kind; from any thread, never fails. */
void event_memory_note(EventKind kind, const char *said);

/** event_memory_get() - What is known of a kind, from any thread. Return: whether there was any. */
bool event_memory_get(EventKind kind, EventMemory *ret_memory);
