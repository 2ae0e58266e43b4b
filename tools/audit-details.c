/*
 * `matchguard audit details`: has the service open what a record commits to, which the trail records, and holds
 * the answer against the leaves: commitments always, with the log's key also that the leaves stand in the log.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "base/text.h"
#include "log/proof.h"
#include "tools/ask.h"
#include "tools/commands.h"
#include "tools/export-reader.h"
#include "tools/json.h"
#include "tools/leaf-words.h"
#include "tools/opened.h"
#include "tools/page.h"
#include "tools/service.h"
#include "wire/message.h"

enum { DETAILS_REQUEST_SIZE = 32 };

typedef struct Call {
        Service service;
        const char *wanted; /* an index or a request's id */
        const char *reason;
        const char *vkey; /* NULL: leaves are believed */
        NoteVerifier verifier;
} Call;

/* ------------------------------------------------------------------------------------------------- checking */

static bool is_index(const char *text, uint64_t *ret_index)
{
        return strlen(text) < DETAILS_REQUEST_SIZE && text_to_u64(text, strlen(text), ret_index);
}

/* Whether a leaf is of what was asked for. */
static bool is_wanted(const Call *call, const Opened *opened)
{
        uint64_t index, of;

        if (!is_index(call->wanted, &index))
                return leaf_is(&opened->parsed, "request", call->wanted) ||
                       leaf_is(&opened->parsed, "kind", "outcome");
        bool outcome_of = leaf_number(&opened->parsed, "of", &of) && of == index;
        return opened->index == index || outcome_of || leaf_is(&opened->parsed, "kind", "request");
}

static bool stands_in_log(const Call *call, const Opened *opened)
{
        const Buffer leaf = {.data = (uint8_t *)(uintptr_t)opened->leaf, .n = strlen(opened->leaf)};
        const ProofText proof = {.text = opened->proof, .n = strlen(opened->proof)};
        uint64_t index = 0;
        TreeHead head;

        return !call->vkey ||
               (proof_check(&call->verifier, &leaf, proof, &index, &head) == 0 && index == opened->index);
}

/* Says what is wrong with one entry. Return: whether all is well. */
static bool check_one(const Call *call, const Opened *opened, int ending)
{
        if (ending < 0)
                diag(DIAG_ERROR, "leaf %" PRIu64 ": %s", opened->index, strerror(-ending));
        else if (ending == OPENED_E_COMMITMENT)
                diag(DIAG_ERROR,
                     "FAULT: leaf %" PRIu64
                     " commits to another detail than the service gave: what it keeps was changed. "
                     "Keep a copy of its state and ask who could write there.",
                     opened->index);
        else if (ending != 0)
                diag(DIAG_ERROR, "FAULT: what the service gave for leaf %" PRIu64 " is no detail of a leaf",
                     opened->index);
        else if (!is_wanted(call, opened))
                diag(DIAG_ERROR, "FAULT: the service gave leaf %" PRIu64 ", which was not asked for",
                     opened->index);
        else if (!stands_in_log(call, opened))
                diag(DIAG_ERROR, "FAULT: leaf %" PRIu64 " is not proved to stand in the log of %s",
                     opened->index, call->verifier.name);
        else
                return true;
        return false;
}

/* ------------------------------------------------------------------------------------------------- printing */

static void print_value(const char *label, json_object *value)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;

        if (!json_object_is_type(value, json_type_array)) {
                page_field(stdout, label, json_object_get_string(value));
                return;
        }
        for (size_t i = 0; i < json_object_array_length(value); i++)
                buffer_append_format(&text, "%s%s", i > 0 ? ", " : "",
                                     json_object_get_string(json_object_array_get_idx(value, i)));
        page_field(stdout, label, buffer_text(&text));
}

static void print_one(const Opened *opened)
{
        _cleanup_(buffer_deinit) Buffer what = BUFFER_INIT, time = BUFFER_INIT;

        leaf_words_what(&opened->parsed, &what);
        leaf_words_time(&opened->parsed, &time);
        printf("Leaf %" PRIu64 ", %s: %s\n", opened->index, buffer_text(&time), buffer_text(&what));
        if (opened->erased)
                page_field(stdout, "erased",
                           "its detail was erased; 'matchguard audit search --kind erase' lists when "
                           "details were");
        for (size_t i = 0; i < opened->members.n_fields; i++) {
                _cleanup_(json_putp) json_object *value = opened_value(&opened->members.fields[i]);
                print_value(opened->members.fields[i].key, value);
        }
}

