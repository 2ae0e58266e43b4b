#pragma once
/* The table of commands, ended by one without a name. */

#include "tools/command.h"

extern const Command commands[];
