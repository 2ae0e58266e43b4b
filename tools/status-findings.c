/*
 * The rules in their order, and what anybody is told. What the rules share stands here, too.
 */

#include "tools/status-findings.h"

#include <string.h>

#include "base/macro.h"
#include "tools/json.h"
#include "tools/status-rules.h"
#include "tools/when.h"

json_object *status_object(json_object *object, const char *key)
{
        json_object *value = NULL;

        return object && json_object_object_get_ex(object, key, &value) &&
                               json_object_is_type(value, json_type_object)
                       ? value
                       : NULL;
}

const char *status_either(const StatusFacts *facts, const char *installed, const char *private)
{
        return json_is_true(facts->status, "private") ? private : installed;
}

const char *status_or_else(const char *text, const char *otherwise)
{
        return text ? text : otherwise;
}

bool status_tells(json_object *object, const char *key)
{
        json_object *value;

        return object && json_object_object_get_ex(object, key, &value);
}

bool status_is_listed(json_object *list, const char *word)
{
        for (size_t i = 0; list && i < json_object_array_length(list); i++)
                if (strcmp(json_object_get_string(json_object_array_get_idx(list, i)), word) == 0)
                        return true;
        return false;
}

json_object *status_event(const StatusFacts *facts, const char *name)
{
        json_object *event = status_object(status_object(facts->status, "events"), name);
        const char *last = event ? json_text(event, "last") : NULL;

        /* One that the clock makes to lie ahead is recent, too. */
        return event && when_age(last, facts->now_usec) < STATUS_EVENT_SECONDS ? event : NULL;
}

/* ------------------------------------------------------------------------------------------- what anybody is told */

static const char ask_root[] = "Tell whoever runs this machine: as root, 'matchguard status' says what to "
                               "do. What was refused for this may "
                               "be asked again later.";

/* A guard without a trail takes no worker, which is nothing that is wrong besides. */
static bool follows_from_trail(const char *word)
{
        return strcmp(word, "worker") == 0;
}

/* What anybody is told: the public part holds nothing but these words. */
static void find_for_anybody(const StatusFacts *facts, FindingList *list)
{
        static const struct {
                const char *word, *what;
        } reasons[] = {
                {"stopping", "The service is stopping."},
                {"starting", "The service is starting."},
                {"trail", "Every request is refused, because nothing can be recorded."},
                {"worker", "Requests that are permitted fail, because nobody is there to match."},
                {"frontend", "Nobody is heard, because the frontend is not there."},
        };
        json_object *words = json_list(facts->status, "notServing");
        size_t n_before = list->n;

        if (json_is_true(facts->status, "serving"))
                return;
        for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
                if (status_is_listed(words, reasons[i].word) &&
                    !(follows_from_trail(reasons[i].word) && status_is_listed(words, "trail"))) {
                        finding_say(list, FINDING_ERROR, "%s", reasons[i].what);
                        finding_advise(list, "%s", ask_root);
                }
        if (list->n > n_before)
                return;
        finding_say(list, FINDING_ERROR, "The service does not serve.");
        finding_advise(list, "%s", ask_root);
}

/* ------------------------------------------------------------------------------------------------------- all of it */

void status_find(const StatusFacts *facts, FindingList *list)
{
        static void (*const all[])(const StatusFacts *facts, FindingList *list) = {
                status_find_stopping,    status_find_trail,
                status_find_no_worker,   status_find_worker_refuses,
                status_find_device,      status_find_galleries,
                status_find_disk,        status_find_config,
                status_find_warnings,    status_find_clock,
                status_find_stand_downs, status_find_export,
                status_find_mirrors,     status_find_epoch,
                status_find_load,        status_find_breaches,
                status_find_confinement, status_find_start,
                status_find_key,         status_find_accounts,
                status_find_log_level,
        };

        if (!facts->in_full) {
                find_for_anybody(facts, list);
                return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(all); i++)
                all[i](facts, list);
        finding_sort(list);
}
