/* What the worker, its device and its galleries lack. */

#include "tools/status-rules.h"

#include <inttypes.h>
#include <string.h>

#include "base/macro.h"
#include "tools/json.h"
#include "tools/page.h"
#include "tools/when.h"

/* Then it does not come by itself. */
static bool is_masked(const StatusFacts *facts)
{
        return facts->worker_unit && strncmp(facts->worker_unit, "masked", strlen("masked")) == 0;
}

static void advise_worker(const StatusFacts *facts, FindingList *list)
{
        const char *state = facts->worker_unit;

        if (json_is_true(facts->status, "private"))
                finding_advise(
                        list,
                        "Look at what 'matchguard run' has printed: the worker says there why it ended.");
        else if (state && strcmp(state, "failed") == 0)
                finding_advise(
                        list,
                        "Its unit has failed: 'journalctl -u matchguard-worker.service -n 20' says why; then "
                        "'systemctl reset-failed matchguard-worker.service' and 'systemctl start "
                        "matchguard-worker.service'.");
        else if (is_masked(facts))
                finding_advise(list,
                               "Its unit is masked: 'systemctl unmask %smatchguard-worker.service', then "
                               "'systemctl start matchguard-worker.service'.",
                               strcmp(state, "masked-runtime") == 0 ? "--runtime " : "");
        else if (state && strcmp(state, "inactive") == 0)
                finding_advise(list, "Its unit does not run: 'systemctl start matchguard-worker.service'.");
        else
                finding_advise(list, "See 'systemctl status matchguard-worker.service' and 'journalctl -u "
                                     "matchguard-worker.service -n 20'; it is started again by itself.");
}

void status_find_no_worker(const StatusFacts *facts, FindingList *list)
{
        static const char *const refusals[] = {"worker-breach", "peer-turned-away"};
        json_object *worker = status_object(facts->status, "worker");
        int64_t up = json_number(facts->status, "uptimeSeconds", STATUS_STARTING_SECONDS);

        if (!worker || json_is_true(worker, "connected") || status_tells(facts->status, "trailFault"))
                return;
        if (up < STATUS_STARTING_SECONDS && !status_event(facts, "worker-gone") && !is_masked(facts)) {
                finding_say(list, FINDING_NOTICE,
                            "The worker is not there yet; the service started %" PRId64 " s ago.", up);
                finding_advise(list, "Ask again in a moment.");
                return;
        }
        finding_say(
                list, FINDING_ERROR,
                "No worker is there: requests are decided and recorded, and those that are permitted fail.");
        advise_worker(facts, list);
        for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
                json_object *event = status_event(facts, refusals[i]);
                if (event && json_text(event, "said"))
                        finding_advise(list, " The guard said of one that came: %s",
                                       json_text(event, "said"));
        }
}

void status_find_worker_refuses(const StatusFacts *facts, FindingList *list)
{
        _cleanup_(buffer_deinit) Buffer last = BUFFER_INIT;
        json_object *event = status_event(facts, "worker-refused");

        if (!event)
                return;
        when_instant(json_text(event, "last"), facts->now_usec, &last);
        finding_say(list, FINDING_ERROR,
                    "The worker did not believe what was permitted, %" PRId64 " times, last at %s. %s",
                    json_number(event, "count", 1), buffer_text(&last),
                    status_or_else(json_text(event, "said"), ""));
        finding_advise(
                list, "It has the key of another log, or saw more of this one: %s.",
                status_either(
                        facts,
                        "'systemctl restart matchguard-worker.service' gives it the key of this log; where "
                        "the log was "
                        "begun anew on purpose, 'matchguard-worker --forget-log' lets it accept that",
                        "start it with the --vkey of this log; where the log was begun anew on purpose, "
                        "'matchguard-worker --forget-log' lets it accept that"));
}

void status_find_device(const StatusFacts *facts, FindingList *list)
{
        json_object *device = status_object(status_object(facts->status, "worker"), "device");
        const char *failure = device ? json_text(device, "failure") : NULL;

        if (!failure)
                return;
        finding_say(list, FINDING_WARNING,
                    "The device %s failed (%s): searches are answered by the processor since.",
                    status_or_else(json_text(device, "name"), "?"), failure);
        finding_advise(list, "%s",
                       status_either(facts,
                                     "'journalctl -u matchguard-worker.service' and 'dmesg' may say more; "
                                     "then 'systemctl restart matchguard-worker.service' tries the device "
                                     "again.",
                                     "Look at what 'matchguard run' has printed, and at 'dmesg'; another "
                                     "'matchguard run' tries the device again."));
}

/* The folder of the galleries lies beside the trail's. */
static void galleries_folder(const StatusFacts *facts, Buffer *path)
{
        const char *trail =
                status_or_else(json_text(facts->status, "trailDirectory"), "/var/lib/matchguard/trail");
        const char *slash = strrchr(trail, '/');

        buffer_append_format(path, "%.*s/galleries", (int)(slash ? slash - trail : 0), trail);
}

static void find_damaged(const StatusFacts *facts, json_object *galleries, FindingList *list)
{
        _cleanup_(buffer_deinit) Buffer folder = BUFFER_INIT;

        galleries_folder(facts, &folder);
        json_object_object_foreach(galleries, name, gallery)
        {
                if (!json_is_true(gallery, "damaged"))
                        continue;
                finding_say(
                        list, FINDING_ERROR,
                        "The gallery %s is not on the disk as it was stored: every request upon it fails.",
                        name);
                finding_advise(
                        list,
                        "Restore %s/%s.gallery from a backup, and with it %s.originals, or take both and "
                        "%s.codes away and enrol anew; then %s. OPERATIONS.md, \"A gallery is damaged\", "
                        "says "
                        "more.",
                        buffer_text(&folder), name, name, name,
                        status_either(facts, "'systemctl restart matchguard-worker.service'",
                                      "restart the worker"));
        }
}

static void find_undeclared(const StatusFacts *facts, json_object *names, FindingList *list)
{
        _cleanup_(buffer_deinit) Buffer folder = BUFFER_INIT;

        galleries_folder(facts, &folder);
        for (size_t i = 0; i < json_object_array_length(names); i++) {
                const char *name = json_object_get_string(json_object_array_get_idx(names, i));
                finding_say(list, FINDING_WARNING,
                            "The worker keeps a gallery %s that the policy does not declare: nobody can "
                            "search it, and "
                            "nobody can remove anybody from it.",
                            name);
                finding_advise(list,
                               "Declare it in %s.gallery and 'matchguard reload', or take %s.gallery, "
                               "%s.originals and "
                               "%s.codes in %s away.",
                               name, name, name, name, buffer_text(&folder));
        }
}

void status_find_galleries(const StatusFacts *facts, FindingList *list)
{
        json_object *worker = status_object(facts->status, "worker");
        json_object *galleries = status_object(worker, "galleries");
        json_object *undeclared = worker ? json_list(worker, "galleriesNotDeclared") : NULL;

        if (galleries)
                find_damaged(facts, galleries, list);
        if (undeclared)
                find_undeclared(facts, undeclared, list);
}
