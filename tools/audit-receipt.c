/*
 * `matchguard audit receipt`: asks the service for the leaves of a request with their proofs, to be kept; and
 * checks kept ones without the service. What comes from the service is checked just the same where the log's
 * key is given.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/diag.h"
#include "base/fd.h"
#include "base/macro.h"
#include "log/proof.h"
#include "tools/commands.h"
#include "tools/export-reader.h"
#include "tools/json.h"
#include "tools/kept.h"
#include "tools/leaf-words.h"
#include "tools/service.h"
#include "wire/leaf.h"

enum { RECEIPT_MODE = 0600 };

typedef struct Call {
        Service service;
        bool audit;         /* ask the Audit socket: anybody's requests */
        const char *check;  /* a kept receipt */
        const char *vkey;   /* who must have signed it */
        const char *output; /* a file to keep it in */
} Call;

/* ----------------------------------------------------------------------------------------------- checking */

/* One leaf of a receipt: what it is called, its bytes, its proof, and where it was proved to stand. */
typedef struct Proven {
        const char *what;
        const char *leaf, *proof;
        uint64_t index;
        TreeHead head;
        Leaf parsed;
} Proven;

/* Also that the leaf says of itself what the proof says of it. */
static bool check_leaf(const NoteVerifier *verifier, Proven *proven)
{
        const Buffer leaf = {.data = (uint8_t *)proven->leaf, .n = strlen(proven->leaf)};
        const ProofText proof = {.text = proven->proof, .n = strlen(proven->proof)};
        uint64_t index = 0;

        switch (proof_check(verifier, &leaf, proof, &proven->index, &proven->head)) {
        case 0:
                break;
        case PROOF_E_MALFORMED:
                diag(DIAG_ERROR, "the proof of the %s is malformed", proven->what);
                return false;
        default:
                diag(DIAG_ERROR,
                     "the proof of the %s does not hold: the leaf does not stand in the log of %s",
                     proven->what, verifier->name);
                return false;
        }
        if (leaf_parse(leaf.data, leaf.n, LEAF_MAX, &proven->parsed) != 0 ||
            !leaf_number(&proven->parsed, "index", &index) || index != proven->index) {
                diag(DIAG_ERROR, "the %s stands in the log, but is no leaf of its place", proven->what);
                return false;
        }
        return true;
}

static bool check_pair(const Proven *decision, const Proven *outcome)
{
        uint64_t of;

        if (!leaf_is(&decision->parsed, "kind", "request")) {
                diag(DIAG_ERROR, "the decision is no decision");
                return false;
        }
        if (!outcome->leaf)
                return true;
        if (leaf_is(&outcome->parsed, "kind", "outcome") && leaf_number(&outcome->parsed, "of", &of) &&
            of == decision->index)
                return true;
        diag(DIAG_ERROR, "the outcome is not that of the decision");
        return false;
}

static void print_proven(const NoteVerifier *verifier, const Proven *decision, const Proven *outcome)
{
        _cleanup_(buffer_deinit) Buffer what = BUFFER_INIT, result = BUFFER_INIT, time = BUFFER_INIT;

        leaf_words_what(&decision->parsed, &what);
        leaf_words_time(&decision->parsed, &time);
        printf("Leaf %" PRIu64 " of %s holds the decision, %s, %s: %s.\n", decision->index, verifier->name,
               leaf_text(&decision->parsed, "verdict"), buffer_text(&time), buffer_text(&what));
        if (outcome->leaf) {
                leaf_words_result(&outcome->parsed, &result);
                printf("Leaf %" PRIu64 " holds its outcome: %s.\n", outcome->index, buffer_text(&result));
        }
        printf("Both the signature and the way to the signed root hold, over %" PRIu64 " leaves.\n",
               MAX_OF(decision->head.size, outcome->head.size));
}

static int check_receipt(const KeptReceipt *receipt, const char *vkey)
{
        _cleanup_(freep) char *why = NULL;
        NoteVerifier verifier;
        Proven decision = {"decision", receipt->decision, receipt->decision_proof};
        Proven outcome = {"outcome", receipt->outcome, receipt->outcome_proof};

        int r = export_read_vkey(vkey, &verifier, &why);
        if (r != 0) {
                diag(DIAG_ERROR, "%s", r < 0 ? strerror(-r) : why);
                return EXIT_REFUSED;
        }
        bool holds = check_leaf(&verifier, &decision) && (!outcome.leaf || check_leaf(&verifier, &outcome)) &&
                     check_pair(&decision, &outcome);
        if (holds)
                print_proven(&verifier, &decision, &outcome);
        leaf_deinit(&decision.parsed);
        leaf_deinit(&outcome.parsed);
        return holds ? EXIT_DONE : EXIT_REFUSED;
}

