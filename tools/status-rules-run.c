/* How this run has gone: what happened in it, and how the one before it ended. */

#include "tools/status-rules.h"

#include <inttypes.h>
#include <string.h>

#include "base/macro.h"
#include "tools/json.h"
#include "tools/page.h"
#include "tools/when.h"

void status_find_stopping(const StatusFacts *facts, FindingList *list)
{
        if (!status_is_listed(json_list(facts->status, "notServing"), "stopping"))
                return;
        finding_say(list, FINDING_ERROR, "The service is stopping, and ends what is under way.");
        finding_advise(
                list, "%s",
                status_either(facts,
                              "'systemctl start matchguard.socket matchguard.service' starts it again.",
                              "'matchguard run' starts it again."));
}

void status_find_load(const StatusFacts *facts, FindingList *list)
{
        _cleanup_(buffer_deinit) Buffer last = BUFFER_INIT;
        json_object *requests = status_object(facts->status, "requests");
        const char *when = requests ? json_text(requests, "overloadedLast") : NULL;
        char number[PAGE_NUMBER_SIZE];

        if (!when || when_age(when, facts->now_usec) >= STATUS_LOAD_SECONDS)
                return;
        when_instant(when, facts->now_usec, &last);
        page_number((uint64_t)json_number(requests, "overloaded", 0), number);
        finding_say(list, FINDING_WARNING,
                    "There was too much to do: %s requests or connections were turned away, the last %s.",
                    number, buffer_text(&last));
        finding_advise(list, "See who asks: 'matchguard audit search --since 1h'; RequestRate= in "
                             "matchguard.conf bounds one user "
                             "or group.");
}

void status_find_start(const StatusFacts *facts, FindingList *list)
{
        json_object *start = status_object(facts->status, "start");
        int64_t n_open = start ? json_number(start, "leftOpen", 0) : 0;

        if (!start || !status_tells(start, "clean") || json_is_true(start, "clean") ||
            when_age(json_text(start, "time"), facts->now_usec) >= STATUS_EVENT_SECONDS)
                return;
        finding_say(list, FINDING_NOTICE,
                    "The run before this one did not end with a stop: it was killed, crashed, or the power "
                    "went; %" PRId64 " permitted requests had no outcome.",
                    n_open);
        finding_advise(
                list, "%s says what happened; 'matchguard audit verify' shows that the trail is whole.",
                status_either(facts, "'journalctl -u matchguard.service'", "What 'matchguard run' printed"));
}

/* Breaches: somebody may have taken one of the processes over. */
void status_find_breaches(const StatusFacts *facts, FindingList *list)
{
        static const struct {
                const char *event, *what;
        } breaches[] = {
                {"child-breach", "a frontend child broke the rules and was ended"},
                {"frontend-breach", "the frontend broke the rules and was ended"},
                {"worker-breach", "a worker broke the rules and was ended"},
                {"peer-turned-away", "a stranger came on an internal socket and was turned away"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(breaches); i++) {
                _cleanup_(buffer_deinit) Buffer last = BUFFER_INIT;
                json_object *event = status_event(facts, breaches[i].event);
                if (!event)
                        continue;
                when_instant(json_text(event, "last"), facts->now_usec, &last);
                finding_say(list, FINDING_WARNING, "%" PRId64 " times in this run %s, last at %s. %s",
                            json_number(event, "count", 1), breaches[i].what, buffer_text(&last),
                            status_or_else(json_text(event, "said"), ""));
                finding_advise(list, "One of the programs may be of another version, or taken over: see %s.",
                               status_either(facts, "'journalctl -x -u matchguard.service -p warning'",
                                             "what 'matchguard run' has printed"));
        }
}

/* It holds for as long as the run: whoever looked for calls that are not in the lists may have left it on. */
void status_find_confinement(const StatusFacts *facts, FindingList *list)
{
        json_object *event = status_object(status_object(facts->status, "events"), "less-confined");

        if (!event)
                return;
        finding_say(list, FINDING_WARNING, "%s",
                    status_or_else(json_text(event, "said"), "The guard is less confined than it could be."));
        finding_advise(list,
                       "Take --log-seccomp away where it was given ('systemctl cat matchguard.service'), and "
                       "restart; "
                       "what this kernel cannot do, see matchguardd(8), CONFINEMENT, its unit still does.");
}

/* As long as the run, too. */
void status_find_accounts(const StatusFacts *facts, FindingList *list)
{
        if (!status_object(status_object(facts->status, "events"), "etc-reader-gone"))
                return;
        finding_say(
                list, FINDING_ERROR,
                "The process that opens passwd(5) and group(5), mg-etc-reader, has ended or did not answer: "
                "the policy that runs stays, and none that names accounts can be loaded.");
        finding_advise(
                list,
                "%s starts it anew, with the policy on disk: 'matchguard policy check' says before "
                "whether that loads.",
                status_either(facts, "'systemctl restart matchguard.service'", "Another 'matchguard run'"));
}

void status_find_log_level(const StatusFacts *facts, FindingList *list)
{
        json_object *log = status_object(facts->status, "log");
        const char *level = log ? json_text(log, "level") : NULL,
                   *configured = log ? json_text(log, "configured") : NULL;

        if (!level || !configured || strcmp(level, configured) == 0)
                return;
        finding_say(list, FINDING_NOTICE,
                    "The log level is %s until the next start, where matchguard.conf says %s.", level,
                    configured);
        finding_advise(list, "'matchguard log-level --default' takes it back.");
}
