/*
 * The table of events and the way out. Owns the program's name, the place and the teller, which are set while
 * there is one thread. Run by the guard's loop, by the trail's threads, and by whoever refuses to start.
 */

#include "trail/event.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/fd.h"
#include "base/journald.h"
#include "base/macro.h"
#include "trail/event-id.h"
#include "trail/event-memory.h"

enum {
        EVENT_WAIT_MS = 1000,  /* where no thread waits instead */
        EVENT_LINE_MAX = 4096, /* of stderr: so much a pipe takes at once (PIPE_BUF) */
        EVENT_KEY_MAX = 64,
};

static const struct {
        const char *name;
        const char *id;
        int priority;
} events[_EVENT_MAX] = {
        [EVENT_STARTED] = {"started", EVENT_ID_STARTED, LOG_INFO},
        [EVENT_LEFT_OPEN] = {"left-open", EVENT_ID_LEFT_OPEN, LOG_NOTICE},
        [EVENT_SERVING] = {"serving", EVENT_ID_SERVING, LOG_INFO},
        [EVENT_NOT_SERVING] = {"not-serving", EVENT_ID_NOT_SERVING, LOG_WARNING},
        [EVENT_STOPPED] = {"stopped", EVENT_ID_STOPPED, LOG_NOTICE},
        [EVENT_STOP_FAILED] = {"stop-failed", EVENT_ID_STOP_FAILED, LOG_ERR},
        [EVENT_LOG_LEVEL] = {"log-level", EVENT_ID_LOG_LEVEL, LOG_NOTICE},
        [EVENT_START_FAILED] = {"start-failed", EVENT_ID_START_FAILED, LOG_ERR},
        [EVENT_FAILED] = {"failed", EVENT_ID_FAILED, LOG_CRIT},
        [EVENT_LESS_CONFINED] = {"less-confined", EVENT_ID_LESS_CONFINED, LOG_WARNING},
        [EVENT_ETC_READER_GONE] = {"etc-reader-gone", EVENT_ID_ETC_READER_GONE, LOG_ERR},
        [EVENT_TRAIL_BEHIND] = {"trail-behind", EVENT_ID_TRAIL_BEHIND, LOG_CRIT},
        [EVENT_TRAIL_REFUSED] = {"trail-refused", EVENT_ID_TRAIL_REFUSED, LOG_ERR},
        [EVENT_STORAGE_FAILED] = {"storage-failed", EVENT_ID_STORAGE_FAILED, LOG_CRIT},
        [EVENT_TRAIL_BROKEN] = {"trail-broken", EVENT_ID_TRAIL_BROKEN, LOG_ERR},
        [EVENT_TRAIL_MENDED] = {"trail-mended", EVENT_ID_TRAIL_MENDED, LOG_NOTICE},
        [EVENT_GAP] = {"gap", EVENT_ID_GAP, LOG_NOTICE},
        [EVENT_EXPORT_BEHIND] = {"export-behind", EVENT_ID_EXPORT_BEHIND, LOG_WARNING},
        [EVENT_EXPORT_CAUGHT_UP] = {"export-caught-up", EVENT_ID_EXPORT_CAUGHT_UP, LOG_NOTICE},
        [EVENT_CHECKPOINT] = {"checkpoint", EVENT_ID_CHECKPOINT, LOG_INFO},
        [EVENT_AUDIT_REQUIRED] = {"audit-required", EVENT_ID_AUDIT_REQUIRED, LOG_ERR},
        [EVENT_AUDIT_OFF] = {"audit-off", EVENT_ID_AUDIT_OFF, LOG_NOTICE},
        [EVENT_MIRROR_LOST] = {"mirror-lost", EVENT_ID_MIRROR_LOST, LOG_WARNING},
        [EVENT_DISCLOSED] = {"disclosed", EVENT_ID_DISCLOSED, LOG_NOTICE},
        [EVENT_ERASED] = {"erased", EVENT_ID_ERASED, LOG_NOTICE},
        [EVENT_ERASE_PENDING] = {"erase-pending", EVENT_ID_ERASE_PENDING, LOG_WARNING},
        [EVENT_POLICY_LOADED] = {"policy-loaded", EVENT_ID_POLICY_LOADED, LOG_NOTICE},
        [EVENT_POLICY_REJECTED] = {"policy-rejected", EVENT_ID_POLICY_REJECTED, LOG_ERR},
        [EVENT_POLICY_NOT_RECORDED] = {"policy-not-recorded", EVENT_ID_POLICY_NOT_RECORDED, LOG_ERR},
        [EVENT_CONFIG_REJECTED] = {"config-rejected", EVENT_ID_CONFIG_REJECTED, LOG_WARNING},
        [EVENT_WIDER_UNKNOWN] = {"wider-unknown", EVENT_ID_WIDER_UNKNOWN, LOG_WARNING},
        [EVENT_INVARIANT_BROKEN] = {"invariant-broken", EVENT_ID_INVARIANT_BROKEN, LOG_ERR},
        [EVENT_STOOD_DOWN] = {"stood-down", EVENT_ID_STOOD_DOWN, LOG_WARNING},
        [EVENT_STAND_DOWN_OVER] = {"stand-down-over", EVENT_ID_STAND_DOWN_OVER, LOG_NOTICE},
        [EVENT_MORATORIUM_END] = {"moratorium-end", EVENT_ID_MORATORIUM_END, LOG_WARNING},
        [EVENT_MORATORIUM_REVIEW] = {"moratorium-review", EVENT_ID_MORATORIUM_REVIEW, LOG_WARNING},
        [EVENT_ALLOW_END] = {"allow-end", EVENT_ID_ALLOW_END, LOG_WARNING},
        [EVENT_ORGANISATION_END] = {"organisation-end", EVENT_ID_ORGANISATION_END, LOG_WARNING},
        [EVENT_CLOCK_JUMPED] = {"clock-jumped", EVENT_ID_CLOCK_JUMPED, LOG_WARNING},
        [EVENT_CLOCK_REBASED] = {"clock-rebased", EVENT_ID_CLOCK_REBASED, LOG_NOTICE},
        [EVENT_CLOCK_BEHIND] = {"clock-behind", EVENT_ID_CLOCK_BEHIND, LOG_ERR},
        [EVENT_CLOCK_CAUGHT_UP] = {"clock-caught-up", EVENT_ID_CLOCK_CAUGHT_UP, LOG_NOTICE},
        [EVENT_RATES_UNCOUNTED] = {"rates-uncounted", EVENT_ID_RATES_UNCOUNTED, LOG_ERR},
        [EVENT_FRONTEND_THERE] = {"frontend-there", EVENT_ID_FRONTEND_THERE, LOG_INFO},
        [EVENT_FRONTEND_STOPS] = {"frontend-stops", EVENT_ID_FRONTEND_STOPS, LOG_INFO},
        [EVENT_FRONTEND_GONE] = {"frontend-gone", EVENT_ID_FRONTEND_GONE, LOG_WARNING},
        [EVENT_FRONTEND_BREACH] = {"frontend-breach", EVENT_ID_FRONTEND_BREACH, LOG_ERR},
        [EVENT_CHILD_BREACH] = {"child-breach", EVENT_ID_CHILD_BREACH, LOG_ERR},
        [EVENT_WORKER_THERE] = {"worker-there", EVENT_ID_WORKER_THERE, LOG_INFO},
        [EVENT_WORKER_STOPS] = {"worker-stops", EVENT_ID_WORKER_STOPS, LOG_INFO},
        [EVENT_WORKER_GONE] = {"worker-gone", EVENT_ID_WORKER_GONE, LOG_WARNING},
        [EVENT_WORKER_BREACH] = {"worker-breach", EVENT_ID_WORKER_BREACH, LOG_ERR},
        [EVENT_WORKER_REFUSED] = {"worker-refused", EVENT_ID_WORKER_REFUSED, LOG_ERR},
        [EVENT_DEVICE_FAILED] = {"device-failed", EVENT_ID_DEVICE_FAILED, LOG_WARNING},
        [EVENT_PEER_TURNED_AWAY] = {"peer-turned-away", EVENT_ID_PEER_TURNED_AWAY, LOG_WARNING},
        [EVENT_CALLER_UNKNOWN] = {"caller-unknown", EVENT_ID_CALLER_UNKNOWN, LOG_WARNING},
        [EVENT_ACCEPT_PAUSED] = {"accept-paused", EVENT_ID_ACCEPT_PAUSED, LOG_WARNING},
        [EVENT_SOCKETS_FAILED] = {"sockets-failed", EVENT_ID_SOCKETS_FAILED, LOG_ERR},
        [EVENT_PERMITTED] = {"permitted", EVENT_ID_PERMITTED, LOG_INFO},
        [EVENT_DENIED] = {"denied", EVENT_ID_DENIED, LOG_NOTICE},
        [EVENT_DENIED_AGAIN] = {"denied-again", EVENT_ID_DENIED_AGAIN, LOG_NOTICE},
        [EVENT_STEP] = {"step", EVENT_ID_STEP, LOG_DEBUG},
};

