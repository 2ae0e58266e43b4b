/* From facts to words: a status as the service tells it, with what is found in it. */

#include <criterion/criterion.h>
#include <json-c/json.h>
#include <string.h>

#include "base/macro.h"
#include "policy/time.h"
#include "tools/json.h"
#include "tools/status-findings.h"

/* A service that fares well, and then what a case changes of it. */
static const char healthy[] =
        "{\"version\":\"1\",\"serving\":true,\"engine\":\"cpu\",\"origin\":\"o\",\"logKey\":\"credential\","
        "\"treeSize\":9,"
        "\"exportedSize\":9,\"trailWritten\":true,\"trailDirectory\":\"/var/lib/matchguard/trail\","
        "\"epoch\":{\"number\":3,\"began\":\"2026-11-28T08:00:00Z\",\"late\":false},"
        "\"policy\":\"aa\",\"warnings\":[],\"warningKinds\":[],\"standDowns\":[],\"clock\":\"synchronised\","
        "\"time\":\"2026-11-28T08:41:00Z\",\"mark\":\"2026-11-28T08:40:00Z\",\"configFile\":\"/etc/m.conf\","
        "\"private\":false,\"uptimeSeconds\":3600,"
        "\"worker\":{\"connected\":true,\"galleriesNotDeclared\":[],\"galleries\":{\"faces\":{\"damaged\":"
        "false}}},"
        "\"requests\":{\"overloaded\":0},\"kernelAudit\":{\"configured\":\"yes\",\"on\":true,\"lost\":0},"
        "\"journal\":{\"on\":true,\"lost\":0},\"start\":{\"time\":\"2026-11-28T07:41:00Z\",\"clean\":true,"
        "\"leftOpen\":0},"
        "\"log\":{\"level\":\"info\",\"configured\":\"info\"},\"events\":{}}";

typedef struct Case {
        const char *change; /* members that replace those above */
        FindingSeverity severity;
        const char *what;   /* a part of it; NULL: there is no finding */
        const char *remedy; /* likewise */
} Case;

