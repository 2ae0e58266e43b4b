/*
 * The status. Owns the items while they are put together. Run by the guard's loop.
 */

#include "guard/status.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "base/clock.h"
#include "base/macro.h"
#include "guard/facts.h"
#include "guard/guard.h"
#include "policy/decide.h"
#include "policy/standing.h"
#include "policy/time.h"
#include "trail/event-memory.h"

#define STATUS_LATE_USEC (60 * CLOCK_USEC_PER_SEC)

enum { STATUS_GALLERIES_MAX = 256 };

void status_deinit(Status *status)
{
        for (size_t i = 0; i < status->n_strings; i++)
                free(status->strings[i]);
        free(status->strings);
        free(status->items);
        *status = STATUS_INIT;
}

static void status_add(Status *status, StatusItem item)
{
        if (status->n == status->capacity) {
                size_t capacity = status->capacity > 0 ? status->capacity * 2 : 32;
                StatusItem *items = reallocarray(status->items, capacity, sizeof(*items));
                if (!items) {
                        status->failed = true;
                        return;
                }
                status->items = items;
                status->capacity = capacity;
        }
        if (status->n < MESSAGE_STATUS_MAX)
                status->items[status->n++] = item;
}

static void status_text(Status *status, const char *key, const char *text)
{
        status_add(status, (StatusItem){.key = key, .type = STATUS_TEXT, .text = text ? text : ""});
}

static void status_number(Status *status, const char *key, uint64_t number)
{
        status_add(status, (StatusItem){.key = key, .type = STATUS_NUMBER, .number = number});
}

static void status_bool(Status *status, const char *key, bool value)
{
        status_add(status, (StatusItem){.key = key, .type = STATUS_BOOL, .number = value});
}

/* One more line of a list; NULL says that the list is empty. */
static void status_line(Status *status, const char *key, const char *text)
{
        status_add(status, (StatusItem){.key = key, .type = STATUS_LIST, .text = text});
}

/* A text that the status takes over; NULL fails it. */
static const char *status_own(Status *status, char *text)
{
        char **strings = reallocarray(status->strings, status->n_strings + 1, sizeof(*strings));

        if (!strings || !text) {
                status->strings = strings ? strings : status->strings;
                free(text);
                status->failed = true;
                return "";
        }
        status->strings = strings;
        strings[status->n_strings++] = text;
        return text;
}

static const char *status_hex(Status *status, const Digest *digest)
{
        char *text = malloc(DIGEST_HEX_SIZE);

        if (text)
                digest_hex(digest, text);
        return status_own(status, text);
}

/* Why nobody is served, in a word for each reason. */
static void status_not_serving(Guard *guard, Status *status)
{
        static const char key[] = "notServing";

        if (guard->stopping)
                status_line(status, key, "stopping");
        else if (!guard->started && !guard->standby.active)
                status_line(status, key, "starting");
        if (guard->recorder.broken)
                status_line(status, key, "trail");
        if (!guard->frontend.channel)
                status_line(status, key, "frontend");
        if (!guard->worker.ready)
                status_line(status, key, "worker");
}

void status_for_anybody(Guard *guard, Status *status)
{
        bool serving = guard->serving && !guard->recorder.broken;

        status_text(status, "version", MATCHGUARD_VERSION);
        status_bool(status, "serving", serving);
        if (!serving)
                status_not_serving(guard, status);
        if (guard->worker.ready)
                status_text(status, "engine", guard->worker.engine.name);
}

static void status_time(Status *status, const char *key, uint64_t usec)
{
        char *text = malloc(TIME_TEXT_SIZE);

        if (text)
                time_format((int64_t)usec, text);
        status_text(status, key, status_own(status, text));
}

/* A folder of this service's. */
static void status_own_path(Guard *guard, const char *key, const char *folder, Status *status)
{
        _cleanup_(buffer_deinit) Buffer path = BUFFER_INIT;

        buffer_append_format(&path, "%s/%s", guard->options->state_dir, folder);
        status_text(status, key, status_own(status, path.failed ? NULL : buffer_take(&path, NULL)));
}

