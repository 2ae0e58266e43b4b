/* The trail, and those that follow it: export, epochs, mirrors; and where its key lies. */

#include "tools/status-rules.h"

#include <inttypes.h>
#include <string.h>

#include "base/macro.h"
#include "tools/json.h"
#include "tools/page.h"
#include "tools/when.h"

void status_find_trail(const StatusFacts *facts, FindingList *list)
{
        _cleanup_(buffer_deinit) Buffer since = BUFFER_INIT;
        const char *fault = json_text(facts->status, "trailFault");
        char number[PAGE_NUMBER_SIZE];

        if (!fault)
                return;
        when_instant(json_text(facts->status, "trailFaultSince"), facts->now_usec, &since);
        page_number((uint64_t)json_number(facts->status, "trailFaultRefused", 0), number);
        finding_say(list, FINDING_ERROR,
                    "The trail in %s cannot be written since %s, so every request is refused, %s so far.",
                    status_or_else(json_text(facts->status, "trailDirectory"), "the state folder"),
                    buffer_text(&since), number);
        finding_advise(list, "%s. It is tried each second, and needs no restart.", fault);
}

void status_find_export(const StatusFacts *facts, FindingList *list)
{
        const char *fault = json_text(facts->status, "exportFault");
        char done[PAGE_NUMBER_SIZE], all[PAGE_NUMBER_SIZE];

        if (!fault)
                return;
        page_number((uint64_t)json_number(facts->status, "exportedSize", 0), done);
        page_number((uint64_t)json_number(facts->status, "treeSize", 0), all);
        finding_say(list, FINDING_WARNING,
                    "The export falls behind: it has %s of %s leaves, and auditors see no more.", done, all);
        finding_advise(list, "%s. Nothing is lost: it catches up by itself.", fault);
}

void status_find_epoch(const StatusFacts *facts, FindingList *list)
{
        _cleanup_(buffer_deinit) Buffer began = BUFFER_INIT;
        json_object *epoch = status_object(facts->status, "epoch");

        if (!json_is_true(epoch, "late") || status_tells(facts->status, "trailFault"))
                return;
        when_instant(json_text(epoch, "began"), facts->now_usec, &began);
        finding_say(list, FINDING_WARNING,
                    "Epoch %" PRId64 " began %s and should have ended: its key is still there to sign with.",
                    json_number(epoch, "number", 0), buffer_text(&began));
        finding_advise(list, "It ends with the next record. If it stays so, see %s.",
                       status_either(facts, "'journalctl -u matchguard.service -p warning'",
                                     "what 'matchguard run' prints"));
}

static void find_lost(const StatusFacts *facts, const char *key, const char *name, FindingList *list)
{
        json_object *mirror = status_object(facts->status, key);
        char lost[PAGE_NUMBER_SIZE];
        int64_t n = mirror ? json_number(mirror, "lost", 0) : 0;

        if (n <= 0)
                return;
        page_number((uint64_t)n, lost);
        finding_say(list, FINDING_WARNING, "%s records were lost on their way to the %s, the last for: %s.",
                    lost, name, status_or_else(json_text(mirror, "lastError"), "an unknown reason"));
        finding_advise(
                list,
                "The trail has them all. Look whether %s keeps up; the trail's 'mirror' records say when: "
                "'matchguard audit search --kind mirror'.",
                strcmp(key, "journal") == 0 ? "systemd-journald" : "the kernel's audit ('auditctl -s')");
}

void status_find_mirrors(const StatusFacts *facts, FindingList *list)
{
        json_object *audit = status_object(facts->status, "kernelAudit");
        const char *fault = audit ? json_text(audit, "fault") : NULL;
        const char *wanted = audit ? status_or_else(json_text(audit, "configured"), "yes") : "";
        bool required = strcmp(wanted, "required") == 0;

        if (fault) {
                finding_say(list, required ? FINDING_ERROR : FINDING_WARNING, "%s: %s.",
                            required ? "Permits do not go out, because KernelAudit=required and the kernel's "
                                       "audit does not "
                                       "record them"
                                     : "The kernel's audit is not told what was decided",
                            fault);
                finding_advise(list, "'auditctl -s' says how it stands, and 'auditctl -e 1' switches it on; "
                                     "KernelAudit=no in "
                                     "matchguard.conf and a restart do without it.");
        }
        find_lost(facts, "kernelAudit", "kernel's audit", list);
        find_lost(facts, "journal", "journal", list);
}

void status_find_key(const StatusFacts *facts, FindingList *list)
{
        const char *key = json_text(facts->status, "logKey");

        if (!key || strcmp(key, "file") != 0 || json_is_true(facts->status, "private"))
                return;
        finding_say(list, FINDING_NOTICE,
                    "The key of the log is a file in %s, so that whoever copies the disk can sign as this "
                    "log.",
                    status_or_else(json_text(facts->status, "trailDirectory"), "the state folder"));
        finding_advise(
                list, "OPERATIONS.md, \"The key as a credential\", says how to keep it as an encrypted one.");
}
