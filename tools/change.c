/*
 * Changing the policy that runs. Nothing is written before the policy has been loaded as it would be, its
 * effect shown, and a yes given.
 */

#include "tools/change.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/macro.h"
#include "base/text.h"
#include "policy/diff.h"
#include "policy/standing.h"
#include "policy/time.h"
#include "tools/ask.h"
#include "tools/author.h"
#include "tools/change-apply.h"
#include "tools/diff-words.h"
#include "tools/json.h"
#include "tools/policy-archive.h"
#include "tools/policy-open.h"
#include "tools/policy-trial.h"

enum { USEC_PER_SEC = 1000000 };

void change_deinit(Change *change)
{
        for (size_t i = 0; i < change->n_edits; i++)
                policy_edit_deinit(&change->edits[i]);
        change->n_edits = 0;
        change->disk = policy_unref(change->disk);
        policy_faults_deinit(&change->faults);
        change->faults = (PolicyFaults){};
        change->next = policy_unref(change->next);
        policy_place_deinit(&change->place);
        service_deinit(&change->service);
}

void change_options(OptionSet *set, Change *change)
{
        const Option rows[] = {
                {"yes", OPTION_FLAG, &change->yes, NULL, "do not ask"},
                {"no-reload", OPTION_FLAG, &change->place.alone, NULL,
                 "write the file and leave the service alone: for images"},
        };
        service_options(set, &change->service);
        policy_place_options(set, &change->place);
        options_add(set, rows, ARRAY_SIZE(rows));
}

/* --------------------------------------------------------------------------------------------- what is given */

static bool is_line(const char *text)
{
        size_t n = strlen(text);

        for (size_t i = 0; i < n; i++) {
                unsigned char c = (unsigned char)text[i], next = (unsigned char)text[i + 1];
                if (c < 0x20 || c == 0x7f || (c == 0xc2 && next >= 0x80 && next <= 0x9f))
                        return false;
        }
        /* A backslash at the end would draw the next line of the file in. */
        return strspn(text, " ") < n && text[n - 1] != '\\' && text_is_utf8(text, n);
}

int change_check_line(const Change *change, const char *option, const char *text)
{
        if (is_line(text))
                return EXIT_DONE;
        return command_usage(
                change->command,
                "--%s wants one line of text: UTF-8, not empty, without control characters, no \\ at "
                "the end",
                option);
}

static int check_place(const Change *change)
{
        const PolicyPlace *place = &change->place;
        const PolicySource *source = &place->source;

        if (place->reached && !policy_place_is_the_services(place))
                return command_usage(
                        change->command,
                        "--policy-dir names other folders than the service reads (%s, ...); leave it "
                        "out, or add --no-reload",
                        place->dirs.n > 0 ? place->dirs.items[0] : "it says none");
        if (source->check_owner && source->owner != geteuid()) {
                diag(DIAG_ERROR, "only the user with the number %u may change the policy in %s",
                     source->owner, source->dirs[0]);
                return EXIT_REFUSED;
        }
        return EXIT_DONE;
}

int change_open(Change *change)
{
        if (!change->yes && !ask_is_possible())
                return command_usage(change->command,
                                     "there is no terminal to ask at; --yes says that it is meant");
        int r = policy_place_find(&change->place, &change->service);
        if (r == EXIT_DONE)
                r = check_place(change);
        if (r != EXIT_DONE)
                return r;
        r = policy_load(&change->disk, &change->place.source, &change->faults);
        if (r < 0)
                policy_open_report(change->place.source.dirs[0], r, &change->faults);
        return r < 0 ? EXIT_REFUSED : EXIT_DONE;
}

int change_need_disk(const Change *change)
{
        if (change->disk)
                return EXIT_DONE;
        policy_open_report(change->place.source.dirs[0], POLICY_E_INVALID, &change->faults);
        diag(DIAG_ERROR, "the policy on disk does not load, so nothing can be changed in it");
        return EXIT_REFUSED;
}

static int say_no_memory(void)
{
        diag(DIAG_ERROR, "%s", strerror(ENOMEM));
        return EXIT_REFUSED;
}

