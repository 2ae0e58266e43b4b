/* matchguard stand-down off: ends a stand-down; the only one, or the one that is named. */

#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "policy/standing.h"
#include "tools/ask.h"
#include "tools/change.h"
#include "tools/commands.h"
#include "tools/page.h"

/* Several stand: which one, is not for a program to say. */
static int choose(const Change *change, const Object *objects, size_t n, Buffer *name)
{
        fprintf(stderr, "There are %zu stand-downs:\n", n);
        for (size_t i = 0; i < n; i++)
                page_field_format(stderr, objects[i].name, "%s (%s)",
                                  objects[i].main.values[KEY_REASON]->text, objects[i].place.file);
        if (change->yes || !ask_is_possible())
                return command_usage(change->command, "say which");
        return ask_line("Which one is to end?", name) ? EXIT_DONE : EXIT_REFUSED;
}

/* The name where none was given. */
static int find_name(const Change *change, Buffer *name)
{
        size_t n = 0;
        const Object *objects = policy_objects(change->disk, OBJECT_STAND_DOWN, &n);

        if (n > 1)
                return choose(change, objects, n, name);
        if (n == 1) {
                buffer_append_text(name, objects[0].name);
                return EXIT_DONE;
        }
        diag(DIAG_ERROR, "there is no stand-down in %s: nothing is stood down", change->place.source.dirs[0]);
        return EXIT_REFUSED;
}

static int add_named(Change *change, const char *given, Buffer *name)
{
        int r = change_need_disk(change);

        if (r == EXIT_DONE && given)
                buffer_append_text(name, given);
        else if (r == EXIT_DONE)
                r = find_name(change, name);
        if (r != EXIT_DONE)
                return r;
        if (!change_object(change, OBJECT_STAND_DOWN, buffer_text(name)))
                return EXIT_REFUSED;
        return change_add(change, OBJECT_STAND_DOWN, buffer_text(name), NULL);
}

static int end(Change *change, const char *given)
{
        _cleanup_(buffer_deinit) Buffer question = BUFFER_INIT, name = BUFFER_INIT;

        int r = change_open(change);
        if (r == EXIT_DONE && (change->disk || !given))
                r = add_named(change, given, &name);
        else if (r == EXIT_DONE)
                r = change_add_unread(change, OBJECT_STAND_DOWN, given);
        if (r != EXIT_DONE)
                return r;
        buffer_append_format(&question, "End the stand-down %s?", given ? given : buffer_text(&name));
        const ChangeWords words = {.question = buffer_text(&question)};
        return change_make(change, &words);
}

int run_stand_down_off(const Command *command, int argc, char **argv)
{
        _cleanup_(change_deinit) Change change = CHANGE_INIT(command);
        OptionSet set = OPTION_SET_INIT;
        OptionLine line = {argc, argv};
        change_options(&set, &change);
        int r = options_parse(&set, command, &line);
        if (r != 0)
                return options_exit(r);
        if (line.argc > 1)
                return command_usage(command, "it takes the name of one stand-down");
        return end(&change, line.argc == 1 ? line.argv[0] : NULL);
}
