/*
 * `matchguard audit search`: finds records and prints them as a table, or a JSON object a line. Reads an
 * export only, and shows no leaf that was not proved to stand under the signed checkpoint.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "base/text.h"
#include "policy/time.h"
#include "tools/audit-export.h"
#include "tools/commands.h"
#include "tools/leaf-words.h"
#include "tools/log-search.h"
#include "wire/leaf.h"

DEFINE_CLEANUP(ProvenLog *, proven_log_free);

typedef struct Call {
        const Command *command;
        AuditExport where;
        SearchFilter filter;
        const char *since, *until, *uid;
        OptionNumber limit;
        bool json;
        uint64_t n_printed;
} Call;

/* ------------------------------------------------------------------------------------------ what is asked */

static int read_time(const Call *call, const char *name, const char *text, uint64_t *ret_usec)
{
        int64_t usec;
        if (!time_parse(text, strlen(text), &usec) || usec < 0)
                return command_usage(call->command,
                                     "--%s wants YYYY-MM-DD or RFC 3339 with an offset, not '%s'", name,
                                     text);
        *ret_usec = (uint64_t)usec;
        return EXIT_DONE;
}

static int read_filter(Call *call)
{
        SearchFilter *filter = &call->filter;
        int r = EXIT_DONE;

        filter->has_since = call->since;
        filter->has_until = call->until;
        filter->has_uid = call->uid;
        filter->limit = call->limit.given ? call->limit.value : 0;
        if (call->since)
                r = read_time(call, "since", call->since, &filter->since_usec);
        if (call->until && r == EXIT_DONE)
                r = read_time(call, "until", call->until, &filter->until_usec);
        if (call->uid && r == EXIT_DONE && !text_to_u64(call->uid, strlen(call->uid), &filter->uid))
                r = command_usage(call->command, "--uid wants a number, not '%s'", call->uid);
        if (filter->verdict && r == EXIT_DONE && strcmp(filter->verdict, "permit") != 0 &&
            strcmp(filter->verdict, "deny") != 0)
                r = command_usage(call->command, "--verdict wants permit or deny, not '%s'", filter->verdict);
        return r;
}

/* ------------------------------------------------------------------------------------------ what is shown */

static int print_json(const SearchRow *row)
{
        printf("{\"leaf\":%.*s", (int)row->n_leaf, (const char *)row->leaf);
        if (row->outcome)
                printf(",\"outcome\":%.*s", (int)row->n_outcome, (const char *)row->outcome);
        printf("}\n");
        return 0;
}

/* One cell of the table; the words of a leaf, padded. */
static void add_cell(void (*words)(const Leaf *leaf, Buffer *buffer), const Leaf *leaf, int width,
                     Buffer *line)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        words(leaf, &text);
        buffer_append_format(line, "  %-*s", width, buffer_text(&text));
}

static void words_verdict(const Leaf *leaf, Buffer *buffer)
{
        const char *verdict = leaf_text(leaf, "verdict");
        buffer_append_text(buffer, verdict ? verdict : "");
}

/* To the second, so that the column keeps its width; `audit show` has the rest. */
static void words_seconds(const Leaf *leaf, Buffer *buffer)
{
        leaf_words_time(leaf, buffer);
        if (buffer->n > strlen("YYYY-MM-DDThh:mm:ss")) {
                buffer->n = strlen("YYYY-MM-DDThh:mm:ss");
                buffer_append_text(buffer, "Z");
        }
}

static int add_result(const SearchRow *row, Buffer *line)
{
        _cleanup_(leaf_deinit) Leaf outcome = LEAF_INIT;

        if (row->waits)
                buffer_append_text(line, "  open");
        if (!row->outcome)
                return 0;
        int r = leaf_parse(row->outcome, row->n_outcome, LEAF_MAX, &outcome);
        if (r == 0)
                add_cell(leaf_words_result, &outcome, 0, line);
        return r < 0 ? r : 0;
}

static void print_line(Buffer *line)
{
        while (line->n > 0 && line->data[line->n - 1] == ' ')
                line->data[--line->n] = 0;
        puts(buffer_text(line));
}

