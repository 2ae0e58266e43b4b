#pragma once
/*
 * The tool's commands: one file a command, one table (tools/commands.c). Exit statuses are the same
 * everywhere.
 */

#include <stddef.h>

enum {
        EXIT_DONE = 0,
        EXIT_REFUSED = 1, /* refused, or a fault was found */
        EXIT_USAGE = 2,
        EXIT_UNREACHABLE = 3, /* the service cannot be reached */
};

typedef struct Command {
        const char *group; /* "policy", "audit", or NULL for a command of its own */
        const char *name;
        const char *arguments; /* for the usage line */
        const char *summary;
        /* @command is this row; argv[0] is the command's name, the rest are its options and arguments.
         * Returns an exit status. */
        int (*run)(const struct Command *command, int argc, char **argv);
} Command;

/** command_usage() - Says on stderr what is wrong and how the command is called. Return: EXIT_USAGE. */
int command_usage(const Command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
