/*
 * Command: what every command says in the same way. Used by all of the tool.
 */

#include "tools/command.h"

#include <stdarg.h>
#include <stdio.h>

int command_usage(const Command *command, const char *format, ...)
{
        va_list arguments;

        fprintf(stderr, "matchguard %s%s%s: ", command->group ? command->group : "",
                command->group ? " " : "", command->name);
        va_start(arguments, format);
        vfprintf(stderr, format, arguments);
        va_end(arguments);
        fprintf(stderr, "\nUsage: matchguard %s%s%s %s\n", command->group ? command->group : "",
                command->group ? " " : "", command->name, command->arguments);
        return EXIT_USAGE;
}