static int print_table_row(const SearchRow *row)
{
        _cleanup_(leaf_deinit) Leaf leaf = LEAF_INIT;
        _cleanup_(buffer_deinit) Buffer line = BUFFER_INIT;

        int r = leaf_parse(row->leaf, row->n_leaf, LEAF_MAX, &leaf);
        if (r != 0)
                return r < 0 ? r : 0;
        buffer_append_format(&line, "%8" PRIu64, row->index);
        add_cell(words_seconds, &leaf, 20, &line);
        add_cell(leaf_words_who, &leaf, 30, &line);
        add_cell(leaf_words_what, &leaf, 56, &line);
        add_cell(words_verdict, &leaf, 7, &line);
        add_cell(leaf_words_why, &leaf, 28, &line);
        r = add_result(row, &line);
        if (r == 0)
                print_line(&line);
        return r;
}

static int print_row(const SearchRow *row, void *userdata)
{
        Call *call = userdata;

        call->n_printed++;
        if (call->json)
                return print_json(row);
        if (call->n_printed == 1)
                printf("%8s  %-20s  %-30s  %-56s  %-7s  %-28s  %s\n", "INDEX", "TIME", "WHO", "WHAT",
                       "VERDICT", "WHY", "RESULT");
        return print_table_row(row);
}

static void print_summary(const Call *call, const Search *search)
{
        if (call->json)
                return;
        if (search->n_found == 0)
                printf("Nothing was found.\n");
        else if (search->n_found > call->n_printed)
                printf("The last %" PRIu64 " of %" PRIu64 " that were found.\n", call->n_printed,
                       search->n_found);
}

static int search_export(Call *call)
{
        _cleanup_(proven_log_freep) ProvenLog *log = NULL;
        _cleanup_(freep) char *why = NULL;
        ExportSource source = {.dir = "export"};

        int r = audit_export_source(&call->where, &source);
        if (r == 0)
                r = proven_log_open(&source, &log, &why);
        Search search = {.log = log, .filter = call->filter, .row = print_row, .userdata = call};
        if (r == 0)
                r = log_search(&search, &why);
        if (r == 0) {
                print_summary(call, &search);
                return EXIT_DONE;
        }
        diag(DIAG_ERROR, "%s: %s", source.dir, r < 0 ? strerror(-r) : why);
        if (r == PROVEN_E_UNPROVEN)
                diag(DIAG_ERROR,
                     "the export does not verify, and no more of it is shown; see 'matchguard audit verify'");
        return EXIT_REFUSED;
}

int run_audit_search(const Command *command, int argc, char **argv)
{
        Call call = {.command = command};
        SearchFilter *filter = &call.filter;
        const Option options[] = {
                {"since", OPTION_TEXT, &call.since, "TIME", "not before"},
                {"until", OPTION_TEXT, &call.until, "TIME", "before"},
                {"verdict", OPTION_TEXT, &filter->verdict, "VERDICT", "permit or deny"},
                {"reason", OPTION_TEXT, &filter->reason, "REASON", "of a denial"},
                {"organisation", OPTION_TEXT, &filter->organisation, "NAME", "who asked"},
                {"operation", OPTION_TEXT, &filter->operation, "NAME", "what was asked"},
                {"gallery", OPTION_TEXT, &filter->gallery, "NAME", "of which gallery"},
                {"uid", OPTION_TEXT, &call.uid, "NUMBER", "which user asked"},
                {"request", OPTION_TEXT, &filter->request, "ID", "one request"},
                {"kind", OPTION_TEXT, &filter->kind, "KIND",
                 "one kind of record; otherwise all but beats, outcomes beside their permits"},
                {"limit", OPTION_NUMBER, &call.limit, "N", "only the last so many"},
                {"json", OPTION_FLAG, &call.json, NULL, "the records themselves, one JSON object a line"},
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
        r = read_filter(&call);
        if (r == EXIT_DONE)
                r = search_export(&call);
        audit_export_deinit(&call.where);
        return r;
}
