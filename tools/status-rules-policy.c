/* Policy and configuration, dates that come near, and the clock by which they are read. */

#include "tools/status-rules.h"

#include <inttypes.h>
#include <string.h>

#include "base/macro.h"
#include "tools/json.h"
#include "tools/page.h"
#include "tools/when.h"

void status_find_disk(const StatusFacts *facts, FindingList *list)
{
        if (facts->disk == STATUS_DISK_BROKEN) {
                finding_say(list, FINDING_ERROR,
                            "The policy on disk does not load, so the one that runs stays and the next start "
                            "would fail: %s",
                            status_or_else(facts->disk_fault, "it cannot be read."));
                finding_advise(
                        list,
                        "'matchguard policy check' shows every fault; mend it and 'matchguard reload'.");
        }
        if (facts->disk == STATUS_DISK_DIFFERS) {
                finding_say(list, FINDING_WARNING, "The policy on disk is not the one that runs.");
                finding_advise(list, "'matchguard reload --dry-run' shows what would change, and 'matchguard "
                                     "reload' loads it.");
        }
}

void status_find_config(const StatusFacts *facts, FindingList *list)
{
        const char *fault = json_text(facts->status, "configFault");
        const char *unread = json_text(facts->status, "configUnread");

        if (unread) {
                finding_say(list, FINDING_WARNING, "The configuration was not read again: %s.", unread);
                finding_advise(list, "%s.",
                               status_either(facts, "'systemctl restart matchguard.service' reads it",
                                             "Restart 'matchguard run', which reads it"));
        }
        if (!fault)
                return;
        finding_say(list, FINDING_ERROR,
                    "The configuration has a fault, so that the next start would fail: %s", fault);
        finding_advise(list, "Mend %s, see matchguard.conf(5), and 'matchguard reload' reads it again.",
                       status_or_else(json_text(facts->status, "configFile"), "it"));
}

void status_find_stand_downs(const StatusFacts *facts, FindingList *list)
{
        json_object *names = json_list(facts->status, "standDowns");

        for (size_t i = 0; names && i < json_object_array_length(names); i++) {
                const char *name = json_object_get_string(json_object_array_get_idx(names, i));
                finding_say(list, FINDING_WARNING,
                            "The stand-down %s is in force, and refuses what it covers.", name);
                finding_advise(list, "'matchguard stand-down off %s' ends it, once what it was for is over.",
                               name);
        }
}

static void find_clock_behind(const StatusFacts *facts, FindingList *list)
{
        finding_say(
                list, FINDING_ERROR,
                "The clock says %s and is behind a record of %s: every request is denied as clock-untrusted.",
                status_or_else(json_text(facts->status, "time"), "?"),
                status_or_else(json_text(facts->status, "mark"), "?"));
        finding_advise(list, "If the clock is wrong, set it right ('timedatectl'); if that record is, "
                             "because the clock had run "
                             "ahead, 'matchguard rebase'.");
}

static void find_rates_uncounted(const StatusFacts *facts, FindingList *list)
{
        finding_say(list, FINDING_ERROR,
                    "The clock was set back to before the permits that are counted: requests that a Rate "
                    "concerns fail.");
        finding_advise(list, "%s.",
                       status_either(facts, "'systemctl restart matchguard.service' counts them anew",
                                     "Restart 'matchguard run', which counts them anew"));
}

/* What to do about a date of the policy; the warning names file and line. Between the two texts stands which file is
 * to be changed. */
static const struct {
        const char *kind, *before, *after;
} find_dates[] = {
        {"moratorium-end",
         "Decide whether it is to end: 'matchguard moratorium list' shows it, 'matchguard moratorium "
         "release NAME --reason TEXT' ends it, another Until= in",
         "and 'matchguard reload' prolong it."},
        {"moratorium-review", "Review it, set the next ReviewBy= in", "and 'matchguard reload'."},
        {"allow-end", "Whoever still needs it wants another Until= in",
         "and 'matchguard reload'; else it ends by itself."},
        {"organisation-end", "If it is still to ask, set another Until= in",
         "and 'matchguard reload'; else it ends by itself."},
};

/* Of "... (/usr/lib/matchguard/policy.d/police-use.moratorium:12)", or of a drop-in of it: "police-use.moratorium".
 * Return: whether the file is a shipped one. */
static bool find_shipped(const char *text, const char **ret_object, int *ret_n)
{
        const char *path = strrchr(text, '('), *end = path ? strrchr(path, ':') : NULL;

        if (!end || strncmp(path, "(/usr/", strlen("(/usr/")) != 0)
                return false;
        const char *name = memrchr(path, '/', (size_t)(end - path));
        const char *folder = memrchr(path, '/', (size_t)(name - path));
        size_t n = (size_t)(name - folder);
        /* NAME.TYPE.d holds drop-ins, policy.d does not. */
        bool is_drop_in = memchr(folder, '.', n) != memrchr(folder, '.', n);
        *ret_object = is_drop_in ? folder + 1 : name + 1;
        *ret_n = (int)(is_drop_in ? n - strlen("/.d") : (size_t)(end - name) - 1);
        return true;
}

static void find_dated(const char *kind, const char *text, FindingList *list)
{
        _cleanup_(buffer_deinit) Buffer place = BUFFER_INIT;
        const char *object;
        int n;

        if (find_shipped(text, &object, &n))
                buffer_append_format(&place,
                                     "a drop-in, /etc/matchguard/policy.d/%.*s.d/*.conf (an upgrade replaces "
                                     "the file that was shipped),",
                                     n, object);
        else
                buffer_append_text(&place, "that file");
        finding_say(list, FINDING_WARNING, "%s.", text);
        for (size_t i = 0; i < ARRAY_SIZE(find_dates); i++)
                if (strcmp(find_dates[i].kind, kind) == 0) {
                        finding_advise(list, "%s %s %s", find_dates[i].before, buffer_text(&place),
                                       find_dates[i].after);
                        return;
                }
        finding_advise(list, "'matchguard policy check' and 'matchguard status --json' say more.");
}

void status_find_warnings(const StatusFacts *facts, FindingList *list)
{
        json_object *texts = json_list(facts->status, "warnings"),
                    *kinds = json_list(facts->status, "warningKinds");

        for (size_t i = 0; texts && i < json_object_array_length(texts); i++) {
                const char *text = json_object_get_string(json_object_array_get_idx(texts, i));
                json_object *item = kinds ? json_object_array_get_idx(kinds, i) : NULL;
                const char *kind = item ? json_object_get_string(item) : "";
                if (strcmp(kind, "clock-behind") == 0)
                        find_clock_behind(facts, list);
                else if (strcmp(kind, "rates-uncounted") == 0)
                        find_rates_uncounted(facts, list);
                else
                        find_dated(kind, text, list);
        }
}

void status_find_clock(const StatusFacts *facts, FindingList *list)
{
        const char *clock = json_text(facts->status, "clock");

        if (!clock || strcmp(clock, "unsynchronised") != 0)
                return;
        finding_say(list, FINDING_WARNING,
                    "The clock is not synchronised, so what is to loosen at some time does not before a "
                    "record of a clock that "
                    "was.");
        finding_advise(
                list,
                "'timedatectl set-ntp true', or start chrony; 'timedatectl' says when it is synchronised.");
}
