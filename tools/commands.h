#pragma once
/* The table of commands, ended by one without a name, and what its rows run. */

#include "tools/command.h"

extern const Command commands[];

int run_status(const Command *command, int argc, char **argv);
int run_whoami(const Command *command, int argc, char **argv);
int run_identify(const Command *command, int argc, char **argv);
int run_verify(const Command *command, int argc, char **argv);
int run_compare(const Command *command, int argc, char **argv);
int run_enrol(const Command *command, int argc, char **argv);
int run_remove(const Command *command, int argc, char **argv);
int run_list(const Command *command, int argc, char **argv);
int run_reload(const Command *command, int argc, char **argv);
int run_run(const Command *command, int argc, char **argv);
