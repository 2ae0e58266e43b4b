/*
 * One row a kind, under one lock, as events are told by several threads. Owns the rows. Nothing of requests is
 * in them: an event says nothing of those either (trail/event.h).
 */

#include "trail/event-memory.h"

#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

static pthread_mutex_t event_memory_lock = PTHREAD_MUTEX_INITIALIZER;
static EventMemory event_memory_rows[_EVENT_MAX];

/* Cut between two characters: half a one could not be passed on. */
static void event_memory_copy(char *to, const char *said)
{
        size_t n = strnlen(said, EVENT_MEMORY_TEXT_SIZE - 1);

        while (n > 0 && !text_is_utf8(said, n))
                n--;
        memcpy(to, said, n);
        to[n] = '\0';
}

void event_memory_note(EventKind kind, const char *said)
{
        ClockReading now = {};

        (void)clock_read(&now); /* Without a clock it was in 1970, and that is plain to see. */
        pthread_mutex_lock(&event_memory_lock);
        EventMemory *row = &event_memory_rows[kind];
        row->n++;
        row->last_usec = now.wall_usec;
        event_memory_copy(row->said, said);
        pthread_mutex_unlock(&event_memory_lock);
}

bool event_memory_get(EventKind kind, EventMemory *ret_memory)
{
        pthread_mutex_lock(&event_memory_lock);
        *ret_memory = event_memory_rows[kind];
        pthread_mutex_unlock(&event_memory_lock);
        return ret_memory->n > 0;
}
