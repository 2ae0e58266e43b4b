/*
 * matchguard, the tool: finds the command in the table and runs it. Holds nothing, and has no way around the
 * sockets.
 */

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "tools/command.h"
#include "tools/commands.h"

/* @group: only its commands; NULL: all. */
static void print_help(FILE *out, const char *group)
{
        fprintf(out, "matchguard %s\n\nUsage: matchguard %s%sCOMMAND [ARGUMENT...]\n\n", MATCHGUARD_VERSION,
                group ? group : "", group ? " " : "");
        for (const Command *c = commands; c->name; c++) {
                char call[96];
                if (group && (!c->group || strcmp(c->group, group) != 0))
                        continue;
                snprintf(call, sizeof(call), "%s%s%s %s", c->group ? c->group : "", c->group ? " " : "",
                         c->name, c->arguments);
                fprintf(out, "  %-53s  %s\n", call, c->summary);
        }
        fprintf(out, "\nExit status: 0 done, 1 refused or a fault found, 2 usage, 3 the service cannot be "
                     "reached.\n"
                     "Every command has --help. See matchguard(1).\n");
}

static bool is_help(const char *word)
{
        return strcmp(word, "--help") == 0 || strcmp(word, "help") == 0;
}

/* The name as the table has it, or NULL. */
static const char *find_group(const char *word)
{
        for (const Command *c = commands; c->name; c++)
                if (c->group && strcmp(c->group, word) == 0)
                        return c->group;
        return NULL;
}

/* What was called is no command: help for whoever asked for it, else what is wrong, with what there is. */
static int run_none(int argc, char **argv)
{
        const char *group = argc > 1 ? find_group(argv[1]) : NULL;

        if (group && argc == 3 && is_help(argv[2])) {
                print_help(stdout, group);
                return EXIT_DONE;
        }
        if (group && argc == 2)
                fprintf(stderr, "matchguard %s: which command?\n\n", group);
        else if (argc > 1)
                fprintf(stderr, "matchguard: there is no command '%s%s%s'.\n\n", argv[1], group ? " " : "",
                        group ? argv[2] : "");
        print_help(stderr, group);
        return EXIT_USAGE;
}

static const Command *find_command(int argc, char **argv, int *ret_used)
{
        for (const Command *c = commands; c->name; c++) {
                int at = c->group ? 2 : 1;
                if (argc <= at || strcmp(argv[at], c->name) != 0)
                        continue;
                if (c->group && strcmp(argv[1], c->group) != 0)
                        continue;
                *ret_used = at;
                return c;
        }
        return NULL;
}

int main(int argc, char **argv)
{
        diag_init("matchguard", DIAG_INFO);
        if (argc == 2 && is_help(argv[1])) {
                print_help(stdout, NULL);
                return EXIT_DONE;
        }
        if (argc == 2 && strcmp(argv[1], "--version") == 0) {
                printf("matchguard %s\n", MATCHGUARD_VERSION);
                return EXIT_DONE;
        }
        int used = 0;
        const Command *command = find_command(argc, argv, &used);
        if (!command)
                return run_none(argc, argv);
        return command->run(command, argc - used, argv + used);
}
