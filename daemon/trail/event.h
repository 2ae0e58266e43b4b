#pragma once
/*
 * Event: what whoever runs the service may want to know, one kind after the other, each with an id, a priority and
 * fields. Goes to the journal in its own form where stderr leads there, else to stderr as a line. May be lost; it
 * is never the audit trail.
 *
 * What an event says is in a leaf, or says nothing of requests (promise 8).
 *
 * Once there is a teller (the mirror's thread) event_tell() hands everything to it and waits for nothing; before
 * and after, when no request can be held up, it writes for itself.
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "wire/leaf.h"

typedef enum EventKind {
        EVENT_STARTED,
        EVENT_LEFT_OPEN,
        EVENT_SERVING,
        EVENT_NOT_SERVING,
        EVENT_STOPPED,
        EVENT_STOP_FAILED,
        EVENT_LOG_LEVEL,
        EVENT_START_FAILED,
        EVENT_FAILED,
        EVENT_LESS_CONFINED,
        EVENT_ETC_READER_GONE,
        EVENT_TRAIL_BEHIND,
        EVENT_TRAIL_REFUSED,
        EVENT_STORAGE_FAILED,
        EVENT_TRAIL_BROKEN,
        EVENT_TRAIL_MENDED,
        EVENT_GAP,
        EVENT_EXPORT_BEHIND,
        EVENT_EXPORT_CAUGHT_UP,
        EVENT_CHECKPOINT,
        EVENT_AUDIT_REQUIRED,
        EVENT_AUDIT_OFF,
        EVENT_MIRROR_LOST,
        EVENT_DISCLOSED,
        EVENT_ERASED,
        EVENT_ERASE_PENDING,
        EVENT_POLICY_LOADED,
        EVENT_POLICY_REJECTED,
        EVENT_POLICY_NOT_RECORDED,
        EVENT_CONFIG_REJECTED,
        EVENT_WIDER_UNKNOWN,
        EVENT_INVARIANT_BROKEN,
        EVENT_STOOD_DOWN,
        EVENT_STAND_DOWN_OVER,
        EVENT_MORATORIUM_END,
        EVENT_MORATORIUM_REVIEW,
        EVENT_ALLOW_END,
        EVENT_ORGANISATION_END,
        EVENT_CLOCK_JUMPED,
        EVENT_CLOCK_REBASED,
        EVENT_CLOCK_BEHIND,
        EVENT_CLOCK_CAUGHT_UP,
        EVENT_RATES_UNCOUNTED,
        EVENT_FRONTEND_THERE,
        EVENT_FRONTEND_STOPS,
        EVENT_FRONTEND_GONE,
        EVENT_FRONTEND_BREACH,
        EVENT_CHILD_BREACH,
        EVENT_WORKER_THERE,
        EVENT_WORKER_STOPS,
        EVENT_WORKER_GONE,
        EVENT_WORKER_BREACH,
        EVENT_WORKER_REFUSED,
        EVENT_DEVICE_FAILED,
        EVENT_PEER_TURNED_AWAY,
        EVENT_CALLER_UNKNOWN,
        EVENT_ACCEPT_PAUSED,
        EVENT_SOCKETS_FAILED,
        EVENT_PERMITTED,
        EVENT_DENIED,
        EVENT_DENIED_AGAIN,
        EVENT_STEP,
        _EVENT_MAX,
} EventKind;

/** event_name() - "started" and so on. */
const char *event_name(EventKind kind);

/** event_id() - The message id, 32 hex digits. */
const char *event_id(EventKind kind);

/** event_priority() - As in syslog(3). */
int event_priority(EventKind kind);

/**
 * Fields as in a leaf: `uid` is MATCHGUARD_UID in the journal, `gallery-epoch` MATCHGUARD_GALLERY_EPOCH. A text
 * that is "" is left out; NULL says that it is a number.
 */
#define EVENT_FIELDS(...) ((const LeafField[]){__VA_ARGS__, {}})
#define EVENT_NO_FIELDS   ((const LeafField[]){{.key = NULL}})

/* Where events go. */
typedef enum EventPlace {
        EVENT_TO_STDERR,
        EVENT_TO_JOURNAL,
} EventPlace;

/**
 * event_init() - Finds out where events go; before any thread is made.
 * @program:    SYSLOG_IDENTIFIER, and what stands before each line; borrowed for ever
 */
void event_init(const char *program);

EventPlace event_place(void);

/**
 * event_set_teller() - From now on @tell takes what was encoded, from any thread, and must not wait; NULL: nobody
 * does. Called while no other thread tells of anything.
 */
typedef void (*EventTeller)(EventKind kind, const Buffer *record, void *userdata);
void event_set_teller(EventTeller tell, void *userdata);

/**
 * event_tell() - Tells of an event, where its priority reaches diag_level(); never fails, never changes errno.
 * @fields:     EVENT_FIELDS()
 * @format:     printf(3) format of the sentence for people
 */
void event_tell(EventKind kind, const LeafField *fields, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/** event_tell_now() - The same, past the teller: the process is about to end. Waits a second at most. */
void event_tell_now(EventKind kind, const LeafField *fields, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/**
 * event_encode() - Appends an event as it is written: a journal entry, or a line for stderr.
 * @fields:     @n of them; a key that says nothing to whoever reads the journal is left out
 */
void event_encode(EventKind kind, const LeafField *fields, size_t n, const char *message, Buffer *record);

/**
 * event_write() - Writes what was encoded, @n bytes.
 * @fd:         of the writer, -1 at first
 * @wait_ms:    how long to wait at most; -1: for ever
 *
 * Return: 0, JOURNALD_E_BUSY, or -errno: it was lost. A line that stderr does not take counts as written.
 */
int event_write(int *fd, const void *record, size_t n, int wait_ms);
