/*
 * `matchguard audit replay`: makes every decision of an export anew and reports each that comes out otherwise;
 * or says what another policy would have decided. Reads the export, and of this machine at most the names of
 * accounts in that other policy.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "policy/time.h"
#include "tools/audit-export.h"
#include "tools/commands.h"
#include "tools/findings.h"
#include "tools/json.h"
#include "tools/log-replay.h"
#include "tools/page.h"
#include "tools/policy-open.h"
#include "tools/what-if-words.h"

DEFINE_CLEANUP(ProvenLog *, proven_log_free);
DEFINE_CLEANUP(Policy *, policy_unref);

typedef struct Call {
        const Command *command;
        AuditExport where;
        OptionList policy;
        const char *since, *until;
        bool unproved, json;

        Findings findings;
        bool hypothetical;
        WhatIf what_if;
        uint64_t n_decisions, n_same, n_unmade; /* unmade: their policy is not to be had */
        uint64_t n_permits;
        uint64_t n_reasons[_REASON_MAX]; /* of denials, as the leaves say; REASON_NONE: no known one */
} Call;

/* ------------------------------------------------------------------------------------------------- the leaves */

static Reason said_reason(const LeafEntry *entry)
{
        for (Reason reason = REASON_NONE + 1; reason < _REASON_MAX; reason++)
                if (leaf_is(&entry->leaf, "reason", reason_name(reason)))
                        return reason;
        return REASON_NONE;
}

static void count_decision(Call *call, const ReplayedLeaf *leaf)
{
        call->n_decisions++;
        if (leaf->entry->permit)
                call->n_permits++;
        else
                call->n_reasons[said_reason(leaf->entry)]++;
        if (leaf->replay->readable && !leaf->replay->policy)
                call->n_unmade++;
        else if (!leaf->fault)
                call->n_same++;
        if (leaf->fault)
                findings_leaf(&call->findings, leaf->entry->at, "I9", leaf->fault);
}

static int on_decision(const ReplayedLeaf *leaf, void *userdata)
{
        Call *call = userdata;

        if (leaf->wanted)
                count_decision(call, leaf);
        return call->hypothetical ? what_if_take(&call->what_if, leaf) : 0;
}

static uint64_t count_differing(const Call *call)
{
        return call->n_decisions - call->n_same - call->n_unmade;
}

/* ------------------------------------------------------------------------------------------------ in words */

static void print_counts(const Call *call)
{
        _cleanup_(buffer_deinit) Buffer reasons = BUFFER_INIT;

        page_field_format(stdout, "decisions",
                          "%" PRIu64 "; the same: %" PRIu64 ", differing: %" PRIu64
                          ", not made anew: %" PRIu64,
                          call->n_decisions, call->n_same, count_differing(call), call->n_unmade);
        page_field_format(stdout, "permits", "%" PRIu64, call->n_permits);
        for (Reason reason = REASON_NONE; reason < _REASON_MAX; reason++)
                if (call->n_reasons[reason] > 0)
                        buffer_append_format(&reasons, "%s%s: %" PRIu64, reasons.n > 0 ? ", " : "",
                                             reason == REASON_NONE ? "of no known reason"
                                                                   : reason_name(reason),
                                             call->n_reasons[reason]);
        if (reasons.n > 0)
                page_field(stdout, "denials", buffer_text(&reasons));
}

static int print_replay(const Call *call)
{
        if (call->n_same == call->n_decisions)
                printf("Every decision is the one that its policy makes.\n");
        else
                printf("Not every decision is the one that its policy makes.\n");
        int r = findings_print(&call->findings);
        print_counts(call);
        return r;
}

/* What limits the answer, so that nobody takes it for more than it is. */
static void remark_limits(Call *call)
{
        const WhatIf *what_if = &call->what_if;

        if (call->n_unmade > 0)
                findings_remark(&call->findings,
                                "%" PRIu64
                                " decisions were not made anew: their policy is not in the archive, or "
                                "is not what it was",
                                call->n_unmade);
        if (!call->hypothetical)
                return;
        if (what_if->n_groups_unknown > 0)
                findings_remark(
                        &call->findings,
                        "%" PRIu64 " requests were decided without knowing whether the caller was in a "
                        "group that only this policy mentions: a leaf holds those that its own policy "
                        "mentions, and the caller was taken not to be in others",
                        what_if->n_groups_unknown);
        if (what_if->n_unread > 0)
                findings_remark(&call->findings, "%" PRIu64 " leaves hold no request that could be decided",
                                what_if->n_unread);
        if (what_if->n_unfolded > 0)
                findings_remark(&call->findings,
                                "%" PRIu64
                                " more would be decided otherwise, of more kinds than the %d shown",
                                what_if->n_unfolded, WHAT_IF_ROWS_MAX);
}

static int print_what_if(const Call *call)
{
        const WhatIf *what_if = &call->what_if;

        if (what_if->n_same == what_if->n_decisions)
                printf("Of %" PRIu64 " requests none would have been decided otherwise.\n",
                       what_if->n_decisions);
        else
                printf("Of %" PRIu64 " requests %" PRIu64 " would have been decided otherwise: %" PRIu64
                       " permitted that were denied, %" PRIu64 " denied that were permitted.\n",
                       what_if->n_decisions, what_if->n_decisions - what_if->n_same, what_if->n_permitted,
                       what_if->n_denied);
        what_if_print(what_if);
        return findings_print(&call->findings);
}

/* -------------------------------------------------------------------------------------------------- as JSON */

static void set_number(json_object *object, const char *key, uint64_t number)
{
        json_set(object, key, json_object_new_uint64(number));
}

