/* One function a group. What the service did not tell is left out. */

#include "tools/status-page.h"

#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "tools/json.h"
#include "tools/page.h"
#include "tools/when.h"

/* ------------------------------------------------------------------------------------------------------- fields */

static void put_text(json_object *object, const char *label, const char *key)
{
        const char *text = object ? json_text(object, key) : NULL;

        if (text && *text)
                page_field(stdout, label, text);
}

/* Words behind each other, sentences under each other. */
static void put_list(json_object *object, const char *label, const char *key)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        json_object *list = object ? json_list(object, key) : NULL;

        for (size_t i = 0; list && i < json_object_array_length(list); i++) {
                const char *item = json_object_get_string(json_object_array_get_idx(list, i));
                buffer_append_format(&text, "%s%s", i == 0 ? "" : strchr(item, ' ') ? "\n" : ", ", item);
        }
        if (list)
                page_field(stdout, label, text.n > 0 ? buffer_text(&text) : "none");
}

static void append_number(json_object *object, const char *key, Buffer *text)
{
        char number[PAGE_NUMBER_SIZE];

        buffer_append_text(text, page_number((uint64_t)json_number(object, key, 0), number));
}

/* "5 of 1,024" */
static void append_share(json_object *object, const char *key, const char *of, Buffer *text)
{
        append_number(object, key, text);
        if (json_number(object, of, -1) >= 0) {
                buffer_append_text(text, " of ");
                append_number(object, of, text);
        }
}

static void put_time(const StatusFacts *facts, const char *label, const char *instant)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;

        if (!instant)
                return;
        when_instant(instant, facts->now_usec, &text);
        page_field(stdout, label, buffer_text(&text));
}

/* ------------------------------------------------------------------------------------------------------- groups */

static void page_policy(const StatusFacts *facts)
{
        json_object *status = facts->status;
        static const char *const disk[] = {
                [STATUS_DISK_UNKNOWN] = "",
                [STATUS_DISK_SAME] = "; the one on disk is the same",
                [STATUS_DISK_DIFFERS] = "; the one on disk is another",
                [STATUS_DISK_BROKEN] = "; the one on disk does not load",
        };

        puts("Policy");
        page_field_format(stdout, "runs", "%s%s",
                          json_text(status, "policy") ? json_text(status, "policy") : "?", disk[facts->disk]);
        put_list(status, "in force", "standing");
        put_list(status, "dates", "warnings");
        put_list(status, "read from", "policyDirectories");
}

static void put_epoch(const StatusFacts *facts)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        json_object *epoch = status_object(facts->status, "epoch");
        const char *began = epoch ? json_text(epoch, "began") : NULL;

        if (!epoch)
                return;
        buffer_append_text(&text, "number ");
        append_number(epoch, "number", &text);
        if (began) {
                buffer_append_text(&text, ", began ");
                when_instant(began, facts->now_usec, &text);
        }
        buffer_append_text(&text, "; leaves in it: ");
        append_number(epoch, "leaves", &text);
        buffer_append_text(&text, "; it lasts at most ");
        when_span((uint64_t)json_number(epoch, "lengthSeconds", 0), &text);
        page_field(stdout, "epoch", buffer_text(&text));
}

static void put_export(const StatusFacts *facts)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        json_object *status = facts->status;

        if (json_number(status, "exportedSize", -1) < 0)
                return;
        if (json_number(status, "exportedSize", 0) == json_number(status, "treeSize", -1))
                buffer_append_text(&text, "complete");
        else
                append_share(status, "exportedSize", "treeSize", &text);
        buffer_append_format(&text, ", in %s",
                             json_text(status, "exportDirectory") ? json_text(status, "exportDirectory")
                                                                  : "?");
        page_field(stdout, "export", buffer_text(&text));
        put_text(status, "export fault", "exportFault");
}

static void put_details(const StatusFacts *facts)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        json_object *details = status_object(facts->status, "details");

        if (!details)
                return;
        append_number(details, "held", &text);
        buffer_append_text(&text, " held");
        if (json_text(details, "oldest")) {
                buffer_append_text(&text, ", the oldest of ");
                when_instant(json_text(details, "oldest"), facts->now_usec, &text);
        }
        if (json_number(details, "retentionDays", 0) > 0) {
                buffer_append_text(&text, "; erased after days: ");
                append_number(details, "retentionDays", &text);
        } else {
                buffer_append_text(&text, "; kept until they are erased");
        }
        if (json_text(details, "waits"))
                buffer_append_format(&text, "; %s", json_text(details, "waits"));
        page_field(stdout, "details", buffer_text(&text));
}

static void put_leaves(json_object *status)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;

        if (json_number(status, "treeSize", -1) < 0)
                return;
        append_number(status, "treeSize", &text);
        page_field(stdout, "leaves", buffer_text(&text));
        put_text(status, "root", "rootHash");
}

static void page_trail(const StatusFacts *facts)
{
        json_object *status = facts->status;

        puts("Trail");
        put_text(status, "origin", "origin");
        put_leaves(status);
        put_epoch(facts);
        put_text(status, "fault", "trailFault");
        put_time(facts, "fault since", json_text(status, "trailFaultSince"));
        put_export(facts);
        put_details(facts);
        if (json_text(status, "logKey"))
                page_field(stdout, "log key",
                           strcmp(json_text(status, "logKey"), "file") == 0 ? "in a file"
                                                                            : "from a credential");
        put_text(status, "clock", "clock");
        put_time(facts, "mark", json_text(status, "mark"));
}