static const char *event_program = "matchguard";
static EventPlace event_goes_to = EVENT_TO_STDERR;
static EventTeller event_teller;
static void *event_teller_userdata;

const char *event_name(EventKind kind)
{
        return events[kind].name;
}

const char *event_id(EventKind kind)
{
        return events[kind].id;
}

int event_priority(EventKind kind)
{
        return events[kind].priority;
}

void event_init(const char *program)
{
        event_program = program;
        event_goes_to = diag_reaches_journal() ? EVENT_TO_JOURNAL : EVENT_TO_STDERR;
}

EventPlace event_place(void)
{
        return event_goes_to;
}

void event_set_teller(EventTeller tell, void *userdata)
{
        event_teller = tell;
        event_teller_userdata = userdata;
}

/* ------------------------------------------------------------------------------------------------ encoding */

/* What each leaf has and only a verifier reads. */
static bool event_field_is_dull(const char *key)
{
        static const char *const dull[] = {"boot", "boottime", "clock", "detail", "epoch",
                                           "job",  "kind",     "v",     "wall",   "worker"};

        for (size_t i = 0; i < ARRAY_SIZE(dull); i++)
                if (strcmp(dull[i], key) == 0)
                        return true;
        return false;
}

static void event_encode_field(const LeafField *field, Buffer *record)
{
        char key[EVENT_KEY_MAX], number[21];
        int n = snprintf(key, sizeof(key), "MATCHGUARD_%s", field->key);

        if (n < 0 || (size_t)n >= sizeof(key) || event_field_is_dull(field->key))
                return;
        for (char *c = key; *c; c++)
                *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
        if (field->text && *field->text)
                journald_field_text(record, key, field->text);
        if (field->text)
                return;
        snprintf(number, sizeof(number), "%llu", (unsigned long long)field->number);
        journald_field_text(record, key, number);
}

