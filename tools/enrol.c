/*
 * matchguard enrol: stores a matrix of templates in a gallery, in calls that each stay below what the service
 * accepts. A call is stored whole or not at all, and before the next is made; so where it ends early, it can
 * say to the row how far it came and how to go on.
 */

#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "base/text.h"
#include "tools/commands.h"
#include "tools/failure.h"
#include "tools/json.h"
#include "tools/match.h"
#include "tools/page.h"
#include "tools/progress.h"
#include "tools/subjects.h"

enum {
        WANTS = MATCH_GALLERY | MATCH_TEMPLATE,
        /* What one entry's JSON holds beside base64, and what a call holds beside entries; both with room to
         * spare: names are at most 64 bytes, texts at most 512 bytes (of which JSON may make six each),
         * parties 32. */
        ENTRY_EXTRA = 384,
        CALL_EXTRA = 32 * 1024,
        ENTRIES_MAX = 4096,
};

typedef struct Enrolment {
        Match match;
        const char *subject; /* the same for all rows; NULL: from the file */
        OptionNumber from;   /* the row to begin with, from 1 on */
        bool progress;

        Templates templates;
        Subjects subjects;
        uint64_t stored; /* by this run */
} Enrolment;

static void enrolment_deinit(Enrolment *e)
{
        match_deinit(&e->match);
        templates_deinit(&e->templates);
        subjects_deinit(&e->subjects);
}

static uint64_t rows_in_call(const Enrolment *e)
{
        size_t n_entry = TEXT_BASE64_SIZE(e->templates.n_row) + ENTRY_EXTRA;
        size_t n = (CLIENT_CALL_MAX - CALL_EXTRA) / n_entry;
        return MIN_OF(MAX_OF(n, (size_t)1), (size_t)ENTRIES_MAX);
}

static int fault_said(const Buffer *fault)
{
        fprintf(stderr, "matchguard: %s.\n", buffer_text(fault));
        return EXIT_REFUSED;
}

static int make_entries(Enrolment *e, uint64_t first, uint64_t end, json_object **ret_entries)
{
        _cleanup_(buffer_deinit) Buffer bytes = BUFFER_INIT, fault = BUFFER_INIT;
        _cleanup_(json_putp) json_object *entries = json_need(json_object_new_array_ext((int)(end - first)));
        for (uint64_t row = first; row < end; row++) {
                buffer_clear(&bytes);
                if (templates_read(&e->templates, row, &bytes, &fault) != 0)
                        return fault_said(&fault);
                json_object *entry = json_need(json_object_new_object());
                json_set_text(entry, "subject", e->subject ? e->subject : e->subjects.items[row]);
                json_set(entry, "template", match_template(&e->match, &bytes));
                json_object_array_add(entries, entry);
        }
        *ret_entries = TAKE_PTR(entries);
        return EXIT_DONE;
}

/* How far it came, and how to go on; rows are counted from 1 for people. */
static void say_where_it_stands(const Enrolment *e, uint64_t first, uint64_t end, const ServiceReply *reply)
{
        char some[PAGE_NUMBER_SIZE], all[PAGE_NUMBER_SIZE];
        bool open = reply->ending == CLIENT_E_CLOSED || reply->ending == CLIENT_E_TIMEOUT ||
                    (reply->error && failure_is_open(reply->error, reply->parameters));
        if (e->stored == 0 && !open) {
                fputs("Nothing was stored.\n", stderr);
                return;
        }
        fprintf(stderr, "Stored before that: %s of %s templates.\n", page_number(e->stored, some),
                page_number(e->templates.n_rows, all));
        if (open)
                fprintf(stderr,
                        "Rows %lu to %lu may have been stored all the same: look whether their subjects are "
                        "there\n"
                        "('matchguard list') before you go on with --from %lu or --from %lu.\n",
                        (unsigned long)first + 1, (unsigned long)end, (unsigned long)first + 1,
                        (unsigned long)end + 1);
        else
                fprintf(stderr, "Nothing from row %lu on has been stored; to go on, add --from %lu.\n",
                        (unsigned long)first + 1, (unsigned long)first + 1);
}