static void put_gallery(const char *name, json_object *gallery)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;

        if (json_is_true(gallery, "damaged")) {
                buffer_append_text(&text, "damaged");
        } else {
                buffer_append_text(&text, "templates: ");
                append_number(gallery, "templates", &text);
                buffer_append_text(&text, "; changed so often: ");
                append_number(gallery, "epoch", &text);
        }
        page_field(stdout, name, buffer_text(&text));
}

static void put_galleries(json_object *galleries)
{
        json_object_object_foreach(galleries, name, gallery)
        {
                put_gallery(name, gallery);
        }
}

/* What answers searches, as in "opencl/gpu on NVIDIA H200, 2.1 of 126 GiB"; of a device that has failed also what was to. */
static void put_engine(json_object *status, json_object *worker)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        json_object *device = status_object(worker, "device");
        char share[PAGE_SHARE_SIZE];
        const char *chosen = json_text(status, "engine"), *answers = json_text(worker, "engine");

        if (!chosen)
                return;
        buffer_append_text(&text, answers ? answers : chosen);
        if (device && json_text(device, "failure"))
                buffer_append_format(&text, ", as %s on %s has failed", chosen,
                                     json_text(device, "name") ? json_text(device, "name") : "?");
        else if (device)
                buffer_append_format(&text, " on %s, %s",
                                     json_text(device, "name") ? json_text(device, "name") : "?",
                                     page_share((uint64_t)json_number(device, "used", 0),
                                                (uint64_t)json_number(device, "memory", 0), share));
        page_field(stdout, "engine", buffer_text(&text));
}

static void page_worker(const StatusFacts *facts)
{
        json_object *worker = status_object(facts->status, "worker");
        json_object *galleries = status_object(worker, "galleries");

        puts("Worker");
        if (!json_is_true(worker, "connected")) {
                page_field(stdout, "connected", "no");
                return;
        }
        put_engine(facts->status, worker);
        put_text(worker, "version", "version");
        put_text(worker, "session", "session");
        page_field_format(stdout, "galleries", "%ld", (long)json_number(worker, "galleriesHeld", 0));
        if (galleries)
                put_galleries(galleries);
}

static void put_mirror(const StatusFacts *facts, const char *label, const char *key)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        json_object *mirror = status_object(facts->status, key);

        if (!mirror)
                return;
        buffer_append_text(&text, json_is_true(mirror, "on") ? "on" : "off");
        if (json_text(mirror, "configured"))
                buffer_append_format(&text, " (KernelAudit=%s)", json_text(mirror, "configured"));
        if (json_is_true(mirror, "on")) {
                buffer_append_text(&text, "; sent ");
                append_number(mirror, "sent", &text);
                buffer_append_text(&text, ", waiting ");
                append_number(mirror, "waiting", &text);
                buffer_append_text(&text, ", lost ");
                append_number(mirror, "lost", &text);
        }
        if (json_is_true(mirror, "readBack")) {
                buffer_append_text(&text, "; read back ");
                append_number(mirror, "heard", &text);
        }
        page_field(stdout, label, buffer_text(&text));
        put_text(mirror, "fault", "fault");
        if (json_text(mirror, "readFault"))
                page_field_format(stdout, "",
                                  "not read back, so that outcomes name no record of the kernel: %s",
                                  json_text(mirror, "readFault"));
}

static void page_mirrors(const StatusFacts *facts)
{
        puts("Mirrors");
        put_mirror(facts, "kernel audit", "kernelAudit");
        put_mirror(facts, "journal", "journal");
}

static void put_requests(json_object *requests)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;

        append_share(requests, "open", "maximum", &text);
        buffer_append_text(&text, " under way; in this run turned away for being too many ");
        append_number(requests, "overloaded", &text);
        buffer_append_text(&text, ", for being none ");
        append_number(requests, "refused", &text);
        page_field(stdout, "requests", buffer_text(&text));
}

static void page_load(const StatusFacts *facts)
{
        _cleanup_(buffer_deinit) Buffer up = BUFFER_INIT, connections = BUFFER_INIT, children = BUFFER_INIT;
        json_object *status = facts->status, *frontend = status_object(status, "frontend");
        json_object *requests = status_object(status, "requests"), *log = status_object(status, "log");

        puts("Load");
        when_span((uint64_t)json_number(status, "uptimeSeconds", 0), &up);
        page_field(stdout, "up", buffer_text(&up));
        append_share(status, "connections", "connectionsMaximum", &connections);
        page_field(stdout, "connections", buffer_text(&connections));
        if (frontend) {
                append_share(frontend, "children", "childrenMaximum", &children);
                page_field(stdout, "children", buffer_text(&children));
        }
        if (requests)
                put_requests(requests);
        put_text(log, "log level", "level");
}

void status_page(const StatusFacts *facts)
{
        if (!facts->in_full) {
                put_text(facts->status, "version", "version");
                put_text(facts->status, "engine", "engine");
                return;
        }
        page_policy(facts);
        page_trail(facts);
        page_worker(facts);
        page_mirrors(facts);
        page_load(facts);
}