static void event_encode_entry(EventKind kind, const LeafField *fields, size_t n, Buffer *record)
{
        char priority[2] = {(char)('0' + events[kind].priority), '\0'};

        journald_field_text(record, "MESSAGE_ID", events[kind].id);
        journald_field_text(record, "PRIORITY", priority);
        journald_field_text(record, "SYSLOG_IDENTIFIER", event_program);
        for (size_t i = 0; i < n; i++)
                event_encode_field(&fields[i], record);
}

void event_encode(EventKind kind, const LeafField *fields, size_t n, const char *message, Buffer *record)
{
        if (event_goes_to == EVENT_TO_JOURNAL) {
                journald_field_text(record, "MESSAGE", message);
                event_encode_entry(kind, fields, n, record);
                return;
        }
        buffer_append_format(record, "%s: %.*s\n", event_program, EVENT_LINE_MAX - 64, message);
}

/* ------------------------------------------------------------------------------------------------- writing */

/* A terminal that was stopped, or a pipe that nobody reads, gets what it has room for. */
static void event_write_line(const void *line, size_t n, int wait_ms)
{
        struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};

        if (poll(&room, 1, wait_ms) == 1)
                /* A line that cannot be written is lost on purpose: nothing may depend on it. */
                (void)fd_write_all(STDERR_FILENO, line, n);
}

int event_write(int *fd, const void *record, size_t n, int wait_ms)
{
        if (event_goes_to == EVENT_TO_JOURNAL)
                return journald_send(fd, JOURNALD_SOCKET, record, n, wait_ms);
        event_write_line(record, n, wait_ms);
        return 0;
}

/* By the level that the administrator wants. Nobody has to have heard of the trail's own leaves, which come another
 * way (trail/mirror-journal.h). */
static bool event_is_wanted(EventKind kind)
{
        return diag_is_on((DiagLevel)events[kind].priority);
}

static void event_write_here(const Buffer *record)
{
        _cleanup_(fd_closep) int fd = -1;

        if (record->failed)
                return;
        (void)event_write(&fd, record->data, record->n, EVENT_WAIT_MS); /* There is nobody else to tell. */
        journald_settle(fd, EVENT_WAIT_MS);
}

static void event_format(EventKind kind, const LeafField *fields, Buffer *record, const char *format,
                         va_list arguments)
{
        _cleanup_(buffer_deinit) Buffer message = BUFFER_INIT;
        size_t n = 0;

        buffer_append_list(&message, format, arguments);
        if (kind != EVENT_STEP)
                event_memory_note(kind, buffer_text(&message));
        while (fields[n].key)
                n++;
        event_encode(kind, fields, n, buffer_text(&message), record);
        record->failed = record->failed || message.failed;
}

void event_tell(EventKind kind, const LeafField *fields, const char *format, ...)
{
        _cleanup_(buffer_deinit) Buffer record = BUFFER_INIT;
        int saved_errno = errno;
        va_list arguments;

        va_start(arguments, format);
        event_format(kind, fields, &record, format, arguments);
        va_end(arguments);
        if (event_is_wanted(kind) && event_teller && !record.failed)
                event_teller(kind, &record, event_teller_userdata);
        else if (event_is_wanted(kind))
                event_write_here(&record);
        errno = saved_errno;
}

void event_tell_now(EventKind kind, const LeafField *fields, const char *format, ...)
{
        _cleanup_(buffer_deinit) Buffer record = BUFFER_INIT;
        va_list arguments;

        va_start(arguments, format);
        event_format(kind, fields, &record, format, arguments);
        va_end(arguments);
        if (event_is_wanted(kind))
                event_write_here(&record);
}
