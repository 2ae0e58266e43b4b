/*
 * `matchguard audit show`: one record whole, in words: who, what was asked, by which rule, what came of it.
 * Reads an export only, and shows no leaf that was not proved to stand under the signed checkpoint.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "base/text.h"
#include "tools/audit-export.h"
#include "tools/commands.h"
#include "tools/leaf-words.h"
#include "tools/log-search.h"
#include "tools/page.h"
#include "wire/leaf.h"

DEFINE_CLEANUP(ProvenLog *, proven_log_free);

enum { REQUEST_ID_SIZE = 32 };

typedef struct Call {
        AuditExport where;
        bool json;
        const char *wanted; /* an index or a request's id */
} Call;

static void print_lines(const LeafLine *lines, const Leaf *leaf)
{
        for (const LeafLine *line = lines; line->label; line++) {
                _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
                line->words(leaf, &text);
                if (text.n > 0)
                        page_field(stdout, line->label, buffer_text(&text));
        }
}

/* A kind that has no words of its own beyond a line: every key that the leaf holds. */
static void print_fields(const Leaf *leaf)
{
        for (size_t i = 0; i < leaf->n_fields; i++) {
                const LeafField *field = &leaf->fields[i];
                if (field->text)
                        page_field(stdout, field->key, field->text);
                else
                        page_field_format(stdout, field->key, "%" PRIu64, field->number);
        }
}

static void print_head(uint64_t index, const Leaf *leaf)
{
        _cleanup_(buffer_deinit) Buffer what = BUFFER_INIT, time = BUFFER_INIT;
        leaf_words_what(leaf, &what);
        leaf_words_time(leaf, &time);
        printf("Leaf %" PRIu64 ", %s: %s\n", index, buffer_text(&time), buffer_text(&what));
}

static int print_outcome(const SearchRow *row)
{
        _cleanup_(leaf_deinit) Leaf outcome = LEAF_INIT;

        if (!row->outcome) {
                if (row->waits)
                        printf("It has no outcome yet.\n");
                return 0;
        }
        int r = leaf_parse(row->outcome, row->n_outcome, LEAF_MAX, &outcome);
        if (r != 0)
                return r < 0 ? r : 0;
        print_head(row->outcome_index, &outcome);
        print_lines(leaf_outcome_lines, &outcome);
        return 0;
}

static int print_row(const SearchRow *row, void *userdata)
{
        const Call *call = userdata;
        _cleanup_(leaf_deinit) Leaf leaf = LEAF_INIT;

        if (call->json) {
                printf("{\"leaf\":%.*s", (int)row->n_leaf, (const char *)row->leaf);
                if (row->outcome)
                        printf(",\"outcome\":%.*s", (int)row->n_outcome, (const char *)row->outcome);
                printf("}\n");
                return 0;
        }
        int r = leaf_parse(row->leaf, row->n_leaf, LEAF_MAX, &leaf);
        if (r < 0)
                return r;
        if (r > 0) {
                printf("Leaf %" PRIu64 " was signed, but is no record: %zu bytes in no known form.\n",
                       row->index, row->n_leaf);
                return 0;
        }
        print_head(row->index, &leaf);
        if (!leaf_is(&leaf, "kind", "request")) {
                print_fields(&leaf);
                return 0;
        }
        print_lines(leaf_request_lines, &leaf);
        return print_outcome(row);
}

/* The record that a leaf belongs to: an outcome's is its request's. */
static int find_record(ProvenLog *log, uint64_t index, uint64_t *ret_first, char **ret_why)
{
        _cleanup_(leaf_deinit) Leaf leaf = LEAF_INIT;
        const Bundle *bundle = NULL;
        uint64_t of;

        int r = proven_log_bundle(log, index / TILE_WIDTH, &bundle, ret_why);
        if (r != 0)
                return r;
        r = leaf_parse(bundle->leaves[index % TILE_WIDTH], bundle->sizes[index % TILE_WIDTH], LEAF_MAX,
                       &leaf);
        if (r < 0)
                return r;
        bool outcome = r == 0 && leaf_is(&leaf, "kind", "outcome") && leaf_number(&leaf, "of", &of);
        *ret_first = outcome && of < index ? of : index;
        return 0;
}

/* An index is a decimal; what is as long as a request's id is never one of those. */
static bool read_index(const char *text, uint64_t *ret_index)
{
        return strlen(text) < REQUEST_ID_SIZE && text_to_u64(text, strlen(text), ret_index);
}

/* What to look for, from what was given. Return: 0, PROVEN_E_*, or -errno. */
static int read_wanted(const Call *call, ProvenLog *log, SearchFilter *ret_filter, char **ret_why)
{
        SearchFilter filter = {};
        uint64_t index;
        int r = 0;

        filter.only_first = read_index(call->wanted, &index);
        if (!filter.only_first)
                filter.request = call->wanted;
        else if (index < proven_log_export(log)->head.size)
                r = find_record(log, index, &filter.first, ret_why);
        else
                filter.first = index; /* beyond the end: nothing will be found */
        if (r == 0)
                *ret_filter = filter;
        return r;
}

static int show_record(Call *call)
{
        _cleanup_(proven_log_freep) ProvenLog *log = NULL;
        _cleanup_(freep) char *why = NULL;
        ExportSource source = {.dir = "export"};
        Search search = {.row = print_row, .userdata = call};

        int r = audit_export_source(&call->where, &source);
        if (r == 0)
                r = proven_log_open(&source, &log, &why);
        if (r == 0)
                r = read_wanted(call, log, &search.filter, &why);
        search.log = log;
        if (r == 0)
                r = log_search(&search, &why);
        if (r == 0 && search.n_found > 0)
                return EXIT_DONE;
        if (r == 0)
                diag(DIAG_ERROR, "%s: it holds no leaf and no request %s", source.dir, call->wanted);
        else
                diag(DIAG_ERROR, "%s: %s", source.dir, r < 0 ? strerror(-r) : why);
        return EXIT_REFUSED;
}

int run_audit_show(const Command *command, int argc, char **argv)
{
        Call call = {};
        const Option options[] = {
                {"json", OPTION_FLAG, &call.json, NULL, "the leaves themselves, as one JSON object"},
        };
        OptionSet set = OPTION_SET_INIT;
        OptionLine line = {argc, argv};

        audit_export_options(&set, &call.where);
        options_add(&set, options, ARRAY_SIZE(options));
        int r = options_parse(&set, command, &line);
        if (r != 0)
                return options_exit(r);
        if (line.argc != 1)
                return command_usage(command, "it wants one leaf's index, or one request's id");
        call.wanted = line.argv[0];
        r = show_record(&call);
        audit_export_deinit(&call.where);
        return r;
}