static int check_file(const Call *call)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        _cleanup_(kept_receipt_deinit) KeptReceipt receipt = KEPT_RECEIPT_INIT;

        int r = export_read_path(call->check, KEPT_FILE_MAX, &text);
        if (r == 0)
                r = kept_receipt_parse(buffer_text(&text), text.n, &receipt);
        if (r == 0)
                return check_receipt(&receipt, call->vkey);
        diag(DIAG_ERROR, "%s: %s", call->check, r < 0 ? strerror(-r) : "this is no receipt");
        return EXIT_REFUSED;
}

/* ------------------------------------------------------------------------------------------------- asking */

static int keep(const Call *call, const Buffer *text)
{
        if (!call->output) {
                fputs(buffer_text(text), stdout);
                return EXIT_DONE;
        }
        int r = fd_write_file(AT_FDCWD, call->output, RECEIPT_MODE, text);
        if (r == 0)
                return EXIT_DONE;
        diag(DIAG_ERROR, "%s: %s", call->output, strerror(-r));
        return EXIT_REFUSED;
}

static int keep_reply(const Call *call, json_object *parameters)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        _cleanup_(kept_receipt_deinit) KeptReceipt receipt = KEPT_RECEIPT_INIT;

        buffer_append_text(&text,
                           json_object_to_json_string_ext(
                                   parameters, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
        buffer_append_text(&text, "\n");
        if (text.failed || kept_receipt_parse(buffer_text(&text), text.n, &receipt) != 0) {
                diag(DIAG_ERROR, "what the service gave is no receipt");
                return EXIT_REFUSED;
        }
        int status = call->vkey && call->output ? check_receipt(&receipt, call->vkey) : EXIT_DONE;
        return status == EXIT_DONE ? keep(call, &text) : status;
}

static int ask(Call *call, const char *request)
{
        _cleanup_(json_putp) json_object *parameters = json_need(json_object_new_object());
        _cleanup_(service_reply_deinit) ServiceReply reply = SERVICE_REPLY_INIT;
        const ServiceCall service_call = {
                .interface = call->audit ? SERVICE_AUDIT : SERVICE_MATCH,
                .method = "GetReceipt",
                .parameters = parameters,
                .what = "the receipt of a request",
        };

        json_set_text(parameters, "request", request);
        service_try(&call->service, &service_call, &reply);
        int status = service_report(&call->service, &service_call, &reply);
        return status == EXIT_DONE ? keep_reply(call, reply.parameters) : status;
}

static int read_call(const Command *command, Call *call, const OptionLine *line)
{
        if (call->check && line->argc > 0)
                return command_usage(command, "with --check it takes no argument '%s'", line->argv[0]);
        if (call->check && !call->vkey)
                return command_usage(command, "--check wants --vkey: whom to believe");
        if (!call->check && line->argc != 1)
                return command_usage(command, "it wants one request's id");
        return EXIT_DONE;
}

int run_audit_receipt(const Command *command, int argc, char **argv)
{
        Call call = {.service = SERVICE_INIT};
        const Option options[] = {
                {"audit", OPTION_FLAG, &call.audit, NULL,
                 "ask the auditors' socket: also for what others asked"},
                {"output", OPTION_TEXT, &call.output, "FILE", "keep it there (default: standard output)"},
                {"check", OPTION_TEXT, &call.check, "FILE", "check a kept receipt; asks nobody"},
                {"vkey", OPTION_TEXT, &call.vkey, "KEY",
                 "who must have signed it: a verifier key or a file with one"},
        };
        OptionSet set = OPTION_SET_INIT;
        OptionLine line = {argc, argv};

        service_options(&set, &call.service);
        options_add(&set, options, ARRAY_SIZE(options));
        int r = options_parse(&set, command, &line);
        if (r != 0)
                return options_exit(r);
        r = read_call(command, &call, &line);
        if (r == EXIT_DONE)
                r = call.check ? check_file(&call) : ask(&call, line.argv[0]);
        service_deinit(&call.service);
        return r;
}