int change_add(Change *change, ObjectType type, const char *name, Buffer *text)
{
        if (change->n_edits == CHANGE_EDITS_MAX) {
                diag(DIAG_ERROR, "more than %d files would have to be changed; do it by hand",
                     CHANGE_EDITS_MAX);
                return EXIT_REFUSED;
        }
        PolicyEdit edit = POLICY_EDIT_INIT;
        if (asprintf(&edit.name, "%s%s", name, type_specs[type].suffix) < 0)
                return say_no_memory();
        if (text) {
                edit.text = *text;
                *text = BUFFER_INIT;
        }
        change->edits[change->n_edits++] = edit;
        return edit.text.failed ? say_no_memory() : EXIT_DONE;
}

/* Whether some folder has the file, and the strongest of them not as a mask. */
static bool finds_file(const Change *change, ObjectType type, const char *name)
{
        const PolicySource *source = &change->place.source;

        for (size_t i = 0; i < source->n_dirs; i++) {
                _cleanup_(buffer_deinit) Buffer path = BUFFER_INIT;
                struct stat st;
                buffer_append_format(&path, "%s/%s%s", source->dirs[i], name, type_specs[type].suffix);
                if (lstat(buffer_text(&path), &st) == 0)
                        return !S_ISLNK(st.st_mode);
        }
        return false;
}

int change_add_unread(Change *change, ObjectType type, const char *name)
{
        if (!text_is_name(name, strlen(name)) || !finds_file(change, type, name))
                return change_need_disk(change);
        return change_add(change, type, name, NULL);
}

const Object *change_object(const Change *change, ObjectType type, const char *name)
{
        _cleanup_(buffer_deinit) Buffer names = BUFFER_INIT;
        const Object *found = policy_object(change->disk, type, name);
        size_t n = 0;

        if (found)
                return found;
        const Object *objects = policy_objects(change->disk, type, &n);
        for (size_t i = 0; i < n; i++)
                buffer_append_format(&names, "%s%s", i > 0 ? ", " : "", objects[i].name);
        diag(DIAG_ERROR, "there is no %s '%s' in %s; there %s: %s", type_specs[type].noun, name,
             change->place.source.dirs[0], n == 1 ? "is" : "are", n > 0 ? buffer_text(&names) : "none");
        return NULL;
}

void change_head(const Change *change, const char *undo, Buffer *text)
{
        char when[TIME_TEXT_SIZE];
        int64_t usec = (int64_t)change->place.now.time_usec;

        time_format(usec - usec % USEC_PER_SEC, when);
        buffer_append_format(text, "# matchguard %s %s, %s, by ", change->command->group,
                             change->command->name, when);
        author_describe(text);
        buffer_append_format(text, "\n# To take it back: matchguard %s\n", undo);
}

/* ---------------------------------------------------------------------------------------- what it would change */

/* The policy as it would be; where it would not load, why. */
static int try_it(Change *change)
{
        _cleanup_(policy_faults_deinit) PolicyFaults faults = {};
        const PolicySource *source = &change->place.source;

        int r = policy_trial_load(source, change->edits, change->n_edits, &change->next, &faults);
        if (r == 0)
                return EXIT_DONE;
        policy_open_report(source->dirs[0], r, &faults);
        if (r == POLICY_E_INVALID)
                diag(DIAG_ERROR, "with this change the policy would not load, so it was not made");
        return EXIT_REFUSED;
}

/* The policy that the change is held against: the one that runs where that is known, else the one on disk.
 * NULL: there is none. */
static Policy *load_old(const Change *change)
{
        const PolicyPlace *place = &change->place;
        _cleanup_(buffer_deinit) Buffer fault = BUFFER_INIT;
        char on_disk[DIGEST_HEX_SIZE] = "";
        Policy *old = NULL;

        if (change->disk)
                digest_hex(policy_digest(change->disk), on_disk);
        if (place->running && strcmp(place->running, on_disk) != 0) {
                fputs("The service runs another policy than the one on disk: what was changed there before "
                      "comes into force with this.\n",
                      stderr);
                if (policy_archive_load(place->export_dir, place->running, &old, &fault) == 0)
                        return old;
                fprintf(stderr, "That policy cannot be read (%s).\n", buffer_text(&fault));
        }
        return change->disk ? policy_ref(change->disk) : NULL;
}

static void print_diff(const PolicyDiff *diff, FILE *out)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;

        diff_write(diff, &text);
        if (diff->n > 0) {
                diff_sentence(diff, &text);
                buffer_append_text(&text, "\n");
        }
        fputs(text.failed ? "There is not enough memory to show what changes.\n" : buffer_text(&text), out);
}