/* The reply's entry with what was found: what the members say, and whether the commitment holds. */
static void add_findings(json_object *item, const Opened *opened, bool holds)
{
        json_object *members = json_need(json_object_new_object());

        for (size_t i = 0; i < opened->members.n_fields; i++)
                json_set(members, opened->members.fields[i].key, opened_value(&opened->members.fields[i]));
        json_set(item, "members", members);
        json_set(item, "holds", json_need(json_object_new_boolean(holds)));
}

static void print_verdict(const Call *call, json_object *reply, bool holds)
{
        if (!holds)
                return;
        printf("What is shown is what the leaves commit to%s. Leaf %" PRId64 " records that you asked.\n",
               call->vkey ? ", and they stand in the log" : "", json_number(reply, "recorded", -1));
}

/* ---------------------------------------------------------------------------------------------- the command */

static int show_details(const Call *call, json_object *reply)
{
        json_object *list = json_list(reply, "details");
        size_t n = list ? json_object_array_length(list) : 0;
        Opened opened[MESSAGE_DETAILS_MAX] = {OPENED_INIT, OPENED_INIT};
        bool holds = n > 0 && n <= ARRAY_SIZE(opened);

        if (!holds)
                diag(DIAG_ERROR, "FAULT: what the service gave is no details");
        for (size_t i = 0; i < n && i < ARRAY_SIZE(opened); i++) {
                json_object *item = json_object_array_get_idx(list, i);
                bool fine = check_one(call, &opened[i], opened_read(item, &opened[i]));
                if (fine && i > 0 && !opened_belong(&opened[0], &opened[1])) {
                        diag(DIAG_ERROR, "FAULT: the service gave leaves that do not belong together");
                        fine = false;
                }
                if (call->service.json)
                        add_findings(item, &opened[i], fine);
                else if (fine)
                        print_one(&opened[i]);
                holds = holds && fine;
        }
        if (call->service.json)
                json_print(reply);
        else
                print_verdict(call, reply, holds);
        for (size_t i = 0; i < ARRAY_SIZE(opened); i++)
                opened_deinit(&opened[i]);
        return holds ? EXIT_DONE : EXIT_REFUSED;
}

static int ask_details(Call *call)
{
        _cleanup_(json_putp) json_object *parameters = json_need(json_object_new_object());
        _cleanup_(service_reply_deinit) ServiceReply reply = SERVICE_REPLY_INIT;
        const ServiceCall service_call = {SERVICE_AUDIT, "OpenDetails", parameters, "opening details"};
        uint64_t index;

        if (is_index(call->wanted, &index))
                json_set(parameters, "index", json_need(json_object_new_int64((int64_t)index)));
        else
                json_set_text(parameters, "request", call->wanted);
        json_set_text(parameters, "reason", call->reason);
        service_try(&call->service, &service_call, &reply);
        int status = service_report(&call->service, &service_call, &reply);
        return status == EXIT_DONE ? show_details(call, reply.parameters) : status;
}

static int read_vkey(Call *call)
{
        _cleanup_(freep) char *why = NULL;

        int r = call->vkey ? export_read_vkey(call->vkey, &call->verifier, &why) : 0;
        if (r == 0)
                return EXIT_DONE;
        diag(DIAG_ERROR, "%s", r < 0 ? strerror(-r) : why);
        return EXIT_REFUSED;
}

int run_audit_details(const Command *command, int argc, char **argv)
{
        Call call = {.service = SERVICE_INIT};
        const Option options[] = {
                {"reason", OPTION_TEXT, &call.reason, "TEXT", "why you look; the trail commits to it"},
                {"vkey", OPTION_TEXT, &call.vkey, "KEY",
                 "who must have signed the leaves: a verifier key or a file with one"},
        };
        _cleanup_(buffer_deinit) Buffer reason = BUFFER_INIT;
        OptionSet set = OPTION_SET_INIT;
        OptionLine line = {argc, argv};

        service_options(&set, &call.service);
        options_add(&set, options, ARRAY_SIZE(options));
        int r = options_parse(&set, command, &line);
        if (r != 0)
                return options_exit(r);
        if (line.argc != 1)
                return command_usage(command, "it wants one request's id, or one leaf's index");
        call.wanted = line.argv[0];
        if (!call.reason && ask_is_possible() && ask_line("Why do you look?", &reason))
                call.reason = buffer_text(&reason);
        if (!call.reason || !*call.reason)
                return command_usage(command, "--reason is needed: the trail commits to it");
        r = read_vkey(&call);
        if (r == EXIT_DONE)
                r = ask_details(&call);
        service_deinit(&call.service);
        return r;
}
