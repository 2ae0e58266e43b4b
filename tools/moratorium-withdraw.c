/* matchguard moratorium withdraw: takes the release of a moratorium away, so that it stands again. */

#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "policy/standing.h"
#include "tools/change.h"
#include "tools/commands.h"

/* Every release that names it: while one is left it stays released. */
static int add_releases(Change *change, const char *name)
{
        size_t n = 0;
        const Object *releases = policy_objects(change->disk, OBJECT_RELEASE, &n);
        int r = EXIT_DONE;

        if (!change_object(change, OBJECT_MORATORIUM, name))
                return EXIT_REFUSED;
        for (size_t i = 0; i < n && r == EXIT_DONE; i++)
                if (strcmp(releases[i].main.values[KEY_MORATORIUM]->text, name) == 0)
                        r = change_add(change, OBJECT_RELEASE, releases[i].name, NULL);
        if (r == EXIT_DONE && change->n_edits == 0) {
                diag(DIAG_ERROR, "the moratorium %s is not released", name);
                return EXIT_REFUSED;
        }
        return r;
}

static int withdraw(Change *change, const char *name)
{
        _cleanup_(buffer_deinit) Buffer question = BUFFER_INIT;

        int r = change_open(change);
        /* A release of a text that has changed since keeps the policy from loading: to take it away mends
         * that. */
        if (r == EXIT_DONE)
                r = change->disk ? add_releases(change, name)
                                 : change_add_unread(change, OBJECT_RELEASE, name);
        if (r != EXIT_DONE)
                return r;
        buffer_append_format(&question, "Withdraw the release of the moratorium %s?", name);
        const ChangeWords words = {.question = buffer_text(&question), .moratorium = name};
        return change_make(change, &words);
}

int run_moratorium_withdraw(const Command *command, int argc, char **argv)
{
        _cleanup_(change_deinit) Change change = CHANGE_INIT(command);
        OptionSet set = OPTION_SET_INIT;
        OptionLine line = {argc, argv};
        change_options(&set, &change);
        int r = options_parse(&set, command, &line);
        if (r != 0)
                return options_exit(r);
        if (line.argc != 1)
                return command_usage(command, "it takes the name of one moratorium");
        return withdraw(&change, line.argv[0]);
}
