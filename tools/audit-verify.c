/*
 * `matchguard audit verify`: checks an export and says in words what was checked. Reads files only; never
 * asks the service.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/macro.h"
#include "policy/time.h"
#include "tools/audit-export.h"
#include "tools/commands.h"
#include "tools/json.h"
#include "tools/kept.h"
#include "tools/log-audit.h"
#include "tools/log-link.h"
#include "tools/page.h"

typedef struct Call {
        AuditExport where;
        OptionList since;
        const char *previous;
        const char *epoch0_vkey;
        bool fresh;
        bool json;
} Call;

/* What is printed: of the log, and of the one that it follows. */
typedef struct Verdict {
        const LogAudit *audit;
        const LogLink *link;
        const char *previous;
} Verdict;

/* Reads what was kept; what cannot be believed is a fault. Return: 0 or -ENOMEM. */
static int read_since(LogAudit *audit, const char *path)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        TreeHead heads[KEPT_HEADS_MAX];
        size_t n = 0;

        int r = export_read_path(path, KEPT_FILE_MAX, &text);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                findings_file(audit->findings, path, "%s", strerror(-r));
                return 0;
        }
        r = kept_heads(&audit->export->verifier, &text, heads, &n);
        if (r == KEPT_E_MALFORMED)
                findings_file(audit->findings, path, "this is no checkpoint, proof or receipt");
        else if (r == KEPT_E_UNSIGNED)
                findings_file(audit->findings, path, "it is not signed by %s, the key of this log",
                              audit->export->verifier.name);
        for (size_t i = 0; i < n && r == 0; i++)
                audit->kept[audit->n_kept++] = (KeptHead){.path = path, .head = heads[i]};
        return r < 0 ? r : 0;
}