static void status_log(Guard *guard, Status *status)
{
        TreeHead head = trail_head(guard->trail);
        char *fault = trail_export_fault(guard->trail);

        status_text(status, "origin", trail_origin(guard->trail));
        status_text(status, "logKey", guard->key_is_credential ? "credential" : "file");
        status_number(status, "treeSize", head.size);
        status_text(status, "rootHash", status_hex(status, &head.root));
        status_number(status, "exportedSize", trail_exported_size(guard->trail));
        if (fault)
                status_text(status, "exportFault", status_own(status, fault));
}

/* Why nothing is recorded, for how long, and at whose expense. */
static void status_fault(Guard *guard, Status *status)
{
        const Recorder *recorder = &guard->recorder;

        status_text(status, "trailFault", recorder->advice);
        status_time(status, "trailFaultSince", recorder->since_usec);
        status_number(status, "trailFaultRefused", recorder->n_refused);
}

/* The epoch at hand, which is over when it is old or long enough. One that goes on for a minute more is late. */
static void status_epoch(Guard *guard, const ClockReading *now, Status *status)
{
        const Recorder *recorder = &guard->recorder;
        const TrailState *state = &recorder->ledger.state;
        uint64_t n_leaves = recorder->ledger.size - state->epoch_first;

        status_number(status, "epoch.number", state->epoch);
        if (n_leaves > 0)
                status_time(status, "epoch.began", state->epoch_usec);
        status_number(status, "epoch.leaves", n_leaves);
        status_number(status, "epoch.lengthSeconds", recorder->epoch_length_usec / CLOCK_USEC_PER_SEC);
        status_bool(status, "epoch.late",
                    recorder->started && now->boottime_usec > recorder->epoch_due_usec + STATUS_LATE_USEC);
}

static void status_trail(Guard *guard, const ClockReading *now, Status *status)
{
        status_own_path(guard, "trailDirectory", "trail", status);
        if (!guard->standby.active) {
                status_log(guard, status);
                status_epoch(guard, now, status);
        }
        status_bool(status, "trailWritten", !guard->recorder.broken);
        if (guard->recorder.broken)
                status_fault(guard, status);
}

/* A list of the lines of a text. */
static void status_lines(Status *status, const char *key, const Buffer *text)
{
        char *lines = text->failed ? NULL : strdup(buffer_text(text));
        const char *rest = status_own(status, lines);

        if (status->failed)
                return;
        if (!*rest)
                status_line(status, key, NULL);
        for (char *line = lines; line && *line;) {
                char *end = strchrnul(line, '\n');
                char *next = *end ? end + 1 : end;
                *end = '\0';
                status_line(status, key, line);
                line = next;
        }
}

static void status_stand_downs(Guard *guard, Status *status)
{
        size_t n;
        const Object *objects = policy_objects(guard->policy, OBJECT_STAND_DOWN, &n);

        for (size_t i = 0; i < n; i++)
                status_line(status, "standDowns", objects[i].name);
        if (n == 0)
                status_line(status, "standDowns", NULL);
}

static void status_policy(Guard *guard, const ClockReading *now, Status *status)
{
        Facts facts = facts_of_time(&guard->recorder.ledger, now);
        _cleanup_(buffer_deinit) Buffer standing = BUFFER_INIT;
        _cleanup_(warning_list_deinit) WarningList warnings = WARNING_LIST_INIT;

        status_text(status, "policy", status_hex(status, policy_digest(guard->policy)));
        policy_standing(guard->policy, &facts, &standing);
        status_lines(status, "standing", &standing);
        if (warnings_list(guard, now, &warnings) < 0)
                status->failed = true;
        status_lines(status, "warnings", &warnings.lines);
        status_lines(status, "warningKinds", &warnings.kinds);
        status_stand_downs(guard, status);
        status_text(status, "clock", facts_clock_name(facts.clock));
        status_time(status, "time", facts.time_usec);
        if (facts.has_mark)
                status_time(status, "mark", facts.mark_usec);
}

/* Where a tool that changes policy finds what this service reads: it must not have to guess. */
static void status_places(Guard *guard, Status *status)
{
        const PolicySource source = guard_policy_source(guard);

        for (size_t i = 0; i < source.n_dirs; i++)
                status_line(status, "policyDirectories", source.dirs[i]);
        status_number(status, "policyOwner", source.owner);
        status_own_path(guard, "exportDirectory", "export", status);
        status_text(status, "configFile", guard->options->config_path);
        if (guard->config_fault)
                status_text(status, guard->config_unread ? "configUnread" : "configFault",
                            guard->config_fault);
        status_bool(status, "private", guard->options->private);
}