static const Case cases[] = {
        {"{}", 0, NULL, NULL},
        /* the trail */
        {"{\"trailFault\":\"/var/x: No space left on device: make "
         "room\",\"trailFaultSince\":\"2026-11-28T08:40:00Z\","
         "\"trailFaultRefused\":1234}",
         FINDING_ERROR,
         "The trail in /var/lib/matchguard/trail cannot be written since 2026-11-28 08:40:00 UTC, 1 min ago, "
         "so every "
         "request is refused, 1,234 so far.",
         "/var/x: No space left on device: make room. It is tried each second"},
        {"{\"exportFault\":\"/x: full\",\"exportedSize\":1000,\"treeSize\":2000}", FINDING_WARNING,
         "it has 1,000 of 2,000 leaves", "/x: full. Nothing is lost"},
        {"{\"epoch\":{\"number\":3,\"began\":\"2026-11-28T08:00:00Z\",\"late\":true}}", FINDING_WARNING,
         "Epoch 3 began 2026-11-28 08:00:00 UTC, 41 min ago and should have ended",
         "journalctl -u matchguard.service"},
        {"{\"logKey\":\"file\"}", FINDING_NOTICE, "is a file in /var/lib/matchguard/trail",
         "OPERATIONS.md, \"The key as a credential\""},
        {"{\"logKey\":\"file\",\"private\":true}", 0, NULL, NULL},
        {"{\"kernelAudit\":{\"configured\":\"yes\",\"fault\":\"it is off\"}}", FINDING_WARNING,
         "The kernel's audit is not told what was decided: it is off.", "auditctl -e 1"},
        {"{\"kernelAudit\":{\"configured\":\"required\",\"fault\":\"it is off\"}}", FINDING_ERROR,
         "Permits do not go out, because KernelAudit=required", "auditctl -e 1"},
        {"{\"journal\":{\"lost\":12345,\"lastError\":\"No buffer space available\"}}", FINDING_WARNING,
         "12,345 records were lost on their way to the journal, the last for: No buffer space available",
         "systemd-journald"},
        {"{\"kernelAudit\":{\"configured\":\"yes\",\"lost\":1,\"lastError\":\"x\"}}", FINDING_WARNING,
         "1 records were lost on their way to the kernel's audit", "auditctl -s"},
        /* the worker */
        {"{\"serving\":false,\"notServing\":[\"worker\"],\"worker\":{\"connected\":false}}", FINDING_ERROR,
         "No worker is there", "systemctl status matchguard-worker.service"},
        {"{\"serving\":false,\"worker\":{\"connected\":false},\"uptimeSeconds\":3}", FINDING_NOTICE,
         "The worker is not there yet; the service started 3 s ago", "Ask again"},
        {"{\"serving\":false,\"worker\":{\"connected\":false},\"uptimeSeconds\":3,\"events\":{\"worker-"
         "gone\":{\"count\":1,"
         "\"last\":\"2026-11-28T08:40:59Z\",\"said\":\"The worker has gone.\"}}}",
         FINDING_ERROR, "No worker is there", "started again by itself"},
        {"{\"worker\":{\"connected\":false},\"private\":true}", FINDING_ERROR, "No worker is there",
         "what 'matchguard run' has printed"},
        {"{\"events\":{\"worker-refused\":{\"count\":5,\"last\":\"2026-11-28T08:40:00Z\",\"said\":\"The "
         "worker refused "
         "leaf 7: no signature\"}}}",
         FINDING_ERROR,
         "5 times, last at 2026-11-28 08:40:00 UTC, 1 min ago. The worker refused leaf 7: no signature",
         "systemctl restart matchguard-worker.service"},
        {"{\"worker\":{\"connected\":true,\"galleries\":{\"faces\":{\"damaged\":true},\"b\":{\"damaged\":"
         "false}}}}",
         FINDING_ERROR, "The gallery faces is not on the disk as it was stored",
         "Restore /var/lib/matchguard/galleries/faces.gallery from a backup, and with it faces.originals"},
        {"{\"worker\":{\"connected\":true,\"engine\":\"cuda/sm_90\",\"device\":{\"name\":\"NVIDIA "
         "H200\",\"memory\":9,"
         "\"used\":9}}}",
         0, NULL, NULL},
        {"{\"worker\":{\"connected\":true,\"engine\":\"cpu/avx2\",\"device\":{\"name\":\"NVIDIA "
         "H200\",\"memory\":9,"
         "\"used\":0,\"failure\":\"it burns\"}}}",
         FINDING_WARNING,
         "The device NVIDIA H200 failed (it burns): searches are answered by the processor since.",
         "'systemctl restart matchguard-worker.service' tries the device again"},
        {"{\"worker\":{\"connected\":true,\"device\":{\"failure\":\"it burns\"}},\"private\":true}",
         FINDING_WARNING, "The device ? failed (it burns)", "what 'matchguard run' has printed"},
        {"{\"worker\":{\"connected\":true,\"galleriesNotDeclared\":[\"old\"]}}", FINDING_WARNING,
         "The worker keeps a gallery old that the policy does not declare",
         "old.gallery, old.originals and old.codes in /var/lib/matchguard/galleries away"},
        /* policy */
        {"{\"standDowns\":[\"operator\"]}", FINDING_WARNING, "The stand-down operator is in force",
         "'matchguard stand-down off operator'"},
        {"{\"configFault\":\"/etc/m.conf:2:1: unknown key\"}", FINDING_ERROR, "/etc/m.conf:2:1: unknown key",
         "Mend /etc/m.conf"},
        {"{\"configUnread\":\"/srv/m.conf: out of reach\"}", FINDING_WARNING,
         "The configuration was not read again: /srv/m.conf: out of reach.",
         "systemctl restart matchguard.service"},
        {"{\"clock\":\"unsynchronised\"}", FINDING_WARNING, "The clock is not synchronised", "timedatectl"},
        {"{\"clock\":\"behind\",\"warnings\":[\"the clock says\"],\"warningKinds\":[\"clock-behind\"]}",
         FINDING_ERROR,
         "The clock says 2026-11-28T08:41:00Z and is behind a record of 2026-11-28T08:40:00Z: every request "
         "is denied",
         "'matchguard rebase'"},
        {"{\"warnings\":[\"x\"],\"warningKinds\":[\"rates-uncounted\"]}", FINDING_ERROR,
         "before the permits that are counted", "systemctl restart matchguard.service"},
        {"{\"warnings\":[\"moratorium p: was to end\"],\"warningKinds\":[\"moratorium-end\"]}",
         FINDING_WARNING, "moratorium p: was to end.", "matchguard moratorium release NAME --reason TEXT"},
        {"{\"warnings\":[\"moratorium p: review\"],\"warningKinds\":[\"moratorium-review\"]}",
         FINDING_WARNING, "moratorium p: review.", "set the next ReviewBy="},
        {"{\"warnings\":[\"allow a: ends\"],\"warningKinds\":[\"allow-end\"]}", FINDING_WARNING,
         "allow a: ends.", "another Until="},
        {"{\"warnings\":[\"moratorium p: review (/usr/lib/matchguard/policy.d/p.moratorium:12)\"],"
         "\"warningKinds\":[\"moratorium-review\"]}",
         FINDING_WARNING, "p.moratorium:12).",
         "set the next ReviewBy= in a drop-in, /etc/matchguard/policy.d/p.moratorium.d/*.conf"},
        {"{\"warnings\":[\"allow a: ends (/usr/lib/matchguard/policy.d/a.allow.d/x.conf:2)\"],"
         "\"warningKinds\":[\"allow-end\"]}",
         FINDING_WARNING, "x.conf:2).",
         "another Until= in a drop-in, /etc/matchguard/policy.d/a.allow.d/*.conf"},
        {"{\"warnings\":[\"allow a: ends (/etc/matchguard/policy.d/a.allow:2)\"],"
         "\"warningKinds\":[\"allow-end\"]}",
         FINDING_WARNING, "a.allow:2).", "another Until= in that file"},
        {"{\"warnings\":[\"organisation a: ends\"],\"warningKinds\":[\"organisation-end\"]}", FINDING_WARNING,
         "organisation a: ends.", "set another Until="},
        {"{\"warnings\":[\"and 3 more\"],\"warningKinds\":[\"more\"]}", FINDING_WARNING, "and 3 more.",
         "matchguard policy check"},
        {"{\"warnings\":[\"of an older service\"],\"warningKinds\":null}", FINDING_WARNING,
         "of an older service.", "matchguard policy check"},
        /* the run */
        {"{\"serving\":false,\"notServing\":[\"stopping\"]}", FINDING_ERROR, "The service is stopping",
         "systemctl start matchguard.socket"},
        {"{\"requests\":{\"overloaded\":7,\"overloadedLast\":\"2026-11-28T08:36:00Z\"}}", FINDING_WARNING,
         "7 requests or connections were turned away, the last 2026-11-28 08:36:00 UTC, 5 min ago",
         "matchguard audit search"},
        {"{\"requests\":{\"overloaded\":7,\"overloadedLast\":\"2026-11-28T08:31:00Z\"}}", 0, NULL, NULL},
        {"{\"start\":{\"time\":\"2026-11-28T07:41:00Z\",\"clean\":false,\"leftOpen\":2}}", FINDING_NOTICE,
         "did not end with a stop: it was killed, crashed, or the power went; 2 permitted requests had no "
         "outcome",
         "matchguard audit verify"},
        {"{\"start\":{\"time\":\"2026-11-26T07:41:00Z\",\"clean\":false,\"leftOpen\":2}}", 0, NULL, NULL},
        {"{\"events\":{\"child-breach\":{\"count\":2,\"last\":\"2026-11-28T08:40:00Z\",\"said\":\"The "
         "frontend child for "
         "uid 7 broke.\"}}}",
         FINDING_WARNING, "2 times in this run a frontend child broke the rules and was ended",
         "journalctl -x"},
        {"{\"events\":{\"child-breach\":{\"count\":2,\"last\":\"2026-11-26T08:40:00Z\",\"said\":\"x\"}}}", 0,
         NULL, NULL},
        {"{\"events\":{\"frontend-breach\":{\"count\":1,\"last\":\"2026-11-28T08:40:00Z\",\"said\":\"x\"}}}",
         FINDING_WARNING, "the frontend broke the rules", "taken over"},
        {"{\"events\":{\"worker-breach\":{\"count\":1,\"last\":\"2026-11-28T08:40:00Z\",\"said\":\"x\"}}}",
         FINDING_WARNING, "a worker broke the rules", "taken over"},
        {"{\"events\":{\"peer-turned-away\":{\"count\":1,\"last\":\"2026-11-28T08:40:00Z\",\"said\":\"x\"}}}",
         FINDING_WARNING, "a stranger came on an internal socket", "taken over"},
        {"{\"events\":{\"less-confined\":{\"count\":1,\"last\":\"2026-11-20T08:40:00Z\",\"said\":\"Less "
         "confined than it could be: "
         "--log-seccomp.\"}}}",
         FINDING_WARNING, "Less confined than it could be: --log-seccomp.", "Take --log-seccomp away"},
        {"{\"events\":{\"etc-reader-gone\":{\"count\":1,\"last\":\"2026-11-20T08:40:00Z\",\"said\":\"x\"}}}",
         FINDING_ERROR, "mg-etc-reader, has ended or did not answer: the policy that runs stays",
         "'systemctl restart matchguard.service' starts it anew"},
        {"{\"events\":{\"etc-reader-gone\":{\"count\":1,\"last\":\"2026-11-20T08:40:00Z\",\"said\":\"x\"}},"
         "\"private\":true}",
         FINDING_ERROR, "none that names accounts can be loaded", "Another 'matchguard run'"},
        {"{\"log\":{\"level\":\"debug\",\"configured\":\"info\"}}", FINDING_NOTICE,
         "The log level is debug until the next start, where matchguard.conf says info",
         "'matchguard log-level --default'"},
};

