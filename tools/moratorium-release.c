/*
 * matchguard moratorium release: ends a moratorium, by a file that names the text it was given for. A
 * moratorium with a date goes on until then.
 */

#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "policy/standing.h"
#include "policy/time.h"
#include "tools/change.h"
#include "tools/commands.h"

/* One with a date of its own needs nobody. */
static int check_holds(const Object *moratorium)
{
        const Value *expiry = moratorium->main.values[KEY_ON_EXPIRY],
                    *until = moratorium->main.values[KEY_UNTIL];
        char when[TIME_TEXT_SIZE];

        if (expiry->number != EXPIRY_LAPSE)
                return EXIT_DONE;
        time_format(until->number, when);
        diag(DIAG_ERROR, "the moratorium %s lapses by itself, on %s: there is nothing to release",
             moratorium->name, when);
        return EXIT_REFUSED;
}

/* Neither this moratorium nor the file's name may be taken. */
static int check_is_free(const Change *change, const Object *moratorium)
{
        size_t n = 0;
        const Object *releases = policy_objects(change->disk, OBJECT_RELEASE, &n);

        for (size_t i = 0; i < n; i++)
                if (strcmp(releases[i].main.values[KEY_MORATORIUM]->text, moratorium->name) == 0) {
                        diag(DIAG_ERROR, "the moratorium %s is released already, by %s", moratorium->name,
                             releases[i].place.file);
                        return EXIT_REFUSED;
                }
        const Object *other = policy_object(change->disk, OBJECT_RELEASE, moratorium->name);
        if (!other)
                return EXIT_DONE;
        diag(DIAG_ERROR, "%s releases the moratorium %s; rename it first", other->place.file,
             other->main.values[KEY_MORATORIUM]->text);
        return EXIT_REFUSED;
}

static int add_release(Change *change, const Object *moratorium, const char *reason)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT, undo = BUFFER_INIT;
        char digest[DIGEST_HEX_SIZE];

        buffer_append_format(&undo, "moratorium withdraw %s", moratorium->name);
        change_head(change, buffer_text(&undo), &text);
        digest_hex(&moratorium->digest, digest);
        buffer_append_format(&text, "[Release]\nMoratorium=%s\nDigest=%s\nReason=%s\n", moratorium->name,
                             digest, reason);
        return change_add(change, OBJECT_RELEASE, moratorium->name, &text);
}

static int release(Change *change, const char *name, const char *reason)
{
        _cleanup_(buffer_deinit) Buffer question = BUFFER_INIT;
        const Object *moratorium = NULL;

        int r = change_open(change);
        if (r == EXIT_DONE)
                r = change_need_disk(change);
        if (r != EXIT_DONE)
                return r;
        moratorium = change_object(change, OBJECT_MORATORIUM, name);
        r = moratorium ? check_holds(moratorium) : EXIT_REFUSED;
        if (r == EXIT_DONE)
                r = check_is_free(change, moratorium);
        if (r == EXIT_DONE)
                r = add_release(change, moratorium, reason);
        if (r != EXIT_DONE)
                return r;
        buffer_append_format(&question, "Release the moratorium %s?", name);
        const ChangeWords words = {.question = buffer_text(&question), .moratorium = name};
        return change_make(change, &words);
}

int run_moratorium_release(const Command *command, int argc, char **argv)
{
        _cleanup_(change_deinit) Change change = CHANGE_INIT(command);
        const char *reason = NULL;
        OptionSet set = OPTION_SET_INIT;
        OptionLine line = {argc, argv};
        const Option own[] = {
                {"reason", OPTION_TEXT, &reason, "TEXT", "why, one line; it stands in the file"},
        };
        options_add(&set, own, ARRAY_SIZE(own));
        change_options(&set, &change);
        int r = options_parse(&set, command, &line);
        if (r != 0)
                return options_exit(r);
        if (line.argc != 1)
                return command_usage(command, "it takes the name of one moratorium");
        if (!reason)
                return command_usage(command, "--reason is missing");
        r = change_check_line(&change, "reason", reason);
        return r == EXIT_DONE ? release(&change, line.argv[0], reason) : r;
}