/* A text of the status's own that is put together. */
static const char *status_format(Status *status, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

static const char *status_format(Status *status, const char *format, ...)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        va_list arguments;

        va_start(arguments, format);
        buffer_append_list(&text, format, arguments);
        va_end(arguments);
        return status_own(status, text.failed ? NULL : buffer_take(&text, NULL));
}

/* What answers searches now; the public item is what was chosen at the worker's start. */
static void status_engine(const WorkerEngine *engine, Status *status)
{
        status_text(status, "worker.engine", engine->answers);
        if (!*engine->device)
                return;
        status_text(status, "worker.device.name", engine->device);
        status_number(status, "worker.device.memory", engine->device_memory);
        status_number(status, "worker.device.used", engine->device_used);
        if (*engine->failure)
                status_text(status, "worker.device.failure", engine->failure);
}

/* As the worker tells of it; one that it said nothing of has a name only. */
static void status_gallery(const WorkerGallery *gallery, Status *status)
{
        const char *name = gallery->name;

        if (!gallery->is_told)
                return;
        status_bool(status, status_format(status, "worker.galleries.%s.damaged", name), gallery->damaged);
        if (gallery->damaged)
                return;
        status_number(status, status_format(status, "worker.galleries.%s.templates", name),
                      gallery->n_templates);
        status_number(status, status_format(status, "worker.galleries.%s.epoch", name), gallery->epoch);
}

static void status_worker(Guard *guard, Status *status)
{
        const Worker *worker = &guard->worker;
        bool all_declared = true;

        status_bool(status, "worker.connected", worker->ready);
        if (worker->ready) {
                status_text(status, "worker.version", worker->version);
                status_text(status, "worker.session", worker->session);
                status_engine(&worker->engine, status);
        }
        for (size_t i = 0; i < worker->n_galleries; i++) {
                if (policy_gallery(guard->policy, worker->galleries[i].name))
                        continue;
                status_line(status, "worker.galleriesNotDeclared", worker->galleries[i].name);
                all_declared = false;
        }
        if (all_declared)
                status_line(status, "worker.galleriesNotDeclared", NULL);
        status_number(status, "worker.galleriesHeld", worker->n_galleries);
        for (size_t i = 0; i < worker->n_galleries && i < STATUS_GALLERIES_MAX; i++)
                status_gallery(&worker->galleries[i], status);
}

static void status_details(Guard *guard, Status *status)
{
        TrailHeld held = trail_held(guard->trail);

        status_number(status, "details.held", held.n);
        if (held.oldest_usec > 0)
                status_time(status, "details.oldest", held.oldest_usec);
        if (guard->config.retention_days > 0)
                status_number(status, "details.retentionDays", guard->config.retention_days);
        if (eraser_waits_for_time(&guard->eraser))
                status_text(status, "details.waits",
                            "no clock was synchronised yet, so nobody knows what is old enough to erase");
}

/* How one mirror fares; `keys` are those of its object. */
typedef struct StatusMirrorKeys {
        const char *on, *sent, *lost, *waiting, *error;
} StatusMirrorKeys;

static void status_mirror(Guard *guard, MirrorTo to, Status *status)
{
        static const StatusMirrorKeys all_keys[_MIRROR_TO_MAX] = {
                [MIRROR_KERNEL_AUDIT] = {"kernelAudit.on", "kernelAudit.sent", "kernelAudit.lost",
                                         "kernelAudit.waiting", "kernelAudit.lastError"},
                [MIRROR_JOURNAL] = {"journal.on", "journal.sent", "journal.lost", "journal.waiting",
                                    "journal.lastError"},
        };
        const StatusMirrorKeys *keys = &all_keys[to];
        const MirrorCounts counts = mirror_counts(guard->mirrors.mirror, to);

        status_bool(status, keys->on, counts.on);
        if (!counts.on)
                return;
        status_number(status, keys->sent, counts.sent);
        status_number(status, keys->lost, counts.lost);
        status_number(status, keys->waiting, counts.n_waiting);
        if (counts.lost > 0)
                status_text(status, keys->error, strerror(counts.error));
}

