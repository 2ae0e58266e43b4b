/*
 * `matchguard policy prove`: each invariant of a policy, whether it holds, and if not, a request that shows it.
 */

#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "policy/prove.h"
#include "tools/commands.h"
#include "tools/json.h"
#include "tools/page.h"
#include "tools/policy-open.h"

static void print_words(const Policy *policy, const Proof *proof)
{
        for (size_t i = 0; i < proof->n; i++) {
                const ProofRow *row = &proof->rows[i];
                printf("%s %s\n", row->holds ? "holds " : "BROKEN", row->invariant);
                page_field(stdout, "never", row->description);
                page_field_format(stdout, "stands in", "%s:%u", row->place.file, row->place.line);
                if (row->holds)
                        continue;
                page_field_format(stdout, "permitted by", "%s at %s:%u", row->allow, row->allow_place.file,
                                  row->allow_place.line);
                printf("  for example, as matchguard policy decide --unproved permits it:\n%s\n", row->facts);
                if (!row->confirmed)
                        puts("  The decision does NOT confirm this: a fault of this program. Please report "
                             "it.");
        }
        if (proof->n == 0)
                puts("The policy has no invariant, so that there is nothing to prove.");
        else if (proof->n_broken == 0)
                printf("%s: no request whatever is permitted and forbidden by %s.\n",
                       proof->n == 1 ? "It holds" : "All hold", proof->n == 1 ? "it" : "one of them");
        else
                printf("%zu of %zu %s broken: the service does not load this policy.\n", proof->n_broken,
                       proof->n, proof->n_broken == 1 ? "is" : "are");
}

static json_object *make_row(const ProofRow *row)
{
        json_object *object = json_need(json_object_new_object());

        json_set_text(object, "invariant", row->invariant);
        json_set_text(object, "description", row->description);
        json_set_text(object, "file", row->place.file);
        json_set(object, "line", json_object_new_int64(row->place.line));
        json_set(object, "holds", json_object_new_boolean(row->holds));
        if (row->holds)
                return object;
        json_set_text(object, "allow", row->allow);
        json_set(object, "example", json_need(json_tokener_parse(row->facts)));
        json_set(object, "confirmed", json_object_new_boolean(row->confirmed));
        return object;
}

static void print_json(const Policy *policy, const Proof *proof)
{
        char digest[DIGEST_HEX_SIZE];
        _cleanup_(json_putp) json_object *object = json_need(json_object_new_object());
        json_object *rows = json_need(json_object_new_array());

        digest_hex(policy_digest(policy), digest);
        json_set_text(object, "policy", digest);
        json_set(object, "invariants", rows);
        for (size_t i = 0; i < proof->n; i++)
                json_object_array_add(rows, make_row(&proof->rows[i]));
        json_print(object);
}

static int prove(const PolicyOpen *open, bool json)
{
        _cleanup_(proof_deinit) Proof proof = PROOF_INIT;
        Policy *policy = NULL;

        int status = policy_open(open, &policy);
        if (status != EXIT_DONE)
                return status;
        int r = policy_prove(policy, &proof);
        if (r < 0)
                diag(DIAG_ERROR, "cannot prove: %s", strerror(-r));
        else
                (json ? print_json : print_words)(policy, &proof);
        status = r < 0 || proof.n_broken > 0 ? EXIT_REFUSED : EXIT_DONE;
        policy_unref(policy);
        return status;
}

int run_policy_prove(const Command *command, int argc, char **argv)
{
        PolicyOpen open = {.unproved = true};
        bool json = false;
        const Option options[] = {
                {"json", OPTION_FLAG, &json, NULL, "say it as one JSON object"},
        };
        OptionSet set = OPTION_SET_INIT;
        OptionLine line = {argc, argv};

        policy_open_options(&set, &open);
        options_add(&set, options, ARRAY_SIZE(options));
        int r = options_parse(&set, command, &line);
        if (r != 0)
                return options_exit(r);
        if (line.argc > 0)
                return command_usage(command, "it takes no argument '%s'", line.argv[0]);
        return prove(&open, json);
}