/* One call, for the rows from @first to before @end. */
static int store_rows(Enrolment *e, uint64_t first, uint64_t end, ServiceReply *ret_reply)
{
        _cleanup_(json_putp) json_object *parameters = match_parameters(&e->match, WANTS);
        json_object *entries = NULL;
        char what[128];
        int status = make_entries(e, first, end, &entries);
        if (status != EXIT_DONE)
                return status;
        json_set(parameters, "entries", entries);
        snprintf(what, sizeof(what), "enrolling into the gallery %s", e->match.gallery);
        const ServiceCall call = {SERVICE_MATCH, "Enrol", parameters, what};
        service_try(&e->match.service, &call, ret_reply);
        return service_report(&e->match.service, &call, ret_reply);
}

static int print_stored(Enrolment *e, json_object *last)
{
        char number[PAGE_NUMBER_SIZE];
        if (e->match.service.json) {
                json_set(last, "stored", json_object_new_int64((int64_t)e->stored));
                json_print(last);
                return EXIT_DONE;
        }
        printf("Stored %s template%s in the gallery %s.\n", page_number(e->stored, number),
               e->stored == 1 ? "" : "s", e->match.gallery);
        match_print_rule(last);
        return EXIT_DONE;
}

static int enrol(Enrolment *e)
{
        uint64_t first = e->from.given ? e->from.value - 1 : 0, step = rows_in_call(e);
        Progress progress = progress_begin("templates", e->templates.n_rows, e->progress);
        for (;;) {
                _cleanup_(service_reply_deinit) ServiceReply reply = SERVICE_REPLY_INIT;
                uint64_t end = MIN_OF(first + step, e->templates.n_rows);
                int status = store_rows(e, first, end, &reply);
                if (status != EXIT_DONE) {
                        progress_end(&progress);
                        say_where_it_stands(e, first, end, &reply);
                        return status;
                }
                e->stored += (uint64_t)json_number(reply.parameters, "stored", 0);
                progress_show(&progress, end);
                first = end;
                if (first == e->templates.n_rows) {
                        progress_end(&progress);
                        return print_stored(e, reply.parameters);
                }
        }
}

static int load(Enrolment *e, const Command *command, const OptionLine *line)
{
        _cleanup_(buffer_deinit) Buffer fault = BUFFER_INIT;
        if (templates_open(line->argv[0], (size_t)e->match.dimension.value, &e->templates, &fault) != 0)
                return fault_said(&fault);
        if (!e->subject && subjects_read(line->argv[1], &e->subjects, &fault) != 0)
                return fault_said(&fault);
        if (!e->subject && e->subjects.n != e->templates.n_rows) {
                buffer_append_format(&fault, "%s holds %lu templates, and %s %zu subjects", line->argv[0],
                                     (unsigned long)e->templates.n_rows, line->argv[1], e->subjects.n);
                return fault_said(&fault);
        }
        if (e->from.given && e->from.value > e->templates.n_rows)
                return command_usage(command, "--from is behind the last of %lu rows",
                                     (unsigned long)e->templates.n_rows);
        return EXIT_DONE;
}

int run_enrol(const Command *command, int argc, char **argv)
{
        _cleanup_(enrolment_deinit) Enrolment e = {.templates = TEMPLATES_INIT};
        OptionSet set = OPTION_SET_INIT;
        OptionLine line = {argc, argv};
        const Option own[] = {
                {"subject", OPTION_TEXT, &e.subject, "SUBJECT", "all templates are of this subject"},
                {"from", OPTION_NUMBER, &e.from, "ROW", "begin with this row, counted from 1"},
                {"progress", OPTION_FLAG, &e.progress, NULL,
                 "say how far it is, also where there is no terminal"},
        };
        options_add(&set, own, ARRAY_SIZE(own));
        match_options(&set, &e.match, WANTS);
        int r = options_parse(&set, command, &line);
        if (r != 0)
                return options_exit(r);
        if (line.argc != (e.subject ? 1 : 2))
                return command_usage(
                        command, "templates and a file of subjects are wanted, or templates and --subject");
        int status = match_check(&e.match, command, WANTS);
        if (status == EXIT_DONE)
                status = load(&e, command, &line);
        return status != EXIT_DONE ? status : enrol(&e);
}
