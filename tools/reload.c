/*
 * matchguard reload: has the service load its policy anew, whole or not at all; or only shows what that would
 * change.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/macro.h"
#include "policy/diff.h"
#include "tools/commands.h"
#include "tools/diff-words.h"
#include "tools/json.h"
#include "tools/page.h"
#include "tools/policy-archive.h"
#include "tools/policy-open.h"
#include "tools/policy-place.h"
#include "tools/service.h"

DEFINE_CLEANUP(Policy *, policy_unref);

/* ------------------------------------------------------------------------------------------------ --dry-run */

static int load_running(const PolicyPlace *place, Policy **ret_policy)
{
        _cleanup_(buffer_deinit) Buffer fault = BUFFER_INIT;

        int r = policy_archive_load(place->export_dir, place->running, ret_policy, &fault);
        if (r == 0)
                return EXIT_DONE;
        diag(DIAG_ERROR, "the policy that runs cannot be read: %s",
             r < 0 ? strerror(-r) : buffer_text(&fault));
        return EXIT_REFUSED;
}

static int print_diff_words(const PolicyDiff *diff, bool same)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;

        if (same)
                buffer_append_text(&text, "The policy on disk is the one that runs.\n");
        else
                diff_write(diff, &text);
        fputs(buffer_text(&text), stdout);
        return text.failed ? EXIT_REFUSED : EXIT_DONE;
}

static int print_diff_json(const PolicyDiff *diff, const Policy *running, const Policy *next)
{
        _cleanup_(json_putp) json_object *object = json_need(json_object_new_object());
        char digest[DIGEST_HEX_SIZE];

        digest_hex(policy_digest(running), digest);
        json_set_text(object, "running", digest);
        digest_hex(policy_digest(next), digest);
        json_set_text(object, "onDisk", digest);
        diff_json(diff, object);
        json_print(object);
        return EXIT_DONE;
}

static int show_change(PolicyPlace *place, Service *service)
{
        _cleanup_(policy_unrefp) Policy *running = NULL, *next = NULL;
        _cleanup_(policy_diff_deinit) PolicyDiff diff = POLICY_DIFF_INIT;

        int status = policy_place_ask(place, service);
        if (status == EXIT_DONE)
                status = policy_place_find(place, service);
        if (status == EXIT_DONE)
                status = policy_open_source(&place->source, &next);
        if (status == EXIT_DONE)
                status = load_running(place, &running);
        if (status != EXIT_DONE)
                return status;
        int r = policy_diff(running, next, &diff);
        if (r < 0) {
                diag(DIAG_ERROR, "%s", strerror(-r));
                return EXIT_REFUSED;
        }
        if (service->json)
                return print_diff_json(&diff, running, next);
        return print_diff_words(&diff, digest_equal(policy_digest(running), policy_digest(next)));
}

/* --------------------------------------------------------------------------------------------------- for real */

static const char *policy_of(json_object *reply)
{
        json_object *status = NULL;

        return json_object_object_get_ex(reply, "status", &status) ? json_text(status, "policy") : NULL;
}

/* What the reload changed, where the texts of both policies can be read; it is done all the same where not.
 * Of large policies that takes long, so that only somebody who looks on is told. */
static void print_change(const PolicyPlace *place, const char *loaded)
{
        _cleanup_(policy_unrefp) Policy *old = NULL, *new = NULL;
        _cleanup_(policy_diff_deinit) PolicyDiff diff = POLICY_DIFF_INIT;
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT, fault = BUFFER_INIT;

        if (strcmp(place->running, loaded) == 0) {
                puts("It is the one that was in force before.");
                return;
        }
        if (!isatty(STDOUT_FILENO))
                return;
        if (policy_archive_load(place->export_dir, place->running, &old, &fault) != 0 ||
            policy_archive_load(place->export_dir, loaded, &new, &fault) != 0 ||
            policy_diff(old, new, &diff) < 0)
                return;
        diff_sentence(&diff, &text);
        puts(buffer_text(&text));
}

static int reload(PolicyPlace *place, Service *service)
{
        const ServiceCall call = {SERVICE_ADMIN, "Reload", NULL, "loading the policy anew"};
        _cleanup_(json_putp) json_object *reply = NULL;

        int status = policy_place_ask(place, service);
        if (status == EXIT_DONE)
                status = service_call(service, &call, &reply);
        if (status != EXIT_DONE || service->json)
                return status;
        const char *loaded = policy_of(reply);
        puts("The policy has been loaded and is in force.");
        if (loaded)
                page_field(stdout, "policy", loaded);
        (void)fflush(stdout); /* What follows may take a while; a closed stdout shows later. */
        if (loaded && place->running)
                print_change(place, loaded);
        return status;
}

int run_reload(const Command *command, int argc, char **argv)
{
        _cleanup_(service_deinit) Service service = SERVICE_INIT;
        _cleanup_(policy_place_deinit) PolicyPlace place = POLICY_PLACE_INIT;
        bool dry_run = false;
        OptionSet set = OPTION_SET_INIT;
        OptionLine line = {argc, argv};
        const Option own[] = {
                {"dry-run", OPTION_FLAG, &dry_run, NULL, "only show what it would change"},
        };
        options_add(&set, own, ARRAY_SIZE(own));
        service_options(&set, &service);
        policy_place_options(&set, &place);
        int r = options_parse(&set, command, &line);
        if (r != 0)
                return options_exit(r);
        if (line.argc != 0)
                return command_usage(command, "there is no argument '%s'", line.argv[0]);
        if (place.given.n > 0 && !dry_run)
                return command_usage(command,
                                     "--policy-dir goes with --dry-run: the service reads its own folders");
        return dry_run ? show_change(&place, &service) : reload(&place, &service);
}
