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
#include "policy/decide.h"
#include "policy/time.h"
#include "policy/vocabulary.h"
#include "tools/audit-export.h"
#include "tools/commands.h"
#include "tools/leaf-words.h"
#include "tools/log-search.h"
#include "tools/table.h"
#include "wire/leaf.h"

DEFINE_CLEANUP(ProvenLog *, proven_log_free);

enum { COLUMN_INDEX, COLUMN_TIME, COLUMN_WHO, COLUMN_WHAT, COLUMN_VERDICT, _COLUMN_MAX };

enum { REQUEST_ID_SIZE = 16 };

typedef struct Call {
        const Command *command;
        AuditExport where;
        SearchFilter filter;
        const char *since, *until, *uid;
        OptionNumber limit;
        bool json;
        TableColumn columns[_COLUMN_MAX];
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

static const char *kind_word(size_t i)
{
        return leaf_words_kind(i);
}

static const char *reason_word(size_t i)
{
        return i + 1 < _REASON_MAX ? reason_name((Reason)(i + 1)) : NULL;
}

static const char *operation_word(size_t i)
{
        return i < vocabulary_operations.n ? vocabulary_operations.words[i] : NULL;
}

static const char *verdict_word(size_t i)
{
        static const char *const words[] = {"permit", "deny", NULL};
        return words[i];
}

/* A word that no leaf can hold would find nothing, and look like good news. */
static int check_word(const Call *call, const char *name, const char *text, const char *(*word)(size_t i))
{
        _cleanup_(buffer_deinit) Buffer words = BUFFER_INIT;

        for (size_t i = 0; word(i); i++) {
                if (strcmp(word(i), text) == 0)
                        return EXIT_DONE;
                buffer_append_format(&words, "%s%s", i > 0 ? ", " : "", word(i));
        }
        return command_usage(call->command, "--%s wants one of %s, not '%s'", name, buffer_text(&words),
                             text);
}

static int check_words(const Call *call)
{
        const SearchFilter *filter = &call->filter;
        const struct {
                const char *name, *text;
                const char *(*word)(size_t i);
        } rows[] = {
                {"verdict", filter->verdict, verdict_word},
                {"reason", filter->reason, reason_word},
                {"operation", filter->operation, operation_word},
                {"kind", filter->kind, kind_word},
        };
        uint8_t id[REQUEST_ID_SIZE];
        int r = EXIT_DONE;

        for (size_t i = 0; i < ARRAY_SIZE(rows) && r == EXIT_DONE; i++)
                if (rows[i].text)
                        r = check_word(call, rows[i].name, rows[i].text, rows[i].word);
        if (r == EXIT_DONE && filter->request &&
            !text_from_hex(filter->request, strlen(filter->request), id, sizeof(id)))
                r = command_usage(call->command, "--request wants 32 hexadecimal digits, not '%s'",
                                  filter->request);
        return r;
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
        return r == EXIT_DONE ? check_words(call) : r;
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

/* To the second, so that the column keeps its width; `audit show` has the rest. */
static void words_seconds(const Leaf *leaf, Buffer *buffer)
{
        leaf_words_time(leaf, buffer);
        if (buffer->n > strlen("YYYY-MM-DDThh:mm:ss")) {
                buffer->n = strlen("YYYY-MM-DDThh:mm:ss");
                buffer_append_text(buffer, "Z");
        }
}

/* Whether, by which rule or for which reason, and what came of it. */
static int words_verdict(const SearchRow *row, const Leaf *leaf, Buffer *buffer)
{
        _cleanup_(leaf_deinit) Leaf outcome = LEAF_INIT;
        const char *verdict = leaf_text(leaf, "verdict");

        if (verdict)
                buffer_append_format(buffer, "%s ", verdict);
        leaf_words_why(leaf, buffer);
        if (row->waits)
                buffer_append_text(buffer, "; open");
        if (!row->outcome)
                return 0;
        int r = leaf_parse(row->outcome, row->n_outcome, LEAF_MAX, &outcome);
        if (r == 0) {
                buffer_append_text(buffer, "; ");
                leaf_words_result(&outcome, buffer);
        }
        return r < 0 ? r : 0;
}

static int print_table_row(const Call *call, const SearchRow *row)
{
        _cleanup_(leaf_deinit) Leaf leaf = LEAF_INIT;
        _cleanup_(buffer_deinit) Buffer time = BUFFER_INIT, who = BUFFER_INIT, what = BUFFER_INIT,
                                        verdict = BUFFER_INIT;
        char index[32];

        int r = leaf_parse(row->leaf, row->n_leaf, LEAF_MAX, &leaf);
        if (r != 0)
                return r < 0 ? r : 0;
        snprintf(index, sizeof(index), "%" PRIu64, row->index);
        words_seconds(&leaf, &time);
        leaf_words_who(&leaf, &who);
        leaf_words_what(&leaf, &what);
        r = words_verdict(row, &leaf, &verdict);
        const char *const cells[_COLUMN_MAX] = {index, buffer_text(&time), buffer_text(&who),
                                                buffer_text(&what), buffer_text(&verdict)};
        if (r == 0)
                table_row(stdout, call->columns, _COLUMN_MAX, cells);
        return r;
}

/* What index and time leave is shared out; at 100 columns the words of most requests take two lines. */
static void print_head(Call *call)
{
        enum { INDEX_WIDTH = 8, TIME_WIDTH = 20, GAPS = 2 * (_COLUMN_MAX - 1) };
        const size_t left = table_width() - INDEX_WIDTH - TIME_WIDTH - GAPS;
        const size_t who = left * 18 / 64, what = left * 25 / 64;
        const TableColumn columns[_COLUMN_MAX] = {
                [COLUMN_INDEX] = {"INDEX", INDEX_WIDTH, true},
                [COLUMN_TIME] = {"TIME", TIME_WIDTH, false},
                [COLUMN_WHO] = {"WHO", who, false},
                [COLUMN_WHAT] = {"WHAT", what, false},
                [COLUMN_VERDICT] = {"VERDICT", left - who - what, false},
        };

        memcpy(call->columns, columns, sizeof(columns));
        table_head(stdout, call->columns, _COLUMN_MAX);
}

static int print_row(const SearchRow *row, void *userdata)
{
        Call *call = userdata;

        if (call->json)
                return print_json(row);
        if (call->n_printed++ == 0)
                print_head(call);
        return print_table_row(call, row);
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