static json_object *status_of(const char *change)
{
        json_object *status = json_tokener_parse(healthy), *changes = json_tokener_parse(change);

        cr_assert(status && changes, "%s", change);
        json_object_object_foreach(changes, key, value)
        {
                json_object_object_add(status, key, json_object_get(value));
        }
        json_object_put(changes);
        return status;
}

static StatusFacts facts_of(json_object *status)
{
        StatusFacts facts = {.status = status, .in_full = true, .disk = STATUS_DISK_SAME};

        cr_assert(time_parse("2026-11-28T08:41:00Z", 20, &facts.now_usec));
        return facts;
}

static void expect(const FindingList *list, const Case *expected)
{
        const char *what = list->n > 0 ? buffer_text(&list->items[0].what) : "";
        const char *remedy = list->n > 0 ? buffer_text(&list->items[0].remedy) : "";

        cr_expect_eq(list->n, expected->what ? 1 : 0, "%s: %zu, %s", expected->change, list->n, what);
        if (!expected->what || list->n == 0)
                return;
        cr_expect_eq(list->items[0].severity, expected->severity, "%s", what);
        cr_expect(strstr(what, expected->what), "%s, not %s", what, expected->what);
        cr_expect(strstr(remedy, expected->remedy), "%s, not %s", remedy, expected->remedy);
        cr_expect(strchr(".!", what[strlen(what) - 1]) || strstr(expected->change, "said") ||
                          strstr(expected->change, "Fault"),
                  "no sentence: %s", what);
        cr_expect_eq(remedy[strlen(remedy) - 1], '.', "no sentence: %s", remedy);
}

