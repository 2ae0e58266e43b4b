#pragma once
/*
 * What this process does when signals come, kept over the start of a driver: the compilers that drivers bring take signals for themselves, and would end the process
 * where a page of a gallery cannot be read, or a file may not grow.
 */

#include <signal.h>

typedef struct Handlers {
        struct sigaction actions[NSIG];
} Handlers;

/** handlers_keep() - Remembers what is done at each signal. */
void handlers_keep(Handlers *ret_handlers);

/** handlers_restore() - That is done again. While no such signal is on its way. */
void handlers_restore(const Handlers *handlers);
