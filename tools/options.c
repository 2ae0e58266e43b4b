/*
 * Options: turns tables of options into getopt_long(3)'s and its answers into values. Run by the tool, before
 * anything else happens.
 */

#include "tools/options.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/text.h"

/* What getopt_long() gives back for --help and for the first row; below are the letters it complains of. */
enum { HELP_ROW = 256, FIRST_ROW = 257 };

void options_add(OptionSet *set, const Option *rows, size_t n)
{
        assert(n <= OPTION_ROWS_MAX - set->n);
        memcpy(set->rows + set->n, rows, n * sizeof(*rows));
        set->n += n;
}

int options_exit(int ending)
{
        if (ending == OPTIONS_E_HELP)
                return EXIT_DONE;
        return ending == OPTIONS_E_USAGE ? EXIT_USAGE : EXIT_REFUSED;
}

static void print_help(const OptionSet *set, const Command *command)
{
        printf("Usage: matchguard %s%s%s %s\n\n%s\n\n", command->group ? command->group : "",
               command->group ? " " : "", command->name, command->arguments, command->summary);
        for (size_t i = 0; i < set->n; i++) {
                const Option *o = &set->rows[i];
                char call[64];
                snprintf(call, sizeof(call), "--%s%s%s", o->name, o->argument ? " " : "",
                         o->argument ? o->argument : "");
                printf("  %-27s  %s\n", call, o->summary);
        }
        printf("  %-27s  %s\n", "--help", "this text");
}

static int add_item(OptionList *list, const Command *command, const Option *option, const char *text)
{
        if (list->n == OPTION_LIST_MAX) {
                command_usage(command, "--%s stands more than %d times", option->name, OPTION_LIST_MAX);
                return OPTIONS_E_USAGE;
        }
        list->items[list->n++] = text;
        return 0;
}

static int set_number(OptionNumber *number, const Command *command, const Option *option, const char *text)
{
        uint64_t value;
        if (!text_to_u64(text, strlen(text), &value) || value == 0 || value >= UINT64_C(1) << 53) {
                command_usage(command, "--%s wants a number from 1 on, not '%s'", option->name, text);
                return OPTIONS_E_USAGE;
        }
        *number = (OptionNumber){.given = true, .value = value};
        return 0;
}

static int set_similarity(OptionSimilarity *similarity, const Command *command, const Option *option,
                          const char *text)
{
        int32_t millionths;
        if (!text_to_similarity(text, strlen(text), false, &millionths)) {
                command_usage(command, "--%s wants a decimal from -1 to 1 with at most six places, not '%s'",
                              option->name, text);
                return OPTIONS_E_USAGE;
        }
        *similarity = (OptionSimilarity){.given = true, .millionths = millionths, .text = text};
        return 0;
}

static int set_value(const Command *command, const Option *option, const char *text)
{
        switch (option->kind) {
        case OPTION_FLAG:
                *(bool *)option->value = true;
                return 0;
        case OPTION_TEXT:
                *(const char **)option->value = text;
                return 0;
        case OPTION_LIST:
                return add_item(option->value, command, option, text);
        case OPTION_NUMBER:
                return set_number(option->value, command, option, text);
        case OPTION_SIMILARITY:
                return set_similarity(option->value, command, option, text);
        }
        return OPTIONS_E_USAGE;
}

/* Table for getopt_long(), --help first. Freed by the caller; NULL: no memory. */
static struct option *make_long_options(const OptionSet *set)
{
        struct option *options = calloc(set->n + 2, sizeof(*options));
        if (!options)
                return NULL;
        options[0] = (struct option){"help", no_argument, NULL, HELP_ROW};
        for (size_t i = 0; i < set->n; i++) {
                const Option *o = &set->rows[i];
                options[i + 1] =
                        (struct option){o->name, o->kind == OPTION_FLAG ? no_argument : required_argument,
                                        NULL, FIRST_ROW + (int)i};
        }
        return options;
}

/* @given is the word that getopt_long() read last: the option, unless it complains of a single letter. */
static int fault(const Command *command, int answer, const char *given)
{
        if (optopt > 0 && optopt < HELP_ROW)
                command_usage(command, "-%c is no option of this command (--help lists them)", optopt);
        else if (answer == ':')
                command_usage(command, "%s wants a value", given);
        else
                command_usage(command, "%s is no option of this command (--help lists them)", given);
        return OPTIONS_E_USAGE;
}

int options_parse(const OptionSet *set, const Command *command, OptionLine *line)
{
        _cleanup_(freep) struct option *long_options = make_long_options(set);
        if (!long_options)
                return -ENOMEM;
        optind = 0; /* begins anew, with the state of an earlier line forgotten (a GNU extension) */
        for (;;) {
                int answer = getopt_long(line->argc, line->argv, ":", long_options, NULL);
                if (answer < 0)
                        break;
                if (answer == HELP_ROW) {
                        print_help(set, command);
                        return OPTIONS_E_HELP;
                }
                if (answer < FIRST_ROW)
                        return fault(command, answer, line->argv[optind - 1]);
                int r = set_value(command, &set->rows[answer - FIRST_ROW], optarg);
                if (r != 0)
                        return r;
        }
        line->argc -= optind;
        line->argv += optind;
        return 0;
}