Test(status_findings, each_fact_is_worded_with_its_remedy)
{
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_(json_putp) json_object *status = status_of(cases[i].change);
                _cleanup_(finding_list_deinit) FindingList list = FINDING_LIST_INIT;
                StatusFacts facts = facts_of(status);
                status_find(&facts, &list);
                expect(&list, &cases[i]);
        }
}

Test(status_findings, what_lies_on_the_disk_is_held_against_what_runs)
{
        static const struct {
                StatusDisk disk;
                const char *fault;
                Case expected;
        } disks[] = {
                {STATUS_DISK_UNKNOWN, NULL, {"unknown", 0, NULL, NULL}},
                {STATUS_DISK_DIFFERS,
                 NULL,
                 {"differs", FINDING_WARNING, "The policy on disk is not the one that runs",
                  "matchguard reload --dry-run"}},
                {STATUS_DISK_BROKEN,
                 "a.allow:2:1: unknown key.",
                 {"broken", FINDING_ERROR, "the next start would fail: a.allow:2:1: unknown key",
                  "matchguard policy check"}},
        };

        for (size_t i = 0; i < ARRAY_SIZE(disks); i++) {
                _cleanup_(json_putp) json_object *status = status_of("{}");
                _cleanup_(finding_list_deinit) FindingList list = FINDING_LIST_INIT;
                StatusFacts facts = facts_of(status);
                facts.disk = disks[i].disk;
                facts.disk_fault = disks[i].fault;
                status_find(&facts, &list);
                expect(&list, &disks[i].expected);
        }
}