static int print_json(const Call *call)
{
        _cleanup_(json_putp) json_object *object = json_need(json_object_new_object());
        json_object *reasons = json_need(json_object_new_object());

        set_number(object, "decisions", call->n_decisions);
        set_number(object, "same", call->n_same);
        set_number(object, "differing", count_differing(call));
        set_number(object, "notRemade", call->n_unmade);
        set_number(object, "permits", call->n_permits);
        for (Reason reason = REASON_NONE; reason < _REASON_MAX; reason++)
                if (call->n_reasons[reason] > 0)
                        set_number(reasons, reason == REASON_NONE ? "unknown" : reason_name(reason),
                                   call->n_reasons[reason]);
        json_set(object, "denials", reasons);
        json_set(object, "faults", json_object_get(call->findings.faults));
        json_set(object, "remarks", json_object_get(call->findings.remarks));
        if (call->hypothetical) {
                json_object *what_if = json_need(json_object_new_object());
                what_if_json(&call->what_if, what_if);
                json_set(object, "whatIf", what_if);
        }
        json_print(object);
        return 0;
}

/* ------------------------------------------------------------------------------------------------- the command */

static int read_time(const Call *call, const char *name, const char *text, uint64_t *ret_usec)
{
        int64_t usec;

        if (!text)
                return EXIT_DONE;
        if (!time_parse(text, strlen(text), &usec) || usec < 0)
                return command_usage(call->command,
                                     "--%s wants YYYY-MM-DD or RFC 3339 with an offset, not '%s'", name,
                                     text);
        *ret_usec = (uint64_t)usec;
        return EXIT_DONE;
}

static int read_times(const Call *call, LogReplay *run)
{
        int r = read_time(call, "since", call->since, &run->since_usec);
        return r == EXIT_DONE ? read_time(call, "until", call->until, &run->until_usec) : r;
}

/* The weakest layer first, so that in the end the .ids are those of the strongest. */
static int open_policy(const Call *call, Policy **ret_policy)
{
        PolicyOpen open = {.unproved = call->unproved};

        for (size_t i = call->policy.n; i > 0; i--)
                policy_open_layer(&open, call->policy.items[i - 1]);
        int r = policy_open(&open, ret_policy);
        if (r != EXIT_DONE)
                diag(DIAG_ERROR, "names of users and groups in it are looked up in %s",
                     *open.ids ? open.ids : "/etc/passwd and /etc/group of this machine");
        return r;
}

static int print_result(Call *call)
{
        remark_limits(call);
        if (call->hypothetical)
                what_if_sort(&call->what_if);
        if (call->json)
                return print_json(call);
        return call->hypothetical ? print_what_if(call) : print_replay(call);
}

static int replay_export(Call *call, LogReplay *run)
{
        _cleanup_(proven_log_freep) ProvenLog *log = NULL;
        _cleanup_(freep) char *why = NULL;
        ExportSource source = {.dir = "export"};

        int r = audit_export_source(&call->where, &source);
        if (r == 0)
                r = proven_log_open(&source, &log, &why);
        if (r == 0) {
                run->log = log;
                run->export_dir = source.dir;
                run->progress = progress_begin("leaves", proven_log_export(log)->head.size, false);
                r = log_replay_run(run, &why);
        }
        if (r == 0)
                r = print_result(call);
        if (r != 0) {
                diag(DIAG_ERROR, "%s: %s", source.dir, r < 0 ? strerror(-r) : why);
                return EXIT_REFUSED;
        }
        return call->n_same == call->n_decisions ? EXIT_DONE : EXIT_REFUSED;
}

static int run_call(Call *call)
{
        _cleanup_(policy_unrefp) Policy *policy = NULL;
        LogReplay run = {.until_usec = UINT64_MAX, .decision = on_decision, .userdata = call};

        int r = read_times(call, &run);
        if (r == EXIT_DONE && call->policy.n > 0)
                r = open_policy(call, &policy);
        if (r != EXIT_DONE)
                return r;
        call->hypothetical = policy != NULL;
        call->what_if = WHAT_IF_INIT(policy);
        if (findings_init(&call->findings, call->json) < 0) {
                diag(DIAG_ERROR, "%s", strerror(ENOMEM));
                return EXIT_REFUSED;
        }
        r = replay_export(call, &run);
        findings_deinit(&call->findings);
        what_if_deinit(&call->what_if);
        return r;
}

int run_audit_replay(const Command *command, int argc, char **argv)
{
        Call call = {.command = command};
        const Option options[] = {
                {"policy", OPTION_LIST, &call.policy, "DIR",
                 "what this policy would have decided; repeat it for its layers, strongest first"},
                {"unproved", OPTION_FLAG, &call.unproved, NULL,
                 "also a policy that breaks an invariant, which the service does not load"},
                {"since", OPTION_TEXT, &call.since, "TIME", "only decisions not before"},
                {"until", OPTION_TEXT, &call.until, "TIME", "only decisions before"},
                {"json", OPTION_FLAG, &call.json, NULL, "say it as one JSON object"},
        };
        OptionSet set = OPTION_SET_INIT;
        OptionLine line = {argc, argv};

        audit_export_options(&set, &call.where);
        options_add(&set, options, ARRAY_SIZE(options));
        int r = options_parse(&set, command, &line);
        if (r != 0)
                return options_exit(r);
        if (line.argc > 0)
                return command_usage(command, "it takes no argument '%s'", line.argv[0]);
        r = run_call(&call);
        audit_export_deinit(&call.where);
        return r;
}
