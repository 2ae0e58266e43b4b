/*
 * matchguard, the tool: finds the command in the table and runs it. Holds nothing, and has no way around the
 * sockets.
 */

#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "tools/command.h"
#include "tools/commands.h"

static void print_help(FILE *out)
{
        fprintf(out, "matchguard %s\n\nUsage: matchguard COMMAND [ARGUMENT...]\n\n", MATCHGUARD_VERSION);
        for (const Command *c = commands; c->name; c++) {
                char call[96];
                snprintf(call, sizeof(call), "%s%s%s %s", c->group ? c->group : "", c->group ? " " : "",
                         c->name, c->arguments);
                fprintf(out, "  %-54s %s\n", call, c->summary);
        }
        fprintf(out, "\nExit status: 0 done, 1 refused or a fault found, 2 usage, 3 the service cannot be "
                     "reached.\n"
                     "See matchguard(1).\n");
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
        if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
                print_help(stdout);
                return EXIT_DONE;
        }
        if (argc == 2 && strcmp(argv[1], "--version") == 0) {
                printf("matchguard %s\n", MATCHGUARD_VERSION);
                return EXIT_DONE;
        }
        int used = 0;
        const Command *command = find_command(argc, argv, &used);
        if (!command) {
                if (argc > 1)
                        fprintf(stderr, "matchguard: there is no command '%s%s%s'.\n\n", argv[1],
                                argc > 2 ? " " : "", argc > 2 ? argv[2] : "");
                print_help(stderr);
                return EXIT_USAGE;
        }
        return command->run(command, argc - used, argv + used);
}