Test(status_findings, of_a_worker_that_is_not_there_its_unit_says_more)
{
        static const struct {
                const char *unit, *remedy;
        } units[] = {{"failed", "systemctl reset-failed matchguard-worker.service"},
                     {"inactive", "'systemctl start matchguard-worker.service'"},
                     {"masked", "'systemctl unmask matchguard-worker.service'"},
                     {"masked-runtime", "'systemctl unmask --runtime matchguard-worker.service'"},
                     {"activating", "started again by itself"},
                     {NULL, "started again by itself"}};

        for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
                _cleanup_(json_putp) json_object *status = status_of("{\"worker\":{\"connected\":false}}");
                _cleanup_(finding_list_deinit) FindingList list = FINDING_LIST_INIT;
                StatusFacts facts = facts_of(status);
                facts.worker_unit = units[i].unit;
                status_find(&facts, &list);
                cr_assert_eq(list.n, 1);
                cr_expect(strstr(buffer_text(&list.items[0].remedy), units[i].remedy), "%s",
                          buffer_text(&list.items[0].remedy));
        }
}

/* One that was turned away is told with the worker that is missing, with the guard's reason. */
Test(status_findings, a_worker_that_was_turned_away_is_named)
{
        _cleanup_(json_putp) json_object *status = status_of(
                "{\"worker\":{\"connected\":false},\"events\":{\"worker-breach\":{\"count\":1,\"last\":"
                "\"2026-11-28T08:40:00Z\",\"said\":\"It has followed another log; --forget-log.\"}}}");
        _cleanup_(finding_list_deinit) FindingList list = FINDING_LIST_INIT;
        StatusFacts facts = facts_of(status);

        status_find(&facts, &list);
        cr_assert_geq(list.n, 1);
        cr_expect(strstr(buffer_text(&list.items[0].remedy),
                         "The guard said of one that came: It has followed another log; --forget-log."),
                  "%s", buffer_text(&list.items[0].remedy));
}

Test(status_findings, a_stranger_is_told_whether_it_serves_and_whom_to_ask)
{
        static const struct {
                const char *status, *what; /* NULL: nothing */
        } strangers[] = {
                {"{\"version\":\"1\",\"serving\":true,\"engine\":\"cpu\"}", NULL},
                {"{\"serving\":false,\"notServing\":[\"trail\"]}",
                 "Every request is refused, because nothing can be recorded."},
                {"{\"serving\":false,\"notServing\":[\"trail\",\"worker\"]}",
                 "Every request is refused, because nothing can be recorded."},
                {"{\"serving\":false,\"notServing\":[\"worker\"]}", "nobody is there to match."},
                {"{\"serving\":false,\"notServing\":[\"stopping\"]}", "stopping"},
                {"{\"serving\":false,\"notServing\":[\"starting\"]}", "starting"},
                {"{\"serving\":false,\"notServing\":[\"of-a-newer-service\"]}", "does not serve"},
                {"{\"serving\":false}", "does not serve"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(strangers); i++) {
                _cleanup_(json_putp) json_object *status = json_tokener_parse(strangers[i].status);
                _cleanup_(finding_list_deinit) FindingList list = FINDING_LIST_INIT;
                StatusFacts facts = {.status = status};
                status_find(&facts, &list);
                cr_assert_eq(list.n, strangers[i].what ? 1 : 0, "%s", strangers[i].status);
                if (list.n == 0)
                        continue;
                cr_expect(strstr(buffer_text(&list.items[0].what), strangers[i].what));
                cr_expect(strstr(buffer_text(&list.items[0].remedy), "Tell whoever runs this machine"));
        }
}

/* A service that tells nothing, or other things than are expected, is not taken for a broken one, nor ends the tool. */
Test(status_findings, what_is_not_told_is_no_finding)
{
        static const char *const statuses[] = {
                "{}", "{\"worker\":7,\"epoch\":\"x\",\"events\":[],\"requests\":null}",
                "{\"serving\":true,\"warnings\":{},\"kernelAudit\":true,\"log\":{}}"};

        for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
                _cleanup_(json_putp) json_object *status = json_tokener_parse(statuses[i]);
                _cleanup_(finding_list_deinit) FindingList list = FINDING_LIST_INIT;
                StatusFacts facts = facts_of(status);
                status_find(&facts, &list);
                cr_expect_eq(list.n, 0, "%s", statuses[i]);
        }
}