static void status_kernel_audit(Guard *guard, Status *status)
{
        const Mirrors *mirrors = &guard->mirrors;
        const char *fault = mirrors_audit_fault(mirrors);

        status_text(status, "kernelAudit.configured", config_mirror_name(guard->config.kernel_audit));
        status_mirror(guard, MIRROR_KERNEL_AUDIT, status);
        if (fault)
                status_text(status, "kernelAudit.fault", fault);
        status_bool(status, "kernelAudit.readBack", mirrors->echo != NULL);
        if (mirrors->deaf)
                status_text(status, "kernelAudit.readFault", strerror(mirrors->deaf));
        if (mirrors->echo) {
                const KernelEchoCounts counts = kernel_echo_counts(mirrors->echo);
                status_number(status, "kernelAudit.heard", counts.heard);
                status_number(status, "kernelAudit.overruns", counts.overruns);
                if (counts.error > 0)
                        status_text(status, "kernelAudit.readFault", strerror(counts.error));
        }
}

/* What went wrong in this run, in the words in which the journal has it. */
static void status_events(Status *status)
{
        for (EventKind kind = 0; kind < _EVENT_MAX; kind++) {
                const char *name = event_name(kind);
                EventMemory memory;

                if (event_priority(kind) > LOG_WARNING || !event_memory_get(kind, &memory))
                        continue;
                status_number(status, status_format(status, "events.%s.count", name), memory.n);
                status_time(status, status_format(status, "events.%s.last", name), memory.last_usec);
                status_text(status, status_format(status, "events.%s.said", name),
                            status_format(status, "%s", memory.said));
        }
}

/* How the last run ended, as this one found it. */
static void status_start(Guard *guard, const ClockReading *now, Status *status)
{
        uint64_t up_usec = now->boottime_usec - guard->started_usec;

        status_time(status, "start.time", now->wall_usec - MIN_OF(up_usec, now->wall_usec));
        if (guard->standby.active)
                return;
        status_bool(status, "start.clean", guard->found_clean);
        status_number(status, "start.leftOpen", guard->n_found_open);
}

static void status_load(Guard *guard, Status *status)
{
        const Quota *quota = &guard->quota;

        status_bool(status, "frontend.connected", guard->frontend.channel != NULL);
        status_number(status, "frontend.children", quota->n_all[QUOTA_CHILD]);
        status_number(status, "frontend.childrenMaximum", QUOTA_CHILDREN_MAX);
        status_number(status, "connections", quota->n_all[QUOTA_CONNECTION]);
        status_number(status, "connectionsMaximum", quota_connections(quota));
        status_number(status, "requests.open", guard->requests.n_open);
        status_number(status, "requests.maximum", QUOTA_REQUESTS_MAX);
        status_number(status, "requests.refused", guard->refused.n_all);
        status_number(status, "requests.overloaded", guard->n_overloaded);
        if (guard->n_overloaded > 0)
                status_time(status, "requests.overloadedLast", guard->overloaded_usec);
}

static void status_log_level(Guard *guard, Status *status)
{
        status_text(status, "log.level", diag_level_name(diag_level()));
        status_text(status, "log.configured", diag_level_name(guard->log_level.configured));
}

void status_in_full(Guard *guard, Status *status)
{
        ClockReading now = {};

        (void)clock_read(&now); /* Without a clock the time is 1970, and that is plain to see. */
        status_for_anybody(guard, status);
        status_trail(guard, &now, status);
        status_policy(guard, &now, status);
        status_places(guard, status);
        status_worker(guard, status);
        if (!guard->standby.active)
                status_details(guard, status);
        status_load(guard, status);
        status_kernel_audit(guard, status);
        status_mirror(guard, MIRROR_JOURNAL, status);
        status_number(status, "uptimeSeconds",
                      (now.boottime_usec - guard->started_usec) / CLOCK_USEC_PER_SEC);
        status_start(guard, &now, status);
        status_log_level(guard, status);
        status_events(status);
}

void status_answer(Guard *guard, AnswerTo to, Buffer *answer)
{
        _cleanup_(status_deinit) Status status = STATUS_INIT;

        status_in_full(guard, &status);
        AnswerMessage message = {.connection = to.connection,
                                 .serial = to.serial,
                                 .kind = ANSWER_STATUS,
                                 .status = status.items,
                                 .n_status = status.n};
        answer_encode(&message, answer);
}
