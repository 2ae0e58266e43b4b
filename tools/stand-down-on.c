/* matchguard stand-down on: stops the service, or a part of it, by a file that says why. */

#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "base/text.h"
#include "policy/standing.h"
#include "tools/change.h"
#include "tools/commands.h"

#define DEFAULT_NAME "operator"

enum { SCOPE_ORGANISATION, SCOPE_OPERATION, SCOPE_PURPOSE, SCOPE_GALLERY, _SCOPE_MAX };

static const struct {
        const char *option, *key;
} scopes[_SCOPE_MAX] = {
        [SCOPE_ORGANISATION] = {"organisation", "Organisation"},
        [SCOPE_OPERATION] = {"operation", "Operation"},
        [SCOPE_PURPOSE] = {"purpose", "Purpose"},
        [SCOPE_GALLERY] = {"gallery", "Gallery"},
};

typedef struct StandDownOn {
        Change change;
        const char *name, *reason;
        OptionList scope[_SCOPE_MAX];
} StandDownOn;

static void stand_down_on_deinit(StandDownOn *on)
{
        change_deinit(&on->change);
}

/* What else the values have to be, the policy itself says when it is loaded with them. */
static int check(const StandDownOn *on)
{
        const Command *command = on->change.command;

        if (!on->reason)
                return command_usage(command, "--reason is missing");
        if (!text_is_name(on->name, strlen(on->name)))
                return command_usage(command, "--name wants 1 to 63 of a-z, 0-9 and -, not beginning with -");
        int r = change_check_line(&on->change, "reason", on->reason);
        for (size_t i = 0; i < _SCOPE_MAX; i++)
                for (size_t k = 0; k < on->scope[i].n && r == EXIT_DONE; k++)
                        r = change_check_line(&on->change, scopes[i].option, on->scope[i].items[k]);
        return r;
}

static int check_is_free(const StandDownOn *on)
{
        const Object *other = policy_object(on->change.disk, OBJECT_STAND_DOWN, on->name);

        if (!other)
                return EXIT_DONE;
        diag(DIAG_ERROR,
             "the stand-down %s is on already, by %s (%s); --name gives another one a name, and 'matchguard "
             "stand-down off %s' ends this one",
             on->name, other->place.file, other->main.values[KEY_REASON]->text, on->name);
        return EXIT_REFUSED;
}

static int add_file(StandDownOn *on)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT, undo = BUFFER_INIT;

        buffer_append_format(&undo, "stand-down off %s", on->name);
        change_head(&on->change, buffer_text(&undo), &text);
        buffer_append_format(&text, "[StandDown]\nReason=%s\n", on->reason);
        for (size_t i = 0; i < _SCOPE_MAX; i++)
                for (size_t k = 0; k < on->scope[i].n; k++)
                        buffer_append_format(&text, "%s=%s\n", scopes[i].key, on->scope[i].items[k]);
        return change_add(&on->change, OBJECT_STAND_DOWN, on->name, &text);
}

/* Whoever is in a hurry is told of the other way. */
static int need_disk(const StandDownOn *on)
{
        int r = change_need_disk(&on->change);

        if (r != EXIT_DONE)
                fputs("Stopping the service stops everything at once, whatever the policy: 'systemctl stop "
                      "matchguard.socket matchguard.service'.\n",
                      stderr);
        return r;
}

static int stand_down(StandDownOn *on)
{
        _cleanup_(buffer_deinit) Buffer question = BUFFER_INIT;
        bool all = true;

        int r = change_open(&on->change);
        if (r == EXIT_DONE)
                r = need_disk(on);
        if (r == EXIT_DONE)
                r = check_is_free(on);
        if (r == EXIT_DONE)
                r = add_file(on);
        if (r != EXIT_DONE)
                return r;
        for (size_t i = 0; i < _SCOPE_MAX; i++)
                all = all && on->scope[i].n == 0;
        buffer_append_format(&question, "Stand %s down (%s)?",
                             all ? "the whole service" : "this part of the service", on->name);
        /* Whoever says --yes is in a hurry, and it only takes away: so it is done first, and shown then. */
        const ChangeWords words = {.question = buffer_text(&question), .urgent = true};
        return change_make(&on->change, &words);
}

int run_stand_down_on(const Command *command, int argc, char **argv)
{
        _cleanup_(stand_down_on_deinit)
                StandDownOn on = {.change = CHANGE_INIT(command), .name = DEFAULT_NAME};
        OptionSet set = OPTION_SET_INIT;
        OptionLine line = {argc, argv};
        const Option own[] = {
                {"reason", OPTION_TEXT, &on.reason, "TEXT", "why, one line; told to whoever is refused"},
                {"organisation", OPTION_LIST, &on.scope[SCOPE_ORGANISATION], "NAME",
                 "only for requests of this organisation; may be repeated, as those below"},
                {"operation", OPTION_LIST, &on.scope[SCOPE_OPERATION], "NAME", "only this operation"},
                {"purpose", OPTION_LIST, &on.scope[SCOPE_PURPOSE], "NAME", "only for this purpose"},
                {"gallery", OPTION_LIST, &on.scope[SCOPE_GALLERY], "NAME", "only in this gallery"},
                {"name", OPTION_TEXT, &on.name, "NAME", "of the stand-down (default: " DEFAULT_NAME ")"},
        };
        options_add(&set, own, ARRAY_SIZE(own));
        change_options(&set, &on.change);
        int r = options_parse(&set, command, &line);
        if (r != 0)
                return options_exit(r);
        if (line.argc != 0)
                return command_usage(command, "it takes no argument '%s'", line.argv[0]);
        r = check(&on);
        return r == EXIT_DONE ? stand_down(&on) : r;
}
