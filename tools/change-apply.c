/*
 * Making a change of policy happen.
 *
 * Invariants
 *   1. where the service says no, every file is as it was before
 *   2. from the first file written to the service's answer no signal ends the command
 */

#include "tools/change-apply.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/diag.h"
#include "base/macro.h"
#include "tools/json.h"

/* Another reload may be under way: that is over in a moment. */
enum { RELOADS_MAX = 100, RELOAD_PAUSE_NSEC = 100 * 1000 * 1000 };

static bool is_overloaded(const ServiceReply *reply)
{
        const char *dot = reply->error ? strrchr(reply->error, '.') : NULL;

        return dot && strcmp(dot + 1, "Overloaded") == 0;
}

/* On a connection of its own: the one that the status came by may be long closed. */
static void call_reload(Service *service, const ServiceCall *call, ServiceReply *ret_reply)
{
        const struct timespec pause = {.tv_nsec = RELOAD_PAUSE_NSEC};

        service_deinit(service);
        service_try(service, call, ret_reply);
        for (int i = 1; i < RELOADS_MAX && is_overloaded(ret_reply); i++) {
                service_reply_deinit(ret_reply);
                (void)nanosleep(&pause, NULL); /* One that is cut short only asks sooner. */
                service_try(service, call, ret_reply);
        }
}

/* Somebody may have changed a file between the showing and the loading. */
static void check_loaded(const Change *change, json_object *reply)
{
        json_object *status = NULL;
        char expected[DIGEST_HEX_SIZE];
        const char *loaded =
                json_object_object_get_ex(reply, "status", &status) ? json_text(status, "policy") : NULL;

        digest_hex(policy_digest(change->next), expected);
        if (loaded && strcmp(loaded, expected) != 0)
                diag(DIAG_WARNING,
                     "another change came in between: the policy in force is %s, not the one shown", loaded);
}

static ChangeOutcome reload(Change *change)
{
        const ServiceCall call = {SERVICE_ADMIN, "Reload", NULL, "loading the policy anew"};
        _cleanup_(service_reply_deinit) ServiceReply reply = SERVICE_REPLY_INIT;

        if (change->place.alone)
                return CHANGE_NOT_TOLD;
        call_reload(&change->service, &call, &reply);
        if (reply.ending == 0 && !reply.error) {
                check_loaded(change, reply.parameters);
                return CHANGE_IN_FORCE;
        }
        (void)service_report(&change->service, &call, &reply); /* What it comes to is said below. */
        if (reply.error)
                return CHANGE_REFUSED;
        return reply.ending == CLIENT_E_UNREACHABLE ? CHANGE_UNREACHED : CHANGE_UNKNOWN;
}

static void say_edit_failed(const Change *change, const PolicyEdit *edit, const char *what, int r)
{
        diag(DIAG_ERROR, "%s/%s %s: %s", change->place.source.dirs[0], edit->name, what,
             r == -EEXIST ? "somebody else put a file there meanwhile" : strerror(-r));
}

static int undo_all(Change *change)
{
        int all = 0;

        for (size_t i = change->n_edits; i-- > 0;) {
                PolicyEdit *edit = &change->edits[i];
                int r = policy_edit_undo(edit, &change->place.source);
                if (r < 0)
                        say_edit_failed(change, edit, "cannot be put back as it was; do it by hand", r);
                all = r < 0 ? r : all;
        }
        return all;
}

static int make_all(Change *change)
{
        for (size_t i = 0; i < change->n_edits; i++) {
                int r = policy_edit_make(&change->edits[i], &change->place.source);
                if (r < 0) {
                        say_edit_failed(change, &change->edits[i], "cannot be changed", r);
                        (void)undo_all(change); /* What cannot be put back was said. */
                        return EXIT_REFUSED;
                }
        }
        return EXIT_DONE;
}

static int make_and_load(Change *change, ChangeOutcome *ret_outcome)
{
        int r = make_all(change);
        if (r != EXIT_DONE)
                return r;
        *ret_outcome = reload(change);
        if (*ret_outcome == CHANGE_REFUSED) {
                if (undo_all(change) == 0)
                        fputs("The policy on disk is again as it was before.\n", stderr);
                return EXIT_REFUSED;
        }
        for (size_t i = 0; i < change->n_edits; i++)
                policy_edit_keep(&change->edits[i], &change->place.source);
        return EXIT_DONE;
}

/* With the signals that would end the command held back until files and service agree. */
int change_apply(Change *change, ChangeOutcome *ret_outcome)
{
        sigset_t held, before;

        (void)sigemptyset(&held); /* These cannot fail with signals that exist. */
        (void)sigaddset(&held, SIGINT);
        (void)sigaddset(&held, SIGTERM);
        (void)sigaddset(&held, SIGHUP);
        (void)sigaddset(&held, SIGQUIT);
        (void)sigprocmask(SIG_BLOCK, &held, &before);
        int r = make_and_load(change, ret_outcome);
        (void)sigprocmask(SIG_SETMASK, &before, NULL);
        return r;
}