static int read_all_since(LogAudit *audit, const OptionList *since)
{
        audit->kept = calloc(since->n * KEPT_HEADS_MAX + 1, sizeof(*audit->kept));
        if (!audit->kept)
                return -ENOMEM;
        for (size_t i = 0; i < since->n; i++) {
                int r = read_since(audit, since->items[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void print_root(const TreeHead *head)
{
        char root[DIGEST_HEX_SIZE];
        digest_hex(&head->root, root);
        page_field_format(stdout, "root", "%s over %" PRIu64 " leaves", root, head->size);
}

static void print_span(const RuleCounts *counts)
{
        char first[TIME_TEXT_SIZE], last[TIME_TEXT_SIZE];

        if (counts->leaves == 0)
                return;
        time_format((int64_t)counts->first_usec, first);
        time_format((int64_t)counts->last_usec, last);
        page_field_format(stdout, "from", "%s to %s", first, last);
}

static void print_counts(const LogAudit *audit)
{
        const RuleCounts *counts = &audit->counts;

        page_field_format(stdout, "leaves",
                          "%" PRIu64 "; permits: %" PRIu64 ", still open of these: %" PRIu64
                          ", denials: %" PRIu64 ", outcomes: %" PRIu64 ", starts: %" PRIu64
                          ", policies loaded: %" PRIu64,
                          counts->leaves, counts->permits, counts->open, counts->denials, counts->outcomes,
                          counts->starts, counts->policies);
        page_field_format(stdout, "checked",
                          "the signatures of log and epoch; epochs that have ended: %" PRIu64
                          "; the root from the leaves; tiles, byte for byte: %" PRIu64
                          "; the rules I1 to I11; decisions made anew: %" PRIu64
                          "; texts of policies: %" PRIu64 "; kept checkpoints: %zu",
                          counts->epochs, audit->n_tiles, audit->n_remade, audit->n_policies, audit->n_kept);
}

static void print_link(const LogLink *link, const char *previous)
{
        char hex[DIGEST_HEX_SIZE];

        if (!link->follows)
                return;
        digest_hex(&link->previous, hex);
        if (!previous)
                page_field_format(stdout, "follows",
                                  "a log whose last checkpoint has the SHA-256 %s; --previous compares that "
                                  "with an export that was kept",
                                  hex);
        else if (link->holds)
                page_field_format(stdout, "follows",
                                  "%s: its checkpoint (%s, %" PRIu64
                                  " leaves) is the one that leaf 0 names; verify that log by itself",
                                  previous, link->readable ? link->origin : "not readable", link->size);
}

/* The verdict first: everything below it is to be read in its light. */
static int print_words(const Verdict *verdict)
{
        const LogAudit *audit = verdict->audit;
        const Export *export = audit->export;

        if (audit->findings->n_faults == 0)
                printf("No fault was found.\n");
        else
                printf("It does not verify. Faults: %zu.\n", audit->findings->n_faults);
        int r = findings_print(audit->findings);
        page_field(stdout, "export", audit->dir);
        page_field_format(stdout, "signed", "by %s%s", export->verifier.name,
                          export->own_key
                                  ? ", with the key that came with the export: compare it with one that "
                                    "you were given (--vkey)"
                                  : "");
        if (!audit->epoch_vkey)
                page_field(stdout, "epochs",
                           "from the key of the first epoch that came with the export: compare it with one "
                           "that you were given (--epoch0-vkey)");
        print_root(&export->head);
        print_span(&audit->counts);
        print_counts(audit);
        print_link(verdict->link, verdict->previous);
        return r;
}

static void add_number(json_object *object, const char *key, uint64_t value)
{
        json_set(object, key, json_object_new_uint64(value));
}

static void add_link(json_object *object, const LogLink *link)
{
        char hex[DIGEST_HEX_SIZE];

        if (!link->follows)
                return;
        digest_hex(&link->previous, hex);
        json_set_text(object, "previous", hex);
        json_set(object, "previousHolds", json_object_new_boolean(link->holds));
}

static int print_json(const Verdict *verdict)
{
        const LogAudit *audit = verdict->audit;
        _cleanup_(json_putp) json_object *object = json_need(json_object_new_object());
        const RuleCounts *counts = &audit->counts;
        char root[DIGEST_HEX_SIZE];

        digest_hex(&audit->export->head.root, root);
        json_set(object, "verified", json_object_new_boolean(audit->findings->n_faults == 0));
        json_set_text(object, "origin", audit->export->verifier.name);
        json_set(object, "ownKey", json_object_new_boolean(audit->export->own_key));
        json_set(object, "ownEpochKey", json_object_new_boolean(!audit->epoch_vkey));
        add_number(object, "size", audit->export->head.size);
        json_set_text(object, "root", root);
        add_number(object, "leaves", counts->leaves);
        add_number(object, "permits", counts->permits);
        add_number(object, "denials", counts->denials);
        add_number(object, "outcomes", counts->outcomes);
        add_number(object, "starts", counts->starts);
        add_number(object, "policiesLoaded", counts->policies);
        add_number(object, "epochs", counts->epochs);
        add_number(object, "open", counts->open);
        add_number(object, "decisionsRemade", audit->n_remade);
        add_number(object, "tiles", audit->n_tiles);
        add_number(object, "kept", audit->n_kept);
        add_link(object, verdict->link);
        add_number(object, "faultCount", audit->findings->n_faults);
        json_set(object, "faults", json_object_get(audit->findings->faults));
        json_set(object, "remarks", json_object_get(audit->findings->remarks));
        printf("%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
                                                                      JSON_C_TO_STRING_NOSLASHESCAPE));
        return 0;
}

static int verify_export(const Call *call, Export *export, const ExportSource *source)
{
        _cleanup_(findings_deinit) Findings findings = FINDINGS_INIT;
        ClockReading now = {};
        int r = clock_read(&now);
        LogAudit audit = {
                .export = export,
                .dir = source->dir,
                .epoch_vkey = call->epoch0_vkey,
                .now_usec = now.wall_usec,
                .fresh = call->fresh          ? LOG_FRESH_ALWAYS
                         : call->where.export ? LOG_FRESH_REMARKED
                                              : LOG_FRESH_RUNNING,
                .progress = !call->json && isatty(STDERR_FILENO),
                .findings = &findings,
        };
        LogLink link = LOG_LINK_INIT;
        const Verdict verdict = {&audit, &link, call->previous};

        if (r == 0)
                r = findings_init(&findings, call->json);
        if (r == 0)
                r = read_all_since(&audit, &call->since);
        if (r == 0)
                r = log_audit_run(&audit);
        if (r == 0)
                r = log_link_check(source, call->previous, &findings, &link);
        if (r == 0)
                r = (call->json ? print_json : print_words)(&verdict);
        if (r < 0)
                diag(DIAG_ERROR, "%s: it could not be checked to the end: %s", source->dir, strerror(-r));
        free(audit.kept);
        return r == 0 && findings.n_faults == 0 ? EXIT_DONE : EXIT_REFUSED;
}

/* What could not even be opened is a fault like any other. */
static int refuse_export(const Call *call, const char *dir, const char *why)
{
        _cleanup_(json_putp) json_object *object = json_need(json_object_new_object());

        if (!call->json) {
                diag(DIAG_ERROR, "%s: %s", dir, why);
                return EXIT_REFUSED;
        }
        json_set(object, "verified", json_object_new_boolean(false));
        json_object *faults = json_object_new_array();
        json_object *fault = json_need(json_object_new_object());
        json_set_text(fault, "file", dir);
        json_set_text(fault, "text", why);
        json_object_array_add(faults, fault);
        json_set(object, "faults", faults);
        printf("%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
                                                                      JSON_C_TO_STRING_NOSLASHESCAPE));
        return EXIT_REFUSED;
}

static int open_and_verify(Call *call)
{
        _cleanup_(export_deinit) Export export = EXPORT_INIT;
        _cleanup_(freep) char *why = NULL;
        ExportSource source = {.dir = "export"};

        int r = audit_export_source(&call->where, &source);
        if (r == 0)
                r = export_open(&source, &export, &why);
        if (r != 0)
                return refuse_export(call, source.dir, why ? why : strerror(ENOMEM));
        return verify_export(call, &export, &source);
}

int run_audit_verify(const Command *command, int argc, char **argv)
{
        Call call = {};
        const Option options[] = {
                {"since", OPTION_LIST, &call.since, "FILE",
                 "a checkpoint, proof or receipt kept earlier; the log must have grown from it"},
                {"previous", OPTION_TEXT, &call.previous, "DIR",
                 "the export (or its checkpoint) of the log that this one must follow (--new-log)"},
                {"epoch0-vkey", OPTION_TEXT, &call.epoch0_vkey, "KEY",
                 "the key of the first epoch, likewise (default: the export's own)"},
                {"fresh", OPTION_FLAG, &call.fresh, NULL,
                 "the newest leaf must not be older than two minutes, also of a copy or a stopped service"},
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
        r = open_and_verify(&call);
        audit_export_deinit(&call.where);
        return r;
}