/* Fills @diff, and shows it; with --json only to whoever is asked. */
static int show_diff(const Change *change, PolicyDiff *diff, bool *ret_known)
{
        Policy *old = load_old(change);

        *ret_known = old != NULL;
        if (!old) {
                fputs("What changes cannot be shown: the policy as it was does not load.\n", stderr);
                return EXIT_DONE;
        }
        int r = policy_diff(old, change->next, diff);
        policy_unref(old);
        if (r < 0) {
                diag(DIAG_ERROR, "%s", strerror(-r));
                return EXIT_REFUSED;
        }
        if (!change->service.json || !change->yes)
                print_diff(diff, change->service.json ? stderr : stdout);
        return EXIT_DONE;
}

/* ------------------------------------------------------------------------------------------- what came of it */

static void print_words(const Change *change, const ChangeWords *words, ChangeOutcome outcome)
{
        _cleanup_(buffer_deinit) Buffer standing = BUFFER_INIT;
        char digest[DIGEST_HEX_SIZE];

        for (size_t i = 0; i < change->n_edits; i++)
                printf("%s/%s: %s%s.\n", change->place.source.dirs[0], change->edits[i].name,
                       policy_edit_word(&change->edits[i]),
                       change->edits[i].masks ? " by a link to /dev/null, for taking it away would leave "
                                                "another file, or drop-ins"
                                              : "");
        digest_hex(policy_digest(change->next), digest);
        if (outcome == CHANGE_IN_FORCE)
                printf("The policy is in force: %s.\n", digest);
        else if (outcome == CHANGE_UNKNOWN)
                puts("Whether it is in force is not known: 'matchguard status' tells.");
        else
                puts("It takes effect when the service starts, or loads its policy anew.");
        if (!words->moratorium)
                return;
        bool stands =
                policy_moratorium_standing(change->next, words->moratorium, &change->place.now, &standing);
        if (standing.n == 0)
                return; /* What was taken away named one that is not there. */
        printf("The moratorium %s %s: %s.\n", words->moratorium, stands ? "stands" : "does not stand",
               buffer_text(&standing));
}

static void print_json(const Change *change, const PolicyDiff *diff, ChangeOutcome outcome)
{
        _cleanup_(json_putp) json_object *object = json_need(json_object_new_object());
        json_object *files = json_need(json_object_new_array());
        char digest[DIGEST_HEX_SIZE];

        json_set(object, "files", files);
        for (size_t i = 0; i < change->n_edits; i++) {
                _cleanup_(buffer_deinit) Buffer path = BUFFER_INIT;
                json_object *file = json_need(json_object_new_object());
                buffer_append_format(&path, "%s/%s", change->place.source.dirs[0], change->edits[i].name);
                json_set_text(file, "path", buffer_text(&path));
                json_set_text(file, "change", policy_edit_word(&change->edits[i]));
                json_object_array_add(files, file);
        }
        digest_hex(policy_digest(change->next), digest);
        json_set_text(object, "policy", digest);
        if (outcome != CHANGE_UNKNOWN)
                json_set(object, "inForce", json_object_new_boolean(outcome == CHANGE_IN_FORCE));
        if (diff)
                diff_json(diff, object);
        json_print(object);
}

int change_make(Change *change, const ChangeWords *words)
{
        _cleanup_(policy_diff_deinit) PolicyDiff diff = POLICY_DIFF_INIT;
        ChangeOutcome outcome = CHANGE_NOT_TOLD;
        bool known = false, at_once = words->urgent && change->yes;

        int r = try_it(change);
        if (r == EXIT_DONE && !at_once)
                r = show_diff(change, &diff, &known);
        if (r != EXIT_DONE)
                return r;
        if (!change->yes && !ask_yes(words->question)) {
                fputs("Nothing was changed.\n", stderr);
                return EXIT_REFUSED;
        }
        r = change_apply(change, &outcome);
        if (r != EXIT_DONE)
                return r;
        if (!change->service.json)
                print_words(change, words, outcome);
        (void)fflush(stdout); /* What follows may take a while; a closed stdout shows later. */
        if (at_once)
                (void)show_diff(change, &diff, &known); /* It is done, whether that can be shown or not. */
        if (change->service.json)
                print_json(change, known ? &diff : NULL, outcome);
        return outcome == CHANGE_IN_FORCE || outcome == CHANGE_NOT_TOLD ? EXIT_DONE : EXIT_UNREACHABLE;
}
